/* What a person would see at a glance, measured: text that is cut, and text that is too faint. */

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const box = (element) => element.getBoundingClientRect();

function isInside(inner, outer, slack) {
  return (
    inner.left >= outer.left - slack &&
    inner.right <= outer.right + slack &&
    inner.top >= outer.top - slack &&
    inner.bottom <= outer.bottom + slack
  );
}

/* Texts that stand out of their frames, and elements that stand out of the screen. */
function whatIsCut() {
  const bad = [];
  const check = (text, frame) => {
    if (!isInside(box(text), box(frame), camera.scale)) bad.push(`cut: ${text.textContent}`);
  };
  for (const node of all(".node .box")) {
    const [outline, name, shape] = [".outline", ".name", ".shape"].map((part) => node.querySelector(part));
    check(name, outline);
    check(shape, outline);
    if (box(name).right > box(shape).left) bad.push(`on each other: ${name.textContent} ${shape.textContent}`);
    if (node.querySelector(".cells")) check(node.querySelector(".cells"), outline);
  }
  for (const matrix of all(".matrix")) {
    const cells = all(".cell", matrix);
    all(".number", matrix).forEach((number, i) => check(number, cells[i]));
  }
  for (const part of all(".pill, .layer")) check(part.querySelector("text"), part.querySelector("rect"));
  const { scrollWidth } = document.scrollingElement;
  if (scrollWidth > innerWidth) bad.push(`the page scrolls sideways: ${scrollWidth}`);
  for (const element of all("header *, #controls *, #panel *, footer *")) {
    if (!element.checkVisibility() || element.parentElement.closest("svg")) continue;
    const { left, right } = box(element);
    const told = element.outerHTML.slice(0, 80);
    const end = element.closest("#panel") ? box(document.getElementById("panel")).right : innerWidth;
    if (left < -0.5 || right > end + 0.5) bad.push(`beyond the screen: ${told}`);
    const hides = getComputedStyle(element).overflowX !== "visible";
    if (hides && element.clientWidth && element.scrollWidth > element.clientWidth + 1) bad.push(`cut: ${told}`);
  }
  return bad;
}

/* Texts that something else lies on, of those that are in sight. */
function whatIsCovered() {
  const isSeen = ({ x, y }) => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
  return all("header *, #controls *, #panel *, footer *")
    .filter((element) => {
      if (!element.checkVisibility() || element.closest("svg") || !hasText(element)) return false;
      const { left, top, width, height } = box(element);
      const middle = { x: left + width / 2, y: top + height / 2 };
      const frame = box(element.closest("#panel") ?? document.body);
      if (!width || !isSeen(middle) || middle.y < frame.top || middle.y > frame.bottom) return false;
      const found = document.elementFromPoint(middle.x, middle.y);
      return !(element.contains(found) || found.contains(element));
    })
    .map((element) => element.outerHTML.slice(0, 80));
}

const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
const context = canvas.getContext("2d", { willReadFrequently: true });
const colours = new Map();

/* A colour of CSS as [red, green, blue, alpha]. */
function rgb(text) {
  if (!colours.has(text)) {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = text;
    context.fillRect(0, 0, 1, 1);
    colours.set(text, [...context.getImageData(0, 0, 1, 1).data]);
  }
  return colours.get(text);
}

const linear = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

/* The ratio that the Web Content Accessibility Guidelines define. */
function ratio(a, b) {
  const [darker, lighter] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (lighter + 0.05) / (darker + 0.05);
}

const colour = (element, name) => rgb(getComputedStyle(element)[name]);

/* The colour of the first ancestor that has one. */
function ground(element) {
  const found = element && colour(element, "backgroundColor");
  return !found || found[3] === 255 ? found : ground(element.parentElement);
}

const hasText = (element) =>
  element.tagName === "INPUT" ||
  [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());

/* The lowest contrast of each kind of text. */
function contrasts() {
  const found = {};
  const note = (what, a, b) => {
    found[what] = Math.min(found[what] ?? Infinity, ratio(a, b));
  };
  for (const element of all("body *"))
    if (!element.closest("svg, script, style") && element.checkVisibility() && hasText(element))
      note(`${element.tagName}.${element.className}#${element.id}`, colour(element, "color"), ground(element));
  for (const node of all(".node .box"))
    for (const part of all(".name, .shape", node))
      note(
        `${part.classList} of ${node.classList}`,
        colour(part, "fill"),
        colour(node.querySelector(".outline"), "fill"),
      );
  for (const matrix of all(".matrix")) {
    const cells = all(".cell", matrix);
    all(".number", matrix).forEach((number, i) => note("number", colour(number, "fill"), colour(cells[i], "fill")));
  }
  for (const pill of all(".pill"))
    note("pill", colour(pill.querySelector("text"), "fill"), colour(pill.querySelector("rect"), "fill"));
  for (const layer of all(".layer")) {
    const frame = layer.querySelector("rect");
    const share = Number(getComputedStyle(frame).fillOpacity);
    const paper = ground(document.body);
    const mixed = colour(frame, "fill").map((c, i) => share * c + (1 - share) * paper[i]);
    note("layer", colour(layer.querySelector("text"), "fill"), mixed);
  }
  return found;
}
