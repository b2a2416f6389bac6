/* Moving about in the drawing: by dragging, the wheel, two fingers, buttons and keys. */

const camera = { x: 0, y: 0, scale: 1 };
const LEAST_SCALE = 0.05;
const MOST_SCALE = 4;

function moveCamera(change, smooth = false) {
  Object.assign(camera, change);
  const scene = document.getElementById("scene");
  scene.classList.toggle("smooth", smooth);
  scene.style.transform = `translate(${camera.x}px, ${camera.y}px) scale(${camera.scale})`;
}

const stage = () => drawing.getBoundingClientRect();

/* Zoom, so that the point (x, y) of the screen stays where it is. */
function zoomBy(factor, x = stage().left + stage().width / 2, y = stage().top + stage().height / 2) {
  const scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, camera.scale * factor));
  const [left, top] = [x - stage().left, y - stage().top];
  const share = scale / camera.scale;
  moveCamera({ scale, x: left - (left - camera.x) * share, y: top - (top - camera.y) * share });
}

/* Show all of the drawing. */
function fitAll() {
  const { width, height } = page.drawing;
  const area = stage();
  const scale = Math.min(1.5, area.width / width, area.height / height);
  moveCamera({ scale, x: (area.width - width * scale) / 2, y: (area.height - height * scale) / 2 }, true);
}

/* Begin as wide as fits, but not so small that numbers cannot be read: then with the first value in the middle. */
function frameStart() {
  const {
      width,
      nodes: [first],
    } = page.drawing,
    area = stage();
  const scale = Math.min(1.25, Math.max(0.8, area.width / width));
  const x =
    first && width * scale > area.width
      ? area.width / 2 - first.pillMiddle * scale
      : (area.width - width * scale) / 2;
  moveCamera({ scale, x: filling(x, width * scale, area.width), y: 0 });
}

/* Bring a value into sight, in the middle where it is not, with a margin for its neighbours. */
function showNode(value, smooth = true) {
  const node = page.drawing.nodes.find((candidate) => candidate.value === value);
  if (!node) return;
  const area = stage();
  const { scale } = camera;
  const left = Math.min(...node.boxes.map((box) => box.x));
  const right = Math.max(...node.boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...node.boxes.map((box) => box.y + box.height));
  const x = held(camera.x, left * scale, right * scale, area.width, 24);
  const y = held(camera.y, node.y * scale, bottom * scale, area.height, Math.min(110, area.height / 5));
  const { width, height } = page.drawing;
  moveCamera({ x: filling(x, width * scale, area.width), y: filling(y, height * scale, area.height) }, smooth);
}

/* An offset that leaves no empty room before the beginning of a drawing or after its end. */
const filling = (offset, length, room) =>
  length <= room ? Math.max(0, Math.min(offset, room - length)) : Math.max(room - length, Math.min(0, offset));

/* An offset with which a stretch from `start` to `end` is in sight: the one there is, if it is already. */
function held(offset, start, end, room, margin) {
  if (start + offset >= margin && end + offset <= room - margin) return offset;
  return end - start > room - 2 * margin ? Math.min(room / 2, margin) - start : room / 2 - (start + end) / 2;
}

function watchPointers() {
  const fingers = new Map();
  drawing.addEventListener("pointerdown", (event) => fingers.set(event.pointerId, [event.clientX, event.clientY]));
  drawing.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId) || !event.buttons) return;
    const before = [...fingers.values()];
    const [x, y] = fingers.get(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (fingers.size === 1) moveCamera({ x: camera.x + event.clientX - x, y: camera.y + event.clientY - y });
    else pinch(before, [...fingers.values()]);
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"])
    drawing.addEventListener(end, (event) => fingers.delete(event.pointerId));
  drawing.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) zoomBy(Math.exp(-event.deltaY / 200), event.clientX, event.clientY);
      else moveCamera({ x: camera.x - event.deltaX, y: camera.y - event.deltaY });
    },
    { passive: false },
  );
}

function pinch([a, b], [c, d]) {
  const middle = (p, q) => [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  const distance = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
  const [from, to] = [middle(a, b), middle(c, d)];
  moveCamera({ x: camera.x + to[0] - from[0], y: camera.y + to[1] - from[1] });
  zoomBy(distance(c, d) / (distance(a, b) || 1), ...to);
}
