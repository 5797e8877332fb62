// Changes the page as news come, server-sent events about parts of the report. Every text is set as text. Where the parts are no longer
// those of the page, such as when a first schedule came, the page is loaded anew.

const place = document.getElementById("live");
const say = text => { place.textContent = text; };
const pause = seconds => new Promise(done => setTimeout(done, 1000 * seconds));
let over = false;

function laid({ sheets, charts, schedules }) {
  return [sheets.map(({ title, header }) => [title, header]), charts.map(({ title, x, curves }) => [title, x, curves.map(({ name }) => name)]),
    schedules.map(({ title }) => title)];
}

function cellOf(cell, is_word) {
  const made = document.createElement("td"), text = typeof cell === "string" ? cell : cell.shown;
  made.textContent = text;
  made.title = typeof cell === "string" ? cell : `${cell.shown} ${cell.unit}`.trim();
  if (is_word) made.className = text.length > 48 && text.includes(" ") ? "prose" : "word";
  return made;
}

const hears = {
  sheets(k, sheet) {
    const rows = sheet.rows.map(row => { const made = document.createElement("tr"); made.append(...row.map((cell, c) => cellOf(cell, c < sheet.left))); return made; });
    document.querySelectorAll("table")[k].tBodies[0].replaceChildren(...rows);
  },
  charts(k) {
    const shown = charts.find(({ figure }) => figure.dataset.chart === String(k)), { x } = report.charts[k];
    if (shown.view === moments) return moments.redraw();
    shown.view.grow(Math.max(0, ...report.charts.filter(chart => chart.x === x).flatMap(({ curves }) => curves.map(curve => curve.x.at(-1) ?? 0))));
  },
  schedules(k, schedule) {
    const shown = charts.find(({ figure }) => figure.dataset.schedule === String(k));
    shown.take(schedule);
    if (shown.width && shown.tall() !== shown.height) shown.resize();
    moments.grow(Math.max(...report.schedules.map(({ end }) => end)));
  },
};

function hear(text) {
  const [, kind, data] = /^event: (\w+)\ndata: (.*)$/s.exec(text) ?? [];
  if (!kind) return;
  const told = JSON.parse(data);
  if (kind === "layout" && JSON.stringify(told) !== JSON.stringify(laid(report))) { over = true; location.reload(); }
  if (kind === "over") { over = true; say(told.how); }
  if (kind !== "part" || over) return;
  hears[told.kind](told.at, Object.assign(report[told.kind][told.at], told.part)); // the same object: what gives away its data has it
}

async function read() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const answer = await fetch(place.dataset.news, { cache: "no-store", headers: token ? { Authorization: `Bearer ${token}` } : {} });
  if (answer.status === 401) { over = true; return say("This service wants its token: open this page with #token=TOKEN behind its address."); }
  if (!answer.ok) return say(`Not connected: ${(await answer.text()).slice(0, 200)}`);
  say("Live");
  const source = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; !over;) {
    const { value, done } = await source.read();
    if (done) break;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    events.forEach(hear);
  }
  source.cancel();
  if (!over) say("Not connected: this is the last that came.");
}

(async () => {
  for (let seconds = 1; !over; seconds = Math.min(30, 2 * seconds)) {
    try { await read(); } catch { say("Not connected: this is the last that came."); }
    if (!over) await pause(seconds);
  }
})();
