// The entrance: exchanges the token, of the address or of the form, for a cookie and the page's token, and then shows the
// page. It is the only way in; where the server asks for no token, it is open.

import { keepPageToken, onEntered, tokenInAddress } from "./door.js";

const form = document.querySelector("#enter");
const note = document.querySelector("#enter-note");

async function enter(token) {
  note.textContent = "";
  const request = { method: "POST", body: JSON.stringify({ token }), headers: { "Content-Type": "application/json" } };
  let answer;
  try {
    const response = await fetch("/api/enter", request);
    answer = await response.json();
  } catch {
    note.textContent = "The server does not answer. Is it still running?";
    return;
  }
  if (answer.error) {
    note.textContent = answer.error;
    return;
  }
  try {
    keepPageToken(answer.page_token);
  } catch {
    note.textContent = "This browser keeps nothing for this page: allow it to store data of sites.";
    return;
  }
  showPage();
}

function showPage() {
  history.replaceState(null, "", `/${location.hash}`);
  location.reload();
}

function enterByAddress() {
  const token = tokenInAddress();
  if (token === null) return;
  history.replaceState(null, "", location.pathname); // nobody sees it there, and it is in no history
  enter(token);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  enter(document.querySelector("#token").value.trim());
});
window.addEventListener("hashchange", enterByAddress);
onEntered(showPage);
if (form.dataset.open === "true") enter("");
else enterByAddress();
