// What came and went, newest first, with the raw JSON.

import { element } from "./dom.js";

const LONGEST = 200;

export class Log {
  #list;

  constructor(list) {
    this.#list = list;
  }

  add(what, document, isBad = false) {
    const time = element("time", {}, new Date().toLocaleTimeString());
    const raw = element("pre", {}, JSON.stringify(document, null, 2));
    const line = element("summary", { class: isBad ? "bad" : undefined }, time, ` ${what}`);
    this.#list.prepend(element("li", {}, element("details", {}, line, raw)));
    while (this.#list.childElementCount > LONGEST) this.#list.lastElementChild.remove();
  }

  clear() {
    this.#list.replaceChildren();
  }
}
