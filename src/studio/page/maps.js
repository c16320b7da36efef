// The feature maps of a layer: one canvas with all of them, drawn from one picture of the server.

import { api } from "./api.js";
import { colour, el, setText } from "./dom.js";
import { count } from "./format.js";

const GAP = 3;
/** Edge of a map on the page, by the map's own size and the room for all of them. */
const edge = (pixels, room) =>
  (pixels >= 48 ? 84 : pixels >= 24 ? 64 : pixels >= 12 ? 48 : 40) * (room < 500 ? 0.7 : 1);

export class MapsView {
  #atlas = null;
  #inside = null;
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
    this.node = el("div", { class: "maps-box" }, this.canvas, this.label);
    this.#describe();
    this.#say(null);
    new ResizeObserver(() => this.#resize()).observe(this.node);
    new IntersectionObserver(
      ([entry]) => {
        this.#isVisible = entry.isIntersecting;
        if (this.#isVisible && this.#isStale) this.#load();
      },
      { rootMargin: "300px" },
    ).observe(this.node);
    document.addEventListener("themechange", () => this.draw());
  }

  /** Other numbers: fetched when the maps come into view. */
  update(inside, layer) {
    this.#inside = inside;
    this.index = layer.index;
    this.#isStale = true;
    if (this.#isVisible) this.#load();
  }

  async #load() {
    this.#isStale = false;
    const inside = this.#inside;
    const image = new Image();
    image.src = api`/api/inside/${inside}/${this.index}.png`;
    try {
      await image.decode();
    } catch {
      return; // gone, as newer maps have come
    }
    if (inside !== this.#inside) return;
    this.#atlas = image;
    this.#sort();
    this.draw();
    this.onDrawn?.();
  }

  /** Maps whose values are all equal show nothing: they stand at the end, and are counted. */
  #sort() {
    const { width, height } = this.#atlas;
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(this.#atlas, 0, 0);
    const pixels = context.getImageData(0, 0, width, height).data;
    const isSilent = (channel) => {
      const first =
        Math.floor(channel / this.atlasColumns) * this.height * width + (channel % this.atlasColumns) * this.width;
      for (let row = 0; row < this.height; row++)
        for (let at = first + row * width; at < first + row * width + this.width; at++)
          if (pixels[4 * at] !== pixels[4 * first]) return false;
      return true;
    };
    const silent = this.order.map((_, channel) => isSilent(channel));
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

  /** The brightest unit of a map, read from the picture. */
  #brightest(channel) {
    const canvas = new OffscreenCanvas(this.width, this.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!this.drawMap(context, channel, 0, 0, this.width, this.height)) return { row: 0, column: 0 };
    const { data } = context.getImageData(0, 0, this.width, this.height);
    let best = 0;
    for (let i = 4; i < data.length; i += 4) if (data[i] > data[best]) best = i;
    return { row: Math.floor(best / 4 / this.width), column: (best / 4) % this.width };
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
      `${this.channels} feature maps of ${this.name}; map ${this.channel} is chosen. ` +
        "Arrow keys choose a map, Enter shows its brightest unit.",
    );
  }

  mark(unit) {
    this.marked = unit;
    this.draw();
  }
}
