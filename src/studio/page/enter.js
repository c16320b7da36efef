// The entrance: exchanges the token, of the address or of the form, for a cookie, and then shows the page.

const IN_ADDRESS = "#token=";
const note = document.querySelector("#enter-note");

async function enter(token) {
  note.textContent = "";
  const request = { method: "POST", body: JSON.stringify({ token }), headers: { "Content-Type": "application/json" } };
  try {
    const response = await fetch("/api/enter", request);
    if (response.ok) return location.reload();
    note.textContent = (await response.json()).error;
  } catch {
    note.textContent = "The server does not answer. Is it still running?";
  }
}

function enterByAddress() {
  if (!location.hash.startsWith(IN_ADDRESS)) return;
  const token = decodeURIComponent(location.hash.slice(IN_ADDRESS.length));
  history.replaceState(null, "", "/"); // nobody sees it there, and it is in no history
  enter(token);
}

document.querySelector("#enter").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(document.querySelector("#token").value.trim());
});
window.addEventListener("hashchange", enterByAddress);
enterByAddress();
