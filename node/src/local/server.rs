//! The command socket: lines in, lines out.
//!
//! Bounded in connections and in the length of a line; a line that is too long ends its
//! connection, because where the next one begins cannot be known. Layer: node, local.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::clerk::Clerk;
use super::client::PATH_BYTES_MAX;
use super::protocol::{Answer, Call, Problem, REQUEST_BYTES_MAX, codes, exits};
use crate::failpoint::{Site, pass};
use crate::root::socket_path;

/// How long an answer may wait for a client that does not read: a person's terminal reads at once.
const WRITE_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// Most clients at once: a few commands, a kiosk's screen and a demonstration; further ones wait.
const CLIENTS_MAX: usize = 64;

/// Who answers requests: a node's one clerk, or a cloud, which has one for each event.
pub trait Answers: Clone + Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, call: Call) -> impl Future<Output = Answer> + Send;
}

/// The command socket of a root, listening.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

/// Why a root has no command socket.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Somebody answers on the socket.
    #[error(
        "another tallyline answers on {}; nothing was changed; stop it with `tallyline stop`",
        .0.display()
    )]
    Taken(PathBuf),
    /// The path is longer than sockets allow.
    #[error(
        "the path {} is longer than the {PATH_BYTES_MAX} bytes that a socket may have; nothing \
         was changed; choose a root with a shorter path", .0.display()
    )]
    PathTooLong(PathBuf),
    /// The system refused.
    #[error("the command socket {} cannot be made ({error}); nothing that was saved is lost; \
             check that the folder is yours", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl Server {
    /// Makes the socket of a root, readable and writable by its owner only. A socket file that a
    /// killed process left behind is replaced.
    ///
    /// Needs a running tokio runtime with I/O.
    ///
    /// # Errors
    ///
    /// [`ServeError`], with what to do.
    pub fn bind(dir: &Path) -> Result<Self, ServeError> {
        let path = socket_path(dir);
        let fresh = dir.join("node.sock~");
        if PATH_BYTES_MAX < fresh.as_os_str().len() {
            return Err(ServeError::PathTooLong(path));
        }
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            return Err(ServeError::Taken(path));
        }
        // Made under another name and renamed when its permissions are set: at no moment can
        // others connect, and a dead process's file goes in the same instant.
        let bind = || {
            if fresh.exists() {
                fs::remove_file(&fresh)?;
            }
            let listener = UnixListener::bind(&fresh)?;
            fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
            fs::rename(&fresh, &path)?;
            Ok(listener)
        };
        match bind() {
            Ok(listener) => Ok(Self { listener, path }),
            Err(error) => Err(ServeError::Io { path, error }),
        }
    }

    /// Serves clients until `stop` is set; the answer that is under way is finished.
    pub async fn serve(self, clerk: impl Answers, mut stop: watch::Receiver<bool>) {
        let clients = Arc::new(Semaphore::new(CLIENTS_MAX));
        let mut tasks = JoinSet::new();
        while let Some((stream, permit)) = next(&self.listener, &clients, &mut stop).await {
            let client = client(stream, clerk.clone(), stop.clone(), permit);
            tasks.spawn(client);
            while tasks.try_join_next().is_some() {}
        }
        // Nobody new is let in, and the file goes before the process does.
        drop(self.listener);
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the command socket's file was gone already");
        }
        while tasks.join_next().await.is_some() {}
    }
}

impl Answers for Clerk {
    async fn answer(&self, call: Call) -> Answer {
        Self::answer(self, call).await
    }
}

/// Waits for the next client; `None` when the node ends.
async fn next(
    listener: &UnixListener,
    clients: &Arc<Semaphore>,
    stop: &mut watch::Receiver<bool>,
) -> Option<(UnixStream, OwnedSemaphorePermit)> {
    let accept = async {
        loop {
            let permit = Arc::clone(clients).acquire_owned().await.ok()?;
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, permit)),
                // Out of file descriptors: some client will end; the node goes on.
                Err(error) => {
                    tracing::warn!(%error, "a client could not be let in");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => None,
        client = accept => client,
    }
}

/// Serves one client: request after request.
async fn client(
    stream: UnixStream,
    clerk: impl Answers,
    mut stop: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        // Half a line that is dropped here belonged to a connection that ends.
        let read = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            read = read_line(&mut reader, &mut line) => read,
        };
        let (answer, more) = match read {
            Ok(Line::Whole) => (answer(&clerk, &line).await, true),
            Ok(Line::TooLong) => (Answer::Error(too_long()), false),
            Ok(Line::End) | Err(_) => break,
        };
        let mut bytes = serde_json::to_vec(&answer).unwrap_or_default();
        bytes.push(b'\n');
        pass(Site::BeforeAnswer);
        // Who does not read its answers holds up neither the node's end nor others' places.
        let written = tokio::select! {
            biased;
            written = tokio::time::timeout(WRITE_TIME, writer.write_all(&bytes)) => {
                matches!(written, Ok(Ok(())))
            }
            _ = stop.wait_for(|stop| *stop) => false,
        };
        pass(Site::AfterAnswer);
        if !written || !more {
            break;
        }
    }
    drop(permit);
}

/// What was read.
enum Line {
    Whole,
    TooLong,
    End,
}

async fn read_line(
    reader: &mut (impl tokio::io::AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<Line> {
    let limit = u64::try_from(REQUEST_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let length = reader.take(limit).read_until(b'\n', line).await?;
    if line.ends_with(b"\n") {
        Ok(Line::Whole)
    } else if REQUEST_BYTES_MAX < length {
        Ok(Line::TooLong)
    } else {
        Ok(Line::End)
    }
}

async fn answer(clerk: &impl Answers, line: &[u8]) -> Answer {
    match serde_json::from_slice::<Call>(line) {
        Ok(call) => clerk.answer(call).await,
        Err(error) => Answer::Error(Problem::new(
            codes::BAD_REQUEST,
            exits::USAGE,
            format!("this is no request ({error}); nothing was changed; send {{\"verb\":\"..\"}}"),
        )),
    }
}

fn too_long() -> Problem {
    Problem::new(
        codes::BAD_REQUEST,
        exits::USAGE,
        format!(
            "the request is longer than {REQUEST_BYTES_MAX} bytes; nothing was changed; \
             the connection ends"
        ),
    )
}

#[cfg(test)]
mod tests;
