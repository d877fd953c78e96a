// The live connection: Bayeux 1.0 by long-polling.

const PATH = "/api/v2/notifications";
const LONGEST_PAUSE_MS = 10_000;

/**
 * Keeps a subscription to all of an agent's topics. `onState` hears `connecting`, `live` or `lost`;
 * `onFresh` is called whenever something may have been missed and the lists must be read anew.
 */
export class Live {
  #session;
  #listeners;
  #clientId = null;
  #number = 0;
  #stopping = new AbortController();

  constructor(session, listeners) {
    this.#session = session;
    this.#listeners = listeners;
  }

  async run() {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.#clientId === null) await this.#open();
        await this.#connect();
        failures = 0;
      } catch (problem) {
        if (this.#stopping.signal.aborted || problem.httpStatus === 401) return;
        failures += 1;
        this.#listeners.onState("lost");
        const pause = (problem.retryAfterS ?? 0) * 1_000 || Math.min(500 * 2 ** failures, LONGEST_PAUSE_MS);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  stop() {
    this.#stopping.abort();
    if (this.#clientId === null) return;
    const farewell = [{ channel: "/meta/disconnect", clientId: this.#clientId, id: this.#next() }];
    this.#clientId = null;
    this.#session.post(PATH, farewell, { keepalive: true }).catch(() => {});
  }

  async #open() {
    this.#listeners.onState("connecting");
    const [shaken] = await this.#exchange([{
      channel: "/meta/handshake",
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
    }]);
    if (!shaken?.successful) throw new Error(shaken?.error ?? "the handshake failed");
    this.#clientId = shaken.clientId;
    const replies = await this.#exchange([{ channel: "/meta/subscribe", subscription: "/v2/me/*" }]);
    const refused = replies.find((reply) => reply.channel === "/meta/subscribe" && !reply.successful);
    if (refused) {
      this.#clientId = null;
      throw new Error(refused.error);
    }
    this.#listeners.onState("live");
    this.#listeners.onFresh();
  }

  async #connect() {
    const replies = await this.#exchange([{ channel: "/meta/connect", connectionType: "long-polling" }]);
    const reply = replies.find((message) => message.channel === "/meta/connect");
    if (!reply) throw new Error("the gateway did not answer");
    if (reply.advice?.reconnect === "handshake") this.#clientId = null;
    else if (!reply.successful) throw new Error(reply.error ?? "the connection failed");
    else this.#listeners.onState("live");
  }

  async #exchange(messages) {
    const sent = messages.map((message) => ({ ...message, id: this.#next(), ...(this.#clientId && { clientId: this.#clientId }) }));
    const replies = await this.#session.post(PATH, sent, { signal: this.#stopping.signal });
    for (const message of replies) {
      if (message.channel.startsWith("/meta/")) continue;
      if (message.lagged) this.#listeners.onFresh();
      else this.#listeners.onNote(message.channel, message.data);
    }
    return replies;
  }

  #next() {
    this.#number += 1;
    return String(this.#number);
  }
}
