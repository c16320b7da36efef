// What the shown run was told: its settings, and the pictures that it found. The form says what the next one is told.

import { $, el, replace } from "./dom.js";
import { count, integer, percent, three } from "./format.js";
import { nameOf } from "./run.js";
import { onRun } from "./watch.js";

/** Longer texts get two places. */
const LONG = 24;
/** Of more classes the least and the most are said. */
const NAMED = 12;

/** "200 cats, 200 dogs"; of many classes "from 90 to 110 in each of 100 classes". */
function perClass(values, words, named) {
  if (values.length <= NAMED) return values.map(named).join(", ");
  return `from ${words(Math.min(...values))} to ${words(Math.max(...values))} in each of ${values.length} classes`;
}

/** "400 pictures of my/training: 200 cats, 200 dogs" */
function pictures({ config, classes }, kind) {
  const [dir, total, each] = [
    config[kind === "training" ? "train_dir" : "test_dir"],
    config[`${kind}_pictures`],
    config[`${kind}_pictures_per_class`],
  ];
  if (dir === undefined) return null;
  const names = classes ?? config.classes ?? [];
  const parts = each && perClass(each, integer, (n, i) => `${integer(n)} ${names[i]}`);
  return `${total === undefined ? "" : `${count(total, "picture")} of `}${dir}${parts ? `: ${parts}` : ""}`;
}

/** "cats 0.667, dogs 2" */
function weights({ config, classes }) {
  const names = classes ?? config.classes ?? [];
  const each = config.weights_of_classes;
  return each && perClass(each, three, (weight, i) => `${names[i]} ${three(weight)}`);
}

function lines(run) {
  const { config } = run;
  const started = config.init_weights && `the weights of ${config.init_weights}`;
  return [
    ["Run", run.title ? `${nameOf(run)} (${run.name})` : run.name],
    ["Learning rate", config.learning_rate],
    ["Batch size", config.batch_size],
    ["Epochs", config.epochs],
    ["Image size", config.image_size && `${config.image_size} × ${config.image_size} pixels`],
    ["Colour", config.color === "rgb" && "red, green and blue"],
    ["Network", config.network],
    ["Dropout", config.dropout],
    ["Class weights", weights(run)],
    ["Seed", config.seed],
    ["Training pictures", pictures(run, "training")],
    ["Test pictures", pictures(run, "test")],
    ["Validation split", config.validation_split && percent(config.validation_split, 0)],
    ["Starts from", started],
    ["Precision", config.precision],
    ["Device", config.device],
  ].filter(([, value]) => value !== undefined && value !== null && value !== "");
}

function refresh(run) {
  const shown = run ? lines(run) : [["Run", "none yet"]];
  replace(
    $("settings"),
    shown.map(([name, value]) => {
      const text = String(value);
      return el("div", { class: text.length > LONG ? "long" : null }, el("dt", {}, name), el("dd", {}, text));
    }),
  );
}

export function startSettings() {
  onRun(({ run, types }) => {
    if (["run", "shown", "config", "end"].some((type) => types.has(type))) refresh(run);
  });
}
