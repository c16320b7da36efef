// The lab: a shader that is edited here, tried by the server's interpreter, and counted beside the original.

import { post } from "./api.js";
import { el, replace, setText } from "./dom.js";
import { integer, precise, three } from "./format.js";
import { highlight } from "./highlight.js";

const COUNTS = [
  ["multiply_adds", "Multiply-adds"],
  ["accesses", "Loads and stores of buffers"],
  ["sectors", "Pieces of 32 bytes of these"],
  ["shared", "Loads and stores of workgroup memory"],
  ["conflicts", "Bank conflicts, times as long"],
  ["barriers", "Barriers"],
  ["instructions", "Instructions of subgroups"],
  ["active", "Share of active lanes"],
];
const number = (value) => (Number.isInteger(value) ? integer(value) : three(value));
/** "y[0, 3, 1]" */
const placeOf = ({ name, place }) => `${name}[${place.join(", ")}]`;

export class Lab {
  #question = 0; // answers to earlier ones are dropped
  #of = null; // the shader that is edited

  constructor() {
    this.under = el("code", {});
    this.text = el("textarea", {
      class: "lab-text",
      "aria-label": "The shader, to be changed",
      spellcheck: "false",
      autocomplete: "off",
      wrap: "off",
      oninput: () => this.#colour(),
      onscroll: () => this.#follow(),
      onkeydown: (event) => {
        event.stopPropagation(); // keys of the microscope are letters here
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#try();
      },
    });
    this.pre = el("pre", { class: "code lab-under", "aria-hidden": "true" }, this.under);
    this.start = el("button", { type: "button", class: "primary lab-try", onclick: () => this.#try() }, "Try it");
    this.verdict = el("div", { class: "lab-verdict", role: "status" });
    this.node = el(
      "details",
      { class: "lab", ontoggle: () => this.node.open && this.#colour() },
      el("summary", {}, "Change this shader"),
      el(
        "p",
        { class: "hint" },
        "It is tried by an interpreter on small sizes, never on a device, and changes no run: is it valid, do threads get in each other’s way, is every value right, and what does it cost beside the original?",
      ),
      el("div", { class: "lab-editor" }, this.pre, this.text),
      el(
        "div",
        { class: "buttons" },
        this.start,
        el("button", { type: "button", class: "lab-back", onclick: () => this.#back() }, "Back to the original"),
        el("span", { class: "hint" }, el("kbd", {}, "Ctrl Enter"), " tries it"),
      ),
      this.verdict,
    );
  }

  /** Another shader is under the microscope; what was edited of the same one stays. */
  open({ kernel, rung, source }) {
    const { kernel: ofKernel, rung: ofRung } = this.#of ?? {};
    if (kernel === ofKernel && rung === ofRung) return;
    this.#of = { kernel, rung, source };
    this.#back();
  }

  #back() {
    this.#question++;
    this.start.disabled = false;
    this.text.value = this.#of.source;
    replace(this.verdict);
    this.#colour();
  }

  #colour() {
    if (!this.node.open) return;
    replace(this.under, highlight(`${this.text.value}\n `, "wgsl"));
    this.#follow();
  }

  #follow() {
    this.pre.scrollTop = this.text.scrollTop;
    this.pre.scrollLeft = this.text.scrollLeft;
  }

  async #try() {
    if (this.start.disabled) return;
    const question = ++this.#question;
    const { kernel, rung } = this.#of;
    this.start.disabled = true;
    setText(this.verdict, "Trying …");
    try {
      const answer = await post("/api/lab", { kernel, rung, text: this.text.value });
      if (question === this.#question) this.#show(answer);
    } catch (why) {
      if (question === this.#question) replace(this.verdict, el("p", { class: "alert" }, why.message));
    } finally {
      if (question === this.#question) this.start.disabled = false;
    }
  }

  #show({ trial, counts, sizes, goals }) {
    this.#colour();
    replace(
      this.verdict,
      this.#words(trial),
      counts && this.#table(counts, sizes),
      goals.map(({ goal, count, reached }) =>
        el("p", { class: reached ? "good" : "alert" }, `Goal: ${goal}. It is ${three(count)}${reached ? ": reached." : ", not yet."}`),
      ),
    );
  }

  #words(trial) {
    const { verdict, right, cases } = trial;
    const ofCase = (text) => el("p", { class: "hint" }, `In the case: ${text}`);
    if (verdict === "right") {
      return el("p", { class: "good" }, `Right: equal to the definition in ${right} of ${cases} trials, and nothing was found.`);
    }
    if (verdict === "refused") {
      return el("p", { class: "alert" }, "Not valid: ", this.#lines(trial.line ? [trial.line] : []), trial.what);
    }
    if (verdict === "found") {
      return [
        trial.findings.map(({ lines, what, count }) =>
          el("p", { class: "alert" }, "Found: ", this.#lines(lines), what, count > 1 ? `, ${integer(count)} times` : ""),
        ),
        ofCase(trial.case),
      ];
    }
    const { got, expected, count, len, thread, group, line } = trial;
    const who =
      thread === null ? "No thread writes it." : [`Thread ${thread} of group ${group.join(", ")} writes it: `, this.#lines([line])];
    return [
      el(
        "p",
        { class: "alert" },
        `Wrong: ${placeOf(trial)} is ${precise(got)}, and should be ${precise(expected)}. ${integer(count)} of ${integer(len)} values differ. `,
        who,
      ),
      ofCase(trial.case),
    ];
  }

  /** Buttons that lead to lines, which are marked. */
  #lines(lines) {
    const marked = this.under.querySelectorAll(".line");
    return lines.flatMap((line) => {
      marked[line - 1]?.classList.add("bad");
      return [el("button", { type: "button", class: "quiet small", onclick: () => this.#goTo(line) }, `line ${line}`), " "];
    });
  }

  #goTo(line) {
    const before = this.text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = this.text.value.indexOf("\n", before);
    this.text.focus();
    this.text.setSelectionRange(before, end < 0 ? this.text.value.length : end);
    this.text.scrollTop = (this.text.scrollHeight / this.text.value.split("\n").length) * (line - 5);
  }

  #table({ edited, original }, { layer, image_size: size, batch }) {
    const rows = COUNTS.map(([key, name]) => {
      const [one, other] = [edited[key], original[key]];
      const share = other > 0 ? three(one / other) : "–";
      return el("tr", {}, el("th", { scope: "row" }, name), [number(one), number(other), share].map((text) => el("td", { class: "number" }, text)));
    });
    const head = ["Count", "This", "Original", "Share"].map((text) => el("th", { scope: "col" }, text));
    return el(
      "table",
      { class: "lab-counts" },
      el("caption", {}, `${layer} of ${batch} pictures of ${size} × ${size} pixels`),
      el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows),
    );
  }
}
