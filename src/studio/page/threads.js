// The threads of a group, a square each, by what they do.

import { colour, el, replace, setText } from "./dom.js";
import { integer } from "./format.js";

const STATES = [
  { letter: "s", name: "same", words: "at the same line", colour: "accent" },
  { letter: "o", name: "other", words: "at another line", colour: "run-7" },
  { letter: "w", name: "waits", words: "waiting", colour: "run-3" },
  { letter: "e", name: "ended", words: "ended", colour: "edge" },
];
const GAP = 2;

export class Threads {
  #threads = "";
  #chosen = 0; // by the keyboard

  /** `onThread(number)` where another one is to be seen. */
  constructor(onThread) {
    this.onThread = onThread;
    this.canvas = el("canvas", {
      class: "micro-threads",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "threads of a group",
      "aria-label": "The threads of the group", // until there is more to say
      onpointermove: (event) => this.#say(this.#at(event)),
      onpointerleave: () => this.#say(null),
      onclick: (event) => this.#open(this.#at(event)),
      onkeydown: (event) => this.#key(event),
      onfocus: () => this.#choose(this.thread),
      onblur: () => {
        this.hasFocus = false;
        this.draw();
        this.#say(null);
      },
    });
    this.legend = el("ul", { class: "micro-legend" });
    this.label = el("p", { class: "hint micro-label" });
    this.title = el("h5", {}, "Threads of the group");
    this.node = el("section", { class: "micro-part" }, this.title, this.canvas, this.legend, this.label);
    new ResizeObserver(() => this.#resize()).observe(this.node);
    document.addEventListener("themechange", () => this.draw());
  }

  open({ passes, pass, thread, subgroup }) {
    const [x, y, z] = passes[pass].size;
    const columns = y * z > 1 ? x : Math.min(x, subgroup);
    Object.assign(this, { thread, subgroup, x, y, count: x * y * z, columns });
    this.#chosen = thread;
    setText(this.title, `Threads of the group: ${z > 1 ? `${x} × ${y} × ${z}` : y > 1 ? `${x} × ${y}` : x}`);
    this.#resize();
  }

  show({ threads }) {
    this.#threads = threads;
    const counts = STATES.map(({ letter }) => [...threads].filter((other) => other === letter).length);
    const words = STATES.map(({ words }, i) => counts[i] && `${integer(counts[i])} ${words}`)
      .filter(Boolean)
      .join(", ");
    replace(
      this.legend,
      STATES.map((state, i) =>
        el("li", {}, el("span", { class: `micro-key ${state.name}` }), `${integer(counts[i])} ${state.words}`),
      ),
    );
    this.canvas.title = words;
    this.canvas.setAttribute(
      "aria-label",
      `${words}; thread ${this.thread} is watched. Arrow keys choose a thread, Enter watches it.`,
    );
    this.draw();
    if (!this.hasFocus) this.#say(null);
  }

  #resize() {
    if (!this.columns || !this.node.clientWidth) return;
    const room = Math.min(this.node.clientWidth, 420);
    this.step = Math.max(5, Math.min(22, Math.floor(room / this.columns)));
    const rows = Math.ceil(this.count / this.columns);
    const [w, h] = [this.columns * this.step, rows * this.step];
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(w * ratio), height: Math.round(h * ratio) });
    Object.assign(this.canvas.style, { width: `${w}px`, height: `${h}px` });
    this.draw();
  }

  #place(thread) {
    return [thread % this.columns, Math.floor(thread / this.columns)].map((i) => i * this.step);
  }

  draw() {
    if (!this.step) return;
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const [soft, ink, accent] = ["soft", "ink", "accent"].map(colour);
    const colours = Object.fromEntries(STATES.map((state) => [state.letter, colour(state.colour)]));
    const own = Math.floor(this.thread / this.subgroup);
    for (let thread = 0; thread < this.count; thread++) {
      const [x, y] = this.#place(thread);
      if (Math.floor(thread / this.subgroup) === own) {
        context.fillStyle = soft;
        context.fillRect(x, y, this.step, this.step);
      }
      this.#square(context, this.#threads[thread], colours, x + GAP / 2, y + GAP / 2, this.step - GAP);
    }
    this.#frame(context, this.thread, ink, 2);
    if (this.hasFocus && this.#chosen !== this.thread) this.#frame(context, this.#chosen, accent, 2);
  }

  /** Each state has a form of its own beside its colour. */
  #square(context, letter, colours, x, y, size) {
    context.fillStyle = context.strokeStyle = colours[letter] ?? colours.e;
    context.lineWidth = 1.5;
    if (letter === "s") context.fillRect(x, y, size, size);
    else if (letter === "o") {
      context.beginPath();
      context.moveTo(x, y + size);
      context.lineTo(x + size, y + size);
      context.lineTo(x + size, y);
      context.fill();
    } else if (letter === "w") context.strokeRect(x + 1, y + 1, size - 2, size - 2);
    else context.fillRect(x + size / 3, y + size / 3, size / 3, size / 3);
  }

  #frame(context, thread, style, width) {
    const [x, y] = this.#place(thread);
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(x + width / 2, y + width / 2, this.step - width, this.step - width);
  }

  #at({ offsetX, offsetY }) {
    const [column, row] = [offsetX, offsetY].map((at) => Math.floor(at / this.step));
    const thread = row * this.columns + column;
    return column >= 0 && column < this.columns && thread >= 0 && thread < this.count ? thread : null;
  }

  #say(thread) {
    if (thread === null)
      return setText(
        this.label,
        `Thread ${this.thread} is watched; its subgroup is shaded. Choose another one to watch it.`,
      );
    const place = this.y > 1 ? ` (x ${thread % this.x}, y ${Math.floor(thread / this.x)})` : "";
    const state = STATES.find(({ letter }) => letter === this.#threads[thread]);
    setText(this.label, `Thread ${thread}${place}: ${state?.words ?? ""}${thread === this.thread ? ", watched" : ""}`);
  }

  #open(thread) {
    if (thread !== null && thread !== this.thread) this.onThread(thread);
  }

  #choose(thread) {
    this.#chosen = thread;
    this.hasFocus = this.canvas.matches(":focus-visible");
    this.draw();
    this.#say(thread);
  }

  #key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns };
    if (event.key in moves) {
      this.#choose(Math.max(0, Math.min(this.count - 1, this.#chosen + moves[event.key])));
    } else if (event.key === "Enter" || event.key === " ") {
      this.#open(this.#chosen);
    } else {
      return;
    }
    event.preventDefault();
  }
}
