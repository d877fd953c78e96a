// Writing a message: the account, the text with its length, Save and Send.

import { element } from "./dom.js";
import { attempt, inputOf } from "./operations.js";
import { POST_LIMIT, weightedLength } from "./weigh.js";

/** What was typed and not yet saved, by interaction. */
const typed = new Map();

export const forget = (id) => typed.delete(id);
export const forgetAll = () => typed.clear();

/** A reply that nobody has written yet carries its parent's text, which is not what anybody wants to send. */
export const isUnwritten = (resource) => resource.parentId !== undefined && resource.state === "Composing" && resource.from === undefined;

/** The form of a draft. */
export function composer(place, perform) {
  const { channel, resource } = place;
  const kept = typed.get(resource.id) ?? {};
  const account = inputOf({ name: "from", label: "From", type: "account", required: true }, place);
  const chosen = account.shown.querySelector("select");
  const from = kept.from ?? resource.from;
  if (from !== undefined && [...chosen.options].some((option) => option.value === from)) chosen.value = from;
  const saved = isUnwritten(resource) ? "" : resource.message ?? "";
  const text = element("textarea", { name: "message", rows: 5, value: kept.message ?? saved, "aria-describedby": "count" });
  const count = element("span", { class: "count", id: "count" });
  // Said aloud while it is too long, and not with every letter before that.
  const excess = element("span", { class: "excess", role: "status" });
  const queue = inputOf({ name: "queuePath", label: "Queue", type: "queue", required: true }, place);
  const remember = inputOf({ name: "saveLAR", label: "Remember me as this contact's last agent", type: "checkbox" }, place);
  const problem = element("p", { class: "alert", role: "alert", hidden: true });
  const save = element("button", { type: "button", "data-operation": "Save" }, "Save");
  const send = element("button", { class: "main", "data-operation": "Send" }, "Send");

  const weigh = () => {
    const weighted = channel.channel === "twitter" && resource.userData?._twitterMsgType !== "DirectMessage";
    const length = weighted ? weightedLength(text.value) : [...text.value].length;
    count.textContent = weighted ? `${length} of ${POST_LIMIT}` : `${length} characters`;
    const over = weighted ? Math.max(0, length - POST_LIMIT) : 0;
    count.dataset.over = over > 0;
    excess.textContent = over > 0 ? `, ${over} too many` : "";
    if (over > 0) text.setAttribute("aria-invalid", "true");
    else text.removeAttribute("aria-invalid");
  };
  const keep = () => {
    typed.set(resource.id, { message: text.value, from: chosen.value });
    weigh();
  };
  text.addEventListener("input", keep);
  chosen.addEventListener("change", keep);
  weigh();

  const written = () => ({ from: chosen.value, message: text.value });
  save.addEventListener("click", () => attempt(save, problem, async () => {
    await perform({ operationName: "Save", [channel.resource]: written() });
    forget(resource.id);
  }));
  const form = element("form", { "data-form": "Send" },
    account.shown,
    element("label", {}, "Message", text),
    element("p", {}, count, excess),
    queue.shown,
    remember.shown,
    element("div", { class: "row" }, save, send),
    problem);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(send, problem, async () => {
      const request = { operationName: "Send", queuePath: queue.read(), [channel.resource]: written() };
      if (remember.read()) request.saveLAR = true;
      await perform(request);
      forget(resource.id);
    });
  });
  return form;
}
