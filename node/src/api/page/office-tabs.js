// The office: login, tabs, and when to ask again. This is the last part of the script /office.js; before it come
// office-ask.js, office-views.js and office-conflicts.js, in one file for the browser.

const POLL_MS = 30000;
const PACE_MS = 6000;    // however much is new: a person may ask each list 50 times a minute
const LISTEN_MS = 10000; // before a stream is opened again

const VIEWS = [devices, conflicts, alerts, match, blobs, audit, links];

const state = { me: null, event: null, scopes: new Set(), view: null, data: {}, failed: {}, asOf: 0 };
let asking = false;
let again = false;
let later = 0;
let asked = 0;
let waitUntil = 0;
let stream = null;
let listening = 0;

const failures = make("div");

const by = (id) => document.getElementById(id);
const named = nameOf(location.pathname);

function nameOf(path) {
  if (!path.startsWith("/office/")) return "";
  try { return decodeURIComponent(path.slice(8)); } catch { return path.slice(8); }
}

function tell(text) {
  if (by("trouble").textContent !== text) by("trouble").textContent = text;
  by("trouble").hidden = !text;
}

function asOf() {
  by("asof").textContent = state.asOf ? "As of " + clock(state.asOf) + ". The event is at " + zoneText() + "." : "";
}

// The form of the login lies over the page: what was typed below stays.
let login = null;

function showLogin(told) {
  if (!login) {
    login = new Promise((done) => { showLogin.done = done; });
    const why = state.me && told && told.detail;
    by("login-why").textContent = why || "";
    by("login-why").hidden = !why;
    by("login").showModal();
    by("user").focus();
  }
  return login;
}

async function submitLogin(submitted) {
  submitted.preventDefault();
  const button = by("login-form").querySelector("button");
  button.disabled = true;
  by("login-failed").hidden = true;
  try {
    await enter(by("user").value.trim(), by("password").value);
    by("password").value = "";
    by("login").close();
    const done = showLogin.done;
    login = null;
    done();
    if (state.event) await whoAmI();
  } catch (error) {
    by("login-failed").textContent = words(error);
    by("login-failed").hidden = false;
    by("password").select();
  }
  button.disabled = false;
}

async function whoAmI() {
  const me = await ask("get", "/api/auth/me");
  // What the one before had typed or saw is not the next one's.
  if (state.me && state.me.user !== me.user) { location.reload(); return; }
  state.me = me;
  const here = me.roles.filter((it) => !it.event || !state.event || it.event === state.event.event);
  state.scopes = new Set(here.flatMap((it) => it.scopes));
  by("who").textContent = me.user + ": " + ([...new Set(here.map((it) => it.role))].join(", ") || "no role here");
  by("logout").hidden = false;
  if (state.event) showTabs();
}

async function logOut() {
  try {
    await leave();
    location.reload();
  } catch (error) {
    tell(error.message + " The login is still open in this browser: log out again.");
  }
}

// A node of many events has no office of its own: the event is chosen first.
async function findEvent() {
  if (named) { choose(named); return true; }
  const events = (await askOpen("/api/events")).events || [];
  const known = new Set(events.map((it) => it.event));
  state.me.roles.filter((it) => it.event && !known.has(it.event)).forEach((it) => {
    known.add(it.event);
    events.push({ event: it.event, name: it.event });
  });
  if (events.length < 2) { choose(events.length ? events[0].event : "-"); return true; }
  const out = make("ul", null, "links");
  events.forEach((it) => {
    const link = make("a", it.name);
    link.href = "/office/" + encodeURIComponent(it.event);
    const item = out.appendChild(make("li"));
    item.append(link);
    const twins = events.filter((one) => one.name === it.name).length;
    if (twins > 1) item.append(make("span", " - " + twins + " events have this name: " + it.event, "warn"));
  });
  by("asof").textContent = "Choose an event.";
  by("main").replaceChildren(card("Events", out));
  return false;
}

function mayShow(view) {
  return !view.scopes.length || view.scopes.some((it) => state.scopes.has(it));
}

function showTabs() {
  const views = VIEWS.filter(mayShow);
  const wanted = views.find((it) => "#" + it.id === location.hash) || views[0];
  const nav = by("tabs");
  const shown = JSON.stringify(views.map((it) => [it.id, it === wanted, it.badge ? it.badge(state.data) : 0]));
  if (nav.dataset.shown !== shown) {
    const focus = nav.contains(document.activeElement) ? document.activeElement.hash : "";
    nav.dataset.shown = shown;
    nav.replaceChildren(...views.map((it) => tab(it, it === wanted)));
    if (focus) [...nav.children].filter((it) => it.hash === focus).forEach((it) => it.focus());
  }
  if (wanted !== state.view) {
    state.view = wanted;
    by("main").replaceChildren(make("p", "Asking the node ..", "soft"));
    const current = nav.querySelector("[aria-current]");
    nav.scrollLeft = current.offsetLeft - nav.clientWidth / 2 + current.clientWidth / 2;
    if (Object.keys(needs(wanted)).every((it) => it in state.data)) show();
    refresh();
  }
}

function tab(view, current) {
  const link = make("a", view.name);
  link.href = "#" + view.id;
  if (current) link.setAttribute("aria-current", "page");
  const number = view.badge ? view.badge(state.data) : 0;
  if (number) link.append(make("span", number, "count"));
  if (number) link.setAttribute("aria-label", view.name + ", " + number + " open");
  return link;
}

// What a view asks for, as far as the person may; what stands on tabs is asked for each time.
function needs(view) {
  const all = { ...Object.assign({}, ...VIEWS.filter((it) => it.badge && mayShow(it)).map((it) => it.needs)), ...view.needs };
  return Object.fromEntries(Object.entries(all).filter(([, [scope]]) => !scope || state.scopes.has(scope)));
}

async function refresh() {
  if (!state.view || document.hidden) return;
  const early = Math.max(asked + 1000, waitUntil) - Date.now();
  if (asking || early > 0) {
    again = true;
    if (!asking) { clearTimeout(later); later = setTimeout(refresh, early); }
    return;
  }
  asking = true;
  again = false;
  asked = Date.now();
  const view = state.view;
  const results = await Promise.all(Object.entries(needs(view)).map(async ([name, [, path, parts]]) => {
    try {
      state.data[name] = await ask("get", path, typeof parts === "function" ? parts() : parts);
      delete state.failed[name];
      return null;
    } catch (error) {
      if (error instanceof Refused) state.failed[name] = error;
      return error;
    }
  }));
  asking = false;
  judge(results.filter(Boolean));
  if (view === state.view) show();
  showTabs();
  if (again) soon();
}

// Says whether the node answered, and keeps to what it said about asking too often.
function judge(errors) {
  const away = errors.find((it) => it instanceof Away);
  const often = errors.find((it) => it instanceof Refused && it.status === 429);
  if (often) waitUntil = Date.now() + Math.max(often.waitS * 1000, PACE_MS);
  if (!away) state.asOf = Date.now();
  asOf();
  const old = state.asOf ? " What is shown is as of " + clock(state.asOf) + "." : "";
  tell(away ? "No connection with the node." + old : often ? "The node is asked too often; it is asked again in a moment." : "");
}

// Asks again, a moment after the last time.
function soon() {
  clearTimeout(later);
  later = setTimeout(refresh, Math.max(300, asked + PACE_MS - Date.now()));
}

// Makes the view anew, and keeps what is open and where the keyboard is.
function show() {
  const main = by("main");
  const open = new Set([...main.querySelectorAll("details[open][data-key]")].map((it) => it.dataset.key));
  const focus = document.activeElement && document.activeElement.dataset.focus;
  const failed = Object.keys(state.view.needs).map((it) => state.failed[it]).filter((it) => it && it.status !== 429)
    .map((it) => make("p", words(it), "bad"));
  const content = state.view.show(state.data, { may: (it) => state.scopes.has(it), event: state.event, refresh: soon, show });
  failures.replaceChildren(...failed);
  const wanted = [failures, ...content];
  // What a person types in is not taken out and put back: the keyboard of a phone would close.
  if (!same([...main.childNodes], wanted)) main.replaceChildren(...wanted);
  main.querySelectorAll("details[data-key]").forEach((it) => { if (open.has(it.dataset.key)) it.open = true; });
  if (focus) [...main.querySelectorAll("[data-focus]")].filter((it) => it.dataset.focus === focus).forEach((it) => it.focus());
}

function same(left, right) {
  return left.length === right.length && left.every((it, at) => it === right[at]);
}

// The stream says that something is new, and what it is the lists tell. A browser would open it again with
// the ticket it had, which is worth a minute: it is closed and opened with a fresh one.
async function listen() {
  clearTimeout(listening);
  if (stream || document.hidden || !("EventSource" in window)) return;
  try {
    const ticket = await ask("post", "/api/auth/ticket");
    if (stream || document.hidden) return;
    stream = new EventSource("/api/events/{e}/stream".replace("{e}", eventName())
      + "?ticket=" + encodeURIComponent(ticket.token));
    ["news", "changed"].forEach((name) => stream.addEventListener(name, soon));
    stream.addEventListener("error", () => { hang(); listening = setTimeout(listen, LISTEN_MS); });
  } catch {
    listening = setTimeout(listen, POLL_MS);
  }
}

function hang() {
  if (stream) stream.close();
  stream = null;
}

async function begin() {
  onLogin(showLogin);
  by("login-form").addEventListener("submit", submitLogin);
  // A browser closes it at the second Escape, whoever says no to the first.
  by("login").addEventListener("cancel", (it) => it.preventDefault());
  by("login").addEventListener("close", () => { if (login) by("login").showModal(); });
  by("logout").addEventListener("click", logOut);
  try {
    if (!await renew()) await showLogin();
    await whoAmI();
    if (!await findEvent()) return;
    state.event = await ask("get", "/api/events/{e}");
  } catch (error) {
    tell(error.message);
    by("asof").textContent = "";
    by("main").replaceChildren(act("Try again", () => location.reload()));
    return;
  }
  if (!named && state.event.event) choose(state.event.event);
  by("name").textContent = state.event.name;
  document.title = state.event.name + " - Office - Tallyline";
  setZone(state.event.zone_min);
  await whoAmI();
  addEventListener("hashchange", () => { showTabs(); by("main").focus({ preventScroll: true }); scrollTo(0, 0); });
  addEventListener("online", refresh);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(listening);
    if (document.hidden) hang(); else { refresh(); listen(); }
  });
  setInterval(refresh, POLL_MS);
  listen();
}

begin();
