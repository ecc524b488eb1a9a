use std::fs;
use std::sync::Mutex;

use tallyline_keys::DeviceKey;
use tallyline_proto::model::{
    Body, DrillNo, EntryId, GrantId, Hash, Incarnation, Score, ShooterNo,
};
use tallyline_proto::rules::Verdict;

use super::*;
use crate::local::score_line;

fn name(log: u8) -> LogName {
    LogName {
        grant: GrantId(Hash([log; 32])),
        incarnation: Incarnation(9),
    }
}

fn entry(log: u8, seq: u64) -> EntryView {
    let id = u128::from(log) << 64 | u128::from(seq);
    EntryView {
        id: EntryId(uuid::Uuid::from_u128(id)),
        log: name(log),
        seq,
        author: DeviceKey::from_seed([log; 32]).public(),
        label: format!("Tablet\t{log}"),
        at_unix_ms: 1_532_500_439_845,
        body: Body::Score(Score::blank(DrillNo(2), ShooterNo(175))),
        subject: Body::Score(Score::blank(DrillNo(2), ShooterNo(175))).about(),
        verdict: Verdict::Counted,
        copies: 0,
        in_cloud: false,
    }
}

fn unread(log: u8, seqs: std::ops::RangeInclusive<u64>) -> Unread {
    let height = *seqs.end();
    Unread {
        log: name(log),
        entries: seqs.map(|seq| entry(log, seq)).collect(),
        replaced: false,
        read: LogRead {
            height,
            chain: Hash([7; 32]),
        },
    }
}

fn lines(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join("score.log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_entry_is_a_line_that_a_person_can_read() {
    assert_eq!(
        score_line(&entry(1, 1)),
        "2018-07-25 06:33:59Z\tTablet?1\tstage 2\tshooter 175\t\tcounts\t\
         00000000-0000-0001-0000-000000000001"
    );
}

#[test]
fn the_score_log_goes_on_where_it_stood_without_doubling_lines() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = ScoreLog::open(dir.path());
    log.write(&[unread(1, 1..=3), unread(2, 1..=1)], score_line)
        .unwrap();
    log.write_place().unwrap();
    assert!(!log.is_ahead(), "the place is on disk");
    // Lines without a place: killed before it was written down.
    log.write(&[unread(1, 4..=5)], score_line).unwrap();
    assert!(log.is_ahead(), "the place is behind");
    assert_eq!(lines(dir.path()).len(), 6);

    let mut log = ScoreLog::open(dir.path());
    let held = log.places().get(&name(1)).map(|it| it.height);
    assert_eq!(held, Some(3), "as far as it was written down");
    log.write(&[unread(1, 4..=7)], score_line).unwrap();
    log.write_place().unwrap();
    let all = lines(dir.path());
    assert_eq!(all.len(), 8, "two new ones");
    let mut ids: Vec<&str> = all.iter().filter_map(|it| it.rsplit('\t').next()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8, "no line twice");
}

#[test]
fn a_lost_place_costs_no_double_lines_and_a_lost_log_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = ScoreLog::open(dir.path());
    log.write(&[unread(1, 1..=3)], score_line).unwrap();
    log.write_place().unwrap();
    fs::write(dir.path().join("score.log.place"), "rubbish\n").unwrap();
    let mut log = ScoreLog::open(dir.path());
    assert!(log.places().is_empty(), "nothing is known");
    log.write(&[unread(1, 1..=4)], score_line).unwrap();
    assert_eq!(lines(dir.path()).len(), 4);
    let other = tempfile::tempdir().unwrap();
    assert!(ScoreLog::open(other.path()).places().is_empty());
}

#[test]
fn a_log_that_became_another_one_is_told_and_a_long_file_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = ScoreLog::open(dir.path());
    log.write(&[unread(1, 1..=3)], score_line).unwrap();
    let other = Unread {
        replaced: true,
        ..unread(1, 4..=4)
    };
    log.write(&[other], score_line).unwrap();
    let all = lines(dir.path());
    assert_eq!(all.len(), 5);
    assert!(all[3].starts_with("# log "), "{}", all[3]);
    let path = dir.path().join("score.log");
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(16 * 1024 * 1024).unwrap();
    log.write(&[unread(1, 5..=5)], score_line).unwrap();
    assert_eq!(lines(dir.path()).len(), 1, "a fresh file");
    assert!(dir.path().join("score.log.1").exists(), "put aside");
}

#[test]
fn a_place_where_nothing_can_be_written_is_an_error_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("score.log")).unwrap();
    let mut log = ScoreLog::open(dir.path());
    log.write(&[unread(1, 1..=1)], score_line).unwrap_err();
    assert!(log.places().is_empty(), "written the next time");
    let beside = Beside::of_node(dir.path(), true);
    beside.tell(Some(io::Error::other("full")));
    assert_eq!(beside.fault().as_deref(), Some("full"));
    beside.tell(None);
    assert_eq!(beside.fault(), None, "it works again");
}

/// Counts what is passed on.
#[derive(Default)]
struct Counting(Mutex<u32>);

impl Link for Counting {
    fn send(&self, _peer: PeerId, _frame: Vec<u8>) {}
    fn close(&self, _peer: PeerId, _reason: Reason) {}
    fn notice(&self, _notice: &Notice) {
        *self.0.lock().unwrap() += 1;
    }
    fn reset(&self) {}
    fn joining(&self, _ticket: Option<&Ticket>) {}
}

#[test]
fn exchanges_are_noted_on_the_way_to_the_network() {
    let dir = tempfile::tempdir().unwrap();
    let beside = Beside::of_node(dir.path(), false);
    let counting = Arc::new(Counting::default());
    let link = beside.watch(counting.clone(), Clock::start());
    let key = DeviceKey::from_seed([1; 32]).public();
    link.notice(&Notice::Agreed { key, entries: 4 });
    link.notice(&Notice::Grew { entries: 1 });
    let writers = vec![(key, 3)];
    link.notice(&Notice::Receipted { writers });
    assert_eq!(*counting.0.lock().unwrap(), 3, "passed on");
    let kinds: Vec<ExchangeKind> = beside.exchanges().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [ExchangeKind::Sync, ExchangeKind::Upload]);
    assert_eq!(beside.score_log(), Some(false));
    assert_eq!(Beside::at_rest(dir.path()).score_log(), None);
}
