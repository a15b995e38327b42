// Any measure against any other, one point per configuration; the same points as a table.

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
  if (costMeasures().some((cost) => cost.key === key)) return costOf(row, key);
  return meanAndSpread(valueOf(row, key, choices.split), spreadOf(row, key, choices.split));
}

/** A cost; a range where the seeds have learned to keep different networks. */
function costOf(row, key) {
  const [low, high] = row.ranges[key] ?? [row[key], row[key]];
  return amount(low) === amount(high) ? amount(row[key]) : `${amount(low)}–${amount(high)}`;
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
      symbol: DATA.styles[category].symbol,
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
  drawPlot(byId("pareto-plot"), groups.flat(), layout, {
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
