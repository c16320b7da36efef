// Follows the training: every n steps the server sends the maps of the chosen picture, with the weights of
// the moment. Drawing is dropped, not queued, where the page is slower than the training.

import { api, get, post, postAtTheEnd } from "./api.js";
import { $, setText } from "./dom.js";
import { insidePicture, setFollowing, show, shownInside } from "./inside.js";
import { nameOf } from "./run.js";
import { currentView } from "./views.js";
import { isTraining, liveRun, onMaps, onRun } from "./watch.js";

let isDrawing = false;

async function ask() {
  const isOn = $("follow").checked;
  const every = Number($("follow-every").value);
  if (isOn && !(Number.isInteger(every) && every >= 1)) return note("Every how many steps? A whole number from 1.");
  if (isOn && !insidePicture()) return note("Choose a picture first.");
  try {
    await post("/api/follow", { picture: isOn ? insidePicture().id : null, every: isOn ? every : 0 });
    note(describe());
  } catch (why) {
    $("follow").checked = false;
    note(why.message);
  }
  lead();
}

/** Whose maps are shown: those of the training, as long as it is followed. */
const lead = () => setFollowing($("follow").checked && isTraining());

const note = (text) => setText($("follow-note"), text);

function describe() {
  if (!$("follow").checked) return "The maps are redrawn during training, with the current weights.";
  return isTraining() ? "Following: the next maps come soon." : "Following begins with the next training.";
}

async function redraw({ step, inside, picture }) {
  if (!$("follow").checked || isDrawing || currentView() !== "inside" || document.hidden) return;
  if (picture !== insidePicture()?.id) return note("Another open page follows a different picture. Tick the box again to follow this one.");
  isDrawing = true;
  const run = liveRun();
  try {
    const info = await get(api`/api/inside/${inside}`);
    if (!$("follow").checked || run !== liveRun()) return; // meanwhile another one is to be seen
    show(info, insidePicture(), run.name, `Run ${nameOf(run)} in training, step ${step}`);
    note(`Following: step ${step}.`);
  } catch (why) {
    if (why.status !== 404)
      note(why.message); // only the last few are kept: a newer one is on its way
    else if (shownInside()) note(`Following: step ${step} was too fast for this page.`);
  } finally {
    isDrawing = false;
  }
}

export function startFollowing() {
  $("follow").addEventListener("change", ask);
  $("follow-every").addEventListener("change", () => $("follow").checked && ask());
  $("inside-pictures").addEventListener("click", () => $("follow").checked && ask());
  onMaps(redraw);
  // A page that goes takes its wish along: looking costs the training time.
  window.addEventListener("pagehide", () => $("follow").checked && postAtTheEnd("/api/follow", { picture: null }));
  onRun(({ types }) => {
    if (!types.has("run") && !types.has("end")) return;
    note(describe());
    lead();
  });
}
