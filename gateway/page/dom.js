// Elements made and shown.

/** An element with properties (`class`, `data-…` and `aria-…` as attributes) and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class" || name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Shows a message where it belongs, or takes it away. */
export function alertAt(place, message) {
  place.textContent = message ?? "";
  place.hidden = !message;
}
