// Elements and numbers as text. Text always goes through text nodes: records can hold any letters.

const byId = (id) => document.getElementById(id);

/** An element with attributes (`onclick` and the like are listeners) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A category's marker, the shape that the plots draw. */
function icon(category) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "-1.2 -1.2 2.4 2.4");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", DATA.styles[category].outline);
  path.setAttribute("class", `style-${Object.keys(DATA.styles).indexOf(category)}`);
  svg.append(path);
  return svg;
}

const NOTHING = "–";
const UNITS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

const minus = (text) => text.replace("-", "−");

/** Three significant digits. */
function number(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 100) return minus(value.toFixed(0));
  return minus(size < 1e-4 ? value.toExponential(1) : value.toPrecision(3));
}

/** Mean and standard deviation, the latter with as many decimals unless none of them is seen. */
function meanAndSpread(mean, spread) {
  const text = number(mean);
  if (mean === null || spread === null) return text;
  const rounded = spread.toFixed((text.split(".")[1] ?? "").length);
  return `${text} ± ${Number(rounded) || spread === 0 ? rounded : spread.toPrecision(1)}`;
}

/** A count or a cost with a unit prefix: 58.3k, 1.2M. */
function amount(value) {
  if (value === null || value === undefined) return NOTHING;
  for (const [factor, unit] of UNITS) {
    if (Number(value.toPrecision(3)) >= factor) {
      return Number((value / factor).toPrecision(3)) + unit;
    }
  }
  return String(Number(value.toPrecision(3)));
}

function duration(seconds) {
  if (seconds >= 3600) return `${(seconds / 3600).toFixed(1)} h`;
  if (seconds >= 60) return `${(seconds / 60).toFixed(1)} min`;
  return `${seconds.toFixed(1)} s`;
}

const words = (name) => name.replaceAll("_", " ");
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const seedsOf = (row) => `${row.seeds.length} of ${plural(dataset().seeds, "seed")}`;

/** Text within Plotly's labels, which read a few tags. */
const plotText = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Says a sentence to those who listen to the page. */
function announce(sentence) {
  byId("announcer").textContent = sentence;
}
