//! What is told of incidents, records and conflicts.
//!
//! Layer: node, local.

use std::collections::BTreeMap;

use tallyline_proto::model::{
    Body, Derive, FieldNo, Incident, JuryDecision, Kind, KindNo, PlaceNo, Policy, Report, RuleNo,
    Ruling, Sealed, Text, Value, Writers,
};
use tallyline_proto::replica::{
    GroupView, IncidentView, Noted, Opened, Replica, Reviewed, Saying, VersionsView,
};
use tallyline_proto::rules::{
    incidents::{Bench, Choice, Why},
    records::{RecordState, State},
};

use super::super::protocol::{
    AlertInfo, ConflictInfo, Conflicts, DecisionInfo, FieldInfo, IncidentGroup, IncidentInfo,
    KindInfo, Kinds, NotedInfo, OtherInfo, PlaceInfo, Problem, RecordInfo, ReportInfo, RulingInfo,
    RulingWord, ValueInfo, VersionInfo,
};
use super::super::{convert, media, names, record_text::centis_text};
use super::values;

/// Tells everything that needs a person.
pub(in crate::local) fn conflicts(replica: &mut Replica) -> Result<Conflicts, Problem> {
    if replica.event().is_none() {
        return Err(names::no_event());
    }
    let found = replica.conflicts();
    let kinds = replica.kinds();
    let records = found.records.iter().map(|it| record_conflict(kinds, it));
    let mut conflicts: Vec<ConflictInfo> = records.collect();
    conflicts.extend(found.reviews.iter().map(|it| review(replica, it)));
    conflicts.extend(found.slots.iter().map(|slot| ConflictInfo {
        what: "slot".to_owned(),
        name: slot.entry.to_string(),
        drill: Some(slot.drill.0),
        shooter: Some(slot.shooter.0),
        kind: None,
        text: format!(
            "Stage {}, shooter {}: several entries say different things; void all but one.",
            slot.drill, slot.shooter
        ),
        entries: Vec::new(),
        said: Vec::new(),
    }));
    let alerts = found.alerts.iter().map(|it| AlertInfo {
        from_unix_ms: it.from_ms,
        to_unix_ms: it.to_ms,
        items: u64::try_from(it.items).unwrap_or(u64::MAX),
    });
    Ok(Conflicts {
        schema: "tallyline.conflicts/1".to_owned(),
        conflicts,
        waiting: u64::try_from(found.waiting.len()).unwrap_or(u64::MAX),
        alerts: alerts.collect(),
    })
}

/// Tells the kinds of records of the event.
pub(in crate::local) fn kinds(replica: &Replica) -> Kinds {
    let all = replica.kinds();
    Kinds {
        schema: "tallyline.kinds/1".to_owned(),
        kinds: all.iter().map(|it| kind(all, it)).collect(),
    }
}

/// Tells the places of the event.
pub(in crate::local) fn places(replica: &Replica) -> Vec<PlaceInfo> {
    let Some(roster) = replica.roster() else {
        return Vec::new();
    };
    let places = roster.structure().places.iter();
    let places = places.map(|it| PlaceInfo {
        place: it.no.0,
        name: it.name.clone(),
    });
    places.collect()
}

fn record_conflict(kinds: &[Kind], view: &VersionsView) -> ConflictInfo {
    let record = &view.record;
    let kind = kind_name(kinds, record.kind);
    let (what, entries, text) = if record.doubled.is_empty() {
        (
            "ask",
            &record.asks,
            format!(
                "{kind}: versions that knew nothing of each other; look at them, then write what \
                 holds with `tallyline record set {kind}`."
            ),
        )
    } else {
        (
            "possible-double",
            &record.doubled,
            format!(
                "POSSIBLE DOUBLE {}: recorded {} times for one and the same; look at them, then \
                 write what holds with `tallyline record set {kind}`.",
                kind.to_uppercase(),
                record.doubled.len()
            ),
        )
    };
    let differ = view.noted.iter().filter(|it| entries.contains(&it.entry));
    ConflictInfo {
        what: what.to_owned(),
        name: record.key.to_string(),
        drill: None,
        shooter: None,
        kind: Some(kind),
        text,
        entries: differ.map(noted).collect(),
        said: Vec::new(),
    }
}

fn review(replica: &Replica, reviewed: &Reviewed) -> ConflictInfo {
    let incident = reviewed.review.incident;
    let (what, text) = match reviewed.review.why {
        Why::OtherIncident => (
            "same-id",
            format!(
                "E19 incident {incident} exists with other data: void the entry that is wrong."
            ),
        ),
        Why::OtherReport(report) => (
            "same-id",
            format!("E19 report {report} exists with other data: void the entry that is wrong."),
        ),
        Why::Decisions => (
            "decisions",
            format!(
                "Decisions differ: the owner or the jury decides with `tallyline decide {incident}`."
            ),
        ),
    };
    ConflictInfo {
        what: what.to_owned(),
        name: incident.to_string(),
        drill: None,
        shooter: None,
        kind: None,
        text,
        entries: reviewed.noted.iter().map(noted).collect(),
        said: reviewed.says.iter().map(|it| words(replica, it)).collect(),
    }
}

/// Tells in words what an entry about an incident says.
fn words(replica: &Replica, body: &Body) -> String {
    let seen = |says: Option<&Text>| match text(replica, says) {
        (Some(text), _) => format!(": {text}"),
        (None, true) => ": (sealed)".to_owned(),
        (None, false) => String::new(),
    };
    let rule = |rule: Option<RuleNo>| rule.map_or_else(String::new, |it| format!(", rule {it}"));
    if let Body::Incident(it) = body {
        let place = place_name(replica, it.place);
        let (rule, seen) = (rule(it.rule), seen(it.text.as_ref()));
        format!("race {}, bib {}, {place}{rule}{seen}", it.race, it.bib)
    } else if let Body::Report(it) = body {
        let (files, seen) = (it.media.len(), seen(it.text.as_ref()));
        format!("of incident {}, {files} files{seen}", it.incident)
    } else if let Body::JuryDecision(it) = body {
        let ruling = match it.ruling {
            Ruling::None => "no consequence".to_owned(),
            Ruling::Warning => "warning".to_owned(),
            Ruling::Time(centis) => format!("+{} s", centis_text(centis)),
            Ruling::Dsq => "DSQ".to_owned(),
        };
        format!("{ruling}{}", rule(it.rule))
    } else {
        String::new()
    }
}

fn place_name(replica: &Replica, no: PlaceNo) -> String {
    let place = replica.roster().and_then(|it| it.place(no));
    place.map_or_else(String::new, |it| it.name.clone())
}

/// Tells one group of incidents.
pub(super) fn group(replica: &Replica, view: &GroupView) -> IncidentGroup {
    let roster = replica.roster();
    let bib = roster.and_then(|it| it.shooter(view.bib));
    let (state, ruling) = match &view.choice {
        Choice::Open => ("open", None),
        Choice::Differing { .. } => ("differing", None),
        Choice::Settled {
            entry,
            ruling,
            rule,
            by,
        } => {
            let (word, time_cs) = self::ruling(*ruling);
            let by = match by {
                Bench::Owner => "owner",
                Bench::Jury => "jury",
                Bench::Official => "official",
            };
            let info = RulingInfo {
                ruling: word,
                time_cs,
                rule: rule.map(|it| it.0),
                by: by.to_owned(),
                entry: entry.to_string(),
            };
            ("settled", Some(info))
        }
    };
    IncidentGroup {
        group: view.id.to_string(),
        race: view.race.0,
        bib: view.bib.0,
        bib_label: bib.map_or_else(String::new, |it| it.label.clone()),
        place: view.place.0,
        place_name: place_name(replica, view.place),
        at_unix_ms: view.at_unix_ms,
        state: state.to_owned(),
        ruling,
        incidents: view
            .incidents
            .iter()
            .map(|it| incident(replica, it))
            .collect(),
    }
}

fn incident(replica: &Replica, view: &IncidentView) -> IncidentInfo {
    let says = &view.first.says;
    let (text, sealed) = text(replica, says.text.as_ref());
    let others = view.others.iter().map(|it| other(replica, it));
    IncidentInfo {
        incident: says.id.to_string(),
        noted: noted(&view.first.noted),
        happened_unix_ms: view.at_unix_ms,
        rule: says.rule.map(|it| it.0),
        text,
        sealed,
        again: view.again.iter().map(ToString::to_string).collect(),
        others: others.collect(),
        reports: view.reports.iter().map(|it| report(replica, it)).collect(),
        decisions: view.decisions.iter().map(decision).collect(),
    }
}

fn other(replica: &Replica, saying: &Saying<Incident>) -> OtherInfo {
    let says = &saying.says;
    let (text, sealed) = text(replica, says.text.as_ref());
    OtherInfo {
        noted: noted(&saying.noted),
        race: says.race.0,
        bib: says.bib.0,
        place: says.place.0,
        place_name: place_name(replica, says.place),
        rule: says.rule.map(|it| it.0),
        text,
        sealed,
    }
}

fn report(replica: &Replica, saying: &Saying<Report>) -> ReportInfo {
    let says = &saying.says;
    let (text, sealed) = text(replica, says.text.as_ref());
    let media = says.media.iter().map(media::info);
    ReportInfo {
        report: says.id.to_string(),
        noted: noted(&saying.noted),
        text,
        sealed,
        media: media.collect(),
    }
}

fn decision(saying: &Saying<JuryDecision>) -> DecisionInfo {
    let says = &saying.says;
    let (ruling, time_cs) = ruling(says.ruling);
    DecisionInfo {
        noted: noted(&saying.noted),
        ruling,
        time_cs,
        rule: says.rule.map(|it| it.0),
        note: says.note.clone(),
    }
}

fn noted(noted: &Noted) -> NotedInfo {
    NotedInfo {
        entry: noted.entry.to_string(),
        label: noted.label.clone(),
        key: noted.author.fingerprint(),
        at_unix_ms: noted.at_unix_ms,
        copies: noted.copies,
        in_cloud: noted.in_cloud,
    }
}

/// Tells a text as far as this device reads it, and whether it is sealed.
fn text(replica: &Replica, text: Option<&Text>) -> (Option<String>, bool) {
    match text {
        None => (None, false),
        Some(Text::Plain(text)) => (Some(text.clone()), false),
        Some(Text::Sealed(sealed)) => (opened(replica, sealed), true),
    }
}

fn opened(replica: &Replica, sealed: &Sealed) -> Option<String> {
    match replica.open_text(sealed) {
        Opened::Text(text) => Some(text),
        Opened::Erased => Some("[erased]".to_owned()),
        Opened::NotForThisDevice | Opened::KeyMissing | Opened::Broken => None,
    }
}

fn ruling(ruling: Ruling) -> (RulingWord, u32) {
    match ruling {
        Ruling::None => (RulingWord::None, 0),
        Ruling::Warning => (RulingWord::Warning, 0),
        Ruling::Time(centis) => (RulingWord::Time, centis),
        Ruling::Dsq => (RulingWord::Dsq, 0),
    }
}

/// Tells one kind of record.
pub(super) fn kind(all: &[Kind], kind: &Kind) -> KindInfo {
    let (policy, statuses) = match &kind.policy {
        Policy::Append => ("append", Vec::new()),
        Policy::FieldLevel => ("field-level", Vec::new()),
        Policy::LastWrite => ("last-write", Vec::new()),
        Policy::CreateWins => ("create-wins", Vec::new()),
        Policy::Derived(Derive::Sum { .. } | Derive::Count { .. }) => ("derived", Vec::new()),
        Policy::Escalation(statuses) => ("escalation", statuses.clone()),
        Policy::Ask => ("ask", Vec::new()),
    };
    let writers = match kind.writers {
        Writers::Members => "members",
        Writers::Owner => "owner",
        Writers::Nobody => "nobody",
    };
    let fields = kind.fields.iter().map(|it| FieldInfo {
        field: it.no.0,
        name: it.name.clone(),
        sealed: it.sealed,
    });
    let unique = kind.unique.iter();
    KindInfo {
        kind: kind.no.0,
        name: kind.name.clone(),
        on: kind.parents.iter().map(|no| kind_name(all, *no)).collect(),
        policy: policy.to_owned(),
        statuses,
        writers: writers.to_owned(),
        readers: convert::role_names(kind.readers),
        fields: fields.collect(),
        unique: unique.map(|no| field_name(kind, *no)).collect(),
    }
}

/// Tells one record.
pub(super) fn record(replica: &Replica, kind: &Kind, view: &VersionsView) -> RecordInfo {
    let all = replica.kinds();
    let record = &view.record;
    let waits_for = match &record.state {
        State::Applied => Vec::new(),
        State::Waiting(waits) => waits
            .iter()
            .map(|(no, key)| format!("{} {key}", kind_name(all, *no)))
            .collect(),
    };
    let fields = record.fields.iter();
    let versions = record.versions.iter().zip(&view.noted);
    RecordInfo {
        key: record.key.to_string(),
        on: record.parents.iter().map(ToString::to_string).collect(),
        state: state(record).to_owned(),
        waits_for,
        fields: fields
            .map(|(no, shown)| (field_name(kind, *no), value(replica, &shown.value)))
            .collect(),
        counter: record.counter,
        versions: versions
            .map(|(version, by)| VersionInfo {
                noted: noted(by),
                counter: version.says.counter,
                creates: version.says.creates,
                gone: version.says.gone,
                shown: version.shown,
                fields: said(replica, kind, &version.says.fields),
            })
            .collect(),
        asks: record.asks.iter().map(ToString::to_string).collect(),
        doubled: record.doubled.iter().map(ToString::to_string).collect(),
    }
}

fn state(record: &RecordState) -> &'static str {
    if !record.doubled.is_empty() {
        "possible-double"
    } else if !record.asks.is_empty() {
        "ask"
    } else if !record.applied() {
        "waiting"
    } else if record.gone {
        "gone"
    } else {
        "applied"
    }
}

fn said(
    replica: &Replica,
    kind: &Kind,
    fields: &[(FieldNo, Value)],
) -> BTreeMap<String, ValueInfo> {
    fields
        .iter()
        .map(|(no, it)| (field_name(kind, *no), value(replica, it)))
        .collect()
}

fn value(replica: &Replica, value: &Value) -> ValueInfo {
    match value {
        Value::Sealed(sealed) => ValueInfo {
            value: opened(replica, sealed).map(serde_json::Value::from),
            sealed: true,
        },
        Value::Text(_) | Value::Number(_) => ValueInfo {
            value: values::json(value),
            sealed: false,
        },
    }
}

fn field_name(kind: &Kind, no: FieldNo) -> String {
    let field = kind.fields.iter().find(|it| it.no == no);
    field.map_or_else(|| no.to_string(), |it| it.name.clone())
}

fn kind_name(all: &[Kind], no: KindNo) -> String {
    let kind = all.iter().find(|it| it.no == no);
    kind.map_or_else(|| no.to_string(), |it| it.name.clone())
}
