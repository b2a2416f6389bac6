/* Numbers that can be changed: everything is then computed again, forward and backward, by code emitted from the graph. */

/* Inputs for the numbers of a leaf; nothing for other values, and nothing where the graph cannot be computed here. */
function editor(value) {
  if (!page.editable.includes(value) || !numbers[value].data.length) return [];
  const { data, shape } = numbers[value];
  const [, columns] = matrixShape(shape);
  const cells = [...data].map((x, i) => numberInput(value, x, i, columns));
  const grid = make("div", { class: "numbers", style: `grid-template-columns: repeat(${columns}, 1fr)` }, ...cells);
  const reset = make("button", { type: "button", id: "reset", onclick: resetNumbers }, "All as they were");
  reset.disabled = state.edited.size === 0;
  return [
    make(
      "section",
      { class: "edit" },
      make("h3", {}, "Change a number"),
      line("hint", "Everything is computed again, forward and backward."),
      grid,
      line("problem", ""),
      reset,
    ),
  ];
}

function numberInput(value, x, i, columns) {
  const index = indexText(value, Math.floor(i / columns), i % columns);
  return make("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    value: String(x),
    "data-cell": i,
    "aria-label": `${page.values[value].name}[${index}]`,
    onchange: (event) => changeNumber(value, i, event.target),
  });
}

/* Take the number that was typed and compute everything again; or say why not, and leave all as it is. */
function changeNumber(value, i, input) {
  const x = Number(input.value.trim().replace("−", "-").replace(",", "."));
  const problem = problemWith(value, x, input.value) ?? recomputeWith(value, i, x);
  input.setAttribute("aria-invalid", String(problem !== null));
  input.closest(".edit").querySelector(".problem").textContent = problem ?? "";
  if (problem) return;
  const label = input.getAttribute("aria-label");
  paint();
  document.querySelector(`.edit input[aria-label="${CSS.escape(label)}"]`)?.focus();
}

function problemWith(value, x, text) {
  if (text.trim() === "" || Number.isNaN(x)) return `${text.trim() || "nothing"} is no number`;
  if (page.values[value].whole && !Number.isInteger(x)) return `${page.values[value].name} holds whole numbers`;
  return null;
}

/* Compute the graph with another number in a leaf; return what is wrong with that number, or null. */
function recomputeWith(value, i, x) {
  const data = Float64Array.from(numbers[value].data);
  data[i] = x;
  const changed = page.values.map(({ operation }, id) => (operation === null ? numbers[id] : undefined));
  changed[value] = { shape: numbers[value].shape, data };
  try {
    engine.recompute(changed);
  } catch (error) {
    return error.message;
  }
  changed.forEach((array, id) => {
    numbers[id] = array;
    versions[id] += 1;
  });
  state.edited.add(value);
  return null;
}

function resetNumbers() {
  original.forEach((array, id) => {
    numbers[id] = array;
    versions[id] += 1;
  });
  state.edited.clear();
  paint();
  document.querySelector(".edit input")?.focus();
}
