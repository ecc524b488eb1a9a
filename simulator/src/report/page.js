// The page around the pictures: verdict, one run, tables.

const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const hours = (ms) => { const h = ms / 3600000; return h >= 100 ? count(Math.round(h)) : h.toFixed(1).replace(/\.0$/, ""); };

function head() {
  const { totals, campaign } = data;
  const bad = totals.failed > 0;
  const one = totals.runs === 1;
  const title = bad ? (one ? "A promise broke" : `${count(totals.failed)} of ${plural(totals.runs, "run")} broke a promise`) : one ? "Everything held" : `Everything held in ${count(totals.runs)} runs`;
  const faults = Object.values(totals.faults).reduce((sum, it) => sum + it.count, 0);
  const tile = (value, label) => `<div class="card tile"><b class="num">${value}</b><span>${label}</span></div>`;
  find("head").innerHTML = `<div class="brand"><b>Tallyline simulator</b><span>commit <code>${text(campaign.commit)}</code></span><span>tier ${text(campaign.tier)}</span><code>${text(campaign.command)}</code></div>
<div class="card verdict${bad ? " bad" : ""}"><div><h1>${bad ? "✗" : "✓"} ${title}</h1><p>${bad ? "The run that broke is below, with the commands that show it again." : `The real core lived through ${plural(faults, "fault")} in ${hours(totals.device_ms)} device-hours; every promise was checked against what the range officers were shown.`}</p></div>
<div class="safe${totals.false_safe ? " bad" : ""}"><b class="num">${count(totals.false_safe)}</b><span>false “safe”</span><small>of ${count(totals.shown_safe)} shown</small></div></div>
<div class="tiles">${tile(count(totals.runs), totals.runs === 1 ? "run" : "runs")}${tile(count(totals.failed), "failed")}${tile(hours(totals.device_ms), "device-hours")}${tile(count(faults), "faults injected")}${tile(count(totals.entries), "entries")}${tile(count(totals.looks), "looks at a screen")}${tile(size(totals.bytes), "on the air")}</div>`;
}

// --- one run -----------------------------------------------------------------------------------

const view = { from: 0, end: 1 };
const plots = [];
let cursor = null;

function runSection() {
  const run = data.run;
  if (!run) { find("run").hidden = true; return; }
  const s = readRun(run);
  const seeds = data.totals.runs > 1;
  const broken = run.held ? "" : `<div class="card broken"><h3>${run.violation_count ? plural(run.violation_count, "promise") + " broke" : "Scores were shown safe that were not"}</h3><ol>${run.violations.map(([at, name, what]) => `<li><time class="num">${clock(at)}</time><b>${text(name)}</b><span>${text(what)}</span></li>`).join("")}</ol></div>`;
  find("run").innerHTML = `<h2 id="run-title">${seeds ? "One run: " : ""}seed ${text(run.seed)}, ${text(run.profile)}</h2>
<p class="lead">${plural(run.devices, "device")}, ${span(run.virtual_ms)} of virtual time, ${plural(run.entries, "entry", "entries")}, ${plural(run.looks, "look")} at a screen. ${run.converged_ms === null ? (run.held ? "" : "The devices never agreed.") : `All honest devices agreed ${span(run.converged_ms)} after the last fault.`} Trace <code>${text(run.trace.slice(0, 16))}</code>.</p>
${broken}<div class="again">${run.again.map((it) => `<code>${text(it)}</code>`).join("")}</div><div id="charts"></div>`;
  if (s) charts(run, s);
  happenings(run);
}

function charts(run, s) {
  Object.assign(view, { from: s.from, end: s.end });
  const lies = s.each.some((it) => it.worst > 0);
  const list = [convergenceChart(run, s), laneChart(run, s), copiesChart(run, s), bytesChart(run, s)];
  const believed = beliefs(run, s);
  find("charts").innerHTML = `<p class="tools small muted" style="margin:14px 0 0"><span>Point at a picture to read it; drag to look closer; arrow keys move the cursor.</span><button class="plain" id="whole" hidden>Whole run</button></p>`
    + list.map((it, i) => `<div class="card chart"><div class="top"><h3>${it.title}</h3><p>${it.note}</p></div>${it.legend}<div class="plot" tabindex="0" data-chart="${i}" aria-label="${text(it.title)}: arrow keys move the cursor"></div></div>`).join("")
    + `<div class="card chart"><div class="top"><h3>Believed and true</h3><p>For its own entries, what each device showed as safe (on another device or in the cloud) against what was. ${lies ? "Red: shown safe, and not." : "No device ever showed more than there was."}</p></div>${legend([[swatch("exist"), "own entries"], [swatch("cloud"), "really safe"], [swatch("everywhere"), "shown safe"], [swatch("bad"), "false: must never be"]])}<div class="beliefs">${believed.html}</div></div>`;
  document.querySelectorAll("[data-chart]").forEach((el) => { const it = list[el.dataset.chart]; addPlot(el, it.draw, it.tell); });
  document.querySelectorAll("[data-belief]").forEach((el) => { const no = Number(el.dataset.belief); addPlot(el, (width, of) => believed.draw(no, width, of), (ms) => believed.tell(no, ms)); });
  find("whole").onclick = () => zoom(s.from, s.end, s);
  for (const plot of plots) listen(plot, s);
  redraw();
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; redraw(); } });
}

function addPlot(el, draw, tell) { plots.push({ el, draw, tell, frame: null, high: 0 }); }

function redraw() {
  for (const plot of plots) {
    const [f, html, high] = plot.draw(Math.max(plot.el.clientWidth, 120), view);
    plot.frame = f;
    plot.high = high || 0;
    plot.el.innerHTML = html + `<div class="cursor" hidden></div>`;
  }
  point(cursor);
}

function zoom(from, end, s) {
  if (end - from < 1000) return;
  Object.assign(view, { from, end });
  find("whole").hidden = from <= s.from && end >= s.end;
  redraw();
  listHappened();
}

function point(ms) {
  cursor = ms;
  for (const plot of plots) {
    const line = plot.el.querySelector(".cursor");
    const inside = ms !== null && ms >= view.from && ms <= view.end;
    line.hidden = !inside;
    if (inside) line.style.left = plot.frame.x(ms) * plot.el.clientWidth / plot.frame.width + "px";
  }
}

function tip(plot, ms, x, y) {
  const box = plot.el.getBoundingClientRect();
  const no = plot.high ? Math.floor((y - box.top - plot.frame.top) / plot.high) : 0;
  const html = plot.tell(ms, no, plot.frame);
  const el = find("tip");
  el.hidden = !html;
  if (!html) return;
  el.innerHTML = `<div style="opacity:.7">${clock(ms)}</div>` + html;
  const left = x + 16 + el.offsetWidth > innerWidth ? x - el.offsetWidth - 16 : x + 16;
  el.style.left = Math.max(left, 6) + "px";
  el.style.top = Math.min(Math.max(y - el.offsetHeight / 2, 6), innerHeight - el.offsetHeight - 6) + "px";
}

function listen(plot, s) {
  let start = null;
  const at = (event) => event.clientX - plot.el.getBoundingClientRect().left;
  const leave = () => { find("tip").hidden = true; point(null); };
  plot.el.addEventListener("pointermove", (event) => {
    const ms = plot.frame.ms(at(event));
    point(ms);
    tip(plot, ms, event.clientX, event.clientY);
    if (start === null) return;
    let band = plot.el.querySelector(".drag");
    if (!band) { band = document.createElement("div"); band.className = "drag"; plot.el.append(band); }
    band.style.left = Math.min(start, at(event)) + "px";
    band.style.width = Math.abs(at(event) - start) + "px";
  });
  plot.el.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse" && event.button === 0) { start = at(event); plot.el.setPointerCapture(event.pointerId); event.preventDefault(); } });
  plot.el.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const [a, b] = [start, at(event)].sort((x, y) => x - y);
    start = null;
    if (b - a > 6) zoom(plot.frame.ms(a), plot.frame.ms(b), s); else plot.el.querySelector(".drag")?.remove();
  });
  plot.el.addEventListener("dblclick", () => zoom(s.from, s.end, s));
  plot.el.addEventListener("pointerleave", leave);
  plot.el.addEventListener("blur", leave);
  plot.el.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") { zoom(s.from, s.end, s); leave(); }
    if (!step) return;
    event.preventDefault();
    const now = cursor === null ? (step > 0 ? view.from : view.end) : cursor;
    const ms = Math.min(Math.max(now + step * (view.end - view.from) / (event.shiftKey ? 20 : 120), view.from), view.end);
    point(ms);
    const box = plot.el.getBoundingClientRect();
    tip(plot, ms, box.left + plot.frame.x(ms), box.top + Math.min(60, box.height / 2));
  });
}

// --- what happened -----------------------------------------------------------------------------

let listHappened = () => {};

function happenings(run) {
  const kinds = {};
  for (const [, what] of run.happened) { const kind = what.split(" ")[0]; kinds[kind] = (kinds[kind] || 0) + 1; }
  const box = document.createElement("div");
  box.className = "card chart";
  const less = run.happened_count - run.happened.length;
  box.innerHTML = `<div class="top"><h3>What happened</h3><p>${plural(run.happened_count, "line")}${less > 0 ? `, ${count(less)} of them (mostly scores) not listed here` : ""}. Choose a line to see its moment above.</p></div>
<div class="tools"><input type="search" id="grep" placeholder="Filter, such as device=3" aria-label="Filter what happened"><select id="kind" aria-label="Kind"><option value="">every kind</option>${Object.keys(kinds).sort().map((kind) => `<option value="${text(kind)}">${text(kind)} (${kinds[kind]})</option>`).join("")}</select><span class="muted" id="found" role="status"></span></div><ul class="lines" id="lines" tabindex="0" aria-label="What happened"></ul>`;
  find("run").append(box);
  listHappened = () => {
    const words = find("grep").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = find("kind").value;
    const found = run.happened.filter(([at, what]) => (!kind || what.split(" ")[0] === kind) && words.every((word) => what.toLowerCase().includes(word)) && (!plots.length || at >= view.from && at <= view.end));
    find("found").textContent = plural(found.length, "line");
    find("lines").innerHTML = found.map(([at, what]) => { const [first, ...rest] = what.split(" "); return `<li data-at="${at}"><time>${clock(at)}</time><span class="mono"><b>${text(first)}</b> ${text(rest.join(" "))}</span></li>`; }).join("");
  };
  find("grep").oninput = listHappened;
  find("kind").onchange = listHappened;
  find("lines").onclick = (event) => { const li = event.target.closest("li"); if (li && plots.length) { point(Number(li.dataset.at)); plots[1].el.scrollIntoView({ block: "center", behavior: "smooth" }); } };
  listHappened();
}

// --- all seeds ---------------------------------------------------------------------------------

// A table that sorts by any column. A column is [name, shown, sorted by, class].
function table(place, rows, columns, state) {
  const draw = () => {
    const [, , by] = columns[state.column];
    const order = [...rows(state)].sort((a, b) => { const x = by(a), y = by(b); return (x === y ? 0 : x === null ? 1 : y === null ? -1 : x < y ? -1 : 1) * state.way; });
    place.innerHTML = `<table class="data"><thead><tr>${columns.map(([name, , , cls], i) => `<th class="${cls || ""}" scope="col"${i === state.column ? ` aria-sort="${state.way > 0 ? "ascending" : "descending"}"` : ""}><button data-column="${i}">${name}</button></th>`).join("")}</tr></thead><tbody>${order.map((row) => `<tr class="${state.bad(row) ? "bad" : ""}">${columns.map(([, shown, , cls]) => `<td class="${cls || ""}">${shown(row)}</td>`).join("")}</tr>`).join("")}</tbody></table>`;
  };
  place.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-column]");
    if (!button) return;
    const column = Number(button.dataset.column);
    state.way = column === state.column ? -state.way : 1;
    state.column = column;
    draw();
    place.querySelector(`button[data-column="${column}"]`).focus();
  });
  draw();
  return draw;
}

function histogram(width) {
  const { edges, counts, never } = data.convergence;
  const bars = [...counts.map((n, i) => [(i < edges.length ? "" : "> ") + span(edges[Math.min(i, edges.length - 1)]).replace(".0", ""), n, "everywhere"]), ["never", never, "bad"]];
  const used = bars.map((bar) => bar[1] > 0);
  const first = Math.max(used.indexOf(true) - 1, 0);
  const last = used.slice(0, -1).lastIndexOf(true);
  const shown = bars.filter((bar, i) => i >= first && i <= Math.min(last + 1, bars.length - 2) || i === bars.length - 1);
  const most = Math.max(1, ...shown.map((bar) => bar[1]));
  const high = 190, small = width / shown.length < 52, step = width / shown.length;
  return `<svg viewBox="0 0 ${width} ${high}" height="${high}" role="img" aria-label="Runs by the time they took to agree">` + `<line class="base axis" x1="0" x2="${width}" y1="${high - 34}" y2="${high - 34}"/>` + shown.map(([name, n, colour], i) => {
    const tall = n / most * (high - 60), x = i * step + step / 2;
    return `<g><title>${name}: ${count(n)}</title><rect x="${x - Math.min(step * .38, 26)}" y="${high - 34 - tall}" width="${Math.min(step * .76, 52)}" height="${tall}" rx="3" fill="var(--${colour})"/><text class="label" x="${x}" y="${high - 40 - tall}" text-anchor="middle">${n ? count(n) : ""}</text><text x="${x}" y="${high - 18}" text-anchor="middle" style="font-size:${small ? 9.5 : 11}px">${small ? name.replace(" min", "m").replace(" ms", "ms").replace(" s", "s") : name}</text></g>`;
  }).join("") + "</svg>";
}

function allSection() {
  const { faults, convergence, profiles, rows: seeds, totals } = data;
  const most = Math.max(1, ...faults.map((it) => it[1]));
  const bars = faults.map(([kind, n, runs]) => `<dt>${text(kind)}</dt><dd title="${count(n)} times in ${plural(runs, "run")}"><div class="bar" style="width:${(100 * Math.log1p(n) / Math.log1p(most)).toFixed(1)}%"></div></dd><dd class="num">${count(n)}</dd>`).join("");
  const single = totals.runs === 1;
  find("all").innerHTML = `<h2 id="all-title">${single ? "Faults" : "All " + count(totals.runs) + " runs"}</h2><p class="lead">${single ? "What went wrong in this run." : `${hours(totals.virtual_ms)} hours of virtual time. Half of the runs agreed within ${span(convergence.median)} after the last fault, 99 of 100 within ${span(convergence.p99)}, the slowest after ${span(convergence.worst)}.`}</p>
<div class="two"><div class="card chart"><div class="top"><h3>Faults by kind</h3><p>Bars grow with the logarithm of the count.</p></div><dl class="bars">${bars || "<dt>none</dt><dd></dd><dd></dd>"}</dl></div>
<div${single ? " hidden" : ""}><div class="card chart" style="margin-top:0"><div class="top"><h3>Time to agree</h3><p>From the last fault until all honest devices hold the same: at most so long.</p></div><div id="histogram"></div></div><div class="card chart"><div class="top"><h3>Profiles</h3></div><div class="scroll" id="profiles" tabindex="0" aria-label="Profiles"></div></div></div></div>
<div class="card chart"${single ? " hidden" : ""}><div class="top"><h3>Seeds</h3>${seeds.length < totals.runs ? `<p>${count(seeds.length)} of ${count(totals.runs)}: those that failed, and the first others. The rest is in summary.json.</p>` : ""}</div><div class="tools"><input type="search" id="seek" placeholder="Filter by seed, profile, trace" aria-label="Filter seeds"><label><input type="checkbox" id="only"> only failed</label></div><div class="scroll" id="seeds" tabindex="0" aria-label="Seeds"></div></div>`;
  const number = (i) => [(row) => count(row[i]), (row) => row[i]];
  const time = (i) => [(row) => span(row[i]), (row) => row[i]];
  table(find("profiles"), () => profiles, [["profile", (r) => text(r[0]), (r) => r[0], "text"], ["runs", ...number(1)], ["failed", ...number(2)], ["hours", (r) => hours(r[4]), (r) => r[4]], ["entries", ...number(5)], ["faults", ...number(6)], ["median", ...time(7)], ["slowest", ...time(8)]], { column: 0, way: 1, bad: (r) => r[2] > 0 });
  const pick = () => {
    const words = find("seek").value.toLowerCase();
    return seeds.filter((row) => (!find("only").checked || !row[10]) && (!words || [row[0], row[1], row[9], row[11]].some((it) => String(it).toLowerCase().includes(words))));
  };
  const columns = [["seed", (r) => text(r[0]), (r) => Number(r[0])], ["profile", (r) => text(r[1]), (r) => r[1], "text"], ["verdict", (r) => `<span class="pill${r[10] ? "" : " bad"}">${r[10] ? "held" : "broke"}</span>`, (r) => r[10], "text"],
    ["devices", ...number(2)], ["hours", (r) => hours(r[3]), (r) => r[3]], ["entries", ...number(4)], ["faults", ...number(5)], ["agreed after", (r) => r[6] === null && r[10] ? "–" : span(r[6]), (r) => r[6]], ["looks", ...number(7)], ["false safe", ...number(8)], ["trace", (r) => `<span class="mono">${text(r[9])}</span>`, (r) => r[9], "text"]];
  if (totals.failed) columns.splice(3, 0, ["why", (r) => text(r[11]) + (r[12] > 1 ? ` (and ${r[12] - 1} more)` : ""), (r) => r[11] || null, "text why"]);
  const draw = table(find("seeds"), pick, columns, { column: totals.failed ? 2 : 0, way: 1, bad: (r) => !r[10] });
  find("seek").oninput = draw;
  find("only").onchange = draw;
  const picture = () => { const el = find("histogram"); if (el.clientWidth) el.innerHTML = histogram(el.clientWidth); };
  picture();
  addEventListener("resize", picture);
}

function foot() {
  find("foot").innerHTML = `<h2>How to read this</h2><dl><dt>Run</dt><dd>One seed: a day at a venue, drawn before it begins. The same seed gives the same run.</dd><dt>Saved</dt><dd>What a range officer was told is saved is on that device's disk.</dd><dt>Safe</dt><dd>Shown with a copy on another device, or in the cloud. “False safe” counts what was shown so and was not; it must be 0.</dd><dt>Faults</dt><dd>What people cannot help: dying devices, lying disks, cut networks, wrong clocks, peers that lie, lost frames.</dd><dt>Agreed</dt><dd>After all faults end, every honest device holds the same entries and shows the same standings.</dd></dl>`;
}

head();
runSection();
allSection();
foot();
