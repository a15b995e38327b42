// Tables whose columns sort: the heads are buttons, and say how the rows stand.

/** The value that a cell sorts by: its own, else its text. */
function sortValue(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent;
  const value = Number(text);
  return text === "" || Number.isNaN(value) ? text : value;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1; // What is not known comes last.
}

function sortBy(table, column, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, value: sortValue(row, column) }));
  rows.sort((a, b) => {
    const mixed = typeof a.value !== typeof b.value;
    return (mixed ? 1 : sign) * compare(a.value, b.value);
  });
  body.append(...rows.map(({ row }) => row));
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    if (i === column) head.setAttribute("aria-sort", direction);
    else head.removeAttribute("aria-sort");
  });
}

/** Turn the heads of a table into buttons. */
function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const flip = () => {
      const ascending = head.getAttribute("aria-sort") === "ascending";
      sortBy(table, column, ascending ? "descending" : "ascending");
    };
    const button = make("button", { type: "button", onclick: flip });
    button.append(...head.childNodes);
    head.append(button);
  });
}

/** A table from heads and rows of cells (text, a node, or {text, value}); `texts` columns are text. */
function makeTable(caption, heads, rows, { sortable = false, texts = 1 } = {}) {
  const textClass = (i) => (i < texts ? "text" : undefined);
  const cell = (content, i) => {
    const isPlain = typeof content === "string" || content instanceof Node;
    const { text, value } = isPlain ? { text: content } : content;
    const attributes = { class: textClass(i), "data-value": value === null ? "" : value };
    return i === 0
      ? make("th", { scope: "row", ...attributes }, text)
      : make("td", attributes, text);
  };
  const head = (text, i) => make("th", { scope: "col", class: textClass(i) }, text);
  const table = make(
    "table",
    {},
    make("caption", { class: "unseen" }, caption),
    make("thead", {}, make("tr", {}, heads.map(head))),
    make("tbody", {}, rows.map((row) => make("tr", {}, row.map(cell)))),
  );
  if (sortable) makeSortable(table);
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}
