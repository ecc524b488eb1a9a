// What needs a person, and the decisions about it. A decision is an entry or a statement that the node signs;
// it is sent with a key, so that it is done once however often it is sent, and when no answer came nothing can
// be chosen anew until one did: the first one may be saved.

const LAYERS = {
  slot: "Two results in one place",
  "same-id": "One id with different data",
  decisions: "Decisions differ",
  ask: "Versions that knew nothing of each other",
  "possible-double": "Possibly done twice",
};

const REASONS = [["duplicate", "Entered twice"], ["time", "The time was wrong"], ["hits", "Hits were wrong"],
  ["penalty", "Penalties were wrong"], ["wrong-shooter", "Saved for another shooter"],
  ["wrong-drill", "Saved on another stage"], ["reshoot", "A reshoot was ordered"],
  ["definition", "The stage was changed"], ["arbitration", "Decided by arbitration"], ["test", "A trial entry"]];

const RULINGS = [["none", "No consequence"], ["warning", "A warning"], ["time", "Time is added"], ["dsq", "DSQ"]];

const IN_PLACE = ["counts", "late", "needs-decision", "late-beaten", "duplicate"];
const ZONES = ["A", "B", "C", "D", "NS", "M", "NPM"];
const NOTE_BYTES_MAX = 120;

const root = make("div");
const cards = new Map();
const done = [];

const conflicts = {
  id: "conflicts",
  name: "Conflicts",
  scopes: ["conflicts-read"],
  needs: { conflicts: ["conflicts-read", "/api/v1/conflicts"] },
  badge: (data) => (data.conflicts ? data.conflicts.conflicts.length : 0),
  show(data, page) {
    if (data.conflicts) arrange(data.conflicts, page);
    return [root];
  },
};

// Puts the cards in order. A card that is there stays as it is, with what was typed in it.
function arrange(told, page) {
  const wanted = [];
  const burst = told.alerts.map((it) => count(it.items, "thing needs", "things need") + " a person, all within an hour, since "
    + when(it.from_unix_ms) + ".");
  burst.forEach((text) => wanted.push(make("p", text, "warn")));
  done.forEach((text) => wanted.push(make("p", text, "good")));
  if (told.waiting) wanted.push(make("p", count(told.waiting, "entry waits", "entries wait") + " for an incident that is not here yet.", "soft"));
  const names = new Set();
  told.conflicts.forEach((it) => {
    const name = it.what + " " + it.name;
    names.add(name);
    if (!cards.has(name)) cards.set(name, new Conflict());
    cards.get(name).take(it, page);
    wanted.push(cards.get(name).element);
  });
  [...cards].filter(([name]) => !names.has(name)).forEach(([name, it]) => {
    if (it.isTouched()) { it.isGone(() => { cards.delete(name); page.show(); }); wanted.push(it.element); } else cards.delete(name);
  });
  if (!told.conflicts.length) wanted.push(make("p", "Nothing needs a person.", "soft"));
  place(wanted);
}

function place(wanted) {
  [...root.children].filter((it) => !wanted.includes(it)).forEach((it) => it.remove());
  wanted.forEach((it, at) => { if (root.children[at] !== it) root.insertBefore(it, root.children[at] || null); });
}

class Conflict {
  constructor() {
    this.element = make("article", null, "card look");
    this.head = make("div");
    this.body = make("div");
    this.fold = fold("Look and decide", "", this.body);
    delete this.fold.dataset.key;
    this.fold.addEventListener("toggle", () => { if (this.fold.open && !this.looked) this.look(); });
    this.element.append(this.head, this.fold);
    this.keys = new Map();
  }

  take(told, page) {
    const text = JSON.stringify(told);
    this.page = page;
    if (this.text === text) return;
    this.text = text;
    this.told = told;
    const by = [...new Set(told.entries.map((it) => it.label))].join(", ");
    this.head.replaceChildren(make("h2", LAYERS[told.what] || told.what), make("p", told.text),
      make("p", (by ? "By " + by + ". " : "") + "Named " + short(told.name) + ".", "soft"));
    if (this.fold.open && !this.isTouched()) this.look();
  }

  isTouched() { return Boolean(this.touched || this.sending || this.unknown); }

  isGone(dismiss) {
    if (this.gone || this.sending) return;
    this.gone = true;
    this.head.append(make("p", "This is not on the list any more: somebody decided, or an entry came.", "warn"),
      act("Put it away", dismiss));
  }

  async look() {
    this.looked = true;
    this.touched = false;
    this.body.replaceChildren(make("p", "Asking the node ..", "soft"));
    try {
      const sides = await sidesOf(this.told);
      this.body.replaceChildren(...sides.length ? this.form(sides) : [make("p", "Its entries cannot be shown here; see it on a device.", "warn")]);
    } catch (error) {
      this.looked = false;
      this.body.replaceChildren(make("p", error.message, "bad"), act("Look again", () => this.look()));
    }
  }

  form(sides) {
    const shown = make("div", null, "sides");
    sides.forEach((it, at) => shown.append(side(it, at)));
    const way = wayOf(this.told, this.page.may);
    if (!way) return [shown, make("p", "Your role does not decide about this.", "soft")];
    const form = make("form");
    const fields = make("fieldset");
    form.append(make("p", WAYS[way] + (isRecord(this.told) ? RECORDS : "")), fields);
    fields.append(choices(sides, way), ...reasons(way));
    this.answer = make("p");
    this.answer.setAttribute("role", "status");
    this.button = make("button", "Decide", "main");
    form.append(this.answer, this.button);
    form.noValidate = true;
    form.addEventListener("input", () => { this.touched = true; });
    form.addEventListener("submit", (it) => { it.preventDefault(); this.submit(form, fields, sides, way); });
    const more = act("Look again", () => { if (!this.isTouched()) this.look(); });
    return [shown, form, ...(this.told.what === "slot" ? [more] : [])];
  }

  say(text, name) {
    this.answer.textContent = text;
    this.answer.className = name || "";
  }

  async submit(form, fields, sides, way) {
    if (this.sending) return;
    // What was sent without an answer is sent again as it was.
    const steps = this.unknown || stepsOf(this.told, form, sides, way);
    if (typeof steps === "string") { this.say(steps, "bad"); return; }
    this.sending = true;
    this.button.disabled = true;
    fields.disabled = true;
    this.say("Sending ..");
    const saved = [];
    try {
      for (const step of steps) saved.push(await this.send(step));
      this.touched = false;
      this.unknown = null;
      done.unshift("Decided: " + (LAYERS[this.told.what] || "") + ", " + short(this.told.name) + ". Signed and saved as " + saved.join(", ") + ".");
      done.splice(5);
      this.say("Saved.", "good");
      this.body.replaceChildren(make("p", "Saved as " + saved.join(", ") + ".", "good"));
      this.looked = false;
    } catch (error) {
      this.failed(error, { steps, saved, fields });
    }
    this.sending = false;
    this.page.refresh();
  }

  failed(error, { steps, saved, fields }) {
    this.unknown = error instanceof Away || error.status >= 500 ? steps : null;
    fields.disabled = Boolean(this.unknown);
    this.button.disabled = false;
    this.button.textContent = this.unknown ? "Send the same again" : "Decide";
    const text = words(error);
    if (saved.length && !this.unknown) {
      // What is shown is not so any more.
      this.look().then(() => this.body.prepend(make("p", "Saved as " + saved.join(", ") + "; then: " + text, "bad")));
      return;
    }
    this.say(text + (this.unknown ? " It may be saved or not; sent again, it is done once." : ""), "bad");
  }

  // The same request has the same key, whenever it is sent.
  async send({ path, body }) {
    const name = path + JSON.stringify(body);
    if (!this.keys.has(name)) this.keys.set(name, freshKey());
    const told = await ask("post", path, {}, { body, key: this.keys.get(name) });
    if (Array.isArray(told.entries)) return "entry " + told.entries.map(short).join(", ");
    return told.entry ? "entry " + short(told.entry) : "a statement about " + count(told.entries, "entry", "entries");
  }
}

function side(it, at) {
  const out = make("section", null, "side");
  out.append(make("h3", letter(at)), make("p", it.said, "said"));
  out.append(make("p", "By " + it.label + ", " + when(it.at_unix_ms)));
  const copies = count(it.copies, "copy", "copies") + " on other devices, " + (it.in_cloud ? "in the cloud" : "not in the cloud");
  out.append(make("p", [it.verdict, copies, "entry " + short(it.entry)].filter(Boolean).join("; ") + ".", "soft"));
  return out;
}

function letter(at) { return String.fromCharCode(65 + at % 26); }

const WAYS = {
  rule: "Your ruling is one more entry, with your note. It settles the matter if this node is the owner's or of the jury.",
  void: "The others are voided, each by an entry with your reason; nothing is deleted. One counts, so both cannot be kept.",
  reject: "The owner's device says that the others do not count. Such a statement has no room for a reason.",
};

const RECORDS = " If both hold, or neither, write on a device what holds.";

function isRecord(told) { return told.what === "ask" || told.what === "possible-double"; }

// How somebody decides: by a ruling, by voids, or by a statement of the owner's.
function wayOf(told, may) {
  if (told.what === "decisions") return may("decide") ? "rule" : "";
  if (may("scores-any") && !isRecord(told)) return "void";
  return may("adopt") ? "reject" : "";
}

function choices(sides, way) {
  const set = make("fieldset");
  set.append(make("legend", "What holds?"));
  sides.forEach((it, at) => set.append(choice("keep", at, "Keep " + letter(at) + ": " + it.said)));
  if (way === "rule") {
    set.append(choice("keep", "other", "Another ruling:"));
    const pair = make("div", null, "pair");
    pair.append(labelled("Ruling", select("ruling", RULINGS)), labelled("Seconds, if time is added", input("seconds", "decimal")));
    set.append(pair);
  }
  return set;
}

function reasons(way) {
  if (way === "reject") return [];
  const note = labelled(way === "rule" ? "Reason (needed)" : "Note", input("note", "text"));
  if (way === "rule") return [note];
  const agreed = make("fieldset");
  agreed.append(make("legend", "Who agreed, if a score was approved"), choice("ro", 1, "The RO", "checkbox"),
    choice("shooter", 1, "The shooter", "checkbox"));
  return [labelled("Reason (needed)", select("reason", REASONS)), note, agreed];
}

function choice(name, value, text, type) {
  const out = make("label", null, "choice");
  const box = out.appendChild(make("input"));
  box.type = type || "radio";
  box.name = name;
  box.value = value;
  out.append(make("span", text));
  return out;
}

function labelled(text, field) {
  const out = make("label", text, "above");
  out.append(field);
  return out;
}

function select(name, options) {
  const out = make("select");
  out.name = name;
  [["", "Choose .."], ...options].forEach(([value, text]) => { out.appendChild(make("option", text)).value = value; });
  return out;
}

function input(name, mode) {
  const out = make("input");
  out.name = name;
  out.inputMode = mode;
  out.autocomplete = "off";
  return out;
}

// What is sent for a choice; a text: what is missing.
function stepsOf(told, form, sides, way) {
  const given = new FormData(form);
  const keep = given.get("keep");
  const note = (given.get("note") || "").trim();
  if (keep === null) return "Choose what holds.";
  if (new TextEncoder().encode(note).length > NOTE_BYTES_MAX) return "The note has at most " + NOTE_BYTES_MAX + " bytes.";
  if (way === "rule") return ruling(told, given, sides, note);
  const kept = sides[Number(keep)];
  const others = sides.filter((it) => it !== kept && !(it.word === "duplicate" && (kept.word === "counts" || kept.word === "late")));
  if (way === "reject") {
    return [{ path: "/api/v1/conflicts/decisions", body: { entries: others.map((it) => it.entry), reject: true } }];
  }
  if (!given.get("reason")) return "Choose a reason.";
  const agreed = { ro: given.has("ro"), shooter: given.has("shooter") };
  const more = { ...(agreed.ro || agreed.shooter ? { agreed } : {}), ...(note ? { note } : {}) };
  return others.map((it) => ({
    path: "/api/events/{e}/scores/void", body: { entry: it.entry, reason: given.get("reason"), ...more },
  }));
}

function ruling(told, given, sides, note) {
  if (!note) return "Write a reason.";
  const body = { incident: told.name, note };
  if (given.get("keep") !== "other") {
    Object.assign(body, sides[Number(given.get("keep"))].ruling);
  } else {
    body.ruling = given.get("ruling");
    if (!body.ruling) return "Choose a ruling.";
    if (body.ruling === "time") {
      const seconds = Number((given.get("seconds") || "").replace(",", "."));
      if (!(seconds > 0)) return "Write how many seconds are added.";
      body.time_cs = Math.round(seconds * 100);
    }
  }
  return [{ path: "/api/events/{e}/incidents/decisions", body }];
}

// Finds what the sides say: of each kind another list tells it.
async function sidesOf(told) {
  if (told.what === "slot") return slotSides(told);
  if (told.what === "decisions") return rulingSides(told);
  if (told.said.length) return told.entries.map((it, at) => ({ ...it, said: told.said[at] || "" }));
  return recordSides(told);
}

// What is in a place is in its history; of several attempts the shown entry's is meant.
async function slotSides(told) {
  const page = await ask("get", "/api/events/{e}/scores/{m}/history", { m: told.drill, shooter: told.shooter, limit: 100 });
  const sides = page.entries.filter((it) => it.record && IN_PLACE.includes(it.verdict));
  const shown = sides.find((it) => it.entry === told.name);
  if (!shown) return [];
  const attempt = (it) => Object.values(it.record)[0].attempt || 0;
  return sides.filter((it) => attempt(it) === attempt(shown))
    .map((it) => ({ ...it, word: it.verdict, verdict: it.verdict_text, said: recordText(it.record) }));
}

async function rulingSides(told) {
  const found = await ask("get", "/api/events/{e}/incidents", { incident: told.name });
  const all = found.groups.flatMap((it) => it.incidents.flatMap((one) => one.decisions));
  return told.entries.map((it, at) => {
    const one = all.find((decision) => decision.entry === it.entry);
    const rule = one && one.rule !== null ? { rule: one.rule } : {};
    const note = one && one.note ? " (" + one.note + ")" : "";
    return { ...it, said: told.said[at] + note, ruling: one && { ruling: one.ruling, time_cs: one.time_cs, ...rule } };
  }).filter((it) => it.ruling);
}

async function recordSides(told) {
  const found = await ask("get", "/api/events/{e}/records/{kind}", { kind: told.kind, key: told.name });
  const versions = found.records.filter((it) => it.key === told.name).flatMap((it) => it.versions);
  const sides = told.entries.map((it) => versions.find((one) => one.entry === it.entry)).filter(Boolean);
  return sides.map((it) => ({ ...it, said: told.kind + ": " + fieldsText(it) }));
}

function fieldsText(version) {
  if (version.gone) return "taken back";
  const value = (it) => (it.value === null ? "(sealed)" : String(it.value));
  return Object.entries(version.fields).map(([name, it]) => name + " " + value(it)).join(", ");
}

// Says in a line what an entry records.
function recordText(record) {
  const [[kind, it]] = Object.entries(record);
  if (kind !== "score") {
    return kind + ": " + Object.entries(it).filter(([name]) => !["shooter", "drill", "attempt"].includes(name))
      .map(([name, value]) => name + " " + (typeof value === "object" ? JSON.stringify(value) : value)).join(", ");
  }
  const parts = [it.time_cs.map((cs) => (cs / 100).toFixed(2)).join(" + ") + " s"];
  if (it.targets.length) parts.push(it.targets.map(hits).join(" | "));
  const steel = Object.entries(it.steel || {}).filter(([, number]) => number);
  if (steel.length) parts.push("steel " + steel.map(([name, number]) => number + " " + name).join(", "));
  (it.penalties || []).forEach((one) => parts.push("penalty, rule " + one.rule + " x" + one.count));
  if ((it.rings || []).length) parts.push("rings " + it.rings.map((ring) => (ring === 11 ? "X" : ring)).join(" "));
  if ((it.points_down || []).length) parts.push("points down " + it.points_down.join(" "));
  if (it.attempt) parts.push("attempt " + it.attempt);
  return parts.join("; ");
}

function hits(packed) {
  const told = ZONES.map((zone, at) => [packed >>> (4 * at) & 15, zone]).filter(([number]) => number);
  return told.map(([number, zone]) => number + zone).join(" ") || "-";
}
