//! Which shooter, stage and rule of a file is which number of the event.
//!
//! What the event has already keeps its number; what is new gets the file's own where it is free.
//! Layer: node, exchange.

use std::collections::{BTreeMap, BTreeSet};

use tallyline_proto::model::{
    Drill, DrillNo, Rule, RuleKind, RuleNo, Shooter, ShooterNo, Structure, Sum,
};
use uuid::Uuid;

use super::names::{RULE_BYTES_MAX, clipped, drill_id, id_of, label, same_name, shooter_id};
use crate::files::match_file::{self as file, ForeignId, MatchFile};

/// Code of the rule that counts procedurals of which a file does not say the rule.
pub const UNNAMED_CODE: &str = "tallyline:procedural";
/// Code of the rule that counts further penalty points one by one.
pub const POINTS_CODE: &str = "tallyline:points";
/// Numbers that are drawn after the lock have 28 bits, as those of `roster add`.
const NO_MAX: u32 = 0x0fff_ffff;

/// What of a file is taken over, and how.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Choice {
    /// Scores and statuses, too; and with them the shooters who were taken off the roster.
    pub scores: bool,
    /// Minutes east of UTC of the range; files do not tell.
    pub zone_min: i32,
    /// The division of shooters who name none.
    pub division: Option<String>,
}

/// The event whose numbers are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// Its id.
    pub event: Uuid,
    /// Whether numbers for new shooters are made of their ids.
    pub locked: bool,
    /// Shooters who were erased: only their numbers tell who they are.
    pub erased: BTreeSet<ShooterNo>,
}

/// Numbers of the event for what a file names.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Numbers {
    shooters: BTreeMap<ForeignId, ShooterNo>,
    stages: BTreeMap<ForeignId, DrillNo>,
    rules: Vec<(file::RuleKind, ForeignId, RuleNo)>,
    /// Rules of the file that the event does not have yet.
    pub fresh_rules: Vec<Rule>,
    /// The rule for procedurals without one.
    pub unnamed: Option<RuleNo>,
    /// The rule for further penalty points.
    pub points: Option<RuleNo>,
}

impl Numbers {
    /// Finds the numbers for a file in a structure; a fresh event has an empty one. In an event
    /// that is locked, numbers for new shooters are made of their ids, so that an owner's device
    /// that was set back cannot give one number to two people.
    pub fn of(it: &MatchFile, structure: &Structure, place: &Place, choice: &Choice) -> Self {
        let mut numbers = Self::default();
        numbers.take_stages(it, structure, place.event);
        numbers.take_shooters(it, structure, place, choice);
        numbers.take_rules(it, structure);
        numbers
    }

    /// Returns the number of a shooter, if the event has or gets him.
    pub fn shooter(&self, id: &ForeignId) -> Option<ShooterNo> {
        self.shooters.get(id).copied()
    }

    /// Returns the number of a stage, if the event has or gets it.
    pub fn stage(&self, id: &ForeignId) -> Option<DrillNo> {
        self.stages.get(id).copied()
    }

    /// Returns the number of a rule of a kind.
    pub fn rule(&self, kinds: &[file::RuleKind], id: &ForeignId) -> Option<RuleNo> {
        let mut rules = self.rules.iter();
        rules
            .find(|(kind, known, _)| kinds.contains(kind) && known == id)
            .map(|(_, _, no)| *no)
    }

    fn take_stages(&mut self, it: &MatchFile, structure: &Structure, event: Uuid) {
        let mut taken: BTreeSet<u32> = structure.drills.iter().map(|drill| drill.no.0).collect();
        let mut fresh = Vec::new();
        for stage in it.stages.iter().filter(|stage| !stage.deleted) {
            match known_drill(structure, event, (it, stage)) {
                Some(drill) => {
                    self.stages.insert(stage.id.clone(), drill.no);
                }
                None => fresh.push((&stage.id, Some(stage.number))),
            }
        }
        for (id, no) in assigned(&fresh, &mut taken, None) {
            self.stages.insert(id, DrillNo(no));
        }
    }

    fn take_shooters(
        &mut self,
        it: &MatchFile,
        structure: &Structure,
        place: &Place,
        choice: &Choice,
    ) {
        let (event, locked) = (place.event, place.locked);
        let erased = erased_of(it, place);
        let mut taken: BTreeSet<u32> = structure.shooters.iter().map(|it| it.no.0).collect();
        let mut matched = BTreeSet::new();
        let mut fresh = Vec::new();
        for shooter in &it.shooters {
            let known = known_shooter(structure, event, (it, shooter)).map(|it| it.no);
            let known = known.or_else(|| erased.get(&shooter.id).copied());
            match known.filter(|no| !matched.contains(no)) {
                Some(known) => {
                    matched.insert(known);
                    self.shooters.insert(shooter.id.clone(), known);
                }
                None if shooter.deleted && !choice.scores => {}
                None => fresh.push((&shooter.id, shooter.number)),
            }
        }
        for (id, no) in assigned(&fresh, &mut taken, locked.then_some(event)) {
            self.shooters.insert(id, ShooterNo(no));
        }
    }

    fn take_rules(&mut self, it: &MatchFile, structure: &Structure) {
        let mut next = structure.rules.last().map_or(1, |rule| rule.no.0 + 1);
        let by_time = adds_times(structure, it);
        for rule in &it.rules {
            let fresh = model_rule(rule, RuleNo(next), by_time);
            let no = self.keep_rule(structure, fresh, &mut next);
            self.rules.push((rule.kind, rule.id.clone(), no));
        }
        let told = |score: &file::Score| {
            let counts = score.procedurals_by_rule.iter();
            counts.fold(0, |sum: u32, (_, count)| sum.saturating_add(*count))
        };
        let untold = |score: &file::Score| told(score) < score.procedurals;
        if it.scores.iter().any(untold) {
            let rule = own_rule(next, UNNAMED_CODE, "Procedural", None);
            self.unnamed = Some(self.keep_rule(structure, rule, &mut next));
        }
        if !by_time && it.scores.iter().any(|score| score.penalty_points != 0) {
            let rule = own_rule(next, POINTS_CODE, "Penalty points", Some(1));
            self.points = Some(self.keep_rule(structure, rule, &mut next));
        }
    }

    /// Returns the number of a rule that is there, or takes it as a fresh one.
    fn keep_rule(&mut self, structure: &Structure, rule: Rule, next: &mut u32) -> RuleNo {
        let same = |known: &&Rule| {
            let named = if known.code.is_empty() {
                known.text == rule.text
            } else {
                known.code == rule.code
            };
            named && known.kind == rule.kind
        };
        let mut known = structure.rules.iter().chain(&self.fresh_rules);
        if let Some(known) = known.find(same) {
            return known.no;
        }
        let no = rule.no;
        *next = next.saturating_add(1);
        self.fresh_rules.push(rule);
        no
    }
}

/// Returns whether the scores of a file are times with seconds added.
pub fn adds_times(structure: &Structure, it: &MatchFile) -> bool {
    // An empty structure is one that the file will make.
    if structure.drills.is_empty() {
        return super::structure::ruleset(it).sum == Sum::Time;
    }
    structure.ruleset.sum == Sum::Time
}

/// Finds the drill that a stage of a file is: by its id, or, where one of the two has none, by
/// number and name.
pub fn known_drill<'a>(
    structure: &'a Structure,
    event: Uuid,
    (it, stage): (&MatchFile, &file::Stage),
) -> Option<&'a Drill> {
    let id = id_of(&stage.id);
    let drills = || structure.drills.iter();
    drills()
        .find(|drill| drill_id(event, drill) == id)
        .or_else(|| {
            drills().find(|drill| {
                (it.made_ids || drill.terms.id.is_none())
                    && drill.no.0 == stage.number
                    && same_name(&drill.name, &stage.name)
            })
        })
}

/// Finds the shooter that one of a file is: by his id, by name and member number, or, where the
/// file has no ids, by number and name.
fn known_shooter<'a>(
    structure: &'a Structure,
    event: Uuid,
    (it, shooter): (&MatchFile, &file::Shooter),
) -> Option<&'a Shooter> {
    let id = id_of(&shooter.id);
    let label = label(&shooter.first_name, &shooter.last_name);
    let named = |held: &&Shooter| same_name(&held.label, &label);
    let shooters = || structure.shooters.iter();
    let by_member = |held: &&Shooter| {
        let member = shooter.member.trim();
        let certain = held.entrant.id.is_none() || !held.entrant.member.is_empty();
        certain && held.entrant.member.eq_ignore_ascii_case(member) && named(held)
    };
    let by_number =
        |held: &&Shooter| it.made_ids && Some(held.no.0) == shooter.number && named(held);
    shooters()
        .find(|held| shooter_id(event, held) == id)
        .or_else(|| shooters().find(by_member))
        .or_else(|| shooters().find(by_number))
}

/// Finds shooters who were erased, by the numbers that they would have had: who is erased must not
/// come back with the same file.
fn erased_of(it: &MatchFile, place: &Place) -> BTreeMap<ForeignId, ShooterNo> {
    if place.erased.is_empty() {
        return BTreeMap::new();
    }
    let all: Vec<_> = it.shooters.iter().map(|it| (&it.id, it.number)).collect();
    let founding = assigned(&all, &mut BTreeSet::new(), None);
    let later = it.shooters.iter();
    let later = later.map(|it| (it.id.clone(), made_of(place.event, &it.id)));
    founding
        .into_iter()
        .chain(later)
        .map(|(id, no)| (id, ShooterNo(no)))
        .filter(|(_, no)| place.erased.contains(no))
        .collect()
}

/// Gives numbers to what has none: the wanted one if it is free, else the next, or one that is
/// made of the id.
fn assigned(
    fresh: &[(&ForeignId, Option<u32>)],
    taken: &mut BTreeSet<u32>,
    by_id: Option<Uuid>,
) -> Vec<(ForeignId, u32)> {
    let mut given = Vec::new();
    let mut left = Vec::new();
    for (id, wanted) in fresh {
        match wanted.filter(|no| (1..=NO_MAX).contains(no)) {
            Some(no) if taken.insert(no) => given.push(((*id).clone(), no)),
            Some(_) | None => left.push(*id),
        }
    }
    for id in left {
        let mut no = match by_id {
            Some(event) => made_of(event, id),
            None => taken.last().map_or(1, |last| last.saturating_add(1)),
        };
        while !taken.insert(no) {
            no = no.checked_add(1).filter(|&no| no <= NO_MAX).unwrap_or(1);
        }
        given.push((id.clone(), no));
    }
    given
}

fn made_of(event: Uuid, id: &ForeignId) -> u32 {
    let made = Uuid::new_v5(&event, id_of(id).as_bytes());
    let (low, _, _, _) = made.as_fields();
    (low & NO_MAX).max(1)
}

fn own_rule(no: u32, code: &str, text: &str, value: Option<i32>) -> Rule {
    Rule {
        no: RuleNo(no),
        kind: RuleKind::Procedural,
        text: text.to_owned(),
        code: code.to_owned(),
        value,
    }
}

/// Makes a rule of one of a file. Seconds for a count become its value, those of a bonus below 0.
fn model_rule(it: &file::Rule, no: RuleNo, by_time: bool) -> Rule {
    let kind = match it.kind {
        file::RuleKind::Procedural | file::RuleKind::Penalty | file::RuleKind::Bonus => {
            RuleKind::Procedural
        }
        file::RuleKind::Warning => RuleKind::Warning,
        file::RuleKind::Dq => RuleKind::Dq,
        file::RuleKind::Dnf => RuleKind::Dnf,
    };
    let value = it.value_centis.map(|centis| match it.kind {
        file::RuleKind::Bonus => centis.saturating_neg(),
        file::RuleKind::Penalty => centis,
        file::RuleKind::Procedural
        | file::RuleKind::Warning
        | file::RuleKind::Dq
        | file::RuleKind::Dnf => {
            if by_time {
                centis
            } else {
                centis / 100
            }
        }
    });
    let text = clipped(it.text.trim(), RULE_BYTES_MAX);
    Rule {
        no,
        kind,
        text: if text.is_empty() {
            clipped(it.id.text(), RULE_BYTES_MAX)
        } else {
            text
        },
        code: clipped(it.id.text(), RULE_BYTES_MAX),
        value: value.and_then(|value| i32::try_from(value).ok()),
    }
}
