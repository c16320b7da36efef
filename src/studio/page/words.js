// The words of the lab, each explained in a line: docs/ladder.md has them with pictures, and docs/exercises/README.md says why
// each count matters.

import { el } from "./dom.js";

const WORDS = [
  ["accesses", "loads and stores of buffers, one for each thread; a vector of four is one"],
  ["sectors", "pieces of 32 bytes that the threads of a subgroup touch together: what memory moves. Neighbours share them"],
  ["shared", "loads and stores of workgroup memory, one for each thread"],
  ["conflicts", "how many times as long these take since threads want other words of one bank; 1 is without"],
  ["barriers", "how often groups wait until all their threads are there"],
  ["instructions", "what subgroups execute, for one thread or for 32; copies and addresses are none"],
  ["active", "the mean share of a subgroup’s threads that execute an instruction; 1 is all"],
  ["subgroup", "32 threads that a GPU runs with one instruction at a time: a warp, a wave"],
  ["lane", "a thread’s place in its subgroup. In a group of 16 × 16 threads it is x + 16·y, modulo 32"],
  ["bank", "one of 32 parts of workgroup memory: the address in words, modulo 32. It gives one word at a time"],
  ["rung", "a shader of a kernel: 1_plain is its formula, and each later one is faster by one more idea"],
];

/** A box that is closed at first. */
export function wordsBox() {
  return el(
    "details",
    { class: "lab-words" },
    el("summary", {}, "Words"),
    el(
      "dl",
      {},
      WORDS.map(([word, what]) => [el("dt", {}, word), el("dd", {}, what, ".")]),
    ),
    el("p", { class: "hint" }, "With pictures, and worked out by hand: docs/ladder.md, “The words” and “How to count”."),
  );
}
