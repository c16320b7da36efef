// The feature maps of a layer, or of the gradient with respect to them: one canvas with all of them, drawn from one picture
// of the server.

import { api } from "./api.js";
import { diverging } from "./diverging.js";
import { colour, el, setText } from "./dom.js";
import { count } from "./format.js";
import { largestPart, silentMaps } from "./pixels.js";

const GAP = 3;
/** Edge of a map on the page, by the map's own size and the room for all of them. */
const edge = (pixels, room) =>
  (pixels >= 48 ? 84 : pixels >= 24 ? 64 : pixels >= 12 ? 48 : 40) * (room < 500 ? 0.7 : 1);

export class MapsView {
  #image = null; // the server's picture
  #atlas = null; // the same in the colours of the page
  #wanted = null; // {inside, index, gradient}
  #isStale = false;
  #isVisible = false;

  constructor(name, [channels, height, width], onUnit) {
    Object.assign(this, { name, channels, height, width, onUnit, channel: 0, marked: null, silent: 0 });
    this.order = Array.from({ length: channels }, (_, channel) => channel); // silent ones last
    this.places = [...this.order];
    this.atlasColumns = Math.ceil(Math.sqrt(channels));
    this.canvas = el("canvas", {
      class: "maps",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "feature maps",
      onpointermove: (event) => this.#hover(event),
      onpointerleave: () => this.#say(null),
      onclick: (event) => this.#click(event),
      onkeydown: (event) => this.#key(event),
      onfocus: () => this.#select(this.channel),
      onblur: () => {
        this.hasFocus = false;
        this.draw();
      },
    });
    this.label = el("p", { class: "hint map-label" });
    this.legend = el(
      "p",
      { class: "hint", hidden: true },
      "The loss ",
      el("span", { class: "key plus" }, "grows"),
      " or ",
      el("span", { class: "key minus" }, "falls"),
      " with the value.",
    );
    this.node = el("div", { class: "maps-box" }, this.canvas, this.label, this.legend);
    this.#describe();
    this.#say(null);
    new ResizeObserver(() => this.#resize()).observe(this.node);
    new IntersectionObserver(
      (entries) => {
        this.#isVisible = entries.at(-1).isIntersecting; // a busy page gets several at once
        if (this.#isVisible && this.#isStale) this.#load();
      },
      { rootMargin: "300px" },
    ).observe(this.node);
    document.addEventListener("themechange", () => {
      this.#paint();
      this.draw();
    });
  }

  /** Other numbers: fetched when the maps come into view. `gradient` is {label, layer}, or null for outputs. */
  update(inside, layer, gradient = null) {
    this.#wanted = { inside, index: layer.index, gradient };
    this.#isStale = true;
    if (this.#isVisible) this.#load();
  }

  async #load() {
    this.#isStale = false;
    const wanted = this.#wanted;
    const { inside, index, gradient } = wanted;
    const image = new Image();
    image.src = gradient
      ? api`/api/inside/${inside}/gradients/${gradient.label}/${index}.png`
      : api`/api/inside/${inside}/${index}.png`;
    try {
      await image.decode();
    } catch {
      return; // gone, as newer maps have come
    }
    if (wanted !== this.#wanted) return;
    this.#image = image;
    this.gradient = gradient;
    this.legend.hidden = !gradient;
    this.#paint();
    this.#sort();
    this.#describe();
    this.draw();
    this.onDrawn?.();
  }

  #paint() {
    this.#atlas = this.#image && this.gradient ? diverging(this.#image) : this.#image;
  }

  /** Maps whose values are all equal show nothing: they stand at the end, and are counted. */
  #sort() {
    const silent = this.gradient
      ? this.order.map((_, channel) => this.gradient.layer.silent.includes(channel))
      : silentMaps(this.#image, this.order, this);
    this.silent = silent.filter(Boolean).length;
    this.order = [false, true].flatMap((kind) => [...silent.keys()].filter((channel) => silent[channel] === kind));
    this.order.forEach((channel, place) => (this.places[channel] = place));
    this.#say(null);
  }

  #resize() {
    const room = this.node.clientWidth;
    if (!room) return;
    const wanted = edge(Math.min(this.height, this.width), room);
    this.columns = Math.max(1, Math.min(this.channels, Math.floor((room + GAP) / (wanted + GAP))));
    this.size = Math.min(wanted * 1.25, (room + GAP) / this.columns - GAP);
    const rows = Math.ceil(this.channels / this.columns);
    const [w, h] = [this.columns, rows].map((n) => n * (this.size + GAP) - GAP);
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(w * ratio), height: Math.round(h * ratio) });
    Object.assign(this.canvas.style, { width: `${w}px`, height: `${h}px` });
    this.draw();
  }

  draw() {
    if (!this.size) return;
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.imageSmoothingEnabled = this.width > this.size * ratio; // enlarged maps keep their pixels
    for (let channel = 0; channel < this.channels; channel++) {
      const [x, y] = this.#place(channel);
      if (this.gradient) {
        context.fillStyle = colour("bg"); // 0 has no colour of its own
        context.fillRect(x, y, this.size, this.size);
      }
      if (this.#atlas) this.drawMap(context, channel, x, y, this.size, this.size);
      else {
        context.fillStyle = colour("line");
        context.fillRect(x, y, this.size, this.size);
      }
    }
    context.strokeStyle = colour("accent");
    context.lineWidth = 3;
    for (const channel of new Set([this.marked?.channel, this.hasFocus ? this.channel : null])) {
      if (channel === null || channel === undefined) continue;
      const [x, y] = this.#place(channel);
      context.strokeRect(x + 1, y + 1, this.size - 2, this.size - 2);
    }
  }

  /** Draws one map into any canvas; false while there is none. */
  drawMap(context, channel, x, y, width, height) {
    if (!this.#atlas) return false;
    const column = channel % this.atlasColumns;
    const row = Math.floor(channel / this.atlasColumns);
    context.drawImage(
      this.#atlas,
      column * this.width,
      row * this.height,
      this.width,
      this.height,
      x,
      y,
      width,
      height,
    );
    return true;
  }

  /** The brightest unit of a map, or that of the largest gradient, read from the picture. */
  #brightest(channel) {
    const canvas = new OffscreenCanvas(this.width, this.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!this.drawMap(context, channel, 0, 0, this.width, this.height)) return { row: 0, column: 0 };
    const { data } = context.getImageData(0, 0, this.width, this.height);
    // Of a gradient, the opacity is its magnitude.
    const best = largestPart(data, this.gradient ? 3 : 0);
    return { row: Math.floor(best / this.width), column: best % this.width };
  }

  #place(channel) {
    const place = this.places[channel];
    return [place % this.columns, Math.floor(place / this.columns)].map((i) => i * (this.size + GAP));
  }

  /** The unit under the pointer, or null between maps. */
  #at({ offsetX, offsetY }) {
    const step = this.size + GAP;
    const [column, row] = [offsetX, offsetY].map((at) => Math.floor(at / step));
    const place = row * this.columns + column;
    const [u, v] = [offsetX - column * step, offsetY - row * step].map((at) => at / this.size);
    if (column >= this.columns || place >= this.channels || u >= 1 || v >= 1 || u < 0 || v < 0) return null;
    return { channel: this.order[place], row: Math.floor(v * this.height), column: Math.floor(u * this.width) };
  }

  #hover(event) {
    this.#say(this.#at(event));
  }

  #say(unit) {
    setText(
      this.label,
      unit
        ? `map ${unit.channel}, row ${unit.row}, column ${unit.column}`
        : this.gradient
          ? `${count(this.channels, "map")} of the gradient, each up to its own largest value${this.#silence()}. Choose a unit to see who computes it.`
          : `${count(this.channels, "map")}, each from its smallest value (black) to its largest (white)${this.#silence()}. Choose a unit to see its arithmetic.`,
    );
  }

  /** "; 12 of 128 are silent" */
  #silence() {
    if (!this.silent) return "";
    return `; ${this.silent} of ${this.channels} are silent, all their values being equal, and stand at the end`;
  }

  #click(event) {
    const unit = this.#at(event);
    if (!unit) return;
    this.channel = unit.channel;
    this.onUnit(unit);
  }

  #key(event) {
    const moves = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      Home: -this.channels,
      End: this.channels,
    };
    if (event.key in moves) {
      const place = this.places[this.channel] + moves[event.key];
      this.#select(this.order[Math.max(0, Math.min(this.channels - 1, place))]);
    } else if (event.key === "Enter" || event.key === " ") {
      this.onUnit({ channel: this.channel, ...this.#brightest(this.channel), byKeyboard: true });
    } else {
      return;
    }
    event.preventDefault();
  }

  #select(channel) {
    this.channel = channel;
    this.hasFocus = this.canvas.matches(":focus-visible");
    this.#describe();
    this.draw();
  }

  #describe() {
    this.canvas.setAttribute(
      "aria-label",
      `${this.channels} ${this.gradient ? "maps of the gradient" : "feature maps"} of ${this.name}; map ${this.channel} is chosen. ` +
        `Arrow keys choose a map, Enter shows its ${this.gradient ? "largest" : "brightest"} unit.`,
    );
  }

  mark(unit) {
    this.marked = unit;
    this.draw();
  }
}
