// The sections of the page, and the address that names the section, a past run and the configuration:
// `#train?run=2026-01-31_12-00-00&epochs=20`. Of the configuration only what differs from the defaults is in it. What the
// microscope shows is named as well, and the exercise that is open: `#inside?micro=layer:conv2;element:77;step:57`,
// `#inside?exercise=7`.

import { goToEntrance, tokenInAddress } from "./door.js";
import { $ } from "./dom.js";

const VIEWS = ["train", "predict", "inside", "runs"];
const TITLES = { train: "Train", predict: "Predict", inside: "Look inside", runs: "Runs" };

let query = "";
let run = null; // the past run that somebody chose to see
let micro = null; // what the microscope shows, as text
let askedMicro = null; // the same of an address that somebody typed or followed, until it is taken
let exercise = null; // the number of the exercise that is open, as text
let told = ""; // what the title says before the section, such as how far the training is
const viewWatchers = new Set();
const queryWatchers = new Set();
const runWatchers = new Set();
const microWatchers = new Set();
const exerciseWatchers = new Set();

/** `act(view)` when another section is shown. */
export const onView = (act) => viewWatchers.add(act);
/** `act(URLSearchParams)` when somebody typed or followed an address with another configuration. */
export const onQuery = (act) => queryWatchers.add(act);
/** `act(name)` when somebody typed or followed an address with another run. */
export const onRunAddress = (act) => runWatchers.add(act);
/** `act()` when somebody typed or followed an address of something under the microscope. */
export const onMicroAddress = (act) => microWatchers.add(act);
/** `act(number)` when somebody typed or followed an address of another exercise. */
export const onExerciseAddress = (act) => exerciseWatchers.add(act);

function parse() {
  const [view, search = ""] = location.hash.slice(1).split("?");
  const params = new URLSearchParams(search);
  const [named, lens, task] = ["run", "micro", "exercise"].map((name) => params.get(name));
  for (const name of ["run", "micro", "exercise"]) params.delete(name);
  return { view: VIEWS.includes(view) ? view : "train", run: named, micro: lens, exercise: task, search: params.toString() };
}

export const currentView = () => parse().view;
export const currentQuery = () => new URLSearchParams(parse().search);

function address(view) {
  const parts = [
    view === "train" && run && new URLSearchParams({ run }).toString(),
    view === "inside" && exercise && new URLSearchParams({ exercise }).toString(),
    view === "inside" && micro && microPart(micro),
    query,
  ].filter(Boolean);
  return `#${view}${parts.length ? `?${parts.join("&")}` : ""}`;
}

/** The address of a run, for a link. */
export const addressOf = (name) => `#train?${new URLSearchParams({ run: name })}`;
/** Legible: colons, semicolons and slashes need no quoting behind a `#`. */
const microPart = (text) => `micro=${encodeURIComponent(text).replace(/%3A|%3B|%2F/g, decodeURIComponent)}`;
/** The address of what the microscope shows, for a link. */
export const addressOfMicro = (text) => `#inside?${microPart(text)}`;
/** What an address asks the microscope for, once; or null. */
export function takeMicro() {
  const taken = askedMicro;
  askedMicro = null;
  return taken;
}
/** The number of the exercise that the address names, as text, or null. */
export const exerciseInAddress = () => exercise;
/** The run that the address names, or null. */
export const runInAddress = () => run;

/** Puts the configuration into the address and into the links to the sections. */
export function setQuery(params) {
  query = params.toString();
  putIntoAddress();
}

/** The same with a past run, or none. */
export function setRun(name) {
  run = name;
  putIntoAddress();
}

/** The same with what the microscope shows, or nothing. */
export function setMicro(text) {
  if (askedMicro !== null) return; // another address waits to be followed
  micro = text;
  putIntoAddress();
}

/** The same with the exercise that is open. */
export function setExercise(number) {
  exercise = String(number);
  putIntoAddress();
}

function putIntoAddress() {
  history.replaceState(null, "", address(currentView()));
  for (const link of document.querySelectorAll("nav a[data-view]")) link.href = address(link.dataset.view);
}

/** Goes to a section, as a click on its link does. */
export function goTo(view) {
  location.hash = address(view);
}

function setTitle() {
  document.title = `${told && `${told} · `}${TITLES[currentView()]} · pawgrad studio`;
}

/** Says in the tab's title how far the training is, also while the tab is behind others. */
export function tellInTitle(text) {
  if (text === told) return;
  told = text;
  setTitle();
}

function show({ isFirst = false } = {}) {
  const view = currentView();
  for (const name of VIEWS) $(`view-${name}`).hidden = name !== view;
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  setTitle();
  if (!isFirst) window.scrollTo({ top: 0, behavior: "instant" });
  for (const act of viewWatchers) act(view);
}

export function startViews() {
  ({ search: query, run, micro, exercise } = parse());
  askedMicro = micro;
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address holds the configuration: leave it alone
    $("main").focus();
  });
  let last = currentView();
  window.addEventListener("hashchange", () => {
    if (tokenInAddress() !== null) return goToEntrance();
    const asked = parse();
    if (asked.run !== null && asked.run !== run) for (const act of runWatchers) act(asked.run);
    const isOtherMicro = asked.micro !== null && asked.micro !== micro;
    if (isOtherMicro) askedMicro = micro = asked.micro;
    const isOtherExercise = asked.exercise !== null && asked.exercise !== exercise;
    if (isOtherExercise) exercise = asked.exercise;
    // A link to a run or a thread alone leaves the configuration as it is.
    if (asked.search !== query && (asked.search || (asked.run ?? asked.micro ?? asked.exercise) === null)) for (const act of queryWatchers) act(currentQuery());
    putIntoAddress();
    if (currentView() !== last) show();
    else if (isOtherMicro) for (const act of microWatchers) act();
    if (isOtherExercise) for (const act of exerciseWatchers) act();
    last = currentView();
  });
  show({ isFirst: true });
}
