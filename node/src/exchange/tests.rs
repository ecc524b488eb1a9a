//! Tests of the whole module: files become events in memory, and events files.

use tallyline_keys::DeviceKey;
use tallyline_proto::model::{Incarnation, RosterChange};
use tallyline_proto::replica::{
    Command, Disk, EntryFilter, EntryView, Founding, Identity, Input, Now, Replica, Reply,
    RequestId, Stored, Write,
};
use uuid::Uuid;

use super::changes::{Changes, Order, RowKind, changes_of};
use super::check::{check_bundle, damage_of};
use super::export::{Event, match_file_of};
use super::names::id_of;
use super::numbers::Choice;
use super::records::{RecordPlan, Recorded, records_of};
use super::report::report_of;
use super::structure::structure_of;
use crate::files::match_file::{self as file, ForeignId, Hits, MatchFile, PowerFactor, RuleKind};
use crate::files::miff::{read_miff, write_miff};
use crate::files::psc::{read_psc, write_psc};
use crate::files::samples;
use crate::files::text_report::{TextReport, read_text_report};

const REPORT: &[u8] = include_bytes!("../../../tests/data/paulbunyan2023/report.txt");

struct Nowhere;

impl Disk for Nowhere {
    type Error = std::convert::Infallible;

    fn commit(&mut self, _writes: &[Write]) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// An owner's device in memory.
struct Owner {
    replica: Replica,
    asked: u64,
}

impl Owner {
    fn new() -> Self {
        let identity = Identity {
            key: DeviceKey::from_seed([3; 32]),
            store: 7,
            label: "Owner".to_owned(),
            cloud: false,
            warrant: None,
        };
        let replica = Replica::open(identity, Stored::default(), Incarnation(9)).expect("opens");
        Self { replica, asked: 0 }
    }

    /// Founds an event from a file, locks it and records everything.
    fn founded(it: &MatchFile) -> Self {
        let mut owner = Self::new();
        let draft = structure_of(it, &with_scores()).expect("a structure");
        owner.ask(Command::Found(Founding {
            name: draft.name,
            nonce: [1; 16],
            discovery_key: [2; 16],
            cloud: Vec::new(),
            recovery: Vec::new(),
            structure: draft.structure,
            label: "Owner".to_owned(),
        }));
        owner.ask(Command::Lock);
        let plan = owner.plan(it, &draft.numbers);
        assert_eq!(plan.problems, Vec::<String>::new());
        owner.record(plan);
        owner
    }

    fn ask(&mut self, command: Command) -> Reply {
        self.asked += 1;
        let input = Input::Command {
            request: RequestId(self.asked),
            command: Box::new(command),
        };
        let now = Now {
            mono_ms: self.asked,
            wall_ms: 1_780_400_000_000 + self.asked,
        };
        let done = self.replica.step(now, vec![input]).persist(&mut Nowhere);
        let reply = done
            .map(|it| it.replies.into_iter().next())
            .expect("released");
        let (_, reply) = reply.expect("a reply");
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
        reply
    }

    fn entries(&mut self) -> Vec<EntryView> {
        self.replica.entries(&EntryFilter::default())
    }

    fn event(&self) -> (Uuid, String) {
        let (id, manifest) = self.replica.event().expect("an event");
        (id.uuid(), manifest.name.clone())
    }

    fn plan(&mut self, it: &MatchFile, numbers: &super::numbers::Numbers) -> RecordPlan {
        let roster = self.replica.roster().expect("a roster").clone();
        let (_, name) = self.event();
        let entries = self.entries();
        records_of(it, numbers, (&roster, &name), &entries)
    }

    fn changes(&self, it: &MatchFile) -> Changes {
        let (id, name) = self.event();
        let roster = self.replica.roster().expect("a roster");
        changes_of(it, (roster, &name), id, &with_scores()).expect("changes")
    }

    fn record(&mut self, plan: RecordPlan) {
        let mut recorded = Recorded::new();
        for it in plan.planned {
            let name = it.name;
            let older = it.replaces.map(|(name, _)| recorded[&name]);
            let command = it.command(older).expect("something is planned");
            let Reply::Saved(entries) = self.ask(command) else {
                panic!("not saved");
            };
            recorded.insert(name, *entries.last().expect("an entry"));
        }
    }

    fn with_event<T>(&mut self, look: impl FnOnce(&Event<'_>) -> T) -> T {
        let (id, name) = self.event();
        let entries = self.entries();
        let book = self.replica.book().expect("a book");
        let roster = self.replica.roster().expect("a roster");
        look(&Event {
            id,
            name: &name,
            roster,
            book: &book,
            entries: &entries,
        })
    }

    fn file(&mut self) -> MatchFile {
        self.with_event(match_file_of)
    }

    fn report(&mut self) -> TextReport {
        let standings = self.replica.standings().expect("standings");
        self.with_event(|event| report_of(event, &standings).expect("a report"))
    }
}

fn with_scores() -> Choice {
    Choice {
        scores: true,
        ..Choice::default()
    }
}

/// Leaves out what an event does not carry, as the module's documentation lists it.
fn carried(it: &MatchFile) -> MatchFile {
    let mut it = it.clone();
    let by_uuid = |id: &ForeignId| ForeignId::new(&id_of(id).to_string());
    let timed = it.kind != "uspsa_p";
    it.id = ForeignId::default();
    it.notes.clear();
    it.classes.clear();
    it.categories.clear();
    for rule in &mut it.rules {
        rule.once = false;
    }
    for stage in &mut it.stages {
        stage.id = by_uuid(&stage.id);
        stage.max_points = None;
    }
    for shooter in &mut it.shooters {
        shooter.id = by_uuid(&shooter.id);
        shooter.region.clear();
        shooter.walk_in = false;
        if timed && shooter.power_factor == PowerFactor::Minor {
            shooter.power_factor = PowerFactor::NotSaid;
        }
    }
    for score in &mut it.scores {
        score.stage = by_uuid(&score.stage);
        score.shooter = by_uuid(&score.shooter);
        score.device = file::Device::default();
        score.origin.clear();
        score.note.clear();
        score.raw_points = None;
        score.approval.marked = None;
        if score.dnf || score.chrono.is_some() || score.stage_dq.is_some() {
            score.approval = file::Approval::default();
        }
        if let Some(dq) = &mut score.stage_dq {
            dq.details.clear();
        }
        if let Some(chrono) = &mut score.chrono {
            for speed in &mut chrono.velocities_centifps {
                *speed = (*speed + 50) / 100 * 100;
            }
        }
        for list in [&mut score.penalties, &mut score.bonuses] {
            while list.last() == Some(&0) {
                list.pop();
            }
        }
    }
    // Slots stand by number in an event, by place in a file.
    let number = |id: &ForeignId| it.shooter(id).and_then(|shooter| shooter.number);
    let place = |id: &ForeignId| it.stages.iter().position(|stage| stage.id == *id);
    let mut scores = it.scores.clone();
    scores.sort_by_key(|score| (place(&score.stage), number(&score.shooter)));
    it.scores = scores;
    it
}

/// The samples, with hits that an event takes: those of Virginia Count sum to what is required.
fn matches() -> Vec<MatchFile> {
    let mut all = samples::all().to_vec();
    for score in all.iter_mut().flat_map(|it| &mut it.scores) {
        if score.extra.hits == 1
            && let Hits::PerTarget(targets) = &mut score.hits
        {
            targets[0].c = 0;
        }
    }
    all
}

#[test]
fn a_psc_becomes_an_event_and_a_psc_again() {
    for it in matches() {
        let psc = write_psc(&it).expect("written");
        let read = read_psc(&psc).expect("read").value;
        let again = Owner::founded(&read).file();
        assert_eq!(carried(&again), carried(&read), "{}", it.name);
        let psc = write_psc(&again).expect("written");
        assert_eq!(
            carried(&read_psc(&psc).expect("read").value),
            carried(&again)
        );
    }
}

#[test]
fn a_miff_becomes_an_event_and_a_miff_again() {
    for it in matches() {
        let read = read_miff(&write_miff(&it).expect("written"))
            .expect("read")
            .value;
        let again = Owner::founded(&read).file();
        assert_eq!(carried(&again), carried(&read), "{}", it.name);
        let miff = read_miff(&write_miff(&again).expect("written"))
            .expect("read")
            .value;
        assert_eq!(
            carried(&Owner::founded(&miff).file()),
            carried(&again),
            "{}",
            it.name
        );
    }
}

#[test]
fn a_file_that_is_taken_in_again_changes_nothing() {
    for it in matches() {
        let mut owner = Owner::founded(&it);
        let own = owner.file();
        // The file itself, and what the event wrote.
        for file in [&it, &own] {
            let changes = owner.changes(file);
            assert_eq!(changes.orders, Vec::<Order>::new(), "{}", it.name);
            let odd = changes
                .rows
                .iter()
                .find(|row| row.kind != RowKind::Unchanged);
            assert_eq!(odd, None, "{}", it.name);
            let plan = owner.plan(file, &changes.numbers);
            assert_eq!(plan.planned, Vec::new(), "{}", it.name);
            assert_eq!((plan.conflicts, plan.problems), (Vec::new(), Vec::new()));
            assert!(0 < plan.unchanged, "{}", it.name);
        }
    }
}

#[test]
fn what_is_new_or_differs_is_found_by_its_id() {
    let it = samples::ipsc();
    let mut owner = Owner::founded(&it);
    let mut changed = it;
    changed.shooters[0].squad = Some(9);
    changed.shooters[1].last_name = "Renamed".to_owned();
    changed.shooters.push(file::Shooter {
        id: ForeignId::new("late"),
        last_name: "Latecomer".to_owned(),
        division: "Open".to_owned(),
        ..file::Shooter::default()
    });
    changed.stages[0].steel = 3;
    changed.rules.push(file::Rule {
        id: ForeignId::new("new"),
        kind: RuleKind::Dq,
        text: "10.4.1 Discharge".to_owned(),
        value_centis: None,
        once: false,
    });
    let changes = owner.changes(&changed);
    let told: Vec<String> = changes
        .rows
        .iter()
        .filter(|row| row.kind != RowKind::Unchanged)
        .map(|row| format!("{:?} {} {}", row.kind, row.what, row.text))
        .collect();
    assert_eq!(
        told,
        [
            "New rule 5 10.4.1 Discharge",
            "Changed stage 1 First steps: steel 2 -> 3",
            "Changed shooter 1 Shooter 001, Test: squad 1 -> 9",
            "Changed shooter 2 Shooter 002, Test: name Shooter 002, Test -> Renamed, Test",
            told.last().expect("the new one"),
        ]
    );
    assert!(
        told[4].starts_with("New shooter ") && told[4].ends_with(" Latecomer"),
        "{told:?}"
    );
    for order in changes.orders {
        owner.ask(match order {
            Order::Roster(change) => {
                if let RosterChange::Add(shooter) = &change {
                    assert!(
                        1_000 < shooter.no.0,
                        "made of the id after the lock: {shooter:?}"
                    );
                }
                Command::Roster(change)
            }
            Order::Amend(change) => Command::Amend(tallyline_proto::model::Amend {
                change,
                note: String::new(),
            }),
        });
    }
    assert_eq!(owner.changes(&changed).orders, Vec::new(), "twice");
}

#[test]
fn who_was_erased_does_not_come_back_with_the_same_file() {
    use tallyline_proto::model::{Person, ShooterNo};
    let it = samples::ipsc();
    let mut owner = Owner::founded(&it);
    owner.ask(Command::Erase(Person::Shooter(ShooterNo(2))));
    let mut unnumbered = it.clone();
    for shooter in &mut unnumbered.shooters {
        shooter.number = None;
    }
    for file in [it, unnumbered] {
        let changes = owner.changes(&file);
        assert_eq!(changes.orders, Vec::<Order>::new());
        let plan = owner.plan(&file, &changes.numbers);
        assert_eq!(plan.planned, Vec::new());
    }
    let second = owner.file().shooters[1].clone();
    assert_eq!(
        (second.last_name.as_str(), second.member.as_str()),
        ("Shooter 2", "")
    );
}

#[test]
fn other_scores_are_told_and_left_as_they_are() {
    let it = samples::ipsc();
    let mut owner = Owner::founded(&it);
    let mut changed = it;
    let score = &mut changed.scores[1];
    assert!(!score.superseded, "{score:?}");
    score.string_centis = vec![1111];
    let numbers = owner.changes(&changed).numbers;
    let plan = owner.plan(&changed, &numbers);
    assert_eq!(plan.planned, Vec::new());
    let [conflict] = plan.conflicts.as_slice() else {
        panic!("{plan:?}");
    };
    assert!(conflict.contains("stage 1, shooter 1"), "{conflict}");
    assert!(
        conflict.contains("12.43 s") && conflict.contains("11.11 s"),
        "{conflict}"
    );
}

#[test]
fn a_score_that_does_not_fit_is_a_problem_and_a_draft_is_not() {
    let mut it = samples::ipsc();
    for score in &mut it.scores[..2] {
        let Hits::PerTarget(targets) = &mut score.hits else {
            panic!("no targets");
        };
        targets[0].a = 1;
    }
    let draft = structure_of(&it, &with_scores()).expect("a structure");
    let roster = tallyline_proto::rules::Roster::new(draft.structure);
    let plan = records_of(&it, &draft.numbers, (&roster, "Match"), &[]);
    assert_eq!(plan.drafts, 1);
    let [problem] = plan.problems.as_slice() else {
        panic!("{plan:?}");
    };
    assert!(
        problem.contains("stage 1, shooter 1: E03 target 1 has 1 of 2 hits"),
        "{problem}"
    );
}

#[test]
fn a_stage_that_no_event_can_have_founds_nothing() {
    let mut it = samples::ipsc();
    it.stages[0].scoring = file::Scoring::Other("Bianchi".to_owned());
    it.stages[1].strings = 17;
    let text = structure_of(&it, &with_scores())
        .expect_err("refuses")
        .to_string();
    assert!(
        text.contains("stage 1, scoring: found \"Bianchi\""),
        "{text}"
    );
    assert!(text.contains("stage 2, strings: found 17"), "{text}");
}

#[test]
fn another_match_is_refused() {
    let owner = Owner::founded(&samples::ipsc());
    let (id, name) = owner.event();
    let roster = owner.replica.roster().expect("a roster");
    let mut other = samples::uspsa();
    for stage in &mut other.stages {
        stage.id = ForeignId::new(&format!("other {}", stage.number));
    }
    let refused = changes_of(&other, (roster, &name), id, &with_scores());
    let text = refused.expect_err("refuses").to_string();
    assert!(
        text.contains("another match") && text.contains("--root"),
        "{text}"
    );
}

#[test]
fn the_real_report_becomes_an_event_and_the_same_report() {
    let report = read_text_report(REPORT).expect("reads").value;
    let it = report.to_match().value;
    let mut owner = Owner::founded(&it);
    let again = owner.report();
    assert_eq!(again.shooters.columns, report.shooters.columns);
    assert_eq!(again.stages.columns, report.stages.columns);
    assert_eq!(again.scores.columns, report.scores.columns);
    assert_eq!(again.stages.rows, report.stages.rows);
    assert_eq!(again.shooters.rows.len(), 72);
    for (own, theirs) in again.shooters.rows.iter().zip(&report.shooters.rows) {
        let bare = |row: &crate::files::text_report::ReportShooter| {
            let mut row = row.clone();
            // Constants of other guns, which an event does not have.
            row.other
                .retain(|column, _| ["Female", "Age", "Law", "Military"].contains(&&**column));
            row
        };
        assert_eq!(bare(own), bare(theirs));
    }
    assert_eq!(again.scores.rows.len(), report.scores.rows.len());
    let division = |no: u32| {
        let shooter = report.shooters.rows.iter().find(|it| it.number == no);
        shooter.map(|it| it.division.clone())
    };
    let mut equal_places = 0;
    for (own, theirs) in again.scores.rows.iter().zip(&report.scores.rows) {
        let mut theirs = theirs.clone();
        theirs.double_poppers = 0;
        theirs.double_popper_misses = 0;
        let mut own = own.clone();
        own.other = theirs.other.clone();
        // The app numbers equal results on; here they share a place.
        let place = own.place.expect("a place");
        let shared = again.scores.rows.iter().filter(|it| {
            it.stage == own.stage
                && it.stage_points_e4 == own.stage_points_e4
                && it.hit_factor_e4 == own.hit_factor_e4
                && division(it.shooter) == division(own.shooter)
        });
        let shared = u32::try_from(shared.count()).expect("few");
        let within = theirs
            .place
            .filter(|it| (place..place + shared).contains(it));
        assert!(within.is_some(), "{own:?}, expected {theirs:?}");
        equal_places += usize::from(theirs.place == own.place);
        theirs.place = own.place;
        // What was shot before a DNF, or on a stage that ended in a DQ, is not recorded.
        if theirs.hit_factor_e4 == 0 && theirs.time_centis == 0 {
            (theirs.hits, theirs.raw_points) = (own.hits, own.raw_points);
        }
        assert_eq!(own, theirs);
    }
    assert_eq!(equal_places, 478, "of 494; the others are within ties");
    // And once more, now with nothing that a report does not have.
    let twice = Owner::founded(&again.to_match().value).report();
    assert_eq!(twice.scores.rows, again.scores.rows);
    assert_eq!(twice.shooters.rows, again.shooters.rows);
}

#[test]
fn a_bundle_is_checked_by_itself_and_every_cut_and_change_is_told() {
    let mut owner = Owner::founded(&samples::ipsc());
    let bundle = owner.replica.bundle();
    let report = check_bundle(&bundle).expect("a bundle");
    assert!(report.ok, "{report:?}");
    let entries = u64::try_from(owner.entries().len()).expect("few");
    assert_eq!(report.entries, entries);
    let standings = owner.replica.standings().expect("standings");
    assert_eq!(
        report.standings_digest,
        crate::root::hex(&standings.digest())
    );
    assert!(check_bundle(b"no bundle").is_err(), "taken");
    assert_eq!(damage_of(&bundle), Ok(Vec::new()));
    let mut noticed = 0;
    for end in (0..bundle.len()).step_by(7) {
        let damaged = damage_of(&bundle[..end]).map_or(true, |damage| !damage.is_empty());
        let held = check_bundle(&bundle[..end]).is_ok_and(|report| report.ok);
        assert_ne!(damaged, held, "cut at {end}");
        match check_bundle(&bundle[..end]) {
            Ok(report) if report.ok => {
                // A whole number of frames is a bundle of less; what is here holds.
                assert!(report.entries < entries, "cut at {end}");
            }
            Ok(report) => {
                assert!(report.problems[0].contains("byte"), "{report:?}");
                noticed += 1;
            }
            Err(_) => noticed += 1,
        }
    }
    assert!(bundle.len() / 7 - 5 < noticed, "{noticed}");
    for place in (19..bundle.len()).step_by(11) {
        let mut altered = bundle.clone();
        altered[place] ^= 0x10;
        let held =
            check_bundle(&altered).is_ok_and(|report| report.ok && report.entries == entries);
        assert!(!held, "altered at {place}");
    }
}

/// The event that no file has, with scores by target, steel, a procedural by its rule, a stage DQ
/// and a DNF.
fn own_event() -> Owner {
    let mut it = samples::ipsc();
    it.shooters[0].squad = Some(4);
    it.shooters[0].team = "Rovers".to_owned();
    it.shooters[0].categories = vec!["Senior".to_owned(), "Press".to_owned()];
    Owner::founded(&it)
}

/// The event's own report, imported, set targets and steel to what a report can say, after which no
/// score fitted; it put everybody into squad 999; and it was no match for what came from a psc.
#[test]
fn the_report_of_an_event_changes_nothing_in_it() {
    let mut owner = own_event();
    let report = owner.report().to_text();
    let it = read_text_report(report.as_bytes())
        .expect("reads")
        .value
        .to_match()
        .value;
    let mut changes = owner.changes(&it);
    let entries = owner.entries();
    let plan = records_of(&it, &changes.numbers, (&changes.after, "Match"), &entries);
    changes.leave_out_unused(&plan);
    assert_eq!(changes.orders, Vec::<Order>::new(), "{:?}", changes.rows);
    assert_eq!(plan.planned, Vec::new());
    assert_eq!(
        (plan.conflicts, plan.problems),
        (Vec::<String>::new(), Vec::<String>::new())
    );
    assert!(0 < plan.unchanged, "nothing was compared");
}

/// A file that says no squad, team, class or category took the owner's away.
#[test]
fn what_a_file_does_not_say_of_a_shooter_stays() {
    let owner = own_event();
    let mut it = samples::ipsc();
    for shooter in &mut it.shooters {
        shooter.squad = None;
        shooter.categories.clear();
        shooter.team.clear();
        shooter.class.clear();
        shooter.member.clear();
        shooter.division.clear();
        shooter.power_factor = PowerFactor::NotSaid;
    }
    let changes = owner.changes(&it);
    assert_eq!(changes.orders, Vec::<Order>::new(), "{:?}", changes.rows);
}

/// A score that differs in its sums is still told.
#[test]
fn a_report_with_other_sums_differs() {
    let mut owner = own_event();
    let mut it = owner.report().to_match().value;
    let score = it
        .scores
        .iter_mut()
        .find(|score| !score.string_centis.is_empty())
        .expect("a run");
    let Hits::Sums(sums) = &mut score.hits else {
        panic!("no sums");
    };
    sums.a -= 1;
    sums.c += 1;
    let numbers = owner.changes(&it).numbers;
    let plan = owner.plan(&it, &numbers);
    assert_eq!(plan.conflicts.len(), 1, "{plan:?}");
}

/// A run whose time was lost became a DNF without a word.
#[test]
fn hits_without_a_time_are_a_problem() {
    let mut it = samples::ipsc();
    let score = it
        .scores
        .iter_mut()
        .find(|score| !score.superseded && score.has_hits() && !score.string_centis.is_empty())
        .expect("a run");
    score.string_centis.clear();
    let draft = structure_of(&it, &with_scores()).expect("a structure");
    let roster = tallyline_proto::rules::Roster::new(draft.structure);
    let plan = records_of(&it, &draft.numbers, (&roster, "Match"), &[]);
    let [problem] = plan.problems.as_slice() else {
        panic!("{:?}", plan.problems);
    };
    assert!(problem.contains("E06 hits and no time"), "{problem}");
}
