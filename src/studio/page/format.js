// Numbers as text. Everything that changes while training keeps its width: see also tabular-nums in style.css.

const MINUS = "\u2212";
const GROUPS = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const NONE = "–";
const missing = (x) => x === null || x === undefined || Number.isNaN(x);

/** 33932545 -> 33,932,545 */
export const integer = (x) => (missing(x) ? NONE : GROUPS.format(x));

/** A loss: 0.1234. */
export const loss = (x) => (missing(x) ? NONE : x.toFixed(4));

/** 0.9512 -> 95.1 % */
export const percent = (x, digits = 1) => (missing(x) ? NONE : `${(100 * x).toFixed(digits)} %`);

/** Three digits that matter, as for speeds and times: 123, 12.3, 1.23, 0.123, 0.0123. */
export function three(x) {
  if (missing(x)) return NONE;
  if (Math.abs(x) >= 1000) return GROUPS.format(x);
  const size = Math.abs(x);
  return x.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size === 0 ? 2 : size >= 0.1 ? 3 : 4);
}

/** A large number in three digits, as 33.6 M; a small one whole. */
export function short(x) {
  if (missing(x)) return NONE;
  const [unit, size] = [["G", 1e9], ["M", 1e6]].find(([, least]) => x >= least) ?? ["", 1];
  return unit ? `${three(x / size)}\u00a0${unit}` : integer(x);
}

/** A number of a calculation: four digits that matter and a true minus sign. What is not finite is a word in JSON. */
export function precise(x) {
  if (typeof x === "string") return x.replace("-", MINUS);
  if (x === null || x === undefined) return NONE;
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x < 0 ? `${MINUS}inf` : "inf";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text =
    size >= 1e5 || size < 1e-4
      ? size.toExponential(2)
      : size.toFixed(Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(size)))));
  return (x < 0 ? MINUS : "") + text;
}

/** Seconds as 0:09, 3:05 or 1:02:03. */
export function duration(seconds) {
  if (missing(seconds) || !Number.isFinite(seconds)) return NONE;
  const s = Math.max(0, Math.round(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** The same of what is over; short ones to the tenth of a second: 0.4 s. */
export const timeTaken = (seconds) =>
  !missing(seconds) && seconds < 9.95 ? `${seconds.toFixed(1)} s` : duration(seconds);

/** 1 picture, 2 pictures; with the plural where it is another: 3 classes */
export const count = (n, word, words = `${word}s`) => `${integer(n)} ${n === 1 ? word : words}`;

/** [64, 32, 32] -> 64 × 32 × 32 */
export const shape = (sizes) => sizes.map(integer).join(" × ");
