/* The first part of the side panel, what the step does: as a formula, with shapes and with numbers. */

function paintStep() {
  const step = page.steps[state.step];
  const content = document.getElementById("step-content");
  const parts =
    { start: aboutStart, seed: aboutSeed, gradients: aboutGradients, backward: aboutBackward }[step.kind] ??
    aboutOperations;
  content.replaceChildren(...(isHidden() ? [quizQuestion(step)] : parts(step)));
  if (step.place) content.append(line("place", "in ", make("code", {}, step.place)));
}

/* Whether the quiz keeps the step's formula back. */
const isHidden = () =>
  state.quiz && !state.asked && ["forward", "backward", "update"].includes(page.steps[state.step].kind);

function quizQuestion(step) {
  const what = step.kind === "backward" ? "What does this rule hand back?" : "What is computed here?";
  const show = () => {
    state.asked = true;
    paintStep();
    document.getElementById("step-title").focus();
  };
  return line(
    "question",
    `${what} `,
    make("button", { type: "button", id: "show-formula", onclick: show }, "Show the formula"),
  );
}

const aboutStart = () => [
  line("", "The leaves are known: inputs, parameters and constants. Everything hatched is still to be computed."),
  line(
    "",
    "Step on with → or play with the space bar. The left half of the drawing is the forward pass and runs down;" +
      " the right half, dashed, is the backward pass and runs up.",
  ),
  line(
    "",
    `There are ${page.steps.length - 1} steps: ${["forward", "backward", "update"].map(countOf).filter(Boolean).join(", ")}.`,
  ),
];

/* How many steps of a kind there are, in words. */
function countOf(kind) {
  const { length } = page.steps.filter((step) => step.kind === kind);
  const [one, many] = {
    forward: ["operation", "operations"],
    backward: ["rule", "rules"],
    update: ["update", "updates"],
  }[kind];
  return length ? `${length} ${length === 1 ? one : many}${kind === "update" ? "" : ` ${kind}`}` : "";
}

const aboutSeed = ({ subject: value }) => [
  line("formula", `${page.values[value].gradient} = 1`),
  line(
    "",
    `The backward pass begins at its end: ${page.values[value].name} changes as much as itself, so its own gradient is 1. ` +
      "From here each rule turns the gradient of a result into those of the operands.",
  ),
  numbersOf([page.values[value].cotangent]),
];

const aboutGradients = () => [
  line("", "The gradients are those that the variables hold. How they came about is not in this graph."),
];

const aboutOperations = ({ operations }) => [
  ...operations.flatMap((i) => aboutOperation(page.operations[i])),
  ...glosses(operations),
];

/* A line of the graph: its formula, the same with shapes, and the same with numbers. */
function aboutOperation(operation) {
  const { output, parts, inputs, written } = operation;
  const name = page.values[output].name;
  const text = partsText(parts, (i) => written[i]);
  const shapeOf = (id) => `(${shapeText(page.values[id].shape)})`;
  const left = name === text ? `${operation.name}(${inputs.map((id) => page.values[id].name).join(", ")})` : name;
  return [line("formula", `${left} = ${text}`), line("shapes", `${shapeOf(output)} = ${partsText(parts, (i) => shapeOf(inputs[i]))}`), equation(operation)];
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
  const added = sums.length
    ? [
        line("", "Used more than once, so what comes back along each way is added up:"),
        ...sums.flatMap((i) => aboutOperation(page.operations[i])),
      ]
    : [];
  return [...described, ...added, ...glosses(operations)].filter(Boolean);
}

/* What each operation means, in the words of its own code. */
function glosses(operations) {
  const names = [...new Set(operations.map((i) => page.operations[i].name))].filter((name) => page.glosses[name]);
  return names.length
    ? [
        make(
          "dl",
          { class: "glosses" },
          ...names.flatMap((name) => [make("dt", {}, name), make("dd", {}, page.glosses[name])]),
        ),
      ]
    : [];
}
