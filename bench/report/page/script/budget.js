// Quality against cost: the page's first plot. Steps, since a choice stays until more can be spent.

function budgetTraces(category, { cost, mean, low, high, label, config_id }, largest) {
  const color = colorOf(category);
  const steps = (values) => [...values, values.at(-1)];
  const shared = { x: [...cost, largest], line: { shape: "hv", width: 0 }, hoverinfo: "skip", type: "scatter", mode: "lines" };
  return [
    { ...shared, y: steps(low) },
    { ...shared, y: steps(high), fill: "tonexty", fillcolor: `${color}12` },
    {
      ...shared,
      y: steps(mean),
      line: { shape: "hv", color, dash: DATA.styles[category].dash, width: 1.5 },
    },
    {
      type: "scatter",
      name: category,
      mode: "markers",
      x: cost,
      y: mean,
      customdata: config_id,
      text: label.map(
        (text, i) =>
          `<b>${plotText(category)}</b> ${plotText(text)}<br>${amount(cost[i])}: ${number(mean[i])} [${number(low[i])}, ${number(high[i])}] over seeds`,
      ),
      hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: DATA.styles[category].symbol, size: 8, color },
    },
  ];
}

function drawBudget() {
  const { curves, marks, multiples } = dataset().budget;
  const lines = curves[choices.budget]?.[choices.cost] ?? {};
  const shown = shownCategories().filter((category) => category in lines);
  const budgets = marks[choices.cost] ?? [];
  const costs = Object.values(lines).flatMap(({ cost }) => cost);
  const largest = Math.max(...costs, ...budgets.slice(-2, -1));
  const visible = budgets.map((x, i) => [x, multiples[i]]).filter(([x]) => x <= largest && x >= Math.min(...costs));
  const muted = pageColors().muted;
  const kind = axis(measure(choices.cost)?.label ?? "", [...costs, largest]);
  const place = (x) => (kind.type === "log" ? Math.log10(x) : x);
  drawPlot(
    byId("budget-plot"),
    shown.flatMap((category) => budgetTraces(category, lines[category], largest)),
    {
      xaxis: kind,
      yaxis: axis(measure(choices.budget) ? labelled(measure(choices.budget)) : ""),
      shapes: visible.map(([x]) => ({
        type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: muted, width: 1, dash: "dot" },
      })),
      annotations: visible.map(([x, multiple]) => ({
        x: place(x), y: 1, yref: "paper", yanchor: "bottom", showarrow: false, text: `${multiple}×`, font: { size: 11, color: muted },
      })),
    },
    {
      empty: "No configuration with all seeds was tested.",
      config: { displayModeBar: false }, // it would cover the budgets
      onclick: ({ points: [point] }) => point.customdata && openConfiguration(point.customdata),
    },
  );
}
