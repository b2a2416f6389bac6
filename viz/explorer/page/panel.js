/* What both parts of the side panel are made of: lines of text, and matrices whose cells can be walked. */

const span = (kind, text) => make("span", { class: kind }, text);
const line = (kind, ...children) => make("p", { class: kind }, ...children);

/* A matrix in the panel: its name, and the cells, which the arrow keys can walk. */
function panelMatrix(id, width = 200) {
  const { view, name, shape } = page.values[id];
  const size = cellIn(id, view, width);
  const svg = make(
    "svg:svg",
    {
      class: "panel-matrix",
      width: view.columns * size[0],
      height: view.rows * size[1],
      tabindex: 0,
      role: "application",
      "aria-roledescription": "matrix",
      "aria-label": `${name}, ${shapeText(shape)}: the arrow keys go from cell to cell`,
    },
    drawMatrix(id, view, size),
  );
  svg.addEventListener("keydown", (event) => walkCells(event, id, view));
  return make("figure", {}, svg, make("figcaption", {}, name));
}

/* The size of a cell: as wide as the numbers are long, or such that a heat-map is as wide as there is room. */
function cellIn(id, view, width) {
  if (view.mode === "written") {
    const longest = Math.max(3, ...[...numbers[id].data].map((x) => brief(x).length));
    return [6.35 * longest + 7, view.cell[1]];
  }
  const scale = Math.min(
    width / (view.columns * view.cell[0]),
    (0.8 * width) / (view.rows * view.cell[1]),
    24 / view.cell[0],
  );
  return view.cell.map((length) => length * scale);
}

function walkCells(event, id, view) {
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  event.stopPropagation();
  const [rows, columns] = matrixShape(numbers[id].shape);
  const at = event.currentTarget.cell;
  const held = (i, length) => Math.max(0, Math.min(length - 1, i));
  const cell = at ? [held(at[0] + move[0], rows), held(at[1] + move[1], columns)] : [0, 0];
  event.currentTarget.cell = cell;
  lightCell(id, ...cell);
}
