// Curves, steps and points over time or decisions.

class Lines extends Chart {
  constructor(figure, chart, view) {
    super(figure, view, 52);
    this.chart = chart; this.pointer = -1;
    legend(figure, chart.curves.map((curve, k) => [curve.name, colour(k)]));
  }
  range() {
    let low = Infinity, high = -Infinity;
    for (const { x, y } of this.chart.curves) {
      const last = Math.min(x.length, after(x, this.view.high) + 1);
      for (let k = Math.max(0, after(x, this.view.low) - 1); k < last; k++) if (y[k] !== null) { low = Math.min(low, y[k]); high = Math.max(high, y[k]); }
    }
    if (low > high) return [0, 1];
    if (low > 0 && low < 0.5 * high) low = 0;
    const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    return [low === 0 ? 0 : low - room, high + room];
  }
  draw() {
    if (!this.width) return;
    this.clear();
    const c = this.context, bottom = this.height - AXIS, [low, high] = this.range();
    const up = value => bottom - (value - low) / (high - low) * (bottom - 20);
    if (this.chart.x === "s") this.axis(value => clock(value, this.view.span), unitOf(this.view.span)[0]);
    else this.axis(short);
    for (const value of ticks(low, high, 5)) {
      const y = Math.round(up(value)) + 0.5;
      c.strokeStyle = ink.line; c.beginPath(); c.moveTo(this.left, y); c.lineTo(this.right, y); c.stroke();
      c.fillStyle = ink.faint; c.textAlign = "right"; c.fillText(short(value), this.left - 6, y);
    }
    c.textAlign = "left"; c.fillStyle = ink.faint;
    c.fillText(this.chart.y, this.left, 8);
    if (this.chart.x !== "s") { c.textAlign = "right"; c.fillText(this.chart.x, this.right, 8); }
    c.save(); c.beginPath(); c.rect(this.left, 0, this.right - this.left, bottom + 2); c.clip();
    this.chart.curves.forEach((curve, k) => this.curve(curve, k, up));
    c.restore();
    if (this.pointer >= this.left) this.readout(up);
  }
  curve({ x, y }, k, up) {
    const c = this.context, first = Math.max(0, after(x, this.view.low) - 1), last = Math.min(x.length, after(x, this.view.high) + 1);
    c.strokeStyle = c.fillStyle = colour(k); c.lineWidth = 2;
    c.setLineDash(k >= 3 ? [6, 3] : []);
    if (this.chart.style === "points") {
      for (let n = first; n < last; n++) if (y[n] !== null) {
        c.beginPath();
        if (k % 2) c.rect(this.x(x[n]) - 2.5, up(y[n]) - 2.5, 5, 5); else c.arc(this.x(x[n]), up(y[n]), 3, 0, 7);
        c.fill();
      }
      return;
    }
    c.beginPath();
    let before = null;
    for (let n = first; n < last; n++) {
      if (y[n] === null) { before = null; continue; }
      const px = this.x(x[n]), py = up(y[n]);
      if (before === null) c.moveTo(px, py);
      else { if (this.chart.style === "step") c.lineTo(px, before); c.lineTo(px, py); }
      before = py;
    }
    c.stroke();
    c.setLineDash([]);
  }
  readout(up) {
    const c = this.context, time = this.at(this.pointer), near = this.chart.curves.map(({ x, y }, k) => {
      let n = after(x, time) - 1;
      if (this.chart.style !== "step" && n + 1 < x.length && (n < 0 || x[n + 1] - time < time - x[n])) n++;
      return n < 0 || n >= x.length ? null : [this.chart.curves[k].name, y[n], k];
    }).filter(Boolean);
    c.strokeStyle = ink.faint; c.beginPath(); c.moveTo(this.pointer, 16); c.lineTo(this.pointer, this.height - AXIS); c.stroke();
    const lines = [this.chart.x === "s" ? clock(time, this.view.span) : short(time), ...near.slice(0, 12).map(([name, value]) => `${name}: ${short(value)}`)];
    const wide = Math.max(...lines.map(line => c.measureText(line).width)) + 12, x = this.pointer + wide + 12 > this.right ? this.pointer - wide - 8 : this.pointer + 8;
    c.fillStyle = ink.shade; c.strokeStyle = ink.line;
    c.fillRect(x, 20, wide, lines.length * 15 + 8); c.strokeRect(x, 20, wide, lines.length * 15 + 8);
    c.textAlign = "left";
    lines.forEach((line, k) => { c.fillStyle = k ? ink.ink : ink.faint; c.fillText(line, x + 6, 32 + 15 * k); });
  }
  hover(x) { this.pointer = x; this.view.redraw(); }
  click(x) { this.hover(x); }
}
