//! The answers of reading verbs, from a replica's views: the same code answers for a running node
//! and for a store that is read while no node runs.
//!
//! Looking happens inside the driver's loop and is short: what counts and who stands where is kept by
//! the replica, and renewed by what changed. What takes longer (tables in words, writing JSON) happens
//! on what was seen, outside of the loop. Layer: node, local.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tallyline_keys::PublicKey;
use tallyline_proto::model::{Body, DrillNo, Roles, Rule, RuleKind, Shooter, ShooterNo, Structure};
use tallyline_proto::replica::{
    DeviceView, EntryFilter, EntryView, GrantView, HeadView, LogView, Now, Phase, Replica,
};
use tallyline_proto::rules::{Roster, Scorebook, Standings, Verdict};

use super::clerk::Alarm;
use super::protocol::{
    Answer, CardInfo, Cards, ChaseInfo, Chased, CloudData, DeviceInfo, Devices, DrillInfo, Entries,
    EntriesQuery, EntryInfo, EventClose, EventInfo, Events, Exported, GrantInfo, Grants,
    LinkStatus, LogStatus, NodeInfo, Problem, Readings, Refused, Request, RosterAdd, RuleInfo,
    StandingsQuery, StatusData, Totals, Verified, WireBytes, codes, exits,
};
use super::{
    beyond, claims, convert, enrol, exchange, health, media, names, participants, report, said,
    standings, statement, vitals, words,
};
use crate::beside::Beside;
use crate::figures::Figures;
use crate::media::Media;
use crate::root::hex;

/// What the answers need besides the replica.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// Who answers; phase and event are filled in from the replica.
    pub(super) node: NodeInfo,
    /// The connections; labels are filled in from the replica.
    pub(super) links: Vec<LinkStatus>,
    /// `none`, `cloud` or `all`.
    pub(super) paused: &'static str,
    /// Bytes since the start.
    pub(super) wire: WireBytes,
    /// Why the disk takes nothing, if the last commit failed.
    pub(super) trouble: Option<String>,
    /// Damaged stores that were moved aside, by name.
    pub(super) damaged: Vec<String>,
    /// The cloud that entries are carried to.
    pub(super) cloud: Option<CloudData>,
    /// The root.
    pub(super) dir: PathBuf,
    /// Keys that two devices use at the same time.
    pub(super) alarms: Vec<Alarm>,
    /// The files beside the store.
    pub(super) beside: Beside,
    /// Pictures and clips.
    pub(super) media: Media,
    /// What the node counts.
    pub(super) figures: Figures,
}

/// What was seen in the loop, to be answered outside of it.
pub(super) enum Seen {
    Answer(Box<dyn FnOnce() -> Answer + Send>),
    Standings(Box<Source>),
}

/// What standings are computed from.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) roster: Roster,
    pub(super) book: Arc<Scorebook>,
    pub(super) standings: Arc<Standings>,
    pub(super) state_digest: [u8; 32],
    pub(super) heads: Vec<HeadView>,
    pub(super) query: StandingsQuery,
}

impl Seen {
    fn of<T: serde::Serialize + Send + 'static>(data: T) -> Self {
        Self::Answer(Box::new(move || Answer::ok(&data)))
    }

    fn report(seen: report::Seen) -> Self {
        Self::Answer(Box::new(move || report::answer(&seen)))
    }

    /// Makes the answer of what was seen.
    pub(super) fn answer(self) -> Answer {
        match self {
            Self::Answer(make) => make(),
            Self::Standings(source) => match standings::compute(&source) {
                Ok(data) => Answer::ok(&data),
                Err(problem) => Answer::Error(problem),
            },
        }
    }
}

/// Looks at the replica for a reading verb; `None` if the verb writes.
#[expect(clippy::too_many_lines, reason = "one line for each verb")]
pub(super) fn look(
    replica: &mut Replica,
    now: Now,
    request: &Request,
    around: Around,
) -> Option<Result<Seen, Problem>> {
    Some(match request {
        Request::Node(_) => Ok(Seen::of(node(replica, around.node))),
        Request::EventShow(_) => event(replica).map(|mut it| {
            let pictures = it.drills.iter_mut().flat_map(|drill| &mut drill.pictures);
            pictures.for_each(|it| media::fill(it, &around.media));
            Seen::of(it)
        }),
        Request::EventList(_) => Ok(Seen::of(Events::of(
            replica
                .event()
                .map(|(event, manifest)| (manifest.name.clone(), event)),
        ))),
        Request::Devices(_) => Ok(Seen::of(Devices {
            schema: "tallyline.devices/1".to_owned(),
            devices: replica
                .devices(now)
                .iter()
                .map(|it| device(replica, it))
                .collect(),
        })),
        Request::Grants(_) => Ok(Seen::of(grants(replica))),
        Request::Claims(_) => Ok(Seen::of(claims::claims(replica, now))),
        Request::ParticipantList(_) => Ok(Seen::of(participants::list(replica))),
        Request::ParticipantShow(query) => participants::show(replica, query).map(Seen::of),
        Request::ScoreList(query) => entries(replica, now, query, Versions::Standing).map(Seen::of),
        Request::ScoreHistory(query) => entries(replica, now, query, Versions::All).map(Seen::of),
        Request::Incidents(query) => beyond::incidents(replica, query).map(|mut it| {
            media::of_groups(&mut it.groups).for_each(|it| media::fill(it, &around.media));
            Seen::of(it)
        }),
        Request::MediaList(_) => Ok(Seen::of(media::list(replica, &around.media))),
        Request::Records(query) => beyond::records(replica, query).map(Seen::of),
        Request::RecordKinds(_) => Ok(Seen::of(beyond::kinds(replica))),
        Request::Conflicts(_) => beyond::conflicts(replica).map(Seen::of),
        Request::Standings(query) => source(replica, query.clone()),
        Request::Report(query) => {
            report::look(replica, now, query.clone(), around.beside).map(Seen::report)
        }
        Request::Status(_) => Ok(Seen::of(status(replica, now, around))),
        Request::Vitals(_) => Ok(Seen::of(vitals::vitals(replica, now, &around))),
        Request::EventReady(_) => Ok(Seen::of(vitals::ready(replica, &around.media))),
        Request::Verify(_) => Ok(Seen::of(verify(replica))),
        Request::Export(_) => export(replica),
        Request::FileExport(wanted) => exchange::export(replica, *wanted).map(Seen::Answer),
        Request::Enrolment(_) => Ok(Seen::of(enrol::info(replica, &around.node.label))),
        Request::Adoptable(adopt) => statement::adoptable(replica, now, adopt)
            .map(listed)
            .map(Seen::of),
        Request::EventChase(close) => chased(replica, now, close).map(Seen::of),
        Request::EventStatements(query) => said::statements(replica, now, *query).map(Seen::of),
        Request::Why(query) => said::why(replica, now, query).map(Seen::of),
        Request::CardsList(_) => Ok(Seen::of(cards(replica, now))),
        Request::EventCreate(_)
        | Request::EventLock(_)
        | Request::Invite(_)
        | Request::Join(_)
        | Request::Admit(_)
        | Request::Grant(_)
        | Request::Handover(_)
        | Request::Claim(_)
        | Request::ClaimRelease(_)
        | Request::Revoke(_)
        | Request::Consent(_)
        | Request::Transfer(_)
        | Request::Recover(_)
        | Request::Adopt(_)
        | Request::EventAmend(_)
        | Request::EventLastCall(_)
        | Request::EventClose(_)
        | Request::CardsSpare(_)
        | Request::CardsRevoke(_)
        | Request::RosterAdd(_)
        | Request::RosterEdit(_)
        | Request::ParticipantErase(_)
        | Request::ScoreAdd(_)
        | Request::ScoreVoid(_)
        | Request::ScoreMove(_)
        | Request::IncidentAdd(_)
        | Request::IncidentReport(_)
        | Request::MediaAdd(_)
        | Request::MediaGet(_)
        | Request::Decide(_)
        | Request::RecordAdd(_)
        | Request::RecordSet(_)
        | Request::Approve(_)
        | Request::EventPhase(_)
        | Request::Import(_)
        // It opens a file, which the loop does not wait for.
        | Request::FilePreview(_)
        | Request::FileImport(_)
        | Request::SyncPause(_)
        | Request::SyncResume(_)
        | Request::SyncNow(_)
        | Request::CloudRebuild(_)
        | Request::InviteCancel(_)
        | Request::InviteDevice(_)
        | Request::JoinOffer(_)
        | Request::PairDevice(_)
        | Request::PairOwner(_)
        | Request::PairConfirm(_)
        // Only a running node knows these; its clerk answers them.
        | Request::Health(_)
        | Request::Security(_)
        | Request::Stop(_) => return None,
    })
}

fn node(replica: &Replica, mut node: NodeInfo) -> NodeInfo {
    phase_name(replica.phase()).clone_into(&mut node.phase);
    node.event = replica.event().map(|(id, _)| id.uuid().to_string());
    node
}

fn event(replica: &Replica) -> Result<EventInfo, Problem> {
    let (Some((id, manifest)), Some(roster)) = (replica.event(), replica.roster()) else {
        return Err(names::no_event());
    };
    let structure = roster.structure();
    Ok(EventInfo {
        schema: "tallyline.event/1".to_owned(),
        event: id.uuid().to_string(),
        event_id: hex(&id.0.0),
        name: manifest.name.clone(),
        level: structure.level.clone(),
        owner: replica.owner().unwrap_or(manifest.owner).fingerprint(),
        cloud: manifest.cloud.iter().map(PublicKey::fingerprint).collect(),
        ruleset: structure.ruleset.discipline.name().to_owned(),
        locked: roster.locked(),
        phase: report::phase(roster),
        closed_unix_ms: replica.event_end().closed_unix_ms,
        zone_min: structure.zone_min,
        revision: roster.revision(),
        divisions: structure
            .divisions
            .iter()
            .map(|it| it.name.clone())
            .collect(),
        squads: roster.squads().iter().map(|it| it.0).collect(),
        drills: structure.drills.iter().map(drill).collect(),
        shooters: structure
            .shooters
            .iter()
            .map(|it| shooter(structure, it))
            .collect(),
        rules: structure.rules.iter().map(rule).collect(),
        places: beyond::places(replica),
        kinds: beyond::kinds(replica).kinds,
    })
}

fn drill(drill: &tallyline_proto::model::Drill) -> DrillInfo {
    DrillInfo {
        drill: drill.no.0,
        name: drill.name.clone(),
        method: drill.method.name().to_owned(),
        strings: drill.strings,
        required_hits: drill.required_hits.clone(),
        steel: drill.steel,
        pictures: drill.terms.pictures.iter().map(media::info).collect(),
    }
}

fn shooter(structure: &Structure, shooter: &Shooter) -> RosterAdd {
    RosterAdd {
        shooter: Some(shooter.no.0),
        label: shooter.label.clone(),
        division: structure
            .divisions
            .get(shooter.division)
            .map_or_else(String::new, |division| division.name.clone()),
        power_factor: convert::power(shooter.power_factor),
        squad: shooter.squad.0,
        categories: shooter.categories.clone(),
        member: shooter.entrant.member.clone(),
        class: shooter.entrant.class.clone(),
        team: shooter.entrant.team.clone(),
    }
}

pub(super) fn rule(rule: &Rule) -> RuleInfo {
    RuleInfo {
        rule: rule.no.0,
        kind: match rule.kind {
            RuleKind::Procedural => "procedural",
            RuleKind::Dq => "dq",
            RuleKind::Dnf => "dnf",
            RuleKind::Warning => "warning",
        }
        .to_owned(),
        text: rule.text.clone(),
        code: rule.code.clone(),
    }
}

fn device(replica: &Replica, view: &DeviceView) -> DeviceInfo {
    DeviceInfo {
        words: replica.join_words(&view.key).map(enrol::spoken),
        label: view.label.clone(),
        key: view.key.fingerprint(),
        roles: convert::role_names(view.roles),
        this: view.this,
        connected: view.connected,
        last_heard_ms: view.last_heard_ms,
        clock_ahead_ms: view.clock_ahead_ms,
        revoked: view.revoked.map(convert::revoke_why),
    }
}

fn grants(replica: &Replica) -> Grants {
    Grants {
        schema: "tallyline.grants/1".to_owned(),
        grants: {
            let zone_min = claims::zone_min(replica);
            let grants = replica.grants().into_iter();
            grants.map(|it| grant(it, zone_min)).collect()
        },
    }
}

/// Tells one grant of an event in a time zone.
pub(super) fn grant(view: GrantView, zone_min: i32) -> GrantInfo {
    GrantInfo {
        grant: view.id.uuid().to_string(),
        label: view.label,
        key: view.key.fingerprint(),
        drills: view
            .cells
            .drills
            .map(|all| all.iter().map(|it| it.0).collect()),
        squads: view
            .cells
            .squads
            .map(|all| all.iter().map(|it| it.0).collect()),
        depth: view.depth,
        closed: view.closed.map(convert::close_why),
        lent: view.lent.map(|it| claims::lent(it, zone_min)),
    }
}

fn chased(replica: &Replica, now: Now, close: &EventClose) -> Result<Chased, Problem> {
    if replica.event().is_none() {
        return Err(names::no_event());
    }
    let lost = statement::lost(replica, now, close)?;
    let chased = replica.chased(&lost).into_iter().map(|it| ChaseInfo {
        label: it.label,
        key: it.key.fingerprint(),
        what: it.what,
    });
    Ok(Chased {
        schema: "tallyline.chased/1".to_owned(),
        called: replica.event_end().called_unix_ms.is_some(),
        chased: chased.collect(),
    })
}

fn cards(replica: &Replica, now: Now) -> Cards {
    let devices = replica.devices(now);
    let spare = devices.iter().filter(|it| it.roles.contains(Roles::SPARE));
    let cards = spare.map(|it| CardInfo {
        label: it.label.clone(),
        key: it.key.fingerprint(),
        state: statement::card_state(it).to_owned(),
    });
    Cards {
        schema: "tallyline.cards/1".to_owned(),
        cards: cards.collect(),
    }
}

/// Which versions of scores are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    Standing,
    All,
}

fn entries(
    replica: &mut Replica,
    now: Now,
    query: &EntriesQuery,
    versions: Versions,
) -> Result<Entries, Problem> {
    if replica.event().is_none() {
        return Err(names::no_event());
    }
    let filter = EntryFilter {
        drill: query.drill.map(DrillNo),
        shooter: query.shooter.map(ShooterNo),
        author: query
            .device
            .as_ref()
            .map(|name| names::device(replica, now, name))
            .transpose()?,
        entry: query
            .entry
            .as_ref()
            .map(|name| names::entry(replica, name))
            .transpose()?,
    };
    let mut views = replica.entries(&filter);
    if versions == Versions::All {
        add_voids(replica, &mut views);
    }
    views.retain(|view| match versions {
        Versions::Standing => stands(view),
        Versions::All => is_about_scores(&view.body),
    });
    Ok(listed(views))
}

/// Lists entries in the order of drill, shooter and time.
fn listed(mut views: Vec<EntryView>) -> Entries {
    let place = |view: &EntryView| {
        let (drill, shooter) = convert::place(&view.body);
        (drill, shooter, view.at_unix_ms, view.log, view.seq)
    };
    views.sort_by_cached_key(place);
    Entries {
        schema: "tallyline.entries/1".to_owned(),
        entries: views.iter().map(entry).collect(),
    }
}

/// Adds the voids of the entries that were found: a filter for a cell may not know them.
fn add_voids(replica: &mut Replica, views: &mut Vec<EntryView>) {
    let mut missing: Vec<_> = views
        .iter()
        .filter_map(|view| match view.verdict {
            Verdict::Voided(void) => Some(void),
            Verdict::Counted
            | Verdict::CountedLate
            | Verdict::Duplicate(_)
            | Verdict::LowerAttempt(_)
            | Verdict::NeedsDecision(_)
            | Verdict::LateBeaten(_)
            | Verdict::Quarantined
            | Verdict::Unassigned
            | Verdict::Rejected
            | Verdict::Disputed
            | Verdict::Unfit(_)
            | Verdict::Waiting
            | Verdict::Statement
            | Verdict::Unknown => None,
        })
        .filter(|void| !views.iter().any(|view| view.id == *void))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    for void in missing {
        views.extend(replica.entries(&EntryFilter {
            entry: Some(void),
            ..EntryFilter::default()
        }));
    }
}

/// Returns whether an entry has to do with scores: statements, incidents and records have lists of
/// their own.
pub(super) fn is_about_scores(body: &Body) -> bool {
    !matches!(
        body,
        Body::Statement(_)
            | Body::Incident(_)
            | Body::Report(_)
            | Body::JuryDecision(_)
            | Body::Record(_)
    )
}

/// Returns whether an entry is a record that no void took out.
pub(super) fn stands(view: &EntryView) -> bool {
    let record = view.body.about().is_some();
    record && !matches!(view.verdict, Verdict::Voided(_))
}

/// Tells one entry.
pub(super) fn entry(view: &EntryView) -> EntryInfo {
    let (word, text, other) = words::verdict(view.verdict);
    EntryInfo {
        entry: view.id.to_string(),
        label: view.label.clone(),
        key: view.author.fingerprint(),
        grant: view.log.grant.uuid().to_string(),
        incarnation: format!("{:016x}", view.log.incarnation.0),
        seq: view.seq,
        at_unix_ms: view.at_unix_ms,
        record: convert::record(&view.body),
        void: if let Body::Void(void) = &view.body {
            Some(convert::void(void))
        } else {
            None
        },
        approve: if let Body::Approve(approve) = &view.body {
            Some(convert::approve(approve))
        } else {
            None
        },
        verdict: word.to_owned(),
        verdict_text: text,
        voided_by: other.filter(|_| matches!(view.verdict, Verdict::Voided(_))),
        copies: view.copies,
        in_cloud: view.in_cloud,
    }
}

fn source(replica: &mut Replica, query: StandingsQuery) -> Result<Seen, Problem> {
    let Some(name) = replica.event().map(|(_, manifest)| manifest.name.clone()) else {
        return Err(names::no_event());
    };
    if let Some(division) = query
        .division
        .as_ref()
        .filter(|it| !standings::is_combined(it))
    {
        names::division(replica, division)?;
    }
    let state_digest = replica.state_digest();
    let (book, standings) = (replica.book(), replica.standings());
    let roster = replica.roster().cloned();
    let (Some(book), Some(standings), Some(roster)) = (book, standings, roster) else {
        return Err(Problem::new(
            codes::UPDATE_NEEDED,
            exits::VERSION,
            "update needed: this event is counted by rules that this version does not know; its \
             entries are kept and relayed; install the version the owner uses, then ask again",
        ));
    };
    Ok(Seen::Standings(Box::new(Source {
        name,
        roster,
        book,
        standings,
        state_digest,
        heads: replica.heads(),
        query,
    })))
}

fn verify(replica: &Replica) -> Verified {
    let report = replica.verify();
    Verified {
        schema: "tallyline.verify/1".to_owned(),
        ok: report.problems.is_empty(),
        logs: report.logs,
        entries: report.entries,
        signatures: report.signatures,
        problems: report.problems,
    }
}

fn export(replica: &Replica) -> Result<Seen, Problem> {
    if replica.event().is_none() {
        return Err(names::no_event());
    }
    let bundle = replica.bundle();
    Ok(Seen::Answer(Box::new(move || {
        Answer::ok(&Exported {
            schema: "tallyline.bundle/1".to_owned(),
            bundle: hex(&bundle),
        })
    })))
}

#[expect(clippy::too_many_lines, reason = "every line of a status")]
fn status(replica: &mut Replica, now: Now, around: Around) -> StatusData {
    let devices = replica.devices(now);
    let logs = replica.logs();
    let totals = totals(replica, &logs);
    let (light, summary) = match &around.trouble {
        Some(reason) => ("trouble", words::not_saving(reason)),
        None if totals.entries == 0 && !around.damaged.is_empty() => {
            ("trouble", words::damaged(&around.damaged))
        }
        None => words::light(&logs, &totals),
    };
    let end = replica.event_end();
    let mut remarks = words::remarks(&logs, &totals);
    let enrolment = replica.enrolment();
    remarks.extend(
        enrolment
            .join_end
            .map(|end| enrol::end_text(end).to_owned()),
    );
    if let Some(words) = enrolment.words {
        let words = enrol::spoken(words);
        remarks.push(format!(
            "The words of this device's join: {words}. The owner's screen shows the same."
        ));
    }
    remarks.extend(words::need_a_person(&replica.conflicts()));
    remarks.extend(health::remarks(
        replica,
        now,
        &around.alarms,
        around.cloud.as_ref(),
    ));
    remarks.extend(media::remark(replica, &around.media));
    let fault = around.beside.fault();
    remarks.extend(fault.map(|why| {
        format!("The score log cannot be written: {why}. Scores are saved all the same.")
    }));
    if 0 < totals.entries && !around.damaged.is_empty() {
        remarks.push(words::damaged(&around.damaged));
    }
    let labels: BTreeMap<String, &str> = devices
        .iter()
        .map(|it| (it.key.fingerprint(), it.label.as_str()))
        .collect();
    let mut links = around.links;
    for link in &mut links {
        link.label = labels.get(&link.key).map(|label| (*label).to_owned());
    }
    StatusData {
        schema: "tallyline.status/1".to_owned(),
        node: node(replica, around.node),
        name: replica.event().map(|(_, manifest)| manifest.name.clone()),
        locked: replica.roster().is_some_and(Roster::locked),
        owner: owner_label(replica, &devices),
        called_unix_ms: end.called_unix_ms,
        closed_unix_ms: end.closed_unix_ms,
        light: light.to_owned(),
        summary,
        remarks,
        totals,
        readings: readings(replica),
        claims: claims::claims(replica, now).claims,
        logs: logs.iter().map(|it| log(it, &devices)).collect(),
        devices: devices.iter().map(|it| device(replica, it)).collect(),
        links,
        paused: around.paused.to_owned(),
        cloud: around.cloud,
        score_log: around.beside.score_log(),
        last_sync: vitals::last_sync(&devices, &around.beside),
        last_upload_unix_ms: around.beside.last_upload(),
        refused: replica
            .refusals()
            .iter()
            .map(|(reason, count)| Refused {
                reason: reason.name().to_owned(),
                count: *count,
            })
            .collect(),
        wire: around.wire,
        state_digest: hex(&replica.state_digest()),
    }
}

fn owner_label(replica: &Replica, devices: &[DeviceView]) -> Option<String> {
    let owner = replica.owner()?;
    let found = devices.iter().find(|it| it.key == owner);
    Some(found.map_or_else(|| owner.short(), |it| it.label.clone()))
}

fn totals(replica: &mut Replica, logs: &[LogView]) -> Totals {
    let mut totals = Totals::default();
    for log in logs {
        let in_cloud = log.cloud.min(log.height);
        totals.entries = totals.entries.saturating_add(log.height);
        totals.in_cloud = totals.in_cloud.saturating_add(in_cloud);
        let missing = log.head_known.saturating_sub(log.height);
        totals.missing_here = totals.missing_here.saturating_add(missing);
        if log.control {
            totals.control = totals.control.saturating_add(log.height);
            totals.control_in_cloud = totals.control_in_cloud.saturating_add(in_cloud);
        }
    }
    if logs
        .iter()
        .any(|log| 0 < log.height && log.least_copies == 0)
    {
        let entries = replica.entries(&EntryFilter::default());
        let alone = entries.iter().filter(|it| it.copies == 0).count();
        totals.only_here = u64::try_from(alone).unwrap_or(u64::MAX);
    }
    totals
}

fn readings(replica: &mut Replica) -> Readings {
    let Some(book) = replica.book() else {
        return Readings::default();
    };
    let totals = book.totals();
    let undecided = book.undecided().len();
    Readings {
        counted: u64::from(totals.counted).saturating_add(u64::from(totals.counted_late)),
        late: u64::from(totals.counted_late).saturating_add(u64::from(totals.late_beaten)),
        quarantined: u64::from(totals.quarantined),
        unassigned: u64::from(totals.unassigned),
        rejected: u64::from(totals.rejected),
        disputed: u64::from(totals.disputed),
        voided: u64::from(totals.voided),
        undecided: u64::try_from(undecided).unwrap_or(u64::MAX),
        unknown: u64::from(totals.unknown),
    }
}

fn log(view: &LogView, devices: &[DeviceView]) -> LogStatus {
    LogStatus {
        label: view.label.clone(),
        key: view.author.fingerprint(),
        grant: view.name.grant.uuid().to_string(),
        incarnation: format!("{:016x}", view.name.incarnation.0),
        partition: words::partition(view),
        control: view.control,
        open: view.open,
        height: view.height,
        head_known: view.head_known,
        copies: view.copies,
        least_copies: view.least_copies,
        cloud: view.cloud,
        forked: view.forked,
        common: view.common,
        last_heard_ms: devices
            .iter()
            .find(|it| it.key == view.author)
            .and_then(|it| if it.this { Some(0) } else { it.last_heard_ms }),
        text: words::log(view),
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Blank => "blank",
        Phase::Joining => "joining",
        Phase::Member => "member",
    }
}
