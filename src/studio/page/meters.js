// What the group has done so far, in numbers.

import { el, replace } from "./dom.js";
import { integer, percent, three } from "./format.js";

const bytes = (n) => (n < 1024 ? `${integer(n)} bytes` : `${three(n / 1024)} KiB`);
const conflict = ({ turns, least_turns: least }) => (least > 0 ? `${three(turns / least)} ×` : null);

export class Meters {
  constructor() {
    this.list = el("dl", { class: "micro-meters" });
    this.node = el("section", { class: "micro-part" }, el("h5", {}, "The group so far"), this.list);
  }

  show({ counts }) {
    const { loads, stores, texels, shared_loads: shared, shared_stores: sharedStores } = counts;
    const traffic = (name, { accesses, instructions, bytes: size }, always = false) =>
      (always || accesses > 0) && [
        name,
        integer(accesses),
        `by threads, in ${integer(instructions)} instructions of subgroups: ${bytes(size)}`,
      ];
    const sectors = (name, { sectors: all, least_sectors: least }, always = false) =>
      (always || all > 0) && [name, integer(all), `pieces of 32 bytes; ${integer(least)} would do`];
    const turns = (name, { turns: all, ...rest }) =>
      all > 0 && [name, conflict({ turns: all, ...rest }), "as long as without conflicts of 32 banks"];
    const rows = [
      [
        "Multiply-adds",
        integer(counts.multiply_adds),
        `and ${integer(counts.floats)} other operations on floats, ${integer(counts.integers)} on integers`,
      ],
      traffic("Loads", loads, true),
      sectors("Sectors loaded", loads, true),
      traffic("Texels", texels),
      traffic("Stores", stores),
      sectors("Sectors stored", stores),
      traffic("Workgroup loads", shared),
      turns("Bank conflicts, loads", shared),
      traffic("Workgroup stores", sharedStores),
      turns("Bank conflicts, stores", sharedStores),
      ["Barriers", integer(counts.barriers), ""],
      [
        "Active lanes",
        counts.instructions > 0 ? percent(counts.active, 0) : "–",
        "of a subgroup, on average over its instructions",
      ],
    ];
    replace(
      this.list,
      rows
        .filter(Boolean)
        .map(([name, value, note]) =>
          el(
            "div",
            {},
            el("dt", {}, name),
            el("dd", {}, el("strong", {}, value), " ", el("span", { class: "hint" }, note)),
          ),
        ),
    );
  }
}
