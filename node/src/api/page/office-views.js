// What the tabs of the office show besides conflicts: devices, alerts, the event, pictures and clips, who did
// what, and where else to look. Each view says what it asks for, and makes elements of the answers.

const SILENT_MS = 300000;  // as on the board
const CLOCK_MS = 120000;   // as a device says it
const SCORES = ["owner", "scorer", "desk", "deputy", "jury"];

const ALERTS = ["devices-read", "/api/v1/alerts"];
const STATUS = ["devices-read", "/api/v1/status"];
const DEVICES = ["devices-read", "/api/v1/devices"];
const INCIDENTS = ["incidents-read", "/api/events/{e}/incidents"];
const REPORTS = "/api/v1/reports/{kind}";

function report(kind, more) { return ["reports", REPORTS, () => ({ kind, ...(more ? more() : {}) })]; }

const LIGHTS = {
  nothing: ["Nothing recorded yet", "soft"], "only-here": ["Some only on this device", "warn"],
  "at-the-range": ["On other devices at the range", "good"], "in-the-cloud": ["In the cloud", "good"],
  trouble: ["Trouble", "bad"],
};

function sizeText(bytes) { return bytes < 1e6 ? Math.ceil(bytes / 1e3) + " kB" : (bytes / 1e6).toFixed(1) + " MB"; }

function waiting() { return [make("p", "Not told yet.", "soft")]; }

// Devices.

let allDevices = true;

const devices = {
  id: "devices",
  name: "Devices",
  scopes: ["devices-read"],
  needs: { devices: DEVICES, status: STATUS, alerts: ALERTS },
  show(data, page) {
    if (!data.devices || !data.status) return waiting();
    const rows = data.devices.devices.map((it) => judged(it, data.status, data.alerts ? data.alerts.alerts : []));
    const members = rows.filter((it) => !it.device.revoked);
    const look = members.filter((it) => it.lacks.length);
    const shown = allDevices ? members : look;
    const filter = make("label", null, "check");
    const box = filter.appendChild(make("input"));
    box.type = "checkbox";
    box.checked = !allDevices;
    box.dataset.focus = "filter";
    box.addEventListener("change", () => { allDevices = !box.checked; page.show(); });
    filter.append(make("span", "Only what is not green (" + look.length + " of " + members.length + ")"));
    const gone = rows.filter((it) => it.device.revoked);
    return [node(data.status), card("Devices", filter, shown.length ? deviceTable(shown) : make("p", "All are green.", "good"),
      gone.length ? fold("Revoked (" + gone.length + ")", "revoked", deviceTable(gone)) : null)];
  },
};

function judged(device, status, alerts) {
  const logs = status.logs.filter((it) => it.key === device.key);
  const sum = (what) => logs.reduce((all, it) => all + what(it), 0);
  const known = sum((it) => Math.max(it.height, it.head_known));
  const here = sum((it) => it.height);
  const lacks = [];
  const heard = device.this || device.connected;
  if (!heard && SCORES.some((it) => device.roles.includes(it)) && !(device.last_heard_ms < SILENT_MS && device.last_heard_ms !== null)) {
    lacks.push(device.last_heard_ms === null ? "not heard yet" : "heard last " + ago(device.last_heard_ms));
  }
  if (here < known) lacks.push(count(known - here, "entry", "entries") + " of it not here");
  if (logs.some((it) => it.forked)) lacks.push("its log forked");
  if (Math.abs(device.clock_ahead_ms || 0) > CLOCK_MS) lacks.push("its clock is wrong");
  alerts.filter((it) => it.about && device.key.startsWith(it.about)).forEach((it) => lacks.push(it.text));
  return {
    device, lacks, here, known, heard,
    cloud: sum((it) => Math.min(it.cloud, it.height)),
    copies: logs.length ? Math.min(...logs.map((it) => it.least_copies)) : null,
    link: status.links.find((it) => it.key === device.key),
  };
}

function deviceTable(rows) {
  const state = (it) => (it.device.revoked ? ["revoked: " + it.device.revoked, "soft"]
    : [lacking(it.lacks, "green"), it.lacks.length ? "warn" : "good"]);
  return table(["Device", "State", ["Here of known", "n"], ["In the cloud", "n"], ["Fewest copies", "n"], "Last contact", "Path", "Clock", "Key"],
    rows.map((it) => [
      [it.device.label + " (" + it.device.roles.join(", ") + (it.device.this ? "; this node" : "") + ")", "title"],
      state(it), [it.known ? it.here + " of " + it.known : "", "n"], [it.known ? it.cloud + " of " + it.here : "", "n"],
      [it.copies === null ? "" : it.copies, "n"],
      it.device.this ? "this node" : it.device.connected ? "connected" : ago(it.device.last_heard_ms),
      it.link ? [it.link.source, it.link.over, it.link.address, it.link.rtt_ms + " ms"].filter(Boolean).join(", ") : "",
      skew(it.device.clock_ahead_ms), short(it.device.key),
    ]));
}

function lacking(lacks, fine) { return lacks.length > 1 ? list(lacks) : lacks[0] || fine; }

function skew(ms) {
  if (ms === null || ms === undefined) return "";
  if (Math.abs(ms) < 1000) return "within 1 s";
  return Math.round(Math.abs(ms) / 1000) + " s " + (ms < 0 ? "behind" : "ahead");
}

function node(status) {
  const [text, name] = LIGHTS[status.light] || [status.light, "warn"];
  const sync = status.last_sync;
  const cloud = status.cloud;
  const refused = status.refused.map((it) => it.reason + " " + it.count + " times").join(", ");
  return card("This node", make("p", text + ": " + status.summary, name), status.remarks.length ? list(status.remarks) : null,
    facts([
      ["Device", status.node.label + ", " + status.node.mode + ", version " + status.node.version],
      ["Entries", status.totals.entries + " here, " + status.totals.in_cloud + " in the cloud, " + status.totals.only_here
        + " only here, " + status.totals.missing_here + " known and not here"],
      ["Cloud", cloud && cloud.address + ": " + (cloud.connected ? "connected over " + (cloud.over || "udp")
        : "not connected" + (cloud.why ? ", " + cloud.why.text + "; " + cloud.why.fix : ""))],
      ["Last exchange", sync && sync.label + ", " + when(sync.at_unix_ms)],
      ["Last upload", when(status.last_upload_unix_ms)],
      ["Connections", status.paused !== "none" ? "paused: " + status.paused : ""],
      ["Refused", refused],
    ]));
}

// Alerts.

const alerts = {
  id: "alerts",
  name: "Alerts",
  scopes: ["devices-read", "accounts"],
  needs: { alerts: ALERTS, nodeAlerts: ["accounts", "/api/v1/alerts/node"], devices: DEVICES },
  badge: (data) => troubles(data).length,
  show(data) {
    const labels = data.devices ? data.devices.devices : [];
    const all = troubles(data);
    if (!data.alerts && !data.nodeAlerts) return waiting();
    if (!all.length) return [card("", make("p", "Nothing is wrong.", "good"))];
    return [...all.map((it) => {
      const device = it.about ? labels.find((one) => one.key.startsWith(it.about)) : null;
      const out = card(it.grade === "critical" ? "Critical" : "Warning", make("p", it.text),
        make("p", it.rule + (it.about ? ", " + (device ? device.label : it.about) : "") + "; since " + when(it.since_unix_ms) + ".", "soft"));
      out.classList.add(it.grade === "critical" ? "grave" : "look");
      return out;
    }), make("p", "An alert is over when what it is about is; nobody silences one for the others.", "soft")];
  },
};

// At a venue the node has one event, and both lists have the same alerts.
function troubles(data) {
  const both = [...(data.alerts ? data.alerts.alerts : []), ...(data.nodeAlerts ? data.nodeAlerts.alerts : [])];
  const name = (it) => [it.rule, it.about, it.text].join("\n");
  const all = both.filter((it, at) => both.findIndex((one) => name(one) === name(it)) === at);
  return all.sort((left, right) => Number(right.grade === "critical") - Number(left.grade === "critical"));
}

// The event.

const match = {
  id: "event",
  name: "Event",
  scopes: ["grants-read", "reports"],
  needs: {
    event: ["", "/api/events/{e}"], status: STATUS, grants: ["grants-read", "/api/v1/grants"],
    claims: ["claims-read", "/api/events/{e}/claims"], missing: report("missing"), progress: report("progress"),
    compliance: report("compliance"), conflicts: ["conflicts-read", "/api/v1/conflicts"],
  },
  show(data) {
    return [data.event ? stands(data.event, data.status) : null, data.missing ? closing(data) : null,
      data.progress ? progress(data.progress) : null, data.grants ? partitions(data.grants.grants) : null,
      data.claims ? claimed(data.claims) : null, data.compliance ? compliance(data.compliance) : null].filter(Boolean);
  },
};

function stands(event, status) {
  const phase = { scoring: "Scores are taken", provisional: "Provisional: results can be contested", final: "Final: results stand" };
  return card("The event", facts([
    ["Name", event.name + (event.level ? ", " + event.level : "")], ["Rules", event.ruleset],
    ["Phase", (phase[event.phase.phase] || event.phase.phase)
      + (event.phase.review_ends_ms ? " until " + when(event.phase.review_ends_ms) : "")],
    ["Structure", "revision " + event.revision + (event.locked ? ", locked" : ", not locked yet")],
    ["Size", count(event.shooters.length, "shooter", "shooters") + ", " + count(event.squads.length, "squad", "squads") + ", "
      + count(event.drills.length, "stage", "stages")],
    ["Owner", status && status.owner ? status.owner : short(event.owner)],
    ["Last call", status ? when(status.called_unix_ms) : ""], ["Closed", when(event.closed_unix_ms)], ["UUID", event.event],
  ]));
}

// What has to be 0 before the event can be closed.
function closing(data) {
  const { cells, logs } = data.missing;
  const sum = (what) => cells.reduce((all, it) => all + what(it).length, 0);
  const open = [["results missing", sum((it) => it.missing)], ["results undecided", sum((it) => it.undecided)],
    ["entries known and not here", logs.reduce((all, it) => all + it.head_known - it.height, 0)]];
  if (data.conflicts) open.push(["conflicts", data.conflicts.conflicts.length]);
  if (data.status) open.push(["entries not in the cloud", data.status.totals.entries - data.status.totals.in_cloud]);
  const lines = make("ul");
  open.forEach(([name, number]) => lines.append(make("li", number + " " + name, number ? "warn" : "good")));
  const out = card("Closing check", lines);
  if (cells.length) {
    out.append(fold("Where results are missing", "missing", table(["Stage and squad", "Missing", "Undecided", "Who writes", "Last contact"], cells.map((it) => [
      ["Stage " + it.drill + ", squad " + it.squad, "title"], it.missing.join(", "), it.undecided.join(", "), it.device || "the owner only",
      it.device ? ago(it.last_heard_ms) : "",
    ]))));
  }
  if (logs.length) {
    out.append(fold("Devices to chase", "chase", table(["Device", "Partition", ["Here of known", "n"], "Last contact"], logs.map((it) => [
      [it.label, "title"], it.partition, [it.height + " of " + it.head_known, "n"], ago(it.last_heard_ms),
    ]))));
  }
  return out;
}

function progress(told) {
  const drills = [...new Set(told.cells.map((it) => it.drill))];
  const box = make("div", null, "scroll");
  box.tabIndex = 0;
  box.setAttribute("aria-label", "Progress grid");
  box.append(table(["Stage", ...told.squads.map((it) => ["Squad " + it, "n"])], drills.map((drill) => [String(drill), ...told.squads.map((squad) => {
    const it = told.cells.find((one) => one.drill === drill && one.squad === squad);
    return it ? [it.done + "/" + it.total, "n " + (it.undecided.length ? "warn" : it.done === it.total ? "good" : "")] : "";
  })]), true));
  return card("Progress", box);
}

function numbers(all, one, many) { return all ? (all.length === 1 ? one : many) + " " + all.join(", ") : "all " + many; }

function partition(it) { return numbers(it.drills, "stage", "stages") + "; " + numbers(it.squads, "squad", "squads"); }

function partitions(grants) {
  const open = grants.filter((it) => !it.closed);
  const closed = grants.filter((it) => it.closed);
  const lent = (it) => (it.lent ? "lent by " + it.lent.desk + (it.lent.until_unix_ms ? " until " + when(it.lent.until_unix_ms) : "") : "");
  const out = card("Partitions", open.length ? table(["Who writes", "Partition", "How", ["Handovers before", "n"], "Grant"], open.map((it) => [
    [it.label, "title"], partition(it), lent(it) || "granted", [it.depth - 1, "n"], short(it.grant),
  ])) : make("p", "No grant is open: only the owner writes.", "soft"));
  if (closed.length) {
    out.append(fold("Closed grants: handovers, dead devices, claims that are over (" + closed.length + ")", "closed", table(
      ["Who wrote", "Partition", "Why closed", "Grant"], closed.map((it) => [[it.label, "title"], partition(it),
        it.closed + (it.lent ? ", " + lent(it) : ""), short(it.grant)]),
    )));
  }
  return out;
}

function claimed(told) {
  const lent = told.lent || [];
  if (!told.claims.length && !lent.length) return null;
  return card("Claims", table(["What", "Who", "Until"], [
    ...told.claims.map((it) => [["Stage " + it.match, "title"], it.holder, when(it.expires_at)]),
    ...lent.map((it) => [[partition(it), "title"], it.label, it.lent ? when(it.lent.until_unix_ms) + ", lent by " + it.lent.desk : ""]),
  ]));
}

function compliance(told) {
  const lacks = told.rows.filter((it) => it.lacks.length);
  return card("Compliance", make("p", told.rule), make("p", lacks.length ? count(lacks.length, "line lacks", "lines lack") + " something."
    : "All is as the rule asks.", lacks.length ? "warn" : "good"),
  fold("Each day and device (" + told.rows.length + ")", "compliance", table(
    ["Day and device", "Lacks", ["Entries", "n"], ["Exchanges", "n"], ["Uploads", "n"], ["In the cloud", "n"], ["Fewest copies", "n"], "Score log"],
    told.rows.map((it) => [[it.date + ", " + it.label, "title"], [lacking(it.lacks, "nothing"), it.lacks.length ? "warn" : "good"],
      [it.entries, "n"], [it.syncs, "n"], [it.uploads, "n"], [it.in_cloud, "n"], [it.copies, "n"],
      it.score_log === null ? "not known here" : it.score_log ? "on" : "off"]),
  )), fold("What is counted", "counted", list(told.counted)));
}

// Pictures and clips.

const blobs = {
  id: "blobs",
  name: "Clips",
  scopes: ["incidents-read"],
  needs: { incidents: INCIDENTS, event: ["", "/api/events/{e}"] },
  show(data) {
    if (!data.incidents) return waiting();
    const clips = data.incidents.groups.flatMap((group) => group.incidents.flatMap((it) => it.reports.flatMap((one) => one.media
      .map((media) => ["Bib " + group.bib + ", " + group.place_name + "; by " + one.label + ", " + when(one.at_unix_ms), media]))));
    const pictures = data.event ? data.event.drills.flatMap((it) => (it.pictures || []).map((media) => ["Stage " + it.drill + ", " + it.name, media])) : [];
    return [shelf("Clips and pictures of reports", clips), shelf("Pictures of stages", pictures)];
  },
};

function shelf(title, all) {
  const pending = all.filter(([, it]) => it.state !== "here").length;
  if (!all.length) return card(title, make("p", "None is named.", "soft"));
  return card(title, make("p", pending ? pending + " of " + all.length + " pending" : "All " + all.length + " are here", pending ? "warn" : "good"),
    table(["Of what", "State", "Kind", ["Size", "n"], "Hash"], all.map(([name, it]) => [[name, "title"], whole(it), it.mime, [sizeText(it.bytes), "n"], short(it.hash)])));
}

function whole(it) {
  if (it.state === "here") {
    const link = make("a", "here: open", "action");
    // A reading route takes the cookie.
    link.href = fill("/api/v1/blobs/{hash}", { hash: it.hash });
    link.target = "_blank";
    link.rel = "noopener";
    return link;
  }
  const out = make("span", "pending, " + it.percent + " % ");
  const bar = out.appendChild(make("progress"));
  bar.max = 100;
  bar.value = it.percent;
  return out;
}

// Who did what.

let day = "";

const audit = {
  id: "audit",
  name: "Audit",
  scopes: ["reports"],
  needs: { statements: ["grants-read", "/api/v1/statements"], audit: report("audit"), day: report("day", () => (day ? { date: day } : {})), incidents: INCIDENTS },
  show(data, page) {
    return [data.audit ? voids(data.audit.voids) : null, data.incidents ? decisions(data.incidents.groups) : null,
      data.statements ? stated(data.statements.statements) : null, data.day ? ofDay(data.day, page) : null].filter(Boolean);
  },
};

function voids(all) {
  const was = (it) => (it ? it.what + " (by " + it.label + ")" : "not here");
  return card("Voids (" + all.length + ")", all.length ? table(["When", "Who", "Why", "What was voided", "What stands instead", "Read as"], [...all].reverse().map((it) => [
    [when(it.at_unix_ms), "title"], it.by, it.reason + (it.note ? ": " + it.note : "") + agreed(it.agreed), was(it.was), it.instead ? was(it.instead) : "nothing",
    [it.verdict, it.verdict === "counts" ? "" : "warn"],
  ])) : make("p", "Nothing was voided.", "soft"));
}

function agreed(it) {
  const who = [it.ro ? "RO" : "", it.shooter ? "shooter" : ""].filter(Boolean).join(" and ");
  return who ? "; agreed: " + who : "";
}

function decisions(groups) {
  const all = groups.flatMap((group) => group.incidents.flatMap((it) => it.decisions.map((one) => [group, one])));
  if (!all.length) return null;
  const ruling = (it) => it.ruling + (it.ruling === "time" ? " +" + (it.time_cs / 100).toFixed(2) + " s" : "") + (it.rule === null ? "" : ", rule " + it.rule);
  return card("Decisions about incidents (" + all.length + ")", table(["When", "Who", "About", "Decided"], all
    .sort((left, right) => right[1].at_unix_ms - left[1].at_unix_ms).map(([group, it]) => [[when(it.at_unix_ms), "title"], it.label,
      "race " + group.race + ", bib " + group.bib + " " + group.bib_label + ", " + group.place_name, ruling(it) + (it.note ? ": " + it.note : "")])));
}

function stated(all) {
  return card("Statements (" + all.length + ")", table(["When", "Who", "What", "Says"], [...all].reverse().map((it) => [
    [when(it.at_unix_ms), "title"], it.label, it.kind, it.in_force ? it.text : [it.text + " Not in force.", "warn"],
  ])));
}

function ofDay(told, page) {
  const choose = make("select");
  choose.dataset.focus = "day";
  choose.setAttribute("aria-label", "Day");
  [...new Set([told.date, ...told.days])].sort().forEach((it) => { choose.appendChild(make("option", it)).value = it; });
  choose.value = told.date;
  choose.addEventListener("change", () => { day = choose.value; page.refresh(); });
  const out = card("A day", choose, table(["Device", ["Entries", "n"], ["Scores", "n"], ["Voids", "n"], "First and last", "Stages", "Squads"], told.devices.map((it) => [
    [it.label, "title"], [it.entries, "n"], [it.scores, "n"], [it.voids, "n"], when(it.first_unix_ms) + " to " + when(it.last_unix_ms).slice(11),
    it.drills.join(", "), it.squads.join(", "),
  ])));
  if (told.out.length) {
    out.append(make("h3", "Out or warned"), table(["Who", "What", "By"], told.out.map((it) => [[it.shooter + " " + it.label, "title"],
      [it.kind, it.drill ? "stage " + it.drill : "", it.rule_text, it.note].filter(Boolean).join(", "), it.by])));
  }
  return out;
}

// Where else to look, and files to take along.

const FILES = [["bundle", "Everything, signed (.tally)", "tally"], ["csv", "Standings (.csv)", "csv"],
  ["jsonl", "All versions of scores (.jsonl)", "jsonl"], ["psc", "Scoring app (.psc)", "psc"],
  ["miff", "MIFF (.miff)", "miff"], ["report", "Text report (.txt)", "txt"]];

const progressOfFile = make("p");
progressOfFile.setAttribute("role", "status");
let shownLinks = null;

const links = {
  id: "links",
  name: "Links",
  scopes: [],
  needs: {},
  show(_, page) {
    if (!shownLinks) shownLinks = [boards(), page.may("export") || page.may("sync") ? files(page) : null].filter(Boolean);
    return shownLinks;
  },
};

function boards() {
  const board = location.origin + "/board/" + eventName();
  const items = make("ul", null, "links");
  [["Board for spectators", ""], ["For a television", "?tv"], ["Over a video", "?overlay"], ["Stages first", "?view=stages"]].forEach(([name, query]) => {
    const link = items.appendChild(make("li")).appendChild(make("a", name + ": " + board + query));
    link.href = board + query;
  });
  const docs = items.appendChild(make("li")).appendChild(make("a", "What programs can ask this node"));
  docs.href = "/api/v1/docs";
  const embed = make("textarea");
  embed.readOnly = true;
  embed.rows = 3;
  embed.value = '<iframe src="' + board + '" title="Results" width="100%" height="600" loading="lazy"></iframe>';
  embed.setAttribute("aria-label", "To put the board into another page");
  embed.addEventListener("focus", () => embed.select());
  const copied = make("p", "", "soft");
  copied.setAttribute("role", "status");
  const copy = act("Copy", async () => {
    embed.select();
    try { await navigator.clipboard.writeText(embed.value); copied.textContent = "Copied."; } catch { copied.textContent = "Selected: copy it by hand."; }
  });
  return card("Boards", items, make("h3", "In another page"), embed, copy, copied);
}

function files(page) {
  const out = card("Files");
  const row = out.appendChild(make("div", null, "row"));
  if (page.may("export")) {
    FILES.forEach(([format, name, ending]) => row.append(act(name, (it) => save(it.currentTarget, ["/api/v1/export", { format }], ending))));
  }
  if (page.may("sync")) {
    row.append(act("A day offline (.tally)", (it) => save(it.currentTarget, ["/api/v1/competitions/{c}/bundle", { c: decodeURIComponent(eventName()) }], "day.tally")));
  }
  out.append(progressOfFile);
  return out;
}

// A link could not send the token: the file comes by a request, and the browser saves what came.
async function save(button, [path, parts], ending) {
  button.disabled = true;
  progressOfFile.className = "soft";
  progressOfFile.textContent = "The node makes the file ..";
  try {
    const file = await ask("get", path, parts, { as: "file" });
    const link = make("a");
    link.href = URL.createObjectURL(file);
    link.download = (document.title.split(" - ")[0].replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "event") + "." + ending;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    progressOfFile.textContent = "Saved as " + link.download + ", " + sizeText(file.size) + ".";
  } catch (error) {
    progressOfFile.className = "bad";
    progressOfFile.textContent = words(error);
  }
  button.disabled = false;
}
