// The code of a layer: the WGSL that ran, its rung, dispatch, time and share of a training step, and the
// Rust reference beside it.

import { get } from "./api.js";
import { column, scrollToEntry, shaderColumn } from "./code.js";
import { el, replace, setText } from "./dom.js";
import { percent, three } from "./format.js";
import { onRun, shownRun } from "./watch.js";

const cache = new Map(); // kernel -> promise of its sources

function sourcesOf(kernel) {
  if (!cache.has(kernel)) {
    const answer = get(`/api/source?kernel=${encodeURIComponent(kernel)}`);
    answer.catch(() => cache.delete(kernel));
    cache.set(kernel, answer);
  }
  return cache.get(kernel);
}

const isCpu = ({ groups }) => groups === null;

export class SourceView {
  #kernel = null; // the kernel whose code is shown
  #key = "";

  /** `onChange(kernel, rung)` where somebody wants to change a shader. */
  constructor(onChange) {
    this.onChange = onChange;
    this.summary = el("summary", {}, "The code that ran");
    this.tabs = el("div", { class: "choices", role: "group", "aria-label": "Kernel" });
    this.facts = el("div", { class: "kernel-facts" });
    this.code = el("div", { class: "code-columns" });
    this.training = el("div", { class: "training-share" });
    this.node = el(
      "details",
      { class: "source", ontoggle: () => this.node.open && this.#show() },
      this.summary,
      this.tabs,
      this.facts,
      this.code,
      this.training,
    );
    onRun(({ types }) => {
      if (this.node.open && (types.has("kernels") || types.has("shown"))) this.#showTraining();
    });
  }

  /** `gradient` is what ran on the way back, {layer}, or null where nothing did. */
  update(layer, info, gradient = null) {
    Object.assign(this, { layer, info, ranBack: gradient?.layer.kernels ?? [] });
    this.gradient = gradient;
    this.node.hidden = layer.kernels.length === 0;
    const names = layer.kernels.map(({ kernel }) => kernel);
    const total = layer.kernels.reduce((sum, { ms }) => sum + (ms ?? 0), 0);
    const back = layer.backward.filter((kernel) => !this.#isFused(kernel));
    const way = back.length ? `; on the way back ${back.join(", ")}` : "";
    setText(this.summary, `The code that ran: ${names.join(", then ")} · ${three(total)} ms${way}`);
    const known = [...new Set([...names, ...back, layer.fused, ...layer.backward])].filter(Boolean);
    if (!known.includes(this.#kernel)) this.#kernel = names[0];
    replace(
      this.tabs,
      known.map((kernel) =>
        el(
          "button",
          {
            type: "button",
            class: "choice",
            "aria-pressed": String(kernel === this.#kernel),
            onclick: () => {
              this.#kernel = kernel;
              this.update(this.layer, this.info, this.gradient);
            },
          },
          this.#isFused(kernel) && !names.includes(kernel) ? `${kernel} (in training)` : kernel,
        ),
      ),
    );
    if (this.node.open) this.#show();
  }

  /** Whether it is a kernel of what training runs in the place of this layer and its neighbours. */
  #isFused(kernel) {
    const op = (name) => name?.split(".")[0];
    return op(kernel) === op(this.layer.fused) && !this.layer.kernels.some((ran) => op(ran.kernel) === op(kernel));
  }

  #show() {
    this.#showFacts();
    this.#showTraining();
    this.#showCode();
  }

  #showFacts() {
    const ran = [...this.layer.kernels, ...this.ranBack].filter(({ kernel }) => kernel === this.#kernel);
    const facts = ran.map((run) =>
      fact([
        ["Rung", run.rung],
        ["Pass", run.pass === run.kernel || run.kernel.endsWith(`.${run.pass}`) ? null : run.pass],
        ["Dispatch", run.groups ? `${run.groups.replaceAll("x", " × ")} groups` : "none, on the CPU"],
        ["Time", `${three(run.ms)} ms`],
        ["Speed", run.gflops ? `${three(run.gflops)} GFLOP/s` : null],
      ]),
    );
    const { fused } = this.layer;
    replace(
      this.facts,
      facts,
      ran.some(isCpu) &&
        el(
          "p",
          { class: "hint" },
          ran[0].rung === "reference"
            ? "This ran on the CPU: the Rust reference itself. The WGSL is what a GPU runs."
            : "This ran on the CPU, as native Rust that is quicker than the reference. The WGSL is what a GPU runs.",
        ),
      ran.length === 0 &&
        !this.#isFused(this.#kernel) &&
        el("p", { class: "hint" }, "This runs on the way back. To run it for this picture, let every layer show its gradient."),
      fused &&
        el(
          "p",
          { class: "hint" },
          this.#isFused(this.#kernel)
            ? "Training runs this kernel: convolution, ReLU and pooling in one, so that the large output in between never reaches memory."
            : `Here every step ran by itself, so that its output can be shown. Training runs ${fused} instead.`,
        ),
    );
  }

  #showTraining() {
    const event = shownRun()?.kernels;
    const rows = (event?.kernels ?? []).filter(({ layer }) => layer === this.layer.name);
    replace(
      this.training,
      !event
        ? el(
            "p",
            { class: "hint" },
            "This layer’s share of a training step is shown here once a training has been measured.",
          )
        : rows.length === 0
          ? el(
              "p",
              { class: "hint" },
              this.layer.fused
                ? `In training this is part of ${this.layer.fused}: its time is shown with the convolution before it.`
                : `In step ${event.step} of the training, nothing was measured here.`,
            )
          : [
              el(
                "h4",
                {},
                `In training, step ${event.step}: ${percent(rows.reduce((sum, { share }) => sum + share, 0))} of ${three(event.ms)} ms`,
              ),
              el(
                "div",
                {
                  class: "table-scroll",
                  tabindex: "0",
                  role: "region",
                  "aria-label": `Kernels of ${this.layer.name} in training`,
                },
                trainingTable(rows),
              ),
            ],
    );
  }

  async #showCode() {
    const kernel = this.#kernel;
    const inTraining = (shownRun()?.kernels?.kernels ?? []).filter(({ layer }) => layer === this.layer.name);
    const rung = [...this.layer.kernels, ...this.ranBack, ...inTraining].find((run) => run.kernel === kernel)?.rung;
    const key = `${kernel} ${rung}`;
    if (key === this.#key) return; // the numbers are new, the code is not: keep where it was scrolled to
    try {
      const { shader, entry, reference } = await sourcesOf(kernel);
      if (kernel !== this.#kernel) return;
      this.#key = key;
      const ran = shader.findIndex((candidate) => candidate.rung === rung);
      replace(
        this.code,
        shaderColumn(shader, Math.max(0, ran), ran, entry, (rung) => this.onChange(kernel, rung)),
        column(el("span", {}, "Reference, in Rust"), reference.file, reference.source, "rust", reference.function),
      );
      this.#scrollToCode();
    } catch (why) {
      replace(this.code, el("p", { class: "alert" }, why.message));
    }
  }

  #scrollToCode() {
    for (const pre of this.code.querySelectorAll("pre")) scrollToEntry(pre);
  }
}

function fact(pairs) {
  return el(
    "dl",
    { class: "pairs" },
    pairs.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

function trainingTable(rows) {
  return el(
    "table",
    { class: "kernels" },
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        ["Kernel", "Rung", "Groups", "ms", "Share", "GFLOP/s", "GB/s"].map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    el(
      "tbody",
      {},
      rows.map((row) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, row.kernel),
          el("td", {}, row.rung),
          el("td", {}, row.groups ?? "–"),
          [three(row.ms), percent(row.share), three(row.gflops), three(row.gbs)].map((text) =>
            el("td", { class: "number" }, text),
          ),
        ),
      ),
    ),
  );
}
