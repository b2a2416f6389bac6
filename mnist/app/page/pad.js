/* The pad: what is drawn on it, or dropped, pasted or chosen, becomes the component's value, as a data URL. */

const canvas = element.querySelector("canvas");
const chooser = element.querySelector("input");
const hint = element.querySelector(".hint");
const context = canvas.getContext("2d");
const HINT = hint.textContent;
const PEN = 20;
const PAUSE = 150; /* milliseconds between two looks at a stroke that is being drawn */

let last = null;
let timer = null;

function clear() {
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  hint.textContent = HINT;
  hint.hidden = false;
}

function send(value) {
  clearTimeout(timer);
  timer = null;
  props.value = value;
  trigger("drawn");
}

function place(event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return { x: ((event.clientX - left) * canvas.width) / width, y: ((event.clientY - top) * canvas.height) / height };
}

function stroke(to) {
  context.strokeStyle = "black";
  context.lineWidth = PEN;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(last.x, last.y);
  context.lineTo(to.x, to.y);
  context.stroke();
  last = to;
  timer ??= setTimeout(() => send(canvas.toDataURL("image/png")), PAUSE);
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  canvas.setPointerCapture(event.pointerId);
  hint.hidden = true;
  last = place(event);
  stroke(last);
});

canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  for (const each of event.getCoalescedEvents?.() ?? [event]) stroke(place(each));
});

for (const end of ["pointerup", "pointercancel"])
  canvas.addEventListener(end, () => {
    last = null;
  });

/* Show a picture where the browser can read it; whether the network can is not for the browser to say. */
async function show(file) {
  clear();
  hint.hidden = true;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(canvas.width / picture.width, canvas.height / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    context.drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  } catch {
    context.fillStyle = "#777777";
    context.font = "16px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText(file.name.slice(0, 30), canvas.width / 2, canvas.height / 2);
  }
}

function take(file) {
  if (!file) return;
  if (file.size > props.most) {
    clear();
    hint.textContent = `This file is too large: ${props.most / 2 ** 20} MiB are the most`;
    return send("");
  }
  show(file);
  const reader = new FileReader();
  reader.addEventListener("load", () => send(file.size ? reader.result : "data:,"));
  reader.readAsDataURL(file);
}

chooser.addEventListener("change", () => {
  take(chooser.files[0]);
  chooser.value = "";
});

element.addEventListener("dragover", (event) => event.preventDefault());
element.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));

element.querySelector(".clear").addEventListener("click", () => {
  clear();
  send("");
});

clear();
