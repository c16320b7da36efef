// What the lab says of a text: whether it is right, what it costs beside the original, how far its goals are.

import { el } from "./dom.js";
import { integer, precise, three } from "./format.js";

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

/** An answer of /api/lab; lines that are named are marked in the editor, and lead there. */
export function verdictOf({ trial, counts, sizes, goals }, editor) {
  return [
    words(trial, editor),
    counts && table(counts, sizes),
    goals.map(({ goal, count, reached }) =>
      el(
        "p",
        { class: reached ? "good" : "alert" },
        `Goal: ${goal}. It is ${three(count)}${reached ? ": reached." : ", not yet."}`,
      ),
    ),
  ];
}

function words(trial, editor) {
  const { verdict, right, cases } = trial;
  const ofCase = (text) => el("p", { class: "hint" }, `In the case: ${text}`);
  if (verdict === "right") {
    const text = `Right: equal to the definition in ${right} of ${cases} trials, and nothing was found.`;
    return el("p", { class: "good" }, text);
  }
  if (verdict === "refused") {
    return el("p", { class: "alert" }, "Not valid: ", lines(trial.line ? [trial.line] : [], editor), trial.what);
  }
  if (verdict === "found") {
    return [
      trial.findings.map(({ lines: where, what, count }) =>
        el("p", { class: "alert" }, "Found: ", lines(where, editor), what, count > 1 ? `, ${integer(count)} times` : ""),
      ),
      ofCase(trial.case),
    ];
  }
  const { got, expected, count, len, thread, group, line } = trial;
  const who =
    thread === null
      ? "No thread writes it."
      : [`Thread ${thread} of group ${group.join(", ")} writes it: `, lines([line], editor)];
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
function lines(numbers, editor) {
  return numbers.flatMap((line) => {
    editor.mark(line);
    const onclick = () => editor.goTo(line);
    return [el("button", { type: "button", class: "quiet small", onclick }, `line ${line}`), " "];
  });
}

function table({ edited, original }, { layer, image_size: size, batch }) {
  const rows = COUNTS.map(([key, name]) => {
    const [one, other] = [edited[key], original[key]];
    const share = other > 0 ? three(one / other) : "–";
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      [number(one), number(other), share].map((text) => el("td", { class: "number" }, text)),
    );
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
