// Quality by severity of the corruption; severity 0 is the clean test split.

function drawShift() {
  const { curves, severities } = dataset().shifted;
  const lines = curves[choices.shift]?.[choices.corruption] ?? {};
  const steps = [0, ...severities];
  const traces = shownCategories()
    .filter((category) => category in lines)
    .map((category, place, { length }) => {
      // Side by side, so that the bars of equal values do not hide each other.
      const aside = ((place - (length - 1) / 2) * 0.25) / length;
      const { estimate, low, high } = lines[category];
      const label = dataset().configurations.find((row) => row.chosen && row.category === category).label;
      return {
        type: "scatter",
        mode: "lines+markers",
        name: category,
        x: steps.map((step) => step + aside),
        y: estimate,
        error_y: {
          type: "data",
          symmetric: false,
          array: high.map((value, i) => (value === null ? 0 : value - estimate[i])),
          arrayminus: low.map((value, i) => (value === null ? 0 : estimate[i] - value)),
          thickness: 1,
          width: 3,
        },
        customdata: low.map((value, i) => [steps[i], `[${number(value)}, ${number(high[i])}]`]),
        hovertemplate: `<b>${plotText(category)}</b> ${plotText(label)}<br>severity %{customdata[0]}: %{y:.3g} %{customdata[1]}<extra></extra>`,
        line: { color: colorOf(category), dash: DATA.styles[category].dash, width: 2 },
        marker: { symbol: DATA.styles[category].symbol, size: 8 },
      };
    });
  drawPlot(
    byId("shift-plot"),
    traces,
    {
      xaxis: { title: { text: "Severity (0: clean test set)" }, dtick: 1 },
      yaxis: axis(measure(choices.shift) ? labelled(measure(choices.shift)) : "", traces.flatMap(({ y }) => y)),
    },
    { empty: "No results under corruptions for these choices." },
  );
}
