// When the network hardly prefers a class, an answer must not look like one.

import { percent } from "./format.js";

/** A lead over the second class of less than this is no answer: of two classes, 40 to 60 %. */
const UNSURE = 0.2;

/** Whether the network hardly prefers a class. */
export function isUnsure({ scores }) {
  const [first, second = 0] = scores.toSorted((a, b) => b - a);
  return first - second < UNSURE;
}

/** The answer in words. */
export const saysHow = (result) =>
  `${isUnsure(result) ? "unsure, rather " : ""}${result.class}, ${percent(result.probability)}`;

/** The numbers of the classes, that of the highest score first. */
export const ranked = (scores) => scores.map((_, i) => i).toSorted((a, b) => scores[b] - scores[a] || a - b);
