/* The graph: its boxes, arrows and layers at the places that the layout gave them, and how they change with the step. */

const drawing = document.getElementById("drawing");
const nodes = new Map(); // by the id of a value: the group in which it is drawn

/* The outline of a box, which tells by its shape what it holds. */
const OUTLINES = {
  input: (w, h) => `M0 0H${w - 12}L${w} 12V${h}H0z`,
  parameter: (w, h) => `M0 0H${w}V${h}H0zM3.5 3.5V${h - 3.5}H${w - 3.5}V3.5z`,
  constant: (w, h) =>
    `M14 0H${w - 14}Q${w} 0 ${w} 14V${h - 14}Q${w} ${h} ${w - 14} ${h}H14Q0 ${h} 0 ${h - 14}V14Q0 0 14 0z`,
  result: (w, h) => `M0 0H${w}V${h}H0z`,
  loss: (w, h) => `M10 0H${w - 10}L${w} 10V${h - 10}L${w - 10} ${h}H10L0 ${h - 10}V10z`,
  gradient: (w, h) => `M0 0H${w}V${h}H0z`,
};

function buildDrawing() {
  const { width, height, layers, edges, nodes: all } = page.drawing;
  const scene = make("svg:g", { id: "scene" });
  scene.append(
    make("svg:g", { class: "layers", "aria-hidden": "true" }, ...layers.map(buildLayer)),
    make("svg:g", { class: "edges", "aria-hidden": "true" }, ...edges.map(buildEdge)),
    make("svg:g", { class: "nodes", role: "listbox", "aria-label": "Values" }, ...all.map(buildNode)),
  );
  drawing.append(
    make("svg:title", {}, page.title),
    make("svg:desc", {}, `A graph of ${all.length} values; the forward pass runs down, the backward pass up.`),
    buildDefinitions(),
    scene,
  );
  drawing.dataset.width = width;
  drawing.dataset.height = height;
}

/* Arrowheads, and the hatching of what is not computed yet. */
function buildDefinitions() {
  const head = (name) =>
    make(
      "svg:marker",
      {
        id: `head-${name}`,
        viewBox: "0 0 8 8",
        refX: 7,
        refY: 4,
        markerWidth: 7,
        markerHeight: 7,
        orient: "auto",
      },
      make("svg:path", { d: "M0 0L8 4L0 8z", class: `head ${name}` }),
    );
  const hatch = make(
    "svg:pattern",
    {
      id: "hatch",
      width: 7,
      height: 7,
      patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)",
    },
    make("svg:rect", { width: 7, height: 7, class: "hatch-ground" }),
    make("svg:rect", { width: 2, height: 7, class: "hatch-line" }),
  );
  return make("svg:defs", {}, head("plain"), head("forward"), head("backward"), hatch);
}

const buildLayer = ({ x, y, width, height, label }) =>
  make(
    "svg:g",
    { class: "layer" },
    make("svg:rect", { x, y, width, height, rx: 10 }),
    make("svg:text", { x: x + 12, y: y + 14 }, label),
  );

/* A polyline with its corners rounded. */
function pathOf(points) {
  const near = (a, b) => {
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    const r = Math.min(6, length / 2);
    return [a[0] + ((b[0] - a[0]) * r) / length, a[1] + ((b[1] - a[1]) * r) / length];
  };
  const corners = points
    .slice(1, -1)
    .map((corner, i) => `L${near(corner, points[i])}Q${corner} ${near(corner, points[i + 2])}`);
  return `M${points[0]}${corners.join("")}L${points[points.length - 1]}`;
}

const buildEdge = ({ during, source, target, points }) =>
  make("svg:path", {
    class: `edge ${during}`,
    d: pathOf(points),
    "data-source": source,
    "data-target": target,
  });

function buildNode({ value, boxes, pill, pillMiddle, y, pillWidth }) {
  const group = make(
    "svg:g",
    {
      class: "node",
      role: "option",
      tabindex: -1,
      "data-value": value,
      "aria-selected": "false",
    },
    make("svg:title", {}, page.values[value].name),
  );
  for (const box of boxes) group.append(buildBox(value, box));
  if (pill)
    group.append(
      make(
        "svg:g",
        { class: "pill", transform: `translate(${pillMiddle - pillWidth / 2} ${y})` },
        make("svg:rect", { width: pillWidth, height: 20, rx: 10 }),
        make("svg:text", { x: pillWidth / 2, y: 10 }, pill),
      ),
    );
  nodes.set(value, group);
  return group;
}

function buildBox(value, { role, label, shape, x, y, width, height }) {
  const kind = role === "gradient" ? "gradient" : page.values[value].look;
  return make(
    "svg:g",
    { class: `box ${kind}`, "data-role": role, "data-label": label, transform: `translate(${x} ${y})` },
    make("svg:rect", { class: "ring", x: -4, y: -4, width: width + 8, height: height + 8, rx: 4 }),
    make("svg:path", { class: "outline", d: OUTLINES[kind](width, height), "fill-rule": "nonzero" }),
    make("svg:rect", { class: "hatched", x: 6, y: 20, width: width - 12, height: height - 26 }),
    make("svg:text", { class: "name", x: 8, y: 12 }, label),
    make("svg:text", { class: "shape", x: width - (kind === "input" ? 16 : 8), y: 12 }, shape),
    make("svg:g", { class: "content", transform: `translate(6 20)`, "data-width": width - 12 }),
  );
}

/* ── what changes with the step ──────────────────────────────────────────────────────────────────────────── */

/* The array that a box shows at the step, or null while it is not computed. */
function shownIn(value, role, at = state.step) {
  const { cotangent, known, complete, updates } = page.values[value];
  if (role === "gradient") return complete !== null && complete <= at ? cotangent : null;
  if (known === null || known > at) return null;
  const update = updates.filter(([step]) => step <= at).pop();
  return update ? update[1] : value;
}

function paintDrawing() {
  const step = page.steps[state.step];
  for (const [value, group] of nodes) {
    group.classList.toggle("active", step.subject === value);
    group.classList.toggle("found", state.found.includes(value));
    const isFirst = subject() === null && value === page.drawing.nodes[0].value;
    setChanged(group, "aria-selected", subject() === value);
    setChanged(group, "tabindex", subject() === value || isFirst ? 0 : -1);
    setChanged(group, "aria-label", describeValue(value));
    for (const box of group.querySelectorAll(".box")) paintBox(value, box);
  }
  for (const edge of drawing.querySelectorAll(".edge")) paintEdge(edge, step);
  drawing.dataset.during = step.kind;
}

/* Set an attribute where it has changed, for a browser computes styles again even where it has not. */
function setChanged(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

function paintBox(value, box) {
  const id = shownIn(value, box.dataset.role);
  const content = box.querySelector(".content");
  const key = `${id} ${isDark()} ${id === null ? "" : versions[id]}`;
  if (content.dataset.key === key) return;
  content.dataset.key = key;
  content.replaceChildren();
  const isUpdated = id !== null && box.dataset.role === "value" && id !== value;
  box.querySelector(".name").textContent = box.dataset.label + (isUpdated ? "′" : "");
  box.classList.toggle("unknown", id === null);
  box.classList.toggle("updated", isUpdated);
  if (id === null) return;
  const { view } = page.values[id];
  const matrix = drawMatrix(id, view, view.cell);
  matrix.setAttribute("transform", `translate(${(content.dataset.width - view.columns * view.cell[0]) / 2} 0)`);
  content.append(matrix);
}

/* An arrow is plain, or already walked, or just being walked. */
function paintEdge(edge, step) {
  const source = Number(edge.dataset.source);
  const target = Number(edge.dataset.target);
  const isForward = edge.classList.contains("forward");
  const at = isForward ? page.values[target].known : page.values[source].differentiated;
  edge.classList.toggle("walked", at !== null && at <= state.step);
  edge.classList.toggle(
    "active",
    step.subject === (isForward ? target : source) && step.kind === (isForward ? "forward" : "backward"),
  );
}

/* ── search ──────────────────────────────────────────────────────────────────────────────────────────────── */

/* The drawn values whose name, gradient, operation, path or shape contains a text; 2x4 is the shape 2×4. */
function search(text) {
  const wanted = plain(text.trim().replace(/(\d)x(?=\d)/g, "$1×"));
  if (!wanted) return [];
  return [...nodes.keys()].filter((value) => {
    const { name, gradient, path, shape, operation } = page.values[value];
    const words = [name, gradient, path, shapeText(shape), page.operations[operation]?.name, page.operations[operation]?.scope];
    return words.some((word) => word && plain(word).includes(wanted));
  });
}

/* Subscripts as plain digits, so that W1 finds W₁. */
const plain = (text) => text.normalize("NFKD").toLowerCase();

/* ── saving ──────────────────────────────────────────────────────────────────────────────────────────────── */

const STYLES = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "dominant-baseline",
  "image-rendering",
  "paint-order",
  "fill-opacity",
  "marker-end",
  "display",
];

/* The drawing as a file of its own: all of it, as it looks at this step, with its styles written out. */
function drawingAsFile() {
  const copy = drawing.cloneNode(true);
  const { width, height } = page.drawing;
  const originals = drawing.querySelectorAll("*");
  const copies = copy.querySelectorAll("*");
  originals.forEach((original, i) => {
    const style = getComputedStyle(original);
    for (const name of STYLES) copies[i].style.setProperty(name, style.getPropertyValue(name));
  });
  copy.querySelector("#scene").style.transform = "none"; // all of it, wherever the camera is
  copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.style.background = getComputedStyle(document.body).backgroundColor;
  return new XMLSerializer().serializeToString(copy);
}

function saveDrawing() {
  const link = make("a", {
    download: "graph.svg",
    href: URL.createObjectURL(new Blob([drawingAsFile()], { type: "image/svg+xml" })),
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
