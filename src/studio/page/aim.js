// What the microscope is pointed at: kernel, rung, pass, class of the picture, and an element of the output.

import { el, fill, replace, setText } from "./dom.js";
import { integer, shape } from "./format.js";

const SUBGROUPS = [8, 32, 64];

export class Aim {
  /** `onAim(changes)` with what was chosen anew. */
  constructor(onAim) {
    this.onAim = onAim;
    this.kernel = menu("Kernel", (kernel) => onAim({ kernel, rung: null, element: 0, thread: null }));
    this.rung = menu("Rung", (rung) => onAim({ rung, thread: null }));
    this.pass = menu("Pass", (pass) => this.#choosePass(Number(pass)));
    this.label = menu("Picture taken for", (label) => onAim({ label: Number(label) }));
    this.subgroup = menu("Subgroup", (size) => onAim({ subgroup: Number(size) }));
    this.name = el("code", {});
    this.fields = el("span", { class: "micro-index" });
    this.note = el("span", { class: "hint" });
    this.element = el("div", { class: "micro-element", role: "group" }, this.name, this.fields, this.note);
    this.owner = el("p", { class: "micro-owner" });
    this.node = el(
      "div",
      { class: "micro-aim" },
      [this.kernel, this.rung, this.pass, this.label, this.subgroup].map(({ node }) => node),
      this.element,
      this.owner,
    );
  }

  update(opened, aim) {
    this.opened = opened;
    const { kernels, kernel, rungs, rung, passes, pass, classes, label, subgroup, output, group, thread } = opened;
    this.kernel.fill(
      kernels.map((name) => [name, name]),
      kernel,
    );
    this.rung.fill(
      rungs.map((name) => [name, name]),
      rung,
    );
    this.pass.fill(
      passes.map(({ entry }, i) => [i, `${i + 1}: ${entry}`]),
      pass,
    );
    this.pass.node.hidden = passes.length < 2;
    this.label.fill(
      classes.map((name, i) => [i, name]),
      label,
    );
    this.label.node.hidden = !kernel.includes(".backward");
    this.subgroup.fill(
      SUBGROUPS.map((size) => [size, `${size} threads`]),
      subgroup,
    );
    this.#showElement(output);
    const groups = shape(passes[pass].groups);
    const place = `thread ${thread} of group (${group.join(", ")}) of ${groups}`;
    const ofPass = passes.length > 1 ? `, pass ${pass + 1} of ${passes.length}` : "";
    replace(
      this.owner,
      aim.thread ? [`Shown is ${place}${ofPass}. `, this.#back(output.name)] : `It is computed by ${place}${ofPass}.`,
    );
  }

  #back(name) {
    const onclick = () => this.onAim({ thread: null });
    return el(
      "button",
      { type: "button", class: "small", onclick },
      `Back to the thread that owns this value of ${name}`,
    );
  }

  /** The first thread of another pass: which of them feeds the element, only its code says. */
  #choosePass(pass) {
    this.onAim({ thread: { pass, group: [0, 0, 0], thread: 0 } });
  }

  #showElement({ name, shape: sizes, element }) {
    setText(this.name, name);
    setText(this.note, `of ${shape(sizes)}, element ${integer(element)}`);
    this.element.setAttribute("aria-label", `Element of ${name}`);
    const index = indexOf(element, sizes);
    replace(this.fields, "[");
    this.inputs = sizes.map((size, i) =>
      el("input", {
        type: "text",
        inputmode: "numeric",
        value: index[i],
        disabled: size === 1,
        style: { "inline-size": `${String(size - 1).length + 2}ch` },
        "aria-label": `Index ${i + 1} of ${sizes.length} of ${name}, from 0 to ${size - 1}`,
        onchange: () => this.#choose(sizes),
      }),
    );
    this.inputs.forEach((input, i) => fill(this.fields, i > 0 && ", ", input));
    fill(this.fields, "]");
  }

  #choose(sizes) {
    const index = this.inputs.map(({ value }) => Number(value));
    const wrong = index.findIndex((at, i) => !Number.isInteger(at) || at < 0 || at >= sizes[i]);
    this.inputs.forEach((input, i) => input.setAttribute("aria-invalid", String(i === wrong)));
    if (wrong >= 0) return setText(this.note, `index ${wrong + 1} goes from 0 to ${sizes[wrong] - 1}`);
    this.onAim({ element: index.reduce((flat, at, i) => flat * sizes[i] + at, 0), thread: null });
  }
}

/** The coordinates of a flat index: [7, 2, 3] */
export function indexOf(flat, sizes) {
  const index = [];
  for (const size of [...sizes].reverse()) {
    index.unshift(flat % size);
    flat = Math.floor(flat / size);
  }
  return index;
}

/** A menu with its label. */
function menu(title, onChoice) {
  const select = el("select", { onchange: () => onChoice(select.value) });
  let key = "";
  return {
    node: el("label", {}, title, select),
    fill(options, chosen) {
      // The same options stay: the focus is on one of them.
      if (key !== JSON.stringify(options)) {
        key = JSON.stringify(options);
        replace(
          select,
          options.map(([value, text]) => el("option", { value }, text)),
        );
      }
      select.value = chosen;
    },
  };
}
