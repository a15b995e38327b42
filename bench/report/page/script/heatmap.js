// A metric for each number of inputs N and active exits K, as the paper's Figure 3.

/** Mean over the configurations of each cell, and how many they are: key "n,k" -> {mean, count}. */
function cellsOf(key, split) {
  const cells = new Map();
  for (const row of dataset().configurations) {
    const value = valueOf(row, key, split);
    if (row.n === null || row.k === null || value === null) continue;
    const name = `${row.n},${row.k}`;
    const { mean, count } = cells.get(name) ?? { mean: 0, count: 0 };
    cells.set(name, { mean: mean + (value - mean) / (count + 1), count: count + 1 });
  }
  return cells;
}

/** The cell that is best on validation, as "n,k". */
function bestCell(metric) {
  const sign = metric.direction === "lower" ? 1 : -1;
  const cells = [...cellsOf(metric.key, "val")].filter(([, { mean }]) => Number.isFinite(mean));
  cells.sort(([, a], [, b]) => sign * (a.mean - b.mean));
  return metric.kind === "diversity" ? undefined : cells[0]?.[0];
}

/** The range of the cells, no narrower than twice the median spread over seeds of a configuration. */
function colorRange(cells, key, split) {
  const values = [...cells.values()].map(({ mean }) => mean);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const spreads = dataset()
    .configurations.filter((row) => row.n !== null && row.k !== null)
    .map((row) => spreadOf(row, key, split) ?? 0)
    .sort((a, b) => a - b);
  const half = Math.max((high - low) / 2, 2 * (spreads[Math.floor(spreads.length / 2)] ?? 0));
  return { zmin: (low + high) / 2 - half, zmax: (low + high) / 2 + half };
}

function outline(block, color) {
  const [firstN, lastN, firstK, lastK] = block;
  return {
    type: "rect",
    x0: firstN - 0.47,
    x1: lastN + 0.47,
    y0: firstK - 0.47,
    y1: lastK + 0.47,
    line: { color, width: 2.5 },
  };
}

function drawHeatmap() {
  const metric = measure(choices.cell);
  const cells = cellsOf(choices.cell, choices.split);
  const { columns, depth, regions } = dataset().grid ?? {};
  const ns = Array.from({ length: columns ?? 0 }, (_, i) => i + 1);
  const ks = Array.from({ length: depth ?? 0 }, (_, i) => i + 1);
  const best = bestCell(metric);
  const table = (read) => ks.map((k) => ns.map((n) => read(cells.get(`${n},${k}`))));
  const trace = {
    type: "heatmap",
    x: ns,
    y: ks,
    z: table((cell) => cell?.mean ?? null),
    text: ks.map((k) =>
      ns.map((n) => {
        const cell = cells.get(`${n},${k}`);
        if (!cell) return "";
        return `${number(cell.mean)}${best === `${n},${k}` ? " ★" : ""}<br>(${cell.count})`;
      }),
    ),
    ...colorRange(cells, choices.cell, choices.split),
    texttemplate: "%{text}",
    customdata: table((cell) => cell?.count ?? 0),
    hovertemplate: `N=%{x} K=%{y}<br>${plotText(metric.label)}: %{z:.4g}<br>%{customdata} configurations<extra></extra>`,
    hoverongaps: false,
    colorscale: "Cividis",
    reversescale: metric.direction === "lower",
    xgap: 8,
    ygap: 8,
    colorbar: { thickness: 12, outlinewidth: 0, tickformat: "~g" },
  };
  const shapes = Object.entries(regions ?? {}).map(([name, block]) => outline(block, colorOf(name)));
  const ticks = { dtick: 1, showgrid: false, zeroline: false };
  drawPlot(
    byId("heatmap-plot"),
    cells.size ? [trace] : [],
    {
      shapes,
      xaxis: { ...axis("Inputs N"), ...ticks, range: [0.5, (columns ?? 1) + 0.5] },
      yaxis: { ...axis("Active exits K"), ...ticks, range: [0.5, (depth ?? 1) + 0.5] },
    },
    { empty: "No SAE run has this metric here." },
  );
  const key = Object.keys(regions ?? {}).map((name) =>
    make("li", {}, make("span", { class: `outline style-${Object.keys(DATA.styles).indexOf(name)}` }), name),
  );
  byId("heatmap-key").replaceChildren(...key);
}
