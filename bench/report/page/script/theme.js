// In the head, before anything is painted: the theme that was chosen last, or the system's.

function storedTheme() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // Some browsers refuse storage to files opened from disk.
  }
}

function storeTheme(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // The choice then lasts as long as the page is open.
  }
}

function systemTheme() {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function currentTheme() {
  return document.documentElement.dataset.theme ?? systemTheme();
}

if (["light", "dark"].includes(storedTheme())) {
  document.documentElement.dataset.theme = storedTheme();
}
