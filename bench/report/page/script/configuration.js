// A configuration's page: #config=<id>.

const SPLITS = { val: "Validation", test: "Test", ood: "Under shift" };

/** The dataset that has a configuration, and its row; undefined if there is none. */
function findConfiguration(id) {
  for (const [name, { configurations }] of Object.entries(DATA.datasets)) {
    const row = configurations.find((found) => found.id === id);
    if (row) return { name, row };
  }
  return undefined;
}

function metricsTable(row) {
  const splits = Object.keys(SPLITS).filter((split) => split in row.values);
  const cell = (key, split) => meanAndSpread(valueOf(row, key, split), spreadOf(row, key, split));
  const rows = dataset().metrics.map((metric) => [
    labelled(metric),
    ...splits.map((split) => cell(metric.key, split)),
  ]);
  return makeTable("Metrics", ["Metric", ...splits.map((split) => SPLITS[split])], rows);
}

function shiftTable(row, key) {
  const { severities } = dataset().shifted;
  const mean = (values) => {
    const known = values.filter((value) => value !== null);
    return known.length === values.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
  };
  const rows = dataset().corruptions.map((name, i) => [
    words(name),
    ...row.shift[key][i].map(number),
    number(mean(row.shift[key][i])),
  ]);
  const heads = ["Corruption", ...severities.map((severity) => `Severity ${severity}`), "Mean"];
  return makeTable("Quality under each corruption", heads, rows, { sortable: true });
}

function shiftBlock(row) {
  const keys = dataset().shift.filter((key) => key in row.shift);
  if (keys.length === 0) return [make("p", { class: "empty" }, "Not tested under corruptions.")];
  const place = make("div", {}, shiftTable(row, keys[0]));
  const options = keys.map((key) => make("option", { value: key }, labelled(measure(key))));
  const update = (event) => place.replaceChildren(shiftTable(row, event.target.value));
  const chooser = make("label", { class: "chooser" }, "Metric ", make("select", { onchange: update }, options));
  return [chooser, place];
}

function depthBlock(row) {
  if (!row.theta) return [make("p", { class: "empty" }, "This method has no distribution over exits.")];
  const { end } = row.theta;
  const heads = ["Input", ...end[0].map((_, exit) => `Exit ${exit + 1}`)];
  const rows = end.map((values, n) => [`Input ${n + 1}`, ...values.map((value) => value.toFixed(3))]);
  const plot = make("div", { class: "plot short", id: "configuration-depth", role: "img",
    "aria-label": "Theta along training, mean over inputs; the table has its end" });
  return [
    make("p", {}, `θ after training, mean over seeds; uniform is ${number(1 / end[0].length)}.`),
    makeTable("Depth distribution after training", heads, rows),
    make("ul", { class: "key" }, exitKey(end[0].length)),
    plot,
  ];
}

function costBlock(row) {
  const total = row.parts.reduce((sum, [, flops]) => sum + flops, 0);
  const rows = row.parts.map(([part, flops]) => [
    make("code", {}, part),
    { text: amount(flops), value: flops },
    { text: `${((100 * flops) / total).toFixed(1)}%`, value: flops },
  ]);
  return [
    make("p", {}, `${costOf(row, "flops")} FLOPs (fused multiply-adds) for one image, `
      + `${costOf(row, "params")} parameters`
      + (row.seconds ? `; ${duration(row.seconds[0])} of training and ${duration(row.seconds[1])} of evaluation a run.` : ".")),
    make("div", { class: "plot", id: "configuration-cost", role: "img", "aria-label": "FLOPs by part; the table has the numbers" }),
    makeTable("FLOPs by part", ["Part", "FLOPs", "Share"], rows, { sortable: true }),
  ];
}

function commandBlock(row) {
  const code = make("code", { tabindex: "0" }, row.command);
  const copy = async (event) => {
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(row.command);
      event.target.textContent = "Copied";
      announce("Copied");
    } catch {
      event.target.textContent = "Selected: press Ctrl+C";
    }
  };
  const note = row.command.includes(DATA.path)
    ? make("p", { class: "muted" }, `${DATA.path} stands for your own data; the record knows their content alone.`)
    : null;
  return [
    make("pre", {}, code),
    make("button", { type: "button", class: "action", onclick: copy }, "Copy the command"),
    note,
  ];
}

function drawConfigurationPlots(row) {
  if (row.theta) {
    drawPlot(byId("configuration-depth"), thetaTraces(row.theta), thetaLayout(row.theta));
  }
  const parts = [...row.parts].reverse();
  byId("configuration-cost").style.height = `${90 + 24 * parts.length}px`;
  const bars = {
    type: "bar",
    orientation: "h",
    x: parts.map(([, flops]) => flops),
    y: parts.map(([part]) => plotText(part)),
    marker: { color: colorOf(row.category), line: { color: pageColors().ink, width: 0.5 } },
    hovertemplate: "%{y}: %{x:,}<extra></extra>",
  };
  drawPlot(byId("configuration-cost"), [bars], {
    xaxis: { title: { text: "FLOPs" }, tickformat: "~s" },
    yaxis: { automargin: true },
  });
}

function fillConfiguration(row) {
  const facts = [
    choices.dataset,
    seedsOf(row),
    row.chosen ? "chosen on validation for its category" : null,
    row.front ? "on the validation front" : null,
  ];
  const block = (heading, content) => make("section", {}, make("h2", {}, heading), content);
  byId("configuration").replaceChildren(
    make("a", { class: "back", href: "#pareto" }, "← Back to the report"),
    make("h1", { tabindex: "-1", id: "configuration-heading" }, icon(row.category), ` ${row.category}: ${row.label}`),
    make("p", { class: "muted" }, facts.filter(Boolean).join(" · "), " · ", make("code", {}, row.id)),
    block("Metrics", [make("p", {}, "Mean ± standard deviation over seeds."), metricsTable(row)]),
    block("Under corruptions", shiftBlock(row)),
    block("Depth preference", depthBlock(row)),
    block("Cost", costBlock(row)),
    block("Run it again", commandBlock(row)),
  );
  drawConfigurationPlots(row);
}
