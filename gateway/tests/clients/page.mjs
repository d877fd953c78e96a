// The agents' page in a browser: what tests do with it and look for. Arguments of every program that uses this:
// ADDRESS FOLDER-FOR-PICTURES

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";

export const [address, pictures] = process.argv.slice(2);
await mkdir(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
// Nothing may be asked of any other host: the page works without the internet.
const strangers = [];
const faults = [];

/** Runs a scenario, and looks at the end whether a page complained or asked elsewhere. */
export async function play(scenario) {
  try {
    await scenario();
    assert.deepEqual(faults, []);
    assert.deepEqual(strangers, []);
    console.log("ok");
  } finally {
    await browser.close();
  }
}

export const step = (what) => console.log(`  ${what}`);

export class Desk {
  static async open(agent, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, ...options });
    await context.route((url) => url.origin !== new URL(address).origin && url.protocol.startsWith("http"), (route) => {
      strangers.push(route.request().url());
      return route.abort();
    });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => faults.push(`${agent}: ${error}`));
    page.on("console", (line) => line.type() === "error" && !/status of 4\d\d/.test(line.text()) && faults.push(`${agent}: ${line.text()}`));
    await page.goto(address);
    return new this(agent, page);
  }

  constructor(agent, page) {
    Object.assign(this, { agent, page });
  }

  /** With the keyboard alone: the first field has the focus. */
  async logIn(password) {
    await this.page.getByLabel("Agent").waitFor();
    await this.page.keyboard.type(this.agent);
    await this.page.keyboard.press("Tab");
    await this.page.keyboard.type(password);
    await this.page.keyboard.press("Enter");
  }

  async live() {
    await this.page.locator("#connection[data-state=live]").waitFor();
  }

  /** Waits until the interaction that is shown is in a state. */
  async state(name) {
    await this.page.locator('[data-fact="state"]', { hasText: new RegExp(`^${name}$`) }).waitFor();
    await this.page.locator(`#diagram .node[data-state="${name}"][aria-current]`).waitFor();
    assert.equal(await this.page.locator("#diagram .node[aria-current]").count(), 1, "one state is marked");
  }

  async operations() {
    const names = await this.page.locator("#actions [data-operation]").evaluateAll((all) => all.map((one) => one.dataset.operation));
    return names.sort();
  }

  async fill(operation, fields) {
    await this.page.locator(`details[data-form="${operation}"] summary`).click();
    const form = this.page.locator(`details[data-form="${operation}"] form`);
    for (const [label, value] of Object.entries(fields)) await form.getByLabel(label).first().fill(value);
    await form.getByRole("button", { name: operation }).click();
    await form.waitFor({ state: "hidden" });
  }

  act(operation) {
    return this.page.locator(`#actions button[data-operation="${operation}"]`);
  }

  fact(name) {
    return this.page.locator(`[data-fact="${name}"]`);
  }

  picture(name) {
    return this.page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  }
}
