// The forms of the operations: which parameters each has, and the request that comes of them.

import { alertAt, element } from "./dom.js";

const REMEMBER = { name: "saveLAR", label: "Remember me as this contact's last agent", type: "checkbox" };
const queue = (required) => ({ name: "queuePath", label: "Queue", type: "queue", required });
const userData = { name: "userData", label: "Keys and values", type: "pairs", required: true };

/** What an agent is asked for. An operation that is not here has no parameters. */
const FIELDS = {
  Accept: [REMEMBER],
  Complete: [{ ...queue(false), label: "Put into queue (optional)" }, REMEMBER],
  Reply: [queue(true)],
  Transfer: [{ name: "targetPath", label: "To", type: "target", required: true }],
  AddComment: [{ name: "comment", label: "Comment", type: "text", required: true }],
  SetDisposition: [
    { name: "disposition", label: "Disposition", type: "text", required: true },
    { name: "dispositionKey", label: "Key (optional)", type: "text" },
  ],
  AttachUserData: [userData],
  UpdateUserData: [userData],
  DeleteUserData: [{ name: "keys", label: "Keys", type: "keys", required: true }],
};

/** Operations that stand in the form of the message itself. */
const COMPOSED = new Set(["Send"]);

/** What end an operation makes: said on its button's class only. */
const FIRST = new Set(["Accept", "Reply"]);

/** The fields of an operation, the channel's own additions included. */
export function fieldsOf(name, channel) {
  const own = channel.operations.find((operation) => operation.name === name);
  if (own) {
    return Object.entries(own.parameters ?? {}).map(([parameter, need]) => (parameter === "from"
      ? { name: "from", label: "Account", type: "account", required: need === "required" }
      : { name: parameter, label: parameter, type: "text", required: need === "required" }));
  }
  const fields = FIELDS[name] ?? [];
  if (name !== "Reply") return fields;
  return [...fields, ...channel.replyParameters.map((parameter) => ({
    name: parameter.name,
    label: parameter.name,
    type: parameter.kind === "boolean" ? "checkbox" : "text",
  }))];
}

/** One control for each capability: a button, or a form that opens. */
export function controls(names, place, perform) {
  return names.filter((name) => !COMPOSED.has(name)).map((name) => {
    const fields = fieldsOf(name, place.channel);
    return fields.length === 0 ? plainButton(name, perform) : formOf(name, fields, place, perform);
  });
}

function plainButton(name, perform) {
  const problem = element("p", { class: "alert", role: "alert", hidden: true });
  const button = element("button", { type: "button", "data-operation": name, class: FIRST.has(name) ? "main" : undefined }, name);
  button.addEventListener("click", () => attempt(button, problem, () => perform({ operationName: name })));
  return element("div", {}, button, problem);
}

function formOf(name, fields, place, perform) {
  const problem = element("p", { class: "alert", role: "alert", hidden: true });
  const button = element("button", { "data-operation": name, class: FIRST.has(name) ? "main" : undefined }, name);
  const inputs = fields.map((field) => inputOf(field, place));
  const form = element("form", {}, inputs.map((input) => input.shown), button, problem);
  const details = element("details", { class: "operation", "data-form": name }, element("summary", {}, name), form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = { operationName: name };
    for (const input of inputs) {
      const value = input.read();
      if (value !== undefined) request[input.name] = value;
    }
    attempt(button, problem, async () => {
      await perform(request);
      form.reset();
      details.open = false;
    });
  });
  return details;
}

/** Does it once, and says beside the button what went wrong. */
export async function attempt(button, problem, act) {
  if (button.disabled) return;
  button.disabled = true;
  alertAt(problem, null);
  try {
    await act();
  } catch (refused) {
    alertAt(problem, refused.message);
  } finally {
    button.disabled = false;
  }
}

/** An input: what is shown, and what it reads as (`undefined`: not given). */
export function inputOf(field, place) {
  const kind = KINDS[field.type];
  return { name: field.name, ...kind(field, place) };
}

const labelled = (field, control) => element("label", {}, field.label, control);
const trimmed = (control) => control.value.trim() || undefined;

const KINDS = {
  text(field) {
    const control = element("input", { name: field.name, required: field.required });
    return { shown: labelled(field, control), read: () => trimmed(control) };
  },
  checkbox(field) {
    const control = element("input", { name: field.name, type: "checkbox" });
    return { shown: element("label", {}, control, ` ${field.label}`), read: () => control.checked || undefined };
  },
  account(field, place) {
    const options = place.channel.accounts.map((account) => element("option", {}, account));
    const control = element("select", { name: field.name, required: field.required }, options);
    return { shown: labelled(field, control), read: () => trimmed(control) };
  },
  queue(field, place) {
    const list = `queues-${crypto.randomUUID()}`;
    const control = element("input", { name: field.name, required: field.required, pattern: "/(queues|contacts)/.+", title: "/queues/… or /contacts/…" });
    control.setAttribute("list", list);
    if (field.required) control.value = control.defaultValue = place.directory.queues[0] ?? "";
    const known = element("datalist", { id: list }, place.directory.queues.map((path) => element("option", { value: path })));
    return { shown: element("div", {}, labelled(field, control), known), read: () => trimmed(control) };
  },
  target(field, place) {
    const list = `targets-${crypto.randomUUID()}`;
    const control = element("input", { name: field.name, required: true, pattern: "/(users|queues|contacts)/.+", title: "/users/… for an agent, /queues/… for a queue" });
    control.setAttribute("list", list);
    const paths = [...place.directory.agents.map((agent) => `/users/${agent}`), ...place.directory.queues];
    const known = element("datalist", { id: list }, paths.map((path) => element("option", { value: path })));
    return { shown: element("div", {}, labelled(field, control), known), read: () => trimmed(control) };
  },
  pairs(field, place) {
    const rows = element("div");
    const list = `keys-${crypto.randomUUID()}`;
    const add = () => {
      const key = element("input", { "aria-label": "Key", placeholder: "Key", required: rows.childElementCount === 0 });
      key.setAttribute("list", list);
      rows.append(element("div", { class: "row" }, key, element("input", { "aria-label": "Value", placeholder: "Value" })));
    };
    add();
    const known = element("datalist", { id: list }, Object.keys(place.resource.userData ?? {}).map((key) => element("option", { value: key })));
    const more = element("button", { type: "button" }, "One more");
    more.addEventListener("click", add);
    const read = () => {
      const pairs = [...rows.children].map((row) => [...row.children].map((control) => control.value));
      return Object.fromEntries(pairs.filter(([key]) => key !== ""));
    };
    return { shown: element("fieldset", {}, element("legend", {}, field.label), rows, more, known), read };
  },
  keys(field, place) {
    const boxes = Object.keys(place.resource.userData ?? {}).map((key) => element("label", {}, element("input", { type: "checkbox", value: key }), ` ${key}`));
    const shown = element("fieldset", {}, element("legend", {}, field.label), boxes.length > 0 ? boxes : "There are none.");
    const read = () => [...shown.querySelectorAll("input:checked")].map((box) => box.value);
    return { shown, read };
  },
};
