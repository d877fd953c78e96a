// How the page looks to those who see little or nothing of it.

import assert from "node:assert/strict";

/**
 * Looks at everything that is shown: text stands out from its ground (WCAG 1.4.3), edges of inputs too (1.4.11),
 * every control has a name, ids are unique, headings leave no level out, nothing runs off the side.
 */
export async function isReadable(page, where) {
  const faults = await page.evaluate(() => {
    const found = [];
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channels = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      return { rgb: [red, green, blue], alpha: alpha / 255 };
    };
    const over = (top, ground) => top.rgb.map((value, at) => value * top.alpha + ground[at] * (1 - top.alpha));
    const ground = (element) => {
      if (!element) {
        // What the system paints beneath everything.
        const probe = document.createElement("i");
        probe.style.background = "Canvas";
        document.body.append(probe);
        const color = getComputedStyle(probe).backgroundColor;
        probe.remove();
        return channels(color).rgb;
      }
      const own = channels(getComputedStyle(element).backgroundColor);
      return own.alpha === 1 ? own.rgb : over(own, ground(element.parentElement));
    };
    const light = (rgb) => {
      const [red, green, blue] = rgb.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (color, beneath, opacity = 1) => {
      const top = channels(color);
      const [one, other] = [light(over({ ...top, alpha: top.alpha * opacity }, beneath)), light(beneath)];
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    };
    const opacity = (element) => (element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);
    const all = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.closest(".unseen, .skip:not(:focus), svg"));
    for (const one of all) {
      const style = getComputedStyle(one);
      const isWritten = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "") || one.matches("input, select, textarea");
      if (isWritten && !one.matches(":disabled, option, datalist")) {
        const ratio = contrast(style.color, ground(one), opacity(one));
        if (ratio < 4.5) found.push(`text at ${ratio.toFixed(2)}: ${one.outerHTML.slice(0, 120)}`);
      }
      if (one.matches("input:not([type=checkbox]), select, textarea")) {
        const ratio = contrast(style.borderTopColor, ground(one.parentElement));
        if (ratio < 3) found.push(`edge at ${ratio.toFixed(2)}: ${one.outerHTML.slice(0, 120)}`);
      }
      if (one.matches("button, input, select, textarea") && !(one.textContent.trim() || one.labels?.length || one.getAttribute("aria-label"))) {
        found.push(`no name: ${one.outerHTML}`);
      }
    }
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) found.push(`twice: #${id}`);
    let level = 0;
    for (const heading of all.filter((one) => /^H[1-6]$/.test(one.tagName))) {
      const own = Number(heading.tagName[1]);
      if (own > level + 1) found.push(`a heading of level ${own} after ${level}: ${heading.textContent}`);
      level = own;
    }
    if (document.documentElement.scrollWidth > innerWidth) found.push(`${document.documentElement.scrollWidth} wide`);
    return found;
  });
  assert.deepEqual(faults, [], where);
}

/**
 * The labels of the diagram: none covers another, or a state, and none leaves the picture.
 */
export async function isLegible(page) {
  const faults = await page.evaluate(() => {
    const picture = document.querySelector("#diagram svg");
    const frame = picture.getBoundingClientRect();
    const boxes = (what) => [...picture.querySelectorAll(what)].map((one) => ({ name: one.textContent || one.parentElement.dataset.state, box: one.getBoundingClientRect() }));
    const labels = boxes("text.event");
    const cover = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
    const found = [];
    labels.forEach(({ name, box }, at) => {
      if (box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom) found.push(`${name} leaves the picture`);
      for (const other of [...labels.slice(at + 1), ...boxes(".node rect")]) {
        if (cover(box, other.box)) found.push(`${name} covers ${other.name}`);
      }
    });
    return found;
  });
  assert.deepEqual(faults, []);
}
