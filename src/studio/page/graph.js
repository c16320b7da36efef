// The network as a graph to go through it by: a box for each layer, joined to those whose output it takes.

import { el, fill, replace } from "./dom.js";
import { shape } from "./format.js";

const HEIGHT = 60; // of a box
const [LEAST, MOST] = [112, 250]; // its width, by what it says
const [ACROSS, DOWN] = [26, 28]; // between two boxes
const TRACK = 12; // between two edges that go below boxes
const LINE = 0.4; // of the window's height: the last layer that begins above it is in view
const LOW_ENOUGH = 210; // a graph of this height stays in sight
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

/** Whether an edge passes boxes of its lane. */
const passes = (from, to, places) =>
  places.some(({ column, lane }) => lane === from.lane && column > from.column && column < to.column);

/** The edges, {from, to, track}: those that pass boxes of their lane go below it, each on a track that is free there. */
export function routed(layers, places) {
  const at = (index) => (index === null ? { column: 0, lane: 0 } : places[index]);
  const edges = layers.flatMap(({ inputs }, to) => inputs.map((from) => ({ from, to, track: null })));
  const length = ({ from, to }) => at(to).column - at(from).column;
  const lanes = []; // of each, its tracks: the pairs of columns between which one is taken
  // Short ones first: they are nearest to the boxes.
  for (const edge of edges.toSorted((a, b) => length(a) - length(b))) {
    const [a, b] = [at(edge.from), at(edge.to)];
    if (!passes(a, b, places)) continue;
    const tracks = (lanes[a.lane] ??= []);
    const isFree = (track) => track.every(([first, last]) => b.column <= first || a.column >= last);
    edge.track = tracks.findIndex(isFree);
    if (edge.track < 0) edge.track = tracks.push([]) - 1;
    tracks[edge.track].push([a.column, b.column]);
  }
  return { edges, tracks: Array.from(lanes, (lane) => lane?.length ?? 0) };
}

/** How wide a box must be for its texts, as they are drawn. */
function widthOf([title, ...others]) {
  const context = document.createElement("canvas").getContext("2d");
  const { fontFamily } = getComputedStyle(document.body);
  const measure = (text, font) => {
    context.font = `${font} ${fontFamily}`;
    return context.measureText(text).width;
  };
  const widths = [measure(title, "600 13.1px"), ...others.map((text) => measure(text, "400 11.7px"))];
  return Math.min(MOST, Math.max(LEAST, Math.ceil(Math.max(...widths)) + 22));
}

/** Where boxes stand, in pixels: columns are as wide as their widest box, lanes as high as what is in and below them. */
function layOut(places, widths, tracks) {
  const all = [{ column: 0, lane: 0 }, ...places];
  const [columns, lanes] = ["column", "lane"].map((axis) => Math.max(...all.map((place) => place[axis])) + 1);
  const xs = [0];
  const ys = [0];
  const wide = Array(columns).fill(LEAST);
  places.forEach(({ column }, index) => (wide[column] = Math.max(wide[column], widths[index])));
  for (let i = 0; i < columns; i++) xs.push(xs[i] + wide[i] + ACROSS);
  for (let i = 0; i < lanes; i++) ys.push(ys[i] + HEIGHT + DOWN + TRACK * (tracks[i] ?? 0));
  return {
    box: ({ column, lane }) => ({ x: xs[column], y: ys[lane], w: wide[column] }),
    width: xs.at(-1) - ACROSS,
    height: ys.at(-1) - DOWN + (tracks[lanes - 1] ? 8 : 0),
  };
}

/** From the right of a box to the left of another, between lanes just before it; or below the boxes of its lane, on a track. */
function path(a, b, track) {
  const [end, y2, gap] = [b.x - 2, b.y + HEIGHT / 2, b.x - ACROSS];
  const bend = ACROSS * 0.7;
  if (track === null) {
    const y1 = a.y + HEIGHT / 2;
    return `M ${a.x + a.w} ${y1} H ${gap} C ${gap + bend} ${y1}, ${end - bend} ${y2}, ${end} ${y2}`;
  }
  const [x1, bottom, low] = [a.x + a.w * 0.7, a.y + HEIGHT, a.y + HEIGHT + TRACK * (track + 1)];
  const down = `M ${x1} ${bottom} Q ${x1} ${low}, ${x1 + 12} ${low}`;
  if (a.y !== b.y) return `${down} H ${gap} C ${gap + bend} ${low}, ${end - bend} ${y2}, ${end} ${y2}`;
  const x2 = b.x + b.w * 0.3;
  return `${down} H ${x2 - 12} Q ${x2} ${low}, ${x2} ${bottom + 2}`;
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
  show({ layers, image_size: size, color }, nodes, onChoose) {
    const choose = (index) => {
      this.#chosen = index;
      this.mark(index);
      onChoose(index);
    };
    const places = placed(layers);
    const { edges, tracks } = routed(layers, places);
    const widths = layers.map(({ name: title, type, shape: sizes }) => widthOf([title, type, shape(sizes)]));
    const { box: boxAt, width, height } = layOut(places, widths, tracks);
    const at = (index) => boxAt(index === null ? { column: 0, lane: 0 } : places[index]);
    const name = (index) => (index === null ? "the picture" : layers[index].name);
    this.#boxes = layers.map(({ name: title, type, shape: sizes, inputs, index }) =>
      box(
        "button",
        { type: "button", title: `${title}, ${type}: ${shape(sizes)}`, onclick: () => choose(index) },
        at(index),
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
          edges.map(({ from, to, track }) =>
            svg("path", { class: "graph-edge", d: path(at(from), at(to), track), "data-edge": `${name(from)} ${name(to)}` }),
          ),
        ),
        box("div", {}, at(null), el("strong", {}, "picture"), el("span", {}, `${color === "rgb" ? "3 × " : ""}${size} × ${size}`)),
        this.#boxes,
      ),
    );
    // What stays in sight covers the page below it: what is scrolled to ends under neither.
    this.nav.classList.toggle("tall", height > LOW_ENOUGH);
    this.nav.parentElement?.style.setProperty("--graph-height", `${height}px`);
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
    const [left, right] = [button.offsetLeft, button.offsetLeft + button.offsetWidth];
    if (left < scrollLeft || right > scrollLeft + clientWidth)
      this.nav.scrollTo({ left: left - (clientWidth - button.offsetWidth) / 2, behavior: "instant" });
  }
}

function box(tag, attributes, { x, y, w }, ...children) {
  const style = { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${HEIGHT}px` };
  return el(tag, { class: "graph-box", style, ...attributes }, children);
}
