/* The side panel: what the step does, as a formula, with shapes and with numbers; and a value with its gradient. */

const span = (kind, text) => make("span", { class: kind }, text);
const line = (kind, ...children) => make("p", { class: kind }, ...children);

/* ── the step ────────────────────────────────────────────────────────────────────────────────────────────── */

function paintStep() {
  const step = page.steps[state.step], content = document.getElementById("step-content");
  const parts = { start: aboutStart, seed: aboutSeed, gradients: aboutGradients, backward: aboutBackward }[step.kind] ?? aboutOperations;
  content.replaceChildren(...(isHidden() ? [quizQuestion(step)] : parts(step)));
  if (step.place) content.append(line("place", "in ", make("code", {}, step.place)));
}

/* Whether the quiz keeps the step's formula back. */
const isHidden = () => state.quiz && !state.asked && ["forward", "backward", "update"].includes(page.steps[state.step].kind);

function quizQuestion(step) {
  const what = step.kind === "backward" ? "What does this rule hand back?" : "What is computed here?";
  const show = () => { state.asked = true; paintStep(); document.getElementById("step-title").focus(); };
  return line("question", `${what} `, make("button", { type: "button", id: "show-formula", onclick: show }, "Show the formula"));
}

const aboutStart = () => [
  line("", "The leaves are known: inputs, parameters and constants. Everything hatched is still to be computed."),
  line("", "Step on with → or play with the space bar. The left half of the drawing is the forward pass and runs down;"
    + " the right half, dashed, is the backward pass and runs up."),
  line("", `There are ${page.steps.length - 1} steps: ${["forward", "backward", "update"].map(countOf).filter(Boolean).join(", ")}.`),
];

/* How many steps of a kind there are, in words. */
function countOf(kind) {
  const { length } = page.steps.filter((step) => step.kind === kind);
  const [one, many] = { forward: ["operation", "operations"], backward: ["rule", "rules"], update: ["update", "updates"] }[kind];
  return length ? `${length} ${length === 1 ? one : many}${kind === "update" ? "" : ` ${kind}`}` : "";
}

const aboutSeed = ({ subject: value }) => [
  line("formula", `${page.values[value].gradient} = 1`),
  line("", `The backward pass begins at its end: ${page.values[value].name} changes as much as itself, so its own gradient is 1. `
    + "From here each rule turns the gradient of a result into those of the operands."),
  numbersOf([page.values[value].cotangent]),
];

const aboutGradients = () => [line("", "The gradients are those that the variables hold. How they came about is not in this graph.")];

const aboutOperations = ({ operations }) => [...operations.flatMap((i) => aboutOperation(page.operations[i])), ...glosses(operations)];

/* A line of the graph: its formula, the same with shapes, and the same with numbers. */
function aboutOperation(operation) {
  const { output, parts, inputs, written } = operation;
  const name = page.values[output].name, text = partsText(parts, (i) => written[i]);
  const shapes = `(${shapeText(page.values[output].shape)}) = ${partsText(parts, (i) => `(${shapeText(page.values[inputs[i]].shape)})`)}`;
  const left = name === text ? `${operation.name}(${inputs.map((id) => page.values[id].name).join(", ")})` : name;
  return [line("formula", `${left} = ${text}`), line("shapes", shapes), equation(operation)];
}

const partsText = (parts, name) => parts.map((part) => (typeof part === "string" ? part : name(part))).join("");

/* An operation with matrices in the places of the names; a line may break before a sign, not after it. */
function equation({ output, parts, inputs }) {
  const terms = [[panelMatrix(output)], [span("sign", "=")]];
  for (const part of parts) {
    if (typeof part === "number") terms[terms.length - 1].push(panelMatrix(inputs[part]));
    else if (terms.length === 2 && terms[1].length === 1) terms[1].push(span("sign", part));
    else terms.push([span("sign", part)]);
  }
  return make("div", { class: "equation" }, ...terms.map((pieces) => make("span", { class: "term" }, ...pieces)));
}

const numbersOf = (ids) => make("div", { class: "equation" }, ...ids.map((id) => panelMatrix(id)));

/* The rules of an operation, each with the operations that it was traced to, and the sums of what comes together. */
function aboutBackward({ rules, sums, operations }) {
  const described = rules.flatMap(({ generic, here, shapes, operations: own, note }) => [
    line("formula", here),
    line("generic", "the rule: ", make("b", {}, generic)),
    line("shapes", shapes),
    note ? line("note", note) : null,
    ...own.filter((i) => page.operations[i].name !== "matrix_transpose").map((i) => equation(page.operations[i])),
  ]);
  const added = sums.length ? [line("", "Used more than once, so what comes back along each way is added up:"),
    ...sums.flatMap((i) => aboutOperation(page.operations[i]))] : [];
  return [...described, ...added, ...glosses(operations)].filter(Boolean);
}

/* What each operation means, in the words of its own code. */
function glosses(operations) {
  const names = [...new Set(operations.map((i) => page.operations[i].name))].filter((name) => page.glosses[name]);
  return names.length ? [make("dl", { class: "glosses" },
    ...names.flatMap((name) => [make("dt", {}, name), make("dd", {}, page.glosses[name])]))] : [];
}

/* A matrix in the panel: its name, and the cells, which the arrow keys can walk. */
function panelMatrix(id, width = 200) {
  const { view, name, shape } = page.values[id], size = cellIn(id, view, width);
  const svg = make("svg:svg", {
    class: "panel-matrix", width: view.columns * size[0], height: view.rows * size[1], tabindex: 0,
    role: "application", "aria-roledescription": "matrix",
    "aria-label": `${name}, ${shapeText(shape)}: the arrow keys go from cell to cell`,
  }, drawMatrix(id, view, size));
  svg.addEventListener("keydown", (event) => walkCells(event, id, view));
  return make("figure", {}, svg, make("figcaption", {}, name));
}

/* The size of a cell: as wide as the numbers are long, or such that a heat-map is as wide as there is room. */
function cellIn(id, view, width) {
  if (view.mode === "written") {
    const longest = Math.max(3, ...[...numbers[id].data].map((x) => brief(x).length));
    return [6.35 * longest + 7, view.cell[1]];
  }
  const scale = Math.min(width / (view.columns * view.cell[0]), (0.8 * width) / (view.rows * view.cell[1]), 24 / view.cell[0]);
  return view.cell.map((length) => length * scale);
}

function walkCells(event, id, view) {
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  event.stopPropagation();
  const [rows, columns] = matrixShape(numbers[id].shape), at = event.currentTarget.cell;
  const held = (i, length) => Math.max(0, Math.min(length - 1, i));
  const cell = at ? [held(at[0] + move[0], rows), held(at[1] + move[1], columns)] : [0, 0];
  event.currentTarget.cell = cell;
  lightCell(id, ...cell);
}

/* ── the value ───────────────────────────────────────────────────────────────────────────────────────────── */

/* One line on a value, for those who listen. */
function describeValue(value) {
  const { name, shape, look, known } = page.values[value], id = shownIn(value, "value"), gradient = shownIn(value, "gradient");
  const operation = page.operations[page.values[value].operation];
  const when = id === null ? `not computed before step ${known}` : gradient === null ? "" : ", gradient known";
  return `${name}, ${operation ? `result of ${operation.name}` : look}, ${shapeText(shape)}${id === null ? `, ${when}` : when}`;
}

function paintValue() {
  const value = shownValue(), title = document.getElementById("value-title"), content = document.getElementById("value-content");
  if (value === null) {
    title.textContent = "A value";
    content.replaceChildren(line("", "Point at a value, or choose one, to see its numbers and its gradient."));
    return;
  }
  const { name, gradient, path, shape, dtype, look, cotangent } = page.values[value];
  const operation = page.operations[page.values[value].operation];
  const origin = operation ? `result of ${operation.name}${operation.scope ? ` in ${operation.scope}` : ""}` : path || look;
  title.textContent = name;
  content.replaceChildren(
    line("origin", `${origin} · ${shapeText(shape)} · ${dtype}`),
    aboutArray(value, "value", shownIn(value, "value"), name),
    cotangent === null ? line("origin", "No gradient: no path from it leads to the loss, or its numbers are whole.")
      : aboutArray(value, "gradient", shownIn(value, "gradient"), gradient),
    ...editor(value),
  );
}

/* An array with its heat-map, its scale and its statistics; or when it will be computed. */
function aboutArray(value, role, id, name) {
  const heading = make("h3", { class: role }, role === "value" ? name : `${name}: the gradient`);
  if (id === null) {
    const at = page.values[value][role === "value" ? "known" : "complete"];
    const when = at === null ? "never computed in this graph" : `not computed yet: step ${at}, ${page.steps[at].caption}`;
    return make("section", { class: "array" }, heading, line("pending", when));
  }
  const updated = role === "value" && id !== value ? line("note", "after the update") : null;
  const figure = panelMatrix(id, Math.min(340, document.getElementById("panel").clientWidth - 40));
  return make("section", { class: "array" }, heading, updated, figure, scaleOf(id), statisticsTable(id), sampleNote(id), ...witnessTable(id));
}

/* The colour scale, from −most to +most. */
function scaleOf(id) {
  const palette = PALETTES[isDark() ? "dark" : "light"], most = extent(numbers[id].data);
  const gradient = `linear-gradient(90deg, ${css(palette.negative)}, ${css(palette.zero)}, ${css(palette.positive)})`;
  return make("div", { class: "scale", role: "img", "aria-label": `Colours from ${brief(-most)} to ${brief(most)}` },
    span("end", brief(-most)), make("span", { class: "bar", style: `background: ${gradient}` }), span("end", brief(most)));
}

function statisticsTable(id) {
  const { least, most, mean, norm, zeros, nan, infinite } = statisticsOf(id);
  const rows = [["min", exact(least)], ["max", exact(most)], ["mean", exact(mean)], ["norm", exact(norm)],
    ["zeros", `${exact(100 * zeros)} %`]];
  if (nan) rows.push(["NaN", nan]);
  if (infinite) rows.push(["±∞", infinite]);
  return make("dl", { class: "statistics" }, ...rows.map(([term, text]) =>
    make("div", { class: nan + infinite && (term === "NaN" || term === "±∞") ? "alarm" : null }, make("dt", {}, term), make("dd", {}, String(text)))));
}

/* The statistics of all numbers of an array, of which the page may hold a sample. */
function statisticsOf(id) {
  const given = page.values[id].statistics;
  if (!given) return statistics(numbers[id].data);
  return Object.fromEntries(Object.entries(given).map(([name, x]) => [name, typeof x === "string" ? Number(WORDS[x] ?? x) : x]));
}

const WORDS = { inf: Infinity, "-inf": -Infinity, nan: NaN };

function sampleNote(id) {
  const { places, shape } = page.values[id];
  return places ? line("note", `shown: ${shapeText(numbers[id].shape)} of ${shapeText(shape)}, evenly spaced; the colours are of these, the statistics of all`) : null;
}

/* What each witness says of an array, at the cell of the largest difference, and that difference. */
function witnessTable(id) {
  const witnesses = page.values[id].witnesses ?? [];
  if (!witnesses.length) return [];
  const note = state.edited.size ? line("note", "Recorded for the numbers as they came; after your edit they are out of date.") : null;
  const row = (who, first, difference) => make("tr", {}, make("th", { scope: "row" }, who), make("td", {}, first), make("td", {}, difference));
  const columns = ["who says it", "largest entry", "differs by at most"].map((text) => make("th", { scope: "col" }, text));
  const at = largestAt(original[id].data);
  return [note, make("table", { class: state.edited.size ? "witnesses stale" : "witnesses" },
    make("caption", {}, "Witnesses"), make("thead", {}, make("tr", {}, ...columns)),
    make("tbody", {}, row("this engine", exact(original[id].data[at]), "–"),
      ...witnesses.map(({ name, array, difference, looked }) =>
        row(looked === null ? name : `${name}, at ${looked} places`, array ? exact(decode(array).data[at]) : "–", brief(difference ?? NaN)))))].filter(Boolean);
}

const largestAt = (data) => data.reduce((best, x, i) => (Math.abs(x) > Math.abs(data[best]) ? i : best), 0);
