// Two agents at their desks, in two browsers: one writes and sends, the other receives a transfer and takes
// it over. Usage: node desk.mjs ADDRESS FOLDER-FOR-PICTURES

import assert from "node:assert/strict";
import { isReadable } from "./looks.mjs";
import { Desk, play, step } from "./page.mjs";

const DRAFT = ["AddComment", "AttachUserData", "Cancel", "DeleteUserData", "Save", "Send", "SetDisposition", "SetInFocus", "Transfer", "UpdateUserData"];

await play(async () => {
  const one = await Desk.open("a1");
  const two = await Desk.open("a2");

  step("a wrong password is said where it was typed");
  await one.logIn("wrong");
  await one.page.locator("#login-form .alert").waitFor();
  await isReadable(one.page, "the login");
  await one.picture("1-wrong-password");
  await one.page.getByLabel("Agent").fill("");
  await one.page.getByLabel("Agent").focus();
  await one.logIn("a1");
  await one.live();
  await two.logIn("a2");
  await two.live();

  step("a draft has its capabilities as controls, and no others");
  await one.page.getByRole("button", { name: "New twitter message" }).click();
  await one.state("Composing");
  assert.deepEqual(await one.operations(), DRAFT);

  step("the weighted length is counted, and too long a text is refused where it stands");
  const message = one.page.getByLabel("Message", { exact: true });
  await message.fill("日本 👨‍👩‍👧 https://example.com/a");
  assert.equal(await one.page.locator(".count").textContent(), "31 of 280");
  await message.fill("x".repeat(281));
  assert.equal(await one.page.locator(".count").getAttribute("data-over"), "true");
  await one.act("Send").click();
  await one.page.locator('form[data-form="Send"] .alert', { hasText: "280" }).waitFor();
  await one.picture("2-too-long");

  step("what is typed survives what else happens to the interaction");
  await message.fill("Good morning from the desk");
  await one.fill("AddComment", { Comment: "polite" });
  await one.fact("comment").filter({ hasText: "polite" }).waitFor();
  assert.equal(await message.inputValue(), "Good morning from the desk");
  await one.act("Save").click();
  await one.fact("message").filter({ hasText: "Good morning from the desk" }).waitFor();
  await one.fill("SetDisposition", { Disposition: "friendly" });
  await one.page.getByRole("row", { name: "DISP_KEY friendly" }).waitFor();
  await one.fill("AttachUserData", { Key: "campaign", Value: "spring" });
  await one.page.getByRole("row", { name: "campaign spring" }).waitFor();

  step("Send: Sent becomes Completed while one watches");
  await one.act("Send").click();
  await one.state("Completed");
  await one.page.getByRole("row", { name: /_deliveryPostId \d+/ }).waitFor();
  assert.deepEqual(await one.operations(), []);
  const events = await one.page.locator("#log summary").allTextContents();
  assert.ok(events.filter((event) => event.includes("StatusChange")).length >= 3, events.join("\n"));
  await one.page.locator("#log summary").first().click();
  const raw = JSON.parse(await one.page.locator("#log details[open] pre").first().textContent());
  assert.equal(raw.twitter.state, "Completed");
  await one.picture("3-completed");

  step("a draft is transferred, and the other agent takes it over");
  await one.page.getByRole("button", { name: "New twitter message" }).click();
  await one.state("Composing");
  await one.page.getByLabel("Message", { exact: true }).fill("Could you finish this one?");
  await one.act("Save").click();
  await one.fact("message").filter({ hasText: "Could you finish this one?" }).waitFor();
  await one.fill("Transfer", { To: "/users/a2" });
  await one.state("Completed");
  const invitation = two.page.locator("#list button", { hasText: "Could you finish this one?" });
  await invitation.filter({ hasText: "Invited" }).waitFor();
  await invitation.focus();
  await two.page.keyboard.press("Enter");
  await two.state("Invited");
  assert.deepEqual(await two.operations(), ["Accept", "Reject"]);
  await two.picture("4-invited");
  await two.fill("Accept", {});
  await two.state("Composing");
  assert.deepEqual(await two.operations(), DRAFT);
  await two.page.getByLabel("Message", { exact: true }).fill("Finished by the second agent");
  await two.act("Send").click();
  await two.state("Completed");
  await two.picture("5-taken-over");

  step("Facebook too, and a draft that is cancelled");
  await one.page.getByRole("button", { name: "New facebook message" }).click();
  await one.state("Composing");
  await one.page.getByLabel("Message", { exact: true }).fill("Hello page");
  await one.act("Send").click();
  await one.state("Completed");
  await one.page.getByRole("button", { name: "New facebook message" }).click();
  await one.state("Composing");
  await one.act("Cancel").click();
  await one.state("Canceled");

  step("a reload keeps the login, and the lists come back");
  await two.page.getByRole("button", { name: "New twitter message" }).click();
  await two.state("Composing");
  await two.page.reload();
  await two.live();
  await two.page.locator("#list button", { hasText: "Composing" }).first().waitFor();

  step("every control has a name, and the log-out ends the session");
  await isReadable(two.page, "a draft");
  await two.page.getByRole("button", { name: "Log out" }).click();
  await two.page.getByLabel("Agent").waitFor();
  await two.page.reload();
  await two.page.getByLabel("Agent").waitFor();

  step("on a narrow screen");
  await one.page.setViewportSize({ width: 420, height: 900 });
  await isReadable(one.page, "on a narrow screen");
  await one.picture("6-narrow");
});
