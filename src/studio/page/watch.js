// Which run the page shows, and what is known of it: the run in progress, or one chosen from the past.

import { api, get } from "./api.js";
import { $, setText } from "./dom.js";
import { EventFeed } from "./events.js";
import { applyEvent, emptyRun, putBefore, runFromFolder } from "./run.js";
import { onRunAddress, runInAddress, setRun } from "./views.js";

let live = null; // the run of the events: in progress, or the last one of this server
let shown = null;
let wanted = 0; // number of the last wish to see another run: slower answers to earlier ones are dropped
let hasCaughtUp = false;
const watchers = new Set();
const mapsWatchers = new Set();
const connectionWatchers = new Set();
const resetWatchers = new Set();

export const shownRun = () => shown;
export const liveRun = () => live;
export const isTraining = () => live?.state === "running";

/** `act({run, types})` whenever something of the shown or the live run is new; `types` are the kinds of events. */
export const onRun = (act) => watchers.add(act);
export const onMaps = (act) => mapsWatchers.add(act);
/** `act(isUp, isStranger)`: a stranger has to open the address that the server printed. */
export const onConnection = (act) => connectionWatchers.add(act);
/** `act()` when another server has taken over. */
export const onReset = (act) => resetWatchers.add(act);

function notify(types) {
  for (const act of watchers) act({ run: shown, types });
}

/** Shows a past run; the address names it from then on. */
export async function showRun(name) {
  const wish = ++wanted;
  if (live?.name === name) {
    shown = live;
  } else {
    const run = runFromFolder(await get(api`/api/runs/${name}`));
    if (wish !== wanted) return;
    shown = run;
  }
  setRun(live?.name === name ? null : name);
  notify(new Set(["shown"]));
}

/** The run that the address names, if it is there, else the newest. */
async function showFirst() {
  const name = runInAddress();
  if (name === null) return live ? undefined : showNewest();
  try {
    await showRun(name);
  } catch (why) {
    setRun(null);
    if (!live) await showNewest();
    throw why;
  }
}

/** A run was renamed, or deleted: what is shown follows. */
export async function runChanged(name, { title, isDeleted = false }) {
  for (const run of new Set([live, shown])) if (run?.name === name) run.title = title ?? null;
  if (isDeleted && live?.name === name) live = null;
  if (isDeleted && shown?.name === name) {
    shown = live;
    setRun(null);
    if (!live) await showNewest();
  }
  notify(new Set(["shown"]));
}

async function showNewest() {
  const [newest] = await get("/api/runs");
  if (!newest || live) return notify(new Set(["shown"])); // a run began meanwhile
  const wish = ++wanted;
  const run = runFromFolder(await get(api`/api/runs/${newest.name}`));
  if (wish !== wanted) return;
  shown = run;
  notify(new Set(["shown"]));
}

function take(events) {
  // What the log held when this page came is news to the page alone.
  const types = new Set(hasCaughtUp ? [] : ["replay"]);
  hasCaughtUp = true;
  let maps = null;
  for (const event of events) {
    types.add(event.type);
    if (event.type === "run") {
      live = emptyRun(event.run, event.config);
      live.isLive = true;
      shown = live;
      wanted++;
      if (!types.has("replay")) setRun(null);
    } else if (event.type === "gap") {
      if (live) fillGap(live).catch(() => {}); // the curves begin later, and that is all
    } else if (event.type === "maps") {
      maps = event; // only the newest is worth drawing
    } else if (live && (event.type !== "end" || event.run === live.name)) {
      applyEvent(live, event);
    }
  }
  notify(types);
  if (live && types.has("step")) completeConfig(live);
  if (maps) for (const act of mapsWatchers) act(maps);
}

/** Classes, image size and seed are only known once the pictures are read: from then on the run's folder has them. */
async function completeConfig(run) {
  if (run.isComplete) return;
  run.isComplete = true;
  try {
    const { config } = await get(api`/api/runs/${run.name}`);
    Object.assign(run.config, config);
    run.classes ??= config.classes ?? null;
    notify(new Set(["config"]));
  } catch {
    run.isComplete = false; // with a later step
  }
}

/** The server keeps only the last events of a long run; those before are in its folder. */
async function fillGap(run) {
  putBefore(run, runFromFolder(await get(api`/api/runs/${run.name}`)));
  if (run === shown) notify(new Set(["shown"]));
}

/** What is wrong with an address of a run. */
function complain(message) {
  setText($("status"), message);
}

/** Begins to listen; resolves when the run to show is known. */
export async function startWatching() {
  const feed = new EventFeed({
    onEvents: take,
    onReset: () => {
      [live, shown] = [null, null];
      for (const act of resetWatchers) act();
      // What follows the reset comes in the same turn; only if it names no run, the newest past one is shown.
      queueMicrotask(() => {
        showFirst().catch(() => {});
      });
    },
    onConnection: (isUp, isStranger = false) => {
      for (const act of connectionWatchers) act(isUp, isStranger);
    },
  });
  await feed.start();
  onRunAddress((name) => showRun(name).catch((why) => complain(why.message)));
  await showFirst().catch((why) => complain(why.message));
}
