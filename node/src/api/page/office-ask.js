// The office: what officials see and decide in a browser. This is what its views share: asking the node as
// somebody who is logged in, elements, and words for figures. Whatever the node says is put in as text, never
// as markup.
//
// The token lives in a variable of this file and nowhere else. A cookie that no script sees renews it; it is
// worth one renewal, and one that comes twice closes the login. So a renewal has a key that all tabs of the
// browser share until its answer came: sent twice with one key it is one.

const ANSWER_MS = 20000;        // a slow phone at the far end of the range
const FILE_MS = 300000;
const EARLY_MS = 60000;         // a token is renewed before it ends
const KEY_MS = 240000;          // the node knows a key of a renewal for five minutes
const RENEWAL = "tallyline.renewal";
const OF_EVENT = /^\/api\/v1\//;  // these have no part for the event

// The node said no, and why.
class Refused extends Error {
  constructor(status, told, waitS) {
    super(told.detail || "The node answers " + status + ".");
    this.status = status;
    this.code = told.code || String(status);
    this.told = told;
    this.waitS = waitS;
  }
}

// No answer came: what was sent may have been done.
class Away extends Error {
  constructor() { super("No connection with the node."); }
}

// What a person reads of a failure: the node's text, and its code if the text does not begin with it.
function words(error) {
  const coded = error instanceof Refused && !error.message.startsWith(error.code);
  return error.message + (coded ? " (" + error.code + ")" : "");
}

let token = "";
let until = 0;
let timer = 0;
let renewing = null;
let lostKey = "";
let logIn = async () => {};
const event = { name: "-", query: "" };

// Says who shows the form of the login: a function that ends when somebody is logged in.
function onLogin(show) { logIn = show; }

// Says which event is meant from here on, by UUID or name.
function choose(name) {
  event.name = encodeURIComponent(name);
  event.query = name === "-" ? "" : "event=" + event.name;
}

function eventName() { return event.name; }

function pause(ms) { return new Promise((done) => setTimeout(done, ms)); }

// A key that names one request. On plain HTTP a browser has no randomUUID.
function freshKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
}

// Fills a path of the description: `{e}` is the event, other parts come by name, and what has no part is
// asked behind the question mark.
function fill(path, parts) {
  const query = new URLSearchParams();
  let out = path.replace("{e}", event.name);
  Object.entries(parts || {}).forEach(([name, value]) => {
    const part = "{" + name + "}";
    if (out.includes(part)) out = out.replace(part, encodeURIComponent(value));
    else query.set(name, value);
  });
  const more = [query.toString(), OF_EVENT.test(path) ? event.query : ""].filter(Boolean).join("&");
  return out + (more ? "?" + more : "");
}

async function send(method, url, { body, key, as } = {}) {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const gone = new AbortController();
  const over = setTimeout(() => gone.abort(), as === "file" ? FILE_MS : ANSWER_MS);
  try {
    const answer = await fetch(url, {
      method, headers, cache: "no-store", credentials: "same-origin", signal: gone.signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const told = answer.ok && as === "file" ? await answer.blob() : await read(answer);
    return { status: answer.status, ok: answer.ok, told, headers: answer.headers };
  } catch {
    throw new Away();
  } finally {
    clearTimeout(over);
  }
}

// Reads an answer; a page of whoever stands between is no answer of the node.
async function read(answer) {
  const text = await answer.text();
  try { return JSON.parse(text) || {}; } catch { if (answer.ok) throw new Away(); return {}; }
}

function refused(answer) {
  return new Refused(answer.status, answer.told, Number(answer.headers.get("Retry-After")) || 0);
}

// Asks the node. Who is not logged in any more is asked for the password first; the question waits.
async function ask(method, path, parts, more) {
  if (token && until - Date.now() < EARLY_MS) await renew().catch(() => false);
  for (let first = true; ; first = false) {
    const answer = await send(method.toUpperCase(), fill(path, parts), more);
    if (answer.ok) return answer.told;
    if (answer.status !== 401) throw refused(answer);
    if (first && await renew()) continue;
    await logIn(answer.told);
  }
}

// Asks for what is for everybody.
async function askOpen(path, parts) {
  const answer = await send("GET", fill(path, parts));
  if (!answer.ok) throw refused(answer);
  return answer.told;
}

function taken(told) {
  token = told.token;
  until = Date.now() + told.expires_in * 1000;
  clearTimeout(timer);
  const soon = Math.min(told.expires_in * 1000 * 0.8, 0x7fffffff);
  timer = setTimeout(() => renew().catch(() => false), soon);
}

// Logs in with a password; throws what the node said.
async function enter(user, password) {
  const answer = await send("POST", "/api/auth/login", { body: { user, password } });
  if (!answer.ok) throw refused(answer);
  taken(answer.told);
}

// Renews the token by the cookie; false: somebody has to log in.
function renew() {
  if (!renewing) {
    // Behind TLS tabs wait for each other; on plain HTTP a browser has no locks, and the key has to do.
    renewing = (navigator.locks ? navigator.locks.request(RENEWAL, exchange) : exchange()).finally(() => { renewing = null; });
  }
  return renewing;
}

async function exchange() {
  const answer = await send("POST", "/api/auth/refresh", { key: await renewalKey() });
  if (answer.status !== 401 && !answer.ok) throw refused(answer);
  forgetKey();
  if (answer.ok) taken(answer.told); else token = "";
  return answer.ok;
}

function keptKey() {
  try {
    const kept = JSON.parse(localStorage.getItem(RENEWAL));
    return kept && Math.abs(Date.now() - kept.at) < KEY_MS ? kept.key : "";
  } catch { return ""; }
}

async function renewalKey() {
  lostKey = keptKey() || lostKey || freshKey();
  if (keptKey()) return lostKey;
  try { localStorage.setItem(RENEWAL, JSON.stringify({ key: lostKey, at: Date.now() })); } catch { return lostKey; }
  await pause(50);  // tabs that start at once agree on the key that was written last
  return keptKey() || lostKey;
}

function forgetKey() {
  lostKey = "";
  try { localStorage.removeItem(RENEWAL); } catch { /* nothing was kept */ }
}

// Ends the login of this browser.
async function leave() {
  const answer = await send("POST", "/api/auth/logout");
  if (!answer.ok) throw refused(answer);
  token = "";
  clearTimeout(timer);
}

function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = String(text);
  if (name) node.className = name;
  return node;
}

function act(text, what, name) {
  const button = make("button", text, name);
  button.type = "button";
  button.addEventListener("click", what);
  return button;
}

function card(title, ...content) {
  const out = make("section", null, "card");
  if (title) out.append(make("h2", title));
  out.append(...content.filter(Boolean));
  return out;
}

// Something to open; stays open when the view is made anew.
function fold(title, key, ...content) {
  const out = make("details");
  out.dataset.key = key;
  out.append(make("summary", title), ...content);
  return out;
}

function facts(pairs) {
  const out = make("dl", null, "facts");
  pairs.filter(([, it]) => it !== null && it !== undefined && it !== "").forEach(([name, it]) => {
    const value = make("dd");
    value.append(it instanceof Node ? it : String(it));
    out.append(make("dt", name), value);
  });
  return out;
}

function list(texts) {
  const out = make("ul");
  texts.forEach((it) => out.append(make("li", it)));
  return out;
}

// A table that is a card for each row where there is no room for columns. A cell is a text, an element, or a
// pair of one of these and a class.
function table(heads, rows, plain) {
  const out = make("table", null, plain ? "" : "cards");
  const line = out.appendChild(make("thead")).appendChild(make("tr"));
  const cell = (it) => (Array.isArray(it) ? it : [it, ""]);
  heads.forEach((it) => {
    const head = line.appendChild(make("th", ...cell(it)));
    head.scope = "col";
  });
  const body = out.appendChild(make("tbody"));
  rows.forEach((row) => {
    const tr = body.appendChild(make("tr"));
    row.forEach((it, at) => {
      const [content, name] = cell(it);
      const td = tr.appendChild(make("td", content instanceof Node ? null : content, name));
      if (content instanceof Node) td.append(content);
      td.dataset.label = cell(heads[at])[0];
    });
  });
  return out;
}

function clock(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

let zone = 0;

// Says how many minutes east of UTC the event is: days and times are the event's.
function setZone(minutes) { zone = minutes || 0; }

function zoneText() {
  const part = (it) => String(it).padStart(2, "0");
  const all = Math.abs(zone);
  return "UTC" + (zone < 0 ? "-" : "+") + part(Math.floor(all / 60)) + ":" + part(all % 60);
}

function when(ms) {
  if (ms === null || ms === undefined) return "";
  const at = new Date(Number(ms) + zone * 60000);
  return Number.isNaN(at.getTime()) ? String(ms) : at.toISOString().slice(0, 19).replace("T", " ");
}

function ago(ms) {
  if (ms === null || ms === undefined) return "not since the node started";
  if (ms < 90000) return Math.round(ms / 1000) + " s ago";
  return ms < 5400000 ? Math.round(ms / 60000) + " min ago" : Math.round(ms / 3600000) + " h ago";
}

function count(number, one, many) { return number + " " + (number === 1 ? one : many); }

function short(key) { return String(key || "").slice(0, 8); }
