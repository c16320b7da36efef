// What the test pictures are and what the network said: a matrix of few classes, and the most frequent mistakes of many.

import { el } from "./dom.js";
import { count, integer, percent } from "./format.js";

/** Classes of a matrix with shares, and of one with numbers alone; beyond, the mistakes are listed, as in a terminal. */
const [FEW, MOST] = [4, 16];
/** Mistakes of the list, and how many of them are not folded. */
const [LISTED, SHOWN] = [20, 6];

/** The nodes for a run's matrix. */
export function confusionOf({ confusion, classes: named }) {
  const classes = named ?? confusion.map((_, i) => `class ${i}`);
  if (classes.length <= FEW) return [wholeTable(confusion, classes)];
  const mistakes = mistakesList(confusion, classes);
  return classes.length > MOST ? [mistakes] : [smallTable(confusion, classes), mistakes];
}

const caption = () => el("caption", {}, "Confusion matrix: what the pictures are, and what the network said");
const sumOf = (counts) => counts.reduce((sum, n) => sum + n, 0);

function wholeTable(confusion, classes) {
  const head = el(
    "tr",
    {},
    el("td", {}),
    classes.map((name) => el("th", { scope: "col" }, `named ${name}`)),
  );
  const rows = confusion.map((counts, i) => {
    const total = sumOf(counts);
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, `true ${classes[i]}`),
      counts.map((n, j) =>
        el(
          "td",
          { class: i === j ? "right" : "wrong", style: { "--share": total ? n / total : 0 } },
          el("strong", {}, integer(n)),
          el("span", { class: "hint" }, total ? percent(n / total, 0) : ""),
        ),
      ),
    );
  });
  return el("table", { id: "confusion-table" }, caption(), el("thead", {}, head), el("tbody", {}, rows));
}

/** Numbers alone, the names of the columns upright; where there is no room for it, the list says the same. */
function smallTable(confusion, classes) {
  const name = (attributes, words, text) =>
    el("th", attributes, el("span", { class: "hidden-text" }, `${words} `), el("span", { class: "matrix-name", title: text }, text));
  const rows = confusion.map((counts, i) => {
    const total = sumOf(counts);
    return el(
      "tr",
      {},
      name({ scope: "row" }, "true", classes[i]),
      counts.map((n, j) =>
        el("td", { class: i === j ? "right" : n ? "wrong" : null, style: { "--share": total ? n / total : 0 } }, n ? integer(n) : "·"),
      ),
    );
  });
  return el(
    "table",
    { id: "confusion-table", class: `matrix ${classes.length > 10 ? "wide" : ""}` },
    caption(),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("td", {}, "is ↓ named →"),
        classes.map((each) => name({ scope: "col" }, "named", each)),
      ),
    ),
    el("tbody", {}, rows),
  );
}

/** [{n, i, j}]: how many pictures of class i were named j, the most first. */
export function mistakesOf(confusion) {
  const all = confusion.flatMap((counts, i) => counts.map((n, j) => ({ n, i, j })));
  return all.filter(({ n, i, j }) => n > 0 && i !== j).toSorted((a, b) => b.n - a.n || a.i - b.i || a.j - b.j);
}

function mistakesList(confusion, classes) {
  const all = mistakesOf(confusion);
  const line = ({ n, i, j }) =>
    el(
      "li",
      {},
      el("strong", {}, integer(n)),
      el("span", {}, `${classes[i]}, named ${classes[j]} `, el("span", { class: "hint" }, `${percent(n / sumOf(confusion[i]), 0)} of its pictures`)),
    );
  const [shown, folded] = [all.slice(0, SHOWN), all.slice(SHOWN, LISTED)];
  const left = all.length - shown.length - folded.length;
  return el(
    "section",
    { class: "frequent", "aria-labelledby": "frequent-title" },
    el("h4", { id: "frequent-title" }, "Most often taken for something else"),
    !all.length && el("p", { class: "hint" }, "None: every test picture was named correctly."),
    el("ol", { class: "frequent-list" }, shown.map(line)),
    folded.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, `${folded.length} more`),
        el("ol", { class: "frequent-list" }, folded.map(line)),
        left > 0 && el("p", { class: "hint" }, `and ${count(left, "other")}, which are rarer`),
      ),
  );
}
