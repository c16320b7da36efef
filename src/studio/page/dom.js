// Small helpers for building the page. Everything goes through text nodes and attributes: names of files,
// classes and runs come from outside, and never become markup.

export const $ = (id) => document.getElementById(id);

/** `el("p", {class: "hint", onclick: f, hidden: true}, "text", node, …)`; null and false children are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  fill(node, children);
  return node;
}

/** Appends children; nested lists are flattened. */
export function fill(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** Replaces what is in `node`. */
export function replace(node, ...children) {
  node.replaceChildren();
  return fill(node, ...children);
}

/** Sets text only where it changed, so that screen readers and layout are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Calls `act` when `wait` ms have passed since the last call. */
export function debounce(act, wait) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...args), wait);
  };
}

/** Tells screen readers, politely. For what matters: not for every step. */
export function announce(text) {
  setText($("announce"), text);
}

/** The colour that a custom property of the style sheet has now, as `rgb(…)`. */
export function colour(name) {
  const probe = $("probe");
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** A row of equal cells: `row("th", {scope: "col"}, ["a", "b"])`. */
export function row(tag, attributes, cells) {
  return el(
    "tr",
    {},
    cells.map((cell) => el(tag, attributes, cell)),
  );
}
