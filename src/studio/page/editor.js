// A field for code: the coloured text lies below the one that is edited.

import { el, replace } from "./dom.js";
import { highlight } from "./highlight.js";

export class Editor {
  /** `onInput()` after each change; `onTry()` when Ctrl Enter is pressed. */
  constructor(label, onInput, onTry) {
    this.under = el("code", {});
    this.field = el("textarea", {
      class: "lab-text",
      "aria-label": label,
      spellcheck: "false",
      autocomplete: "off",
      wrap: "off",
      oninput: () => {
        this.colour();
        onInput();
      },
      onscroll: () => this.#follow(),
      onkeydown: (event) => {
        event.stopPropagation(); // keys of the microscope are letters here
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onTry();
      },
    });
    this.pre = el("pre", { class: "code lab-under", "aria-hidden": "true" }, this.under);
    this.node = el("div", { class: "lab-editor" }, this.pre, this.field);
  }

  get text() {
    return this.field.value;
  }

  set text(text) {
    this.field.value = text;
    this.field.scrollTop = this.field.scrollLeft = 0;
    this.colour();
  }

  /** Colours the text anew, no line being marked. */
  colour() {
    replace(this.under, highlight(`${this.text}\n `, "wgsl"));
    this.#follow();
  }

  #follow() {
    this.pre.scrollTop = this.field.scrollTop;
    this.pre.scrollLeft = this.field.scrollLeft;
  }

  /** Marks a line in which something is wrong. */
  mark(line) {
    this.under.querySelectorAll(".line")[line - 1]?.classList.add("bad");
  }

  /** Scrolls to the first line that is marked, if it is not in sight. */
  showMarked() {
    const first = [...this.under.querySelectorAll(".line")].findIndex((line) => line.classList.contains("bad"));
    if (first < 0) return;
    const height = this.field.scrollHeight / this.text.split("\n").length;
    const top = first * height - this.field.scrollTop;
    if (top < 0 || top > this.field.clientHeight - 2 * height) this.field.scrollTop = (first - 4) * height;
  }

  goTo(line) {
    const lines = this.text.split("\n");
    const before = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = this.text.indexOf("\n", before);
    this.field.focus();
    this.field.setSelectionRange(before, end < 0 ? this.text.length : end);
    this.field.scrollTop = (this.field.scrollHeight / lines.length) * (line - 5);
  }
}
