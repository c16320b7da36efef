// The lab: a shader that is edited here, tried by the server's interpreter, and counted beside the original.

import { post } from "./api.js";
import { el, replace, setText } from "./dom.js";
import { Editor } from "./editor.js";
import { Timing } from "./timing.js";
import { verdictOf } from "./verdict.js";

export class Lab {
  #question = 0; // answers to earlier ones are dropped
  #of = null; // the shader that is edited

  #tried = ""; // the text that the verdict is about

  /**
   * `onText(text)` after each change; `onAnswer(answer)` gives more to show below it; `of()` is the layer at whose size a
   * text is counted and timed, as /api/lab takes it, or null.
   */
  constructor({ back = "Back to the original", onText, onAnswer, of = () => null } = {}) {
    Object.assign(this, { onText, onAnswer, of });
    this.timing = new Timing();
    const onInput = () => {
      this.onText?.(this.editor.text);
      // Only what was tried is timed.
      this.timing.node.hidden = this.editor.text !== this.#tried;
    };
    this.editor = new Editor("The shader, to be changed", onInput, () => this.#try());
    this.start = el("button", { type: "button", class: "primary lab-try", onclick: () => this.#try() }, "Try it");
    this.verdict = el("div", { class: "lab-verdict", role: "status" });
    this.node = el(
      "div",
      { class: "lab" },
      this.editor.node,
      el(
        "div",
        { class: "buttons" },
        this.start,
        el("button", { type: "button", class: "lab-back", onclick: () => this.#back() }, back),
        el("span", { class: "hint" }, el("kbd", {}, "Ctrl Enter"), " tries it"),
      ),
      this.verdict,
    );
  }

  /** Another shader; `text` is what was made of it already. What is edited of the same one stays. */
  open({ kernel, rung, source, text = source }) {
    const { kernel: ofKernel, rung: ofRung, source: ofSource } = this.#of ?? {};
    if (kernel === ofKernel && rung === ofRung && source === ofSource) return;
    this.#of = { kernel, rung, source };
    this.#set(text);
  }

  #back() {
    this.#set(this.#of.source);
    this.onText?.(this.#of.source);
  }

  #set(text) {
    this.#question++;
    this.start.disabled = false;
    this.editor.text = text;
    replace(this.verdict);
  }

  async #try() {
    if (this.start.disabled) return;
    const question = ++this.#question;
    const { kernel, rung } = this.#of;
    this.start.disabled = true;
    setText(this.verdict, "Trying …");
    try {
      const text = this.editor.text;
      const answer = await post("/api/lab", { kernel, rung, text, of: this.of() });
      if (question === this.#question) this.#show(answer, { kernel, rung, text });
    } catch (why) {
      if (question === this.#question) replace(this.verdict, el("p", { class: "alert" }, why.message));
    } finally {
      if (question === this.#question) this.start.disabled = false;
    }
  }

  #show(answer, what) {
    this.editor.colour();
    const isTimed = answer.trial.verdict === "right" && answer.counts !== null;
    this.#tried = what.text;
    this.timing.node.hidden = this.editor.text !== what.text;
    if (isTimed) this.timing.open({ ...what, of: this.of() });
    replace(
      this.verdict,
      verdictOf(answer, this.editor),
      this.onAnswer?.(answer),
      isTimed && this.timing.node,
    );
    this.editor.showMarked();
    this.verdict.scrollIntoView({ block: "nearest" }); // what was found may lie below what is in sight
  }
}
