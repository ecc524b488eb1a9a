//! Requests on a root while no node runs on it.
//!
//! Reading verbs read a copy of the store in memory and change nothing, not even the repair after
//! a crash. Writing verbs run the same loop as a node, without a network, and end it again.
//! Layer: node, local.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tallyline_proto::model::Incarnation;
use tallyline_proto::replica::{Replica, Stored};
use tokio::sync::watch;

use super::answers::{self, Around};
use super::clerk::{Clerk, Here, NoNetwork, node_info};
use super::client::{self, CallError};
use super::protocol::{
    Answer, Call, Events, FileImported, Problem, Request, WireBytes, codes, exits,
};
use super::{exchange, names};
use crate::beside::Beside;
use crate::clock::Clock;
use crate::driver::{Driver, Home as _, NoLink, StartError};
use crate::figures::Figures;
use crate::media::{Media, QUOTA_DEFAULT};
use crate::root::{Mode, PassphraseSource, Root, RootError, damaged_stores, events};
use crate::store::{Store, StoreError};

/// Asks the node that runs on a root, or the root itself when none runs; then a sealed key needs
/// its passphrase.
pub fn call(dir: &Path, source: &PassphraseSource, call: Call) -> Answer {
    match client::call(dir, &call) {
        Ok(answer) => answer,
        Err(CallError::NotRunning { .. }) => answer(dir, source, call),
        Err(error @ CallError::Lost { .. }) => Answer::Error(error.problem()),
    }
}

/// Asks a root on which no node runs.
pub fn answer(dir: &Path, source: &PassphraseSource, call: Call) -> Answer {
    let answer = Root::open_with(dir, source).map_err(Problem::from);
    let answer = answer.and_then(|root| {
        if call.request.reads() {
            read(&root, &call)
        } else if let Request::FileImport(file) = &call.request {
            // A file that cannot be taken in is told before anything is opened for writing.
            let call_before = Call {
                event: call.event.clone(),
                request: Request::FilePreview(file.clone()),
            };
            let seen = read(&root, &call_before)?;
            let stopped: FileImported = seen.clone().data()?;
            match (stopped.forbidden, stopped.stopped) {
                (Some(forbidden), _) => Err(forbidden),
                (None, Some(_)) => Ok(seen),
                (None, None) => write(root, call),
            }
        } else {
            write(root, call)
        }
    });
    answer.unwrap_or_else(Answer::Error)
}

fn read(root: &Root, call: &Call) -> Result<Answer, Problem> {
    let dir = root.dir();
    if let (Request::EventList(_), Mode::Cloud) = (&call.request, root.mode()) {
        let listed = events::list(dir);
        let listed = listed.into_iter().map(|it| (it.name, it.event));
        return Ok(Answer::ok(&Events::of(listed)));
    }
    // Held until the file has been read: nobody writes meanwhile.
    let lock = root.lock()?;
    let mut replica = replica(root, call.event.as_deref())?;
    drop(lock);
    let around = Around {
        node: node_info(root.label(), root.mode(), root.key()),
        links: Vec::new(),
        paused: "none",
        wire: WireBytes::default(),
        trouble: None,
        damaged: damaged_stores(dir),
        cloud: None,
        dir: dir.to_owned(),
        alarms: Vec::new(),
        beside: Beside::at_rest(dir),
        media: Media::of_root(dir, QUOTA_DEFAULT),
        figures: Figures::default(),
    };
    if let Request::FilePreview(file) = &call.request {
        let prepared = exchange::prepare(dir, file.clone())?;
        return Ok(Answer::ok(&exchange::job(&mut replica, &prepared)?.told));
    }
    let now = Clock::start().now();
    match answers::look(&mut replica, now, &call.request, around) {
        Some(seen) => Ok(seen?.answer()),
        None => Err(CallError::NotRunning {
            dir: dir.to_owned(),
        }
        .problem()),
    }
}

/// Returns the file of the event that is meant: a cloud's root may have several.
fn meant(root: &Root, named: Option<&str>) -> Result<PathBuf, Problem> {
    let listed = match root.mode() {
        Mode::Cloud => events::list(root.dir()),
        Mode::Device | Mode::Gateway => Vec::new(),
    };
    if listed.is_empty() {
        return Ok(root.store_path());
    }
    let mut meant = listed;
    meant.retain(|it| named.is_none_or(|text| it.is_meant(text)));
    meant.truncate(usize::try_from(names::MEANT_MAX).unwrap_or(usize::MAX));
    let event = names::only(&meant, named)?;
    Ok(events::store(root.dir(), event))
}

/// Reads what a root holds, of which the caller has the lock; `event` is refused if it is another.
pub(crate) fn replica(root: &Root, event: Option<&str>) -> Result<Replica, Problem> {
    let path = meant(root, event)?;
    let (id, stored) = if path.exists() {
        let bad = |error: StoreError| unreadable(&path, &error);
        let store = Store::open_copy(&path).map_err(bad)?;
        (store.id(), store.load().map_err(bad)?)
    } else {
        (0, Stored::default())
    };
    // Nothing is signed here, so no incarnation has to be drawn.
    let replica = Replica::open(root.identity(id), stored, Incarnation(0))
        .map_err(|damage| unreadable(&path, &StoreError::Damaged(damage.to_string())))?;
    if let Some(event) = event {
        names::event(&replica, event)?;
    }
    Ok(replica)
}

fn write(root: Root, call: Call) -> Result<Answer, Problem> {
    // What a cloud holds comes from devices, and a running node takes it in; a first event may come
    // from a file.
    let holds = root.mode() == Mode::Cloud && !events::list(root.dir()).is_empty();
    if call.request.needs_a_node() || holds {
        return Err(CallError::NotRunning {
            dir: root.dir().to_owned(),
        }
        .problem());
    }
    root.may_sign()?;
    let path = root.store_path();
    if path.exists() {
        // Only a running node moves a damaged store aside, since it can fetch the content again.
        let lock = root.lock()?;
        let store = Store::open_copy(&path).map_err(|error| unreadable(&path, &error))?;
        store.load().map_err(|error| unreadable(&path, &error))?;
        drop(lock);
    }
    let here = Here::from(&root);
    let (driver, thread) = Driver::start(root, Arc::new(NoLink), Clock::start())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(StartError::System)?;
    let answer = runtime.block_on(async {
        let (stop, _) = watch::channel(false);
        let clerk = Clerk::new(driver.clone(), Arc::new(NoNetwork), here, Arc::new(stop));
        let answer = clerk.answer(call).await;
        driver.stop().await;
        answer
    });
    drop(driver);
    thread
        .join()
        .map_err(|text| Problem::new(codes::STOPPED, exits::FAILURE, text))?;
    Ok(answer)
}

/// Says why a store cannot be read.
pub(crate) fn unreadable(path: &Path, error: &StoreError) -> Problem {
    if let StoreError::Newer { .. } = error {
        return Problem::new(
            codes::STORE_NEWER,
            exits::VERSION,
            format!(
                "the store {} is newer than this program: {error}; nothing was changed; install \
                 the version that wrote it, or a later one",
                path.display()
            ),
        );
    }
    Problem::new(
        codes::BAD_STORE,
        exits::STORAGE,
        format!(
            "the store {} cannot be read: {error}; nothing was changed, and what other devices or \
             the cloud hold is safe; start the node (`tallyline run`): it moves a damaged store \
             aside and fetches the content from its peers",
            path.display()
        ),
    )
}

impl From<RootError> for Problem {
    fn from(error: RootError) -> Self {
        let (code, exit) = match &error {
            RootError::Missing { .. } => (codes::NO_ROOT, exits::FAILURE),
            RootError::InUse { .. } => (codes::IN_USE, exits::UNREACHABLE),
            RootError::Exists { .. } | RootError::Label { .. } => (codes::BAD_VALUE, exits::USAGE),
            RootError::OtherBoard { .. }
            | RootError::Sealed { .. }
            | RootError::WrongPassphrase { .. } => (codes::KEY_REFUSED, exits::REFUSED),
            RootError::Passphrase { .. } => (codes::BAD_VALUE, exits::USAGE),
            RootError::KeyReadable { .. }
            | RootError::KeyMissing { .. }
            | RootError::NoMemory
            | RootError::Malformed { .. }
            | RootError::Io { .. }
            | RootError::Entropy(_) => (codes::BAD_ROOT, exits::STORAGE),
        };
        Self::new(code, exit, error.to_string())
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Root(error) => error.into(),
            StartError::Newer { .. } => {
                Self::new(codes::STORE_NEWER, exits::VERSION, error.to_string())
            }
            StartError::Store { .. } => {
                Self::new(codes::BAD_STORE, exits::STORAGE, error.to_string())
            }
            StartError::System(_) | StartError::Entropy(_) => {
                Self::new(codes::BAD_ROOT, exits::FAILURE, error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests;
