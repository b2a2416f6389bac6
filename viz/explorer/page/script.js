/* The explorer: what is shown is a function of `state`; whatever changes it calls `paint`. */

const page = JSON.parse(document.getElementById("data").textContent);
const original = page.values.map(decode); // the arrays as they came, by the ids of their values
const numbers = [...original]; // and as they are after edits
const versions = numbers.map(() => 0);

const state = {
  step: 0,
  chosen: null, // the value that the reader chose; the panel shows that of the step where there is none
  pointed: null, // the value under the pointer
  playing: null, // the timer, while it plays
  quiz: false,
  asked: false, // whether the formula of this step was asked for
  found: [],
  edited: new Set(),
};

const SECONDS_A_STEP = 1.6;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const byId = (id) => document.getElementById(id);

const subject = () => state.chosen ?? page.steps[state.step].subject;
const shownValue = () => state.pointed ?? subject();

/* ── painting ────────────────────────────────────────────────────────────────────────────────────────────── */

function paint() {
  unlight();
  paintControls();
  paintDrawing();
  paintStep();
  paintValue();
}

function paintControls() {
  const last = page.steps.length - 1;
  const { caption } = page.steps[state.step];
  byId("slider").value = state.step;
  byId("slider").setAttribute("aria-valuetext", caption);
  if (byId("caption").textContent !== caption) byId("caption").textContent = caption;
  byId("caption").dataset.kind = page.steps[state.step].kind;
  // a disabled button would lose the focus that a keyboard put on it
  for (const name of ["first", "back"]) byId(name).setAttribute("aria-disabled", String(state.step === 0));
  for (const name of ["last", "next"]) byId(name).setAttribute("aria-disabled", String(state.step === last));
  byId("play").classList.toggle("playing", state.playing !== null);
  byId("play").setAttribute("aria-label", state.playing === null ? "Play" : "Pause");
}

/* ── steps ───────────────────────────────────────────────────────────────────────────────────────────────── */

function goTo(step) {
  state.step = Math.max(0, Math.min(page.steps.length - 1, Math.trunc(step) || 0));
  state.asked = false;
  byId("readout").textContent = "";
  byId("panel").scrollTop = 0;
  paint();
  const { subject: value } = page.steps[state.step];
  if (value !== null) showNode(value, !reducedMotion.matches);
  writeAddress();
}

function choose(value) {
  state.chosen = value;
  paint();
  writeAddress();
}

function play() {
  if (state.step === page.steps.length - 1) goTo(0);
  state.playing = setInterval(() => {
    if (state.step === page.steps.length - 1) pause();
    else goTo(state.step + 1);
  }, 1000 * SECONDS_A_STEP);
  paintControls();
}

function pause() {
  clearInterval(state.playing);
  state.playing = null;
  paintControls();
}

/* Go to a step at the reader's wish, which ends the playing. */
function stopAt(step) {
  pause();
  goTo(step);
}

/* ── the address: #step=17&node=5 ────────────────────────────────────────────────────────────────────────── */

function writeAddress() {
  const parts = [`step=${state.step}`, ...(state.chosen === null ? [] : [`node=${state.chosen}`])];
  try {
    history.replaceState(null, "", `#${parts.join("&")}`);
  } catch {
    // within a notebook the page has no address of its own
  }
}

function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const node = Number(parts.get("node") ?? NaN);
  state.chosen = nodes.has(node) ? node : null;
  goTo(Number(parts.get("step") ?? 0));
  if (state.chosen !== null) showNode(state.chosen, false);
}

/* ── controls ────────────────────────────────────────────────────────────────────────────────────────────── */

function watchControls() {
  const steps = {
    first: () => 0,
    back: () => state.step - 1,
    next: () => state.step + 1,
    last: () => page.steps.length - 1,
  };
  for (const [name, step] of Object.entries(steps)) byId(name).onclick = () => stopAt(step());
  byId("play").onclick = () => (state.playing === null ? play() : pause());
  byId("slider").max = page.steps.length - 1;
  byId("slider").oninput = (event) => stopAt(Number(event.target.value));
  byId("quiz").onclick = toggleQuiz;
  byId("theme").onclick = toggleTheme;
  byId("download").onclick = saveDrawing;
  byId("zoom-in").onclick = () => zoomBy(1.25);
  byId("zoom-out").onclick = () => zoomBy(0.8);
  byId("fit").onclick = fitAll;
  byId("search-form").onsubmit = (event) => {
    event.preventDefault();
    showNextFound();
  };
  byId("search").oninput = findValues;
}

function toggleQuiz() {
  state.quiz = !state.quiz;
  state.asked = false;
  byId("quiz").setAttribute("aria-pressed", String(state.quiz));
  byId("readout").textContent = "";
  paintStep();
}

function toggleTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  paintTheme();
}

function paintTheme() {
  byId("scale").setAttribute("style", scaleColours());
  byId("theme").setAttribute("aria-pressed", String(isDark()));
  paint();
}

function findValues() {
  state.found = search(byId("search").value);
  byId("found").textContent = byId("search").value.trim() ? `${state.found.length} found` : "";
  paintDrawing();
}

/* Choose the next of the values found. */
function showNextFound() {
  if (!state.found.length) return;
  const next = state.found[(state.found.indexOf(state.chosen) + 1) % state.found.length];
  choose(next);
  showNode(next, !reducedMotion.matches);
}

/* ── pointer and keys ────────────────────────────────────────────────────────────────────────────────────── */

function watchGraph() {
  const valueOf = (event) => {
    const node = event.target.closest?.(".node");
    return node ? Number(node.dataset.value) : null;
  };
  drawing.addEventListener("pointerover", (event) => point(event.pointerType === "touch" ? null : valueOf(event)));
  drawing.addEventListener("pointerleave", () => point(null));
  drawing.addEventListener("click", (event) => {
    if (valueOf(event) !== null) choose(valueOf(event));
  });
  drawing.addEventListener("focusin", (event) => {
    const value = valueOf(event);
    if (value !== null && event.target.matches(":focus-visible") && value !== state.chosen) choose(value);
    if (value !== null && event.target.matches(":focus-visible")) showNode(value, !reducedMotion.matches);
  });
  document.addEventListener("pointermove", (event) => {
    const cell = event.buttons ? null : cellUnder(event);
    if (cell) lightCell(...cell);
    else if (!document.activeElement?.matches(".panel-matrix")) unlight();
  });
}

/* Show a value in the panel while the pointer is on it. */
function point(value) {
  if (value === state.pointed) return;
  state.pointed = value;
  paintValue();
}

const KEYS = {
  ArrowRight: () => stopAt(state.step + 1),
  ArrowLeft: () => stopAt(state.step - 1),
  ArrowDown: () => focusNode(1),
  ArrowUp: () => focusNode(-1),
  Home: () => stopAt(0),
  End: () => stopAt(page.steps.length - 1),
  " ": () => byId("play").onclick(),
  Escape: () => {
    choose(null);
    byId("readout").textContent = "";
  },
  "/": () => byId("search").focus(),
  "+": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  0: fitAll,
};

function watchKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input")) return;
    const onButton = event.target.matches("button, summary");
    if ((onButton && event.key === " ") || !Object.hasOwn(KEYS, event.key)) return;
    if (
      event.key.startsWith("Arrow") &&
      ["ArrowUp", "ArrowDown"].includes(event.key) &&
      !event.target.closest("#graph")
    )
      return;
    event.preventDefault();
    KEYS[event.key]();
  });
}

/* Move the focus to the next value in the order of the graph. */
function focusNode(by) {
  const order = page.drawing.nodes.map(({ value }) => value);
  const next = order[Math.max(0, Math.min(order.length - 1, order.indexOf(subject()) + by))];
  choose(next);
  nodes.get(next).focus({ focusVisible: true, preventScroll: true });
  showNode(next, !reducedMotion.matches);
}

/* ── what never changes ──────────────────────────────────────────────────────────────────────────────────── */

function buildLegend() {
  const looks = [
    ["input", "input"],
    ["parameter", "parameter"],
    ["constant", "constant"],
    ["result", "result"],
    ["loss", "the loss"],
    ["gradient", "gradient"],
    ["unknown", "not computed yet"],
  ];
  const sample = (look) =>
    make(
      "svg:svg",
      { width: 34, height: 20, viewBox: "-2 -2 38 24", "aria-hidden": "true" },
      make(
        "svg:g",
        { class: `box ${look === "unknown" ? "result unknown" : look}` },
        make("svg:path", { class: "outline", d: OUTLINES[look === "unknown" ? "result" : look](34, 20) }),
        make("svg:rect", { class: "hatched", x: 4, y: 4, width: 26, height: 12 }),
      ),
    );
  const arrow = (during) =>
    make(
      "svg:svg",
      { width: 40, height: 20, viewBox: "0 0 40 20", "aria-hidden": "true" },
      make("svg:path", { class: `edge walked ${during}`, d: "M2 10H36" }),
    );
  byId("legend").append(
    ...looks
      .filter(([look]) => look === "unknown" || document.querySelector(`#drawing .box.${look}`))
      .map(([look, text]) => make("li", {}, sample(look), text)),
    make("li", {}, arrow("forward"), "forward"),
    make("li", {}, arrow("backward"), "backward"),
    make("li", {}, "below 0", make("span", { id: "scale" }), "above 0"),
  );
  byId("notes").append(...page.notes.map((note) => make("li", {}, note)));
}

function start() {
  buildDrawing();
  buildLegend();
  watchControls();
  watchGraph();
  watchPointers();
  watchKeys();
  frameStart();
  readAddress();
  paintTheme();
  addEventListener("hashchange", readAddress);
  systemIsDark.addEventListener("change", paintTheme);
}

start();
