// What guessing would reach, as lines in the charts; and ranges of axes in which both the guess and the curve can be read.

import { colour } from "./dom.js";

/** How many classes the run tells apart; two where it does not say. */
const classesOf = (run) => run.classes?.length ?? run.config.classes?.length ?? 2;

/** The loss of giving every class the same probability. */
export const guessedLoss = (run) => Math.log(classesOf(run));

/** The accuracy of always naming the class with the most test pictures, or null where they were not counted. */
export function guessedAccuracy(run) {
  const counts = run.config.test_pictures_per_class ?? run.confusion?.map((row) => row.reduce((a, b) => a + b, 0));
  const total = counts?.reduce((a, b) => a + b, 0);
  return total ? Math.max(...counts) / total : null;
}

/** A dashed line across the chart. */
function line(name, x, y) {
  return {
    name,
    x,
    y: x.map(() => y),
    mode: "lines",
    line: { color: colour("muted"), width: 1.5, dash: "dash" },
    hoverinfo: "skip",
  };
}

/** The loss of guessing, over these ends of the axis. */
export const lossLine = (run, ends) => line(`guessing: ln ${classesOf(run)}`, ends, guessedLoss(run));

/** The accuracy of always naming the larger class, as a list of one line or none. */
export function accuracyLines(run, ends) {
  const share = guessedAccuracy(run);
  return share === null ? [] : [line("larger class", ends, share)];
}

const known = (values) => values.filter((value) => Number.isFinite(value));

/** The value that a share of all values does not pass. */
function quantile(values, share) {
  const sorted = known(values).toSorted((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : 0;
}

/** Few steps may be out of sight: those of the first steps, or before a divergence, would flatten all others. */
const IN_SIGHT = 0.98;

/**
 * A range for losses in which guessing can be seen too, `[low, high]`, and how many of `steps` are above it. On a
 * logarithmic axis it is in powers of ten, as Plotly takes it.
 */
export function lossRange(run, steps, others, isLogarithmic) {
  const usual = Math.max(guessedLoss(run), quantile(steps, IN_SIGHT));
  const high = Math.max(usual, Math.min(3 * usual, Math.max(0, ...known(others)))) * 1.1;
  const hidden = steps.filter((loss) => loss > high).length;
  const least = Math.min(guessedLoss(run), ...known([...others, ...steps]));
  // From zero, unless all of the story would be in the upper half.
  const from = least - 0.2 * (high - least);
  if (!isLogarithmic) return { range: [from > 0.4 * high ? from : 0, high], hidden };
  const low = Math.max(1e-6, least / 1.5);
  return { range: [Math.log10(low), Math.log10(high)], hidden };
}

/** A range for accuracies: up to all, and down to the least of them or of guessing. */
export function accuracyRange(run, values) {
  const least = Math.min(0.9, guessedAccuracy(run) ?? 0.5, ...known(values));
  return [Math.max(0, Math.floor(least * 20 - 1) / 20), 1.02];
}
