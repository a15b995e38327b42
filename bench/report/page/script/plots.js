// Plotly in the page's colours. A plot is drawn when it comes near the window, and drawn anew when
// one of its choices or the theme changes.

const PLOT_CONFIG = {
  responsive: true,
  displaylogo: false,
  modeBarButtons: [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  toImageButtonOptions: { format: "svg" },
};
const plots = new Map();

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      plots.get(target.id).seen = true;
      setTimeout(plots.get(target.id).draw); // a task each: a plot is painted before the next is drawn
    }
  },
  { rootMargin: "200px" },
);

/**
 * Plotly, whose script is in the page as text: to evaluate it takes most of a second, which text and
 * tables need not wait for. The policy of the page knows its hash.
 */
function plotly() {
  if (!window.Plotly) document.head.append(make("script", {}, byId("plotly").textContent));
  return window.Plotly;
}

/** Make Plotly ready before a plot needs it, but after the first painting of the page. */
function preparePlotly() {
  requestAnimationFrame(() => setTimeout(plotly));
}

/** Keep `draw` in step with the named choices, from the time its place is near the window. */
function lazily(id, names, draw) {
  if (!byId(id)) return;
  const plot = { draw, seen: false };
  plots.set(id, plot);
  follow([...names, "theme"], () => plot.seen && plot.draw());
  watcher.observe(byId(id));
}

/** The colour of a category on this theme. */
const colorOf = (category) => DATA.styles[category][currentTheme()];

function pageColors() {
  const style = getComputedStyle(byId("palette"));
  return {
    ink: style.color,
    line: style.borderTopColor,
    muted: style.outlineColor,
    page: style.backgroundColor,
  };
}

function axis(title, values = []) {
  const finite = values.filter((value) => Number.isFinite(value));
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const logarithmic = low > 0 && high > 10 * low;
  return {
    title: { text: title, standoff: 10 },
    type: logarithmic ? "log" : "linear",
    ...(logarithmic && high < 1000 * low ? { dtick: "D2" } : {}),
    ...(high >= 1000 ? { tickformat: "~s", exponentformat: "SI" } : {}),
    automargin: true,
  };
}

/** Draw into an element of the page; without traces, say why there is nothing. */
function drawPlot(element, traces, layout, { empty = "Nothing to show.", onclick, config } = {}) {
  if (traces.length === 0) {
    plotly().purge(element);
    element.replaceChildren(make("p", { class: "empty" }, empty));
    return;
  }
  element.querySelector(".empty")?.remove();
  const colors = pageColors();
  const common = { gridcolor: colors.line, linecolor: colors.line, zerolinecolor: colors.line };
  const full = {
    font: { family: "system-ui, sans-serif", size: 13, color: colors.ink },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 56, r: 16, t: 24, b: 48 },
    showlegend: false,
    hovermode: "closest",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colors.muted, activecolor: colors.ink },
    // One finger scrolls the page.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    hoverlabel: { bgcolor: colors.page, bordercolor: colors.line, font: { color: colors.ink }, align: "left" },
    ...layout,
    xaxis: { ...common, ...layout.xaxis },
    yaxis: { ...common, ...layout.yaxis },
  };
  plotly().react(element, traces, full, { ...PLOT_CONFIG, ...config });
  element.removeAllListeners("plotly_click");
  if (onclick) element.on("plotly_click", onclick);
}

/** One small plot for each of some things, in as many columns as there is room for. */
function drawPanels(grid, panels, empty) {
  for (const element of grid.querySelectorAll(".panel-plot")) plotly().purge(element);
  if (panels.length === 0) {
    grid.replaceChildren(make("p", { class: "empty" }, empty));
    return;
  }
  grid.replaceChildren();
  for (const { heading, label, traces, layout } of panels) {
    const plot = make("div", { class: "panel-plot", role: "img", "aria-label": label });
    grid.append(make("figure", { class: "panel" }, make("figcaption", {}, heading), plot));
    const roomy = { margin: { l: 52, r: 8, t: 8, b: 44 }, ...layout };
    drawPlot(plot, traces, roomy, { config: { displayModeBar: false } });
  }
}
