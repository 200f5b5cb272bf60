// ---- what the page shows ----

const $ = (id) => document.getElementById(id);
const settings = { surface: null, start: null, momentum: 0.9, rates: {}, chosen: new Set() };
let tracks = [], running = false, owed = 0, last = 0, backdrop = null;

function defaultRate(name) {
  const rate = DATA.rates[name];
  if (rate !== null && rate !== undefined) return rate;
  const e = DATA.exports.find((x) => x.optimizer === name && x.surface === settings.surface.name);
  return name in OPTIMIZERS || !e ? settings.surface.lr : e.lr;
}

// The optimisers that can run on this surface: those with a formula, then what was exported for it.
function names() {
  const more = DATA.exports.filter((e) => e.surface === settings.surface.name).map((e) => e.optimizer);
  return [...new Set([...Object.keys(OPTIMIZERS), ...more])];
}

const colourOf = (name) => COLOURS[names().indexOf(name) % COLOURS.length];

function choose(surface) {
  settings.surface = surface;
  settings.start = surface.start.slice();
  settings.rates = {};
  backdrop = null;
  $("surface").value = surface.name;
  $("about").textContent = `f(x, y) = ${surface.formula}. ${surface.source}`;
  restart();
}

function restart() {
  setRunning(false);
  tracks = names().filter((name) => settings.chosen.has(name)).map((name) =>
    new Track(settings.surface, name, settings.rates[name] ?? defaultRate(name), settings.momentum,
      settings.start));
  $("start-x").value = settings.start[0];
  $("start-y").value = settings.start[1];
  $("momentum").value = settings.momentum;
  $("momentum-value").textContent = settings.momentum.toFixed(2);
  showRows();
  show();
}

function setRunning(on) {
  running = on && tracks.some((track) => !track.ended);
  owed = 0;
  last = performance.now();
  $("run").disabled = running;
  $("pause").disabled = !running;
  if (running) requestAnimationFrame(tick);
}

function tick(now) {
  if (!running) return;
  owed += ((now - last) / 1000) * Number($("speed").value);
  last = now;
  const due = Math.min(Math.floor(owed), 20);
  owed = Math.min(owed - due, 1);
  for (let k = 0; k < due; k++) for (const track of tracks) track.step();
  if (due) show();
  if (tracks.every((track) => track.ended || track.steps >= 5000)) setRunning(false);
  else requestAnimationFrame(tick);
}

// ---- the table ----

function cell(row, text, kind) {
  const td = row.insertCell();
  td.textContent = text;
  if (kind) td.className = kind;
  return td;
}

function showRows() {
  const body = $("rows");
  body.replaceChildren();
  for (const name of names()) {
    const row = body.insertRow();
    row.id = `row-${name}`;
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.id = `use-${name}`;
    box.checked = settings.chosen.has(name);
    box.onchange = () => {
      settings.chosen[box.checked ? "add" : "delete"](name);
      restart();
      $(box.id).focus();
    };
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colourOf(name);
    label.append(box, swatch, name);
    row.insertCell().append(label);
    const rate = document.createElement("input");
    Object.assign(rate, { type: "number", min: 0, step: "any", id: `lr-${name}` });
    rate.setAttribute("aria-label", `learning rate of ${name}`);
    rate.value = settings.rates[name] ?? defaultRate(name);
    rate.disabled = !(name in OPTIMIZERS);
    rate.onchange = () => {
      const given = Number(rate.value);
      if (rate.value !== "" && given > 0 && Number.isFinite(given)) settings.rates[name] = given;
      restart();
    };
    row.insertCell().append(rate);
    for (const kind of ["", "", "", "", "words", "words"]) cell(row, "", kind);
  }
}

function number(x) {
  return Math.abs(x) >= 1e3 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(2) : x.toFixed(Math.abs(x) < 10 ? 4 : 2);
}

function theirs(track) {
  if (!track.exported) return "not exported";
  if (track.replayed) return "exported";
  const far = track.difference();
  return far === 0 ? "equal" : `± ${far.toExponential(0)}`;
}

function updateRows() {
  for (const name of names()) {
    const row = $(`row-${name}`), track = tracks.find((t) => t.name === name);
    row.className = track ? "" : "off";
    const texts = track
      ? [track.steps, number(track.point[0]), number(track.point[1]),
        number(track.values[track.values.length - 1]), track.state(), theirs(track)]
      : ["", "", "", "", "", ""];
    texts.forEach((text, k) => { row.cells[k + 2].textContent = text; });
  }
}

// ---- the surface from above ----

const EDGE = { left: 54, right: 12, top: 12, bottom: 34 };

function toPixel(canvas, domain, p) {
  const [[x0, x1], [y0, y1]] = domain;
  return [
    EDGE.left + ((p[0] - x0) / (x1 - x0)) * (canvas.width - EDGE.left - EDGE.right),
    canvas.height - EDGE.bottom - ((p[1] - y0) / (y1 - y0)) * (canvas.height - EDGE.top - EDGE.bottom),
  ];
}

function fromPixel(canvas, domain, x, y) {
  const [[x0, x1], [y0, y1]] = domain;
  return [
    x0 + ((x - EDGE.left) / (canvas.width - EDGE.left - EDGE.right)) * (x1 - x0),
    y0 + ((canvas.height - EDGE.bottom - y) / (canvas.height - EDGE.top - EDGE.bottom)) * (y1 - y0),
  ];
}

// Bands between level lines, darker where the surface is lower.
function paintSurface(canvas) {
  const surface = settings.surface, { value } = SURFACES[surface.name];
  const w = canvas.width - EDGE.left - EDGE.right, h = canvas.height - EDGE.top - EDGE.bottom;
  const z = new Float64Array(w * h);
  let low = Infinity, high = -Infinity;
  for (let j = 0; j < h; j++) {
    for (let i = 0; i < w; i++) {
      const [x, y] = fromPixel(canvas, surface.domain, EDGE.left + i, EDGE.top + j);
      const at = value(x, y);
      z[j * w + i] = at;
      low = Math.min(low, at);
      high = Math.max(high, at);
    }
  }
  const lowest = surface.minima.length ? Math.min(...surface.minima.map((m) => m[2])) : null;
  const ordered = Float64Array.from(z).sort(), top = ordered[Math.floor(0.98 * ordered.length)];
  const band = (at) => lowest === null
    ? Math.floor((16 * (at - low)) / (high - low))
    : Math.max(0, Math.floor(14 + (14 * Math.log((at - lowest) / (top - lowest) || 1e-9)) / Math.log(2000)));
  const image = new ImageData(w, h), bands = z.map(band);
  for (let k = 0; k < w * h; k++) {
    const line = (k % w && bands[k] !== bands[k - 1]) || (k >= w && bands[k] !== bands[k - w]);
    const light = Math.min(bands[k] / 15, 1);
    const dark = [188, 202, 218].map((c) => c + (255 - c) * light);
    const colour = line ? [147, 161, 176] : dark;
    image.data.set([...colour, 255], 4 * k);
  }
  backdrop = image;
}

function ticks(from, to) {
  const raw = (to - from) / 6, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * unit).find((k) => k >= raw);
  const list = [];
  for (let k = Math.ceil(from / step); k * step <= to + 1e-9; k++) list.push(Number((k * step).toPrecision(6)));
  return list;
}

function drawAxes(canvas, pen, domain) {
  pen.fillStyle = "#333";
  pen.font = "14px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const [[x0, x1], [y0, y1]] = domain;
  pen.textAlign = "center";
  for (const x of ticks(x0, x1)) {
    pen.fillText(String(x), toPixel(canvas, domain, [x, y0])[0], canvas.height - EDGE.bottom + 14);
  }
  pen.textAlign = "right";
  for (const y of ticks(y0, y1)) pen.fillText(String(y), EDGE.left - 6, toPixel(canvas, domain, [x0, y])[1]);
}

function arrow(pen, from, way, length, width, colour) {
  const size = Math.hypot(way[0], way[1]);
  if (!(size > 0) || !Number.isFinite(size)) return;
  const [dx, dy] = [(way[0] / size) * length, (way[1] / size) * length];
  const tip = [from[0] + dx, from[1] + dy], head = 4 + 2 * width;
  const turn = Math.atan2(dy, dx);
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...tip);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(tip[0] + head * Math.cos(turn), tip[1] + head * Math.sin(turn));
  pen.lineTo(tip[0] + head * Math.cos(turn + 2.3), tip[1] + head * Math.sin(turn + 2.3));
  pen.lineTo(tip[0] + head * Math.cos(turn - 2.3), tip[1] + head * Math.sin(turn - 2.3));
  pen.fill();
}

function dot(pen, p, radius, fill, edge) {
  pen.beginPath();
  pen.arc(p[0], p[1], radius, 0, 2 * Math.PI);
  if (fill) { pen.fillStyle = fill; pen.fill(); }
  if (edge) { pen.strokeStyle = edge; pen.lineWidth = 1.4; pen.stroke(); }
}

function sign(pen, text, p, colour, edge = "#fff") {
  pen.font = "bold 22px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.lineWidth = 3;
  pen.strokeStyle = edge;
  pen.strokeText(text, p[0], p[1]);
  pen.fillStyle = colour;
  pen.fillText(text, p[0], p[1]);
}

function drawTrack(canvas, pen, track) {
  const domain = settings.surface.domain, colour = colourOf(track.name);
  const pixels = track.points.map((p) => toPixel(canvas, domain, p));
  pen.strokeStyle = colour;
  pen.lineWidth = 1.8;
  pen.beginPath();
  pixels.forEach((p) => pen.lineTo(...p));
  pen.stroke();
  pixels.forEach((p) => dot(pen, p, 2.2, colour));
  if (track.exported) {
    const known = track.exported.points.slice(0, track.points.length);
    known.forEach((p) => dot(pen, toPixel(canvas, domain, p), 4.6, null, colour));
  }
  const head = pixels[pixels.length - 1], g = track.gradient(), v = track.memory.velocity;
  const scale = (way) => {
    const [a, b] = [toPixel(canvas, domain, [0, 0]), toPixel(canvas, domain, way)];
    return [a[0] - b[0], a[1] - b[1]];
  };
  arrow(pen, head, scale(g), 22, 1, "#444");
  if (v && !WITHOUT_MOMENTUM.includes(track.name)) arrow(pen, head, scale(v), 30, 2.6, colour);
  dot(pen, head, 6, colour, "#fff");
  if (track.diverged !== null) {
    const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
    const [[x0, x1], [y0, y1]] = domain;
    const outside = track.points.find(([x, y]) => x < x0 || x > x1 || y < y0 || y > y1) || track.point;
    const p = toPixel(canvas, domain, outside);
    sign(pen, "✕", [clamp(p[0], EDGE.left + 12, canvas.width - EDGE.right - 12),
      clamp(p[1], EDGE.top + 12, canvas.height - EDGE.bottom - 12)], colour);
  }
}

function drawMap() {
  const canvas = $("map"), pen = canvas.getContext("2d"), surface = settings.surface;
  if (!backdrop) paintSurface(canvas);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.putImageData(backdrop, EDGE.left, EDGE.top);
  drawAxes(canvas, pen, surface.domain);
  pen.save();
  pen.beginPath();
  pen.rect(EDGE.left, EDGE.top, backdrop.width, backdrop.height);
  pen.clip();
  for (const m of surface.minima) sign(pen, "★", toPixel(canvas, surface.domain, m), "#fff", "#222");
  for (const track of tracks) drawTrack(canvas, pen, track);
  dot(pen, toPixel(canvas, surface.domain, settings.start), 6, "#fff", "#222");
  pen.restore();
}

// ---- the values by step ----

function drawChart() {
  const canvas = $("chart"), pen = canvas.getContext("2d"), minima = settings.surface.minima;
  const lowest = minima.length ? Math.min(...minima.map((m) => m[2])) : null;
  const scaled = lowest === null
    ? (value) => Math.sign(value) * Math.log10(1 + Math.abs(value) * 10)
    : (value) => Math.log10(Math.max(value - lowest, 1e-12));
  const longest = Math.max(20, ...tracks.map((track) => track.steps));
  const all = tracks.flatMap((track) => track.values.map(scaled));
  const low = Math.floor(Math.min(0, ...all)), high = Math.ceil(Math.max(1, ...all));
  const domain = [[0, longest], [low, high]];
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = "#e2e6ea";
  pen.lineWidth = 1;
  pen.font = "14px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const every = Math.max(1, Math.ceil((high - low) / 6));
  for (let k = every * Math.ceil(low / every); k <= high; k += every) {
    const text = lowest === null ? Math.sign(k) * 10 ** (Math.abs(k) - 1) : 10 ** k;
    const [x, y] = toPixel(canvas, domain, [0, lowest === null ? scaled(text) : k]);
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(canvas.width - EDGE.right, y);
    pen.stroke();
    pen.fillStyle = "#333";
    pen.textAlign = "right";
    const short = Math.abs(text) >= 1e3 || (text && Math.abs(text) < 0.01) ? text.toExponential(0) : String(text);
    pen.fillText(short, EDGE.left - 4, y);
  }
  pen.textAlign = "center";
  for (const k of ticks(0, longest)) {
    pen.fillText(String(k), toPixel(canvas, domain, [k, low])[0], canvas.height - EDGE.bottom + 14);
  }
  for (const track of tracks) {
    pen.strokeStyle = colourOf(track.name);
    pen.lineWidth = 2;
    pen.beginPath();
    track.values.forEach((value, k) => pen.lineTo(...toPixel(canvas, domain, [k, scaled(value)])));
    pen.stroke();
  }
  $("chart-title").textContent = lowest === null
    ? "Value by step; the scale is logarithmic on both sides of zero."
    : `Value above the ${minima.length > 1 ? "lowest " : ""}minimum by step, on a logarithmic scale.`;
}

function show() {
  updateRows();
  drawMap();
  drawChart();
  $("speed-value").textContent = $("speed").value;
}

// ---- what the user does ----

function moveStart(point) {
  if (!point.every(Number.isFinite)) return restart();
  settings.start = point;
  restart();
}

function listen() {
  $("surface").onchange = () => choose(DATA.surfaces.find((s) => s.name === $("surface").value));
  $("map").onclick = (event) => {
    const box = $("map").getBoundingClientRect(), canvas = $("map");
    const x = ((event.clientX - box.left) / box.width) * canvas.width;
    const y = ((event.clientY - box.top) / box.height) * canvas.height;
    const domain = settings.surface.domain;
    const inside = (value, k) => Math.min(Math.max(value, domain[k][0]), domain[k][1]);
    moveStart(fromPixel(canvas, domain, x, y).map((v, k) => Number(inside(v, k).toPrecision(4))));
  };
  for (const [k, id] of [[0, "start-x"], [1, "start-y"]]) {
    $(id).onchange = () => moveStart(settings.start.map((v, i) =>
      (i === k && $(id).value !== "" ? Number($(id).value) : v)));
  }
  $("momentum").oninput = () => { settings.momentum = Number($("momentum").value); restart(); };
  $("speed").oninput = () => { $("speed-value").textContent = $("speed").value; };
  $("run").onclick = () => setRunning(true);
  $("pause").onclick = () => setRunning(false);
  $("restart").onclick = restart;
  $("step").onclick = () => { setRunning(false); for (const track of tracks) track.step(); show(); };
  $("defaults").onclick = () => { settings.momentum = 0.9; choose(settings.surface); };
}

function begin() {
  for (const surface of DATA.surfaces) $("surface").add(new Option(surface.title, surface.name));
  const first = DATA.initial;
  settings.momentum = first.momentum;
  settings.chosen = new Set(first.optimizers);
  choose(DATA.surfaces.find((s) => s.name === first.surface));
  settings.start = first.start.slice();
  settings.rates = { ...first.rates };
  listen();
  restart();
  const found = compareAll();
  $("check").textContent = `Checked as the page opened: the JavaScript repeats ${found.compared} exported ` +
    `paths (${found.steps} steps); the largest distance from steep's own, relative to the point's size, ` +
    `is ${found.most.toExponential(1)}` + (found.same ? "." : ", and some end elsewhere.");
  // For whoever drives the page by program.
  window.steepPage = {
    check: found,
    state: () => ({
      running, surface: settings.surface.name, start: settings.start, momentum: settings.momentum,
      tracks: tracks.map((t) => ({
        name: t.name, lr: t.lr, steps: t.steps, point: t.point, state: t.state(),
        diverged: t.diverged, exported: t.exported !== null, difference: t.difference(),
      })),
    }),
  };
}

begin();
