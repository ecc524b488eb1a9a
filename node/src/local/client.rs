//! Calls a node over the socket in its root.
//!
//! Layer: node, local; used by the command line, the demonstration and tests.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};

use super::protocol::{ANSWER_BYTES_MAX, Answer, Call, Problem, codes, exits};
use crate::root::socket_path;

/// Longest path of a socket in bytes: `sun_path` has 108 with the ending zero.
pub(super) const PATH_BYTES_MAX: usize = 107;

/// How long an answer may take: verifying and exporting the largest event on a slow card, behind
/// a commit that waits for that card.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A connection to a running node, for plain threads.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

/// A connection to a running node, for tokio tasks.
#[derive(Debug)]
pub struct AsyncClient {
    stream: tokio::io::BufReader<tokio::net::UnixStream>,
    path: PathBuf,
}

/// Why a call has no answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// No node runs on the root.
    #[error(
        "no node runs on {}; nothing was changed; start one with `tallyline run --root {}`",
        dir.display(), dir.display()
    )]
    NotRunning {
        /// The root.
        dir: PathBuf,
    },
    /// The connection failed.
    #[error(
        "the node at {} did not answer ({error}); whether the request was carried out is not \
         known; look at `tallyline score history` before you repeat it", path.display()
    )]
    Lost {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl CallError {
    /// Returns the problem that a command reports.
    pub fn problem(&self) -> Problem {
        match self {
            Self::NotRunning { .. } => {
                Problem::new(codes::NOT_RUNNING, exits::UNREACHABLE, self.to_string())
            }
            Self::Lost { error, .. } => {
                // A socket's own time limit ends a read with either of the two.
                let late = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
                let exit = if late.contains(&error.kind()) {
                    exits::TIMEOUT
                } else {
                    exits::UNREACHABLE
                };
                Problem::new(codes::STOPPED, exit, self.to_string())
            }
        }
    }
}

impl Client {
    /// Connects to the node that runs on a root.
    ///
    /// # Errors
    ///
    /// [`CallError::NotRunning`] if none does.
    pub fn connect(dir: &Path) -> Result<Self, CallError> {
        let path = socket_path(dir);
        let connect = || {
            let stream = UnixStream::connect(&path)?;
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
            Ok(stream)
        };
        match connect() {
            Ok(stream) => Ok(Self {
                stream: BufReader::new(stream),
                path,
            }),
            Err(error) => Err(connect_error(dir, path, error)),
        }
    }

    /// Asks and waits for the answer, at most a minute.
    ///
    /// # Errors
    ///
    /// [`CallError::Lost`] if the connection ends before the answer is there.
    pub fn call(&mut self, call: &Call) -> Result<Answer, CallError> {
        self.exchange(call).map_err(|error| CallError::Lost {
            path: self.path.clone(),
            error,
        })
    }

    fn exchange(&mut self, call: &Call) -> io::Result<Answer> {
        self.stream.get_mut().write_all(&request_line(call)?)?;
        let mut line = Vec::new();
        self.stream
            .by_ref()
            .take(answer_limit())
            .read_until(b'\n', &mut line)?;
        answer_of(&line)
    }
}

impl AsyncClient {
    /// Connects to the node that runs on a root.
    ///
    /// # Errors
    ///
    /// [`CallError::NotRunning`] if none does.
    pub async fn connect(dir: &Path) -> Result<Self, CallError> {
        let path = socket_path(dir);
        match tokio::net::UnixStream::connect(&path).await {
            Ok(stream) => Ok(Self {
                stream: tokio::io::BufReader::new(stream),
                path,
            }),
            Err(error) => Err(connect_error(dir, path, error)),
        }
    }

    /// Asks and waits for the answer, at most a minute.
    ///
    /// # Errors
    ///
    /// [`CallError::Lost`] if the connection ends before the answer is there.
    pub async fn call(&mut self, call: &Call) -> Result<Answer, CallError> {
        let exchange = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(call)).await;
        exchange
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| CallError::Lost {
                path: self.path.clone(),
                error,
            })
    }

    async fn exchange(&mut self, call: &Call) -> io::Result<Answer> {
        self.stream.write_all(&request_line(call)?).await?;
        let mut line = Vec::new();
        (&mut self.stream)
            .take(answer_limit())
            .read_until(b'\n', &mut line)
            .await?;
        answer_of(&line)
    }
}

/// Asks the node that runs on a root, once.
///
/// # Errors
///
/// As [`Client::connect`] and [`Client::call`].
pub fn call(dir: &Path, call: &Call) -> Result<Answer, CallError> {
    Client::connect(dir)?.call(call)
}

fn connect_error(dir: &Path, path: PathBuf, error: io::Error) -> CallError {
    // No file, or one that a killed node left behind.
    if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    ) {
        CallError::NotRunning {
            dir: dir.to_owned(),
        }
    } else {
        CallError::Lost { path, error }
    }
}

fn request_line(call: &Call) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(call)?;
    line.push(b'\n');
    Ok(line)
}

fn answer_of(line: &[u8]) -> io::Result<Answer> {
    if !line.ends_with(b"\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(line)?)
}

fn answer_limit() -> u64 {
    u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX)
}
