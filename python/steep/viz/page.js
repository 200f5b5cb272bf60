"use strict";
// The page's two halves: formulas of surfaces and optimisers, which tests compare with the engine,
// and what draws them.

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLOURS = DATA.colours;
const FAR = DATA.far; // half-widths of the picture after which a path is lost

// ---- surfaces: value and gradient, in the same order of operations as steep.viz.surfaces ----

const SURFACES = {
  bowl: { value: (x, y) => x * x + y * y, gradient: (x, y) => [2 * x, 2 * y] },
  ravine: {
    value: (x, y) => 0.5 * (x * x) + 12.5 * (y * y),
    gradient: (x, y) => [x, 25 * y],
  },
  rosenbrock: {
    value(x, y) {
      const across = y - x * x, along = 1 - x;
      return 100 * (across * across) + along * along;
    },
    gradient(x, y) {
      const across = y - x * x;
      return [-400 * (x * across) - 2 * (1 - x), 200 * across];
    },
  },
  beale: {
    value(x, y) {
      const [a, b, c] = bealeParts(x, y);
      return a * a + b * b + c * c;
    },
    gradient(x, y) {
      const [a, b, c] = bealeParts(x, y), y2 = y * y;
      return [
        2 * (a * (y - 1) + b * (y2 - 1) + c * (y2 * y - 1)),
        2 * (x * (a + 2 * (b * y) + 3 * (c * y2))),
      ];
    },
  },
  saddle: { value: (x, y) => x * x - y * y, gradient: (x, y) => [2 * x, -2 * y] },
  two_minima: {
    value(x, y) {
      const well = x * x - 1;
      return well * well + 0.3 * x + 0.5 * (y * y);
    },
    gradient: (x, y) => [4 * (x * (x * x - 1)) + 0.3, y],
  },
};

function bealeParts(x, y) {
  const y2 = y * y;
  return [1.5 - x + x * y, 2.25 - x + x * y2, 2.625 - x + x * (y2 * y)];
}

// ---- optimisers: each gives a function that moves a point p by the gradient g ----
// `memory.velocity`, where there is one, is what the thick arrow shows.

const each = (f) => [0, 1].map(f);

function withMomentum(nesterov) {
  return (lr, momentum, memory) => (p, g) => {
    const before = memory.velocity;
    const v = before ? each((i) => momentum * before[i] + g[i]) : g.slice();
    memory.velocity = v;
    return each((i) => p[i] - lr * (nesterov ? g[i] + momentum * v[i] : v[i]));
  };
}

function adam(decay) {
  return (lr, beta1, memory) => {
    const beta2 = 0.999, eps = 1e-8;
    let t = 0, m = [0, 0], v = [0, 0];
    return (p, g) => {
      t += 1;
      m = each((i) => beta1 * m[i] + (1 - beta1) * g[i]);
      v = each((i) => beta2 * v[i] + (1 - beta2) * (g[i] * g[i]));
      memory.velocity = m;
      const rate = lr / (1 - beta1 ** t), root = Math.sqrt(1 - beta2 ** t);
      return each((i) => p[i] * (1 - lr * decay) - (rate * m[i]) / (Math.sqrt(v[i]) / root + eps));
    };
  };
}

function nadam(lr, beta1, memory) {
  const beta2 = 0.999, eps = 1e-8, warm = (t) => beta1 * (1 - 0.5 * 0.96 ** (t * 0.004));
  let t = 0, product = 1, m = [0, 0], v = [0, 0];
  return (p, g) => {
    t += 1;
    m = each((i) => beta1 * m[i] + (1 - beta1) * g[i]);
    v = each((i) => beta2 * v[i] + (1 - beta2) * (g[i] * g[i]));
    memory.velocity = m;
    const now = warm(t), next = warm(t + 1);
    product = Math.fround(product * Math.fround(now)); // kept in 32 bits, as steep and PyTorch do
    return each((i) => {
      const mean = (next * m[i]) / (1 - product * next) + ((1 - now) * g[i]) / (1 - product);
      return p[i] - (lr * mean) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + eps);
    });
  };
}

function summed(keep, add, eps) {
  return (lr, _, memory) => {
    let s = [0, 0];
    memory.velocity = null;
    return (p, g) => {
      s = each((i) => keep * s[i] + add * (g[i] * g[i]));
      return each((i) => p[i] - (lr * g[i]) / (Math.sqrt(s[i]) + eps));
    };
  };
}

const OPTIMIZERS = {
  sgd: (lr) => (p, g) => each((i) => p[i] - lr * g[i]),
  momentum: withMomentum(false),
  nesterov: withMomentum(true),
  adagrad: summed(1, 1, 1e-10),
  rmsprop: summed(0.99, 1 - 0.99, 1e-8),
  adam: adam(0),
  nadam,
  adamw: adam(0.01),
};
const WITHOUT_MOMENTUM = ["sgd", "adagrad", "rmsprop"];

// ---- one optimiser on its way ----

function lost(surface, p) {
  const [[x0, x1], [y0, y1]] = surface.domain;
  const away = Math.hypot(p[0] - (x0 + x1) / 2, p[1] - (y0 + y1) / 2);
  return !(away <= (FAR * Math.max(x1 - x0, y1 - y0)) / 2);
}

class Track {
  constructor(surface, name, lr, momentum, start) {
    Object.assign(this, { surface, name, lr, momentum, points: [start.slice()], memory: {} });
    this.exported = findExport(this);
    this.replayed = !(name in OPTIMIZERS);
    this.move = this.replayed ? null : OPTIMIZERS[name](lr, momentum, this.memory);
    this.diverged = null;
    this.values = [this.valueAt(start)];
  }
  get point() { return this.points[this.points.length - 1]; }
  get steps() { return this.points.length - 1; }
  get ended() {
    return this.diverged !== null || (this.replayed && !this.more);
  }
  // Of what is replayed: whether the export has another step, or says that the path was lost.
  get more() {
    const e = this.exported;
    return e !== null && (this.steps + 1 < e.points.length || this.steps + 1 === e.diverged);
  }
  valueAt(p) { return SURFACES[this.surface.name].value(p[0], p[1]); }
  gradient() { return SURFACES[this.surface.name].gradient(this.point[0], this.point[1]); }
  step() {
    if (this.ended) return;
    if (this.replayed && this.steps + 1 === this.exported.diverged) {
      this.diverged = this.exported.diverged;
      return;
    }
    const next = this.replayed
      ? this.exported.points[this.steps + 1]
      : this.move(this.point, this.gradient());
    const value = this.valueAt(next);
    if (!Number.isFinite(value) || lost(this.surface, next)) {
      this.diverged = this.steps + 1;
      return;
    }
    this.points.push(next);
    this.values.push(value);
  }
  // The largest distance from the engine's path so far, relative to the size of its points (or 1).
  difference() {
    if (!this.exported) return null;
    let most = 0;
    const theirs = this.exported.points;
    for (let k = 0; k < Math.min(theirs.length, this.points.length); k++) {
      const [a, b] = [this.points[k], theirs[k]];
      const size = Math.max(1, Math.hypot(b[0], b[1]));
      most = Math.max(most, Math.hypot(a[0] - b[0], a[1] - b[1]) / size);
    }
    return most;
  }
  state() {
    if (this.diverged !== null) {
      return (this.surface.minima.length ? "diverged at " : "fell without end at ") + this.diverged;
    }
    const [[x0, x1], [y0, y1]] = this.surface.domain, [x, y] = this.point;
    const near = 0.01 * Math.min(x1 - x0, y1 - y0);
    if (this.surface.minima.some((m) => Math.hypot(x - m[0], y - m[1]) < near)) return "at a minimum";
    if (this.replayed && this.ended) return "end of the export";
    return x < x0 || x > x1 || y < y0 || y > y1 ? "out of the picture" : "on its way";
  }
}

function findExport(track) {
  return DATA.exports.find((e) =>
    e.surface === track.surface.name && e.optimizer === track.name && e.lr === track.lr &&
    (WITHOUT_MOMENTUM.includes(track.name) || !(track.name in OPTIMIZERS) ||
      e.momentum === track.momentum) &&
    e.points[0][0] === track.points[0][0] && e.points[0][1] === track.points[0][1]) || null;
}

// Runs every exported path again by the formulas above: how far do they agree?
function compareAll() {
  let most = 0, compared = 0, steps = 0, same = true;
  for (const e of DATA.exports) {
    if (!(e.optimizer in OPTIMIZERS)) continue;
    const surface = DATA.surfaces.find((s) => s.name === e.surface);
    const track = new Track(surface, e.optimizer, e.lr, e.momentum, e.points[0]);
    for (let k = 1; k < e.points.length + (e.diverged === null ? 0 : 1); k++) track.step();
    same = same && track.diverged === e.diverged && track.points.length === e.points.length;
    most = Math.max(most, track.difference());
    compared += 1;
    steps += e.points.length - 1;
  }
  return { compared, steps, most, same };
}
