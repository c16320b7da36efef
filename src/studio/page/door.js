// The page's token: without it the server changes nothing. The entrance gets it and it is kept here, where only this server's
// pages can read it; the cookie, which lets read, is also sent to servers on other ports of this machine.

const KEY = "pawgrad-token";

/** Asked for with each request: another tab may have entered a server that was started anew. */
export function pageToken() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // the browser keeps nothing for this page
  }
}

export const keepPageToken = (token) => localStorage.setItem(KEY, token);

/** `act()` when another tab has entered. */
export const onEntered = (act) => window.addEventListener("storage", ({ key }) => key === KEY && act());

const IN_ADDRESS = "#token=";

/** The token in the address that the server printed, or null. */
export const tokenInAddress = () =>
  location.hash.startsWith(IN_ADDRESS) ? decodeURIComponent(location.hash.slice(IN_ADDRESS.length)) : null;

/** The address stays as it is behind the `#`, and so does the configuration in it. */
export const goToEntrance = () => location.replace(`/enter${location.hash}`);
