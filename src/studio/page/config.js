// The configuration: its fields, the address of the page and the command that says the same.

import { $, el, fill, replace, setText } from "./dom.js";
import { buildField, textOf, valueOf, whatIsWrong } from "./field.js";
import { completePaths } from "./complete.js";
import { watchFolder } from "./folders.js";
import { commandLine } from "./command.js";
import { describe, onRuns } from "./models.js";
import { NetworkPreview } from "./network.js";
import { currentQuery, onQuery, setQuery } from "./views.js";

/** By name, in the order of the form. */
const parts = new Map();
const serverErrors = new Map(); // what the server said about a value, until it changes
let onChange = () => {};

/** Test pictures are not asked for where a share of the training pictures is kept. */
const asked = () => [...parts.values()].filter(({ field }) => field.name !== "test_dir" || !parts.get("validation_split")?.text);

const isDefault = (part) => part.text === textOf(part.field.default);

/** The first thing that is wrong, as {part, message}, or null. */
export function firstProblem() {
  for (const part of asked()) {
    const message = whatIsWrong(part.field, part.text) ?? serverErrors.get(part.field.name);
    if (message) return { part, message };
  }
  return null;
}

/** What POST /api/train takes. */
export function configuration() {
  return Object.fromEntries([...parts.values()].map((part) => [part.field.name, valueOf(part.field, part.text)]));
}

/** Shows what the server found wrong, and goes to the first such field. */
export function showServerErrors(errors) {
  for (const { field, message } of errors) serverErrors.set(field, message);
  refresh();
  parts.get(errors.find(({ field }) => parts.has(field))?.field)?.input.focus();
}

/** The choice of the form that a run's record means, or null: a record says the device's name, and why it was taken. */
export function deviceOf(record) {
  if (!record?.includes("as asked for")) return "auto";
  return parts.get("device")?.devices.find(({ label }) => record.startsWith(`${label} (`))?.value ?? null;
}

/** The network of the form that a run's record names, or null: a file of one's own is for the command line. */
export function networkOf({ network = "default" }) {
  const offered = parts.get("network")?.field.options ?? [];
  return offered.some(([name]) => name === network) ? network : null;
}

/** Fills the form, such as with the settings of a past run; what is not named gets its default. */
export function useConfiguration(values) {
  for (const [name, part] of parts) {
    part.set(textOf(values[name] === undefined ? part.field.default : values[name]));
    part.note = null;
  }
  serverErrors.clear();
  refresh();
  for (const part of parts.values()) part.folder?.check();
}

/** Everything that follows from the fields' texts. */
function refresh() {
  const params = new URLSearchParams();
  for (const [name, part] of parts) {
    part.showError(whatIsWrong(part.field, part.text) ?? serverErrors.get(name));
    if (!isDefault(part)) params.set(name, part.text);
  }
  setQuery(params);
  const shown = asked();
  for (const part of parts.values()) part.node.hidden = !shown.includes(part);
  const changed = shown.filter((part) => !isDefault(part));
  setText($("command"), commandLine(changed.map(optionOf)));
  $("defaults").hidden = changed.length === 0;
  explainDevice();
  showNetwork();
  onChange();
}

/** The number in a field, or null where it is empty or wrong. */
function numberOf(name) {
  const { field, text } = parts.get(name);
  return whatIsWrong(field, text) ? null : valueOf(field, text);
}

/** The chosen network, for the pictures that are chosen: of the usual size of the device where none is. */
function showNetwork() {
  const { preview } = parts.get("network") ?? {};
  const [size, device] = ["image_size", "device"].map((name) => parts.get(name));
  if (!preview || !device || whatIsWrong(size.field, size.text)) return;
  const usual = device.devices.find(({ value }) => value === device.text)?.image_size;
  preview.show({ classes: parts.get("train_dir").classes, imageSize: numberOf("image_size") ?? usual, color: parts.get("color").text });
}

/** The option of the command line that says the same as a field. */
function optionOf({ field, text }) {
  return field.kind === "run" ? ["--init-weights", text && `runs/${text}`] : [`--${field.name.replaceAll("_", "-")}`, text];
}

/** Offers the models of these runs to start from. */
function offerRuns(runs) {
  const part = parts.get("start_from");
  if (!part) return;
  const chosen = part.text;
  const withModel = runs.filter(({ model }) => model);
  replace(part.input, part.input.options[0], withModel.map((run) => el("option", { value: run.name }, describe(run))));
  part.set(chosen);
}

function explainDevice() {
  const part = parts.get("device");
  if (!part) return;
  const device = part.devices.find(({ value }) => value === part.text);
  setText(part.extra, device?.detail ?? "");
}

/** Builds the form from what /api/state says. `changed()` is called after every change. */
export function startConfig({ fields, devices }, changed) {
  onChange = changed;
  parts.clear();
  serverErrors.clear();
  for (const field of fields) {
    const part = buildField(field, devices, () => {
      serverErrors.delete(field.name);
      part.note = null;
      refresh();
    });
    part.devices = devices;
    if (field.kind === "path") {
      completePaths(part);
      const isTest = field.name === "test_dir";
      part.folder = watchFolder(part, {
        imageSize: () => numberOf("image_size"),
        color: () => parts.get("color")?.text ?? "gray",
        // The test pictures are compared with the training pictures, and again where those are others.
        beside: () => (isTest ? (parts.get("train_dir")?.folder.decoded ?? null) : null),
        onDecoded: () => field.name === "train_dir" && parts.get("test_dir")?.folder.compare(),
        onResult: (error) => {
          if (error) serverErrors.set(field.name, error);
          else serverErrors.delete(field.name);
          refresh();
        },
        onSets: (sets) => useSets(part, sets),
      });
    }
    if (field.name === "network") part.preview = new NetworkPreview(part);
    parts.set(field.name, part);
  }
  replace(
    $("fields"),
    [...parts.values()].map((part) => part.node),
  );
  takeFromAddress(currentQuery());
}

/** Fills both folders, where `named` is that of the folder which holds them; another one that was chosen is kept. */
function useSets(named, { training, test }) {
  const parent = named.text;
  const filled = [];
  let kept = "";
  for (const [name, path] of Object.entries({ train_dir: training, test_dir: test })) {
    const part = parts.get(name);
    const isChosen = part !== named && !isDefault(part) && part.text !== parent && part.text !== path;
    if (isChosen && !whatIsWrong(part.field, part.text) && !serverErrors.has(name)) {
      kept = ` The ${name === "train_dir" ? "training" : "test"} folder stays as it was.`;
    } else {
      serverErrors.delete(name);
      part.set(path);
      filled.push(part);
    }
  }
  for (const part of filled) part.note = `Filled in: ${parent} holds a training set and a test set.${kept}`;
  refresh();
  for (const part of filled) part.folder.check();
}

function takeFromAddress(params) {
  useConfiguration(Object.fromEntries([...params].filter(([name]) => parts.has(name))));
}

export function startConfigControls() {
  onQuery(takeFromAddress);
  onRuns(offerRuns);
  $("defaults").addEventListener("click", () => useConfiguration({}));
  $("copy-command").addEventListener("click", async () => {
    const button = $("copy-command");
    try {
      await navigator.clipboard.writeText($("command").textContent);
      setText(button, "Copied");
    } catch {
      getSelection().selectAllChildren($("command")); // not allowed to copy: then select it
      setText(button, "Selected");
    }
    setTimeout(() => setText(button, "Copy"), 1500);
  });
}

/** Options of a device list. */
export function fillDevices(select, devices) {
  fill(
    select,
    devices.map(({ value, label }) => el("option", { value }, label)),
  );
}
