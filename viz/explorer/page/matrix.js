/* Matrices as heat-maps on one diverging scale: blue below 0, orange above, the background's colour at 0. */

const PALETTES = {
  light: { negative: [36, 99, 176], zero: [255, 255, 255], positive: [196, 88, 8], nan: [176, 30, 120] },
  dark: { negative: [110, 170, 255], zero: [30, 36, 44], positive: [255, 160, 80], nan: [255, 120, 214] },
};

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

/* Whether the page is dark: as the reader chose, or else as the system is. It is asked often, so it asks for no style. */
const isDark = () => (document.documentElement.dataset.theme ?? (systemIsDark.matches ? "dark" : "light")) === "dark";

/* The colour [red, green, blue] of a number, where the scale ends at ±most. */
function colourOf(x, most, palette) {
  if (Number.isNaN(x)) return palette.nan;
  const end = x < 0 ? palette.negative : palette.positive;
  const share = most === 0 ? (x === 0 ? 0 : 1) : Math.min(1, Math.abs(x) / most);
  return palette.zero.map((zero, i) => Math.round(zero + share * (end[i] - zero)));
}

/* Black or white, whichever is read better on a colour; one of them always has a contrast above 4.5. */
function inkOn(colour) {
  const [red, green, blue] = colour.map((c) => (c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

const css = (colour) => `rgb(${colour.join(" ")})`;

/* Make an element, of SVG if its name says so, with attributes, and children that are elements or text. */
function make(name, attributes = {}, ...children) {
  const [, space, tag] = name.match(/^(svg:)?(.*)$/);
  const element = space ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/* Draw an array as a group of SVG: numbers on coloured cells where there are few, an image where there are many. */
function drawMatrix(id, view, cell) {
  const array = numbers[id];
  const palette = PALETTES[isDark() ? "dark" : "light"];
  const most = extent(array.data);
  const group = make("svg:g", { class: "matrix", "data-array": id });
  const [width, height] = [view.columns * cell[0], view.rows * cell[1]];
  if (view.mode === "written") writeCells(group, array, view, cell, most, palette);
  else
    group.append(
      make("svg:image", {
        href: imageOf(array, view, most, palette),
        width,
        height,
        preserveAspectRatio: "none",
        class: "pixels",
      }),
    );
  group.append(make("svg:rect", { class: "cells", width, height }));
  group.matrix = { id, view, cell };
  return group;
}

function writeCells(group, array, view, [width, height], most, palette) {
  array.data.forEach((x, i) => {
    const colour = colourOf(x, most, palette);
    const left = (i % view.columns) * width;
    const top = Math.floor(i / view.columns) * height;
    group.append(
      make("svg:rect", { class: "cell", x: left, y: top, width, height, fill: css(colour) }),
      make(
        "svg:text",
        { class: "number", x: left + width / 2, y: top + height / 2, style: `fill: ${inkOn(colour)}` },
        brief(x),
      ),
    );
  });
}

/* An image, as a data address, with a pixel for each cell of a view. */
function imageOf(array, view, most, palette) {
  const canvas = make("canvas", { width: view.columns, height: view.rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(view.columns, view.rows);
  const columns = matrixShape(array.shape)[1];
  for (let i = 0; i < view.columns * view.rows; i++) {
    const cell = cellAt(view, array.shape, Math.floor(i / view.columns), i % view.columns);
    if (cell) image.data.set([...colourOf(array.data[cell[0] * columns + cell[1]], most, palette), 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/* ── lighting cells, and saying what is in them ─────────────────────────────────────────────────────────── */

/* Outline a row, a column or a cell of an array wherever it is drawn. */
function light(id, selection) {
  for (const group of document.querySelectorAll(`.matrix[data-array="${id}"]`)) {
    const { view, cell } = group.matrix;
    for (const [y, x, height, width] of placesOf(view, numbers[id].shape, selection))
      group.append(
        make("svg:rect", {
          class: "lit",
          x: x * cell[0],
          y: y * cell[1],
          width: width * cell[0],
          height: height * cell[1],
        }),
      );
  }
}

const unlight = () => document.querySelectorAll(".lit").forEach((rectangle) => rectangle.remove());

/* Light a cell and those that it was made from, and read out what it is. */
function lightCell(id, row, column) {
  unlight();
  light(id, { row, column });
  const operation = isHidden() ? undefined : page.operations[page.values[id].operation];
  const from = operation ? sourcesOf(operation, row, column) : [];
  for (const [operand, selection] of from) light(operand, selection);
  document.getElementById("readout").textContent = describeCell(id, row, column, operation);
}

/* For a cell of a result: which cells of the operands it was made from, where that can be shown. */
function sourcesOf({ name, inputs, output }, row, column) {
  const [height, width] = numbers[output].shape.slice(-2);
  const stack = Math.floor(row / height); // which of the matrices that lie in a stack
  if (name === "matmul") return factorsOf(inputs, stack, row % height, column);
  if (name === "matrix_transpose") return [[inputs[0], { row: stack * width + column, column: row % height }]];
  const shape = matrixShape(numbers[output].shape);
  return inputs.flatMap((id) => {
    const [rows, columns] = matrixShape(numbers[id].shape);
    const fits = (length, whole) => length === whole || length === 1;
    if (!ELEMENTWISE.has(name) || !fits(rows, shape[0]) || !fits(columns, shape[1])) return [];
    return [[id, { row: rows === 1 ? 0 : row, column: columns === 1 ? 0 : column }]];
  });
}

/* For a cell of a product: the row of the first factor and the column of the second, in their matrices of the stack. */
function factorsOf([a, b], stack, row, column) {
  const [height, inner] = numbers[a].shape.slice(-2);
  const isStack = ({ shape }) => shape.length > 2;
  const broadcast = [a, b].some((id) => isStack(numbers[id]) && numbers[id].shape.slice(0, -2).includes(1));
  if (broadcast || (isStack(numbers[a]) && isStack(numbers[b]) && numbers[a].shape.length !== numbers[b].shape.length))
    return [];
  const first = (id, length) => (isStack(numbers[id]) ? stack * length : 0);
  return [
    [a, { row: first(a, height) + row }],
    [b, { column, from: first(b, inner), count: inner }],
  ];
}

const ELEMENTWISE = new Set([
  "add",
  "subtract",
  "multiply",
  "divide",
  "negative",
  "power",
  "exp",
  "log",
  "sqrt",
  "abs",
  "tanh",
  "sigmoid",
  "relu",
  "relu_backward",
  "sin",
  "cos",
  "maximum",
  "minimum",
  "where",
  "broadcast_to",
]);

function describeCell(id, row, column, operation) {
  const { data, shape } = numbers[id];
  const columns = matrixShape(shape)[1];
  const x = data[row * columns + column];
  const index = shape.length ? `[${indexText(id, row, column)}]` : "";
  const terms = operation?.name === "matmul" ? productText(operation, row, column) : "";
  return `${nameInFormula(page.values[id].name)}${index} = ${terms}${exact(x)}`;
}

const nameInFormula = (name) => (/[ ·∘/^]/.test(name) && !/[)\]][₀-₉]*$/.test(name) ? `(${name})` : name);

/* The index of a cell in the whole array, of which it may be a sample; all axes but the last are in the rows. */
function indexText(id, row, column) {
  const { places } = page.values[id];
  const { shape } = numbers[id];
  const index = [column];
  for (let axis = shape.length - 2, rest = row; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return index.map((i, axis) => (places ? places[axis][i] : i)).join(", ");
}

/* A cell of a product as the sum that it is: of all terms where there are few, of the first where there are many. */
function productText({ inputs }, row, column) {
  const [a, b] = inputs.map((id) => numbers[id]);
  const whole = page.values[inputs[0]].shape;
  const inner = whole[whole.length - 1];
  if (a.shape.length !== 2 || b.shape.length !== 2) return "";
  if (inner !== a.shape[1]) return `a sum of ${inner} products = `;
  const terms = Array.from(
    { length: Math.min(inner, 6) },
    (_, k) => `${factor(a.data[row * inner + k])}·${factor(b.data[k * b.shape[1] + column])}`,
  );
  return `${terms.join(" + ")}${inner > 6 ? ` + … (${inner} products)` : ""} = `;
}

/* The cell under the pointer, as [array, row, column]; null where there is none. */
function cellUnder(event) {
  const group = event.target.closest?.(".matrix");
  if (!group) return null;
  const { id, view } = group.matrix;
  const box = group.querySelector(".cells").getBoundingClientRect();
  const y = Math.floor(((event.clientY - box.top) / box.height) * view.rows);
  const x = Math.floor(((event.clientX - box.left) / box.width) * view.columns);
  const cell = cellAt(view, numbers[id].shape, Math.max(0, y), Math.max(0, x));
  return cell && [id, ...cell];
}
