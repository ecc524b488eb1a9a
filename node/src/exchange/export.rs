//! An event as a match file.
//!
//! Layer: node, exchange.

use std::collections::BTreeMap;

use tallyline_proto::model::{
    Body, Discipline, Drill, DrillNo, EntryId, Method, NoShoots, PowerFactor, Shooter, ShooterNo,
    StatusKind, Sum, VoidReason,
};
use tallyline_proto::replica::EntryView;
use tallyline_proto::rules::scorebook::OutKind;
use tallyline_proto::rules::scoring::points_max;
use tallyline_proto::rules::{Roster, Scorebook, Verdict};
use uuid::Uuid;

use super::names::{NO_SQUAD, briefing_of, drill_id, names_of, shooter_id};
use super::records::is_said;
use super::scores::{FileRules, origin, version_of};
use crate::files::Date;
use crate::files::match_file::{self as file, ForeignId, MatchFile};

/// An event to be written as a file.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// Its structure as it reads now.
    pub roster: &'a Roster,
    /// What counts.
    pub book: &'a Scorebook,
    /// All entries.
    pub entries: &'a [EntryView],
}

/// Makes a match file of an event: what counts, and below it the older versions.
pub fn match_file_of(event: &Event<'_>) -> MatchFile {
    let structure = event.roster.structure();
    let by_time = structure.ruleset.sum == Sum::Time;
    let rules = FileRules::new(&structure.rules, by_time);
    let (kind, subkind) = kind_of(structure.ruleset.discipline);
    let mut it = MatchFile {
        id: ForeignId::new(&event.id.to_string()),
        name: event.name.to_owned(),
        date: date_of(event.roster),
        level: structure.level.clone(),
        kind: kind.to_owned(),
        subkind: subkind.to_owned(),
        divisions: structure
            .divisions
            .iter()
            .map(|division| file::Division {
                name: division.name.clone(),
                minor_floor: division.minor_floor,
                major_floor: division.major_floor,
            })
            .collect(),
        rules: rules.list(),
        stages: structure
            .drills
            .iter()
            .map(|drill| stage(event, drill))
            .collect(),
        shooters: structure
            .shooters
            .iter()
            .map(|it| shooter(event, it, &rules))
            .collect(),
        ..MatchFile::default()
    };
    if structure.ruleset.discipline == Discipline::Idpa {
        it.point_down_centis = Some(i64::from(structure.ruleset.times.down_centis));
        it.steel_miss_points_down = Some(structure.ruleset.times.steel_miss);
    }
    for shooter in &it.shooters {
        if !shooter.class.is_empty() && !it.classes.contains(&shooter.class) {
            it.classes.push(shooter.class.clone());
        }
        for category in &shooter.categories {
            if !it.categories.contains(category) {
                it.categories.push(category.clone());
            }
        }
    }
    it.scores = scores(event, &rules);
    it
}

/// Returns what the app calls a match of a discipline.
fn kind_of(discipline: Discipline) -> (&'static str, &'static str) {
    match discipline {
        Discipline::Ipsc => ("uspsa_p", "ipsc"),
        Discipline::Uspsa => ("uspsa_p", "uspsa"),
        Discipline::Idpa => ("idpa", ""),
        Discipline::SteelChallenge => ("sc", "SCSA"),
        Discipline::Icore => ("timeplus", "icore"),
        Discipline::MultiGun | Discipline::Sass => ("timeplus", "none"),
        Discipline::Prs
        | Discipline::Precision
        | Discipline::Drills
        | Discipline::Ski
        | Discipline::Court => ("tallyline", ""),
    }
}

/// Returns the first day by the range's own clock.
pub fn date_of(roster: &Roster) -> Option<Date> {
    let structure = roster.structure();
    let zone_ms = i64::from(structure.zone_min).saturating_mul(60_000);
    let epoch_ms = i64::try_from(structure.epoch_ms).ok()?;
    Date::of_days(epoch_ms.saturating_add(zone_ms).div_euclid(86_400_000))
}

fn stage(event: &Event<'_>, drill: &Drill) -> file::Stage {
    let ruleset = &event.roster.structure().ruleset;
    let (briefing, classifier) = briefing_of(&drill.terms.briefing);
    let scored = matches!(
        drill.method,
        Method::Comstock | Method::VirginiaCount | Method::FixedTime | Method::ParTime
    );
    file::Stage {
        id: ForeignId::new(&drill_id(event.id, drill).to_string()),
        number: drill.no.0,
        name: drill.name.clone(),
        scoring: match drill.method {
            Method::Comstock => file::Scoring::Comstock,
            Method::VirginiaCount => file::Scoring::VirginiaCount,
            Method::FixedTime | Method::ParTime => file::Scoring::FixedTime,
            Method::Chrono => file::Scoring::Chrono,
            Method::TimePlus if ruleset.discipline == Discipline::Idpa => file::Scoring::PointsDown,
            Method::TimePlus => file::Scoring::TimePlus,
            Method::BestStrings => file::Scoring::SteelChallenge,
            Method::Precision | Method::HitValues | Method::Run | Method::Court => {
                file::Scoring::Other(drill.method.name().to_owned())
            }
        },
        strings: drill.strings,
        targets: drill.required_hits.clone(),
        steel: u32::from(drill.steel),
        no_shoots: match drill.no_shoots {
            NoShoots::NotSaid => None,
            NoShoots::Absent => Some(false),
            NoShoots::Present => Some(true),
        },
        max_points: scored.then(|| points_max(drill, ruleset)),
        classifier,
        max_string_centis: Some(drill.terms.string_max_centis).filter(|&centis| 0 < centis),
        drop_worst: 0 < drill.terms.drop_worst,
        deleted: false,
        briefing,
    }
}

fn shooter(event: &Event<'_>, it: &Shooter, rules: &FileRules<'_>) -> file::Shooter {
    let structure = event.roster.structure();
    let (first_name, last_name) = names_of(&it.label);
    let out = event.book.out(it.no);
    let dq = out.filter(|out| out.kind == OutKind::Disqualified);
    let by_time = structure.ruleset.sum == Sum::Time;
    file::Shooter {
        id: ForeignId::new(&shooter_id(event.id, it).to_string()),
        number: Some(it.no.0),
        first_name,
        last_name,
        member: it.entrant.member.clone(),
        division: structure
            .divisions
            .get(it.division)
            .map_or(String::new(), |division| division.name.clone()),
        class: it.entrant.class.clone(),
        power_factor: match it.power_factor {
            // Where time is counted nobody asks for it.
            PowerFactor::Minor if by_time => file::PowerFactor::NotSaid,
            PowerFactor::Minor => file::PowerFactor::Minor,
            PowerFactor::Major => file::PowerFactor::Major,
            PowerFactor::Subminor => file::PowerFactor::Subminor,
        },
        squad: (it.squad.0 != NO_SQUAD).then_some(it.squad.0),
        categories: it.categories.clone(),
        team: it.entrant.team.clone(),
        region: String::new(),
        dq: dq.map(|out| {
            let rule = rules.text(out.rule);
            match out.drill.and_then(|no| event.roster.drill(no)) {
                Some(drill) => format!("{}<{rule}>", drill.name),
                None => rule.to_owned(),
            }
        }),
        deleted: withdrawn(event, it.no),
        walk_in: false,
    }
}

/// Returns whether somebody left the match. Who is disqualified besides is still off the roster.
fn withdrawn(event: &Event<'_>, no: ShooterNo) -> bool {
    event.entries.iter().any(|entry| {
        let counts = matches!(entry.verdict, Verdict::Counted | Verdict::CountedLate);
        counts
            && matches!(
                &entry.body,
                Body::Status(status)
                    if status.kind == StatusKind::Withdrawn && status.about.shooter == no
            )
    })
}

/// What an entry is among the versions of its slot.
struct Version<'a> {
    entry: &'a EntryView,
    /// 0 for the first attempt, 1 and up for reshoots.
    attempt: u32,
    /// How many versions it stands in the place of, one after the other.
    depth: usize,
    /// Why the version before it does not count.
    reason: Option<VoidReason>,
}

/// All versions of all slots: by stage and shooter, older ones first.
fn scores(event: &Event<'_>, rules: &FileRules<'_>) -> Vec<file::Score> {
    let voids = Voids::of(event.entries);
    let mut slots: BTreeMap<(DrillNo, ShooterNo), Vec<Version<'_>>> = BTreeMap::new();
    let mut dqs: BTreeMap<(DrillNo, ShooterNo), &EntryView> = BTreeMap::new();
    for entry in event.entries.iter().filter(|entry| is_said(entry.verdict)) {
        let Some(about) = entry.body.about() else {
            continue;
        };
        if let Body::Status(status) = &entry.body {
            let voided = matches!(entry.verdict, Verdict::Voided(_));
            match (status.kind, status.about.drill) {
                (StatusKind::MatchDq, Some(drill)) if !voided => {
                    dqs.insert((drill, about.shooter), entry);
                    continue;
                }
                (StatusKind::MatchDq | StatusKind::Withdrawn | StatusKind::Warning, _) => continue,
                (StatusKind::Dnf | StatusKind::Dns | StatusKind::StageDq, _) => {}
            }
        }
        if let Some(drill) = about.drill
            && matches!(
                entry.body,
                Body::Score(_) | Body::Chrono(_) | Body::Status(_)
            )
        {
            let versions = slots.entry((drill, about.shooter)).or_default();
            versions.push(voids.version(entry));
        }
    }
    for place in dqs.keys() {
        slots.entry(*place).or_default();
    }
    let mut scores = Vec::new();
    for (place, mut versions) in slots {
        versions.sort_by_key(|it| {
            let entry = it.entry;
            (it.attempt, entry.at_unix_ms, it.depth, entry.log, entry.seq)
        });
        slot(
            event,
            rules,
            (place, &versions, dqs.get(&place).copied()),
            &mut scores,
        );
    }
    scores
}

fn slot(
    event: &Event<'_>,
    rules: &FileRules<'_>,
    ((drill, shooter), versions, dq): ((DrillNo, ShooterNo), &[Version<'_>], Option<&EntryView>),
    scores: &mut Vec<file::Score>,
) {
    let (Some(drill), Some(shooter)) = (event.roster.drill(drill), event.roster.shooter(shooter))
    else {
        return;
    };
    let shown = event.book.slot(drill.no, shooter.no);
    let current = versions
        .iter()
        .find(|it| shown.is_some_and(|slot| slot.entry == it.entry.id))
        .or_else(|| versions.iter().rev().find(|it| is_shown_reading(it.entry)));
    let write = |version: &Version<'_>, superseded| {
        let entry = version.entry;
        let mut score = version_of(&entry.body, drill, rules, entry.at_unix_ms);
        score.origin.push_str(version.reason.map_or("", origin));
        place(event, (drill, shooter), entry, &mut score);
        score.superseded = superseded;
        score
    };
    let is_current = |it: &&Version<'_>| current.is_some_and(|held| held.entry.id == it.entry.id);
    let older = versions.iter().filter(|it| !is_current(it));
    scores.extend(older.map(|it| write(it, true)));
    let mut last = current.map(|it| write(it, false));
    if let Some(slot) = shown
        && let Some(last) = &mut last
    {
        // Approvals that were given afterwards count, too.
        let at = |ms: Option<i64>| Some(last.saved_at_ms?.saturating_add(ms?));
        let (ro_ms, shooter_ms) = (at(slot.approvals.ro_ms), at(slot.approvals.shooter_ms));
        last.approval = file::Approval {
            marked: None,
            shooter_ms,
            ro_ms,
        };
    }
    if let Some(dq) = dq {
        let mut bare = file::Score {
            saved_at_ms: Some(dq.at_unix_ms),
            ..file::Score::default()
        };
        place(event, (drill, shooter), dq, &mut bare);
        let score = last.get_or_insert(bare);
        if let Body::Status(status) = &dq.body {
            score.stage_dq = Some(file::StageDq {
                rules: rules.id(status.rule).into_iter().collect(),
                details: status.note.clone(),
            });
        }
    }
    scores.extend(last);
}

fn is_shown_reading(entry: &EntryView) -> bool {
    matches!(entry.body, Body::Chrono(_))
        && matches!(entry.verdict, Verdict::Counted | Verdict::CountedLate)
}

fn place(
    event: &Event<'_>,
    (drill, shooter): (&Drill, &Shooter),
    entry: &EntryView,
    score: &mut file::Score,
) {
    score.stage = ForeignId::new(&drill_id(event.id, drill).to_string());
    score.shooter = ForeignId::new(&shooter_id(event.id, shooter).to_string());
    score.device = file::Device {
        id: Uuid::new_v5(&event.id, entry.author.as_bytes()).to_string(),
        name: entry.label.clone(),
    };
}

/// Which entry was voided why, and by which one it was replaced.
struct Voids<'a> {
    reasons: BTreeMap<EntryId, VoidReason>,
    by_id: BTreeMap<EntryId, &'a EntryView>,
}

impl<'a> Voids<'a> {
    fn of(entries: &'a [EntryView]) -> Self {
        let counts =
            |entry: &&EntryView| matches!(entry.verdict, Verdict::Counted | Verdict::CountedLate);
        let void = |entry: &EntryView| {
            if let Body::Void(void) = &entry.body {
                Some((void.entry, void.reason))
            } else {
                None
            }
        };
        Self {
            reasons: entries.iter().filter(counts).filter_map(void).collect(),
            by_id: entries.iter().map(|entry| (entry.id, entry)).collect(),
        }
    }

    fn version<'b>(&self, entry: &'b EntryView) -> Version<'b> {
        let before = |entry: &EntryView| {
            if let Body::Score(score) = &entry.body {
                score.instead_of
            } else {
                None
            }
        };
        let first = before(entry);
        let reason = first.and_then(|id| self.reasons.get(&id).copied());
        let mut depth = 0_usize;
        let mut at = first;
        // Nobody can name himself, but a liar can name a circle with another's help.
        while let Some(id) = at.filter(|_| depth < self.by_id.len()) {
            depth = depth.saturating_add(1);
            at = self.by_id.get(&id).and_then(|entry| before(entry));
        }
        let attempt = if let Body::Score(score) = &entry.body {
            score.attempt
        } else {
            0
        };
        Version {
            entry,
            attempt,
            depth,
            reason: if attempt == 0 {
                reason
            } else {
                Some(VoidReason::Reshoot)
            },
        }
    }
}
