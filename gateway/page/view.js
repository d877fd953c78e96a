// The page as it shows interactions.

import { alertAt, byId, element } from "./dom.js";
import { composer, isUnwritten } from "./compose.js";
import { controls } from "./operations.js";

const FACTS = [
  ["state", "State"], ["from", "From"], ["message", "Message"], ["receivedDate", "Received"], ["comment", "Comment"],
  ["assignedTo", "Assigned to"], ["contactId", "Contact"], ["parentId", "Answers"], ["inFocus", "In focus"], ["id", "Id"],
];

/** The list, with what is chosen marked. */
export function showList(groups, chosen, choose) {
  const place = byId("list");
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  place.replaceChildren(...groups.flatMap(({ title, of }) => [
    element("h3", {}, title),
    element("ul", {}, of.map((known) => entry(known, known.resource.id === chosen, choose))),
  ]));
  if (groups.length === 0) place.append(element("p", {}, "Nothing here yet."));
  if (focused) place.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function entry({ channel, resource, problem }, isChosen, choose) {
  const button = element("button", { type: "button", "data-id": resource.id, "aria-current": isChosen ? "true" : null },
    element("span", { class: "subject" }, resource.subject || "(no text yet)"),
    element("span", { class: "about" }, element("span", { class: "state" }, resource.state), ` ${channel.channel}, ${resource[channel.directionMember]}`),
    problem && element("span", { class: "problem" }, problem));
  button.addEventListener("click", () => choose(resource.id));
  return element("li", {}, button);
}

let shown = null;

/** One interaction: its facts, what can be done with it, its user data. */
export function showDetail(place, perform) {
  const { channel, resource, problem } = place;
  alertAt(byId("detail-alert"), problem);
  byId("detail-title").textContent = `${channel.channel}: ${resource.subject || resource.id}`;
  byId("facts").replaceChildren(element("dl", { class: "facts" }, FACTS.filter(([member]) => resource[member] !== undefined)
    .flatMap(([member, name]) => [element("dt", {}, member === "message" && isUnwritten(resource) ? "Customer wrote" : name), element("dd", { "data-fact": member }, String(resource[member]))])));
  showUserData(resource.userData ?? {});
  showActions(place, perform);
}

/** Controls are made anew only when something else can be done: what somebody types stays. */
function showActions(place, perform) {
  const { resource } = place;
  const now = JSON.stringify([resource.id, resource.capabilities, Object.keys(resource.userData ?? {})]);
  if (now === shown) return;
  shown = now;
  const actions = byId("actions");
  const hadFocus = actions.contains(document.activeElement);
  const parts = [];
  if (resource.capabilities.includes("Send")) parts.push(composer(place, perform));
  const others = controls(resource.capabilities, place, perform);
  if (others.length > 0) parts.push(element("h3", {}, "Operations"), ...others);
  actions.replaceChildren(...parts);
  if (hadFocus) byId("detail").focus();
}

function showUserData(userData) {
  const rows = Object.entries(userData).map(([key, value]) => element("tr", {},
    element("th", { scope: "row" }, key),
    element("td", {}, typeof value === "string" ? value : JSON.stringify(value))));
  byId("user-data").replaceChildren(...(rows.length === 0 ? [] : [element("h3", {}, "User data"), element("table", {}, element("tbody", {}, rows))]));
}

/** Nothing is chosen. */
export function showNothing() {
  shown = null;
  byId("detail-title").textContent = "No interaction chosen";
  alertAt(byId("detail-alert"), null);
  for (const id of ["facts", "actions", "user-data", "diagram"]) byId(id).replaceChildren();
}
