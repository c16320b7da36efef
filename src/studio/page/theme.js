// Light or dark. A classic script in <head>, not a module: it has to run before the first paint, or a
// page in the chosen theme would flash in the other one.
(() => {
  const KEY = "pawgrad-theme";
  const root = document.documentElement;
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");

  const read = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const write = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      /* private window: for this page only */
    }
  };
  const isDark = () => (root.dataset.theme ?? (systemDark.matches ? "dark" : "light")) === "dark";

  const announce = () => {
    const button = document.getElementById("theme");
    button?.setAttribute("aria-pressed", String(isDark()));
    document.dispatchEvent(new Event("themechange")); // charts take their colours anew
  };

  const chosen = read();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;

  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      write(root.dataset.theme);
      announce();
    });
    systemDark.addEventListener("change", announce);
    announce();
  });
})();
