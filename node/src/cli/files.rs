//! Bundle files: everything of an event on a USB stick.
//!
//! Layer: node, cli.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::session::{DONE, Session, say};
use crate::local::protocol::{self, Answer, Exported, Imported, Nothing, Request, codes, exits};
use crate::root::unhex;

/// Writes the bundle beside its place and renames it, so that a stick that is pulled out too
/// early holds the old file or the whole one, never half.
pub(super) fn export(file: &Path, session: &Session) -> Result<u8, Failure> {
    let exported: Exported = Answer::Ok(session.ask(Request::Export(Nothing {}))?).data()?;
    let bundle = unhex(&exported.bundle).ok_or_else(|| {
        Failure::new(
            codes::UPDATE_NEEDED,
            exits::VERSION,
            "the node's bundle is not hex; stop the node and start it with the version of this \
             command",
        )
    })?;
    if file == Path::new("-") {
        session.write_bytes(&bundle)?;
        return Ok(DONE);
    }
    write_durably(file, &bundle).map_err(|error| {
        Failure::file(format!(
            "{} could not be written: {error}; nothing is lost on this device; check the stick's \
             room and try again",
            file.display()
        ))
    })?;
    if session.json {
        let told = serde_json::json!({
            "schema": "tallyline.exported/1",
            "file": file.display().to_string(),
            "bytes": bundle.len(),
        });
        session.write(&format!("{told}\n"))?;
    } else {
        say(&format!(
            "Wrote {} bytes to {}; `tallyline import` takes it in on another device.",
            bundle.len(),
            file.display()
        ));
    }
    Ok(DONE)
}

pub(super) fn import(file: &Path, session: &Session) -> Result<u8, Failure> {
    session.tell::<Imported>(
        import_request(file)?,
        |_| String::new(),
        |it| {
            format!(
                "{} entries taken in, {} were here before.",
                it.fresh, it.known
            )
        },
    )
}

/// Makes the request to take in a bundle file.
pub(super) fn import_request(file: &Path) -> Result<Request, Failure> {
    let unreadable = |error: io::Error| {
        Failure::file(format!(
            "{} cannot be read: {error}; nothing was changed; correct the file's name",
            file.display()
        ))
    };
    // The node has another working folder than the command.
    let path: PathBuf = file.canonicalize().map_err(unreadable)?;
    let path = path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::file(format!(
            "{} has a name that is not UTF-8; rename it",
            file.display()
        ))
    })?;
    Ok(Request::Import(protocol::Import { path }))
}

fn write_durably(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // A device or pipe is written to and never replaced.
    if file.metadata().is_ok_and(|there| !there.is_file()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(file)?
            .write_all(bytes);
    }
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut open = File::create(&part)?;
    open.write_all(bytes)?;
    open.sync_all()?;
    std::fs::rename(&part, file)?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_replaces_the_file_before_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("match.tally");
        std::fs::write(&file, "the one before").unwrap();
        write_durably(&file, b"bundle").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"bundle");
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "nothing is left beside it");
    }

    #[test]
    fn a_missing_folder_is_told() {
        assert!(
            write_durably(Path::new("/nowhere/match.tally"), b"bundle").is_err(),
            "written"
        );
    }
}
