// Does a stated probability come true as often? One panel a category, clean and under shift.

function reliabilityTrace(series, i) {
  const { light, dark, symbol, dash } = DATA.series[i];
  const color = currentTheme() === "dark" ? dark : light;
  return {
    type: "scatter",
    mode: "lines+markers",
    name: series.name,
    x: series.stated,
    y: series.observed,
    error_y: {
      type: "data",
      symmetric: false,
      array: series.high.map((value, k) => value - series.observed[k]),
      arrayminus: series.low.map((value, k) => series.observed[k] - value),
      thickness: 0.8,
      width: 0,
    },
    customdata: series.share,
    hovertemplate: `${plotText(series.name)}<br>stated %{x:.3f}, observed %{y:.3f}<br>%{customdata:.1%} of predictions<extra></extra>`,
    line: { color, dash, width: 1.5 },
    marker: { symbol, size: 6 },
  };
}

function drawReliability() {
  const { stated, observed, error, panels } = dataset().reliability;
  const diagonal = { color: pageColors().muted, dash: "dot", width: 1 };
  const drawn = panels.map(({ category, series }) => {
    const errors = series.map((one) => `${one.name} ${number(one.error)}`).join(", ");
    return {
      heading: [
        make("span", { class: "category" }, icon(category), category),
        make("span", { class: "muted" }, ` ${error}: ${errors}`),
      ],
      label: `Reliability of ${category}; ${error}: ${errors}`,
      traces: series.map(reliabilityTrace),
      layout: {
        xaxis: { title: { text: stated }, range: [0, 1], dtick: 0.5 },
        yaxis: { title: { text: observed }, range: [0, 1.02], dtick: 0.5 },
        shapes: [{ type: "line", x0: 0, y0: 0, x1: 1, y1: 1, line: diagonal, layer: "below" }],
      },
    };
  });
  drawPanels(byId("reliability-plots"), drawn, "No predictions are stored.");
}
