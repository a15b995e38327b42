// Any measure against any other, one point a configuration; the same points as a table.

/**
 * Corners of the staircase between what the points dominate and what they do not, from the best x
 * to the best y and on to the worst of each: `bench.records.pareto.front_line` in the browser, because the
 * axes are chosen here.
 */
function frontLine(points, directions) {
  const signs = directions.map((direction) => (direction === "lower" ? 1 : -1));
  const costs = points.map(([x, y]) => [signs[0] * x, signs[1] * y]);
  costs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const front = [];
  for (const cost of costs) {
    if (front.length === 0 || cost[1] < front.at(-1)[1]) front.push(cost);
  }
  if (front.length === 0) return [];
  const worst = [0, 1].map((i) => Math.max(...costs.map((cost) => cost[i])));
  const corners = [[front[0][0], worst[1]]];
  front.forEach((cost, i) => {
    corners.push(cost);
    if (i + 1 < front.length) corners.push([front[i + 1][0], cost[1]]);
  });
  corners.push([worst[0], front.at(-1)[1]]);
  return corners.map(([x, y]) => [signs[0] * x || 0, signs[1] * y || 0]);
}

/** A configuration's mean of a measure on a split; costs have no split. */
function valueOf(row, key, split) {
  if (key in row) return row[key];
  const i = dataset().metrics.findIndex((metric) => metric.key === key);
  return row.values[split]?.[i] ?? null;
}

function spreadOf(row, key, split) {
  const i = dataset().metrics.findIndex((metric) => metric.key === key);
  return row.spread[split]?.[i] ?? null;
}

function reading(row, key) {
  if (costMeasures().some((cost) => cost.key === key)) return amount(row[key]);
  return meanAndSpread(valueOf(row, key, choices.split), spreadOf(row, key, choices.split));
}

/** The configurations of the chosen categories that have both measures. */
function shownPoints() {
  const shown = new Set(shownCategories());
  return dataset()
    .configurations.map((row) => ({
      row,
      x: valueOf(row, choices.x, choices.split),
      y: valueOf(row, choices.y, choices.split),
    }))
    .filter(({ row, x, y }) => shown.has(row.category) && x !== null && y !== null);
}

const plainLabel = (label) => label.replace(/ \(fused multiply-adds\)/, "");

function hoverOf({ row }) {
  const lines = [...new Set([choices.x, choices.y, "flops", "params"])].map(
    (key) => `${plotText(plainLabel(measure(key).label))}: ${reading(row, key)}`,
  );
  const heads = [`<b>${plotText(row.category)}</b>`, plotText(row.label), seedsOf(row)];
  if (row.front) heads.push("on the validation front");
  return [...heads, ...lines].join("<br>");
}

function markers(category, points, isFront) {
  const colors = pageColors();
  return {
    type: "scatter",
    mode: "markers",
    name: category,
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
    customdata: points.map(({ row }) => row.id),
    text: points.map(hoverOf),
    hovertemplate: "%{text}<extra></extra>",
    ...spreadBars(points),
    marker: {
      symbol: DATA.looks[category].symbol,
      size: isFront ? 11 : 9,
      color: colorOf(category),
      opacity: isFront ? 1 : 0.5,
      line: { width: isFront ? 1.5 : 0, color: colors.ink },
    },
  };
}

function spreadBars(points) {
  if (!byId("spread").checked) return {};
  const bars = (key) => ({
    type: "data",
    array: points.map(({ row }) => spreadOf(row, key, choices.split) ?? 0),
    color: pageColors().muted,
    thickness: 0.8,
    width: 0,
  });
  return { error_x: bars(choices.x), error_y: bars(choices.y) };
}

function drawPareto() {
  const points = shownPoints();
  const [x, y] = [measure(choices.x), measure(choices.y)];
  const line = frontLine(points.map((point) => [point.x, point.y]), [x.direction, y.direction]);
  const front = {
    type: "scatter",
    mode: "lines",
    hoverinfo: "skip",
    x: line.map((corner) => corner[0]),
    y: line.map((corner) => corner[1]),
    line: { color: pageColors().muted, width: 1 },
  };
  const groups = shownCategories().flatMap((category) => {
    const mine = points.filter(({ row }) => row.category === category);
    return [false, true].map((isFront) => {
      const some = mine.filter(({ row }) => row.front === isFront);
      return some.length ? markers(category, some, isFront) : [];
    });
  });
  const layout = {
    xaxis: axis(labelled(x), points.map((point) => point.x)),
    yaxis: axis(labelled(y), points.map((point) => point.y)),
  };
  drawPlot(byId("pareto-plot"), points.length ? [front, ...groups.flat()] : [], layout, {
    empty: "No configuration has both measures: show another category, split or measure.",
    onclick: ({ points: [point] }) => openConfiguration(point.customdata),
  });
}

const linkTo = (row) => make("a", { href: `#config=${row.id}` }, row.label || row.id);

function fillPoints() {
  const heads = ["Configuration", "Category", "Seeds"];
  const keys = [...new Set([choices.x, choices.y, "flops", "params"])];
  const rows = shownPoints().map(({ row }) => [
    linkTo(row),
    make("span", { class: "category" }, icon(row.category), row.category),
    { text: seedsOf(row), value: row.seeds.length },
    ...keys.map((key) => ({ text: reading(row, key), value: valueOf(row, key, choices.split) })),
    row.front ? "yes" : "",
  ]);
  const labels = keys.map((key) => plainLabel(labelled(measure(key))));
  const table = makeTable("The points of the plot", [...heads, ...labels, "On front"], rows, {
    sortable: true,
    texts: 2,
  });
  byId("points").replaceChildren(table);
  byId("points-count").textContent = plural(rows.length, "configuration");
}
