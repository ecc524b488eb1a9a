//! Tests of what is here, and of how it comes in.

use std::fs;
use std::os::unix::fs::FileExt as _;

use super::super::tree::GROUP_BYTES;
use super::*;

struct Bench {
    root: tempfile::TempDir,
    media: Media,
}

impl Bench {
    fn new(quota: u64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let media = Media::of_root(root.path(), quota);
        Self { root, media }
    }

    fn again(&mut self) {
        self.media = Media::of_root(self.root.path(), self.media.0.quota);
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let Ok(dir) = fs::read_dir(self.root.path().join("media")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = dir
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn clip(len: u64) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 241).unwrap()).collect()
}

fn hash(bytes: &[u8]) -> BlobHash {
    BlobHash(*blake3::hash(bytes).as_bytes())
}

fn read(media: &Media, hash: BlobHash) -> Vec<u8> {
    let mut blob = media.open(hash).unwrap();
    let mut bytes = vec![0; usize::try_from(blob.len()).unwrap()];
    assert_eq!(blob.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

#[test]
fn a_file_that_was_added_is_read_back_at_every_place_also_after_a_restart() {
    let mut bench = Bench::new(QUOTA_DEFAULT);
    assert!(bench.names().is_empty(), "no folder before anything comes");
    let bytes = clip(3 * GROUP_BYTES + 100);
    let added = bench.media.add(&bench.file("a.mp4", &bytes)).unwrap();
    assert_eq!(added.hash, hash(&bytes));
    assert_eq!((added.len, added.known), (3 * GROUP_BYTES + 100, false));
    for start in [false, true] {
        if start {
            bench.again();
        }
        assert_eq!(read(&bench.media, added.hash), bytes);
        let mut blob = bench.media.open(added.hash).unwrap();
        for (at, length) in [
            (0, 1),
            (16_000, 20_000),
            (49_150, 10),
            (49_252, 9),
            (99_999, 4),
        ] {
            let mut piece = vec![0; length];
            let count = blob
                .read_at(u64::try_from(at).unwrap(), &mut piece)
                .unwrap();
            let there = bytes.get(at..).unwrap_or_default();
            let expected = &there[..there.len().min(length)];
            assert_eq!(&piece[..count], expected, "{length} from {at}");
        }
    }
    let again = bench.media.add(&bench.file("b.mp4", &bytes)).unwrap();
    assert!(again.known, "the same bytes are one blob");
    assert_eq!(bench.media.used(), (added.len, QUOTA_DEFAULT));
    assert_eq!(bench.names().len(), 2, "blob and list: {:?}", bench.names());
}

#[test]
fn what_is_no_file_or_has_nothing_in_it_is_refused_and_leaves_nothing() {
    let bench = Bench::new(QUOTA_DEFAULT);
    let empty = bench.media.add(&bench.file("empty", b"")).unwrap_err();
    assert_eq!(empty.code(), "media_length", "{empty}");
    let folder = bench.media.add(bench.root.path()).unwrap_err();
    assert_eq!(folder.code(), "bad_file", "{folder}");
    let none = bench
        .media
        .add(&bench.root.path().join("none"))
        .unwrap_err();
    assert_eq!(none.code(), "bad_file", "{none}");
    assert!(bench.names().is_empty(), "{:?}", bench.names());
}

#[test]
fn the_quota_counts_what_is_here_half_here_and_promised() {
    let bench = Bench::new(100_000);
    bench.media.add(&bench.file("a", &clip(60_000))).unwrap();
    let full = bench
        .media
        .add(&bench.file("b", &clip(50_000)))
        .unwrap_err();
    assert_eq!(full.code(), "media_quota", "{full}");
    let second = clip(30_000);
    let mut intake = bench.media.begin(hash(&second), 30_000).unwrap();
    let full = bench.media.begin(hash(b"c"), 20_000).unwrap_err();
    assert_eq!(full.code(), "media_quota", "promised: {full}");
    intake.write_at(0, &second[..25_000]).unwrap();
    drop(intake);
    let full = bench.media.begin(hash(b"c"), 20_000).unwrap_err();
    assert_eq!(full.code(), "media_quota", "half here: {full}");
    bench.media.begin(hash(b"c"), 10_000).unwrap();
    assert!(bench.media.has_room(15_000, Whose::Others).is_ok());
    assert!(bench.media.has_room(15_001, Whose::Others).is_err());
}

#[test]
fn what_is_sent_from_its_start_goes_on_after_a_break_and_appears_when_it_is_whole() {
    let mut bench = Bench::new(QUOTA_DEFAULT);
    let bytes = clip(70_000);
    let mut intake = bench.media.begin(hash(&bytes), 70_000).unwrap();
    let busy = bench.media.begin(hash(&bytes), 70_000).unwrap_err();
    assert_eq!(busy.code(), "media_busy", "{busy}");
    intake.write_at(0, &bytes[..40_000]).unwrap();
    let gap = intake.write_at(50_000, &bytes[50_000..]).unwrap_err();
    assert_eq!(gap.code(), "media_gap", "{gap}");
    drop(intake);
    let pending = Presence::Pending {
        here: 40_000,
        len: 70_000,
    };
    assert_eq!(bench.media.presence(hash(&bytes)), pending);
    bench.again();
    bench.media.clean(0);
    let mut intake = bench.media.begin(hash(&bytes), 70_000).unwrap();
    assert_eq!(intake.next(), 40_000, "goes on");
    let more = intake.write_at(40_000, &clip(30_001)).unwrap_err();
    assert_eq!(more.code(), "media_length", "beyond its length: {more}");
    intake.write_at(40_000, &bytes[40_000..]).unwrap();
    assert!(bench.media.open(hash(&bytes)).is_err(), "not checked yet");
    intake.finish().unwrap();
    assert_eq!(read(&bench.media, hash(&bytes)), bytes);
}

#[test]
fn what_comes_without_a_name_gets_it_at_its_end_and_leaves_nothing_if_it_has_none() {
    let bench = Bench::new(100_000);
    let bytes = clip(70_000);
    let mut fresh = bench.media.begin_nameless(80_000).unwrap();
    let full = bench.media.begin_nameless(30_000).unwrap_err();
    assert_eq!(full.code(), "media_quota", "promised: {full}");
    for piece in bytes.chunks(9_000) {
        fresh.write(piece).unwrap();
    }
    let added = fresh.finish().unwrap();
    assert_eq!((added.hash, added.len), (hash(&bytes), 70_000));
    assert_eq!(read(&bench.media, added.hash), bytes);
    let mut fresh = bench.media.begin_nameless(30_000).unwrap();
    fresh.write(&bytes[..30_000]).unwrap();
    let more = fresh.write(b"x").unwrap_err();
    assert_eq!(more.code(), "media_length", "{more}");
    drop(fresh);
    let empty = bench.media.begin_nameless(30_000).unwrap().finish();
    assert_eq!(empty.unwrap_err().code(), "media_length");
    assert_eq!(bench.names().len(), 2, "{:?}", bench.names());
    assert_eq!(bench.media.used().0, 70_000);
}

/// Invariant I17.
#[test]
fn a_blob_with_a_wrong_hash_never_appears() {
    let bench = Bench::new(QUOTA_DEFAULT);
    let bytes = clip(40_000);
    let named = hash(b"something else");
    let mut intake = bench.media.begin(named, 40_000).unwrap();
    intake.write_at(0, &bytes).unwrap();
    let wrong = intake.finish().unwrap_err();
    assert_eq!(wrong.code(), "media_wrong", "{wrong}");
    assert_eq!(bench.media.presence(named), Presence::Absent);
    assert_eq!(bench.media.presence(hash(&bytes)), Presence::Absent);
    assert!(bench.names().is_empty(), "{:?}", bench.names());
    let mut short = bench.media.begin(named, 40_000).unwrap();
    short.write_at(0, &bytes[..1]).unwrap();
    assert_eq!(short.finish().unwrap_err().code(), "media_gap");
}

#[test]
fn a_whole_blob_that_was_damaged_on_disk_is_found_when_it_is_read() {
    let bench = Bench::new(QUOTA_DEFAULT);
    let bytes = clip(5 * GROUP_BYTES);
    let added = bench.media.add(&bench.file("a", &bytes)).unwrap();
    let file = part::path(&bench.root.path().join("media"), added.hash, "");
    let data = part::open(&file, false).unwrap();
    data.write_all_at(b"rot", 3 * GROUP_BYTES).unwrap();
    let mut blob = bench.media.open(added.hash).unwrap();
    let mut piece = [0; 100];
    assert_eq!(blob.read_at(0, &mut piece).unwrap(), 100, "what holds");
    let error = blob.read_at(3 * GROUP_BYTES + 50, &mut piece).unwrap_err();
    assert_eq!(error.code(), "media_damaged", "{error}");
    assert_eq!(bench.media.presence(added.hash), Presence::Absent);
    assert!(file.with_extension("damaged").exists(), "kept to look at");
    bench.media.add(&bench.file("a", &bytes)).unwrap();
    assert_eq!(read(&bench.media, added.hash), bytes, "here again");
    assert!(!file.with_extension("damaged").exists(), "not needed now");
}

#[test]
fn a_lost_list_of_groups_is_made_again() {
    let bench = Bench::new(QUOTA_DEFAULT);
    let bytes = clip(5 * GROUP_BYTES);
    let added = bench.media.add(&bench.file("a", &bytes)).unwrap();
    let list = part::path(&bench.root.path().join("media"), added.hash, TREE);
    fs::remove_file(&list).unwrap();
    assert_eq!(read(&bench.media, added.hash), bytes);
    assert!(list.exists(), "made again");
    fs::remove_file(&list).unwrap();
    let file = part::path(&bench.root.path().join("media"), added.hash, "");
    fs::write(file, clip(5 * GROUP_BYTES - 1)).unwrap();
    let error = bench.media.open(added.hash).unwrap_err();
    assert_eq!(error.code(), "media_damaged", "{error}");
}

#[test]
fn groups_that_came_are_counted_and_what_a_crash_left_is_removed() {
    let mut bench = Bench::new(QUOTA_DEFAULT);
    let bytes = clip(20 * GROUP_BYTES);
    let (name, tree) = Tree::of(&mut bytes.as_slice(), u64::MAX).unwrap();
    let len = tree.len();
    assert!(bench.media.part(name, len, None).unwrap().is_none());
    let mut parting = bench.media.part(name, len, Some(tree)).unwrap().unwrap();
    let busy = bench.media.part(name, len, None).unwrap_err();
    assert_eq!(busy.code(), "media_busy", "{busy}");
    let mut groups = bytes.chunks(16 * 1024).zip(0..);
    for (group, no) in groups.by_ref().take(17) {
        parting.take(no, group).unwrap();
        parting.note();
    }
    let here = 17 * GROUP_BYTES;
    assert_eq!(bench.media.presence(name), Presence::Pending { here, len });
    assert!(!parting.finish().unwrap(), "three are missing");
    bench.again();
    assert_eq!(bench.media.presence(name), Presence::Pending { here, len });
    assert_eq!(bench.media.used().0, here, "what is here takes room");
    let mut parting = bench.media.part(name, len, None).unwrap().unwrap();
    assert_eq!(parting.missing(), Some((17, 3)), "goes on");
    for (group, no) in groups {
        parting.take(no, group).unwrap();
    }
    assert!(parting.finish().unwrap(), "whole");
    assert_eq!(read(&bench.media, name), bytes);
    let dir = bench.root.path().join("media");
    for left in [".part", ".have", ".new", ".tree.new"] {
        fs::write(part::path(&dir, name, left), b"left").unwrap();
    }
    fs::write(dir.join("add-0.new"), b"left").unwrap();
    bench.again();
    bench.media.clean(0);
    assert_eq!(bench.names().len(), 2, "{:?}", bench.names());
    assert_eq!(read(&bench.media, name), bytes);
}

#[test]
fn a_part_is_forgotten_after_a_week_and_a_device_in_1970_forgets_nothing() {
    let mut bench = Bench::new(QUOTA_DEFAULT);
    let bytes = clip(2 * GROUP_BYTES);
    let (name, tree) = Tree::of(&mut bytes.as_slice(), u64::MAX).unwrap();
    let len = tree.len();
    let mut parting = bench.media.part(name, len, Some(tree)).unwrap().unwrap();
    parting.take(1, &bytes[16 * 1024..]).unwrap();
    assert!(!parting.finish().unwrap(), "one is missing");
    bench.media.clean(0);
    bench.again();
    let pending = Presence::Pending {
        here: GROUP_BYTES,
        len,
    };
    assert_eq!(bench.media.presence(name), pending);
    bench.media.clean(u64::MAX);
    bench.again();
    assert_eq!(bench.media.presence(name), Presence::Absent);
    assert!(bench.names().is_empty(), "{:?}", bench.names());
}
