"use strict";
// What charts share: data, colours, axes, a view that several of them move together, and how they are told to move.

const report = JSON.parse(document.getElementById("report").textContent);
const AXIS = 20, EDGE = 8; // pixels: height of the axis of x, free room at the right

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let ink = {};
const readInk = () => { for (const name of ["paper", "ink", "faint", "line", "shade", "accent", "down"]) ink[name] = style(`--${name}`); };
readInk();
const colour = k => report.palette[k % report.palette.length];

// First index whose value in an ascending array is > x.
function after(values, x, low = 0, high = values.length) {
  while (low < high) { const middle = (low + high) >> 1; if (values[middle] > x) high = middle; else low = middle + 1; }
  return low;
}

function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= rough) || 10 * power, made = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9 && made.length < 50; k++) made.push(k * step);
  return made;
}

function short(value) {
  if (value === null || value === undefined || !isFinite(value)) return "-";
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(4)} M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(4)} k`;
  return String(+value.toPrecision(4));
}

const unitOf = span => span > 3 * 86400 ? [86400, "d"] : span > 3 * 3600 ? [3600, "h"] : span > 300 ? [60, "min"] : [1, "s"];

function clock(seconds, span) {
  const [size, unit] = unitOf(span);
  return `${+(seconds / size).toPrecision(6)} ${unit}`;
}

class View {
  constructor(low, high) { this.full = [low, high > low ? high : low + 1]; [this.low, this.high] = this.full; this.charts = []; this.waiting = false; }
  get span() { return this.high - this.low; }
  set(low, high) {
    const [first, last] = this.full, least = (last - first) / 1e6;
    const span = Math.min(last - first, Math.max(least, high - low));
    this.low = Math.min(Math.max(first, low), last - span);
    this.high = this.low + span;
    this.redraw();
  }
  zoom(factor, at = (this.low + this.high) / 2) {
    if (factor === 0) return this.set(...this.full);
    this.set(at - (at - this.low) / factor, at + (this.high - at) / factor);
  }
  grow(last) { // what is shown stays, but all of it stays all of it
    const whole = this.low <= this.full[0] && this.high >= this.full[1];
    this.full[1] = Math.max(last, this.full[0] + 1e-9);
    if (whole) this.set(...this.full); else this.set(this.low, this.high);
  }
  pan(share) { this.set(this.low + share * this.span, this.high + share * this.span); }
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; for (const chart of this.charts) if (chart.seen) chart.draw(); });
  }
}

class Chart {
  constructor(figure, view, left) {
    this.figure = figure; this.view = view; this.left = left; this.seen = false;
    this.canvas = figure.querySelector("canvas"); this.context = this.canvas.getContext("2d");
    view.charts.push(this);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    new IntersectionObserver(entries => { this.seen = entries[entries.length - 1].isIntersecting; if (this.seen) this.view.redraw(); }, { rootMargin: "200px" })
      .observe(this.canvas);
    this.listen();
  }
  get right() { return this.width - EDGE; }
  x(value) { return this.left + (value - this.view.low) / this.view.span * (this.right - this.left); }
  at(pixel) { return this.view.low + (pixel - this.left) / (this.right - this.left) * this.view.span; }
  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth; this.height = this.tall();
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(this.width * ratio); this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.view.redraw();
  }
  tall() { return 260; }
  clear() {
    const c = this.context;
    c.clearRect(0, 0, this.width, this.height);
    c.font = "11px system-ui, sans-serif"; c.lineWidth = 1; c.textBaseline = "middle";
  }
  axis(format, unit = 1) {
    const c = this.context, bottom = this.height - AXIS;
    c.textAlign = "center";
    for (const value of ticks(this.view.low / unit, this.view.high / unit, (this.right - this.left) / 90).map(tick => tick * unit)) {
      const x = Math.round(this.x(value)) + 0.5;
      c.strokeStyle = ink.line; c.beginPath(); c.moveTo(x, 4); c.lineTo(x, bottom); c.stroke();
      c.fillStyle = ink.faint; c.fillText(format(value), Math.min(Math.max(x, this.left + 12), this.right - 14), bottom + 11);
    }
  }
  listen() {
    const canvas = this.canvas, held = new Map();
    let moved = 0;
    canvas.addEventListener("pointerdown", e => { held.set(e.pointerId, e.offsetX); moved = 0; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", e => {
      if (!held.has(e.pointerId)) return this.hover(e.offsetX, e.offsetY);
      const before = [...held.values()], from = held.get(e.pointerId);
      held.set(e.pointerId, e.offsetX);
      moved += Math.abs(e.offsetX - from);
      if (held.size === 1) this.view.pan((from - e.offsetX) / (this.right - this.left));
      else {
        const now = [...held.values()], wide = v => Math.max(8, Math.abs(v[0] - v[1]));
        this.view.zoom(wide(now) / wide(before), this.at((now[0] + now[1]) / 2));
      }
    });
    const let_go = e => held.delete(e.pointerId);
    canvas.addEventListener("pointerup", e => { let_go(e); if (moved < 5) this.click(e.offsetX, e.offsetY); });
    canvas.addEventListener("pointercancel", let_go);
    canvas.addEventListener("pointerleave", () => this.hover(-1, -1));
    canvas.addEventListener("dblclick", e => this.view.zoom(2, this.at(e.offsetX)));
    canvas.addEventListener("wheel", e => {
      if (document.activeElement !== canvas && !e.ctrlKey) return; // the page scrolls on until a chart is chosen
      e.preventDefault();
      this.view.zoom(Math.exp(-e.deltaY * 0.002), this.at(e.offsetX));
    }, { passive: false });
    canvas.addEventListener("keydown", e => {
      if (e.ctrlKey || e.metaKey || e.altKey || !this.key(e.key)) return;
      e.preventDefault();
    });
  }
  key(name) {
    const does = { ArrowLeft: () => this.view.pan(-0.1), ArrowRight: () => this.view.pan(0.1), "+": () => this.view.zoom(1.5), "=": () => this.view.zoom(1.5),
      "-": () => this.view.zoom(1 / 1.5), 0: () => this.view.zoom(0), Home: () => this.view.zoom(0) }[name];
    if (does) does();
    return Boolean(does);
  }
  hover() {}
  click() {}
}

function legend(figure, entries) {
  const place = figure.querySelector(".legend");
  place.replaceChildren();
  for (const [name, paint] of entries) {
    const item = document.createElement("span"), mark = document.createElement("i");
    mark.style.background = paint;
    if (/^[\p{L}\p{N}]/u.test(name)) item.append(mark);
    else item.style.color = paint; // it begins with its own mark
    item.append(name);
    place.append(item);
  }
}
