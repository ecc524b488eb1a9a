//! The rows: every route there is.
//!
//! Layer: node, api.

use super::super::access::Scope::{
    Accounts, Adopt, ClaimsRead, ClaimsWrite, ConflictsRead, Decide, DevicesRead, Export,
    GrantsRead, GrantsWrite, Import, IncidentsRead, IncidentsWrite, Plans, RecordsRead, Reports,
    ScoresRead, ScoresWrite, Sync,
};
use super::super::limits::Limit;
use super::super::{
    alerts, auth, blobs, board, claims, exchange, health, metrics, office, openapi, page, plans,
    scores, stream,
};
use super::{Described, Route, SAME, Shape, TAG, Verb};
use crate::local::protocol::{
    self, Assigned, AuditReport, ChronoReport, ComplianceReport, Conflicts, CourtReport, DayReport,
    Decided, Devices, Done, EventInfo, FileImported, Grant, Grants, Imported, IncidentAdd,
    IncidentReport, Incidents, MissingReport, PenaltiesReport, ProgressReport, RaceReport,
    Recorded, Records, Saved, ScoreAdd, ScoreVoid, SheetReport, StandingsData, Statements,
    StatusData,
};

const BLOB_BYTES: (&str, &str) = (
    "bytes",
    "bytes of the whole; needed where the event names several lengths",
);

const CURSOR: (&str, &str) = ("cursor", "where the last look ended");

/// What reports are.
const REPORTS: &[Shape] = &[
    Described::of::<SheetReport>,
    Described::of::<ProgressReport>,
    Described::of::<PenaltiesReport>,
    Described::of::<ChronoReport>,
    Described::of::<AuditReport>,
    Described::of::<MissingReport>,
    Described::of::<DayReport>,
    Described::of::<ComplianceReport>,
    Described::of::<CourtReport>,
    Described::of::<RaceReport>,
];

/// Every route.
pub(in super::super) static ROUTES: &[Route] = &[
    Route::get("index", "/", |ask| Box::pin(page::board(ask)))
        .what("The board as a page.")
        .gives("text/html")
        .limit(Limit::Board),
    Route::get("boardPage", "/board/{e}", |ask| Box::pin(page::board(ask)))
        .what(
            "The board of one event as a page; `?tv` turns pages by itself, `?overlay` is \
               transparent.",
        )
        .gives("text/html")
        .limit(Limit::Board),
    Route::get("boardScript", "/board.js", |ask| {
        Box::pin(page::board_script(ask))
    })
    .what("The page's script.")
    .gives("text/javascript")
    .limit(Limit::Board),
    Route::get("boardStyle", "/board.css", |ask| {
        Box::pin(page::board_style(ask))
    })
        .what("The page's style.")
        .gives("text/css")
        .limit(Limit::Board),
    Route::get("office", "/office", |ask| Box::pin(page::office(ask)))
        .what("The office as a page; of a node with several events it asks which.")
        .gives("text/html")
        .limit(Limit::Board),
    Route::get("officePage", "/office/{e}", |ask| Box::pin(page::office(ask)))
        .what("The office of one event as a page.")
        .gives("text/html")
        .limit(Limit::Board),
    Route::get("officeScript", "/office.js", |ask| Box::pin(page::office_script(ask)))
        .what("The office's script.")
        .gives("text/javascript")
        .limit(Limit::Board),
    Route::get("officeStyle", "/office.css", |ask| Box::pin(page::office_style(ask)))
        .what("The office's style.")
        .gives("text/css")
        .limit(Limit::Board),
    Route::get("docs", "/api/v1/docs", |ask| Box::pin(page::docs(ask)))
        .what("This description as a page for people.")
        .gives("text/html")
        .limit(Limit::Board),
    Route::get("docsScript", "/docs.js", |ask| Box::pin(page::docs_script(ask)))
        .what("Its script.")
        .gives("text/javascript")
        .limit(Limit::Board),
    Route::get("healthz", "/healthz", |ask| Box::pin(health::alive(ask)))
        .what("Whether the process is alive.")
        .tells::<health::Alive>()
        .limit(Limit::Board),
    Route::get("readyz", "/readyz", |ask| Box::pin(health::ready(ask)))
        .what("Whether the node saves and is not behind.")
        .tells::<health::ReadyCheck>()
        .query(&[("max_lag", "longest time to be behind, such as 60s")])
        .limit(Limit::Board),
    Route::get("metrics", "/metrics", |ask| Box::pin(metrics::metrics(ask)))
        .what("Figures for Prometheus.")
        .gives("application/openmetrics-text")
        .limit(Limit::Board),
    Route::get("openapi", "/api/v1/openapi.json", |ask| {
        Box::pin(openapi::answer(ask))
    })
    .what("This description."),
    Route::get("syncHealth", "/api/v1/sync/health", |ask| {
        Box::pin(health::probe(ask))
    })
    .what("Who answers, and a nonce signed: a portal's page is not taken for the node.")
    .query(&[("nonce", "32 hex digits that the node signs")])
    .tells::<health::Probe>()
    .limit(Limit::Board),
    Route::post("login", "/api/auth/login", |ask| Box::pin(auth::login(ask)))
        .what("Logs in with a password.")
        .takes::<auth::Login>()
        .tells::<auth::TokenTold>()
        .limit(Limit::Login),
    Route::post("refresh", "/api/auth/refresh", |ask| {
        Box::pin(auth::refresh(ask))
    })
    .what(
        "Renews a token by the cookie of the login; each cookie once, or again within 5 minutes with \
               the same `Idempotency-Key`.",
    )
    .tells::<auth::TokenTold>()
    .limit(Limit::Login),
    Route::post("logout", "/api/auth/logout", |ask| {
        Box::pin(auth::logout(ask))
    })
    .what("Ends the login of the cookie.")
    .tells::<Done>()
    .limit(Limit::Login),
    Route::post("ticket", "/api/auth/ticket", |ask| {
        Box::pin(auth::ticket(ask))
    })
    .what("Gives a ticket of 60 s for `?ticket=` of a stream.")
    .login()
    .tells::<auth::TokenTold>()
    .limit(Limit::List),
    Route::post("challenge", "/api/auth/challenge", |ask| {
        Box::pin(auth::challenge(ask))
    })
    .what("Gives what a device signs to log in.")
    .tells::<auth::TokenTold>()
    .limit(Limit::Login),
    Route::post("device", "/api/auth/device", |ask| {
        Box::pin(auth::device(ask))
    })
    .what("Logs a member of the event in by its device's key.")
    .takes::<auth::DeviceLogin>()
    .tells::<auth::TokenTold>()
    .limit(Limit::Login),
    Route::get("me", "/api/auth/me", |ask| Box::pin(auth::me(ask)))
        .what("Who I am, and what I may.")
        .login()
        .tells::<auth::Me>(),
    Route::get("accounts", "/api/v1/accounts", |ask| {
        Box::pin(auth::accounts(ask))
    })
    .what("Lists the accounts.")
    .need(Accounts)
    .of_node()
    .tells::<auth::AccountList>(),
    Route::post("accountPut", "/api/v1/accounts", |ask| {
        Box::pin(auth::put_account(ask))
    })
    .what("Makes an account, or changes its password or roles.")
    .need(Accounts)
    .of_node()
    .takes::<auth::NewAccount>()
    .tells::<auth::AccountList>(),
    Route::new(
        "accountRemove",
        Verb::Delete,
        "/api/v1/accounts/{name}",
        |ask| Box::pin(auth::remove_account(ask)),
    )
    .what("Removes an account.")
    .tells::<auth::AccountList>()
    .need(Accounts)
    .of_node(),
    Route::get("events", "/api/events", |ask| Box::pin(board::events(ask)))
        .what("Lists the public events.")
        .tells::<board::PublicEvents>()
        .limit(Limit::Board),
    Route::get("event", "/api/events/{e}", |ask| {
        Box::pin(board::event(ask))
    })
    .what("The event: stages, squads, shooters, rules.")
    .public()
    .tagged()
    .tells::<EventInfo>(),
    Route::get("board", "/api/events/{e}/board", |ask| {
        Box::pin(board::snapshot(ask))
    })
    .what("The board.")
    .public()
    .tagged()
    .tells::<board::Board>(),
    Route::get("standings", "/api/events/{e}/standings", |ask| {
        Box::pin(board::standings(ask))
    })
    .what("Standings, as `tallyline standings` computes them.")
    .public()
    .query(&[
        ("drill", "a stage's number"),
        ("division", "a division's name"),
        ("all", "true for every table"),
        ("teams", "true for teams"),
        ("class", "a class"),
        ("category", "a category"),
    ])
    .tagged()
    .tells::<StandingsData>(),
    Route::get("stream", "/api/events/{e}/stream", |ask| {
        Box::pin(stream::events(ask))
    })
    .what("What is new, as server-sent events; `Last-Event-ID` resumes.")
    .public()
    .query(&[CURSOR])
    .headers(&[("Last-Event-ID", "the id of the last message that came")])
    .gives("text/event-stream"),
    Route::get("ws", "/api/events/{e}/ws", |ask| {
        Box::pin(stream::socket(ask))
    })
    .what("What is new, over a WebSocket.")
    .public()
    .query(&[CURSOR])
    .also(&[("101", "the connection is a WebSocket from here on")])
    .tells::<stream::NewsTold<'_>>(),
    Route::get("scores", "/api/events/{e}/scores", |ask| {
        Box::pin(scores::list(ask))
    })
    .what("Scores that stand, newest first.")
    .open(ScoresRead)
    .query(&[
        ("limit", "1 to 500"),
        ("offset", "how many to leave out"),
        ("teamId", "only this team"),
        ("division", "only this division"),
        ("shooter", "only this shooter"),
    ])
    .tells::<scores::Page>(),
    Route::post("scoreAdd", "/api/events/{e}/scores", |ask| {
        Box::pin(scores::add(ask))
    })
    .what(
        "Records a score, a status or a chronograph reading. `If-Match` with the UUID of the \
               entry that is thought to stand, or `none`, is refused if another one does.",
    )
    .need(ScoresWrite)
    .limit(Limit::Write)
    .headers(&[(
        "If-Match",
        "UUID of the entry that is thought to stand, or `none`",
    )])
    .takes::<ScoreAdd>()
    .tells::<Saved>(),
    Route::post("scoreVoid", "/api/events/{e}/scores/void", |ask| {
        Box::pin(scores::void(ask))
    })
    .what("Takes an entry out of the count.")
    .need(ScoresWrite)
    .limit(Limit::Write)
    .takes::<ScoreVoid>()
    .tells::<Saved>(),
    Route::get("scoresOf", "/api/events/{e}/scores/{m}", |ask| {
        Box::pin(scores::of_match(ask))
    })
    .what("Scores that stand of one match or stage, newest first.")
    .open(ScoresRead)
    .query(&[("limit", "1 to 500"), ("offset", "how many to leave out")])
    .limit(Limit::One)
    .tells::<scores::Page>(),
    Route::get("history", "/api/events/{e}/scores/{m}/history", |ask| {
        Box::pin(scores::history(ask))
    })
    .what("All versions of one match or stage, voids too, newest first.")
    .open(ScoresRead)
    .query(&[
        ("limit", "1 to 500"),
        ("offset", "how many to leave out"),
        ("shooter", "only this shooter"),
    ])
    .tells::<scores::Page>(),
    Route::get("claims", "/api/events/{e}/claims", |ask| {
        Box::pin(claims::list(ask))
    })
    .what("Who has claimed what.")
    .need(ClaimsRead)
    .tagged()
    .tells::<claims::ClaimsHeld>(),
    Route::get("claimOf", "/api/events/{e}/claims/{m}", |ask| {
        Box::pin(claims::one(ask))
    })
    .what("Who has claimed a match or stage.")
    .need(ClaimsRead)
    .limit(Limit::One)
    .tells::<claims::ClaimHeld>(),
    Route::post("claim", "/api/events/{e}/claims/{m}", |ask| {
        Box::pin(claims::claim(ask))
    })
    .what("Claims a match or stage for some minutes; again, to prolong.")
    .need(ClaimsWrite)
    .limit(Limit::Claim)
    .may_take::<claims::NewClaim>()
    .tells::<claims::ClaimHeld>(),
    Route::new(
        "claimRelease",
        Verb::Delete,
        "/api/events/{e}/claims/{m}",
        |ask| Box::pin(claims::release(ask)),
    )
    .what("Gives a claim back.")
    .tells::<Done>()
    .need(ClaimsWrite)
    .limit(Limit::Claim),
    Route::get("plan", "/api/events/{e}/coverage-plans", |ask| {
        Box::pin(plans::get(ask))
    })
    .what("My coverage plan.")
    .need(Plans)
    .tells::<plans::PlanTold>(),
    Route::new(
        "planPut",
        Verb::Put,
        "/api/events/{e}/coverage-plans",
        |ask| Box::pin(plans::put(ask)),
    )
    .what("Keeps my coverage plan: any JSON but null.")
    .need(Plans)
    .limit(Limit::Write)
    .takes::<plans::Plan>()
    .tells::<plans::PlanTold>(),
    Route::new(
        "planRemove",
        Verb::Delete,
        "/api/events/{e}/coverage-plans",
        |ask| Box::pin(plans::remove(ask)),
    )
    .what("Removes my coverage plan.")
    .tells::<Done>()
    .need(Plans)
    .limit(Limit::Write),
    Route::get("incidents", "/api/events/{e}/incidents", |ask| {
        Box::pin(office::incidents(ask))
    })
    .what("Incidents in their groups.")
    .need(IncidentsRead)
    .query(&[
        ("race", "a race's number"),
        ("bib", "a bib"),
        ("incident", "one incident"),
    ])
    .tells::<Incidents>(),
    Route::post("incidentAdd", "/api/events/{e}/incidents", |ask| {
        Box::pin(office::incident_add(ask))
    })
    .what("Records an incident.")
    .need(IncidentsWrite)
    .limit(Limit::Write)
    .takes::<IncidentAdd>()
    .tells::<Recorded>(),
    Route::post(
        "incidentReport",
        "/api/events/{e}/incidents/reports",
        |ask| Box::pin(office::incident_report(ask)),
    )
    .what("Adds a report to an incident.")
    .need(IncidentsWrite)
    .limit(Limit::Write)
    .takes::<IncidentReport>()
    .tells::<Recorded>(),
    Route::post("decide", "/api/events/{e}/incidents/decisions", |ask| {
        Box::pin(office::decide(ask))
    })
    .what("Decides about an incident and its group.")
    .need(Decide)
    .limit(Limit::Write)
    .takes::<protocol::Decide>()
    .tells::<Recorded>(),
    Route::get("records", "/api/events/{e}/records/{kind}", |ask| {
        Box::pin(office::records(ask))
    })
    .what("Records of a kind.")
    .need(RecordsRead)
    .query(&[("key", "one key"), ("on", "the record they hang on")])
    .tells::<Records>(),
    Route::get("conflicts", "/api/v1/conflicts", |ask| {
        Box::pin(office::conflicts(ask))
    })
    .what("What needs a person.")
    .need(ConflictsRead)
    .tells::<Conflicts>(),
    Route::post("adopt", "/api/v1/conflicts/decisions", |ask| {
        Box::pin(office::adopt(ask))
    })
    .what("Counts or rejects entries, whatever they would be by themselves.")
    .need(Adopt)
    .takes::<protocol::Adopt>()
    .tells::<Decided>(),
    Route::get("devices", "/api/v1/devices", |ask| {
        Box::pin(office::devices(ask))
    })
    .what("The devices of the event.")
    .need(DevicesRead)
    .tells::<Devices>(),
    Route::get("alerts", "/api/v1/alerts", |ask| {
        Box::pin(alerts::of_event(ask))
    })
    .what("What is wrong with the event: alerts that are not over.")
    .need(DevicesRead)
    .tells::<alerts::AlertsTold>(),
    Route::get("nodeAlerts", "/api/v1/alerts/node", |ask| {
        Box::pin(alerts::of_node(ask))
    })
    .what("What is wrong with the node: alerts that are not over.")
    .need(Accounts)
    .of_node()
    .tells::<alerts::AlertsTold>(),
    Route::get("status", "/api/v1/status", |ask| {
        Box::pin(office::status(ask))
    })
    .what("Where the scores are.")
    .need(DevicesRead)
    .tells::<StatusData>(),
    Route::get("grants", "/api/v1/grants", |ask| {
        Box::pin(office::grants(ask))
    })
    .what("The grants.")
    .need(GrantsRead)
    .tells::<Grants>(),
    Route::get("statements", "/api/v1/statements", |ask| {
        Box::pin(office::statements(ask))
    })
    .what("What was stated about the event: who admitted, granted, revoked, handed over, decided.")
    .need(GrantsRead)
    .tells::<Statements>(),
    Route::post("grant", "/api/v1/grants", |ask| {
        Box::pin(office::grant(ask))
    })
    .what("Opens grants and closes others, all at once.")
    .need(GrantsWrite)
    .takes::<Grant>()
    .tells::<Assigned>(),
    Route::get("report", "/api/v1/reports/{kind}", |ask| {
        Box::pin(office::report(ask))
    })
    .what(
        "A report: sheet, progress, penalties, chrono, audit, missing, day, compliance, court, \
               race.",
    )
    .need(Reports)
    .query(&[("shooter", "of a sheet"), ("date", "of a day")])
    .tells_one_of(REPORTS),
    Route::get("export", "/api/v1/export", |ask| {
        Box::pin(exchange::export(ask))
    })
    .what("The event as a file.")
    .need(Export)
    .limit(Limit::Whole)
    .query(&[("format", "bundle, jsonl, csv, psc, miff or report")])
    .gives("application/octet-stream, application/jsonl, text/csv, text/plain"),
    Route::post("import", "/api/v1/import", |ask| {
        Box::pin(exchange::import(ask))
    })
    .what("Takes a file in; the same file again changes nothing. `preview=true` only tells.")
    .need(Import)
    .limit(Limit::Whole)
    .file()
    .query(&[
        ("format", "bundle, psc, miff, report or registration"),
        ("preview", "true: tell and change nothing"),
        ("scores", "true: with scores"),
        ("skip_problems", "true: leave out what has a problem"),
        ("add_duplicates", "true: add who may be there already"),
        ("division", "of those who name none"),
    ])
    .takes_bytes("the file's bytes")
    .tells_one_of(&[Described::of::<Imported>, Described::of::<FileImported>]),
    Route::get("day", "/api/v1/competitions/{c}/bundle", |ask| {
        Box::pin(exchange::bundle(ask))
    })
    .what("Everything about the event in one file: what a day offline needs.")
    .need(Sync)
    .limit(Limit::Whole)
    .gives("application/octet-stream"),
    Route::get("pull", "/api/v1/sync/pull", |ask| {
        Box::pin(exchange::pull(ask))
    })
    .what("Entries about scores since a cursor, at most 500.")
    .need(ScoresRead)
    .query(&[
        (
            "since",
            "the cursor of the last pull; empty: from the beginning",
        ),
        ("limit", "1 to 500"),
    ])
    .limit(Limit::One)
    .tells::<stream::NewsTold<'_>>(),
    Route::post("push", "/api/v1/sync/push", |ask| {
        Box::pin(exchange::push(ask))
    })
    .what("Takes signed entries in as a bundle in base64; what is known changes nothing.")
    .need(Sync)
    .limit(Limit::One)
    .file()
    .takes::<exchange::Push>()
    .tells::<exchange::Pushed>(),
    Route::post("blobCreate", "/api/v1/blobs", |ask| {
        Box::pin(blobs::create(ask))
    })
    .what(
        "Begins to take in a picture or clip that the event names, or says how far it is: `here` is \
               where the next part belongs.",
    )
    .need(IncidentsWrite)
    .limit(Limit::One)
    .takes::<blobs::NewBlob>()
    .tells::<blobs::BlobTold>(),
    Route::new(
        "blobPart",
        Verb::Put,
        "/api/v1/blobs/{hash}/part",
        |ask| Box::pin(blobs::part(ask)),
    )
    .what("Takes a part in, whole or not at all, behind those that came.")
    .need(IncidentsWrite)
    .limit(Limit::Part)
    .part()
    .query(&[("at", "the place of its first byte"), BLOB_BYTES])
    .takes_bytes("the part's bytes")
    .tells::<blobs::BlobTold>(),
    Route::post("blobComplete", "/api/v1/blobs/{hash}/complete", |ask| {
        Box::pin(blobs::complete(ask))
    })
    .what("Checks what came, and shows it if it is what was named.")
    .need(IncidentsWrite)
    .limit(Limit::One)
    .query(&[BLOB_BYTES])
    .tells::<blobs::BlobTold>(),
    Route::get("blob", "/api/v1/blobs/{hash}", |ask| {
        Box::pin(blobs::read(ask))
    })
    .what(
        "A picture or clip, or with `Range` some bytes of it (206). Media of reports are for scope \
               incidents-read.",
    )
    .public()
    .headers(&[
        TAG,
        ("Range", "one span of bytes, `bytes=FROM-TO`"),
        ("If-Range", "the ETag of which the client has a part"),
    ])
    .also(&[SAME, ("206", "the span of bytes that was asked for")])
    .gives("image/*, video/*"),
];
