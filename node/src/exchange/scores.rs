//! One version of a score as the body of an entry, and back.
//!
//! Layer: node, exchange.

use tallyline_proto::model::{
    About, Approvals, Body, Chrono, Drill, Gear, Hits, Marks, Method, Penalty, Rule, RuleKind,
    RuleNo, Score, ShooterNo, Status, StatusKind, Steel, StringFaults, Target, VoidReason,
};

use super::numbers::{Numbers, POINTS_CODE, UNNAMED_CODE};
use crate::files::match_file::{self as file, ForeignId, MatchFile, TargetHits};

/// A fault of a string in Steel Challenge, as its rules are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A plate was not hit.
    Missed,
    /// A procedural.
    Procedural,
    /// A procedural for movement.
    Movement,
    /// The stop plate was not hit.
    Unfinished,
}

impl Fault {
    /// Returns what a rule's text is about.
    pub fn of(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        [
            ("stop", Self::Unfinished),
            ("movement", Self::Movement),
            ("miss", Self::Missed),
            ("proc", Self::Procedural),
        ]
        .into_iter()
        .find(|(word, _)| text.contains(word))
        .map(|(_, fault)| fault)
    }

    fn count(self, faults: &mut StringFaults, count: u32) {
        match self {
            Self::Missed => faults.missed = byte(count),
            Self::Procedural => faults.procedurals = byte(count),
            Self::Movement => faults.movement = byte(count),
            Self::Unfinished => faults.unfinished = 0 < count,
        }
    }

    fn counted(self, faults: StringFaults) -> u32 {
        match self {
            Self::Missed => u32::from(faults.missed),
            Self::Procedural => u32::from(faults.procedurals),
            Self::Movement => u32::from(faults.movement),
            Self::Unfinished => u32::from(faults.unfinished),
        }
    }
}

/// What a version of a score says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Something that can be recorded, if it is complete.
    Body(Box<Body>),
    /// No time where a time is needed: the shooter did not fire, or the slot was emptied.
    NoRun,
}

/// Reads a version for a drill and a shooter.
pub fn said(
    it: &MatchFile,
    version: &file::Score,
    numbers: &Numbers,
    (drill, shooter): (&Drill, ShooterNo),
) -> Said {
    let body = if version.dnf {
        let rules = version.dnf_rules.last();
        let rule = rules.and_then(|id| numbers.rule(&[file::RuleKind::Dnf], id));
        status(StatusKind::Dnf, (drill, shooter), rule)
    } else if drill.method == Method::Chrono {
        match &version.chrono {
            Some(chrono) => Body::Chrono(reading(chrono, (drill, shooter))),
            None => return Said::NoRun,
        }
    } else {
        let score = score(it, version, numbers, (drill, shooter));
        if no_run(drill, &score) {
            return Said::NoRun;
        }
        Body::Score(score)
    };
    Said::Body(Box::new(body))
}

/// Makes a status of a shooter on a drill.
pub fn status(
    kind: StatusKind,
    (drill, shooter): (&Drill, ShooterNo),
    rule: Option<RuleNo>,
) -> Body {
    Body::Status(Status {
        about: About {
            drill: Some(drill.no),
            shooter,
        },
        kind,
        rule,
        attempt: 0,
        note: String::new(),
    })
}

fn no_run(drill: &Drill, score: &Score) -> bool {
    let no_time = score.time_centis.iter().all(|&centis| centis == 0);
    if drill.method != Method::FixedTime {
        return no_time;
    }
    no_time && score.steel == Steel::default() && score.hits.iter().all(|it| it.bits() == 0)
}

fn reading(it: &file::Chrono, (drill, shooter): (&Drill, ShooterNo)) -> Chrono {
    let rounded = |counts: &[i64], unit: i64| {
        let half = unit / 2;
        let whole = |&count: &i64| u32::try_from(count.saturating_add(half) / unit).ok();
        counts.iter().filter_map(whole).collect()
    };
    Chrono {
        drill: drill.no,
        shooter,
        weights_decigrains: rounded(&it.weights_centigr, 10),
        speeds_fps: rounded(&it.velocities_centifps, 100),
        gear: match it.gear.trim().to_ascii_lowercase().as_str() {
            "pass" | "passed" => Some(Gear::Pass),
            "fail" | "failed" => Some(Gear::Fail),
            _ => None,
        },
    }
}

fn score(
    it: &MatchFile,
    version: &file::Score,
    numbers: &Numbers,
    (drill, shooter): (&Drill, ShooterNo),
) -> Score {
    let (hits, steel) = hits(version, drill);
    let mut marks = Marks::default();
    if drill.method == Method::TimePlus && hits.iter().all(|hits| hits.bits() == 0) {
        marks.points_down.clone_from(&version.points_down);
        if marks.points_down.is_empty() {
            marks.points_down = vec![0; drill.required_hits.len()];
        }
    }
    if drill.method == Method::BestStrings {
        marks.string_faults = faults(it, version);
    }
    let by_points = !marks.points_down.is_empty();
    Score {
        time_centis: strings(version, drill),
        hits: if by_points { Vec::new() } else { hits },
        steel,
        penalties: penalties(it, version, numbers, drill),
        approvals: approvals(version),
        late_shots: version.extra.late_shots,
        extra_shots: version.extra.shots,
        extra_hits: version.extra.hits,
        marks,
        ..Score::blank(drill.no, shooter)
    }
}

/// Takes the strings; what stands behind the stage's own without a time is left out.
fn strings(version: &file::Score, drill: &Drill) -> Vec<u32> {
    let mut strings = version.string_centis.clone();
    let count = usize::try_from(drill.strings).unwrap_or(usize::MAX);
    while count < strings.len() && strings.last() == Some(&0) {
        strings.pop();
    }
    let empty = strings.iter().all(|&centis| centis == 0);
    if empty && strings.len() != count {
        strings.clear();
    }
    strings
}

fn hits(version: &file::Score, drill: &Drill) -> (Vec<Hits>, Steel) {
    let count = drill.required_hits.len();
    match &version.hits {
        file::Hits::PerTarget(targets) => {
            let packed = targets.iter().map(packed);
            let rest = std::iter::repeat(Hits::default());
            let most = count.max(targets.len());
            let hits = packed.chain(rest).take(most).collect();
            (hits, steel(version.steel, drill))
        }
        file::Hits::Sums(sums) => spread(*sums, drill),
    }
}

/// Takes steel. Where time is counted a file may leave it to its penalties: then all of it fell.
fn steel(it: file::Steel, drill: &Drill) -> Steel {
    let timed = matches!(drill.method, Method::TimePlus | Method::BestStrings);
    let untold = it.hit == 0 && it.missed == 0 && it.no_penalty_missed == 0;
    Steel {
        hit: if timed && untold {
            drill.steel
        } else {
            byte(it.hit)
        },
        miss: byte(it.missed),
        no_penalty_miss: byte(it.no_penalty_missed),
        no_shoot: byte(it.no_shoots),
    }
}

/// Spreads sums over the targets of a drill, steel first; nobody knows where they were.
fn spread(sums: TargetHits, drill: &Drill) -> (Vec<Hits>, Steel) {
    let mut left = sums;
    let take = |from: &mut u32, most: u32| {
        let taken = (*from).min(most);
        *from = from.saturating_sub(taken);
        taken
    };
    let mut room = u32::from(drill.steel);
    let mut of_steel = |from: &mut u32| {
        let taken = take(from, room);
        room = room.saturating_sub(taken);
        byte(taken)
    };
    let steel = Steel {
        hit: of_steel(&mut left.a),
        miss: of_steel(&mut left.misses),
        no_penalty_miss: of_steel(&mut left.no_penalty_misses),
        no_shoot: 0,
    };
    let mut targets = Vec::new();
    for &required in &drill.required_hits {
        let mut target = TargetHits::default();
        let mut room = u32::from(required);
        for (to, from) in [
            (&mut target.a, &mut left.a),
            (&mut target.b, &mut left.b),
            (&mut target.c, &mut left.c),
            (&mut target.d, &mut left.d),
            (&mut target.misses, &mut left.misses),
            (&mut target.no_penalty_misses, &mut left.no_penalty_misses),
        ] {
            let taken = (*from).min(room);
            *from = from.saturating_sub(taken);
            room = room.saturating_sub(taken);
            *to = taken;
        }
        let taken = left.no_shoots.min(15);
        left.no_shoots = left.no_shoots.saturating_sub(taken);
        target.no_shoots = taken;
        targets.push(packed(&target));
    }
    // What finds no room is put on the last one, so that the check tells of it.
    let rest = left
        .a
        .saturating_add(left.b)
        .saturating_add(left.c)
        .saturating_add(left.d);
    if 0 < rest
        && let Some(last) = targets.last_mut()
    {
        let mut target = last.target();
        target.a = target.a.saturating_add(byte(rest)).min(15);
        *last = Hits::pack(target).unwrap_or_default();
    }
    (targets, steel)
}

fn packed(hits: &TargetHits) -> Hits {
    let low = |count: u32| byte(count.min(15));
    Hits::pack(Target {
        a: low(hits.a),
        b: low(hits.b),
        c: low(hits.c),
        d: low(hits.d),
        no_shoot: low(hits.no_shoots),
        miss: low(hits.misses),
        no_penalty_miss: low(hits.no_penalty_misses),
    })
    .unwrap_or_default()
}

fn faults(it: &MatchFile, version: &file::Score) -> Vec<StringFaults> {
    let read = |counts: &Vec<u32>| {
        let mut faults = StringFaults::default();
        for (rule, &count) in it.rules_of(file::RuleKind::Penalty).zip(counts) {
            if let Some(fault) = Fault::of(&rule.text) {
                fault.count(&mut faults, count);
            }
        }
        faults
    };
    let strings: Vec<StringFaults> = version.string_penalties.iter().map(read).collect();
    let none = strings.iter().all(|it| *it == StringFaults::default());
    if none { Vec::new() } else { strings }
}

fn penalties(
    it: &MatchFile,
    version: &file::Score,
    numbers: &Numbers,
    drill: &Drill,
) -> Vec<Penalty> {
    const PROCEDURALS: [file::RuleKind; 2] = [file::RuleKind::Procedural, file::RuleKind::Warning];
    let mut counts: Vec<(RuleNo, u32)> = Vec::new();
    let mut told: u32 = 0;
    for (id, count) in &version.procedurals_by_rule {
        if let Some(no) = numbers.rule(&PROCEDURALS, id) {
            told = told.saturating_add(*count);
            counts.push((no, *count));
        }
    }
    let untold = version.procedurals.saturating_sub(told);
    counts.extend(numbers.unnamed.map(|no| (no, untold)));
    counts.extend(numbers.points.map(|no| (no, version.penalty_points)));
    let mut sums = version.penalties.clone();
    if drill.method != Method::BestStrings {
        for string in &version.string_penalties {
            sums.resize(sums.len().max(string.len()), 0);
            for (sum, count) in sums.iter_mut().zip(string) {
                *sum = sum.saturating_add(*count);
            }
        }
    }
    for (kind, list) in [
        (file::RuleKind::Penalty, &sums),
        (file::RuleKind::Bonus, &version.bonuses),
    ] {
        for (rule, &count) in it.rules_of(kind).zip(list) {
            counts.extend(numbers.rule(&[kind], &rule.id).map(|no| (no, count)));
        }
    }
    counts.retain(|(_, count)| *count != 0);
    counts.sort_by_key(|(no, _)| *no);
    let penalties = counts.into_iter().map(|(rule, count)| Penalty {
        rule,
        count: byte(count),
    });
    penalties.collect()
}

fn approvals(version: &file::Score) -> Approvals {
    let after = |ms: Option<i64>| Some(ms?.saturating_sub(version.saved_at_ms?));
    Approvals {
        ro_ms: after(version.approval.ro_ms),
        shooter_ms: after(version.approval.shooter_ms),
    }
}

/// Says why a version was replaced, as far as the file tells.
pub fn void_reason(older: &Body, newer: Option<&Body>, origin: &str) -> VoidReason {
    let lower = origin.to_lowercase();
    if lower.starts_with("from shooter") || lower.starts_with("moved to") {
        return VoidReason::WrongShooter;
    }
    match lower.as_str() {
        "reshoot" => return VoidReason::Reshoot,
        "stage edited" => return VoidReason::Definition,
        _ => {}
    }
    match (older, newer) {
        (one, Some(other)) if same_content(one, other) => VoidReason::Duplicate,
        (Body::Score(older), Some(Body::Score(newer))) => {
            if older.time_centis != newer.time_centis {
                VoidReason::Time
            } else if older.penalties != newer.penalties {
                VoidReason::Penalty
            } else {
                VoidReason::Hits
            }
        }
        _ => VoidReason::Hits,
    }
}

/// Says where a version came from, in the app's words.
pub fn origin(reason: VoidReason) -> &'static str {
    match reason {
        VoidReason::Reshoot => "Reshoot",
        VoidReason::Definition => "Stage edited",
        VoidReason::WrongShooter
        | VoidReason::WrongDrill
        | VoidReason::Hits
        | VoidReason::Time
        | VoidReason::Penalty
        | VoidReason::Duplicate
        | VoidReason::Arbitration
        | VoidReason::Test => "",
    }
}

/// Returns whether two bodies say the same: approvals, notes and attempts are not content.
pub fn same_content(one: &Body, other: &Body) -> bool {
    match (one, other) {
        (Body::Score(one), Body::Score(other)) => bare(one) == bare(other),
        (Body::Chrono(one), Body::Chrono(other)) => one == other,
        (Body::Status(one), Body::Status(other)) => {
            one.kind == other.kind && one.about == other.about
        }
        _ => false,
    }
}

/// Returns whether an entry says what a version says of which only sums are known: where the hits
/// were, by which rule a procedural was, and how a stage ended early are not in such a file.
pub fn same_sums(
    held: &Body,
    version: &file::Score,
    (drill, rules): (&Drill, &FileRules<'_>),
) -> bool {
    if !matches!(version.hits, file::Hits::Sums(_)) || version.chrono.is_some() {
        return false;
    }
    let held = version_of(held, drill, rules, 0);
    same_times(&held, version, drill) && summed(&held) == summed(version)
}

/// Returns whether times are the same; a file may have their sum, or none of a fixed time.
fn same_times(held: &file::Score, version: &file::Score, drill: &Drill) -> bool {
    let times = |it: &file::Score| -> Vec<u32> {
        let times = it.string_centis.iter().copied();
        times.filter(|&centis| 0 < centis).collect()
    };
    let sum = |times: &[u32]| times.iter().copied().map(u64::from).sum::<u64>();
    let (one, other) = (times(held), times(version));
    let untold = drill.method == Method::FixedTime && other.is_empty();
    untold || one == other || (other.len() == 1 && sum(&one) == sum(&other))
}

/// What of a version is in a file with sums: hits with steel among them, and what was counted.
fn summed(it: &file::Score) -> ([u32; 7], [u32; 5], [Vec<u32>; 3]) {
    let steel = it.steel;
    let of_steel = TargetHits {
        a: steel.hit,
        misses: steel.missed,
        no_penalty_misses: steel.no_penalty_missed,
        no_shoots: steel.no_shoots,
        ..TargetHits::default()
    };
    let hits = match &it.hits {
        file::Hits::PerTarget(targets) => targets.iter().fold(of_steel, |sum, it| sum.plus(*it)),
        file::Hits::Sums(sums) => sums.plus(of_steel),
    };
    let trimmed = |list: &[u32]| {
        let last = list.iter().rposition(|&count| count != 0);
        let length = last.map_or(0, |last| last.saturating_add(1));
        list.get(..length).unwrap_or_default().to_vec()
    };
    (
        hits.counts(),
        [
            it.procedurals,
            it.penalty_points,
            it.extra.late_shots,
            it.extra.shots,
            it.extra.hits,
        ],
        [&it.penalties, &it.bonuses, &it.points_down].map(|list| trimmed(list)),
    )
}

/// Leaves out what is not content.
fn bare(score: &Score) -> Score {
    let mut penalties = score.penalties.clone();
    penalties.sort_unstable();
    let plain = |it: &StringFaults| *it == StringFaults::default();
    let mut marks = score.marks.clone();
    if marks.string_faults.iter().all(plain) {
        marks.string_faults.clear();
    }
    marks.time_source = tallyline_proto::model::TimeSource::default();
    Score {
        attempt: 0,
        approvals: Approvals::default(),
        penalties,
        marks,
        instead_of: None,
        ..score.clone()
    }
}

/// What the rules of an event are called in a file.
#[derive(Clone, Debug)]
pub struct FileRules<'a> {
    rules: &'a [Rule],
    by_time: bool,
}

impl<'a> FileRules<'a> {
    /// Looks at rules; `by_time` says that their values are times.
    pub fn new(rules: &'a [Rule], by_time: bool) -> Self {
        Self { rules, by_time }
    }

    /// Returns the rules as a file has them, without those that only count what files count
    /// without a rule.
    pub fn list(&self) -> Vec<file::Rule> {
        // Warnings stand among the procedurals, in the order of numbers.
        let place = |kind: file::RuleKind| match kind {
            file::RuleKind::Procedural | file::RuleKind::Warning => 0,
            file::RuleKind::Dq => 1,
            file::RuleKind::Dnf => 2,
            file::RuleKind::Penalty => 3,
            file::RuleKind::Bonus => 4,
        };
        let own = |rule: &&Rule| rule.code == UNNAMED_CODE || rule.code == POINTS_CODE;
        let rules = self.rules.iter().filter(|rule| !own(rule));
        let mut list: Vec<file::Rule> = rules.map(|rule| self.one(rule)).collect();
        list.sort_by_key(|rule| place(rule.kind));
        list
    }

    fn one(&self, rule: &Rule) -> file::Rule {
        let kind = self.kind(rule);
        let value = rule.value.map(i64::from);
        file::Rule {
            id: id(rule),
            kind,
            text: rule.text.clone(),
            value_centis: value.map(|value| {
                if kind == file::RuleKind::Bonus {
                    value.saturating_neg()
                } else if self.by_time {
                    value
                } else {
                    value.saturating_mul(100)
                }
            }),
            once: false,
        }
    }

    fn kind(&self, rule: &Rule) -> file::RuleKind {
        match (rule.kind, rule.value) {
            (RuleKind::Procedural, Some(value)) if self.by_time && value < 0 => {
                file::RuleKind::Bonus
            }
            (RuleKind::Procedural, Some(_)) if self.by_time => file::RuleKind::Penalty,
            (RuleKind::Procedural, _) => file::RuleKind::Procedural,
            (RuleKind::Warning, _) => file::RuleKind::Warning,
            (RuleKind::Dq, _) => file::RuleKind::Dq,
            (RuleKind::Dnf, _) => file::RuleKind::Dnf,
        }
    }

    /// Returns what a file calls a rule.
    pub fn id(&self, no: Option<RuleNo>) -> Option<ForeignId> {
        self.find(no?).map(id)
    }

    /// Returns a rule's text.
    pub fn text(&self, no: Option<RuleNo>) -> &'a str {
        no.and_then(|no| self.find(no))
            .map_or("", |rule| rule.text.as_str())
    }

    fn find(&self, no: RuleNo) -> Option<&'a Rule> {
        self.rules.iter().find(|rule| rule.no == no)
    }

    /// Writes counts into a version.
    fn count(&self, penalties: &[Penalty], to: &mut file::Score) {
        let listed = |kind| -> Vec<&Rule> {
            let rules = self.rules.iter().filter(|rule| self.kind(rule) == kind);
            rules.collect()
        };
        let counted = |kind| -> Vec<u32> {
            let of = |rule: &&Rule| penalties.iter().find(|it| it.rule == rule.no);
            let count = |rule| of(&rule).map_or(0, |it| u32::from(it.count));
            listed(kind).into_iter().map(count).collect()
        };
        to.penalties = counted(file::RuleKind::Penalty);
        to.bonuses = counted(file::RuleKind::Bonus);
        for penalty in penalties {
            let Some(rule) = self.find(penalty.rule) else {
                continue;
            };
            let count = u32::from(penalty.count);
            match (rule.code.as_str(), self.kind(rule)) {
                (POINTS_CODE, _) => to.penalty_points = count,
                (UNNAMED_CODE, _) => to.procedurals = to.procedurals.saturating_add(count),
                (_, file::RuleKind::Penalty | file::RuleKind::Bonus) => {}
                (_, _) => {
                    to.procedurals = to.procedurals.saturating_add(count);
                    to.procedurals_by_rule.push((id(rule), count));
                }
            }
        }
    }
}

fn id(rule: &Rule) -> ForeignId {
    if rule.code.is_empty() {
        ForeignId::new(&rule.text)
    } else {
        ForeignId::new(&rule.code)
    }
}

/// Writes what an entry says as a version of a score; `at_ms` is when it was saved. Slot, device
/// and place among the versions are the caller's.
pub fn version_of(body: &Body, drill: &Drill, rules: &FileRules<'_>, at_ms: i64) -> file::Score {
    let mut version = file::Score {
        saved_at_ms: Some(at_ms),
        ..file::Score::default()
    };
    match body {
        Body::Score(score) => write_score(score, drill, rules, &mut version),
        Body::Chrono(chrono) => {
            let counts = |list: &[u32], unit: i64| -> Vec<i64> {
                list.iter()
                    .map(|&it| i64::from(it).saturating_mul(unit))
                    .collect()
            };
            version.chrono = Some(file::Chrono {
                weights_centigr: counts(&chrono.weights_decigrains, 10),
                velocities_centifps: counts(&chrono.speeds_fps, 100),
                gear: match chrono.gear {
                    Some(Gear::Pass) => "Pass".to_owned(),
                    Some(Gear::Fail) => "Fail".to_owned(),
                    None => String::new(),
                },
            });
        }
        Body::Status(status) if status.kind == StatusKind::StageDq => {
            version.stage_dq = Some(file::StageDq {
                rules: rules.id(status.rule).into_iter().collect(),
                details: status.note.clone(),
            });
        }
        Body::Status(status) => {
            version.dnf = true;
            version.dnf_rules = rules.id(status.rule).into_iter().collect();
            version.note.clone_from(&status.note);
        }
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
        | Body::Unknown => {}
    }
    version
}

fn write_score(score: &Score, drill: &Drill, rules: &FileRules<'_>, version: &mut file::Score) {
    version.string_centis.clone_from(&score.time_centis);
    version.hits = file::Hits::PerTarget(score.hits.iter().map(|hits| unpacked(*hits)).collect());
    if drill.method != Method::BestStrings {
        version.steel = file::Steel {
            hit: u32::from(score.steel.hit),
            missed: u32::from(score.steel.miss),
            no_penalty_missed: u32::from(score.steel.no_penalty_miss),
            no_shoots: u32::from(score.steel.no_shoot),
        };
    }
    rules.count(&score.penalties, version);
    version.extra = file::Extra {
        late_shots: score.late_shots,
        shots: score.extra_shots,
        hits: score.extra_hits,
    };
    version.points_down.clone_from(&score.marks.points_down);
    if drill.method == Method::BestStrings {
        let list = rules.list();
        let penalties = list.iter().filter(|it| it.kind == file::RuleKind::Penalty);
        let known: Vec<Option<Fault>> = penalties.map(|it| Fault::of(&it.text)).collect();
        let none = StringFaults::default();
        let faults = score
            .marks
            .string_faults
            .iter()
            .chain(std::iter::repeat(&none));
        let strings = faults.take(score.time_centis.len());
        let counts = |faults: &StringFaults| -> Vec<u32> {
            let count = |fault: &Option<Fault>| fault.map_or(0, |it| it.counted(*faults));
            known.iter().map(count).collect()
        };
        version.string_penalties = strings.map(counts).collect();
    }
    let at = |ms: Option<i64>| Some(version.saved_at_ms?.saturating_add(ms?));
    version.approval = file::Approval {
        marked: None,
        shooter_ms: at(score.approvals.shooter_ms),
        ro_ms: at(score.approvals.ro_ms),
    };
}

/// Unpacks the hits of a target.
pub fn unpacked(hits: Hits) -> TargetHits {
    let it = hits.target();
    TargetHits::of_counts(
        [
            it.a,
            it.b,
            it.c,
            it.d,
            it.no_shoot,
            it.miss,
            it.no_penalty_miss,
        ]
        .map(u32::from),
    )
}

/// Narrows a count to what an entry holds.
fn byte(count: u32) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}
