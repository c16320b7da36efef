// A buffer as a small map of its cells: which of them this thread, its subgroup and its group have used so far.

import { indexOf } from "./aim.js";
import { colour, el, setText } from "./dom.js";
import { count, integer, precise, shape } from "./format.js";

const BANKS = 32;
const WHO = [
  ["group", "used by another subgroup of the group"],
  ["subgroup", "used by another thread of the subgroup"],
  ["thread", "used by this thread"],
];
const SPACES = { input: "read", output: "written", texture: "a texture", workgroup: "workgroup memory" };

export class Cells {
  #who = null; // for each cell 0, or 1 + its number in WHO
  #touched = null; // the server's ranges of cells
  #values = null;
  #chosen = 0; // by the keyboard
  #said = null; // the cell that the label speaks of

  #pixels = [1, 1]; // of the canvas

  /** `variable` is {name, space, cells}, `sizes` its shape, or nothing. */
  constructor({ name, space, cells }, sizes) {
    Object.assign(this, { name, cells, isShared: space === "workgroup" });
    this.sizes = sizes && sizes.reduce((product, size) => product * size, 1) === cells ? sizes : null;
    this.layout = this.isShared ? strip(cells, BANKS) : layoutOf(this.sizes, cells);
    const [w, h] = [this.layout.columns, this.layout.rows];
    this.canvas = el("canvas", {
      class: "micro-cells",
      role: this.isShared ? "application" : "img",
      "aria-label": `${name}: its cells`, // until there is more to say
      "aria-roledescription": this.isShared ? "cells of workgroup memory" : null,
      tabindex: this.isShared ? "0" : null,
      onpointermove: (event) => this.#say(this.#at(event)),
      onpointerleave: () => this.#say(null),
      onfocus: () => this.#say(this.#chosen),
      onblur: () => this.#say(null),
      onkeydown: (event) => this.isShared && this.#key(event),
      style: { "aspect-ratio": String(Math.max(0.6, Math.min(8, w / h))) },
    });
    this.text = el("p", { class: "micro-used" });
    this.label = el("p", { class: "hint micro-label" });
    this.node = el(
      "figure",
      { class: "micro-buffer" },
      el(
        "figcaption",
        {},
        el("code", {}, name),
        el(
          "span",
          { class: "hint" },
          `${SPACES[space] ?? space}, ${this.sizes ? shape(this.sizes) : count(cells, "cell")}`,
        ),
      ),
      this.canvas,
      this.text,
      this.label,
    );
    this.#say(null);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  show({ touched, cells: values }) {
    this.#values = values;
    const used = Object.fromEntries(WHO.map(([who]) => [who, touched[who].reduce((sum, [, n]) => sum + n, 0)]));
    const text = `this thread ${count(used.thread, "cell")}, its subgroup ${integer(used.subgroup)}, its group ${integer(used.group)} of ${integer(this.cells)}`;
    // Cells are never forgotten while a thread goes on: as many are the same ones.
    if (this.#who && this.text.textContent === text) return this.#say(this.#said);
    this.#who = new Uint8Array(this.cells);
    this.#touched = touched;
    WHO.forEach(([who], i) => {
      for (const [first, n] of touched[who]) this.#who.fill(i + 1, first, first + n);
    });
    setText(this.text, text);
    this.canvas.setAttribute(
      "aria-label",
      `${this.name}: ${text}.${this.isShared ? " Arrow keys choose a cell and say its value." : ""}`,
    );
    this.draw();
  }

  draw() {
    if (!this.#who) return;
    const { columns, rows, place, cell } = this.layout;
    const { clientWidth, clientHeight, width: w, height: h } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    // No more than the screen shows: the browser would leave out whole rows. A pixel may stand for several cells.
    const [width, height] = (this.#pixels = [
      Math.max(1, Math.min(columns, Math.floor(clientWidth * ratio))),
      Math.max(1, Math.min(rows, Math.floor(clientHeight * ratio))),
    ]);
    if (width !== w || height !== h) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const colours = ["line", ...WHO.map(([who]) => `by-${who}`)].map((name) =>
      colour(name).match(/\d+/g).slice(0, 3).map(Number),
    );
    const set = (at, who) => image.data.set([...colours[who], 255], 4 * at);
    for (let at = 0; at < width * height; at++) {
      const [x, y] = [((at % width) * columns) / width, (Math.floor(at / width) * rows) / height].map(Math.floor);
      const found = cell(x, y);
      if (found !== null && found < this.cells) set(at, 0);
    }
    // The narrowest circle last: where a pixel stands for several cells, it is what shows.
    WHO.forEach(([who], i) => {
      for (const [first, n] of this.#touched[who]) {
        for (let used = first; used < first + n; used++) {
          const [x, y] = place(used);
          set(Math.floor((y * height) / rows) * width + Math.floor((x * width) / columns), i + 1);
        }
      }
    });
    context.putImageData(image, 0, 0);
    this.#say(this.#said);
  }

  #at({ offsetX, offsetY }) {
    const { columns, rows, cell } = this.layout;
    const { clientWidth, clientHeight } = this.canvas;
    const found = cell(Math.floor((offsetX / clientWidth) * columns), Math.floor((offsetY / clientHeight) * rows));
    return found !== null && found >= 0 && found < this.cells ? found : null;
  }

  #say(cell) {
    this.#said = cell;
    if (cell === null || !this.#who) {
      const { columns, rows } = this.layout;
      const several = columns > this.#pixels[0] || rows > this.#pixels[1];
      setText(
        this.label,
        several ? "A pixel stands for several cells." : this.isShared ? `A column for each of ${BANKS} banks.` : "",
      );
      return;
    }
    const index = this.sizes ? indexOf(cell, this.sizes).join(", ") : cell;
    const who = this.#who[cell];
    const value = this.#values?.[cell];
    const isKnown = who && value !== undefined;
    const state = who ? WHO[who - 1][1] : "not used so far";
    setText(
      this.label,
      `${this.name}[${index}]${isKnown ? ` is ${typeof value === "number" ? precise(value) : value}` : ""}: ${state}`,
    );
  }

  #key(event) {
    const { columns } = this.layout;
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!move) return;
    event.preventDefault();
    this.#chosen = Math.max(0, Math.min(this.cells - 1, this.#chosen + move));
    this.#say(this.#chosen);
  }
}

/** What the colours of the cells mean. */
export function cellsLegend() {
  return el(
    "ul",
    { class: "micro-legend" },
    [...WHO].reverse().map(([who, words]) => el("li", {}, el("span", { class: `micro-key by-${who}` }), words)),
    el("li", {}, el("span", { class: "micro-key untouched" }), "not used so far"),
  );
}

/** Where the cells lie: {columns, rows, place(cell) -> [x, y], cell(x, y) -> cell or null}. */
function layoutOf(sizes, cells) {
  if (sizes?.length === 4 && sizes[0] === 1 && sizes[2] * sizes[3] > 1) return maps(sizes);
  if (sizes?.length > 1 && sizes[0] > 1) return strip(cells, cells / sizes[0]);
  return strip(cells, cells <= 64 ? cells : Math.ceil(Math.sqrt(2 * cells)));
}

function strip(cells, columns) {
  return {
    columns: Math.max(1, columns),
    rows: Math.max(1, Math.ceil(cells / columns)),
    place: (cell) => [cell % columns, Math.floor(cell / columns)],
    cell: (x, y) => (x < columns ? y * columns + x : null),
  };
}

/** The maps of a layer, side by side, with a line between them. */
function maps([, channels, height, width]) {
  const across = Math.ceil(Math.sqrt(channels));
  return {
    columns: across * (width + 1) - 1,
    rows: Math.ceil(channels / across) * (height + 1) - 1,
    place(cell) {
      const channel = Math.floor(cell / (height * width));
      const at = cell % (height * width);
      return [
        (channel % across) * (width + 1) + (at % width),
        Math.floor(channel / across) * (height + 1) + Math.floor(at / width),
      ];
    },
    cell(x, y) {
      const [column, row] = [x % (width + 1), y % (height + 1)];
      if (column === width || row === height) return null;
      const channel = Math.floor(y / (height + 1)) * across + Math.floor(x / (width + 1));
      return (channel * height + row) * width + column;
    },
  };
}
