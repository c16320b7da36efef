// How long a shader takes on a device, beside the original: never unless somebody asks for it.

import { post } from "./api.js";
import { el, replace, setText } from "./dom.js";
import { three } from "./format.js";
import { sizesOf } from "./verdict.js";

let adapters = []; // [{value, label}] of the devices that run shaders

/** The devices of /api/state. */
export function setTimingDevices(devices) {
  adapters = devices.filter(({ value }) => value !== "auto" && value !== "cpu");
}

export class Timing {
  #question = 0; // answers to earlier ones are dropped
  #what = null; // {kernel, rung, text, of}

  constructor() {
    this.device = el("select", { "aria-label": "Device that times it", onchange: () => this.#name() });
    this.start = el("button", { type: "button", class: "lab-time", onclick: () => this.#time() });
    this.note = el("span", { class: "hint" });
    this.result = el("div", { class: "lab-times", role: "status" });
    this.node = el(
      "div",
      { class: "lab-timing" },
      el("div", { class: "buttons" }, this.start, this.device),
      this.note,
      this.result,
    );
  }

  /** What can be timed now: a text that was right; `of` is the layer that says the sizes, or null for an exercise's. */
  open(what) {
    this.#question++;
    this.#what = what;
    replace(this.result);
    const chosen = this.device.value || document.getElementById("inside-device").value;
    replace(
      this.device,
      adapters.map(({ value, label }) => el("option", { value, selected: value === chosen }, label)),
    );
    this.device.hidden = adapters.length < 2;
    this.start.hidden = adapters.length === 0;
    this.#name();
  }

  #name() {
    const { label } = adapters.find(({ value }) => value === this.device.value) ?? {};
    setText(this.start, `Time it on ${label}`);
    this.start.disabled = false;
    setText(
      this.note,
      label
        ? `It is tried again, then run by the interpreter at the sizes above, and only then by the device, beside the original. No run goes on meanwhile.`
        : "This machine has no device that runs shaders, so nothing is timed.",
    );
  }

  async #time() {
    const question = ++this.#question;
    this.start.disabled = true;
    setText(this.result, "Timing …");
    try {
      const answer = await post("/api/lab/time", { ...this.#what, device: this.device.value });
      if (question === this.#question) replace(this.result, shown(answer));
    } catch (why) {
      if (question === this.#question) replace(this.result, el("p", { class: "alert" }, why.message));
    } finally {
      if (question === this.#question) this.start.disabled = false;
    }
  }
}

function shown({ device, times, layer }) {
  const { edited, original, ratio, ratio_low: low, ratio_high: high } = times;
  const ms = (seconds) => `${three(seconds * 1e3)} ms`;
  const rows = [
    ["This", ms(edited.median), `${ms(edited.low)} to ${ms(edited.high)}`],
    ["Original", ms(original.median), `${ms(original.low)} to ${ms(original.high)}`],
    ["This / original", three(ratio), `${three(low)} to ${three(high)}`],
  ];
  return [
    el(
      "table",
      { class: "lab-counts" },
      el("caption", {}, `${sizesOf(layer)}, on ${device}`),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ["Time of a call", "Median", "Spread"].map((text) => el("th", { scope: "col" }, text)),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map(([name, ...values]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, name),
            values.map((text) => el("td", { class: "number" }, text)),
          ),
        ),
      ),
    ),
    el(
      "p",
      { class: "hint" },
      `Both with all of wgpu’s checks on, in turns: ${edited.calls} and ${original.calls} calls. The spread is the middle half of the calls; that of the ratio, its smallest and largest of three turns.`,
    ),
  ];
}
