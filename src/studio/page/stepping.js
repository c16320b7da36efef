// The controls of a thread's steps: buttons, a slider, keys, and playing on by itself.

import { el, setText } from "./dom.js";
import { count, integer } from "./format.js";

const SPEEDS = [2, 10, 50, 250]; // steps a second
const FRAMES = 20; // pictures a second, at most

export class Stepping {
  #playing = 0; // number of the play that goes on, 0 for none
  #plays = 0;

  /** `go(step)` shows a step, and its promise ends when it is shown; `target()` is the step that was asked for last. */
  constructor(go, target) {
    Object.assign(this, { go, target, steps: 0, barriers: [] });
    const button = (text, title, act) => el("button", { type: "button", class: "small", title, onclick: act }, text);
    this.first = button("Start", "Home", () => this.to(0));
    this.back = button("Back", "Arrow left", () => this.to(target() - 1));
    this.next = button("Forward", "Arrow right", () => this.to(target() + 1));
    this.play = button("Play", "Space", () => this.toggle());
    this.barrier = button("To the barrier", "b", () => this.toBarrier());
    this.last = button("End", "End", () => this.to(this.steps));
    this.speed = el(
      "select",
      { "aria-label": "Speed" },
      SPEEDS.map((speed) => el("option", { value: speed, selected: speed === 10 }, `${speed} steps a second`)),
    );
    this.slider = el("input", {
      type: "range",
      min: 0,
      step: 1,
      value: 0,
      "aria-label": "Step",
      oninput: () => this.to(Number(this.slider.value)),
    });
    this.text = el("strong", { class: "micro-step" });
    this.barrierText = el("span", { class: "hint" });
    this.node = el(
      "div",
      { class: "micro-controls", role: "group", "aria-label": "Steps" },
      el("div", { class: "buttons" }, [
        this.first,
        this.back,
        this.play,
        this.next,
        this.barrier,
        this.last,
        this.speed,
      ]),
      this.slider,
      el("p", { class: "micro-at" }, this.text, this.barrierText),
      el(
        "p",
        { class: "hint" },
        "Keys: ",
        [
          ["←", "→"],
          ["p", "n"],
        ].flatMap(([one, other], i) => [i > 0 && " or ", el("kbd", {}, one), " ", el("kbd", {}, other)]),
        " step, ",
        el("kbd", {}, "Space"),
        " plays, ",
        el("kbd", {}, "b"),
        " runs to the next barrier, ",
        el("kbd", {}, "Home"),
        " ",
        el("kbd", {}, "End"),
      ),
    );
  }

  open({ steps, is_cut: isCut, barriers }) {
    Object.assign(this, { steps, isCut, barriers });
    this.slider.max = steps;
    this.barrier.hidden = barriers.length === 0;
    setText(
      this.barrierText,
      `${barriers.length ? count(barriers.length, "barrier") : "no barrier"}${isCut ? " · the thread goes on behind the last step: too long to be shown" : ""}`,
    );
    this.show(0);
  }

  /** Where the thread is, or will be as soon as the answer is there. */
  show(step) {
    const text = `Step ${integer(step)} of ${integer(this.steps)}`;
    setText(this.text, text);
    this.slider.value = step;
    this.slider.setAttribute("aria-valuetext", text);
    for (const button of [this.first, this.back]) disable(button, step === 0);
    for (const button of [this.next, this.last, this.play]) disable(button, step === this.steps);
    disable(this.barrier, this.#nextBarrier(step) === undefined);
  }

  #nextBarrier(step) {
    return this.barriers.find((barrier) => barrier > step);
  }

  to(step) {
    this.stop();
    this.go(Math.max(0, Math.min(this.steps, step)));
  }

  toBarrier() {
    const barrier = this.#nextBarrier(this.target());
    if (barrier !== undefined) this.to(barrier);
  }

  toggle() {
    if (this.#playing) this.stop();
    else this.#run();
  }

  get isPlaying() {
    return this.#playing !== 0;
  }

  stop() {
    this.#playing = 0;
    setText(this.play, "Play");
  }

  async #run() {
    const play = ++this.#plays;
    this.#playing = play;
    setText(this.play, "Pause");
    while (this.#playing === play && this.target() < this.steps) {
      const speed = Number(this.speed.value);
      const frames = Math.min(speed, FRAMES);
      const pause = new Promise((done) => setTimeout(done, 1000 / frames));
      await this.go(Math.min(this.steps, this.target() + Math.round(speed / frames)));
      await pause;
    }
    if (this.#playing === play) this.stop();
  }

  /** A key that was pressed anywhere in the microscope. */
  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    const { target, key } = event;
    if (target.matches("select, input:not([type=range])")) return;
    if (key === " " && target.matches("button, summary, a")) return; // it presses what has the focus
    const act = {
      ArrowRight: () => this.to(this.target() + 1),
      ArrowLeft: () => this.to(this.target() - 1),
      n: () => this.to(this.target() + 1),
      p: () => this.to(this.target() - 1),
      " ": () => this.toggle(),
      b: () => this.toBarrier(),
      Home: () => this.to(0),
      End: () => this.to(this.steps),
    }[key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

/** A button that cannot be used now keeps the focus: a key that is held down must not end up elsewhere. */
function disable(button, isOff) {
  button.setAttribute("aria-disabled", String(isOff));
}
