//! A PostgreSQL of a test's own: its data in a folder that vanishes, on a free port of loopback.
//!
//! Runs only programs of the system's installation (`initdb`, `pg_ctl`), as the user `nobody` where
//! the test is root, since PostgreSQL refuses to run as root.

use std::fmt;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::system::{is_root, must_run, skipped};

/// Where Debian keeps the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// What a server is told: little memory, and everything else as it comes, the wait for the disk
/// included.
const SETTINGS: &str =
    "-c listen_addresses=127.0.0.1 -c shared_buffers=32MB -c max_connections=100";

/// A running server; it is stopped and its data removed when it is dropped.
pub struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, everything is written.
    Fast,
    /// As a power cut would.
    Immediate,
}

impl Postgres {
    /// Makes and starts a server; `None` (said loudly) where PostgreSQL is not installed.
    ///
    /// # Panics
    /// If it is installed and does not start, or has to be here and is not.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                !must_run(),
                "PostgreSQL is not installed, and here its tests must not be skipped"
            );
            skipped("PostgreSQL is not installed; tests/run installs it as root on Debian");
            return None;
        };
        let folder = tempfile::tempdir().ok()?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let server = Self {
            folder,
            programs,
            port: port.map_or(55_432, |it| it.port()),
        };
        if is_root() {
            server.system("chown", &["nobody", &server.path("")]);
        }
        server.program(
            "initdb",
            &[
                "-D",
                &server.path("data"),
                "-U",
                "app",
                "--auth=trust",
                "-E",
                "UTF8",
                "--no-locale",
            ],
        );
        server.up();
        Some(server)
    }

    /// Returns the address of its one database.
    pub fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it; whoever is connected loses its connection.
    pub fn stop(&self, how: Stop) {
        let how = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.program(
            "pg_ctl",
            &["-D", &self.path("data"), "-m", how, "-w", "stop"],
        );
    }

    /// Starts it again where it was stopped.
    pub fn up(&self) {
        let options = format!(
            "-p {} {SETTINGS} -c unix_socket_directories={}",
            self.port,
            self.path("")
        );
        self.program(
            "pg_ctl",
            &[
                "-D",
                &self.path("data"),
                "-l",
                &self.path("log"),
                "-o",
                &options,
                "-w",
                "-t",
                "60",
                "start",
            ],
        );
    }

    /// Keeps a copy of the data as it is now, stopping it for a moment: last night's backup.
    pub fn back_up(&self) {
        self.stop(Stop::Fast);
        self.system("cp", &["-a", &self.path("data"), &self.path("backup")]);
        self.up();
    }

    /// Puts the copy of [`Self::back_up`] in place of the data.
    pub fn restore(&self) {
        self.stop(Stop::Fast);
        self.system("rm", &["-r", &self.path("data")]);
        self.system("cp", &["-a", &self.path("backup"), &self.path("data")]);
        self.up();
    }

    /// Writes what the database holds into a file while it runs, as docs/CLOUD.md tells people to.
    pub fn copy_out(&self) {
        let (url, file) = (self.url(), self.path("tallyline.dump"));
        self.program("pg_dump", &["--format=custom", "--file", &file, &url]);
    }

    /// Puts what [`Self::copy_out`] wrote in place of what the database holds, in the same way.
    pub fn copy_in(&self) {
        let (url, file) = (self.url(), self.path("tallyline.dump"));
        let into = [
            "--dbname",
            &url,
            "--clean",
            "--if-exists",
            "--single-transaction",
        ];
        self.program("pg_restore", &[&into[..], &[&file]].concat());
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn program(&self, name: &str, args: &[&str]) {
        let program = self.programs.join(name).display().to_string();
        let mut all = vec![
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
            &program,
        ];
        if is_root() {
            all.extend(args);
            self.system("setpriv", &all);
        } else {
            self.system(&program, args);
        }
    }

    fn system(&self, program: &str, args: &[&str]) {
        // A server that was started holds its parent's pipes: its words go to files.
        let said = fs::File::create(self.folder.path().join("said"));
        let mut command = Command::new(program);
        command.args(args).current_dir("/").stdin(Stdio::null());
        if let Ok(said) = &said
            && let (Ok(out), Ok(err)) = (said.try_clone(), said.try_clone())
        {
            command.stdout(out).stderr(err);
        }
        let status = command.status();
        let said = fs::read_to_string(self.folder.path().join("said"));
        assert!(
            status.as_ref().is_ok_and(std::process::ExitStatus::success),
            "{program} {args:?}: {status:?}: {said:?} {:?}",
            fs::read_to_string(self.folder.path().join("log"))
        );
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if Path::new(&self.path("data/postmaster.pid")).exists() {
            self.stop(Stop::Immediate);
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Finds the newest installed version's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?;
    let mut versions: Vec<PathBuf> = versions
        .filter_map(|it| Some(it.ok()?.path().join("bin")))
        .collect();
    versions.retain(|it| it.join("initdb").exists() && it.join("pg_ctl").exists());
    versions.sort();
    versions.pop()
}
