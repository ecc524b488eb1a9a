//! A cloud in one file, and back in an empty root.
//!
//! A backup holds the event as a signed bundle, what the node is, its warrant, the accounts beside its
//! store, and its key only when a person asks for it. What a bundle does not hold it does not need: the store's
//! id and the incarnation are drawn anew, so that a restored node never signs a height twice; keys
//! of sealed texts are not the cloud's; invites are opened again. The file is a tar, so that it can
//! be looked into. Layer: node, upkeep.

use std::fs;
use std::io::{Cursor, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use serde::{Deserialize, Serialize};
use tallyline_keys::PublicKey;
use tallyline_proto::wire::{BUNDLE_BYTES_MAX, Frame, decode_bundle, decode_manifest};
use zeroize::Zeroizing;

use super::durable;
use crate::board::Board;
use crate::calendar;
use crate::clock::Clock;
use crate::exchange::check::damage_of;
use crate::local::offline;
use crate::local::protocol::{Answer, Call, Import, Imported, Problem, Request, codes, exits};
use crate::node::HTTP_DIR;
use crate::root::warrant;
use crate::root::{KEY_FILE, Mode, PassphraseSource, Root, RootError, STORE_FILE, hex};

/// The part that says what the backup is.
const ABOUT: &str = "about.json";

/// The part with the event.
const EVENT: &str = "event.tally";

/// The part with the hash of all others, so that a bit that a disk lost is found.
const CHECKSUM: &str = "checksum";

/// The folder of a root with the accounts of a cloud's people.
const ACCOUNTS: &str = HTTP_DIR;

/// Returns whether a file of it is to be kept: accounts and plans. Whoever restores draws fresh keys for
/// tokens, and people log in again; files on their way in are nobody's.
fn is_kept(name: &str) -> bool {
    let json = name.rsplit_once('.').filter(|it| it.1 == "json");
    json.is_some_and(|(stem, _)| stem == "accounts" || stem.starts_with("plan-"))
}

/// Longest part beside the event, in bytes: accounts of ten thousand people.
const PART_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Most parts of a backup: accounts are a file and a plan for each person at most.
const PARTS_MAX: usize = 20_000;

/// Longest backup in bytes: a bundle, and accounts.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Where a cloud keeps its logs: each kind is backed up in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// In a store of its own root: the backup is a bundle.
    Redb,
}

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `tallyline.backup/1`.
    pub schema: String,
    /// Where the logs were kept.
    pub kept: Kept,
    /// The program's version.
    pub version: String,
    /// When it was made, in Unix milliseconds by the node's clock.
    pub made_unix_ms: i64,
    /// What the node is called.
    pub label: String,
    /// What it is for.
    pub mode: String,
    /// Its key's fingerprint.
    pub key: String,
    /// The event's UUID.
    pub event: String,
}

/// What was written or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `tallyline.backed-up/1` or `tallyline.restored/1`.
    pub schema: String,
    /// The file.
    pub file: String,
    /// Bytes written, or entries taken in.
    pub count: u64,
    /// Whether the node's key is in the file, or came from it.
    pub with_key: bool,
    /// Files of accounts.
    pub accounts: u64,
}

/// One file inside a backup.
struct Part {
    name: String,
    bytes: Zeroizing<Vec<u8>>,
}

/// Writes a backup; `target` is a file that is not there, or a folder in which one is made.
///
/// # Errors
///
/// If a file is there already, or what the disk said.
pub fn write(
    dir: &Path,
    (about, bundle): (&About, Vec<u8>),
    with_key: bool,
    target: &Path,
) -> Result<Told, Problem> {
    let told = serde_json::to_vec(about).map_err(|error| bad(dir, &error))?;
    let part = |name: &str, bytes: Vec<u8>| Part {
        name: name.to_owned(),
        bytes: Zeroizing::new(bytes),
    };
    let mut parts = vec![part(ABOUT, told), part(EVENT, bundle)];
    if with_key {
        let path = dir.join(KEY_FILE);
        let key = durable::read(&path, PART_BYTES_MAX).map_err(|error| bad(&path, &error))?;
        parts.push(part(KEY_FILE, key));
    }
    // No secret: every receipt of a node carries it.
    let path = dir.join(warrant::FILE);
    if path.exists() {
        let text = durable::read(&path, PART_BYTES_MAX).map_err(|error| bad(&path, &error))?;
        parts.push(part(warrant::FILE, text));
    }
    let accounts = accounts(dir)?;
    let count = accounts.len();
    parts.extend(accounts);
    let path = if target.is_dir() {
        let made = calendar::utc(about.made_unix_ms).replace([' ', ':'], "-");
        target.join(format!("cloud-{made}.backup"))
    } else {
        target.to_owned()
    };
    let sum = checksum(&parts);
    parts.push(part(CHECKSUM, sum.into_bytes()));
    let bytes = pack(&parts).map_err(|error| bad(&path, &error))?;
    durable::create(&path, &bytes).map_err(|error| bad(&path, &error))?;
    Ok(Told {
        schema: "tallyline.backed-up/1".to_owned(),
        file: path.display().to_string(),
        count: number(bytes.len()),
        with_key,
        accounts: number(count),
    })
}

/// Reads the files of accounts.
fn accounts(dir: &Path) -> Result<Vec<Part>, Problem> {
    let folder = dir.join(ACCOUNTS);
    let files = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(|error| bad(&folder, &error))?,
    };
    let mut parts = Vec::new();
    for file in files.take(PARTS_MAX) {
        let path = file.map_err(|error| bad(&folder, &error))?.path();
        let name = path.file_name().and_then(|it| it.to_str());
        if let Some(name) = name.filter(|it| path.is_file() && is_kept(it)) {
            let bytes = durable::read(&path, PART_BYTES_MAX).map_err(|error| bad(&path, &error))?;
            parts.push(Part {
                name: format!("{ACCOUNTS}/{name}"),
                bytes: Zeroizing::new(bytes),
            });
        }
    }
    Ok(parts)
}

/// Restores a backup into a root without an event. The root's own key is used; one without a key
/// takes that of the backup.
///
/// # Errors
///
/// If the file is damaged, the root has an event, or the key is not the cloud's; nothing was taken
/// in then.
pub fn restore(dir: &Path, source: &PassphraseSource, file: &Path) -> Result<Told, Problem> {
    let bytes = durable::read(file, FILE_BYTES_MAX).map_err(|error| bad(file, &error))?;
    let parts = unpack(file, &bytes)?;
    let find = |name: &str| parts.iter().find(|it| it.name == name);
    let sum = checksum(&parts);
    if find(CHECKSUM).is_none_or(|it| it.bytes[..] != *sum.as_bytes()) {
        return Err(damaged(file, "its checksum does not hold"));
    }
    let (Some(about), Some(event)) = (find(ABOUT), find(EVENT)) else {
        return Err(damaged(file, "it has no event"));
    };
    let about: About =
        serde_json::from_slice(&about.bytes).map_err(|error| damaged(file, &error.to_string()))?;
    let clouds = clouds(file, &event.bytes)?;
    let key = find(KEY_FILE);
    let with_key = !dir.join(KEY_FILE).exists();
    if with_key && dir.join(STORE_FILE).exists() {
        let text = format!(
            "{} holds a store without its key; nothing was changed; restore into an empty folder",
            dir.display()
        );
        return Err(Problem::new(codes::HAS_EVENT, exits::FAILURE, text));
    }
    let warrant = find(warrant::FILE).and_then(|it| std::str::from_utf8(&it.bytes).ok());
    check_key(dir, (&about, warrant), (key.is_some(), with_key), &clouds)?;
    let made = || -> Result<(), RootError> {
        if let Some(key) = key.filter(|_| with_key) {
            make(dir, &about, &key.bytes)?;
            if let (Some(text), Ok(key)) = (warrant, about.key.parse()) {
                warrant::keep(dir, &key, text)?;
            }
        }
        Ok(())
    };
    made()?;
    empty(dir, source)?;
    let mut accounts: u64 = 0;
    for part in parts.iter().filter(|it| it.name.starts_with(ACCOUNTS)) {
        put_account(dir, part)?;
        accounts = accounts.saturating_add(1);
    }
    let taken = take_in(dir, source, &event.bytes)?;
    Ok(Told {
        schema: "tallyline.restored/1".to_owned(),
        file: file.display().to_string(),
        count: taken.fresh,
        with_key,
        accounts,
    })
}

/// Makes sure that the key that will sign is one whose receipts count.
fn check_key(
    dir: &Path,
    (about, warrant): (&About, Option<&str>),
    (in_backup, wanted): (bool, bool),
    clouds: &[PublicKey],
) -> Result<(), Problem> {
    let refused = |text: String| Problem::new(codes::KEY_REFUSED, exits::REFUSED, text);
    if wanted {
        // The cloud's own, or that of one of its nodes.
        let warrant = warrant.and_then(warrant::from_text);
        let of_a_node = warrant.is_some_and(|it| {
            let key = about.key.parse::<PublicKey>();
            clouds.contains(&it.cloud) && key.is_ok_and(|key| it.verify(&key).is_ok())
        });
        let known = of_a_node || clouds.iter().any(|it| it.fingerprint() == about.key);
        return match (in_backup, known) {
            (true, true) => Ok(()),
            (false, _) => Err(refused(format!(
                "there is no key in {} and none in the backup; nothing was changed; put the \
                 cloud's old device.key and device.toml there (mode 0600) and try again",
                dir.display()
            ))),
            (true, false) => Err(not_the_cloud(&about.key)),
        };
    }
    // Read without its passphrase, if it has one: the import asks for it.
    match Root::open(dir) {
        Ok(root) if clouds.contains(&root.speaks_for()) => Ok(()),
        Ok(root) => Err(not_the_cloud(&root.key().fingerprint())),
        Err(RootError::Sealed { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn not_the_cloud(key: &str) -> Problem {
    let text = format!(
        "the key {key} is none of the event's cloud: its receipts would count nowhere; nothing was \
         changed; restore with the cloud's old key"
    );
    Problem::new(codes::NOT_THE_CLOUD, exits::REFUSED, text)
}

/// Makes the root of a backup that brings its key. The old machine is not to run any more: a person
/// said so by restoring.
fn make(dir: &Path, about: &About, key: &[u8]) -> Result<(), RootError> {
    let mode = Mode::from_str(&about.mode).unwrap_or(Mode::Cloud);
    Root::put(dir, (&about.label, mode), key)?;
    Root::adopt_board(dir, &Board::of_system())
}

/// Makes sure that no event is in the root.
fn empty(dir: &Path, source: &PassphraseSource) -> Result<(), Problem> {
    let root = Root::open_with(dir, source)?;
    let _lock = root.lock()?;
    let replica = offline::replica(&root, None)?;
    match replica.event() {
        None => Ok(()),
        Some((_, manifest)) => Err(Problem::new(
            codes::HAS_EVENT,
            exits::FAILURE,
            format!(
                "{} holds the event {:?}; nothing was changed; restore into an empty folder",
                dir.display(),
                manifest.name
            ),
        )),
    }
}

fn take_in(dir: &Path, source: &PassphraseSource, bundle: &[u8]) -> Result<Imported, Problem> {
    let path = dir.join("restore.tally");
    durable::remove(&path).map_err(|error| bad(&path, &error))?;
    durable::create(&path, bundle).map_err(|error| bad(&path, &error))?;
    let whole: PathBuf = path.canonicalize().map_err(|error| bad(&path, &error))?;
    let import = Import {
        path: whole.display().to_string(),
        rescue: false,
    };
    let answer = offline::answer(dir, source, Call::from(Request::Import(import)));
    durable::remove(&path).map_err(|error| bad(&path, &error))?;
    match answer {
        Answer::Ok(_) => answer.data(),
        Answer::Error(problem) => Err(problem),
    }
}

fn put_account(dir: &Path, part: &Part) -> Result<(), Problem> {
    let folder = dir.join(ACCOUNTS);
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| bad(&folder, &error))?;
    let path = dir.join(&part.name);
    durable::remove(&path).map_err(|error| bad(&path, &error))?;
    durable::create(&path, &part.bytes).map_err(|error| bad(&path, &error))?;
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, mode).map_err(|error| bad(&path, &error))
}

/// Checks the event of a backup, and returns the keys whose receipts count.
fn clouds(file: &Path, bundle: &[u8]) -> Result<Vec<PublicKey>, Problem> {
    let damage = damage_of(bundle).map_err(|complaint| damaged(file, &complaint.to_string()))?;
    if let Some(first) = damage.first() {
        return Err(damaged(file, first));
    }
    let frames = decode_bundle(bundle).map_err(|error| damaged(file, &error.to_string()))?;
    let Some(Frame::Welcome(manifest)) = frames.first() else {
        return Err(damaged(file, "it does not begin with an event"));
    };
    let manifest = decode_manifest(manifest).map_err(|error| damaged(file, &error.to_string()))?;
    Ok(manifest.cloud)
}

fn pack(parts: &[Part]) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut builder = tar::Builder::new(Vec::new());
    for part in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(number(part.bytes.len()));
        header.set_mode(0o600);
        builder.append_data(&mut header, &part.name, Cursor::new(&part.bytes[..]))?;
    }
    builder.into_inner().map(Zeroizing::new)
}

/// Takes the parts out of a backup. Nothing is written by the names that stand in it.
fn unpack(file: &Path, bytes: &[u8]) -> Result<Vec<Part>, Problem> {
    let wrong = |error: std::io::Error| damaged(file, &error.to_string());
    let mut tar = tar::Archive::new(Cursor::new(bytes));
    let mut parts = Vec::new();
    for entry in tar.entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        let name = entry.path().map_err(wrong)?.display().to_string();
        let account = name
            .strip_prefix(ACCOUNTS)
            .and_then(|it| it.strip_prefix('/'));
        let plain = account.is_some_and(|it| !it.is_empty() && !it.contains(['/', '\\']));
        let known = matches!(
            name.as_str(),
            ABOUT | EVENT | KEY_FILE | warrant::FILE | CHECKSUM
        ) || plain;
        let most = if name == EVENT {
            number(BUNDLE_BYTES_MAX)
        } else {
            PART_BYTES_MAX
        };
        if !known || account == Some("..") || most < entry.size() || PARTS_MAX < parts.len() {
            return Err(damaged(file, &format!("{name:?} is no part of a backup")));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        entry.read_to_end(&mut bytes).map_err(wrong)?;
        parts.push(Part { name, bytes });
    }
    Ok(parts)
}

/// Returns the hash of all parts but the one that holds it.
fn checksum(parts: &[Part]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts.iter().filter(|it| it.name != CHECKSUM) {
        for piece in [part.name.as_bytes(), &part.bytes[..]] {
            hasher.update(&number(piece.len()).to_be_bytes());
            hasher.update(piece);
        }
    }
    hex(hasher.finalize().as_bytes())
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn damaged(file: &Path, why: &str) -> Problem {
    Problem::new(
        codes::BAD_FILE,
        exits::STORAGE,
        format!(
            "{} is no backup, or it is damaged: {why}; nothing was changed; use another one",
            file.display()
        ),
    )
}

fn bad(path: &Path, error: &impl std::fmt::Display) -> Problem {
    Problem::new(
        codes::BAD_FILE,
        exits::FAILURE,
        format!(
            "{}: {error}; nothing is lost; check the name and the room",
            path.display()
        ),
    )
}

impl About {
    /// Says what a node is whose backup is made now.
    pub fn now(node: &crate::local::protocol::NodeInfo, event: String) -> Self {
        Self {
            schema: "tallyline.backup/1".to_owned(),
            kept: Kept::Redb,
            version: node.version.clone(),
            made_unix_ms: i64::try_from(Clock::start().now().wall_ms).unwrap_or(i64::MAX),
            label: node.label.clone(),
            mode: node.mode.clone(),
            key: node.key.clone(),
            event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str) -> Part {
        Part {
            name: name.to_owned(),
            bytes: Zeroizing::new(vec![7; 3]),
        }
    }

    /// An import that was cut off by a crash left a file of up to 64 MiB, and no backup could be made.
    #[test]
    fn what_was_on_its_way_in_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(ACCOUNTS);
        fs::create_dir(&folder).unwrap();
        let names = [
            "accounts.json",
            "accounts.lock",
            "incoming-7.part",
            "plan-7.json",
            "token.keys",
        ];
        for name in names {
            fs::write(folder.join(name), "{}").unwrap();
        }
        let mut kept: Vec<_> = accounts(dir.path())
            .unwrap()
            .into_iter()
            .map(|it| it.name)
            .collect();
        kept.sort();
        assert_eq!(kept, ["http/accounts.json", "http/plan-7.json"]);
    }

    #[test]
    fn parts_come_back_and_foreign_ones_are_refused() {
        let file = Path::new("a.backup");
        let packed = pack(&[part(ABOUT), part(EVENT), part("http/a.json")]).unwrap();
        let parts = unpack(file, &packed).unwrap();
        let names: Vec<_> = parts.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, [ABOUT, EVENT, "http/a.json"]);
        for name in ["node.redb", "http/b/c", "x", "http"] {
            let packed = pack(&[part(name)]).unwrap();
            assert!(unpack(file, &packed).is_err(), "{name}");
        }
        assert!(unpack(file, b"rubbish").is_err());
    }
}
