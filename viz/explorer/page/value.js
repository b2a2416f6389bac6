/* The second part of the side panel, a value: its numbers and its gradient, and what witnesses say of them. */

/* One line on a value, for those who listen. */
function describeValue(value) {
  const { name, shape, look, known } = page.values[value];
  const id = shownIn(value, "value");
  const gradient = shownIn(value, "gradient");
  const operation = page.operations[page.values[value].operation];
  const when = id === null ? `not computed before step ${known}` : gradient === null ? "" : ", gradient known";
  return `${name}, ${operation ? `result of ${operation.name}` : look}, ${shapeText(shape)}${id === null ? `, ${when}` : when}`;
}

function paintValue() {
  const value = shownValue();
  const title = document.getElementById("value-title");
  const content = document.getElementById("value-content");
  if (value === null) {
    title.textContent = "A value";
    content.replaceChildren(line("", "Point at a value, or choose one, to see its numbers and its gradient."));
    return;
  }
  const { name, gradient, path, shape, dtype, look, cotangent } = page.values[value];
  const operation = page.operations[page.values[value].operation];
  const origin = operation
    ? `result of ${operation.name}${operation.scope ? ` in ${operation.scope}` : ""}`
    : path || look;
  title.textContent = name;
  content.replaceChildren(
    line("origin", `${origin} · ${shapeText(shape)} · ${dtype}`),
    aboutArray(value, "value", shownIn(value, "value"), name),
    cotangent === null
      ? line("origin", whyNoGradient(value))
      : aboutArray(value, "gradient", shownIn(value, "gradient"), gradient),
    ...editor(value),
  );
}

function whyNoGradient(value) {
  if (page.values[value].whole) return "No gradient: its numbers are whole.";
  const isComputed = page.steps.some(({ kind }) => kind === "backward");
  return isComputed ? "No gradient: no path from it leads to the loss." : "Gradient: not computed in this graph.";
}

/* An array with its heat-map, its scale and its statistics; or when it will be computed. */
function aboutArray(value, role, id, name) {
  const heading = make("h3", { class: role }, role === "value" ? name : `${name}: the gradient`);
  if (id === null) {
    const at = page.values[value][role === "value" ? "known" : "complete"];
    const when =
      at === null ? "never computed in this graph" : `not computed yet: step ${at}, ${page.steps[at].caption}`;
    return make("section", { class: "array" }, heading, line("pending", when));
  }
  if (!numbers[id].data.length) return make("section", { class: "array" }, heading, line("note", "It has no numbers."));
  const updated = role === "value" && id !== value ? line("note", "after the update") : null;
  const figure = panelMatrix(id, Math.min(340, document.getElementById("panel").clientWidth - 40));
  return make(
    "section",
    { class: "array" },
    heading,
    updated,
    figure,
    scaleOf(id),
    statisticsTable(id),
    sampleNote(id),
    ...witnessTable(id),
  );
}

/* The colours from the negative end of the scale to the positive one. */
function scaleColours() {
  const { negative, zero, positive } = PALETTES[isDark() ? "dark" : "light"];
  return `background: linear-gradient(90deg, ${css(negative)}, ${css(zero)}, ${css(positive)})`;
}

/* The colour scale, from −most to +most. */
function scaleOf(id) {
  const most = extent(numbers[id].data);
  return make(
    "div",
    { class: "scale", role: "img", "aria-label": `Colours from ${brief(-most)} to ${brief(most)}` },
    span("end", brief(-most)),
    make("span", { class: "bar", style: scaleColours() }),
    span("end", brief(most)),
  );
}

function statisticsTable(id) {
  const { least, most, mean, norm, zeros, nan, infinite } = statisticsOf(id);
  const rows = [
    ["min", exact(least)],
    ["max", exact(most)],
    ["mean", exact(mean)],
    ["norm", exact(norm)],
    ["zeros", `${exact(100 * zeros)} %`],
  ];
  if (nan) rows.push(["NaN", nan]);
  if (infinite) rows.push(["±∞", infinite]);
  return make(
    "dl",
    { class: "statistics" },
    ...rows.map(([term, text]) =>
      make(
        "div",
        { class: nan + infinite && (term === "NaN" || term === "±∞") ? "alarm" : null },
        make("dt", {}, term),
        make("dd", {}, String(text)),
      ),
    ),
  );
}

/* The statistics of all numbers of an array, of which the page may hold a sample. */
function statisticsOf(id) {
  const given = page.values[id].statistics;
  if (!given) return statistics(numbers[id].data);
  return Object.fromEntries(
    Object.entries(given).map(([name, x]) => [name, typeof x === "string" ? Number(WORDS[x] ?? x) : x]),
  );
}

const WORDS = { inf: Infinity, "-inf": -Infinity, nan: NaN };

function sampleNote(id) {
  const { places, shape } = page.values[id];
  return places
    ? line(
        "note",
        `shown: ${shapeText(numbers[id].shape)} of ${shapeText(shape)}, evenly spaced;` +
          " the colours are of these, the statistics of all",
      )
    : null;
}

/* What each witness says of an array at its largest entry, and by how much it differs anywhere. */
function witnessTable(id) {
  const witnesses = page.values[id].witnesses ?? [];
  if (!witnesses.length) return [];
  const note = state.edited.size
    ? line("note", "Recorded for the numbers as they came; after your edit they are out of date.")
    : null;
  const row = (who, first, difference) =>
    make("tr", {}, make("th", { scope: "row" }, who), make("td", {}, first), make("td", {}, difference));
  const columns = ["who says it", "largest entry", "differs by at most"].map((text) =>
    make("th", { scope: "col" }, text),
  );
  const at = largestAt(original[id].data);
  return [
    note,
    make(
      "table",
      { class: state.edited.size ? "witnesses stale" : "witnesses" },
      make("caption", {}, "Witnesses"),
      make("thead", {}, make("tr", {}, ...columns)),
      make(
        "tbody",
        {},
        row("this engine", exact(original[id].data[at]), "–"),
        ...witnesses.map(({ name, array, difference, looked }) =>
          row(
            looked === null ? name : `${name}, at ${looked} places`,
            array ? exact(decode(array).data[at]) : "–",
            brief(difference ?? NaN),
          ),
        ),
      ),
    ),
  ].filter(Boolean);
}

const largestAt = (data) => data.reduce((best, x, i) => (Math.abs(x) > Math.abs(data[best]) ? i : best), 0);
