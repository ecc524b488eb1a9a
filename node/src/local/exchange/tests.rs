//! Files at a root, as people have them taken in and written.

use std::collections::BTreeMap;
use std::fs;

use super::super::offline::call;
use super::super::protocol::{
    Entries, EntriesQuery, EventCreate, EventInfo, EventPhase, Exported, Import, Imported, Nothing,
    PhaseWord, Request, StandingsData, StandingsQuery,
};
use super::*;
use crate::demo::as_file;
use crate::files::samples;
use crate::local::fixture::STRUCTURE;
use crate::root::{Mode, PassphraseSource, Root, unhex};

/// A device, and files beside it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Root::create(&folder.path().join("root"), "Owner", Mode::Device).expect("creates");
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn ask(&self, request: Request) -> Answer {
        call(&self.root(), &PassphraseSource::Nowhere, request.into())
    }

    fn done<T: for<'de> serde::Deserialize<'de>>(&self, request: Request) -> T {
        self.ask(request).data().expect("done")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    fn import(&self, asked: &FileImport) -> FileImported {
        self.done(Request::FileImport(asked.clone()))
    }

    fn refused(&self, asked: &FileImport) -> Problem {
        self.ask(Request::FileImport(asked.clone()))
            .data::<FileImported>()
            .expect_err("refused")
    }

    /// Everything of the root, byte by byte.
    fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|it| it != "lock") {
                    let bytes = fs::read(&path).expect("read");
                    all.insert(path, bytes);
                }
            }
        }
        all
    }

    fn revision(&self) -> u32 {
        self.done::<EventInfo>(Request::EventShow(Nothing {}))
            .revision
    }

    fn history(&self) -> Entries {
        self.done(Request::ScoreHistory(EntriesQuery::default()))
    }

    fn standings(&self) -> StandingsData {
        self.done(Request::Standings(StandingsQuery {
            all: true,
            ..StandingsQuery::default()
        }))
    }

    fn export(&self, format: FileFormat) -> Vec<u8> {
        let told: FileExported = self.done(Request::FileExport(FileExport { format }));
        unhex(&told.bytes).expect("hex")
    }
}

fn asked(path: String, format: FileFormat) -> FileImport {
    FileImport {
        path,
        format,
        scores: false,
        skip_problems: false,
        add_duplicates: false,
        profile: None,
        division: None,
        name: None,
        zone_min: 0,
        cloud_keys: Vec::new(),
        recovery_cards: 0,
        colours: false,
    }
}

fn with_scores(path: String, format: FileFormat) -> FileImport {
    FileImport {
        scores: true,
        ..asked(path, format)
    }
}

#[test]
fn a_psc_founds_an_event_and_again_changes_nothing() {
    let desk = Desk::new();
    let psc = write_psc(&samples::ipsc()).expect("written");
    let asked = with_scores(desk.file("match.psc", &psc), FileFormat::Psc);
    let before = desk.bytes();
    let seen: FileImported = desk.done(Request::FilePreview(asked.clone()));
    assert!(seen.founds && !seen.written, "{seen:?}");
    assert!(seen.text.contains("shooters  4 new"), "{}", seen.text);
    assert_eq!(desk.bytes(), before, "a look writes nothing");
    let told = desk.import(&asked);
    assert!(told.written && told.founded.is_some(), "{told:?}");
    let (revision, history, standings) = (desk.revision(), desk.history(), desk.standings());
    let scores = told.scores.expect("scores");
    let entries = u64::try_from(history.entries.len()).expect("few");
    assert_eq!((scores.entries, scores.new), (entries, 6));
    let again = desk.import(&asked);
    assert_eq!((again.rows.new, again.rows.changed), (0, 0), "{again:?}");
    let scores = again.scores.expect("scores");
    assert_eq!(
        (scores.new, scores.conflicts, scores.entries),
        (0, 0, 0),
        "{again:?}"
    );
    assert_eq!((desk.revision(), desk.history()), (revision, history));
    assert_eq!(desk.standings(), standings);
    let own = desk.export(FileFormat::Psc);
    let own = desk.import(&with_scores(desk.file("own.psc", &own), FileFormat::Psc));
    assert_eq!((own.rows.new, own.rows.changed), (0, 0), "{own:?}");
}

#[test]
fn a_look_at_an_event_that_is_there_writes_nothing() {
    let desk = Desk::new();
    let psc = write_psc(&samples::ipsc()).expect("written");
    desk.import(&with_scores(desk.file("match.psc", &psc), FileFormat::Psc));
    let mut changed = samples::ipsc();
    changed.shooters[0].squad = Some(8);
    let psc = write_psc(&changed).expect("written");
    let asked = with_scores(desk.file("changed.psc", &psc), FileFormat::Psc);
    let before = desk.bytes();
    let seen: FileImported = desk.done(Request::FilePreview(asked.clone()));
    assert_eq!(seen.rows.changed, 1, "{seen:?}");
    assert_eq!(desk.bytes(), before);
    let revision = desk.revision();
    desk.import(&asked);
    assert_eq!(desk.revision(), revision + 1);
    desk.import(&asked);
    assert_eq!(desk.revision(), revision + 1, "once");
}

#[test]
fn the_real_match_gives_the_results_of_the_app() {
    let desk = Desk::new();
    let psc = write_psc(&as_file::match_file()).expect("written");
    let asked = with_scores(desk.file("wasa.psc", &psc), FileFormat::Psc);
    let told = desk.import(&asked);
    assert_eq!(told.stopped, None);
    let standings = desk.standings();
    assert_eq!(as_file::first_other(&standings), None);
    let again = desk.import(&asked).scores.expect("scores");
    assert_eq!(
        (again.new, again.conflicts, again.entries),
        (0, 0, 0),
        "{again:?}"
    );
    // Out again and into another event: the same tables.
    let other = Desk::new();
    for (format, name) in [(FileFormat::Psc, "own.psc"), (FileFormat::Miff, "own.miff")] {
        let own = desk.export(format);
        let seen: FileImported = other.done(Request::FilePreview(with_scores(
            other.file(name, &own),
            format,
        )));
        assert_eq!(seen.stopped, None, "{name}");
    }
    let own = desk.export(FileFormat::Psc);
    other.import(&with_scores(other.file("own.psc", &own), FileFormat::Psc));
    assert_eq!(as_file::first_other(&other.standings()), None);
}

#[test]
fn a_broken_file_is_told_with_place_and_advice_and_writes_nothing() {
    let desk = Desk::new();
    let before = desk.bytes();
    let mut other = samples::ipsc();
    other.stages[0].scoring = crate::files::match_file::Scoring::Other("Bianchi".to_owned());
    let other = write_psc(&other).expect("written");
    let psc = write_psc(&samples::ipsc()).expect("written");
    let miff = write_miff(&samples::ipsc()).expect("written");
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let report = "$PRACTISCORE 1.682 RESULTS\nZ 3.0\nD Comp,USPSA,DQPistol\nE x,M1,No\n$END";
    let cases: [(&str, Vec<u8>, FileFormat, &[&str]); 6] = [
        ("half.psc", half(&psc), FileFormat::Psc, &["zip"]),
        (
            "half.miff",
            half(&miff),
            FileFormat::Miff,
            &["damaged", "again"],
        ),
        (
            "text.miff",
            b"text".to_vec(),
            FileFormat::Miff,
            &["gzip", "export"],
        ),
        (
            "report.txt",
            report.into(),
            FileFormat::Report,
            &["line 4, column \"Comp\"", "\"x\""],
        ),
        (
            "other.psc",
            other,
            FileFormat::Psc,
            &["stage 1, scoring", "Bianchi", "choose"],
        ),
        ("empty.txt", Vec::new(), FileFormat::Report, &["report"]),
    ];
    for (name, bytes, format, expected) in cases {
        let path = desk.file(name, &bytes);
        let problem = desk.refused(&with_scores(path, format));
        assert_eq!(problem.exit, exits::USAGE, "{name}: {problem}");
        for part in expected {
            assert!(
                problem.text.contains(part),
                "{name}: {problem} lacks {part}"
            );
        }
        assert!(
            problem.text.contains("Nothing was written."),
            "{name}: {problem}"
        );
        assert_eq!(desk.bytes(), before, "{name}");
    }
}

#[test]
fn a_folder_is_read_as_the_file_that_was_unpacked() {
    let desk = Desk::new();
    let folder = desk.folder.path().join("unpacked");
    fs::create_dir(&folder).expect("a folder");
    let texts = crate::files::psc::texts(&samples::uspsa()).expect("texts");
    fs::write(folder.join(DEFINITION), texts.definition).expect("written");
    fs::write(folder.join(SCORES), texts.scores).expect("written");
    fs::write(folder.join("stage1.jpg"), "a picture").expect("written");
    let path = folder.to_str().expect("UTF-8").to_owned();
    let told = desk.import(&asked(path, FileFormat::Psc));
    assert!(told.written, "{told:?}");
    let info: EventInfo = desk.done(Request::EventShow(Nothing {}));
    assert_eq!(
        (info.name.as_str(), info.ruleset.as_str()),
        ("Club Match", "uspsa")
    );
    assert!(!info.locked, "nobody asked for scores");
    let around = desk.folder.path().to_str().expect("UTF-8").to_owned();
    let seen: FileImported = desk.done(Request::FilePreview(asked(around, FileFormat::Psc)));
    assert_eq!(seen.rows.new, 0, "the folder around it means the same");
}

fn founded() -> Desk {
    let desk = Desk::new();
    let create = EventCreate {
        name: Some("Spring".to_owned()),
        structure: STRUCTURE.to_owned(),
        cloud_keys: Vec::new(),
        recovery_cards: 0,
    };
    assert!(
        matches!(desk.ask(Request::EventCreate(create)), Answer::Ok(_)),
        "founded"
    );
    desk
}

#[test]
fn a_list_is_previewed_taken_in_and_its_columns_are_remembered() {
    let desk = founded();
    let list = "First Name,Last Name,Member #,Div,Gruppe\nJohn,Doe,A12345,Open,2\n\
                Ann,Roe,A12346,Opem,2\n";
    let path = desk.file("list.csv", list.as_bytes());
    let asked = asked(path, FileFormat::Registration);
    let before = desk.bytes();
    let seen: FileImported = desk.done(Request::FilePreview(asked.clone()));
    assert!(
        seen.text.contains("2 rows: 1 new, 1 problem"),
        "{}",
        seen.text
    );
    assert!(seen.text.contains("line 3"), "{}", seen.text);
    assert!(
        seen.text.contains("did you mean \"Open\"?"),
        "{}",
        seen.text
    );
    let told = desk.import(&asked);
    let stopped = told.stopped.expect("stopped");
    assert!(
        stopped.contains("fix line 3 or pass --skip-problems"),
        "{stopped}"
    );
    assert!(!told.written, "written");
    assert_eq!(desk.bytes(), before, "a problem stops everything");
    let skip = FileImport {
        skip_problems: true,
        ..asked.clone()
    };
    assert!(desk.import(&skip).written, "not written");
    let profile = desk.root().join("profiles").join("registration.toml");
    let text = fs::read_to_string(&profile).expect("a profile");
    // A person says what the last column means; from then on it is so.
    let text = text.replace("Gruppe = \"ignored\"", "Gruppe = \"squad\"");
    fs::write(&profile, text).expect("written");
    let seen: FileImported = desk.done(Request::FilePreview(asked.clone()));
    assert!(
        seen.text.contains("(profile: registration, saved)"),
        "{}",
        seen.text
    );
    assert!(seen.text.contains("\"Gruppe\" -> squad"), "{}", seen.text);
    let list = "First Name,Last Name,Member #,Div,Gruppe\nJohn,Doe,A12345,Open,3\n";
    let path = desk.file("list.csv", list.as_bytes());
    let told = desk.import(&FileImport {
        path,
        ..asked.clone()
    });
    assert_eq!((told.written, told.rows.changed), (true, 1), "{told:?}");
    let revision = desk.revision();
    let again = desk.import(&asked);
    assert_eq!((again.rows.new, again.rows.unchanged), (0, 1), "{again:?}");
    assert_eq!(desk.revision(), revision);
    let bad = FileImport {
        profile: Some("../x".to_owned()),
        ..asked
    };
    assert_eq!(desk.refused(&bad).exit, exits::USAGE);
}

#[test]
fn scores_wait_for_the_lock_and_lists_for_an_event() {
    let desk = Desk::new();
    let list = desk.file("list.csv", b"First,Last\nA,B\n");
    let problem = desk.refused(&asked(list, FileFormat::Registration));
    assert!(problem.text.contains("event create"), "{problem}");
    let psc = write_psc(&samples::ipsc()).expect("written");
    let path = desk.file("match.psc", &psc);
    desk.import(&asked(path.clone(), FileFormat::Psc));
    let problem = desk.refused(&with_scores(path, FileFormat::Psc));
    assert_eq!(
        (problem.code.as_str(), problem.exit),
        ("E12", exits::REFUSED)
    );
}

/// The stages of a match whose results were posted were changed by a file that was then refused
/// for its scores.
#[test]
fn a_final_event_takes_no_file_at_all() {
    let desk = Desk::new();
    let psc = write_psc(&samples::ipsc()).expect("written");
    desk.import(&with_scores(desk.file("match.psc", &psc), FileFormat::Psc));
    let phase = EventPhase {
        phase: PhaseWord::Final,
        review_minutes: None,
        confirmed: true,
        note: String::new(),
    };
    assert!(
        matches!(desk.ask(Request::EventPhase(phase)), Answer::Ok(_)),
        "final"
    );
    let mut changed = samples::ipsc();
    changed.stages[0].steel = 3;
    let psc = write_psc(&changed).expect("written");
    let psc = desk.file("changed.psc", &psc);
    let list = desk.file("list.csv", b"First,Last,Division\nA,B,Open\n");
    let before = desk.bytes();
    for asked in [
        with_scores(psc.clone(), FileFormat::Psc),
        asked(psc, FileFormat::Psc),
        asked(list, FileFormat::Registration),
    ] {
        let seen: FileImported = desk.done(Request::FilePreview(asked.clone()));
        let problem = desk.refused(&asked);
        assert!(problem.text.contains("results are final"), "{problem}");
        assert_eq!(seen.forbidden, Some(problem), "the look says so, too");
        assert_eq!(desk.bytes(), before);
    }
}

/// A list of 10,000 people used up the owner's statements, and the event could never be locked.
#[test]
fn a_list_leaves_the_owner_the_statements_that_the_match_needs() {
    let desk = founded();
    let rows = (0..3_600).map(|nth| format!("A,B{nth},Open"));
    let lines = ["First,Last,Division".to_owned()].into_iter().chain(rows);
    let list = lines.collect::<Vec<_>>().join("\n");
    let asked = asked(
        desk.file("list.csv", list.as_bytes()),
        FileFormat::Registration,
    );
    let problem = desk.refused(&asked);
    assert_eq!(
        (problem.code.as_str(), problem.exit),
        ("E21", exits::REFUSED)
    );
    assert!(problem.text.contains("3600 statements"), "{problem}");
}

#[test]
fn what_only_a_founding_takes_is_refused_where_an_event_is() {
    let desk = Desk::new();
    let psc = write_psc(&samples::ipsc()).expect("written");
    let asked = asked(desk.file("match.psc", &psc), FileFormat::Psc);
    desk.import(&asked);
    let named = FileImport {
        name: Some("Other".to_owned()),
        zone_min: 120,
        ..asked
    };
    let problem = desk.refused(&named);
    assert_eq!(problem.exit, exits::USAGE);
    assert!(problem.text.contains("--name, --zone-min"), "{problem}");
}

/// A bundle that was cut or altered was taken in in part, and the command told of success.
#[test]
fn a_damaged_bundle_is_refused_and_rescued_on_demand() {
    let desk = Desk::new();
    let psc = write_psc(&samples::ipsc()).expect("written");
    desk.import(&with_scores(desk.file("match.psc", &psc), FileFormat::Psc));
    let exported: Exported = desk.done(Request::Export(Nothing {}));
    let bundle = unhex(&exported.bundle).expect("hex");
    let other = Desk::new();
    let mut altered = bundle.clone();
    altered[bundle.len() * 3 / 4] ^= 1;
    for (name, bytes) in [
        ("altered", &altered[..]),
        ("cut", &bundle[..bundle.len() - 5]),
    ] {
        let import = |rescue| {
            let path = other.file(name, bytes);
            Request::Import(Import { path, rescue })
        };
        let problem = other.ask(import(false)).data::<Imported>().expect_err(name);
        assert_eq!(problem.exit, exits::STORAGE, "{problem}");
        assert!(problem.text.contains("frame "), "{problem}");
        let show = other.ask(Request::EventShow(Nothing {}));
        show.data::<EventInfo>().expect_err("an event was taken in");
        if name == "cut" {
            let told: Imported = other.done(import(true));
            assert!(0 < told.fresh, "{told:?}");
        }
    }
    let path = other.file("whole", &bundle);
    let whole = Request::Import(Import {
        path,
        rescue: false,
    });
    let told: Imported = other.done(whole);
    assert_eq!(told.refused, 0, "{told:?}");
    assert_eq!(other.standings(), desk.standings());
}

#[test]
fn an_event_has_a_name_of_one_line() {
    let desk = Desk::new();
    let create = EventCreate {
        name: Some("Spring\nMatch".to_owned()),
        structure: STRUCTURE.to_owned(),
        cloud_keys: Vec::new(),
        recovery_cards: 0,
    };
    let refused = desk.ask(Request::EventCreate(create));
    let problem = refused.data::<Nothing>().expect_err("refused");
    assert!(problem.text.contains("line break"), "{problem}");
}

/// Who has a name that an event cuts was added again by every list.
#[test]
fn what_is_too_long_for_an_event_is_a_problem() {
    let desk = founded();
    let list = format!(
        "First,Last,Member,Division\nA,{},A1,Open\nB,C,{},Open\n",
        "x".repeat(70),
        "9".repeat(33)
    );
    let path = desk.file("list.csv", list.as_bytes());
    let told = desk.import(&asked(path, FileFormat::Registration));
    assert_eq!((told.written, told.rows.problems), (false, 2), "{told:?}");
    assert!(
        told.text.contains("name has 73 bytes, limit 64"),
        "{}",
        told.text
    );
    let member = "member number has 33 bytes, limit 32";
    assert!(told.text.contains(member), "{}", told.text);
}

/// With a relative --root every list after the first was refused: its own profile has no whole path.
#[test]
fn a_profile_is_found_below_a_relative_root() {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let dir = Path::new(folder.path().file_name().expect("a name"));
    fs::create_dir(dir.join(PROFILES)).expect("a folder");
    let text = "profile = \"registration\"\n[columns]\nGruppe = \"squad\"";
    fs::write(dir.join(PROFILES).join("registration.toml"), text).expect("written");
    let asked = asked(String::new(), FileFormat::Registration);
    let kept = kept_profile(dir, &asked).expect("read");
    assert!(kept.is_some(), "not found");
}

/// Scores were compared with how they were read before the file changed their stage, so the next
/// look at the same file said something else.
#[test]
fn a_look_knows_what_a_changed_stage_does_to_its_scores() {
    let desk = Desk::new();
    let psc = write_psc(&samples::ipsc()).expect("written");
    desk.import(&with_scores(desk.file("match.psc", &psc), FileFormat::Psc));
    let mut changed = samples::ipsc();
    changed.stages[0].steel = 3;
    let psc = write_psc(&changed).expect("written");
    let asked = FileImport {
        skip_problems: true,
        ..with_scores(desk.file("changed.psc", &psc), FileFormat::Psc)
    };
    let before: FileImported = desk.done(Request::FilePreview(asked.clone()));
    let told = desk.import(&asked);
    let after: FileImported = desk.done(Request::FilePreview(asked));
    assert_eq!(before.rows.changed, 1, "{before:?}");
    assert_eq!(before.scores, after.scores);
    assert_eq!(before.conflicts, told.conflicts);
}
