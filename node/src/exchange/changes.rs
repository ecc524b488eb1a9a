//! What a match file would change in an event: stages, shooters and rules that are new or differ.
//!
//! Matched by id, or by number and name where the event or the file has none; what is equal changes
//! nothing, and what the file does not say stays. So do shooters and stages that it does not name.
//! Layer: node, exchange.

use std::borrow::Cow;
use std::collections::BTreeSet;

use tallyline_proto::model::{
    Amendment, Body, Division, Drill, Entrant, NoShoots, PowerFactor, RosterChange, Rule, Shooter,
    ShooterEdit,
};
use tallyline_proto::replica::EntryView;
use tallyline_proto::rules::{Code, Roster, Verdict, validate};
use uuid::Uuid;

use super::names::{NO_SQUAD, briefing_of, briefing_with, label, same_name};
use super::numbers::{Choice, Numbers, POINTS_CODE, Place, UNNAMED_CODE};
use super::records::RecordPlan;
use super::structure::{drill, shooter};
use crate::files::complaint::{Complaint, Complaints};
use crate::files::match_file::{self as file, MatchFile};

/// What becomes of one thing of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKind {
    /// It is added.
    New,
    /// It is there as the file says.
    Unchanged,
    /// It is there and is changed.
    Changed,
    /// It may be there under another id; it is added all the same, since ids decide.
    Duplicate,
    /// It cannot be taken.
    Problem,
}

/// One thing of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What becomes of it.
    pub kind: RowKind,
    /// What it is: `stage 3`, `shooter 12`, `rule 7`.
    pub what: String,
    /// Its name, and what differs.
    pub text: String,
}

/// One change for the owner to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A change of the roster.
    Roster(RosterChange),
    /// A change of a drill, or a new drill or rule.
    Amend(Amendment),
}

/// What a file would change.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Which number is whose.
    pub numbers: Numbers,
    /// Each thing of the file: stages, rules, shooters.
    pub rows: Vec<Row>,
    /// What is to be signed, in order.
    pub orders: Vec<Order>,
    /// The roster as it will be.
    pub after: Roster,
}

impl Changes {
    /// Judges entries as they will be read once the stages that the file changes are changed: what
    /// fitted may not fit then, and what did not may.
    pub fn judge_again(&self, entries: &mut [EntryView], event: &str) {
        let amended = |no| {
            self.orders.iter().any(|order| {
                matches!(order, Order::Amend(Amendment::Drill(drill)) if Some(drill.no) == no)
            })
        };
        for entry in entries {
            if !amended(entry.body.about().and_then(|about| about.drill)) {
                continue;
            }
            let revision = self.after.revision();
            let fits = validate::check_content(&self.after, event, &entry.body, revision);
            entry.verdict = match (entry.verdict, fits) {
                (
                    Verdict::Counted | Verdict::CountedLate | Verdict::NeedsDecision(_),
                    Err(mistake),
                ) => Verdict::Unfit(mistake.code),
                (Verdict::Unfit(Code::E03 | Code::E04), Ok(())) => Verdict::Counted,
                (verdict, _) => verdict,
            };
        }
    }

    /// Leaves out the rules that stand for penalties without one, unless a record needs them.
    pub fn leave_out_unused(&mut self, plan: &RecordPlan) {
        let used = |no| {
            plan.planned.iter().any(|it| {
                matches!(&it.body, Some(Body::Score(score))
                    if score.penalties.iter().any(|penalty| penalty.rule == no))
            })
        };
        let own = |rule: &Rule| rule.code == UNNAMED_CODE || rule.code == POINTS_CODE;
        let idle = |order: &Order| match order {
            Order::Amend(Amendment::Rule(rule)) if own(rule) && !used(rule.no) => {
                Some(format!("rule {}", rule.no))
            }
            Order::Amend(_) | Order::Roster(_) => None,
        };
        let out: Vec<String> = self.orders.iter().filter_map(idle).collect();
        self.orders.retain(|order| idle(order).is_none());
        self.rows.retain(|row| !out.contains(&row.what));
    }
}

/// Finds out what a file would change.
///
/// # Errors
///
/// A [`Complaints`] if the file is of another match: none of its stages is in the event.
pub fn changes_of(
    it: &MatchFile,
    (roster, name): (&Roster, &str),
    event: Uuid,
    choice: &Choice,
) -> Result<Changes, Complaints> {
    let structure = roster.structure();
    let erased = structure.shooters.iter().map(|shooter| shooter.no);
    let place = Place {
        event,
        locked: roster.locked(),
        erased: erased.filter(|no| roster.is_erased(*no)).collect(),
    };
    let numbers = Numbers::of(it, structure, &place, choice);
    let known = |no| roster.drill(no).is_some();
    let mut stages = it
        .stages
        .iter()
        .filter_map(|stage| numbers.stage(&stage.id));
    if !structure.drills.is_empty() && !stages.any(known) {
        let advice = format!(
            "is another match: none of its stages is in \"{name}\"; nothing was changed; import it \
             in a root of its own (--root)"
        );
        return Err(Complaint::new("the match file", "", &it.name, &advice).into());
    }
    let mut finder = Finder {
        it,
        roster,
        choice,
        changes: Changes {
            numbers,
            rows: Vec::new(),
            orders: Vec::new(),
            after: roster.clone(),
        },
    };
    finder.rules();
    finder.stages();
    finder.shooters();
    Ok(finder.changes)
}

struct Finder<'a> {
    it: &'a MatchFile,
    roster: &'a Roster,
    choice: &'a Choice,
    changes: Changes,
}

impl Finder<'_> {
    fn row(&mut self, kind: RowKind, what: String, text: String) {
        self.changes.rows.push(Row { kind, what, text });
    }

    fn order(&mut self, order: Order) {
        match &order {
            Order::Roster(change) => self.changes.after.apply(change),
            Order::Amend(change) => self.changes.after.amend(change),
        }
        self.changes.orders.push(order);
    }

    fn rules(&mut self) {
        for rule in self.changes.numbers.fresh_rules.clone() {
            self.row(RowKind::New, format!("rule {}", rule.no), rule.text.clone());
            self.order(Order::Amend(Amendment::Rule(rule)));
        }
    }

    fn stages(&mut self) {
        for stage in &self.it.stages {
            let Some(no) = self.changes.numbers.stage(&stage.id) else {
                continue;
            };
            let what = format!("stage {no}");
            let fresh = match drill(self.it, stage, no) {
                Ok(fresh) => fresh,
                Err(complaint) => {
                    self.row(RowKind::Problem, what, complaint.to_string());
                    continue;
                }
            };
            let Some(held) = self.roster.drill(no) else {
                self.row(RowKind::New, what, fresh.name.clone());
                self.order(Order::Amend(Amendment::Drill(fresh)));
                continue;
            };
            let fresh = with_terms_of(fresh, held, stage);
            let differs = drill_differs(held, &fresh);
            if differs.is_empty() {
                self.row(RowKind::Unchanged, what, fresh.name.clone());
            } else {
                let text = format!("{}: {}", held.name, differs.join(", "));
                self.row(RowKind::Changed, what, text);
                self.order(Order::Amend(Amendment::Drill(fresh)));
            }
        }
    }

    fn shooters(&mut self) {
        let divisions = self.roster.structure().divisions.clone();
        for person in &self.it.shooters {
            let Some(no) = self.changes.numbers.shooter(&person.id) else {
                continue;
            };
            let what = format!("shooter {no}");
            if self.roster.is_erased(no) {
                self.row(RowKind::Unchanged, what, "erased".to_owned());
                continue;
            }
            let held = self.roster.shooter(no);
            let told = completed(person, held, &divisions);
            let fresh = match shooter(&told, no, &divisions, self.choice) {
                Ok(fresh) => fresh,
                Err(complaint) => {
                    self.row(RowKind::Problem, what, complaint.to_string());
                    continue;
                }
            };
            let Some(held) = held else {
                self.add(what, fresh);
                continue;
            };
            let fresh = filled(fresh, held, (person, self.it));
            let (edit, differs) = edit_of(held, &fresh, &divisions);
            if differs.is_empty() {
                self.row(RowKind::Unchanged, what, held.label.clone());
            } else {
                let text = format!("{}: {}", held.label, differs.join(", "));
                self.row(RowKind::Changed, what, text);
                self.order(Order::Roster(RosterChange::Edit(edit)));
            }
        }
    }

    fn add(&mut self, what: String, fresh: Shooter) {
        let like = |held: &&Shooter| same_name(&held.label, &fresh.label);
        match self.roster.structure().shooters.iter().find(like) {
            Some(like) => {
                let text = format!("{}: same name as shooter {}", fresh.label, like.no);
                self.row(RowKind::Duplicate, what, text);
            }
            None => self.row(RowKind::New, what, fresh.label.clone()),
        }
        self.order(Order::Roster(RosterChange::Add(fresh)));
    }
}

/// Keeps what a file does not tell of a drill. Where hits are known by sums only, nobody knows on
/// which targets they were: those of the event stand.
fn with_terms_of(mut fresh: Drill, held: &Drill, stage: &file::Stage) -> Drill {
    let told = fresh.terms;
    fresh.terms = held.terms.clone();
    fresh.terms.id = held.terms.id.or(told.id);
    if fresh.no_shoots == NoShoots::NotSaid {
        fresh.no_shoots = held.no_shoots;
    }
    if stage.targets.is_empty() && stage.steel == 0 {
        fresh.required_hits.clone_from(&held.required_hits);
        fresh.steel = held.steel;
    } else {
        fresh.terms.string_max_centis = told.string_max_centis;
        fresh.terms.drop_worst = told.drop_worst;
    }
    if !stage.briefing.is_empty() {
        fresh.terms.briefing = told.briefing;
    } else if stage.classifier.is_some() {
        let (words, _) = briefing_of(&held.terms.briefing);
        fresh.terms.briefing = briefing_with(&words, stage.classifier.as_deref());
    }
    fresh
}

/// Puts in what a file must say of a shooter and does not, from the one who is there.
fn completed<'a>(
    person: &'a file::Shooter,
    held: Option<&Shooter>,
    divisions: &[Division],
) -> Cow<'a, file::Shooter> {
    let division = held.and_then(|held| divisions.get(held.division));
    match division {
        Some(division) if person.division.trim().is_empty() => Cow::Owned(file::Shooter {
            division: division.name.clone(),
            ..person.clone()
        }),
        Some(_) | None => Cow::Borrowed(person),
    }
}

/// Keeps what a file does not say of a shooter. A report, which has no ids, has no room for all
/// categories, and the power factor that was measured in the place of the declared one: those that
/// are there stay.
fn filled(
    mut fresh: Shooter,
    held: &Shooter,
    (person, it): (&file::Shooter, &MatchFile),
) -> Shooter {
    let said = |text: String, held: &str| {
        if text.is_empty() {
            held.to_owned()
        } else {
            text
        }
    };
    if fresh.squad.0 == NO_SQUAD {
        fresh.squad = held.squad;
    }
    if it.made_ids || person.power_factor == file::PowerFactor::NotSaid {
        fresh.power_factor = held.power_factor;
    }
    if label(&person.first_name, &person.last_name).is_empty() {
        fresh.label.clone_from(&held.label);
    }
    let kept = held.categories.iter();
    let kept = kept.filter(|_| it.made_ids || fresh.categories.is_empty());
    let kept: Vec<String> = kept
        .filter(|name| !fresh.categories.contains(name))
        .cloned()
        .collect();
    fresh.categories.extend(kept);
    fresh.entrant.member = said(fresh.entrant.member, &held.entrant.member);
    fresh.entrant.class = said(fresh.entrant.class, &held.entrant.class);
    fresh.entrant.team = said(fresh.entrant.team, &held.entrant.team);
    fresh
}

fn drill_differs(held: &Drill, fresh: &Drill) -> Vec<String> {
    let list = |hits: &[u8]| {
        let hits: Vec<String> = hits.iter().map(u8::to_string).collect();
        hits.join(",")
    };
    let limit = |drill: &Drill| {
        let terms = &drill.terms;
        format!(
            "{} cs, {} dropped",
            terms.string_max_centis, terms.drop_worst
        )
    };
    [
        ("name", held.name.clone(), fresh.name.clone()),
        (
            "scoring",
            held.method.name().to_owned(),
            fresh.method.name().to_owned(),
        ),
        (
            "strings",
            held.strings.to_string(),
            fresh.strings.to_string(),
        ),
        (
            "targets",
            list(&held.required_hits),
            list(&fresh.required_hits),
        ),
        ("steel", held.steel.to_string(), fresh.steel.to_string()),
        (
            "no-shoots",
            format!("{:?}", held.no_shoots),
            format!("{:?}", fresh.no_shoots),
        ),
        ("string limit", limit(held), limit(fresh)),
    ]
    .into_iter()
    .filter(|(_, from, to)| from != to)
    .map(|(what, from, to)| format!("{what} {from} -> {to}"))
    .chain((held.terms.briefing != fresh.terms.briefing).then(|| "briefing".to_owned()))
    .collect()
}

/// Finds what of a shooter is changed, and says it in words.
pub fn edit_of(
    held: &Shooter,
    fresh: &Shooter,
    divisions: &[Division],
) -> (ShooterEdit, Vec<String>) {
    let mut words: Vec<String> = Vec::new();
    let mut told = |what: &str, from: String, to: String| {
        if from != to {
            words.push(format!("{what} {} -> {}", shown(&from), shown(&to)));
        }
    };
    let division = |place: usize| {
        divisions
            .get(place)
            .map_or(String::new(), |it| it.name.clone())
    };
    told("name", held.label.clone(), fresh.label.clone());
    told(
        "division",
        division(held.division),
        division(fresh.division),
    );
    told(
        "power factor",
        power(held.power_factor),
        power(fresh.power_factor),
    );
    told("squad", held.squad.to_string(), fresh.squad.to_string());
    let sorted =
        |shooter: &Shooter| -> BTreeSet<String> { shooter.categories.iter().cloned().collect() };
    let joined = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join("/");
    told("categories", joined(sorted(held)), joined(sorted(fresh)));
    let (one, other) = (&held.entrant, &fresh.entrant);
    told("member", one.member.clone(), other.member.clone());
    told("class", one.class.clone(), other.class.clone());
    told("team", one.team.clone(), other.team.clone());
    let entrant = Entrant {
        id: one.id.or(other.id),
        ..other.clone()
    };
    let named = (&one.member, &one.class, &one.team) != (&other.member, &other.class, &other.team);
    let edit = ShooterEdit {
        shooter: held.no,
        squad: (held.squad != fresh.squad).then_some(fresh.squad),
        division: (held.division != fresh.division).then_some(fresh.division),
        power_factor: (held.power_factor != fresh.power_factor).then_some(fresh.power_factor),
        label: (held.label != fresh.label).then(|| fresh.label.clone()),
        categories: (sorted(held) != sorted(fresh)).then(|| fresh.categories.clone()),
        entrant: named.then_some(entrant),
    };
    (edit, words)
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn power(power_factor: PowerFactor) -> String {
    match power_factor {
        PowerFactor::Major => "Major",
        PowerFactor::Minor => "Minor",
        PowerFactor::Subminor => "Subminor",
    }
    .to_owned()
}
