// The agent's desk: logs in, keeps the interactions up to date, and performs what the agent asks for.

import { Live } from "./bayeux.js";
import { forget, forgetAll } from "./compose.js";
import { drawChart, readChart } from "./diagram.js";
import { alertAt, byId, element } from "./dom.js";
import { Interactions } from "./interactions.js";
import { Log } from "./log.js";
import { attempt, controls } from "./operations.js";
import { Session } from "./session.js";
import { showDetail, showList, showNothing } from "./view.js";

const CONNECTION = { connecting: "Connecting …", live: "Live", lost: "Connection lost, trying again …" };

/** How many references are remembered. */
const REMEMBERED = 50;
const READINESS = {
  LoggedOut: { name: "Not ready", asks: "Get ready", next: "Ready", operations: ["StartContactCenterSession", "Ready"] },
  NotReady: { name: "Not ready", asks: "Get ready", next: "Ready", operations: ["Ready"] },
  Ready: { name: "Ready", asks: "Pause", next: "NotReady", operations: ["NotReady"] },
};

const session = new Session();
const log = new Log(byId("log"));
let desk = null;

class Desk {
  #interactions = new Interactions();
  #charts = new Map();
  #chosen = null;
  /** The reference of a Create or Reply whose draft is to be shown when it comes: the reply and the
   * notification may come in either order. */
  #awaited = null;
  /** The interactions of the latest notifications, by their references. */
  #answered = new Map();

  constructor(directory) {
    this.directory = directory;
    this.live = new Live(session, {
      onState: (state) => {
        byId("connection").dataset.state = state;
        byId("connection").textContent = CONNECTION[state];
      },
      onFresh: () => this.refresh(),
      onNote: (topic, note) => this.hear(topic, note),
    });
  }

  /** Reads all lists anew. */
  async refresh() {
    try {
      for (const channel of this.directory.channels) {
        const listing = await session.get(`/api/v2/me/${channel.collection}?fields=*`);
        this.#interactions.replaceOpen(channel, listing[channel.listMember]);
      }
      alertAt(byId("list-alert"), null);
    } catch (problem) {
      alertAt(byId("list-alert"), problem.message);
    }
    this.show();
  }

  /** A notification. */
  hear(topic, note) {
    const channel = this.directory.channels.find((known) => known.topic === topic);
    const isBad = note.notificationType === "Error" || note.success === "false";
    log.add(`${topic.split("/").pop()}: ${note.notificationType ?? note.messageType}`, note, isBad);
    const resource = channel && note[channel.resource];
    if (!resource) {
      if (isBad) alertAt(byId("list-alert"), note.errorMessage);
      return;
    }
    const isChange = note.notificationType === "StatusChange";
    this.#interactions.put(channel, resource, isBad ? `${note.errorCode}: ${note.errorMessage}` : isChange ? null : undefined);
    if (isChange) byId("news").textContent = `${resource.state}: ${resource.subject || "no text yet"}`;
    if (note.referenceId !== undefined) this.#remember(note.referenceId, resource.id);
    // An offer, or one that was taken back because nobody answered: whoever lets it lapse is no longer ready.
    else readReadiness();
    this.show();
    this.#chooseAwaited();
  }

  #chooseAwaited() {
    const id = this.#answered.get(this.#awaited);
    if (id === undefined) return;
    this.#awaited = null;
    this.choose(id);
  }

  #remember(reference, id) {
    this.#answered.set(reference, id);
    if (this.#answered.size > REMEMBERED) this.#answered.delete(this.#answered.keys().next().value);
  }

  choose(id) {
    this.#chosen = id;
    this.show();
    byId("detail").focus();
  }

  /** Sends an operation and throws what the gateway refuses. */
  async perform(channel, id, request) {
    const path = `/api/v2/me/${channel.collection}${id ? `/${encodeURIComponent(id)}` : ""}`;
    try {
      const reply = await session.post(path, request);
      log.add(`${request.operationName}: accepted`, { request, reply });
      if (["Create", "Reply"].includes(request.operationName)) {
        this.#awaited = reply.referenceId;
        this.#chooseAwaited();
      }
      if (request.operationName === "Cancel") forget(id);
    } catch (refused) {
      log.add(`${request.operationName}: refused`, { request, refused: refused.message }, true);
      throw refused;
    }
  }

  show() {
    // What was asked for before the log-out may still arrive.
    if (desk !== this) return;
    showList(this.#interactions.groups(), this.#chosen, (id) => this.choose(id));
    const known = this.#interactions.get(this.#chosen);
    if (!known) {
      showNothing();
      return;
    }
    const place = { ...known, directory: this.directory };
    showDetail(place, (request) => this.perform(known.channel, known.resource.id, request));
    this.#draw(known);
  }

  async #draw({ channel, resource }) {
    try {
      if (!this.#charts.has(channel.channel)) {
        this.#charts.set(channel.channel, session.text(`/page/lifecycle/${encodeURIComponent(channel.channel)}`));
      }
      const direction = resource[channel.directionMember];
      const chart = readChart(await this.#charts.get(channel.channel), direction);
      if (this.#chosen === resource.id) byId("diagram").replaceChildren(drawChart(chart, direction, this.#interactions.get(resource.id).resource.state));
    } catch (problem) {
      this.#charts.delete(channel.channel);
      byId("diagram").replaceChildren(element("p", { class: "alert", role: "alert" }, problem.message));
    }
  }

  /** New interactions, and what a channel offers without one. */
  showCreate() {
    const parts = this.directory.channels.flatMap((channel) => {
      const problem = element("p", { class: "alert", role: "alert", hidden: true });
      const button = element("button", { type: "button", class: "main", "data-create": channel.channel }, `New ${channel.channel} message`);
      button.addEventListener("click", () => attempt(button, problem, () => this.perform(channel, null, { operationName: "Create" })));
      const own = channel.operations.filter((operation) => operation.in.includes("collection")).map((operation) => operation.name);
      const place = { channel, directory: this.directory, resource: {} };
      return [element("p", {}, button), problem, ...controls(own, place, (request) => this.perform(channel, null, request))];
    });
    byId("create").replaceChildren(...parts);
  }
}

async function open(user) {
  const directory = await session.get("/page/directory");
  desk = new Desk(directory);
  byId("login").hidden = true;
  byId("desk").hidden = false;
  byId("agent").hidden = false;
  byId("agent-name").textContent = user.userName;
  showReadiness(user.state);
  desk.showCreate();
  showNothing();
  byId("list-title").focus();
  desk.live.run();
}

function close(why = null) {
  desk?.live.stop();
  desk = null;
  // Whoever logs in next at this desk finds nothing of it.
  log.clear();
  forgetAll();
  showNothing();
  for (const id of ["list", "create", "readiness", "agent-name", "news"]) byId(id).replaceChildren();
  byId("desk").hidden = true;
  byId("agent").hidden = true;
  byId("connection").textContent = "";
  byId("login").hidden = false;
  byId("login-form").elements.agent.focus();
  alertAt(byId("login-form").querySelector(".alert"), why);
}

/** Asks anew whether the agent is ready. */
async function readReadiness() {
  try {
    const { user } = await session.get("/api/v2/me");
    if (desk && user.state !== shownReadiness) showReadiness(user.state);
  } catch {
    // The connection says by itself that it is lost.
  }
}

let shownReadiness = null;

/** Whether the agent is offered what waits in queues, and the operations that change it. */
function showReadiness(state) {
  shownReadiness = state;
  const problem = element("span", { class: "alert", role: "alert", hidden: true });
  const { name, asks, next, operations } = READINESS[state];
  const button = element("button", { type: "button", "data-operation": next }, asks);
  button.addEventListener("click", () => attempt(button, problem, async () => {
    for (const operationName of operations) await session.post("/api/v2/me", { operationName });
    showReadiness(next);
    byId("readiness").querySelector("button").focus();
  }));
  byId("readiness").replaceChildren(element("span", { class: "state" }, name), " ", button, problem);
}

byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  attempt(form.querySelector("button"), form.querySelector(".alert"), async () => {
    const answer = await session.logIn(form.elements.agent.value, form.elements.password.value);
    form.reset();
    await open(answer.user);
  });
});
byId("log-out").addEventListener("click", async () => {
  desk?.live.stop();
  await session.logOut().catch(() => {});
  close();
});
byId("log-clear").addEventListener("click", () => log.clear());
addEventListener("pagehide", () => desk?.live.stop());
session.onLoggedOut = () => desk && close("The session is over: log in again.");

try {
  const answer = await session.resume();
  if (answer) await open(answer.user);
  else close();
} catch (problem) {
  close(problem.message);
}
