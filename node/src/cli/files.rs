//! Files that are written, and bundles: everything of an event on a USB stick.
//!
//! Layer: node, cli.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tallyline_proto::wire::BUNDLE_BYTES_MAX;

use super::args::{Export, ExportAs};
use super::failure::Failure;
use super::session::{DONE, Session, say};
use super::show;
use crate::exchange::check::check_bundle;
use crate::local::protocol::{
    self, Answer, Entries, EntriesQuery, Exported, FileExport, FileExported, FileFormat, Nothing,
    Request, StandingsData, StandingsQuery, codes, exits,
};
use crate::root::unhex;

/// Writes what of the event is wanted.
///
/// A file is written beside its place and renamed, so that a stick that is pulled out too early
/// holds the old file or the whole one, never half.
pub(super) fn export(args: &Export, session: &Session) -> Result<u8, Failure> {
    let file = args.file.as_path();
    let kind = args.kind.unwrap_or_else(|| kind_of(file));
    let (bytes, left_out) = match kind {
        ExportAs::Bundle => (bundle(session)?, 0),
        ExportAs::Psc => written(FileFormat::Psc, session)?,
        ExportAs::Miff => written(FileFormat::Miff, session)?,
        ExportAs::Report => written(FileFormat::Report, session)?,
        ExportAs::Csv => (csv(session)?, 0),
        ExportAs::Jsonl => (jsonl(session)?, 0),
    };
    if file == Path::new("-") {
        session.write_bytes(&bytes)?;
        return Ok(DONE);
    }
    write_durably(file, &bytes).map_err(|error| {
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
            "bytes": bytes.len(),
        });
        session.write(&format!("{told}\n"))?;
        return Ok(DONE);
    }
    let more = match kind {
        ExportAs::Bundle => "; `tallyline import` takes it in on another device",
        ExportAs::Psc | ExportAs::Miff | ExportAs::Report | ExportAs::Csv | ExportAs::Jsonl => "",
    };
    say(&format!(
        "Wrote {} bytes to {}{more}.",
        bytes.len(),
        file.display()
    ));
    if 0 < left_out {
        say(&format!(
            "{left_out} entries that were written outside any right are not in it; a bundle and \
             JSON Lines have them."
        ));
    }
    Ok(DONE)
}

/// Tells by its ending what a file is to be.
fn kind_of(file: &Path) -> ExportAs {
    let ending = file
        .extension()
        .and_then(|it| it.to_str())
        .unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "psc" => ExportAs::Psc,
        "miff" => ExportAs::Miff,
        "txt" => ExportAs::Report,
        "csv" => ExportAs::Csv,
        "jsonl" => ExportAs::Jsonl,
        _ => ExportAs::Bundle,
    }
}

fn bundle(session: &Session) -> Result<Vec<u8>, Failure> {
    let exported: Exported = Answer::Ok(session.ask(Request::Export(Nothing {}))?).data()?;
    unhex(&exported.bundle).ok_or_else(not_hex)
}

fn written(format: FileFormat, session: &Session) -> Result<(Vec<u8>, u64), Failure> {
    let request = Request::FileExport(FileExport { format });
    let exported: FileExported = Answer::Ok(session.ask(request)?).data()?;
    let bytes = unhex(&exported.bytes).ok_or_else(not_hex)?;
    Ok((bytes, exported.left_out))
}

fn not_hex() -> Failure {
    Failure::new(
        codes::UPDATE_NEEDED,
        exits::VERSION,
        "the node's file is not hex; stop the node and start it with the version of this command",
    )
}

/// Makes the tables as `standings --all --csv` prints them.
fn csv(session: &Session) -> Result<Vec<u8>, Failure> {
    let request = Request::Standings(StandingsQuery {
        all: true,
        ..StandingsQuery::default()
    });
    let data: StandingsData = Answer::Ok(session.ask(request)?).data()?;
    let text = show::standings_csv(&data)
        .map_err(|error| Failure::file(format!("the tables could not be written: {error}")))?;
    if !session.json {
        say(show::standings_footer(&data).trim_end());
    }
    Ok(text.into_bytes())
}

/// Makes one line of each entry, of all versions, with the voids and approvals among them.
fn jsonl(session: &Session) -> Result<Vec<u8>, Failure> {
    let request = Request::ScoreHistory(EntriesQuery::default());
    let entries: Entries = Answer::Ok(session.ask(request)?).data()?;
    let mut lines = String::new();
    for entry in &entries.entries {
        let mut value = serde_json::to_value(entry)
            .map_err(|error| Failure::file(format!("an entry could not be written: {error}")))?;
        if let Some(object) = value.as_object_mut() {
            object.insert("schema".to_owned(), "tallyline.entry/1".into());
        }
        lines.push_str(&value.to_string());
        lines.push('\n');
    }
    Ok(lines.into_bytes())
}

/// Checks a bundle by itself: no root and no node is needed.
pub(super) fn verify(file: &Path, session: &Session) -> Result<u8, Failure> {
    let limit = u64::try_from(BUNDLE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let open = File::open(file).map_err(|error| unreadable(file, &error))?;
    open.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(file, &error))?;
    if BUNDLE_BYTES_MAX < bytes.len() {
        return Err(Failure::file(format!(
            "{} is larger than any bundle (64 MiB)",
            file.display()
        )));
    }
    let report = check_bundle(&bytes).map_err(|complaint| {
        let text = format!("{}: {complaint}", file.display());
        Failure::new(codes::BAD_FILE, exits::STORAGE, text)
    })?;
    if session.json {
        let value = serde_json::to_string(&report)
            .map_err(|error| Failure::file(format!("the report could not be written: {error}")))?;
        session.write(&format!("{value}\n"))?;
    } else {
        session.write(&show::checked(&report))?;
    }
    Ok(if report.ok { DONE } else { exits::STORAGE })
}

/// Says that a file cannot be read.
pub(super) fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::file(format!(
        "{} cannot be read: {error}; nothing was changed; correct the file's name",
        file.display()
    ))
}

/// Makes the request to take in a bundle file; `rescue` takes what holds of a damaged one.
pub(super) fn import_request(file: &Path, rescue: bool) -> Result<Request, Failure> {
    let unreadable = |error: io::Error| unreadable(file, &error);
    // The node has another working folder than the command.
    let path: PathBuf = file.canonicalize().map_err(unreadable)?;
    let path = path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::file(format!(
            "{} has a name that is not UTF-8; rename it",
            file.display()
        ))
    })?;
    Ok(Request::Import(protocol::Import { path, rescue }))
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
    let written = write_part(&part, bytes).and_then(|()| std::fs::rename(&part, file));
    if written.is_err() {
        // Half a file is of no use, and fills a stick that is full.
        std::fs::remove_file(&part).ok();
    }
    written?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_part(part: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut open = File::create(part)?;
    open.write_all(bytes)?;
    open.sync_all()
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
