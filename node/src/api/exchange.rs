//! Whole events and signed entries, in and out: files for people, bundles for devices, JSON for
//! other programs.
//!
//! What comes in lies in a file of its own while the clerk reads it, as on the command line; it is
//! removed whatever came of it. Layer: node, api.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::ask::{Ask, json as answer};
use super::failure::Failure;
use super::stream::NewsTold;
use super::tokens::write_private;
use crate::entropy;
use crate::local::news::Cursor;
use crate::local::protocol::{
    Entries, EntriesQuery, Exported, FileExport, FileExported, FileFormat, FileImport, Import,
    Imported, Nothing, Problem, Request, StandingsData, StandingsQuery, codes as local,
};
use crate::root::{hex, unhex};

/// How the names of files begin that are on their way in.
const INCOMING: &str = "incoming-";

/// Most entries of one pull, as of one push of the founding documents.
const BATCH_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    format: String,
    #[serde(rename = "event")]
    _event: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
struct Given {
    format: String,
    preview: bool,
    scores: bool,
    skip_problems: bool,
    add_duplicates: bool,
    division: Option<String>,
    #[serde(rename = "event")]
    _event: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Since {
    #[serde(rename = "since")]
    cursor: String,
    limit: Option<usize>,
    #[serde(rename = "event")]
    _event: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Push {
    /// A bundle in base64: signed entries, as `tallyline export` writes them.
    bundle: String,
}

/// A file on its way in; gone when it is dropped.
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, "a file that was taken in could not be removed");
        }
    }
}

/// Writes the event as a file.
pub(super) async fn export(ask: Ask) -> Result<Response, Failure> {
    let wanted: Wanted = ask.query()?;
    let format = match wanted.format.as_str() {
        "bundle" => return bundle(ask).await,
        "jsonl" => return lines(&ask).await,
        "csv" => return csv(&ask).await,
        other => format(other)?,
    };
    let file: FileExported = ask.data(Request::FileExport(FileExport { format })).await?;
    let ending = match format {
        FileFormat::Psc => "psc",
        FileFormat::Miff => "miff",
        FileFormat::Report | FileFormat::Registration => "txt",
    };
    bytes(&file.bytes, ending)
}

/// Makes a bundle of everything.
pub(super) async fn bundle(ask: Ask) -> Result<Response, Failure> {
    let exported: Exported = ask.data(Request::Export(Nothing {})).await?;
    bytes(&exported.bundle, "tally")
}

/// Writes all versions of all scores, one JSON object a line.
async fn lines(ask: &Ask) -> Result<Response, Failure> {
    let entries: Entries = ask
        .data(Request::ScoreHistory(EntriesQuery::default()))
        .await?;
    let mut text = String::new();
    for entry in &entries.entries {
        text.push_str(&serde_json::to_string(entry).unwrap_or_default());
        text.push('\n');
    }
    Ok(file(text.into_bytes(), "jsonl"))
}

/// Writes the match's standings as a table.
async fn csv(ask: &Ask) -> Result<Response, Failure> {
    let data: StandingsData = ask
        .data(Request::Standings(StandingsQuery::default()))
        .await?;
    let failed = |error: csv::Error| Failure::fault(format!("no table: {error}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    let heads = [
        "division", "place", "shooter", "label", "dq", "points", "percent", "time",
    ];
    table.write_record(heads).map_err(failed)?;
    for part in &data.matches {
        for row in &part.rows {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let fields = [
                part.division.clone(),
                row.place.map(|it| it.to_string()).unwrap_or_default(),
                row.shooter.to_string(),
                row.label.clone(),
                row.dq.to_string(),
                text(&row.match_points),
                text(&row.match_percent),
                text(&row.match_time),
            ];
            table.write_record(fields).map_err(failed)?;
        }
    }
    let bytes = table.into_inner();
    Ok(file(
        bytes.map_err(|error| Failure::fault(error.to_string()))?,
        "csv",
    ))
}

/// Takes a file in, or tells what it would change.
pub(super) async fn import(ask: Ask) -> Result<Response, Failure> {
    let given: Given = ask.query()?;
    let incoming = incoming(&ask, ask.body.clone(), &given.format).await?;
    let path = incoming.0.display().to_string();
    let request = if given.format == "bundle" {
        let rescue = false;
        Request::Import(Import { path, rescue })
    } else {
        let asked = FileImport {
            path,
            format: format(&given.format)?,
            scores: given.scores,
            skip_problems: given.skip_problems,
            add_duplicates: given.add_duplicates,
            profile: None,
            division: given.division,
            name: None,
            zone_min: 0,
            cloud_keys: Vec::new(),
            recovery_cards: 0,
            colours: false,
        };
        if given.preview {
            Request::FilePreview(asked)
        } else {
            Request::FileImport(asked)
        }
    };
    let done = ask.pass(request).await;
    drop(incoming);
    done
}

/// What became of signed entries.
#[derive(Serialize, ToSchema)]
pub(super) struct Pushed {
    #[serde(flatten)]
    imported: Imported,
    /// From where a pull goes on behind everything that is here now.
    cursor: String,
}

/// Takes signed entries in.
pub(super) async fn push(ask: Ask) -> Result<Response, Failure> {
    let push: Push = ask.json()?;
    let bytes = from_base64(&push.bundle)
        .ok_or_else(|| Failure::bad_request("bundle", "the bundle is not in base64"))?;
    let incoming = incoming(&ask, bytes.into(), "bundle").await?;
    let path = incoming.0.display().to_string();
    let imported = ask
        .data(Request::Import(Import {
            path,
            rescue: false,
        }))
        .await?;
    drop(incoming);
    let (cursor, _) = ask.open()?.clerk.newest().await?;
    Ok(answer(&Pushed {
        imported,
        cursor: cursor.to_string(),
    }))
}

/// Tells what is new since a cursor.
pub(super) async fn pull(ask: Ask) -> Result<Response, Failure> {
    let since: Since = ask.query()?;
    let limit = since.limit.unwrap_or(BATCH_MAX);
    if !(1..=BATCH_MAX).contains(&limit) {
        let text = format!("limit is {limit}; write 1 to {BATCH_MAX}");
        return Err(Failure::bad_request("limit", text));
    }
    let cursor: Cursor = since.cursor.parse().map_err(|error| {
        let problem = Problem::from(error);
        Failure::from(problem).at("since")
    })?;
    let news = ask.open()?.clerk.news(cursor, limit).await?;
    Ok(answer(&NewsTold {
        schema: "tallyline.news/1",
        kind: None,
        news: &news,
    }))
}

/// Removes the files that a process left which ended while it took them in.
///
/// # Errors
///
/// What the disk said.
pub fn forget_incoming(dir: &Path) -> io::Result<()> {
    for file in fs::read_dir(dir)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(INCOMING) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// Puts a body into a file that the clerk reads.
async fn incoming(ask: &Ask, bytes: Bytes, format: &str) -> Result<Incoming, Failure> {
    if bytes.is_empty() {
        return Err(Failure::bad_request(
            "body",
            "the body is empty; send the file's bytes",
        ));
    }
    let id = hex(&entropy::bytes::<8>().map_err(Problem::from)?);
    let ending = if format == "psc" { "psc" } else { "part" };
    let path = ask.api.0.parts.dir.join(format!("{INCOMING}{id}.{ending}"));
    let incoming = Incoming(path.clone());
    let written = spawn_blocking(move || write_private(&path, &bytes)).await;
    let failed = |error: String| {
        let text =
            format!("the file cannot be kept while it is read ({error}); nothing was changed");
        Failure::new(StatusCode::INSUFFICIENT_STORAGE, local::NOT_SAVED, text)
    };
    written
        .map_err(|it| failed(it.to_string()))?
        .map_err(|it| failed(it.to_string()))?;
    Ok(incoming)
}

fn format(text: &str) -> Result<FileFormat, Failure> {
    serde_json::from_value(Value::from(text)).map_err(|_| {
        let text = format!(
            "the format is \"{text}\"; use bundle, psc, miff or report, to write also jsonl or csv, \
             to take in also registration"
        );
        Failure::bad_request("format", text)
    })
}

fn bytes(text: &str, ending: &str) -> Result<Response, Failure> {
    let bytes = unhex(text).ok_or_else(|| Failure::fault("the file is no bytes"))?;
    Ok(file(bytes, ending))
}

fn file(bytes: Vec<u8>, ending: &str) -> Response {
    let kind = match ending {
        "csv" => "text/csv; charset=utf-8",
        "jsonl" => "application/jsonl",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    let mut response = bytes.into_response();
    let name = Path::new("event").with_extension(ending);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let name = format!("attachment; filename=\"{}\"", name.display());
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// Reads base64 with or without its padding; `None` if it is none.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if 8 <= bits {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [
            ("", b"".as_slice()),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
            ("-_8", &[0xfb, 0xff]),
        ] {
            assert_eq!(from_base64(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(from_base64("Zm 9v"), None);
    }
}
