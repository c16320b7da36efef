// The output of a dense layer: one bar per unit.

import { api, get } from "./api.js";
import { colour, el, setText } from "./dom.js";
import { precise } from "./format.js";

const HEIGHT = 120;

export class BarsView {
  #values = [];
  #wanted = null;

  constructor(name, units, onUnit) {
    Object.assign(this, { name, units, onUnit, channel: 0, marked: null, classes: null });
    this.canvas = el("canvas", {
      class: "maps",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "bar chart",
      onpointermove: (event) => this.#say(this.#at(event)),
      onpointerleave: () => this.#say(null),
      onclick: (event) => this.onUnit({ channel: this.#at(event), row: 0, column: 0 }),
      onkeydown: (event) => this.#key(event),
      onfocus: () => this.#say(this.channel),
    });
    this.label = el("p", { class: "hint map-label" });
    this.node = el("div", { class: "maps-box" }, this.canvas, this.label);
    this.#say(null);
    new ResizeObserver(() => this.draw()).observe(this.node);
    document.addEventListener("themechange", () => this.draw());
  }

  /** Other numbers; `gradient` is {label, layer}, or null for outputs. */
  async update(inside, layer, gradient = null) {
    const wanted = {};
    this.#wanted = wanted;
    const path = gradient
      ? api`/api/inside/${inside}/gradients/${gradient.label}/${layer.index}/values`
      : api`/api/inside/${inside}/${layer.index}/values`;
    try {
      const { values } = await get(path);
      if (wanted !== this.#wanted) return;
      this.#values = values;
      this.gradient = gradient;
      this.#say(null);
      this.draw();
    } catch {
      // gone, as newer numbers have come
    }
  }

  draw() {
    const width = Math.min(this.node.clientWidth, this.units === 1 ? 120 : Infinity);
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: HEIGHT * ratio });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${HEIGHT}px` });
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const low = Math.min(0, ...this.#values);
    const high = Math.max(0, ...this.#values) || 1;
    const y = (value) => HEIGHT - 2 - ((value - low) / (high - low)) * (HEIGHT - 4);
    this.step = width / this.units;
    const bar = Math.max(1, this.step - (this.step > 4 ? 2 : 0));
    this.#values.forEach((value, i) => {
      context.fillStyle = colour(i === this.marked?.channel ? "ink" : value < 0 ? "minus" : "plus");
      context.fillRect(i * this.step, Math.min(y(value), y(0)), bar, Math.max(1, Math.abs(y(value) - y(0))));
    });
    context.fillStyle = colour("muted");
    context.fillRect(0, y(0), width, 1);
    this.#describe();
  }

  #at({ offsetX }) {
    return Math.max(0, Math.min(this.units - 1, Math.floor(offsetX / this.step)));
  }

  #say(unit) {
    setText(
      this.label,
      unit === null
        ? this.#legend()
        : `unit ${unit}${this.classes ? ` (${this.classes[unit]})` : ""}: ${precise(this.#values[unit])}`,
    );
  }

  #legend() {
    if (this.gradient) return "The gradient: a bar goes up where the loss grows with the unit. Choose a unit to see who computes it.";
    const what = this.units === 1 ? "One unit: the score of the second class." : this.classes ? "One bar per class." : "One bar per unit.";
    return `${what} Choose a unit to see its arithmetic.`;
  }

  #key(event) {
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -this.units, End: this.units };
    if (event.key in moves) this.channel = Math.max(0, Math.min(this.units - 1, this.channel + moves[event.key]));
    else if (event.key === "Enter" || event.key === " ")
      this.onUnit({ channel: this.channel, row: 0, column: 0, byKeyboard: true });
    else return;
    event.preventDefault();
    this.#say(this.channel);
    this.#describe();
  }

  #describe() {
    const largest = this.#values.indexOf(Math.max(...this.#values));
    this.canvas.setAttribute(
      "aria-label",
      `${this.gradient ? "Gradient" : "Output"} of ${this.name}, ${this.units} units; the largest is unit ${largest}. ` +
        "Arrow keys choose a unit, Enter shows its arithmetic.",
    );
  }

  mark(unit) {
    this.marked = unit;
    this.draw();
  }
}
