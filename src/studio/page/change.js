// "Change this shader": the lab below the microscope, and the exercises of the same kernel.

import { el, replace } from "./dom.js";
import { exercisesOf } from "./exercises.js";
import { Lab } from "./lab.js";

export class Change {
  #opened = null; // the shader under the microscope

  /** `of()` is the layer at whose size a shader is counted and timed. */
  constructor(of) {
    this.lab = new Lab({ of });
    this.exercises = el("p", { class: "lab-exercises" });
    this.node = el(
      "details",
      { class: "lab-box", ontoggle: () => this.#show() },
      el("summary", {}, "Change this shader"),
      el(
        "p",
        { class: "hint" },
        "It is tried by an interpreter on small sizes, and changes no run: is it valid, do threads get in each other’s way, is every value right, and what does it cost beside the original? No device runs it, unless it is right and you ask for its time.",
      ),
      this.exercises,
      this.lab.node,
    );
  }

  /** Another thread is under the microscope, or another shader. */
  open(opened) {
    this.#opened = opened;
    this.#show();
  }

  async #show() {
    if (!this.node.open) return;
    const { kernel } = this.#opened;
    this.lab.open(this.#opened);
    const buttons = await exercisesOf(kernel);
    if (kernel === this.#opened.kernel) replace(this.exercises, buttons);
  }
}
