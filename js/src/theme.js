// Whether a map is dark: as its scene says, else as the notebook's theme, else as the system.
const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark({ theme }) {
  if (theme !== "auto") return theme === "dark";
  const light = document.body.dataset.jpThemeLight;
  return light === undefined ? system.matches : light === "false";
}

// Calls `changed` when the theme changes; returns what ends that.
export function onTheme(element, changed) {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  system.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", changed);
  };
}
