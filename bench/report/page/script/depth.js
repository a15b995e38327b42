// The learned distribution over exits along training: theta, and where it started, 1/D.

/** Lines of theta, one an exit; `std`, if given, is drawn as a band. */
function thetaTraces({ progress, mean, std }) {
  const styles = DATA.exits[mean.length];
  const bands = (std ?? []).map((spread, exit) => ({
    type: "scatter",
    x: [...progress, ...[...progress].reverse()],
    y: [
      ...mean[exit].map((value, i) => value + spread[i]),
      ...mean[exit].map((value, i) => value - spread[i]).reverse(),
    ],
    fill: "toself",
    mode: "none",
    fillcolor: `${styles[exit][currentTheme()]}26`,
    hoverinfo: "skip",
  }));
  const lines = mean.map((values, exit) => ({
    type: "scatter",
    mode: "lines",
    x: progress,
    y: values,
    line: { color: styles[exit][currentTheme()], dash: styles[exit].dash, width: 2 },
    hovertemplate: `exit ${exit + 1}: %{y:.3f}<extra></extra>`,
  }));
  return [...bands, ...lines];
}

function thetaLayout({ mean, std }) {
  const uniform = 1 / mean.length;
  const tops = mean.flatMap((values, exit) => values.map((value, i) => value + (std?.[exit][i] ?? 0)));
  const line = { color: pageColors().muted, dash: "dot", width: 1 };
  return {
    hovermode: "x",
    xaxis: { title: { text: "Training progress" }, range: [0, 1], dtick: 0.5 },
    yaxis: { range: [0, Math.max(2 * uniform, 1.08 * Math.max(...tops))] },
    shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: uniform, y1: uniform, line }],
  };
}

function farthestFromUniform({ mean }) {
  return Math.max(...mean.flat().map((value) => Math.abs(value - 1 / mean.length)));
}

function drawDepth() {
  const panels = dataset().depth.map((panel) => {
    const far = `at most ${Number(farthestFromUniform(panel).toPrecision(2))} from 1/D`;
    const count = plural(panel.n, "configuration");
    return {
      heading: [
        make("span", { class: "category" }, icon(panel.category), panel.category),
        make("span", { class: "muted" }, ` D = ${panel.depth}, ${count}, ${far}`),
      ],
      label: `Theta of ${panel.category} along training: ${far}`,
      traces: thetaTraces(panel),
      layout: thetaLayout(panel),
    };
  });
  drawPanels(byId("depth-plots"), panels, "No run has a distribution over more than one exit.");
  const most = Math.max(0, ...dataset().depth.map(({ depth }) => depth));
  byId("depth-key").replaceChildren(...(most ? exitKey(most) : []));
}

function exitKey(count) {
  return DATA.exits[count].map((style, exit) => {
    const line = make("span", { class: "stroke" });
    line.style.borderTopColor = style[currentTheme()];
    line.style.borderTopStyle = style.dash === "solid" ? "solid" : "dashed";
    return make("li", {}, line, `exit ${exit + 1}`);
  });
}
