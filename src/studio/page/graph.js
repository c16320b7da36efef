// The network as a graph to go through it by: a box for each layer, joined to those whose output it takes.

import { el, fill, replace } from "./dom.js";
import { shape } from "./format.js";

const [WIDTH, HEIGHT] = [112, 60]; // of a box
const [ACROSS, DOWN] = [26, 28]; // between two boxes
const LINE = 0.4; // of the window's height: the last layer that begins above it is in view
const LOW = 20; // how far an edge goes below the boxes that it passes
const SVG = "http://www.w3.org/2000/svg";

/**
 * Column and lane of every layer: a column behind all that it takes, in the lane of the first of these where there is room.
 * The input is in column 0.
 */
export function placed(layers) {
  const places = [];
  const taken = new Set();
  const of = (input) => (input === null ? { column: 0, lane: 0 } : places[input]);
  for (const { inputs } of layers) {
    const before = inputs.map(of);
    const column = 1 + Math.max(...before.map((place) => place.column));
    let { lane } = before[0];
    if (taken.has(`${column} ${lane}`)) for (lane = 0; taken.has(`${column} ${lane}`); lane++);
    taken.add(`${column} ${lane}`);
    places.push({ column, lane });
  }
  return places;
}

const corner = ({ column, lane }) => ({ x: column * (WIDTH + ACROSS), y: lane * (HEIGHT + DOWN) });

/** Whether an edge passes boxes of its lane. */
const passes = (from, to, places) =>
  places.some(({ column, lane }) => lane === from.lane && column > from.column && column < to.column);

/** From the right of a box to the left of another; below the boxes of its lane where it passes some. */
function path(from, to, places) {
  const [a, b] = [corner(from), corner(to)];
  if (passes(from, to, places)) {
    const [x1, x2, low] = [a.x + WIDTH * 0.7, b.x + WIDTH * 0.3, Math.max(a.y, b.y) + HEIGHT];
    return `M ${x1} ${a.y + HEIGHT} C ${x1} ${low + LOW * 1.3}, ${x2} ${low + LOW * 1.3}, ${x2} ${b.y + HEIGHT + 2}`;
  }
  const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x - 2, b.y + HEIGHT / 2];
  const bend = ACROSS * 0.7;
  return `M ${x1} ${y1} C ${x1 + bend} ${y1}, ${x2 - bend} ${y2}, ${x2} ${y2}`;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return fill(node, children);
}

export class GraphView {
  #boxes = [];
  #nodes = []; // the layers on the page
  #chosen = null; // the box that was chosen last: below the last layers the page ends, and they come no further up

  constructor(nav) {
    this.nav = nav;
    let isAsked = false;
    const look = () => {
      isAsked = false;
      if (this.nav.checkVisibility()) this.mark(this.#inView());
    };
    const ask = () => {
      if (!isAsked) requestAnimationFrame(look);
      isAsked = true;
    };
    for (const event of ["scroll", "resize"]) window.addEventListener(event, ask, { passive: true });
  }

  #inView() {
    const { scrollHeight } = document.documentElement;
    const isEnd = window.scrollY + window.innerHeight >= scrollHeight - 2;
    if (isEnd && this.#chosen !== null) return this.#chosen;
    this.#chosen = null;
    const begins = (node) => node.getBoundingClientRect().top <= LINE * window.innerHeight;
    return Math.max(0, this.#nodes.findLastIndex(begins));
  }

  /** `layers` as /api/inside has them, of pictures of `size` pixels; `nodes` are their places on the page. */
  show({ layers, image_size: size }, nodes, onChoose) {
    const choose = (index) => {
      this.#chosen = index;
      this.mark(index);
      onChoose(index);
    };
    const places = placed(layers);
    const edges = layers.flatMap(({ inputs }, to) => inputs.map((from) => ({ from, to })));
    const at = (index) => (index === null ? { column: 0, lane: 0 } : places[index]);
    const columns = Math.max(...places.map(({ column }) => column)) + 1;
    const lanes = Math.max(...places.map(({ lane }) => lane)) + 1;
    const hasLow = edges.some(({ from, to }) => passes(at(from), at(to), places));
    const width = columns * (WIDTH + ACROSS) - ACROSS;
    const height = lanes * (HEIGHT + DOWN) - DOWN + (hasLow ? LOW : 0);
    const name = (index) => (index === null ? "the picture" : layers[index].name);
    this.#boxes = layers.map(({ name: title, type, shape: sizes, inputs, index }) =>
      box(
        "button",
        { type: "button", title: `${title}, ${type}: ${shape(sizes)}`, onclick: () => choose(index) },
        places[index],
        el("strong", {}, title),
        el("span", {}, type),
        el("span", { class: "graph-shape" }, shape(sizes)),
        el("span", { class: "hidden-text" }, `, takes ${inputs.map(name).join(" and ")}`),
      ),
    );
    replace(
      this.nav,
      el(
        "div",
        { class: "graph", style: { width: `${width}px`, height: `${height}px` } },
        svg(
          "svg",
          { width, height, "aria-hidden": "true" },
          svg(
            "marker",
            { id: "graph-arrow", viewBox: "0 0 6 6", refX: 5, refY: 3, markerWidth: 6, markerHeight: 6, orient: "auto" },
            svg("path", { d: "M 0 0 L 6 3 L 0 6 z" }),
          ),
          edges.map(({ from, to }) =>
            svg("path", { class: "graph-edge", d: path(at(from), at(to), places), "data-edge": `${name(from)} ${name(to)}` }),
          ),
        ),
        box("div", {}, at(null), el("strong", {}, "picture"), el("span", {}, `${size} × ${size}`)),
        this.#boxes,
      ),
    );
    this.nav.classList.toggle("tall", lanes > 2);
    [this.#nodes, this.#chosen] = [nodes, null];
  }

  /** Marks the layer that is in view, and brings its box into sight: the page itself stays where it is. */
  mark(index) {
    this.#boxes.forEach((button, i) => {
      if (i === index) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    const button = this.#boxes[index];
    if (!button) return;
    const { scrollLeft, clientWidth } = this.nav;
    const [left, right] = [button.offsetLeft, button.offsetLeft + WIDTH];
    if (left < scrollLeft || right > scrollLeft + clientWidth)
      this.nav.scrollTo({ left: left - (clientWidth - WIDTH) / 2, behavior: "instant" });
  }
}

function box(tag, attributes, place, ...children) {
  const { x, y } = corner(place);
  const style = { left: `${x}px`, top: `${y}px`, width: `${WIDTH}px`, height: `${HEIGHT}px` };
  return el(tag, { class: "graph-box", style, ...attributes }, children);
}
