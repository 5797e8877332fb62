// Who ran what and who held which shared units. The cost of a picture is that of its pixels, not of its bars: in each row, bars are
// found by binary search, what falls into one pixel is drawn once, and all that there may be thousands of goes through Pixels.

const HEAD = 16, GAP = 5, MARKS = 7, POOL = 74; // pixels: due dates, between agents, reservations and contests of an agent, a chart of leases
const HOW = { end: "done", failed: "failed", interrupted: "interrupted", running: "still running" };

class Gantt extends Chart {
  constructor(figure, schedule, view) {
    super(figure, view, 64);
    this.pixels = new Pixels(); this.words = report.palette.map(hex => [word(hex), word(hex, 0.4)]);
    this.picked = null; this.told = figure.querySelector(".told");
    this.take(schedule);
    for (const button of figure.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => view.zoom(Number(button.dataset.zoom)));
  }
  take(schedule) {
    const { name, agent, start } = schedule.bars, is = this.picked;
    this.schedule = schedule;
    this.selected = is ? name.findIndex((own, n) => own === is.name && agent[n] === is.agent && start[n] === is.start) : -1;
    this.rows = this.byRow();
    this.laid = this.layOut();
    this.pools = schedule.resources.map((_, r) => this.held(r));
    this.due = this.dueDates();
    this.reserved = this.byAgent(schedule.reservations);
    this.contested = this.byAgent(schedule.bids);
    this.down = schedule.outages.start.map((from, k) => [schedule.outages.agent[k], from, schedule.outages.end[k]]);
    const owners = [...new Set(schedule.jobs.owner)].sort((a, b) => a - b);
    legend(this.figure, [...owners.slice(0, 12).map(a => [`job of ${schedule.agents[a]}`, colour(a)]), ["▾ due date, met", "var(--faint)"],
      ["▼ due date, missed", "#d55e00"], ["━ reserved until", "var(--faint)"], ["◆ contest", "#cc79a7"]]);
  }
  byRow() {
    const { agent, row, start } = this.schedule.bars, first = [];
    this.schedule.rows.reduce((sum, count, a) => { first[a] = sum; return sum + count; }, 0);
    const rows = Array.from({ length: this.schedule.rows.reduce((a, b) => a + b, 0) }, () => ({ bars: [], start: [], end: [] }));
    const order = [...start.keys()].sort((a, b) => start[a] - start[b]);
    for (const n of order) {
      const at = rows[first[agent[n]] + row[n]];
      at.bars.push(n); at.start.push(start[n]); at.end.push(this.schedule.bars.end[n]); // rows hold one bar at a time: ends ascend as well
    }
    return rows;
  }
  layOut() {
    const count = this.rows.length, high = Math.max(2, Math.min(20, Math.floor(520 / Math.max(1, count)))), tops = [], agents = [];
    let y = HEAD, k = 0;
    for (const rows of this.schedule.rows) {
      agents.push({ top: y, rows });
      for (let r = 0; r < rows; r++, k++, y += high) tops.push(y);
      agents[agents.length - 1].marks = y + 1;
      y += (high > 5 ? MARKS : 0) + GAP;
    }
    return { high, tops, agents, bottom: y };
  }
  tall() { return this.laid ? this.laid.bottom + this.schedule.resources.length * (POOL + 22) + AXIS : 420; }
  byAgent({ agent, time, until }) {
    const lists = this.schedule.agents.map(() => ({ start: [], end: [], index: [] }));
    for (let n = 0; n < agent.length; n++) if (agent[n] >= 0) {
      const list = lists[agent[n]];
      list.start.push(time[n]); list.end.push(until && until[n] !== null ? until[n] : time[n]); list.index.push(n);
    }
    return lists;
  }
  dueDates() {
    const { due, done } = this.schedule.jobs;
    const order = [...due.keys()].filter(j => due[j] !== null).sort((a, b) => due[a] - due[b]);
    return { start: order.map(j => due[j]), late: order.map(j => done[j] === null || done[j] > due[j]), job: order };
  }
  // Units of a shared resource that each agent holds, as steps: times ascending, totals [time][agent] in one array.
  held(r) {
    const { agent, start, end, units } = this.schedule.bars, of = units[r], agents = this.schedule.agents.length, moves = [];
    for (let n = 0; n < start.length; n++) if (of[n]) moves.push([start[n], agent[n], of[n]], [end[n], agent[n], -of[n]]);
    moves.sort((a, b) => a[0] - b[0]);
    const times = [], totals = [], now = new Array(agents).fill(0);
    for (let k = 0; k < moves.length; k++) {
      now[moves[k][1]] += moves[k][2];
      if (k + 1 === moves.length || moves[k + 1][0] > moves[k][0]) { times.push(moves[k][0]); totals.push(...now); }
    }
    return { times: Float64Array.from(times), totals: Int32Array.from(totals) };
  }
  draw() {
    if (!this.width) return;
    this.clear();
    const c = this.context;
    this.axis(value => clock(value, this.view.span), unitOf(this.view.span)[0]);
    c.textAlign = "right";
    this.laid.agents.forEach(({ top, marks, rows }, a) => {
      c.fillStyle = ink.faint;
      if (marks - top >= 9 || a % Math.ceil(10 / (marks - top + GAP)) === 0) c.fillText(this.schedule.agents[a], this.left - 6, (top + marks) / 2, this.left - 8);
      c.strokeStyle = ink.line; c.beginPath(); c.moveTo(this.left, marks + 0.5); c.lineTo(this.right, marks + 0.5); c.stroke();
    });
    c.save(); c.beginPath(); c.rect(this.left, 0, this.right - this.left, this.height - AXIS); c.clip();
    this.pixels.begin(this.width, this.height);
    this.outages();
    const named = [];
    this.rows.forEach((row, k) => this.bars(row, this.laid.tops[k], named));
    if (this.laid.high > 5) this.strips();
    this.schedule.resources.forEach((_, r) => this.leases(r, this.laid.bottom + r * (POOL + 22)));
    this.pixels.put(c, this.width, this.height);
    for (const [n, y, x, wide] of named) this.label(n, y, x, wide);
    this.schedule.resources.forEach((_, r) => this.capacity(r, this.laid.bottom + r * (POOL + 22)));
    this.marksOfDue();
    this.highlight();
    c.restore();
  }
  outages() {
    const paint = word(ink.down);
    for (const [a, from, to] of this.down) if (to > this.view.low && from < this.view.high) {
      const { top, marks } = this.laid.agents[a];
      this.pixels.rect(this.x(from), top, this.x(to), marks, paint);
    }
  }
  bars({ bars, start, end }, y, named) {
    const high = this.laid.high - (this.laid.high > 3 ? 1 : 0), { how, job } = this.schedule.bars, owner = this.schedule.jobs.owner;
    const scale = (this.right - this.left) / this.view.span, low = this.view.low, shift = this.left, words = this.words;
    for (let k = after(end, low); k < bars.length && start[k] < this.view.high;) {
      const n = bars[k], x = shift + (start[k] - low) * scale, wide = (end[k] - start[k]) * scale;
      const [full, pale] = words[(job[n] < 0 ? 0 : owner[job[n]]) % words.length];
      if (wide < 1) {
        this.pixels.rect(x, y, x + 1, y + high, full);
        const time = low + (x + 1 - shift) / scale; // who begins in this pixel is seen with it
        k = k + 1 < bars.length && start[k + 1] < time ? after(start, time, k + 1) : k + 1;
        continue;
      }
      const is_done = how[n] === "end", to = x + wide - (wide > 3 ? 1 : 0);
      this.pixels.rect(x, y, to, y + high, is_done ? full : pale);
      if (!is_done) this.pixels.rect(x, y, to, y + high, full, how[n] === "failed" ? 3 : 6); // hatched: failed; wider: interrupted, still running
      if (wide > 34 && high > 9) named.push([n, y, x, wide]);
      k++;
    }
  }
  label(n, y, x, wide) {
    const c = this.context, { name, job } = this.schedule.bars, shown = Math.max(x, this.left), room = Math.min(x + wide, this.right) - shown - 6;
    if (room <= 20) return;
    c.save(); c.beginPath(); c.rect(shown, y, room + 4, this.laid.high); c.clip();
    c.fillStyle = dark(colour(job[n] < 0 ? 0 : this.schedule.jobs.owner[job[n]])) ? "#fff" : "#000"; c.textAlign = "left";
    c.fillText(name[n].slice(0, 200), shown + 3, y + (this.laid.high - 1) / 2);
    c.restore();
  }
  strips() {
    const faint = word(ink.faint), contest = word("#cc79a7");
    this.laid.agents.forEach(({ marks }, a) => {
      const { end } = this.reserved[a];
      this.thin(this.reserved[a], 1, (x, k) => this.pixels.rect(x, marks + 1, Math.max(x + 1, this.x(end[k])), marks + 3, faint));
      this.thin(this.contested[a], 3, x => [1, 2, 3, 2, 1].forEach((wide, k) => this.pixels.rect(x - wide, marks + 3 + k, x + wide, marks + 4 + k, contest)));
    });
  }
  thin({ start }, wide, paint) { // one mark in so many pixels, whatever begins there
    const first = Math.max(0, after(start, this.view.low) - 20);
    for (let k = first; k < start.length && start[k] < this.view.high;) {
      const x = this.x(start[k]);
      paint(x, k);
      k = Math.max(k + 1, after(start, this.at(x + wide), k));
    }
  }
  marksOfDue() {
    const c = this.context;
    this.thin(this.due, 4, (x, k) => {
      const late = this.due.late[k], size = late ? 5 : 3;
      c.fillStyle = late ? "#d55e00" : ink.faint;
      c.beginPath(); c.moveTo(x - size, 3); c.lineTo(x + size, 3); c.lineTo(x, 4 + 2 * size); c.fill();
    });
  }
  leases(r, top) {
    const { times, totals } = this.pools[r], agents = this.schedule.agents.length;
    const floor = top + 18 + POOL, scale = (POOL - 4) / this.schedule.capacity[r];
    let k = after(times, this.view.low) - 1;
    for (let x = this.left; x < this.right;) {
      const next = k + 1 < times.length ? this.x(times[k + 1]) : this.right, to = Math.min(this.right, Math.max(x + 1, next));
      if (k >= 0) for (let a = 0, y = floor; a < agents; a++) {
        const high = totals[k * agents + a] * scale;
        if (high) { this.pixels.rect(x, y - high, to, y, this.words[a % this.words.length][0]); y -= high; }
      }
      x = to;
      k = after(times, this.at(x), Math.max(0, k)) - 1;
    }
  }
  capacity(r, top) {
    const c = this.context, y = top + 22.5;
    c.fillStyle = ink.faint; c.textAlign = "left";
    c.fillText(`${this.schedule.resources[r]}: leased of ${this.schedule.capacity[r]}`, this.left + 2, top + 9);
    c.strokeStyle = ink.faint; c.setLineDash([5, 3]); c.beginPath(); c.moveTo(this.left, y); c.lineTo(this.right, y); c.stroke(); c.setLineDash([]);
  }
  highlight() {
    if (this.selected < 0) return;
    const c = this.context, { job, start, end } = this.schedule.bars, j = job[this.selected];
    this.rows.forEach((row, k) => {
      if (j < 0) return;
      for (let i = after(row.end, this.view.low); i < row.bars.length && row.start[i] < this.view.high; i++) if (job[row.bars[i]] === j) this.frame(row.bars[i], k, 1);
    });
    this.frame(this.selected, this.rowOf(this.selected), 3);
    const due = j < 0 ? null : this.schedule.jobs.due[j];
    if (due === null) return;
    c.strokeStyle = "#d55e00"; c.lineWidth = 1.5; c.setLineDash([4, 3]); c.beginPath(); c.moveTo(this.x(due), 0); c.lineTo(this.x(due), this.laid.bottom); c.stroke(); c.setLineDash([]);
  }
  frame(n, k, wide) {
    const { start, end } = this.schedule.bars, c = this.context, x = this.x(start[n]);
    c.strokeStyle = ink.ink; c.lineWidth = wide;
    c.strokeRect(x, this.laid.tops[k], Math.max(2, this.x(end[n]) - x), this.laid.high - 1);
  }
  rowOf(n) { const { agent, row } = this.schedule.bars; return this.schedule.rows.slice(0, agent[n]).reduce((a, b) => a + b, 0) + row[n]; }
  click(x, y) {
    const k = this.laid.tops.findIndex(top => y >= top && y < top + this.laid.high);
    if (k < 0 || x < this.left) return this.select(-1);
    const row = this.rows[k], slack = this.view.span / (this.right - this.left), time = this.at(x), i = after(row.end, time - slack);
    this.select(i < row.bars.length && row.start[i] <= time + slack ? row.bars[i] : -1);
  }
  key(name) {
    if (name === "Escape") { this.select(-1); return true; }
    if (name !== "n" && name !== "p") return super.key(name);
    const count = this.schedule.bars.start.length;
    if (!count) return true;
    const next = this.selected < 0 ? after(this.schedule.bars.start, this.view.low - 1e-9) : this.selected + (name === "n" ? 1 : -1);
    this.select(Math.min(count - 1, Math.max(0, next)));
    const { start, end } = this.schedule.bars, n = this.selected;
    if (end[n] < this.view.low || start[n] > this.view.high) this.view.set(start[n] - this.view.span / 2, start[n] + this.view.span / 2);
    return true;
  }
  select(n) {
    const { name, agent, start } = this.schedule.bars;
    this.selected = n; this.picked = n < 0 ? null : { name: name[n], agent: agent[n], start: start[n] }; // a schedule that grows has it at another place
    this.told.textContent = n < 0 ? "" : this.about(n);
    this.view.redraw();
  }
  about(n) {
    const s = this.schedule, { agent, job, name, start, end, how, units } = s.bars, j = job[n], at = value => clock(value, s.end);
    const told = [`Task ${name[n]} on ${s.agents[agent[n]]}, ${at(start[n])} to ${at(end[n])} (${HOW[how[n]]})`];
    const leased = s.resources.map((resource, r) => units[r][n] ? `${units[r][n]} of ${resource}` : "").filter(Boolean);
    if (leased.length) told.push(`leases ${leased.join(", ")}`);
    if (j >= 0) {
      const { due, done, release, owner } = s.jobs;
      told.push(`job ${s.jobs.name[j]} of ${s.agents[owner[j]]}, released at ${at(release[j])}`);
      told.push(done[j] === null ? "its job was never done" : `its job done at ${at(done[j])}`);
      if (due[j] !== null) told.push(done[j] === null || done[j] > due[j] ? `due at ${at(due[j])}, missed` : `due at ${at(due[j])}, met`);
    }
    const reserved = s.reservations.name.findIndex((task, k) => task === name[n] && s.reservations.agent[k] === agent[n] && s.reservations.time[k] <= start[n]);
    if (reserved >= 0) told.push(`reserved at ${at(s.reservations.time[reserved])}`);
    const bid = s.bids.name.findIndex((task, k) => task === name[n] && s.bids.agent[k] === agent[n] && s.bids.time[k] <= start[n]);
    if (bid >= 0) {
      const rivals = s.bids.time.map((time, k) => time === s.bids.time[bid] ? `${s.agents[s.bids.agent[k]]} ${short(s.bids.bid[k])}` : "").filter(Boolean);
      told.push(`contested at ${at(s.bids.time[bid])}, bids: ${rivals.slice(0, 8).join(", ")}`);
    }
    return `${told.join("; ")}.`;
  }
}

function dark(hex) {
  const [r, g, b] = [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
