//! Where the nodes of a cloud keep whole blobs together: a folder, or a bucket.
//!
//! A node gives what became whole to the depot, and takes from there what its events name and it
//! lacks. What it takes is checked as if a stranger had sent it, and lies on the node's own shelf before anybody
//! reads it. Only this file knows `object_store`. Layer: node, media, above `shelf`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};
use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Duration, timeout};

use super::error::MediaError;
use super::shelf::{Blob, Intake, Media, Presence, Whose};
use super::tree::BlobHash;
use super::wire::Sized;
use crate::clock::Clock;

/// Bytes that are given and taken at once: buckets want 5 MiB of a part at least.
const PIECE_BYTES: u64 = 8 * 1024 * 1024;

/// Blobs that are taken at once, of all events.
const TAKEN_MAX: usize = 4;

/// Milliseconds of the first and the longest wait before the depot is asked again for a blob that it did
/// not have.
const ASK_MS: (u64, u64) = (2_000, 60_000);

/// How long nothing is given after the depot failed.
const GIVE_REST: Duration = Duration::from_secs(10);

/// Retries of one question to a bucket, and how long they may take together.
const RETRIES: (usize, Duration) = (3, Duration::from_secs(30));

/// Where a depot is.
#[derive(Clone, PartialEq, Eq)]
pub enum DepotPlace {
    /// A folder, which all nodes have mounted.
    Folder(PathBuf),
    /// A bucket of S3's kind.
    Bucket {
        /// `s3://BUCKET/PREFIX`.
        url: String,
        /// What the environment says of it: names that begin with `AWS_`, and their values.
        settings: Vec<(String, String)>,
    },
}

/// Why there is no depot.
#[derive(Debug, Error)]
pub enum DepotError {
    /// The folder cannot be used.
    #[error("{}: {cause}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        cause: io::Error,
    },
    /// The folder or bucket cannot be used.
    #[error(transparent)]
    Place(#[from] object_store::Error),
}

/// A depot; copies are the same.
#[derive(Clone)]
pub struct Depot(Arc<Inner>);

struct Inner {
    store: Arc<dyn ObjectStore>,
    /// What all names begin with.
    prefix: Path,
    clock: Clock,
    taken: Semaphore,
}

/// When a blob is asked for again.
#[derive(Clone, Copy, Debug)]
struct Wait {
    due_ms: u64,
    wait_ms: u64,
}

/// Why a blob did not go one way or the other.
#[derive(Debug, Error)]
enum Trouble {
    #[error(transparent)]
    Depot(#[from] object_store::Error),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Fault(#[from] JoinError),
}

/// What became of taking a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It is whole.
    Whole,
    /// The depot does not have it.
    Absent,
    /// Somebody waits for another one; what came stays.
    Later,
}

impl FromStr for DepotPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once("://") {
            Some(("s3", rest)) if rest.split('/').next().is_some_and(|it| !it.is_empty()) => {
                Ok(Self::Bucket {
                    url: text.to_owned(),
                    settings: Vec::new(),
                })
            }
            None if !text.is_empty() => Ok(Self::Folder(PathBuf::from(text))),
            Some(_) | None => Err(()),
        }
    }
}

impl Depot {
    /// Opens a depot. A folder is made if it is not there; a bucket is not asked anything yet.
    ///
    /// # Errors
    /// [`DepotError`].
    pub fn open(place: &DepotPlace, clock: Clock) -> Result<Self, DepotError> {
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = match place {
            DepotPlace::Folder(path) => {
                fs::create_dir_all(path).map_err(|cause| DepotError::Folder {
                    path: path.clone(),
                    cause,
                })?;
                let folder = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
                (Arc::new(folder), Path::default())
            }
            DepotPlace::Bucket { url, settings } => {
                // Whoever said before which cryptography TLS uses meant the same.
                drop(rustls::crypto::ring::default_provider().install_default());
                let retry = RetryConfig {
                    max_retries: RETRIES.0,
                    retry_timeout: RETRIES.1,
                    ..RetryConfig::default()
                };
                let mut bucket = AmazonS3Builder::new().with_url(url).with_retry(retry);
                for (name, value) in settings {
                    // What is about other programs is left out, as other programs do.
                    if let Ok(key) = AmazonS3ConfigKey::from_str(&name.to_ascii_lowercase()) {
                        bucket = bucket.with_config(key, value);
                    }
                }
                let below = url.splitn(4, '/').nth(3).unwrap_or_default();
                (Arc::new(bucket.build()?), Path::from(below))
            }
        };
        Ok(Self(Arc::new(Inner {
            store,
            prefix,
            clock,
            taken: Semaphore::new(TAKEN_MAX),
        })))
    }

    /// Gives every blob that is whole here, now and later.
    pub async fn keep(self, media: Media) {
        let mut given: BTreeSet<BlobHash> = BTreeSet::new();
        let mut grew = media.grew();
        loop {
            grew.borrow_and_update();
            let mut failed = false;
            for (hash, len) in media.whole() {
                if given.contains(&hash) {
                    continue;
                }
                match self.give(&media, hash, len).await {
                    Ok(()) => {
                        given.insert(hash);
                    }
                    // It is fetched again, and comes back here then.
                    Err(Trouble::Media(error)) => tracing::warn!(%error, "not given to the depot"),
                    Err(error @ (Trouble::Depot(_) | Trouble::Fault(_))) => {
                        tracing::warn!(%error, %hash, "the depot takes nothing; tried again");
                        failed = true;
                        break;
                    }
                }
            }
            if failed {
                timeout(GIVE_REST, grew.changed()).await.ok();
            } else if grew.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes what an event names and this node lacks, until `stopped` says so or is dropped. Blobs
    /// that somebody waits for go first ([`Media::hurry`], which works from this call on).
    pub fn fetch(
        &self,
        media: Media,
        mut stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (depot, hurries) = (self.clone(), media.hurries());
        async move {
            tokio::select! {
                () = depot.rounds(&media, hurries) => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        }
    }

    async fn rounds(&self, media: &Media, mut hurries: watch::Receiver<u64>) {
        let mut looks = media.looks();
        let mut waits: BTreeMap<Sized, Wait> = BTreeMap::new();
        loop {
            looks.borrow_and_update();
            hurries.borrow_and_update();
            let hurried = std::mem::take(&mut media.tidings().hurried);
            for blob in &hurried {
                waits.remove(blob);
            }
            let mut wanted = media.lacking();
            wanted.sort_by_key(|it| !hurried.contains(it));
            waits.retain(|blob, _| wanted.contains(blob));
            for blob in wanted {
                let now_ms = self.0.clock.now().mono_ms;
                if waits.get(&blob).is_some_and(|it| now_ms < it.due_ms) {
                    continue;
                }
                let taken = self.take(media, blob, &hurries).await;
                if matches!(taken, Ok(Taken::Later)) {
                    break;
                }
                self.settle(&mut waits, blob, taken);
            }
            let now_ms = self.0.clock.now().mono_ms;
            let due_ms = waits.values().map(|it| it.due_ms).min();
            let rest_ms = due_ms.map_or(ASK_MS.1, |due_ms| due_ms.saturating_sub(now_ms));
            let woken = async {
                tokio::select! {
                    _ = looks.changed() => {}
                    _ = hurries.changed() => {}
                }
            };
            timeout(Duration::from_millis(rest_ms), woken).await.ok();
        }
    }

    fn settle(
        &self,
        waits: &mut BTreeMap<Sized, Wait>,
        blob: Sized,
        taken: Result<Taken, Trouble>,
    ) {
        match taken {
            Ok(Taken::Whole) => {
                tracing::info!(hash = %blob.0, "a media file came from the depot");
                waits.remove(&blob);
                return;
            }
            Ok(Taken::Absent | Taken::Later) => {}
            Err(error) => tracing::warn!(%error, hash = %blob.0, "not taken from the depot"),
        }
        let wait_ms = waits.get(&blob).map_or(ASK_MS.0, |it| it.wait_ms);
        let due_ms = self.0.clock.now().mono_ms.saturating_add(wait_ms);
        let wait_ms = wait_ms.saturating_mul(2).min(ASK_MS.1);
        waits.insert(blob, Wait { due_ms, wait_ms });
    }

    fn path(&self, hash: BlobHash) -> Path {
        let name = hash.to_string();
        let folder = name.get(..2).unwrap_or_default().to_owned();
        self.0.prefix.clone().join(folder).join(name)
    }

    /// Returns how many bytes the depot has of a blob.
    async fn len_of(&self, hash: BlobHash) -> Result<Option<u64>, object_store::Error> {
        match self.0.store.head(&self.path(hash)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a blob, unless the depot has it. It appears there when all of it is there.
    async fn give(&self, media: &Media, hash: BlobHash, len: u64) -> Result<(), Trouble> {
        if self.len_of(hash).await? == Some(len) {
            return Ok(());
        }
        let from = media.clone();
        let blob = spawn_blocking(move || from.open(hash)).await??;
        let path = self.path(hash);
        if len <= PIECE_BYTES {
            let (_, bytes) = piece(blob, 0).await?;
            self.0.store.put(&path, PutPayload::from(bytes)).await?;
            return Ok(());
        }
        let mut upload = self.0.store.put_multipart(&path).await?;
        let sent = async {
            let (mut blob, mut at) = (blob, 0);
            while at < len {
                let (back, bytes) = piece(blob, at).await?;
                blob = back;
                at = at.saturating_add(PIECE_BYTES);
                upload.put_part(PutPayload::from(bytes)).await?;
            }
            upload.complete().await?;
            Ok(())
        };
        let sent: Result<(), Trouble> = sent.await;
        if sent.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(%error, %hash, "parts of a media file are left in the depot");
        }
        sent
    }

    /// Takes a blob, if the depot has it, and goes on where an earlier try ended.
    async fn take(
        &self,
        media: &Media,
        (hash, len): Sized,
        hurries: &watch::Receiver<u64>,
    ) -> Result<Taken, Trouble> {
        if self.len_of(hash).await? != Some(len) {
            return Ok(Taken::Absent);
        }
        let Ok(_place) = self.0.taken.acquire().await else {
            return Ok(Taken::Later);
        };
        let path = self.path(hash);
        let to = media.clone();
        let mut intake = spawn_blocking(move || to.intake(hash, len, Whose::Others)).await??;
        while intake.next() < len {
            if hurries.has_changed().unwrap_or_default() {
                spawn_blocking(move || intake.pause()).await??;
                return Ok(Taken::Later);
            }
            let at = intake.next();
            let end = at.saturating_add(PIECE_BYTES).min(len);
            let bytes = self.0.store.get_range(&path, at..end).await?;
            intake = spawn_blocking(move || {
                let mut intake: Intake = intake;
                intake.write_at(at, &bytes).map(|()| intake)
            })
            .await??;
        }
        spawn_blocking(move || intake.finish()).await??;
        Ok(Taken::Whole)
    }
}

impl Media {
    /// Returns what the event names, is not whole here, and fits: pictures first, and what is small
    /// before what is large.
    fn lacking(&self) -> Vec<Sized> {
        let mut named = self.tidings().named.clone();
        named.sort_by_key(|it| (!it.is_picture(), it.len, it.hash));
        let mut blobs: Vec<Sized> = named.iter().map(|it| (it.hash, it.len)).collect();
        blobs.dedup();
        blobs.retain(|(hash, len)| {
            let whole = matches!(self.presence(*hash), Presence::Whole { .. });
            !whole && self.has_room(*len, Whose::Others).is_ok()
        });
        blobs
    }
}

/// Reads a piece of a blob on a thread that may wait.
async fn piece(mut blob: Blob, at: u64) -> Result<(Blob, Vec<u8>), Trouble> {
    let read = spawn_blocking(move || {
        let count = blob.len().saturating_sub(at).min(PIECE_BYTES);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
        let count = blob.read_at(at, &mut bytes)?;
        bytes.truncate(count);
        Ok::<_, MediaError>((blob, bytes))
    });
    Ok(read.await??)
}

impl fmt::Debug for DepotPlace {
    /// Shows nothing of the settings, which hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            Self::Bucket { url, settings: _ } => f.debug_tuple("Bucket").field(url).finish(),
        }
    }
}

impl fmt::Debug for Depot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Depot")
            .field("prefix", &self.0.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::shelf::QUOTA_DEFAULT;
    use super::*;

    #[test]
    fn a_depot_is_a_folder_or_a_bucket() {
        let parse = |text: &str| text.parse::<DepotPlace>();
        let folder = DepotPlace::Folder(PathBuf::from("/mnt/blobs"));
        assert_eq!(parse("/mnt/blobs"), Ok(folder));
        assert!(matches!(
            parse("s3://bucket/a/b"),
            Ok(DepotPlace::Bucket { .. })
        ));
        for bad in ["", "s3://", "s3:///a", "gs://bucket", "http://host/a"] {
            assert_eq!(parse(bad), Err(()), "{bad}");
        }
    }

    struct Bench {
        folder: tempfile::TempDir,
        depot: Depot,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let place = DepotPlace::Folder(folder.path().join("depot"));
            let depot = Depot::open(&place, Clock::start()).unwrap();
            Self { folder, depot }
        }

        fn media(&self, name: &str) -> Media {
            Media::of_root(&self.folder.path().join(name), QUOTA_DEFAULT)
        }

        fn added(&self, media: &Media, bytes: &[u8]) -> Sized {
            let file = self.folder.path().join("clip");
            fs::write(&file, bytes).unwrap();
            let added = media.add(&file).unwrap();
            (added.hash, added.len)
        }

        fn file(&self, hash: BlobHash) -> PathBuf {
            let depot = self.folder.path().join("depot");
            depot.join(self.depot.path(hash).as_ref())
        }
    }

    #[tokio::test]
    async fn what_one_node_gives_another_one_takes_and_checks() {
        let bench = Bench::new();
        let (one, other) = (bench.media("one"), bench.media("other"));
        fs::create_dir_all(bench.folder.path().join("one")).unwrap();
        fs::create_dir_all(bench.folder.path().join("other")).unwrap();
        // More than two pieces, so that it goes part by part.
        let bytes: Vec<u8> = (0..2 * PIECE_BYTES + 77)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        let (hash, len) = bench.added(&one, &bytes);
        let (_calm, hurries) = watch::channel(0);
        let absent = bench.depot.take(&other, (hash, len), &hurries).await;
        assert_eq!(absent.unwrap(), Taken::Absent);

        bench.depot.give(&one, hash, len).await.unwrap();
        assert_eq!(fs::read(bench.file(hash)).unwrap(), bytes);
        let taken = bench.depot.take(&other, (hash, len), &hurries).await;
        assert_eq!(taken.unwrap(), Taken::Whole);
        assert_eq!(other.presence(hash), Presence::Whole { len });

        // What somebody else wrote there never appears.
        let third = bench.media("other/third");
        let mut bent = bytes.clone();
        bent[9] ^= 1;
        fs::write(bench.file(hash), &bent).unwrap();
        let refused = bench.depot.take(&third, (hash, len), &hurries).await;
        assert!(
            matches!(refused, Err(Trouble::Media(MediaError::Wrong { .. }))),
            "{refused:?}"
        );
        assert_eq!(third.presence(hash), Presence::Absent);
        fs::write(bench.file(hash), &bytes).unwrap();
        let taken = bench.depot.take(&third, (hash, len), &hurries).await;
        assert_eq!(taken.unwrap(), Taken::Whole);
    }

    #[tokio::test]
    async fn who_is_waited_for_goes_first_and_what_came_stays() {
        let bench = Bench::new();
        let (one, other) = (bench.media("one"), bench.media("other"));
        fs::create_dir_all(bench.folder.path().join("one")).unwrap();
        fs::create_dir_all(bench.folder.path().join("other")).unwrap();
        let (hash, len) = bench.added(&one, &vec![7; 100_000]);
        bench.depot.give(&one, hash, len).await.unwrap();
        let (calm, mut hurries) = watch::channel(0);
        calm.send_replace(1);
        let later = bench.depot.take(&other, (hash, len), &hurries).await;
        assert_eq!(later.unwrap(), Taken::Later);
        hurries.borrow_and_update();
        let taken = bench.depot.take(&other, (hash, len), &hurries).await;
        assert_eq!(taken.unwrap(), Taken::Whole);
        assert!(!other.hurry(hash, len), "nobody takes for this event");
        let _rounds = bench.depot.fetch(other.clone(), watch::channel(false).1);
        assert!(other.hurry(hash, len), "from the call on");
    }
}
