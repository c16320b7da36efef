// Look inside: chooses a picture and a model, and shows what every layer made of it.

import { post } from "./api.js";
import { fillDevices } from "./config.js";
import { $, announce, el, replace, setText } from "./dom.js";
import { gradientsWanted, offerGradients, startGradients } from "./gradients.js";
import { GraphView } from "./graph.js";
import { HeatView } from "./heat.js";
import { LayerView } from "./layers.js";
import { readMicro } from "./microlink.js";
import { setMicroscopeSubject } from "./microscope.js";
import { chosenModel, meantModel, onRuns, refreshRuns, titleOf } from "./models.js";
import { addFile, addPath, forgetPictures, onPictures, pictures, seenBy } from "./pictures.js";
import { currentView, goTo, onMicroAddress, onView, takeMicro } from "./views.js";
import { onReset } from "./watch.js";

const SAMPLES = ["dataset/samples/cat.jpg", "dataset/samples/dog.jpg"];
const PICKED_PX = 64;

let picture = null;
let views = null; // {heat, layers: [LayerView]} of what is on the page
let graph = null; // the boxes of its layers
let asked = 0; // the last question's number: answers to earlier ones are dropped
let ofRun = null; // the run whose maps are on the page, or were asked for
let isFollowing = false; // then the maps are those of the training, and the menu has no say

const complain = (text) => setText($("inside-alert"), text);
export const insidePicture = () => picture;

/** Shows what the network makes of a picture; called from a prediction. */
export function openInside(chosen, run) {
  picture = chosen;
  $("inside-run").value = run ?? "";
  goTo("inside");
  look();
}

/** Shows the chosen picture's maps; true where they are on the page then. */
async function look() {
  showPictures();
  if (!picture) return false;
  const question = ++asked;
  complain("");
  ofRun = meantModel("inside-run");
  // Nothing of one run stays under the name of another.
  if (views && views.run !== ofRun) forget();
  setText($("inside-status"), "Computing every layer …");
  try {
    const info = await post("/api/inside", {
      picture: picture.id,
      run: chosenModel("inside-run"),
      device: $("inside-device").value || "auto",
    });
    if (question !== asked) return false;
    ofRun = info.run;
    show(info, picture, info.run, `Run ${titleOf(info.run)}`);
    setText($("inside-note"), info.note ?? "");
    announce(`${picture.name}: ${info.class}. ${info.layers.length} layers are shown.`);
    return true;
  } catch (why) {
    if (question !== asked) return false;
    forget();
    setText($("inside-status"), "Nothing to show yet. The exercises above need no model.");
    complain(why.message);
    return false;
  }
}

/** Shows what an address asks for: its picture and run, and then the thread. */
async function follow(address) {
  const { picture: path, run, ...aim } = readMicro(address);
  try {
    if (path) picture = await addPath(path);
    await refreshRuns();
  } catch (why) {
    return complain(`The address names ${path}: ${why.message}`);
  }
  $("inside-run").value = run ?? "";
  if ($("inside-run").value !== (run ?? "")) return complain(`The address names a run that is not there: ${run}`);
  if (!(await look())) return;
  const layer = views.layers.find(({ name }) => name === aim.layer);
  if (layer) layer.look(aim);
  else complain(`The address names a layer that is not there: ${aim.layer}`);
}

/** Takes the maps off the page. */
function forget() {
  views = null;
  $("inside-result").hidden = true;
  setText($("inside-note"), "");
}

/** While a training is followed, its maps are shown, and no other model can be chosen. */
export function setFollowing(isOn) {
  if (isOn === isFollowing) return;
  isFollowing = isOn;
  for (const menu of ["inside-run", "inside-device"]) $(menu).disabled = isOn;
  if (!isOn && views && views.run !== meantModel("inside-run")) look();
}

/** Puts an answer on the page; `run` is whose maps they are. The views of the same network are kept, so that nothing jumps. */
export function show(info, ofPicture, run, title) {
  const shapes = (layers) => JSON.stringify(layers.map(({ name, shape }) => [name, shape]));
  if (!views || shapes(views.info.layers) !== shapes(info.layers)) {
    const firstConv = info.layers.find(({ type }) => type === "Conv2D");
    views = { heat: new HeatView($("heat")), layers: info.layers.map((layer) => new LayerView(layer, layer === firstConv)) };
    replace(
      $("layers"),
      views.layers.map(({ node }) => node),
    );
    graph ??= new GraphView($("layer-nav"));
    graph.show(
      info,
      views.layers.map(({ node }) => node),
      (index) => views.layers[index].focus(),
    );
  }
  views.info = info;
  views.run = run;
  $("inside-result").hidden = false;
  setText(
    $("inside-status"),
    `${title} · ${info.image_size} × ${info.image_size} pixels · layers run one by one, unfused, so that every output can be shown`,
  );
  // An answer without a run is of a training that is followed: no file has its weights.
  const lensOf = (name) => views.layers.find((view) => view.name === name)?.lens;
  if (info.run !== undefined) setMicroscopeSubject(ofPicture, run, lensOf);
  views.heat.update(info, ofPicture);
  views.layers.forEach((view, i) => view.update(info, info.layers[i]));
  offerGradients(info);
  showGradients({ isNew: true });
}

/** Shows gradients in the place of outputs, or these again. */
async function showGradients({ isNew = false } = {}) {
  const { info } = views;
  const found = await gradientsWanted();
  // Other numbers, or another choice, have come meanwhile; and outputs are there already where an answer is new.
  if (views?.info !== info || (isNew && !found)) return;
  views.layers.forEach((view, i) => {
    const gradient = found && { label: found.label, class: found.class, layer: found.layers[i] };
    view.update(info, info.layers[i], gradient);
  });
}

/** The answer that is shown now, or null. */
export const shownInside = () => views?.info ?? null;

function showPictures() {
  replace(
    $("inside-pictures"),
    pictures.map((candidate) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            type: "button",
            class: "thumb",
            "aria-pressed": String(candidate === picture),
            title: candidate.name,
            onclick: () => {
              picture = candidate;
              look();
            },
          },
          el("img", { src: seenBy(candidate.id, PICKED_PX, "rgb"), alt: candidate.name, width: PICKED_PX, height: PICKED_PX }),
        ),
      ),
    ),
  );
}

let samplesAreThere = false;

/** The bundled samples, once; then a first look without being asked. */
async function prepare() {
  if (!samplesAreThere) {
    samplesAreThere = true;
    for (const path of SAMPLES) {
      try {
        await addPath(path);
      } catch {
        // the page also works where the samples are not: another picture can be chosen
      }
    }
  }
  picture ??= pictures.find(({ name }) => name.endsWith("cat.jpg")) ?? pictures[0] ?? null;
  const address = takeMicro();
  if (address !== null) return follow(address);
  if (picture && !views && !asked) look();
}

/** The devices of /api/state. */
export function setInsideDevices(devices) {
  replace($("inside-device"));
  fillDevices($("inside-device"), devices);
}

export function startInside() {
  onPictures(showPictures);
  startGradients(() => views && showGradients());
  onView((view) => view === "inside" && prepare());
  onMicroAddress(prepare);
  if (currentView() === "inside") prepare();
  $("inside-run").addEventListener("change", look);
  // "Newest" may be another run by now.
  onRuns(() => !isFollowing && views && meantModel("inside-run") !== ofRun && look());
  $("inside-device").addEventListener("change", look);
  $("inside-file").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    target.value = "";
    if (!file) return;
    try {
      picture = await addFile(file);
      look();
    } catch (why) {
      complain(why.message);
    }
  });
  onReset(() => {
    [picture, samplesAreThere, asked, ofRun] = [null, false, 0, null];
    forget();
    forgetPictures();
    setText($("inside-status"), "The server was restarted: choose a picture again.");
    if (currentView() === "inside") prepare();
  });
}
