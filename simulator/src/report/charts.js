"use strict";
// The pictures of one run, drawn as SVG text. They share one axis of time and one cursor.

const text = (value) => String(value).replace(/[&<>"']/g, (c) => "&#" + c.charCodeAt(0) + ";");
const count = (value) => value === null || value === undefined ? "–" : String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
const plural = (n, one, many) => count(n) + " " + (n === 1 ? one : many || one + "s");
const two = (value) => String(value).padStart(2, "0");
const clock = (ms) => {
  const seconds = Math.floor(ms / 1000);
  return two(Math.floor(seconds / 3600)) + ":" + two(Math.floor(seconds / 60) % 60) + ":" + two(seconds % 60);
};
const span = (ms) => {
  if (ms === null || ms === undefined) return "never";
  if (ms < 1000) return ms + " ms";
  if (ms < 60000) return (ms / 1000).toFixed(ms < 10000 ? 1 : 0) + " s";
  if (ms < 3600000) return Math.floor(ms / 60000) + " min" + (ms % 60000 >= 1000 ? " " + Math.floor(ms % 60000 / 1000) + " s" : "");
  return (ms / 3600000).toFixed(1).replace(/\.0$/, "") + " h";
};
const size = (bytes) => {
  for (const [unit, of] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) if (bytes >= of) return (bytes / of).toFixed(bytes >= of * 100 ? 0 : 1) + " " + unit;
  return Math.round(bytes) + " B";
};
const sums = (line) => { let sum = 0; return line.split(",").map((step) => sum += Number(step)); };

// Everything that the pictures of a run need, read from the data once.
function readRun(run) {
  if (!run.each || !run.each.length) return null;
  const at = sums(run.at);
  const each = run.each.map((it, no) => ({
    label: run.labels[no] || "device " + no, bytes: sums(it.bytes), own: sums(it.own), shown: sums(it.shown), really: sums(it.really),
    holds: sums(it.holds), worst: it.worst, lane: it.lane,
  }));
  const end = Math.max(at[at.length - 1], run.heals_ms || 0, 1);
  return { at, each, exist: sums(run.exist), everywhere: sums(run.everywhere), cloud: sums(run.cloud), copies: run.copies.map(sums), from: at[0] > 60000 ? at[0] : 0, end };
}

// One drawing: where time and values are.
function frame(width, height, view, most, side) {
  const narrow = width < 520;
  const left = narrow ? 58 : 80, right = side === false ? 8 : narrow ? 46 : 64, top = 14, bottom = 20;
  const inner = Math.max(width - left - right, 40);
  return {
    width, height, left, right, top, bottom, inner, narrow, view, most,
    x: (ms) => left + (ms - view.from) / (view.end - view.from) * inner,
    ms: (x) => view.from + Math.min(Math.max((x - left) / inner, 0), 1) * (view.end - view.from),
    y: (value) => height - bottom - value / (most || 1) * (height - top - bottom),
  };
}

function timeTicks(f) {
  const steps = [1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map((s) => s * 1000);
  const long = f.view.end - f.view.from;
  const step = steps.find((it) => long / it <= f.inner / 64) || 172800000;
  let out = "";
  for (let ms = Math.ceil(f.view.from / step) * step; ms <= f.view.end; ms += step) {
    const x = f.x(ms).toFixed(1);
    const label = step >= 3600000 ? ms / 3600000 + " h" : step >= 60000 ? clock(ms).slice(0, 5) : clock(ms);
    out += `<line class="axis" x1="${x}" x2="${x}" y1="${f.top}" y2="${f.height - f.bottom}"/><text x="${x}" y="${f.height - 5}" text-anchor="middle">${label}</text>`;
  }
  return out;
}

function valueTicks(f) {
  const raw = (f.most || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max([1, 2, 2.5, 5, 10].map((m) => m * power).find((it) => it >= raw), 1);
  let out = "";
  for (let value = 0; value <= f.most; value += step) {
    const y = f.y(value).toFixed(1);
    out += `<line class="axis${value ? "" : " base"}" x1="${f.left}" x2="${f.left + f.inner}" y1="${y}" y2="${y}"/><text x="${f.left - 8}" y="${Number(y) + 4}" text-anchor="end">${count(value)}</text>`;
  }
  return out;
}

// The moments that every picture shows: the end of all faults, agreement, broken promises.
function moments(f, run, words) {
  let out = "";
  const mark = (ms, cls, label, anchor) => {
    if (ms === null || ms < f.view.from || ms > f.view.end) return;
    const x = f.x(ms);
    const side = x > f.left + f.inner - 90 ? "end" : anchor;
    out += `<line class="${cls}" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${f.top}" y2="${f.height - f.bottom}"/>`;
    if (words && label) out += `<text class="${cls}-text" x="${(x + (side === "end" ? -5 : 5)).toFixed(1)}" y="${f.top - 3}" text-anchor="${side}">${text(label)}</text>`;
  };
  const near = run.violations.some(([at]) => Math.abs(f.x(at) - f.x(run.heals_ms || 0)) < 80);
  mark(run.heals_ms, "event", near ? "" : "faults end", "end");
  let free = -Infinity;
  for (const [at, name] of [...run.violations].sort((a, b) => a[0] - b[0])) {
    const x = f.x(at);
    if (x < free - 22) continue;
    mark(at, "broke", x > free ? name : "", "start");
    free = Math.max(free, x + 26);
  }
  return out;
}

const clip = (f, id) => `<clipPath id="${id}"><rect x="${f.left}" y="0" width="${f.inner}" height="${f.height}"/></clipPath>`;
const svg = (f, inside, name) => `<svg viewBox="0 0 ${f.width} ${f.height}" height="${f.height}" role="img" aria-label="${text(name)}">${inside}</svg>`;
const path = (f, at, values) => at.map((ms, i) => (i ? "L" : "M") + f.x(ms).toFixed(1) + " " + f.y(values[i]).toFixed(1)).join("");
const area = (f, at, upper, lower) => path(f, at, upper) + at.map((_, j) => { const i = at.length - 1 - j; return "L" + f.x(at[i]).toFixed(1) + " " + f.y(lower[i]).toFixed(1); }).join("") + "Z";
const place = (at, ms) => { let i = at.findIndex((it) => it > ms); return i < 0 ? at.length - 1 : Math.max(i - 1, 0); };
const swatch = (colour) => `<i style="background:var(--${colour})"></i>`;
const rows = (list) => `<table>${list.map(([key, value]) => `<tr><td>${key}</td><td>${value}</td></tr>`).join("")}</table>`;
const legend = (items) => `<ul class="legend">${items.map(([mark, label]) => `<li>${mark}${text(label)}</li>`).join("")}</ul>`;

function convergenceChart(run, s) {
  const most = Math.max(...s.exist, 1);
  return {
    title: "Who holds what", note: "Every entry that exists, those that every running honest device holds, and those in the cloud. The gap is what still has to travel.",
    legend: legend([[swatch("exist"), "exist"], [swatch("everywhere"), "held everywhere"], [swatch("cloud"), "in the cloud"], [swatch("missing"), "not yet everywhere"]]),
    draw: (width, view) => {
      const f = frame(width, 230, view, most * 1.04);
      const last = place(s.at, view.end);
      const end = (values, colour) => `<text x="${f.left + f.inner + 6}" y="${f.y(values[last]) + 4}" style="fill:var(--${colour});font-weight:600">${count(values[last])}</text>`;
      const same = s.exist[last] === s.everywhere[last];
      return [f, svg(f, clip(f, "clip-a") + timeTicks(f) + valueTicks(f)
        + `<g clip-path="url(#clip-a)"><path d="${area(f, s.at, s.exist, s.everywhere)}" fill="var(--missing)" opacity=".45"/>`
        + `<path d="${area(f, s.at, s.everywhere, s.at.map(() => 0))}" fill="var(--everywhere)" opacity=".12"/>`
        + `<path d="${path(f, s.at, s.exist)}" fill="none" stroke="var(--exist)" stroke-width="1.5"/>`
        + `<path d="${path(f, s.at, s.everywhere)}" fill="none" stroke="var(--everywhere)" stroke-width="2"/>`
        + `<path d="${path(f, s.at, s.cloud)}" fill="none" stroke="var(--cloud)" stroke-width="2" stroke-dasharray="6 3"/></g>`
        + (same ? "" : end(s.exist, "exist")) + end(s.everywhere, "everywhere")
        + (Math.abs(f.y(s.cloud[last]) - f.y(s.everywhere[last])) > 12 ? end(s.cloud, "cloud") : "")
        + moments(f, run, true), "Entries over time: existing, held everywhere, in the cloud")];
    },
    tell: (ms) => {
      const i = place(s.at, ms);
      return rows([[swatch("exist") + "exist", count(s.exist[i])], [swatch("everywhere") + "everywhere", count(s.everywhere[i])], [swatch("missing") + "not yet", count(s.exist[i] - s.everywhere[i])], [swatch("cloud") + "cloud", count(s.cloud[i])]]);
    },
  };
}

function copiesChart(run, s) {
  // Places that no entry ever reached are left out.
  const levels = Math.max(1, ...s.copies.map((values, level) => Math.max(...values) > 0 ? level + 1 : 0));
  const copies = s.copies.slice(0, levels);
  const colour = (level) => "c" + (level === 0 ? 0 : levels <= 2 ? 4 : Math.max(1, Math.round(1 + (level - 1) / (levels - 2) * 6)));
  const name = (level) => level === 0 ? "one device only" : (level + 1) + (level === s.copies.length - 1 ? " or more" : "");
  const tops = [];
  for (let level = 0; level < levels; level++) tops.push(s.at.map((_, i) => copies[level][i] + (level ? tops[level - 1][i] : 0)));
  const most = Math.max(1, ...(tops[levels - 1] || []));
  return {
    title: "Copies", note: "Entries by the number of devices that hold them. Orange is what one lost device would take with it.",
    legend: legend(copies.map((_, level) => [swatch(colour(level)), name(level)])),
    draw: (width, view) => {
      const f = frame(width, 200, view, most * 1.04);
      const zero = s.at.map(() => 0);
      return [f, svg(f, clip(f, "clip-b") + timeTicks(f) + valueTicks(f) + `<g clip-path="url(#clip-b)">`
        + tops.map((top, level) => `<path d="${area(f, s.at, top, level ? tops[level - 1] : zero)}" fill="var(--${colour(level)})" stroke="var(--card)" stroke-width=".6"/>`).join("")
        + "</g>" + moments(f, run, false), "Entries by number of copies over time")];
    },
    tell: (ms) => { const i = place(s.at, ms); return rows(copies.map((values, level) => [swatch(colour(level)) + name(level), count(values[i])]).reverse()); },
  };
}

const rowHeight = (n) => n > 40 ? 12 : n > 20 ? 15 : 19;
function laneLabels(f, s, high) {
  const long = f.narrow ? 8 : 12;
  return s.each.map((it, no) => `<text class="label" x="${f.left - 8}" y="${f.top + no * high + high / 2 + 4}" text-anchor="end" style="font-size:${Math.min(high - 1, 11.5)}px">${text(it.label.length > long ? it.label.slice(0, long - 5) + "…" + it.label.slice(-4) : it.label)}</text>`).join("");
}

function bytesChart(run, s) {
  const rate = s.each.map((it) => it.bytes.map((bytes, i) => i ? Math.max(bytes - it.bytes[i - 1], 0) / Math.max((s.at[i] - s.at[i - 1]) / 1000, 0.001) : 0));
  const all = rate.flat().filter((it) => it > 0).sort((a, b) => a - b);
  const top = all[Math.floor(all.length * 0.98)] || 1;
  const step = (value) => value <= 0 ? 0 : Math.max(1, Math.min(6, Math.ceil(Math.sqrt(value / top) * 6)));
  return {
    title: "Bytes sent", note: "Each device's frames; the darker, the more bytes a second. On the right, all of the run.",
    legend: legend([1, 3, 6].map((it) => [`<i style="background:rgba(var(--heat),${it / 6})"></i>`, (it === 6 ? "from " : "to ") + size(top * (it / 6) ** 2) + "/s"])),
    draw: (width, view) => {
      const high = rowHeight(s.each.length);
      const f = frame(width, s.each.length * high + 34, view, 1);
      let cells = "";
      rate.forEach((values, no) => {
        let i = 1;
        while (i < values.length) {
          const now = step(values[i]);
          let last = i;
          while (last + 1 < values.length && step(values[last + 1]) === now) last++;
          if (now) {
            const x = f.x(s.at[i - 1]);
            cells += `<rect x="${x.toFixed(1)}" y="${f.top + no * high + 1}" width="${(f.x(s.at[last]) - x + .3).toFixed(1)}" height="${high - 2}" fill="rgba(var(--heat),${(now / 6).toFixed(2)})"/>`;
          }
          i = last + 1;
        }
      });
      const base = s.each.map((_, no) => `<rect x="${f.left}" y="${f.top + no * high + 1}" width="${f.inner}" height="${high - 2}" fill="var(--grid)"/>`).join("");
      const totals = s.each.map((it, no) => `<text x="${f.left + f.inner + 6}" y="${f.top + no * high + high / 2 + 4}" style="font-size:${Math.min(high - 1, 11)}px">${size(it.bytes[it.bytes.length - 1])}</text>`).join("");
      return [f, svg(f, clip(f, "clip-c") + base + `<g clip-path="url(#clip-c)">${cells}</g>` + timeTicks(f).replace(/<line[^>]*>/g, "") + laneLabels(f, s, high) + totals + moments(f, run, false), "Bytes sent by each device over time"), high];
    },
    tell: (ms, no) => {
      const it = s.each[no];
      if (!it) return "";
      const i = Math.min(place(s.at, ms) + 1, s.at.length - 1);
      return `<b>${text(it.label)}</b>` + rows([["now", size(rate[no][i]) + "/s"], ["so far", size(it.bytes[i])], ["holds", plural(it.holds[i], "entry", "entries")]]);
    },
  };
}

// Shapes for what happens to one device: the same in the legend and in the lanes.
const SHAPES = {
  dies: ["bad", "M-4-4L4 4M4-4L-4 4", "dies, is killed or lost", /^(kill|kill-at|lose)\b/],
  starts: ["good", "M-4 3.5L0-4L4 3.5Z", "starts", /^(start|restore-owner)\b/],
  changes: ["ink", "M-4.5 0L0-4.5L4.5 0L0 4.5Z", "writer changes", /^handover\b/],
  disk: ["warn", "M-3.5-3.5H3.5V3.5H-3.5Z", "disk fails or lies", /^(lying-sync|flip-bit|roll-back|full-disk|dead-disk|slow-disk|misreport)\b/],
  net: ["link", "M0-4A4 4 0 1 0 .01-4Z", "internet comes or goes", /^internet\b/],
  lies: ["bad", "M0-5L1.4-1.4L5 0L1.4 1.4L0 5L-1.4 1.4L-5 0L-1.4-1.4Z", "lies, or is a copy", /^(lie|clone)\b/],
};
function shape(key, hollow) {
  const [colour, d] = SHAPES[key];
  const open = key === "dies" || hollow;
  return `<path d="${d}" fill="${open && key === "dies" ? "none" : hollow ? "var(--card)" : `var(--${colour})`}" stroke="var(--${key === "dies" || hollow ? colour : "card"})" stroke-width="${key === "dies" ? 2.2 : 1.2}"/>`;
}

function laneChart(run, s) {
  const time = {};
  s.each.forEach((it) => it.lane.forEach(([at, group, on], i) => {
    if (on === 1) time[group] = (time[group] || 0) + (i + 1 < it.lane.length ? it.lane[i + 1][0] : s.end) - at;
  }));
  // The owner's group keeps its colour; the others have theirs by how long they last.
  const ranked = Object.keys(time).map(Number).sort((a, b) => (b === 0) - (a === 0) || time[b] - time[a]);
  const colour = (group) => "g" + Math.max(ranked.indexOf(group), 0) % 8;
  const marks = [];
  for (const [at, what] of run.happened) {
    for (const key in SHAPES) if (SHAPES[key][3].test(what)) {
      for (const found of what.matchAll(/\b(device|from|to)=(\d+)/g)) marks.push({ at, no: Number(found[2]), key, what, hollow: / on=false/.test(what) });
    }
  }
  const used = Object.keys(SHAPES).filter((key) => marks.some((mark) => mark.key === key));
  const state = (no, ms) => { const lane = s.each[no].lane; let now = lane[0]; for (const it of lane) if (it[0] <= ms) now = it; return now; };
  return {
    title: "Who reaches whom", note: "One lane a device. The same colour at the same moment: they reach each other, directly or through others. Grey: alone. Hatched: off or asleep.",
    legend: legend([...ranked.slice(0, 6).map((group) => [swatch(colour(group)), group === 0 ? "with " + s.each[0].label : "group of " + (s.each[group] || {}).label]), [swatch("alone"), "alone"],
      [`<svg viewBox="0 0 14 14"><rect width="14" height="14" rx="3" fill="url(#hatch)"/></svg>`, "off or asleep"], ...used.map((key) => [`<svg viewBox="-7 -7 14 14">${shape(key)}</svg>`, SHAPES[key][2]])]),
    draw: (width, view) => {
      const high = rowHeight(s.each.length) + 2;
      const f = frame(width, s.each.length * high + 34, view, 1);
      let lanes = "";
      s.each.forEach((it, no) => it.lane.forEach(([at, group, on], i) => {
        const until = i + 1 < it.lane.length ? it.lane[i + 1][0] : Math.max(s.at[s.at.length - 1], at);
        if (until < view.from || at > view.end) return;
        const x = f.x(at), fill = on === 0 ? "url(#hatch)" : on === 2 ? "var(--alone)" : `var(--${colour(group)})`;
        lanes += `<rect x="${x.toFixed(1)}" y="${f.top + no * high + 2}" width="${Math.max(f.x(until) - x, 1).toFixed(1)}" height="${high - 4}" fill="${fill}"/>`;
      }));
      const inView = marks.filter((mark) => mark.at >= view.from && mark.at <= view.end && mark.no < s.each.length).slice(0, 1500);
      const signs = inView.map((mark) => `<g transform="translate(${f.x(mark.at).toFixed(1)} ${f.top + mark.no * high + high / 2}) scale(${high < 16 ? .75 : 1})">${shape(mark.key, mark.hollow)}</g>`).join("");
      const hatch = `<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="var(--off)"/><line x1="0" x2="0" y1="0" y2="6" stroke="var(--off-line)" stroke-width="2"/></pattern>`;
      return [f, svg(f, hatch + clip(f, "clip-d") + `<g clip-path="url(#clip-d)">${lanes}</g>` + signs + timeTicks(f).replace(/<line[^>]*>/g, "") + laneLabels(f, s, high) + moments(f, run, true), "Which devices reach each other over time"), high];
    },
    tell: (ms, no, f) => {
      if (!s.each[no]) return "";
      const [, group, on] = state(no, ms);
      const near = (f.view.end - f.view.from) / f.inner * 6;
      const friends = s.each.filter((_, other) => other !== no && state(other, ms)[1] === group && state(other, ms)[2]).map((it) => it.label);
      const said = marks.filter((mark) => mark.no === no && Math.abs(mark.at - ms) <= near).slice(0, 4);
      return `<b>${text(s.each[no].label)}</b> ` + (on === 0 ? "is off or asleep" : friends.length ? "reaches " + text(friends.slice(0, 8).join(", ")) + (friends.length > 8 ? " and " + (friends.length - 8) + " more" : "") : "is alone")
        + said.map((mark) => `<br>${clock(mark.at)} ${text(mark.what)}`).join("");
    },
  };
}

// What a device showed as safe, against what was: small pictures on the same axis of time.
function beliefs(run, s) {
  const card = (it, no) => {
    const last = it.own.length - 1;
    const lies = it.worst > 0;
    const note = lies ? `<span class="no">${count(it.worst)} false</span>` : `<span class="ok">${count(it.shown[last])} of ${count(it.own[last])}</span>`;
    return `<div class="belief${lies ? " lies" : ""}"><h4><span>${text(it.label)}</span>${note}</h4><div class="plot" data-belief="${no}"></div></div>`;
  };
  const draw = (no, width, view) => {
    const it = s.each[no];
    const most = Math.max(1, ...it.own);
    const f = { ...frame(width, 62, view, most), left: 0, inner: width, top: 4, bottom: 4 };
    f.x = (ms) => (ms - view.from) / (view.end - view.from) * width;
    f.ms = (x) => view.from + Math.min(Math.max(x / width, 0), 1) * (view.end - view.from);
    f.y = (value) => 58 - value / most * 52;
    const zero = s.at.map(() => 0);
    const lie = s.at.map((_, i) => Math.max(it.shown[i], it.really[i]));
    return [f, svg(f, `<rect x="0" y="4" width="${width}" height="54" fill="var(--grid)" rx="4"/>${clip(f, "clip-e" + no)}<g clip-path="url(#clip-e${no})">`
      + `<path d="${path(f, s.at, it.own)}" fill="none" stroke="var(--exist)" stroke-width="1"/>`
      + `<path d="${area(f, s.at, it.really, zero)}" fill="var(--cloud)" opacity=".28"/>`
      + `<path d="${area(f, s.at, lie, it.really)}" fill="var(--bad)"/>`
      + `<path d="${path(f, s.at, it.shown)}" fill="none" stroke="var(--everywhere)" stroke-width="1.8"/></g>`, it.label + ": shown safe against really safe")];
  };
  const tell = (no, ms) => {
    const it = s.each[no], i = place(s.at, ms);
    return `<b>${text(it.label)}</b>` + rows([[swatch("exist") + "own entries", count(it.own[i])], [swatch("cloud") + "really safe", count(it.really[i])], [swatch("everywhere") + "shown safe", count(it.shown[i])], [swatch("bad") + "false", count(Math.max(it.shown[i] - it.really[i], 0))]]);
  };
  const shown = s.each.map((it, no) => [it, no]).filter(([it]) => Math.max(...it.own) > 0 || it.worst > 0);
  return { html: shown.map(([it, no]) => card(it, no)).join(""), draw, tell };
}
