// The lifecycle, drawn from the engine's own state chart: states in a column, steps forward as arcs on
// the right, steps back on the left.

const SVG = "http://www.w3.org/2000/svg";
const NODE = { width: 104, height: 30, gap: 44, left: 128 };
const START = "collection";

/** Reads a state chart into the states and arrows of one direction. */
export function readChart(scxml, direction) {
  const chart = new DOMParser().parseFromString(scxml, "application/xml");
  const prefix = `${direction}_`;
  const states = [];
  const arrows = new Map();
  for (const state of chart.documentElement.children) {
    const from = state.id;
    if (from.startsWith(prefix)) states.push(from.slice(prefix.length));
    else if (from !== START) continue;
    for (const step of state.children) {
      const to = step.getAttribute("target");
      if (!to.startsWith(prefix)) continue;
      const key = `${from} ${to}`;
      if (!arrows.has(key)) arrows.set(key, { from: from.replace(prefix, ""), to: to.slice(prefix.length), events: [] });
      arrows.get(key).events.push(step.getAttribute("event").replace(".", " "));
    }
  }
  return { states, arrows: [...arrows.values()] };
}

/** A picture of the chart with the present state marked. */
export function drawChart({ states, arrows }, direction, present) {
  const rows = [START, ...states];
  const y = (state) => rows.indexOf(state) * (NODE.height + NODE.gap) + 8;
  const height = rows.length * (NODE.height + NODE.gap) - NODE.gap + 16;
  const picture = svg("svg", { viewBox: `0 0 400 ${height}`, role: "img" });
  picture.append(svg("title", {}, `${direction} interaction${present ? `, now ${present}` : ""}`));
  const marker = svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
  marker.append(svg("path", { d: "M0 0 L8 4 L0 8 z" }));
  picture.append(marker);
  const taken = [];
  const drawn = arrows.filter((arrow) => arrow.from !== arrow.to).map((arrow) => drawArrow(arrow, rows, y, taken));
  // All lines first: a label covers the lines that run beneath it.
  picture.append(...drawn.map(([path]) => path), ...drawn.map(([, words]) => words));
  for (const state of rows) {
    const loops = arrows.filter((arrow) => arrow.from === state && arrow.to === state).flatMap((arrow) => arrow.events);
    picture.append(drawState(state, y(state), state === present, loops));
  }
  return picture;
}

function drawState(state, top, isPresent, loops) {
  const middle = NODE.left + NODE.width / 2;
  if (state === START) return svg("circle", { cx: middle, cy: top + NODE.height / 2, r: 6, fill: "currentColor" });
  const group = svg("g", { class: "node", "data-state": state, ...(isPresent && { "aria-current": "step" }) });
  group.append(svg("rect", { x: NODE.left, y: top, width: NODE.width, height: NODE.height, rx: 7 }));
  group.append(svg("text", { x: middle, y: top + 19, "text-anchor": "middle" }, state));
  if (loops.length > 0) group.append(svg("title", {}, `${state}; stays so on ${loops.join(", ")}`));
  return group;
}

function drawArrow({ from, to, events }, rows, y, taken) {
  const forward = rows.indexOf(to) > rows.indexOf(from);
  const span = Math.abs(rows.indexOf(to) - rows.indexOf(from));
  const [start, end] = [y(from) + NODE.height / 2, y(to) + NODE.height / 2];
  if (forward && span === 1) {
    const x = NODE.left + NODE.width / 2;
    const path = `M${x} ${start + (from === START ? 6 : NODE.height / 2)} L${x} ${end - NODE.height / 2}`;
    return [line(path), label(x + 6, (start + end) / 2 + 3, "start", events, taken)];
  }
  const side = forward ? 1 : -1;
  const edge = forward ? NODE.left + NODE.width : NODE.left;
  // What leaves a state leaves it low, and what comes to it arrives high, so that the two stay apart.
  const [leaves, arrives] = from === START ? [0, -6] : [6, -6];
  const origin = from === START ? NODE.left + NODE.width / 2 + 6 : edge;
  const bulge = edge + side * (14 + 20 * span);
  const path = `M${origin} ${start + leaves} C${bulge} ${start + leaves} ${bulge} ${end + arrives} ${edge} ${end + arrives}`;
  const farthest = edge + side * (14 + 20 * span) * 0.75;
  return [line(path), label(farthest + side * 4, (start + end) / 2 + 3, forward ? "start" : "end", events, taken)];
}

const line = (d) => svg("path", { d, "marker-end": "url(#tip)" });

/** A label, moved down until it covers no other. */
function label(x, top, anchor, events, taken) {
  let y = top;
  while (taken.some((other) => other.anchor === anchor && Math.abs(other.y - y) < 11 && Math.abs(other.x - x) < 90)) y += 11;
  taken.push({ x, y, anchor });
  return svg("text", { class: "event", x, y, "text-anchor": anchor }, events.join(", "));
}

function svg(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
