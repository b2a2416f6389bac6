/* Arrays: as they come in the page, as text, as statistics, and cell by cell as they are seen. */

/* An array {shape, data} from base64; its shape is that of the sample where it was sampled. */
function decode(encoded) {
  const bytes = Uint8Array.from(atob(encoded.bytes), (character) => character.charCodeAt(0));
  const data = encoded.type === "f4" ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer);
  return { shape: encoded.places ? encoded.places.map((places) => places.length) : encoded.shape, data };
}

/* A number in seven characters at the most. */
function brief(x) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  let text;
  if (size === 0 || (size >= 0.01 && size < 99999.5)) {
    const decimals = Math.max(0, 2 - Math.floor(Math.log10(size || 1)));
    text = size
      .toFixed(decimals)
      .replace(/(\.\d*?)0+$/, "$1")
      .replace(/\.$/, "");
  } else {
    text = size.toExponential(1).replace("+", "").replace(".0", "");
    if (text.length > 6) text = size.toExponential(0).replace("+", "");
  }
  return (x < 0 ? "−" : "") + text;
}

/* A number with six digits. */
function exact(x) {
  if (!Number.isFinite(x)) return brief(x);
  return String(Number(x.toPrecision(6)))
    .replace("-", "−")
    .replace("+", "");
}

/* A number within a product: a negative one in parentheses. */
const factor = (x) => (x < 0 ? `(${brief(x)})` : brief(x));

const shapeText = (shape) => shape.join("×") || "1";

/* The statistics of an array; those of a sampled one came with it, of all its numbers. */
function statistics(data) {
  const known = data.filter((x) => !Number.isNaN(x));
  const sum = (f) => data.reduce((total, x) => total + f(x), 0);
  const extreme = (pick) => (known.length ? known.reduce((a, b) => pick(a, b)) : NaN);
  return {
    least: extreme(Math.min),
    most: extreme(Math.max),
    mean: sum((x) => x) / data.length,
    norm: data.reduce((norm, x) => Math.hypot(norm, x), 0), // no square overflows
    zeros: sum((x) => (x === 0 ? 1 : 0)) / data.length,
    nan: data.length - known.length,
    infinite: sum((x) => (Math.abs(x) === Infinity ? 1 : 0)),
    count: data.length,
  };
}

/* The largest finite size of a number: where the colour scale ends. */
const extent = (data) => data.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);

/* The rows and columns of the matrix as which an array is seen. */
function matrixShape(shape) {
  const columns = shape.length ? shape[shape.length - 1] : 1;
  return [columns ? shape.reduce((product, length) => product * length, 1) / columns : 0, columns];
}

/* The row and column of the matrix at a place of its view; null in the gap between two pictures. */
function cellAt(view, shape, y, x) {
  const [rows, columns] = matrixShape(shape);
  if (view.mode !== "pictures") return y < rows && x < columns ? [y, x] : null;
  const [height, width] = view.side;
  const picture = Math.floor(y / (height + 1)) * view.across + Math.floor(x / (width + 1));
  const inY = y % (height + 1);
  const inX = x % (width + 1);
  if (inY === height || inX === width || picture >= (view.axis ? rows : columns)) return null;
  return view.axis ? [picture, inY * width + inX] : [inY * width + inX, picture];
}

/* The rectangles [y, x, height, width], in cells of a view, that a row, a column or a cell of the matrix takes up; of a
   column it may be `count` cells from one on. */
function placesOf(view, shape, { row, column, from = 0, count }) {
  const [rows, columns] = matrixShape(shape);
  if (view.mode !== "pictures")
    return [[row ?? from, column ?? 0, row === undefined ? (count ?? rows) : 1, column === undefined ? columns : 1]];
  const [height, width] = view.side;
  const [picture, pixel] = view.axis ? [row, column] : [column, row];
  const pictures = picture === undefined ? [...Array(view.axis ? rows : columns).keys()] : [picture];
  return pictures.map((p) => {
    const top = Math.floor(p / view.across) * (height + 1);
    const left = (p % view.across) * (width + 1);
    return pixel === undefined
      ? [top, left, height, width]
      : [top + Math.floor(pixel / width), left + (pixel % width), 1, 1];
  });
}
