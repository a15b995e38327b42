// What the reader has chosen. A choice is a <select name=...> or one of the category boxes; all
// selects of one name show the same choice. Whoever depends on a choice registers for it.

const DATA = JSON.parse(byId("data").textContent);
const COSTS = [
  { key: "flops", label: "FLOPs (fused multiply-adds)", kind: "cost", direction: "lower" },
  { key: "params", label: "Parameters", kind: "cost", direction: "lower" },
];
const KINDS = {
  cost: "Cost",
  measured: "Measured",
  performance: "Performance",
  calibration: "Calibration",
  diversity: "Diversity of members",
};
const ARROWS = { higher: "↑", lower: "↓" };

const choices = {};
const hiddenCategories = new Set();
const dependents = [];

const dataset = () => DATA.datasets[choices.dataset];
const costMeasures = () => [...COSTS, ...dataset().measured];
const measures = () => [...costMeasures(), ...dataset().metrics];
const measure = (key) => measures().find((found) => found.key === key);
/** More diverse is not better in itself: no arrow. */
const labelled = ({ label, direction, kind }) =>
  kind === "diversity" ? label : `${label} ${ARROWS[direction]}`;
const shownCategories = () =>
  dataset().categories.filter((category) => !hiddenCategories.has(category));

/** Call `update` whenever one of these choices changes. */
function follow(names, update) {
  dependents.push({ names, update });
}

function choose(name, value) {
  choices[name] = value;
  if (name === "dataset") fillDependentSelects();
  for (const select of document.querySelectorAll(`select[name="${name}"]`)) select.value = value;
  changed(name);
}

function changed(name) {
  showMatching();
  for (const { names, update } of dependents) if (names.includes(name)) update();
}

/** Elements with data-when-<choice>="value" are there while all their choices agree. */
function showMatching() {
  for (const element of document.querySelectorAll("[data-when]")) {
    element.hidden = !Object.entries(element.dataset).every(
      ([key, value]) => !/^when./.test(key) || choices[key.slice(4).toLowerCase()] === value,
    );
  }
}

/** The options that a dataset gives to each select; the first one is the default. */
function optionsOf(name) {
  const { metrics, quality, shift, corruptionChoices } = dataset();
  const byKind = (first) => {
    const all = name === "x" || name === "y" ? measures() : metrics;
    return [...all].sort((a, b) => (b.key === first) - (a.key === first));
  };
  const firsts = { x: "flops", y: quality[0], cell: quality[0] };
  if (name in firsts) {
    return byKind(firsts[name]).map((found) => [found.key, labelled(found), KINDS[found.kind]]);
  }
  if (name === "budget") return dataset().budget.metrics.map((key) => [key, labelled(measure(key))]);
  if (name === "shift") return shift.map((key) => [key, labelled(measure(key))]);
  return corruptionChoices;
}

const DEPENDENT = ["budget", "x", "y", "cell", "shift", "corruption"];

/** Another dataset has other metrics: keep what was chosen where it exists. */
function fillDependentSelects() {
  for (const name of DEPENDENT) {
    const options = optionsOf(name);
    const values = options.map(([value]) => value);
    if (!values.includes(choices[name])) choices[name] = values[0] ?? "";
    for (const select of document.querySelectorAll(`select[name="${name}"]`)) {
      select.replaceChildren(...grouped(options));
      select.value = choices[name];
    }
  }
}

function grouped(options) {
  const groups = Map.groupBy(options, ([, , group]) => group);
  return [...groups].flatMap(([group, members]) => {
    const elements = members.map(([value, text]) => make("option", { value }, text));
    return group === undefined ? elements : [make("optgroup", { label: group }, elements)];
  });
}

/** Boxes that show and hide categories; they are the plots' legend as well. */
function fillLegends() {
  const box = (category) =>
    make(
      "label",
      {},
      make("input", {
        type: "checkbox",
        value: category,
        checked: !hiddenCategories.has(category),
        onchange: (event) => {
          hiddenCategories[event.target.checked ? "delete" : "add"](category);
          changed("categories");
        },
      }),
      icon(category),
      category,
    );
  for (const legend of document.querySelectorAll("[data-legend]")) {
    const focused = legend.contains(document.activeElement) ? document.activeElement.value : null;
    legend.replaceChildren(...dataset().categories.map(box));
    [...legend.querySelectorAll("input")].find(({ value }) => value === focused)?.focus();
  }
}
