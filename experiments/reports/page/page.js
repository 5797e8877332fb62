// Puts the charts in their places, and gives away the data behind them.

function give(name, kind, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind === "csv" ? "text/csv" : "application/json" }));
  link.download = `${name.replace(/[^\p{L}\p{N}]+/gu, "_").slice(0, 60)}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A spreadsheet would run a text that begins with one of these as a formula.
function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
const csv = lines => lines.map(line => line.map(field).join(",")).join("\r\n") + "\r\n";

function ofSheet(sheet) {
  const names = sheet.header.flatMap((name, c) => sheet.rows.some(row => typeof row[c] === "object") ? [name, `${name} (low)`, `${name} (high)`] : [name]);
  const wide = sheet.header.map((_, c) => sheet.rows.some(row => typeof row[c] === "object"));
  const parts = (cell, is) => typeof cell === "object" ? [cell.value, cell.low, cell.high] : is ? [cell, "", ""] : [cell];
  return csv([names, ...sheet.rows.map(row => row.flatMap((cell, c) => parts(cell, wide[c])))]);
}
const ofChart = chart => csv([["curve", chart.x, chart.y], ...chart.curves.flatMap(({ name, x, y }) => x.map((value, k) => [name, value, y[k]]))]);
function ofSchedule({ bars, agents, jobs, resources }) {
  const lines = bars.start.map((start, n) => [agents[bars.agent[n]], bars.name[n], bars.job[n] < 0 ? "" : jobs.name[bars.job[n]], start, bars.end[n], bars.how[n],
    ...resources.map((_, r) => bars.units[r][n])]);
  return csv([["agent", "task", "job", "start", "end", "outcome", ...resources], ...lines]);
}

const moments = new View(0, Math.max(1e-9, ...report.schedules.map(schedule => schedule.end)));
const charts = [];
for (const figure of document.querySelectorAll("[data-schedule]")) {
  const schedule = report.schedules[figure.dataset.schedule];
  charts.push(new Gantt(figure, schedule, moments));
  offer(figure, schedule.title, () => ofSchedule(schedule), schedule);
}
const others = new Map();
for (const figure of document.querySelectorAll("[data-chart]")) {
  const chart = report.charts[figure.dataset.chart], far = Math.max(0, ...chart.curves.map(({ x }) => x.length ? x[x.length - 1] : 0));
  if (!others.has(chart.x)) others.set(chart.x, new View(0, far));
  const shared = others.get(chart.x);
  shared.full[1] = Math.max(shared.full[1], far);
  shared.set(...shared.full);
  charts.push(new Lines(figure, chart, chart.x === "s" && report.schedules.length ? moments : shared));
  offer(figure, chart.title, () => ofChart(chart), chart);
}
function offer(figure, name, table, all) {
  for (const button of figure.querySelectorAll("[data-as]"))
    button.addEventListener("click", async () => {
      const kind = button.dataset.as, canvas = figure.querySelector("canvas");
      if (kind !== "png") return give(name, kind, kind === "csv" ? table() : JSON.stringify(all, null, 1));
      give(name, kind, await png(canvas, name, { Title: name, Command: report.facts.command || "unknown", Data: JSON.stringify(all) }));
    });
}
for (const button of document.querySelectorAll("[data-sheet]")) {
  const sheet = report.sheets[button.dataset.sheet];
  button.addEventListener("click", () => give(sheet.title, button.dataset.as, button.dataset.as === "csv" ? ofSheet(sheet) : JSON.stringify(sheet, null, 1)));
}
document.getElementById("all").addEventListener("click", () => give(report.title, "json", JSON.stringify(report)));

const repaint = () => { readInk(); for (const chart of charts) chart.view.redraw(); };
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement, is = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = is === "dark" ? "light" : "dark";
  repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
