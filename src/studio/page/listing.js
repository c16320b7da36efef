// The shader under the microscope: its lines, the one that comes next, the one that was executed last, and the calls
// around it.

import { el, replace } from "./dom.js";
import { highlight } from "./highlight.js";

const MARGIN = 4; // lines that stay in sight above and below the marked one

export class Listing {
  #source = null;
  #marked = [];
  #ends = new Map(); // from the first line of a longer statement to its last

  constructor() {
    this.file = el("code", { class: "hint" });
    this.code = el("code", {});
    this.pre = el("pre", { class: "code listing", tabindex: "0", role: "region" }, this.code);
    this.node = el("div", { class: "micro-code" }, el("div", { class: "code-head" }, "WGSL", this.file), this.pre);
  }

  open({ file, source, statements }) {
    this.#ends = new Map(statements);
    if (this.#source === source) return;
    this.#source = source;
    this.#marked = [];
    replace(this.file, file);
    replace(this.code, highlight(source, "wgsl"));
    this.lines = [...this.code.querySelectorAll(".line")];
    this.pre.setAttribute("aria-label", `${file}: the line that comes next is marked`);
  }

  show({ line, done, calls }) {
    for (const node of this.#marked) {
      node.classList.remove("now", "done", "caller");
      node.removeAttribute("aria-current");
    }
    this.#marked = [];
    for (const [, from] of calls) this.#mark(from, "caller");
    this.#mark(done, "done");
    this.#mark(line, "now")?.setAttribute("aria-current", "step");
    this.#scroll(line ?? done);
  }

  /** Marks a statement, all its lines. */
  #mark(line, name) {
    if (!line) return null;
    const nodes = this.lines.slice(line - 1, this.#ends.get(line) ?? line);
    nodes.forEach((node) => node.classList.add(name));
    this.#marked.push(...nodes);
    return nodes[0];
  }

  /** Scrolls the box, and only the box, and only where the line is not well in sight. */
  #scroll(line) {
    const node = line ? this.lines[line - 1] : null;
    if (!node) return;
    const { top, bottom, height } = node.getBoundingClientRect();
    const box = this.pre.getBoundingClientRect();
    const margin = MARGIN * Math.min(height, 24);
    if (top - margin >= box.top && bottom + margin <= box.bottom) return;
    this.pre.scrollTop += top - box.top - this.pre.clientHeight / 3;
  }
}
