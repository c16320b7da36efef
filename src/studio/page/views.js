// The sections of the page, and the address that names the section and the configuration:
// `#train?epochs=20&learning_rate=0.003`. Only what differs from the defaults is in it.

import { goToEntrance, tokenInAddress } from "./door.js";
import { $ } from "./dom.js";

const VIEWS = ["train", "predict", "inside", "runs"];
const TITLES = { train: "Train", predict: "Predict", inside: "Look inside", runs: "Runs" };

let query = "";
const viewWatchers = new Set();
const queryWatchers = new Set();

/** `act(view)` when another section is shown. */
export const onView = (act) => viewWatchers.add(act);
/** `act(URLSearchParams)` when somebody typed or followed an address with another configuration. */
export const onQuery = (act) => queryWatchers.add(act);

function parse() {
  const [view, search = ""] = location.hash.slice(1).split("?");
  return { view: VIEWS.includes(view) ? view : "train", search };
}

export const currentView = () => parse().view;
export const currentQuery = () => new URLSearchParams(parse().search);

const address = (view) => `#${view}${query && `?${query}`}`;

/** Puts the configuration into the address and into the links to the sections. */
export function setQuery(params) {
  query = params.toString();
  history.replaceState(null, "", address(currentView()));
  for (const link of document.querySelectorAll("nav a[data-view]")) link.href = address(link.dataset.view);
}

/** Goes to a section, as a click on its link does. */
export function goTo(view) {
  location.hash = address(view);
}

function show({ isFirst = false } = {}) {
  const view = currentView();
  for (const name of VIEWS) $(`view-${name}`).hidden = name !== view;
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${TITLES[view]} · pawgrad studio`;
  if (!isFirst) window.scrollTo({ top: 0, behavior: "instant" });
  for (const act of viewWatchers) act(view);
}

export function startViews() {
  query = currentQuery().toString();
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address holds the configuration: leave it alone
    $("main").focus();
  });
  let last = currentView();
  window.addEventListener("hashchange", () => {
    if (tokenInAddress() !== null) return goToEntrance();
    if (parse().search !== query) for (const act of queryWatchers) act(currentQuery());
    if (currentView() !== last) show();
    last = currentView();
  });
  show({ isFirst: true });
}
