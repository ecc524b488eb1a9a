// The spectators' board. Everything shown comes from /api/events/E/board and is put in as text.
// A stream says that something is new; without one the board is asked for again every half minute.
"use strict";

const POLL_MS = 30000;   // as long as the board may be kept
const PAGE_MS = 12000;   // a television shows one table for as long as it takes to read
const ROW_TV_PX = 44;
const AROUND_TV_PX = 230; // the header, the title of the table, the last results
const ROWS_OVERLAY = 8;

const wants = new URLSearchParams(location.search);
const tv = wants.has("tv");
const overlay = wants.has("overlay");
const named = location.pathname.startsWith("/board/") ? location.pathname.slice(7) : "-";
const api = "/api/events/" + named;
const ticket = wants.get("ticket") ? "ticket=" + encodeURIComponent(wants.get("ticket")) : "";

let board = null;
let view = wants.get("view") || "match";
let page = 0;
let etag = "";
let seen = new Set();
let asking = false;
let again = false;

const by = (id) => document.getElementById(id);

function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = String(text);
  if (name) node.className = name;
  return node;
}

function clock(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

async function ask() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const headers = etag ? { "If-None-Match": etag } : {};
    const answer = await fetch(api + "/board" + (ticket ? "?" + ticket : ""), { headers, cache: "no-cache" });
    if (answer.status === 200) {
      etag = answer.headers.get("ETag") || "";
      board = await answer.json();
      show();
    } else if (answer.status === 304) {
      // The same state, and it is still so.
      board.as_of_unix_ms = Date.parse(answer.headers.get("Date")) || board.as_of_unix_ms;
      asOf();
    } else {
      const problem = await answer.json().catch(() => ({}));
      tell(problem.detail || "The node answers " + answer.status + ".", true);
      if (named === "-") await listEvents();
    }
  } catch (error) {
    tell((board ? "No connection; as of " + clock(board.as_of_unix_ms) : "No connection") + ".", true);
  }
  asking = false;
  if (again) { again = false; ask(); }
}

// A node of many events has no board of its own.
async function listEvents() {
  const told = await (await fetch("/api/events", { cache: "no-cache" })).json();
  const list = make("ul");
  (told.events || []).forEach((it) => {
    const link = make("a", it.name);
    link.href = "/board/" + encodeURIComponent(it.event);
    list.appendChild(make("li")).append(link);
  });
  if (list.childElementCount) {
    tell("Choose an event.", false);
    by("main").replaceChildren(list);
  }
}

function tell(text, warn) {
  const node = by("asof");
  node.textContent = text;
  node.classList.toggle("warn", Boolean(warn));
}

function asOf() {
  const silent = (board.besides && board.besides.silent) || [];
  let text = "As of " + clock(board.as_of_unix_ms);
  if (silent.length) {
    const known = silent.map((it) => it.minutes).filter((it) => it !== null);
    const long = known.length ? " for " + Math.max(...known) + " min" : " yet";
    text += ", " + silent.length + (silent.length === 1 ? " tablet" : " tablets") + " not heard" + long;
  }
  tell(text + ".", silent.length > 0);
}

const tables = {
  match: () => board.matches.map((it) => matchTable(it.division, it.rows)),
  stages: () => board.stages.filter((it) => it.division !== "Combined" || alone(it))
    .map((it) => stageTable(it.name + " - " + it.division, it)),
  teams: () => (board.teams || []).map((it) => teamTable(it)),
};

function alone(stage) {
  return board.stages.filter((it) => it.drill === stage.drill).length === 1;
}

function table(heads, rows) {
  const out = make("table");
  const line = out.appendChild(make("thead")).appendChild(make("tr"));
  heads.forEach(([text, name]) => line.append(make("th", text, name)));
  const body = out.appendChild(make("tbody"));
  rows.forEach((row) => {
    const tr = body.appendChild(make("tr", null, row.name));
    row.cells.forEach(([text, name]) => tr.append(make("td", text === null || text === undefined ? "" : text, name)));
  });
  return out;
}

function section(title, content) {
  const out = make("section");
  out.append(make("h2", title), content);
  return out;
}

function fresh(shooter, drill) {
  return board.last.some((it) => !seen.has(it.entry) && it.shooter === shooter
    && (drill === undefined || it.drill === drill));
}

function matchTable(title, rows) {
  const times = rows.some((it) => it.match_time);
  return [title, rows, [["", "place"], ["Name"], [times ? "Time" : "Points", "n"], ["%", "n"]], (it) => ({
    name: (it.dq ? "dq " : "") + (fresh(it.shooter) ? "fresh" : ""),
    cells: [[it.dq ? "DQ" : it.place, "place"], [it.label],
      [it.unranked || (times ? it.match_time : it.match_points), "n"], [it.match_percent, "n"]],
  })];
}

function stageTable(title, stage) {
  const what = { "hit-factor": "HF", points: "Points", time: "Time" }[stage.measure] || "Result";
  const value = (it) => it.missed || (stage.measure === "time" ? it.total_time || it.time
    : stage.measure === "points" ? it.points : it.hit_factor || it.points);
  return [title, stage.rows, [["", "place"], ["Name"], ["Time", "n"], [what, "n"]], (it) => ({
    name: (it.dq ? "dq " : "") + (fresh(it.shooter, stage.drill) ? "fresh" : ""),
    cells: [[it.dq ? "DQ" : it.place, "place"], [it.label], [it.time, "n"], [value(it), "n"]],
  })];
}

function teamTable(team) {
  return [team.division, team.rows, [["", "place"], ["Team"], ["Points", "n"]], (it) => ({
    cells: [[it.place, "place"], [it.team], [it.match_points || it.match_time, "n"]],
  })];
}

function show() {
  document.title = board.name + " - Tallyline";
  by("name").textContent = board.name;
  asOf();
  const stamp = by("stamp");
  stamp.hidden = board.results === "running";
  stamp.textContent = board.results;
  stamp.className = board.results;
  showViews();
  showTables();
  showLast();
  board.last.forEach((it) => seen.add(it.entry));
  if (seen.size > 5000) seen = new Set(board.last.map((it) => it.entry));
}

function showViews() {
  const names = [["match", "Overall"], ["stages", "Stages"], ["teams", "Teams"]]
    .filter(([name]) => tables[name]().length);
  const nav = by("views");
  nav.replaceChildren(...names.map(([name, text]) => {
    const button = make("button", text);
    button.type = "button";
    button.setAttribute("aria-pressed", String(name === view));
    button.addEventListener("click", () => { view = name; page = 0; show(); });
    return button;
  }));
}

function showTables() {
  let list = (tables[view] || tables.match)();
  if (tv || overlay) {
    const fit = Math.max(5, Math.floor((innerHeight - AROUND_TV_PX) / ROW_TV_PX));
    const rows = overlay ? ROWS_OVERLAY : fit;
    const all = overlay ? list.slice(0, 1) : tables.match().concat(tables.stages());
    list = all.flatMap(([title, lines, heads, row]) => {
      const pages = [];
      for (let from = 0; from < lines.length; from += rows) {
        pages.push([title, lines.slice(from, from + rows), heads, row]);
      }
      return pages;
    });
    list = list.length ? [list[page % list.length]] : [];
  }
  const main = by("main");
  main.replaceChildren(...list.map(([title, lines, heads, row]) =>
    section(title, lines.length ? table(heads, lines.map(row)) : make("p", "No result yet.", "empty"))));
  if (!list.length) main.replaceChildren(make("p", "No result yet.", "empty"));
}

function showLast() {
  const list = make("ol");
  board.last.forEach((it) => {
    const stage = board.stages.find((one) => one.drill === it.drill);
    const text = clock(it.at_unix_ms) + "  " + it.label + (stage ? ", " + stage.name : "");
    list.append(make("li", text));
  });
  by("last").replaceChildren(make("h2", "Last results"), list);
}

// One stream for all tabs of a browser, which opens six connections to a node and no more: the tab
// that holds the lock streams, and tells the others.
function listen() {
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("tallyline" + api) : null;
  if (channel) channel.addEventListener("message", () => ask());
  const open = () => {
    const source = new EventSource(api + "/stream" + (ticket ? "?" + ticket : ""));
    const grew = () => { ask(); if (channel) channel.postMessage("grew"); };
    ["hello", "news", "changed"].forEach((name) => source.addEventListener(name, grew));
    // A browser comes back by itself after a break, but not after an answer that is no stream.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(open, POLL_MS);
    });
  };
  const stream = () => new Promise(open);
  if (!("EventSource" in window)) return;
  if (navigator.locks && channel) navigator.locks.request("tallyline" + api, stream);
  else stream();
}

document.body.classList.toggle("tv", tv);
document.body.classList.toggle("overlay", overlay);
if (tv || overlay) setInterval(() => { page += 1; if (board) showTables(); }, PAGE_MS);
setInterval(ask, POLL_MS);
ask();
listen();
