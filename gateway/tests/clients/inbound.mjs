// A customer writes, and an agent answers with the keyboard alone: the platform's report comes to the gateway, is
// offered, accepted, replied to and completed. Usage: node inbound.mjs ADDRESS FOLDER-FOR-PICTURES

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { isLegible, isReadable } from "./looks.mjs";
import { Desk, address, play, step } from "./page.mjs";

const QUESTION = "Are you open on Sunday?";
const ANSWER = "Yes, from ten to four.";

/** What X sends when a customer mentions the account, signed as X signs it. */
async function customerWrites(id, text) {
  const body = JSON.stringify({
    for_user_id: "1258948171",
    tweet_create_events: [{ id_str: id, text, user: { id_str: "77", screen_name: "customer", name: "A Customer" } }],
  });
  const signature = `sha256=${createHmac("sha256", "demo-consumer-secret").update(body).digest("base64")}`;
  const response = await fetch(`${address}/webhooks/twitter`, { method: "POST", body, headers: { "x-twitter-webhooks-signature": signature } });
  assert.equal(response.status, 200);
}

/** Asks as a program of the agent's would: the first answer has the session's cookie, and its token where one is needed. */
async function asAgent(agent, path, body) {
  const seen = await fetch(`${address}/api/v2/me`, { headers: { authorization: `Basic ${btoa(`${agent}:${agent}`)}` } });
  const headers = { cookie: seen.headers.get("set-cookie").split(";")[0], "content-type": "application/json" };
  const token = seen.headers.get("x-csrf-token");
  if (token) headers[seen.headers.get("x-csrf-header")] = token;
  const asked = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(`${address}${path}`, asked);
  assert.equal(response.status, 200);
  return response.json();
}

/** A desk without a mouse. */
class Keyboard extends Desk {
  /** Moves on with Tab until a control has the focus; each on the way shows that it has it. */
  async tabTo(what) {
    for (let count = 0; count < 200; count += 1) {
      const [there, plain] = await this.page.evaluate((wanted) => {
        const focused = document.activeElement;
        const name = focused.labels?.[0]?.textContent ?? focused.getAttribute("aria-label") ?? focused.textContent;
        const style = getComputedStyle(focused);
        const isMarked = focused === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
        return [focused.matches(wanted.selector) && name.includes(wanted.name), isMarked ? null : focused.outerHTML];
      }, what);
      assert.equal(plain, null, "the focus shows");
      if (there) return;
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not come to ${JSON.stringify(what)}`);
  }

  async press(selector, name) {
    await this.tabTo({ selector, name });
    await this.page.keyboard.press("Enter");
  }

  async type(selector, name, text) {
    await this.tabTo({ selector, name });
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.type(text);
  }

  /** Opens an operation's form, fills it in, and sends it. */
  async perform(operation, fields) {
    const form = `details[data-form="${operation}"]`;
    await this.press(`${form} summary`, operation);
    for (const [name, text] of Object.entries(fields)) await this.type(`${form} input`, name, text);
    await this.press(`${form} button[data-operation]`, operation);
  }
}

await play(async () => {
  const desk = await Keyboard.open("a1");
  await desk.logIn("a1");
  await desk.live();

  step("whoever is ready is offered what a customer writes, and told so");
  await desk.press("#readiness button", "Get ready");
  await desk.page.locator("#readiness .state", { hasText: /^Ready$/ }).waitFor();
  await customerWrites("1050118621198921728", QUESTION);
  await desk.page.locator("#list button", { hasText: QUESTION }).filter({ hasText: "Invited" }).waitFor();
  await desk.page.locator("#news", { hasText: `Invited: ${QUESTION}` }).waitFor({ state: "attached" });
  await desk.press("#list button", QUESTION);
  await desk.state("Invited");
  assert.deepEqual(await desk.operations(), ["Accept", "Reject"]);
  await isLegible(desk.page);
  await desk.picture("inbound-1-invited");

  step("it is accepted, commented, given a disposition and user data");
  await desk.perform("Accept", {});
  await desk.state("Processing");
  await desk.perform("AddComment", { Comment: "asks about opening hours" });
  await desk.fact("comment").filter({ hasText: "asks about opening hours" }).waitFor();
  await desk.perform("SetDisposition", { Disposition: "answered" });
  await desk.page.getByRole("row", { name: "DISP_KEY answered" }).waitFor();
  await desk.perform("AttachUserData", { Key: "topic", Value: "hours" });
  await desk.page.getByRole("row", { name: "topic hours" }).waitFor();

  step("what is refused is said where it was asked for, and changes nothing");
  await desk.perform("Transfer", { To: "/users/nobody" });
  await desk.page.locator('details[data-form="Transfer"] .alert', { hasText: "nobody" }).waitFor();
  await desk.state("Processing");
  await isReadable(desk.page, "an operation was refused");
  await desk.picture("inbound-2-refused");

  step("a reply is a draft of its own, empty, with the question beside it");
  await desk.perform("Reply", {});
  await desk.state("Composing");
  const message = desk.page.getByLabel("Message", { exact: true });
  assert.equal(await message.inputValue(), "", "the question is not sent back");
  await desk.page.locator("dt", { hasText: "Customer wrote" }).waitFor();
  assert.equal(await desk.fact("message").textContent(), QUESTION);

  step("one that is too long is said while it is written, and refused");
  await desk.type("textarea", "Message", "x".repeat(281));
  assert.equal(await desk.page.locator(".count").textContent(), "281 of 280");
  assert.equal(await desk.page.locator(".excess").textContent(), ", 1 too many");
  assert.equal(await message.getAttribute("aria-invalid"), "true");
  await desk.press('button[data-operation="Send"]', "Send");
  await desk.page.locator('form[data-form="Send"] .alert', { hasText: "280" }).waitFor();
  await desk.state("Composing");
  await isReadable(desk.page, "a draft that is too long");
  await desk.picture("inbound-3-too-long");

  step("it is written, sent, and watched from Sent to Completed");
  await desk.type("textarea", "Message", ANSWER);
  assert.equal(await desk.page.locator(".count").textContent(), `${ANSWER.length} of 280`);
  assert.equal(await desk.page.locator(".excess").textContent(), "");
  await desk.page.evaluate(() => {
    globalThis.statesSeen = [];
    // What was shown is looked at, not what is shown by now: two documents may come at once.
    const note = (changes) => {
      for (const shown of changes.flatMap((change) => [...change.addedNodes])) {
        const state = shown.querySelector('[data-fact="state"]').textContent;
        if (state !== globalThis.statesSeen.at(-1)) globalThis.statesSeen.push(state);
      }
    };
    new MutationObserver(note).observe(document.querySelector("#facts"), { childList: true, subtree: true });
  });
  await desk.press('button[data-operation="Send"]', "Send");
  await desk.state("Completed");
  assert.deepEqual(await desk.page.evaluate(() => globalThis.statesSeen), ["Sent", "Completed"]);
  await desk.page.getByRole("row", { name: "_twitterInReplyToStatusId 1050118621198921728" }).waitFor();

  step("the question is completed, and the event log has every document as it came");
  await desk.press("#list button", QUESTION);
  await desk.state("Processing");
  await desk.perform("Complete", {});
  await desk.state("Completed");
  assert.deepEqual(await desk.operations(), []);
  await desk.press("#log summary", "twitter: StatusChange");
  const note = JSON.parse(await desk.page.locator("#log details[open] pre").first().textContent());
  assert.deepEqual(
    [note.messageType, note.twitter.state, note.twitter.twitterType, note.twitter.comment, note.twitter.userData.topic],
    ["TwitterStateChangeMessage", "Completed", "Inbound", "asks about opening hours", "hours"],
  );
  await isReadable(desk.page, "all is done");
  await desk.picture("inbound-4-completed");

  step("what the platform refuses comes back, and is said at the interaction wherever one is");
  await desk.press("#create button", "New twitter message");
  await desk.state("Composing");
  await desk.type("textarea", "Message", ANSWER);
  await desk.press('button[data-operation="Send"]', "Send");
  await desk.page.locator("#detail-alert", { hasText: "duplicate" }).waitFor();
  await desk.state("Composing");
  assert.equal(await desk.page.getByLabel("Message", { exact: true }).inputValue(), ANSWER, "what was written is still there");
  await desk.page.locator("#list .problem", { hasText: "duplicate" }).waitFor();
  await isReadable(desk.page, "a message came back");
  await desk.picture("inbound-5-came-back");
  await desk.press('button[data-operation="Cancel"]', "Cancel");
  await desk.state("Canceled");
  assert.equal(await desk.page.locator("#detail-alert").isVisible(), false);

  step("readiness that changed elsewhere is read when something is offered");
  await asAgent("a1", "/api/v2/me", { operationName: "NotReady" });
  await asAgent("a2", "/api/v2/me/tweets", { operationName: "Create" });
  const { id } = (await asAgent("a2", "/api/v2/me/tweets?fields=*")).tweets.at(-1);
  await asAgent("a2", `/api/v2/me/tweets/${id}`, { operationName: "Transfer", targetPath: "/users/a1" });
  await desk.page.locator("#readiness .state", { hasText: "Not ready" }).waitFor();

  step("in the dark, and on a narrow screen");
  await desk.page.emulateMedia({ colorScheme: "dark" });
  await desk.press("#list button", "no text yet");
  await isReadable(desk.page, "in the dark");
  await desk.picture("inbound-6-dark");
  await desk.page.emulateMedia({ colorScheme: "light" });
  await desk.page.setViewportSize({ width: 390, height: 844 });
  await isReadable(desk.page, "on a narrow screen");
  await isLegible(desk.page);
  await desk.picture("inbound-7-narrow");

  step("a session that ends elsewhere ends here, with a word");
  const cookie = (await desk.page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const seen = await fetch(`${address}/api/v2/me`, { headers: { cookie } });
  const token = seen.headers.get("x-csrf-token") ?? "";
  const out = await fetch(`${address}/api/v2/logout`, { method: "POST", headers: { cookie, "x-csrf-token": token, "content-type": "application/json" }, body: "{}" });
  assert.equal(out.status, 200);
  await desk.page.locator("#login-form .alert", { hasText: "log in again" }).waitFor();
  assert.equal(await desk.page.getByLabel("Agent").evaluate((input) => input === document.activeElement), true);
  assert.equal((await desk.page.content()).includes(QUESTION), false, "nothing is left for whoever comes next");
});
