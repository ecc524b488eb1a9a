//! All versions of all scores of a file as entries: in the order in which they were saved, each
//! older one voided by the one that replaced it.
//!
//! What the event holds already is compared slot by slot: equal content is skipped, other content
//! is told and left as it is. Layer: node, exchange.

use std::collections::BTreeMap;

use tallyline_proto::model::{
    About, Agreed, Body, Drill, DrillNo, EntryId, RuleNo, ShooterNo, Status, StatusKind, Sum,
    VoidReason,
};
use tallyline_proto::replica::{Command, EntryView};
use tallyline_proto::rules::{Fixed2, Roster, Verdict, validate};

use super::numbers::Numbers;
use super::scores::{FileRules, Said, said, same_content, same_sums, status, void_reason};
use crate::files::match_file::{self as file, ForeignId, MatchFile};

/// One thing to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its name among those that are planned.
    pub name: usize,
    /// When it was saved, in Unix milliseconds; `None`: the file does not say.
    pub at_unix_ms: Option<u64>,
    /// What is recorded; `None`: only the older one is voided.
    pub body: Option<Body>,
    /// The planned one that it replaces, and why.
    pub replaces: Option<(usize, VoidReason)>,
    /// Who agreed to that, by what the file shows.
    pub agreed: Agreed,
}

impl Planned {
    /// Returns the command that records it in the place of the entry that its older one became; `None`
    /// if nothing is to be done.
    pub fn command(self, older: Option<EntryId>) -> Option<Command> {
        let replaces = older.zip(self.replaces.map(|(_, reason)| reason));
        match (self.body, replaces) {
            (Some(body), replaces) => Some(Command::Record {
                body,
                replaces,
                agreed: self.agreed,
                confirmed: true,
                revision: None,
                wall_ms: self.at_unix_ms,
            }),
            (None, Some((entry, reason))) => Some(Command::Void {
                entry,
                reason,
                agreed: self.agreed,
                note: String::new(),
                wall_ms: self.at_unix_ms,
            }),
            (None, None) => None,
        }
    }
}

/// What a file's scores would do to an event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RecordPlan {
    /// What is recorded, in order.
    pub planned: Vec<Planned>,
    /// Slots and statuses that are new.
    pub fresh: usize,
    /// Slots and statuses that are there as the file says.
    pub unchanged: usize,
    /// Slots where the event says something else: what, in words.
    pub conflicts: Vec<String>,
    /// Scores that cannot be recorded: which and why, in words.
    pub problems: Vec<String>,
    /// Older versions that were never complete.
    pub drafts: usize,
}

/// What stands in an event already.
#[derive(Clone, Debug, Default)]
pub struct Held<'a> {
    slots: BTreeMap<(DrillNo, ShooterNo), Vec<&'a EntryView>>,
    out: Vec<(&'a Status, bool)>,
}

impl<'a> Held<'a> {
    /// Looks at the entries of an event. What was written outside any right is no content.
    pub fn of(entries: &'a [EntryView]) -> Self {
        let mut held = Self::default();
        for entry in entries.iter().filter(|entry| is_said(entry.verdict)) {
            let voided = matches!(entry.verdict, Verdict::Voided(_));
            let place = entry
                .body
                .about()
                .and_then(|it| Some((it.drill?, it.shooter)));
            if let Body::Status(status) = &entry.body
                && takes_out(status.kind)
            {
                held.out.push((status, voided));
            } else if let Some(place) = place {
                held.slots.entry(place).or_default().push(entry);
            }
        }
        held
    }

    /// Returns what stands in a slot, and whether there ever was anything.
    fn slot(&self, place: (DrillNo, ShooterNo)) -> (Option<&'a Body>, bool) {
        let entries = self.slots.get(&place);
        let entries = entries.map_or(&[][..], Vec::as_slice);
        let stands = |entry: &&&EntryView| {
            matches!(
                entry.verdict,
                Verdict::Counted | Verdict::CountedLate | Verdict::NeedsDecision(_)
            )
        };
        let standing = entries.iter().find(stands).map(|entry| &entry.body);
        (standing, !entries.is_empty())
    }

    fn is_out(&self, about: About, kind: StatusKind) -> bool {
        self.out.iter().any(|(status, voided)| {
            let same = kind == StatusKind::Withdrawn || status.about.drill == about.drill;
            !voided && status.kind == kind && status.about.shooter == about.shooter && same
        })
    }
}

fn takes_out(kind: StatusKind) -> bool {
    matches!(kind, StatusKind::MatchDq | StatusKind::Withdrawn)
}

/// Returns whether an entry says something that counts, or did until it was corrected.
pub fn is_said(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Counted
        | Verdict::CountedLate
        | Verdict::Duplicate(_)
        | Verdict::LowerAttempt(_)
        | Verdict::NeedsDecision(_)
        | Verdict::LateBeaten(_)
        | Verdict::Voided(_)
        | Verdict::Unfit(_) => true,
        Verdict::Quarantined
        | Verdict::Unassigned
        | Verdict::Rejected
        | Verdict::Disputed
        | Verdict::Waiting
        | Verdict::Statement
        | Verdict::Unknown => false,
    }
}

/// Plans the records of a file for an event; `roster` is the event's with everything of the file
/// that is not scores.
pub fn records_of(
    it: &MatchFile,
    numbers: &Numbers,
    (roster, event): (&Roster, &str),
    entries: &[EntryView],
) -> RecordPlan {
    let mut planner = Planner {
        it,
        numbers,
        roster,
        event,
        held: Held::of(entries),
        plan: RecordPlan::default(),
        dated: Vec::new(),
    };
    let mut slots: Vec<(&ForeignId, &ForeignId)> = Vec::new();
    let mut versions: BTreeMap<(&ForeignId, &ForeignId), Vec<&file::Score>> = BTreeMap::new();
    for score in &it.scores {
        let slot = (&score.stage, &score.shooter);
        let list = versions.entry(slot).or_default();
        if list.is_empty() {
            slots.push(slot);
        }
        list.push(score);
    }
    for slot in slots {
        planner.slot(slot, versions.get(&slot).map_or(&[][..], Vec::as_slice));
    }
    planner.outs();
    planner.finish()
}

struct Planner<'a> {
    it: &'a MatchFile,
    numbers: &'a Numbers,
    roster: &'a Roster,
    event: &'a str,
    held: Held<'a>,
    plan: RecordPlan,
    /// What is planned, with the moment by which it is put in order.
    dated: Vec<(i64, Planned)>,
}

/// One step of a slot's history.
struct Step<'a> {
    body: Option<Body>,
    version: &'a file::Score,
}

impl<'a> Planner<'a> {
    fn slot(&mut self, (stage, shooter): (&ForeignId, &ForeignId), versions: &[&'a file::Score]) {
        let (Some(drill), Some(no)) = (self.numbers.stage(stage), self.numbers.shooter(shooter))
        else {
            return;
        };
        let Some(drill) = self.roster.drill(drill) else {
            return;
        };
        let is_dq = self.it.shooter(shooter).is_some_and(|it| it.dq.is_some());
        if let Some(version) = versions.last()
            && !is_dq
            && self.lacks_its_time((drill, no), version)
        {
            self.plan.problems.push(format!(
                "stage {}, shooter {no}: E06 hits and no time. Enter the time, or DNF, and export \
                 the match again.",
                drill.no
            ));
            return;
        }
        let (steps, drafts) = self.steps((drill, no), versions, is_dq);
        let last = steps.last().and_then(|step| step.body.as_ref());
        let place = (drill.no, no);
        match (self.held.slot(place), last) {
            ((Some(held), _), Some(last)) if same_content(held, last) => self.unchanged(),
            ((Some(held), _), _) if self.same_sums(held, versions, drill) => self.unchanged(),
            ((None, true), None) => self.unchanged(),
            ((None, false), _) => {
                self.plan.drafts = self.plan.drafts.saturating_add(drafts);
                self.chain(steps);
            }
            ((held, _), last) => {
                let said = |body: Option<&Body>| body.map_or("nothing".to_owned(), told);
                self.plan.conflicts.push(format!(
                    "stage {}, shooter {no}: the event says {}, the file {}; left as it is",
                    drill.no,
                    said(held),
                    said(last),
                ));
            }
        }
    }

    /// Returns whether a version tells of a run and not how long it took. Who left the match in the
    /// middle of a stage has not finished it.
    fn lacks_its_time(&self, (drill, no): (&Drill, ShooterNo), version: &file::Score) -> bool {
        let left = self
            .it
            .shooter(&version.shooter)
            .is_some_and(|it| it.deleted);
        let said_so = version.dnf || version.stage_dq.is_some() || version.superseded || left;
        let chrono = drill.method == tallyline_proto::model::Method::Chrono;
        !said_so
            && !chrono
            && version.has_hits()
            && said(self.it, version, self.numbers, (drill, no)) == Said::NoRun
    }

    /// Returns whether the event has in a slot what the last version says in sums.
    fn same_sums(&self, held: &Body, versions: &[&file::Score], drill: &Drill) -> bool {
        let structure = self.roster.structure();
        let rules = FileRules::new(&structure.rules, structure.ruleset.sum == Sum::Time);
        versions
            .last()
            .is_some_and(|version| same_sums(held, version, (drill, &rules)))
    }

    fn unchanged(&mut self) {
        self.plan.unchanged = self.plan.unchanged.saturating_add(1);
    }

    /// Reads the versions of a slot; what was never complete is counted, and what cannot stand as
    /// it is becomes a problem.
    fn steps(
        &mut self,
        cell: (&Drill, ShooterNo),
        versions: &[&'a file::Score],
        is_dq: bool,
    ) -> (Vec<Step<'a>>, usize) {
        let mut steps: Vec<Step<'a>> = Vec::new();
        let mut drafts = 0_usize;
        for version in versions {
            let version: &'a file::Score = version;
            let body = self.body(cell, version, is_dq);
            let (drill, no) = cell;
            match body.map(|body| (self.fits(&body), body)) {
                Some((Ok(()), body)) => steps.push(Step {
                    body: Some(body),
                    version,
                }),
                Some((Err(_), _)) if version.superseded => {
                    drafts = drafts.saturating_add(1);
                }
                Some((Err(why), _)) if !is_dq => {
                    let text = format!("stage {}, shooter {no}: {why}", drill.no);
                    self.plan.problems.push(text);
                }
                Some((Err(_), _)) | None => {
                    if steps.last().is_some_and(|step| step.body.is_some()) {
                        steps.push(Step {
                            body: None,
                            version,
                        });
                    }
                }
            }
        }
        (steps, drafts)
    }

    /// Returns what a version records: nothing, if it is an empty one that was replaced.
    fn body(
        &self,
        (drill, no): (&Drill, ShooterNo),
        version: &file::Score,
        is_dq: bool,
    ) -> Option<Body> {
        if let Some(dq) = version
            .stage_dq
            .as_ref()
            .filter(|_| !is_dq && !version.superseded)
        {
            let rule = self.dq_rule(&dq.rules);
            return Some(status(StatusKind::StageDq, (drill, no), rule));
        }
        match said(self.it, version, self.numbers, (drill, no)) {
            Said::Body(body) => Some(*body),
            // The app counts a slot without a time as zero.
            Said::NoRun if !version.superseded && !is_dq => {
                let chrono = drill.method == tallyline_proto::model::Method::Chrono;
                (!chrono).then(|| status(StatusKind::Dnf, (drill, no), None))
            }
            Said::NoRun => None,
        }
    }

    fn dq_rule(&self, rules: &[ForeignId]) -> Option<RuleNo> {
        let rule = rules.first()?;
        self.numbers.rule(&[file::RuleKind::Dq], rule)
    }

    fn fits(&self, body: &Body) -> Result<(), String> {
        validate::check_content(self.roster, self.event, body, self.roster.revision())
            .map_err(|mistake| mistake.to_string())
    }

    /// Plans the history of a slot: each step replaces the one before.
    fn chain(&mut self, steps: Vec<Step<'a>>) {
        if steps.is_empty() {
            return;
        }
        self.plan.fresh = self.plan.fresh.saturating_add(1);
        let mut standing: Option<(usize, Body, bool)> = None;
        let mut at = i64::MIN;
        for step in steps {
            let name = self.dated.len();
            let saved_at = step.version.saved_at_ms;
            at = at.max(saved_at.unwrap_or(i64::MIN));
            let replaces = standing.as_ref().map(|(name, older, _)| {
                (
                    *name,
                    void_reason(older, step.body.as_ref(), &step.version.origin),
                )
            });
            let approved = standing.as_ref().is_some_and(|(_, _, approved)| *approved);
            standing = step.body.clone().map(|body| {
                let approval = step.version.approval;
                (
                    name,
                    body,
                    approval.ro_ms.is_some() && approval.shooter_ms.is_some(),
                )
            });
            let planned = Planned {
                name,
                at_unix_ms: saved_at.and_then(|ms| u64::try_from(ms).ok()),
                body: step.body,
                replaces,
                // Whoever replaced an approved score elsewhere had the right to.
                agreed: if approved {
                    Agreed::BOTH
                } else {
                    Agreed::default()
                },
            };
            self.dated.push((at, planned));
        }
    }

    /// Plans who was disqualified, and who left.
    fn outs(&mut self) {
        let last = self
            .it
            .scores
            .iter()
            .filter_map(|score| score.saved_at_ms)
            .max();
        for shooter in &self.it.shooters {
            let Some(no) = self.numbers.shooter(&shooter.id) else {
                continue;
            };
            if let Some(text) = &shooter.dq {
                for (drill, rule, at) in self.disqualified(shooter, text) {
                    self.out((no, drill), StatusKind::MatchDq, rule, at);
                }
            }
            if shooter.deleted {
                self.out((no, None), StatusKind::Withdrawn, None, last);
            }
        }
    }

    fn out(
        &mut self,
        (shooter, drill): (ShooterNo, Option<DrillNo>),
        kind: StatusKind,
        rule: Option<RuleNo>,
        at: Option<i64>,
    ) {
        let about = About { drill, shooter };
        if self.held.is_out(about, kind) {
            self.unchanged();
            return;
        }
        self.plan.fresh = self.plan.fresh.saturating_add(1);
        let planned = Planned {
            name: self.dated.len(),
            at_unix_ms: at.and_then(|ms| u64::try_from(ms).ok()),
            body: Some(Body::Status(Status {
                about,
                kind,
                rule,
                attempt: 0,
                note: String::new(),
            })),
            replaces: None,
            agreed: Agreed::default(),
        };
        self.dated.push((at.unwrap_or(i64::MAX), planned));
    }

    /// Finds where and by which rule a shooter was disqualified: the scores that say so; or what
    /// the shooter's line says, `First steps<10.5.5 Sweeping>`; or the one stage he began and did
    /// not finish.
    fn disqualified(
        &self,
        shooter: &file::Shooter,
        text: &str,
    ) -> Vec<(Option<DrillNo>, Option<RuleNo>, Option<i64>)> {
        let own = || {
            let scores = self.it.scores.iter();
            scores.filter(|score| score.shooter == shooter.id && !score.superseded)
        };
        let told: Vec<_> = own()
            .filter_map(|score| {
                let dq = score.stage_dq.as_ref()?;
                let drill = self.numbers.stage(&score.stage)?;
                Some((Some(drill), self.dq_rule(&dq.rules), score.saved_at_ms))
            })
            .collect();
        if !told.is_empty() {
            return told;
        }
        let (stage, rule) = text.split_once('<').unwrap_or(("", text));
        let rule = rule.trim_end_matches('>').trim();
        let by_text = self
            .it
            .rules_of(file::RuleKind::Dq)
            .find(|it| it.text == rule);
        let rule = by_text.and_then(|it| self.numbers.rule(&[file::RuleKind::Dq], &it.id));
        let by_name = self
            .it
            .stages
            .iter()
            .find(|it| it.name == stage.trim() && !stage.is_empty());
        if let Some(drill) = by_name.and_then(|it| self.numbers.stage(&it.id)) {
            return vec![(Some(drill), rule, None)];
        }
        let begun: Vec<_> = own()
            .filter(|score| !score.dnf && self.is_begun(score))
            .collect();
        match begun.as_slice() {
            [one] => vec![(self.numbers.stage(&one.stage), rule, one.saved_at_ms)],
            _ => vec![(None, rule, None)],
        }
    }

    fn is_begun(&self, score: &file::Score) -> bool {
        let (Some(drill), Some(no)) = (
            self.numbers.stage(&score.stage),
            self.numbers.shooter(&score.shooter),
        ) else {
            return false;
        };
        let drill = self.roster.drill(drill);
        let drill = drill.filter(|it| it.method != tallyline_proto::model::Method::Chrono);
        drill.is_some_and(|drill| said(self.it, score, self.numbers, (drill, no)) == Said::NoRun)
    }

    /// Puts all in order of time; steps of one slot stay in theirs.
    fn finish(mut self) -> RecordPlan {
        self.dated.sort_by_key(|(at, planned)| (*at, planned.name));
        self.plan.planned = self.dated.into_iter().map(|(_, planned)| planned).collect();
        self.plan
    }
}

/// Says what a body says, in a few words.
fn told(body: &Body) -> String {
    match body {
        Body::Score(score) => {
            let centis = score
                .time_centis
                .iter()
                .fold(0, |sum: u32, it| sum.saturating_add(*it));
            let mut hits = [0_u32; 7];
            for target in &score.hits {
                let counts = super::scores::unpacked(*target).counts();
                for (sum, count) in hits.iter_mut().zip(counts) {
                    *sum = sum.saturating_add(count);
                }
            }
            let [a, _, c, d, _, misses, _] = hits;
            format!(
                "{} s, {a}A {c}C {d}D {misses}M, steel {}",
                Fixed2::from(centis),
                score.steel.hit
            )
        }
        Body::Chrono(chrono) => {
            let speeds: Vec<String> = chrono.speeds_fps.iter().map(u32::to_string).collect();
            format!("a reading ({} fps)", speeds.join(", "))
        }
        Body::Status(status) => match status.kind {
            StatusKind::Dnf => "DNF",
            StatusKind::Dns => "DNS",
            StatusKind::StageDq => "a stage DQ",
            StatusKind::MatchDq => "a match DQ",
            StatusKind::Withdrawn => "withdrawn",
            StatusKind::Warning => "a warning",
        }
        .to_owned(),
        Body::Void(_)
        | Body::Approve(_)
        | Body::Point(_)
        | Body::SetScore(_)
        | Body::Incident(_)
        | Body::Report(_)
        | Body::JuryDecision(_)
        | Body::Record(_)
        | Body::Statement(_)
        | Body::Seal
        | Body::Unknown => "something else".to_owned(),
    }
}

/// The entries that planned ones became.
pub type Recorded = BTreeMap<usize, EntryId>;
