// Requests to the gateway: the login, the session's cookie, and its token against forged requests.

/** A request that the gateway answered with a refusal, or could not answer. */
export class Refused extends Error {
  constructor(message, { httpStatus = 0, statusCode = null, retryAfterS = null } = {}) {
    super(message);
    Object.assign(this, { httpStatus, statusCode, retryAfterS });
  }
}

export class Session {
  #token = null;
  /** Called when the gateway no longer knows who asks. */
  onLoggedOut = () => {};

  /** The agent of a session that the browser still has, or null. */
  async resume() {
    try {
      return await this.get("/api/v2/me");
    } catch (problem) {
      if (problem.httpStatus === 401) return null;
      throw problem;
    }
  }

  async logIn(agent, password) {
    const bytes = new TextEncoder().encode(`${agent}:${password}`);
    const basic = btoa(String.fromCharCode(...bytes));
    return this.#request("GET", "/api/v2/me", { Authorization: `Basic ${basic}` });
  }

  async logOut() {
    await this.post("/api/v2/logout", {});
  }

  get(path) {
    return this.#request("GET", path);
  }

  post(path, body, options = {}) {
    return this.#request("POST", path, { "Content-Type": "application/json" }, JSON.stringify(body), options);
  }

  /** A text that is no JSON. */
  async text(path) {
    return (await this.#fetch("GET", path)).text();
  }

  async #request(method, path, headers = {}, body = undefined, options = {}) {
    const response = await this.#fetch(method, path, headers, body, options);
    const text = await response.text();
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      answer = null;
    }
    const refused = answer === null || (!Array.isArray(answer) && (answer.statusCode ?? 0) !== 0);
    if (response.ok && !refused) return answer;
    if (response.status === 401 && !headers.Authorization) this.onLoggedOut();
    const retryAfterS = Number(response.headers.get("Retry-After")) || null;
    const message = answer?.statusMessage ?? `${response.status} ${response.statusText}`;
    throw new Refused(message, { httpStatus: response.status, statusCode: answer?.statusCode ?? null, retryAfterS });
  }

  async #fetch(method, path, headers = {}, body = undefined, options = {}) {
    const sent = { "X-Requested-With": "XMLHttpRequest", ...headers };
    if (method === "POST" && this.#token) sent[this.#token.header] = this.#token.value;
    let response;
    try {
      response = await fetch(path, { method, headers: sent, body, credentials: "same-origin", cache: "no-store", ...options });
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      throw new Refused("The gateway can't be reached.");
    }
    const header = response.headers.get("X-CSRF-HEADER");
    if (header) this.#token = { header, value: response.headers.get("X-CSRF-TOKEN") };
    return response;
  }
}
