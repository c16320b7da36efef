// The switch between what the layers made and the gradient of the loss with respect to it.

import { api, post } from "./api.js";
import { $, el, replace, setText } from "./dom.js";
import { precise } from "./format.js";

let label = null; // the class that somebody chose, or null for the predicted one
let offered = null; // the answer whose gradients can be asked for

/** Whether layers show their gradients. */
const isOn = () => $("show-gradient").checked && !$("show-gradient").disabled;

/** Offers the gradients of an answer of /api/inside. */
export function offerGradients(info) {
  const isOther = JSON.stringify(offered?.classes) !== JSON.stringify(info.classes);
  offered = info;
  if (isOther) label = null;
  replace(
    $("gradient-label"),
    info.classes.map((name, i) => el("option", { value: i }, name === info.class ? `${name}, as predicted` : name)),
  );
  $("gradient-label").value = label ?? info.classes.indexOf(info.class);
  // Maps of a training that is followed are of weights that no file has.
  const isLive = info.run === undefined;
  $("show-gradient").disabled = isLive;
  if (isLive) $("show-output").checked = true;
  $("gradient-label").disabled = !isOn();
  setText($("gradient-note"), isLive ? "Gradients are shown of saved models: not while a training is followed." : "");
}

/** The gradients of what was offered last, or null where outputs are shown. */
export async function gradientsWanted() {
  $("gradient-label").disabled = !isOn();
  if (!isOn()) {
    if (!$("show-gradient").disabled) setText($("gradient-note"), "");
    return null;
  }
  setText($("gradient-note"), "Running the loss back through every layer …");
  try {
    const found = await post(api`/api/inside/${offered.inside}/gradients`, { label: Number($("gradient-label").value) });
    setText(
      $("gradient-note"),
      `The gradient of the loss with respect to each layer’s output, where the picture is taken for “${found.class}”: by how much the loss, which is ${precise(found.loss)}, would grow with each value. No dropout.`,
    );
    return found;
  } catch (why) {
    setText($("gradient-note"), why.message);
    return null;
  }
}

/** `act()` when something else is to be shown. */
export function startGradients(act) {
  for (const id of ["show-output", "show-gradient"]) $(id).addEventListener("change", act);
  $("gradient-label").addEventListener("change", () => {
    label = Number($("gradient-label").value);
    act();
  });
}
