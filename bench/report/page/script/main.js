// Joins the parts: what follows which choice, and which page the address names.

let shownConfiguration = null;
let cameFrom = null;

function openConfiguration(id) {
  location.hash = `config=${id}`;
}

function showPage() {
  const [, id] = location.hash.match(/^#config=(.+)$/) ?? [];
  const found = id === undefined ? undefined : findConfiguration(decodeURIComponent(id));
  if (found) showConfiguration(found);
  else if (shownConfiguration) showReport();
}

function showConfiguration({ name, row }) {
  if (!shownConfiguration) cameFrom = { scroll: scrollY, focus: document.activeElement };
  if (name !== choices.dataset) choose("dataset", name);
  shownConfiguration = row;
  byId("report").hidden = true;
  byId("configuration").hidden = false;
  fillConfiguration(row);
  document.title = `${row.category}: ${row.label}`;
  scrollTo(0, 0);
  byId("configuration-heading").focus();
  announce(`${row.category}, ${row.label}, on ${name}`);
}

function showReport() {
  shownConfiguration = null;
  byId("configuration").hidden = true;
  byId("configuration").replaceChildren();
  byId("report").hidden = false;
  document.title = DATA.title;
  announce("The report");
  if (cameFrom && ["", "#pareto"].includes(location.hash)) {
    scrollTo(0, cameFrom.scroll);
    cameFrom.focus?.focus({ preventScroll: true });
  } else {
    document.querySelector(location.hash || "body")?.scrollIntoView();
  }
  cameFrom = null;
}

function showTheme() {
  const other = currentTheme() === "dark" ? "light" : "dark";
  byId("theme").textContent = other === "dark" ? "Dark" : "Light";
  byId("theme").setAttribute("aria-label", `Use the ${other} theme`);
}

function switchTheme() {
  document.documentElement.dataset.theme = currentTheme() === "dark" ? "light" : "dark";
  storeTheme(currentTheme());
  themeChanged();
}

function themeChanged() {
  showTheme();
  changed("theme");
}

function start() {
  const everywhere = ["dataset", "split", "x", "y", "categories"];
  lazily("budget-plot", ["dataset", "budget", "cost", "categories"], drawBudget);
  lazily("pareto-plot", everywhere, drawPareto);
  lazily("points", everywhere, fillPoints);
  lazily("heatmap-plot", ["dataset", "split", "cell"], drawHeatmap);
  lazily("depth-plots", ["dataset"], drawDepth);
  lazily("shift-plot", ["dataset", "shift", "corruption", "categories"], drawShift);
  lazily("reliability-plots", ["dataset"], drawReliability);
  follow(["dataset", "categories"], fillLegends);
  follow(["theme"], () => shownConfiguration && drawConfigurationPlots(shownConfiguration));

  for (const select of document.querySelectorAll("select[name]")) {
    choices[select.name] ??= select.value;
    select.addEventListener("change", () => choose(select.name, select.value));
  }
  byId("spread").addEventListener("change", drawPareto);
  byId("theme").addEventListener("click", switchTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  showTheme();
  choose("dataset", choices.dataset);
  addEventListener("hashchange", showPage);
  showPage();
  addEventListener("load", preparePlotly);
}

start();
