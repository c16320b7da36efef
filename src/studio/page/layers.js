// One layer: what it is, its output as pictures or bars, the arithmetic of one unit, and the code that ran.

import { BarsView } from "./bars.js";
import { el, fill, setText } from "./dom.js";
import { filtersView } from "./filters.js";
import { integer, precise, shape } from "./format.js";
import { MapsView } from "./maps.js";
import { openMicroscope } from "./microscope.js";
import { SourceView } from "./source.js";
import { UnitView, classesOf } from "./unit.js";

const MOST_BARS = 1024; // more are no picture

export class LayerView {
  /** `isFirstConv`: whether its filters look at the picture itself. */
  constructor(layer, isFirstConv) {
    const { name, type, meaning, shape: sizes, parameters, index } = layer;
    this.name = name;
    this.title = el("h3", { id: `layer-${name}`, tabindex: "-1" }, name, " ", el("span", { class: "hint" }, type));
    this.values = el("span", {});
    this.lens = el("div", {});
    this.unit = new UnitView(name, (element, gradient) => {
      const { owner } = gradient?.layer ?? {};
      const aim = owner ? { ...owner, label: gradient.label, element } : { element };
      this.look(aim, () => this.unit.watch.focus());
    });
    this.output = this.#outputOf(layer);
    this.filters = el("div", {});
    this.source = new SourceView((kernel, rung) => this.#change(kernel, rung));
    this.node = el(
      "section",
      { class: "card layer", "aria-labelledby": `layer-${name}`, "data-layer": name, "data-index": index },
      el(
        "div",
        { class: "card-head" },
        this.title,
        el(
          "p",
          { class: "facts" },
          el("span", {}, shape(sizes)),
          el("span", {}, parameters ? `${integer(parameters)} parameters` : "no parameters"),
          this.values,
        ),
      ),
      el("p", { class: "hint" }, meaning),
      this.filters,
      this.output?.node,
      this.unit.node,
      this.lens,
      this.source.node,
    );
    this.isFirstConv = isFirstConv;
    this.isFilled = false;
  }

  #outputOf({ shape: sizes }) {
    const onUnit = (position) => this.unit.open(position);
    if (sizes.length === 3) return new MapsView(this.name, sizes, onUnit);
    return sizes[0] <= MOST_BARS ? new BarsView(this.name, sizes[0], onUnit) : null;
  }

  /** New numbers for the same layer: another picture, other weights; or `gradient`, {label, class, layer}, in their place. */
  update(info, layer, gradient = null) {
    const { min, max } = gradient?.layer ?? layer;
    setText(this.values, `${gradient ? "gradient" : "values"} from ${precise(min)} to ${precise(max)}`);
    if (this.output) this.output.classes = classesOf(info, layer);
    this.output?.update(info.inside, layer, gradient);
    this.unit.update(info, layer, this.output, gradient);
    this.source.update(layer, info, gradient);
    if (this.isFirstConv) this.#updateFilters(info.inside);
  }

  async #updateFilters(inside) {
    const node = await filtersView(inside);
    // Forgotten by now: what is shown stays, so that nothing jumps.
    if (!node) return;
    this.filters.replaceChildren();
    fill(this.filters, node);
  }

  /** Opens the microscope at a thread of one of the layer's kernels. */
  look(aim, onClose) {
    return openMicroscope(this.lens, { layer: this.name, ...aim }, onClose);
  }

  /** The same, where its shader is changed. */
  async #change(kernel, rung) {
    await this.look({ kernel, rung }, () => this.source.summary.focus());
    const box = this.lens.querySelector(".lab-box");
    if (!box) return;
    box.open = true;
    box.scrollIntoView({ block: "start" });
    box.querySelector("summary").focus({ preventScroll: true });
  }

  focus() {
    this.title.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "start" });
  }
}
