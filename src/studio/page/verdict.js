// What the lab says of a text: whether it is right, what it costs beside the original, how far its goals are.

import { el } from "./dom.js";
import { integer, NONE, precise, short, three } from "./format.js";
import { wordsBox } from "./words.js";

/** [key, the word of goals, what it is, whether it is an average or a size, which stays as it is] */
const COUNTS = [
  ["multiply_adds", "", "multiply-adds"],
  ["accesses", "accesses", "loads and stores of buffers"],
  ["sectors", "sectors", "pieces of 32 bytes that these touch"],
  ["shared", "shared", "loads and stores of workgroup memory"],
  ["conflicts", "conflicts", "these take so many times as long"],
  ["barriers", "barriers", "that groups pass"],
  ["instructions", "instructions", "of subgroups"],
  ["active", "active", "share of a subgroup’s threads"],
  ["group_threads", "", "threads of a group"],
  ["group_bytes", "", "bytes of its workgroup memory"],
];
const number = (value) => (Number.isInteger(value) || value >= 1000 ? short(value) : three(value));
/** "y[0, 3, 1]" */
const placeOf = ({ name, place }) => `${name}[${place.join(", ")}]`;

/** An answer of /api/lab; lines that are named are marked in the editor, and lead there. */
export function verdictOf({ trial, counts, layer, goals }, editor) {
  return [
    words(trial, editor),
    counts && table(counts, layer, goals),
    counts && counts.notes.map((note) => el("p", { class: "hint" }, `${note[0].toUpperCase()}${note.slice(1)}.`)),
    counts && wordsBox(),
    goals.map(({ goal, count, reached }) =>
      el(
        "p",
        { class: reached ? "good" : "alert" },
        `Goal: ${goal}. ${count === null ? "The original has none" : `It is ${three(count)}`}${reached ? ": reached." : ", not yet."}`,
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
  const { got, expected, count, len, thread, group, line, hint } = trial;
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
    hint && el("p", { class: "hint" }, `${hint[0].toUpperCase()}${hint.slice(1)}.`),
    ofCase(trial.case),
  ];
}

/** Buttons that lead to lines, which are marked. */
function lines(numbers, editor) {
  return numbers.flatMap((line) => {
    editor.mark(line);
    const onclick = () => editor.goTo(line);
    return [el("button", { type: "button", class: "small lab-line", onclick }, `line ${line}`), " "];
  });
}

/** "conv2 of one picture of 64 × 64 pixels" */
export function sizesOf({ name, pictures, image_size: size }) {
  return `${name} of ${pictures === 1 ? "one picture" : `${pictures} pictures`} of ${size} × ${size} pixels`;
}

function table({ edited, original }, layer, goals) {
  const wanted = goals.map(({ goal }) => goal.split(" ")[0]);
  const rows = COUNTS.map(([key, word, what]) => {
    // Without workgroup memory there is nothing that conflicts.
    const [one, other] = [edited, original].map((of) => (key === "conflicts" && of.shared === 0 ? null : of[key]));
    const share = one !== null && other > 0 ? three(one / other) : NONE;
    const isGoal = wanted.includes(word);
    return el(
      "tr",
      { class: isGoal ? "lab-goal" : null },
      el("th", { scope: "row" }, word && el("strong", {}, word), word && ": ", what, isGoal && " (goal)"),
      [one, other].map((value) =>
        el("td", { class: "number", title: value >= 1e6 ? integer(value) : null }, value === null ? NONE : number(value)),
      ),
      el("td", { class: "number" }, share),
    );
  });
  const head = ["Count", "This", "Original", "Share"].map((text) => el("th", { scope: "col" }, text));
  return el(
    "table",
    { class: "lab-counts" },
    el("caption", {}, sizesOf(layer)),
    el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, rows),
  );
}
