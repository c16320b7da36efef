// One unit of a layer: the enlarged map it is in, to choose another, and the arithmetic that made it.

import { api, get } from "./api.js";
import { arithmetic } from "./arithmetic.js";
import { colour, el, replace, setText } from "./dom.js";
import { precise } from "./format.js";

const EDGE = 264; // of the enlarged map on the page

/** The class that each unit of a layer stands for, or null: the last layer of a network of many classes has one for each. */
export const classesOf = ({ classes, layers }, { index, shape }) =>
  index === layers.length - 1 && shape.length === 1 && shape[0] === classes.length ? classes : null;

export class UnitView {
  #question = 0;

  /** `onWatch(element, gradient)` where the thread is to be seen that computes a value, or its gradient. */
  constructor(name, onWatch) {
    this.name = name;
    this.position = null; // {channel, row, column} while open
    this.title = el("h4", { tabindex: "-1" });
    this.canvas = el("canvas", {
      class: "big-map",
      width: EDGE,
      height: EDGE,
      tabindex: "0",
      role: "application",
      "aria-roledescription": "feature map",
      onclick: (event) => this.#click(event),
      onkeydown: (event) => this.#key(event),
    });
    this.big = el(
      "div",
      { class: "unit-map" },
      this.canvas,
      el("p", { class: "hint" }, "Arrow keys or a click choose another unit."),
    );
    this.text = el("div", { class: "unit-text", "aria-live": "polite" });
    this.watch = el(
      "button",
      { type: "button", class: "small watch-thread", onclick: () => onWatch(this.#element(), this.gradient) },
      "Watch the thread that computes it",
    );
    this.watchNote = el("span", { class: "hint" });
    const close = el(
      "button",
      { type: "button", class: "quiet", "aria-label": `Close the unit of ${name}`, onclick: () => this.close() },
      "×",
    );
    this.node = el(
      "section",
      { class: "unit", hidden: true, "aria-label": `A unit of ${name}` },
      el("div", { class: "card-head" }, this.title, close),
      el("div", { class: "unit-parts" }, this.big, this.text),
      el("p", { class: "unit-watch" }, this.watch, " ", this.watchNote),
    );
  }

  /** The layer's numbers are others now; `gradient` is {label, class, layer}, or null for outputs. */
  update(info, layer, output, gradient = null) {
    const takes = layer.inputs.map((index) => (index === null ? null : info.layers[index].name));
    Object.assign(this, { inside: info.inside, layer, output, gradient, takes, classes: classesOf(info, layer) });
    // Maps of a training that is followed are of weights that no file has.
    const isLive = info.run === undefined;
    this.watch.hidden = gradient ? gradient.layer.owner === null : layer.kernels.length === 0 || isLive;
    const without = gradient
      ? ""
      : layer.kernels.length === 0
        ? "No kernel runs for this layer: its values are those of the layer before."
        : "The microscope looks at saved models: it can be used when the training is not followed.";
    setText(this.watchNote, this.watch.hidden ? without : "In its shader, line by line.");
    if (output) output.onDrawn = () => this.#draw();
    if (this.position) this.#load();
  }

  open({ byKeyboard, ...position }) {
    const wasOpen = this.position !== null;
    this.#choose(position);
    this.node.hidden = false;
    if (byKeyboard) (this.layer.shape.length === 3 ? this.canvas : this.title).focus();
    if (!wasOpen) this.node.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.position = null;
    this.node.hidden = true;
    this.output.mark(null);
    this.output.canvas.focus({ preventScroll: true });
  }

  #choose(position) {
    this.position = position;
    this.output.mark(position);
    this.output.channel = position.channel;
    this.#draw();
    this.#load();
  }

  /** The number of the value in the layer's output. */
  #element() {
    const { channel, row, column } = this.position;
    const [, height, width] = this.layer.shape;
    return this.layer.shape.length === 3 ? (channel * height + row) * width + column : channel;
  }

  /** "conv2, map 17, row 3, column 4" */
  #where() {
    const { channel, row, column } = this.position;
    return this.layer.shape.length === 3
      ? `${this.name}, map ${channel}, row ${row}, column ${column}`
      : `${this.name}, unit ${channel}${this.classes ? ` (${this.classes[channel]})` : ""}`;
  }

  async #load() {
    const question = ++this.#question;
    const { channel, row, column } = this.position;
    const { gradient } = this;
    const path = gradient
      ? api`/api/inside/${this.inside}/gradients/${gradient.label}/${this.layer.index}/unit`
      : api`/api/inside/${this.inside}/${this.layer.index}/unit`;
    try {
      const unit = await get(`${path}?channel=${channel}&row=${row}&column=${column}`);
      if (question !== this.#question || !this.position) return;
      if (gradient) return this.#showGradient(unit.value);
      setText(this.title, `${this.#where()}: ${precise(unit.output)}`);
      replace(this.text, arithmetic(unit, this.layer, this.takes));
    } catch (why) {
      if (question === this.#question) replace(this.text, el("p", { class: "alert" }, why.message));
    }
  }

  #showGradient(value) {
    const { class: name, layer } = this.gradient;
    setText(this.title, `Gradient of ${this.#where()}: ${precise(value)}`);
    const change =
      value === 0
        ? `A small change of this value changes the loss for a picture of “${name}” not at all.`
        : `Where this value grows a little, the loss for a picture of “${name}” ${value > 0 ? "grows" : "falls"} by ${precise(Math.abs(value))} times as much.`;
    replace(this.text, el("p", {}, change), el("p", {}, layer.words));
  }

  #draw() {
    if (!this.position) return;
    const isMap = this.layer.shape.length === 3;
    this.big.hidden = !isMap;
    if (!isMap) return;
    const [, height, width] = this.layer.shape;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, EDGE, EDGE);
    this.output.drawMap(context, this.position.channel, 0, 0, EDGE, EDGE);
    const cell = { w: EDGE / width, h: EDGE / height };
    const [x, y] = [this.position.column * cell.w, this.position.row * cell.h];
    context.lineWidth = 2;
    // Two frames, dark and accent: one of them stands out from any pixel.
    for (const [style, out] of [
      ["#000", 3],
      [colour("accent"), 1.5],
    ]) {
      context.strokeStyle = style;
      context.strokeRect(x - out, y - out, cell.w + 2 * out, cell.h + 2 * out);
    }
    this.canvas.setAttribute(
      "aria-label",
      `Map ${this.position.channel} of ${this.name}, ${height} by ${width}; ` +
        `row ${this.position.row}, column ${this.position.column} is chosen. Arrow keys choose another unit.`,
    );
  }

  #click({ offsetX, offsetY }) {
    const [, height, width] = this.layer.shape;
    const { clientWidth, clientHeight } = this.canvas;
    const limit = (at, size) => Math.max(0, Math.min(size - 1, Math.floor(at)));
    this.#choose({
      ...this.position,
      row: limit((offsetY / clientHeight) * height, height),
      column: limit((offsetX / clientWidth) * width, width),
    });
  }

  #key(event) {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Escape") return this.close();
    if (!move) return;
    event.preventDefault();
    const [, height, width] = this.layer.shape;
    const row = Math.max(0, Math.min(height - 1, this.position.row + move[0]));
    const column = Math.max(0, Math.min(width - 1, this.position.column + move[1]));
    this.#choose({ ...this.position, row, column });
  }
}
