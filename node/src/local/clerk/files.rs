//! Files as a node takes them in: those of other programs, and bundles.
//!
//! Layer: node, local.

use std::io::Read as _;
use std::path::Path;

use tallyline_proto::replica::{Command, Replica, Reply};

use super::super::exchange::{self, Job};
use super::super::protocol::{Answer, FileImport, Import, Imported, Problem, codes, exits};
use super::{Clerk, unexpected};
use crate::exchange::check::{damage_of, whole_frames};

/// Largest bundle file that is read: the store of an event has at most 64 MiB.
const BUNDLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Damaged places that are told one by one.
const DAMAGE_SHOWN: usize = 10;

impl Clerk {
    /// Tells what a file would do.
    pub(super) async fn file_preview(&self, file: FileImport) -> Result<Answer, Problem> {
        let (_, job) = self.file_job(file).await?;
        Ok(Answer::ok(&job.told))
    }

    /// Reads a file outside of the loop, and compares it with the event inside.
    async fn file_job(&self, file: FileImport) -> Result<(exchange::Prepared, Job), Problem> {
        let dir = self.here.dir.clone();
        let read = tokio::task::spawn_blocking(move || exchange::prepare(&dir, file)).await;
        let prepared = read.map_err(|error| {
            let text = format!("the file was not read: {error}; nothing was changed");
            Problem::new(codes::BAD_FILE, exits::FAILURE, text)
        })??;
        let look = move |replica: &mut Replica, _| {
            let job = exchange::job(replica, &prepared)?;
            Ok((prepared, job))
        };
        self.driver.query(look).await?
    }

    /// Takes a file in: founds the event, has the owner sign what changes, and records.
    pub(super) async fn file_import(&self, file: FileImport) -> Result<Answer, Problem> {
        let (prepared, mut job) = self.file_job(file).await?;
        exchange::may_write(&job)?;
        if job.told.stopped.is_some() {
            return Ok(Answer::ok(&job.told));
        }
        if let Some((name, structure)) = job.founding.take() {
            let with = prepared.founding_with();
            job.told.founded = Some(self.found(name, structure, with).await?);
        }
        job.told.written = true;
        match self.fill(&prepared, &mut job).await {
            Ok(()) => {}
            // What was founded is told whatever comes after: its cards are told this once.
            Err(problem) if job.told.founded.is_some() => job.told.stopped = Some(problem.text),
            Err(problem) => return Err(problem),
        }
        Ok(Answer::ok(&job.told))
    }

    async fn fill(&self, prepared: &exchange::Prepared, job: &mut Job) -> Result<(), Problem> {
        if job.told.founded.is_some() && job.told.scores.is_some() {
            let reply = self.driver.command(Command::Lock).await?;
            if reply != Reply::Locked {
                return Err(unexpected(&reply));
            }
        }
        exchange::sign(&self.driver, job.orders.drain(..).collect()).await?;
        exchange::record(&self.driver, job).await?;
        exchange::remember(&self.here.dir, prepared)
    }

    /// Takes a bundle in, unless it is damaged: half of an event that looks like all of it is worse
    /// than none. What of a damaged one holds is taken when a person says so.
    pub(super) async fn import(&self, import: Import) -> Result<Answer, Problem> {
        let read = tokio::task::spawn_blocking(move || {
            let path = Path::new(&import.path);
            let bundle = read_bundle(path)?;
            if import.rescue {
                return Ok(whole_frames(&bundle).unwrap_or(bundle));
            }
            refuse_damaged(path, &bundle)?;
            Ok::<_, Problem>(bundle)
        });
        let read = read.await;
        let bundle = read.map_err(|error| {
            Problem::new(
                codes::BAD_FILE,
                exits::FAILURE,
                format!("the file was not read: {error}"),
            )
        })??;
        let reply = self.driver.command(Command::Import(bundle)).await?;
        let Reply::Imported {
            fresh,
            known,
            refused,
        } = reply
        else {
            return Err(unexpected(&reply));
        };
        Ok(Answer::ok(&Imported {
            schema: "tallyline.imported/1".to_owned(),
            fresh,
            known,
            refused,
        }))
    }
}

fn read_bundle(path: &Path) -> Result<Vec<u8>, Problem> {
    let bad = |what: String| {
        let text = format!("{}: {what}; nothing was changed", path.display());
        Problem::new(codes::BAD_FILE, exits::FAILURE, text)
    };
    if !path.is_absolute() {
        return Err(bad("the node needs the file's whole path".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(|error| bad(error.to_string()))?;
    let mut bytes = Vec::new();
    let limit = BUNDLE_BYTES_MAX.saturating_add(1);
    let length = file
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| bad(error.to_string()))?;
    if limit <= u64::try_from(length).unwrap_or(u64::MAX) {
        return Err(bad("the file is larger than any bundle (64 MiB)".to_owned()));
    }
    Ok(bytes)
}

/// Refuses a bundle that is damaged, with what does not hold and where.
fn refuse_damaged(path: &Path, bundle: &[u8]) -> Result<(), Problem> {
    let bad = |what: String| {
        let text = format!("{}: {what}", path.display());
        Err(Problem::new(codes::BAD_FILE, exits::STORAGE, text))
    };
    let damage = match damage_of(bundle) {
        Ok(damage) if damage.is_empty() => return Ok(()),
        Ok(damage) => damage,
        Err(complaint) => return bad(format!("{complaint}; nothing was changed")),
    };
    let shown = damage.iter().take(DAMAGE_SHOWN);
    let mut lines: Vec<String> = shown.map(|it| format!("  {it}")).collect();
    let more = damage.len().saturating_sub(DAMAGE_SHOWN);
    if 0 < more {
        lines.push(format!("  and {more} more (`tallyline verify`)"));
    }
    bad(format!(
        "the bundle is damaged; nothing was changed\n{}\nExport it again and copy it anew. If \
         there is no other copy, `tallyline import --rescue` takes in what holds.",
        lines.join("\n")
    ))
}
