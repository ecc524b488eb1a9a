//! Files of other programs, as a node takes them in.
//!
//! Layer: node, local.

use tallyline_proto::replica::{Command, Replica, Reply};

use super::super::exchange::{self, Job};
use super::super::protocol::{Answer, FileImport, Problem, codes, exits};
use super::{Clerk, unexpected};

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
}
