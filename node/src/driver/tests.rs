use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tallyline_proto::model::Ticket;
use tallyline_proto::replica::{Disk as _, Write};
use tallyline_proto::rules::Roster;

use super::*;
use crate::local::fixture;
use crate::store::Store;
use crate::store::bounded::Bounded;

/// A link that remembers what it was told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn note(&self, what: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(what.to_owned());
    }

    fn count(&self, what: &str) -> usize {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|it| it.as_str() == what).count()
    }
}

impl Link for Told {
    fn send(&self, _peer: PeerId, _frame: Vec<u8>) {
        self.note("send");
    }
    fn close(&self, _peer: PeerId, _reason: Reason) {
        self.note("close");
    }
    fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Members(_) => self.note("members"),
            Notice::Discover { .. } => self.note("discover"),
            Notice::Grew { .. } => self.note("grew"),
            Notice::Guests(_) => self.note("guests"),
            Notice::Call { .. } => self.note("call"),
            Notice::Agreed { .. } => self.note("agreed"),
            Notice::Receipted { .. } => self.note("receipted"),
            Notice::Refused { .. } => self.note("refused"),
        }
    }
    fn reset(&self) {
        self.note("reset");
    }
    fn joining(&self, ticket: Option<&Ticket>) {
        self.note(if ticket.is_some() {
            "joining"
        } else {
            "not joining"
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn start_on(disk: &Bounded, dir: &tempfile::TempDir, link: &Arc<Told>) -> (Driver, DriverThread) {
    start_near(&Arc::default(), disk, dir, link)
}

/// As [`start_on`], with a disk that cannot be opened while it is away.
fn start_near(
    away: &Arc<AtomicBool>,
    disk: &Bounded,
    dir: &tempfile::TempDir,
    link: &Arc<Told>,
) -> (Driver, DriverThread) {
    let root = Root::open(dir.path()).expect("opens");
    let (disk, away) = (disk.clone(), Arc::clone(away));
    let opener: Opener = Box::new(move |content| {
        assert_eq!(content, Content::Keep, "the content holds");
        if away.load(Ordering::SeqCst) {
            return Err(StoreError::Disk("nobody answers".to_owned()));
        }
        Store::with_backend(disk.clone(), 1).map(Into::into)
    });
    let origin = Origin {
        home: Box::new(root),
        clock: Clock::start(),
        opener,
    };
    let link: Arc<dyn Link> = Arc::<Told>::clone(link);
    Driver::start_on(origin, link).expect("starts")
}

fn root() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    Root::create(dir.path(), "Tablet 1", Mode::Device).expect("creates");
    dir
}

async fn height(driver: &Driver) -> u64 {
    let heights = driver
        .query(|replica, _| replica.logs().iter().map(|log| log.height).sum::<u64>())
        .await;
    heights.expect("answers")
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let dir = root();
    let link: Arc<dyn Link> = Arc::new(NoLink);
    let start = || {
        let root = Root::open(dir.path()).expect("opens");
        Driver::start(root, Arc::clone(&link), Clock::start()).expect("starts")
    };
    let (driver, thread) = start();
    let before = runtime().block_on(async {
        let reply = driver.command(fixture::found("A")).await.expect("saves");
        assert!(matches!(reply, Reply::Founded(_)), "{reply:?}");
        let reply = driver.command(Command::Lock).await.expect("saves");
        assert_eq!(reply, Reply::Locked);
        driver.stop().await;
        driver.ended().await;
        assert_eq!(
            driver.command(Command::Lock).await,
            Err(CommandFailed::Stopped(Stopped))
        );
        driver.key()
    });
    thread.join().expect("ends well");

    let (driver, thread) = start();
    runtime().block_on(async {
        let name = driver
            .query(|replica, _| replica.event().map(|(_, it)| it.name.clone()))
            .await;
        assert_eq!(name, Ok(Some("A".to_owned())));
        let locked = driver
            .query(|replica, _| replica.roster().map(Roster::locked))
            .await;
        assert_eq!(locked, Ok(Some(true)));
        assert_eq!(driver.key(), before);
    });
    drop(driver);
    thread.join().expect("ends when the last handle goes");
}

/// A process that died between its commit and the keeping left the manifest beside the store out for
/// ever, and a store damaged later meant joining again.
#[test]
fn a_manifest_that_was_not_kept_is_kept_at_the_next_start() {
    let dir = root();
    let link: Arc<dyn Link> = Arc::new(NoLink);
    let open = || Root::open(dir.path()).expect("opens");
    let live = |work: Option<Command>| {
        let (driver, thread) =
            Driver::start(open(), Arc::clone(&link), Clock::start()).expect("starts");
        runtime().block_on(async {
            if let Some(command) = work {
                driver.command(command).await.expect("saves");
            }
        });
        drop(driver);
        thread.join().expect("ends well");
    };
    live(Some(fixture::found("A")));
    let kept = open().kept_manifest().expect("is kept");
    std::fs::remove_file(dir.path().join("event.manifest")).expect("is a file");
    assert_eq!(open().kept_manifest(), None, "is gone");
    live(None);
    assert_eq!(open().kept_manifest(), Some(kept), "is kept again");
}

#[test]
fn a_root_has_one_driver() {
    let dir = root();
    let open = || Root::open(dir.path()).expect("opens");
    let (_driver, _thread) =
        Driver::start(open(), Arc::new(NoLink), Clock::start()).expect("starts");
    let error = Driver::start(open(), Arc::new(NoLink), Clock::start()).expect_err("refuses");
    assert!(
        matches!(error, StartError::Root(RootError::InUse { .. })),
        "{error}"
    );
}

#[test]
fn the_link_learns_members_and_discovery_at_the_start_and_when_they_change() {
    let dir = root();
    let disk = Bounded::new();
    let link = Arc::new(Told::default());
    let (driver, thread) = start_on(&disk, &dir, &link);
    runtime().block_on(async {
        driver.command(fixture::found("A")).await.expect("saves");
    });
    assert!(0 < link.count("discover"), "not told at the founding");
    drop(driver);
    thread.join().expect("ends");

    let link = Arc::new(Told::default());
    let (driver, thread) = start_on(&disk, &dir, &link);
    drop(driver);
    thread.join().expect("ends");
    assert_eq!(link.count("members"), 1);
    assert_eq!(link.count("discover"), 1);
}

#[test]
fn a_full_disk_answers_not_saved_and_scoring_goes_on_when_it_has_room() {
    let dir = root();
    let disk = Bounded::new();
    let link = Arc::new(Told::default());
    let (driver, thread) = start_on(&disk, &dir, &link);
    runtime().block_on(async {
        driver.command(fixture::found("A")).await.expect("saves");
        driver.command(Command::Lock).await.expect("saves");
        for number in 0..3 {
            let reply = driver.command(fixture::admit(number)).await;
            assert_eq!(reply, Ok(Reply::Admitted));
        }
        let saved = height(&driver).await;
        disk.bound(0);
        let failed = driver.command(fixture::admit(3)).await.expect_err("full");
        let CommandFailed::NotSaved(reason) = failed else {
            panic!("{failed:?}")
        };
        assert!(reason.contains("full"), "{reason}");
        assert_eq!(link.count("reset"), 1);
        assert!(
            driver.trouble().is_some_and(|it| it.contains("full")),
            "status says nothing"
        );
        driver
            .command(fixture::admit(3))
            .await
            .expect_err("still full");

        disk.bound(u64::MAX);
        let reply = loop {
            if let Ok(reply) = driver.command(fixture::admit(3)).await {
                break reply;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(reply, Reply::Admitted);
        assert_eq!(driver.trouble(), None);
        assert_eq!(height(&driver).await, saved + 1);
    });
    drop(driver);
    thread.join().expect("ends");
}

/// A node whose database was away let everybody who asked it wait until it was there again.
#[test]
fn a_question_does_not_wait_for_a_store_that_is_away() {
    let (dir, disk, away) = (root(), Bounded::new(), Arc::new(AtomicBool::new(false)));
    let (driver, thread) = start_near(&away, &disk, &dir, &Arc::default());
    runtime().block_on(async {
        driver.command(fixture::found("A")).await.expect("saves");
        let saved = height(&driver).await;
        disk.bound(0);
        away.store(true, Ordering::SeqCst);
        driver.command(Command::Lock).await.expect_err("full");
        for _ in 0..3 {
            let asked = driver.query(|_, _| ()).await;
            let Err(Unanswered::Shut(reason)) = asked else {
                panic!("{asked:?}")
            };
            assert!(reason.contains("nobody answers"), "{reason}");
            let caught_up = driver.catch_up().await;
            assert!(
                matches!(caught_up, Err(Unanswered::Shut(_))),
                "{caught_up:?}"
            );
        }
        disk.bound(u64::MAX);
        away.store(false, Ordering::SeqCst);
        assert_eq!(height(&driver).await, saved, "it waits for the next try");
        assert_eq!(driver.catch_up().await, Ok(()));
    });
    drop(driver);
    thread.join().expect("ends");
}

#[test]
fn content_that_does_not_hold_is_moved_aside() {
    let dir = root();
    let path = Root::open(dir.path()).expect("opens").store_path();
    let mut store = Store::open(&path).expect("opens");
    store
        .commit(&[Write::Manifest(b"no manifest".to_vec())])
        .expect("commits");
    drop(store);
    let root = Root::open(dir.path()).expect("opens");
    let (driver, thread) = Driver::start(root, Arc::new(NoLink), Clock::start()).expect("starts");
    runtime().block_on(async {
        let event = driver.query(|replica, _| replica.event().is_some()).await;
        assert_eq!(event, Ok(false));
    });
    drop(driver);
    thread.join().expect("ends");
    assert!(
        path.with_file_name("node.redb.damaged-1").exists(),
        "not kept"
    );
}
