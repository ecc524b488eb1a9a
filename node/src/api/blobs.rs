//! Pictures and clips over HTTP: read in ranges, and taken in part by part.
//!
//! What the event names is read and taken, and nothing else: a hash is no permission. A part is taken
//! whole or not at all, and each answer says where the next one belongs, so a client goes on after any
//! break. Layer: node, api.
//!
//! Source: PROTOCOL R-MEDIA-1, R-MEDIA-8, R-MEDIA-9.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::access::Scope;
use super::ask::{Ask, json as answer, login_needed};
use super::codes;
use super::failure::Failure;
use crate::local::protocol::Problem;
use crate::media::{BLOB_BYTES_MAX, Blob, BlobHash, Media, MediaError, Named, Presence};

/// Bytes that are read from the disk at once.
const PIECE_BYTES: usize = 64 * 1024;

/// How long a reader waits for a blob that the other nodes of a cloud have.
const ARRIVAL_TIME: Duration = Duration::from_secs(10);

/// Seconds after which a client asks again for what somebody else is busy with.
const AGAIN_S: u16 = 1;

/// How long a cache may keep a blob, in seconds: its name says what it is, so it never changes.
const KEPT_S: u32 = 365 * 24 * 60 * 60;

/// What a browser may show; anything else it saves.
const KINDS: [(&str, &str); 9] = [
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/heic", "heic"),
    ("image/avif", "avif"),
    ("video/mp4", "mp4"),
    ("video/webm", "webm"),
    ("video/quicktime", "mov"),
];

/// What somebody is about to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBlob {
    /// BLAKE3 of its bytes in hex.
    hash: String,
    /// Its size in bytes.
    bytes: u64,
    /// What it is: `image/jpeg`.
    mime: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Which {
    /// Where the part belongs.
    at: Option<u64>,
    /// Bytes of the whole, where several lengths are named.
    bytes: Option<u64>,
    #[serde(rename = "event")]
    _event: Option<String>,
    #[serde(rename = "ticket")]
    _ticket: Option<String>,
}

/// Which bytes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    /// All.
    All,
    /// From the first up to the one behind the last.
    Some(u64, u64),
    /// Some that are not there.
    Beyond,
}

/// A blob on its way out.
struct Sending {
    blob: Blob,
    media: Media,
    at: u64,
    end: u64,
    _place: OwnedSemaphorePermit,
}

/// Gives a picture or clip, or some bytes of it.
pub(super) async fn read(ask: Ask) -> Result<Response, Failure> {
    let hash = hash(&ask)?;
    let media = ask.open()?.clerk.media().clone();
    let named = readable(&ask, hash).await?;
    let named = arrived(&media, &named).await?;
    let tag = format!("\"{hash}\"");
    let known = ask.header("if-none-match").split(',');
    if known.map(str::trim).any(|it| it == tag || it == "*") {
        return response(&ask, StatusCode::NOT_MODIFIED, &named, Body::empty());
    }
    let asked = match ask.header("if-range") {
        "" => ask.header("range"),
        same if same == tag => ask.header("range"),
        // Whoever has the beginning of something else needs all of this.
        _ => "",
    };
    let (status, at, end) = match span(asked, named.len) {
        Span::All => (StatusCode::OK, 0, named.len),
        Span::Some(at, end) => (StatusCode::PARTIAL_CONTENT, at, end),
        Span::Beyond => {
            let text = format!(
                "the file has {} bytes; \"{asked}\" is none of it",
                named.len
            );
            let all = text_header(&format!("bytes */{}", named.len))?;
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let failure = Failure::new(status, codes::BAD_RANGE, text).at("Range");
            return Err(failure.header(header::CONTENT_RANGE, all));
        }
    };
    let body = if ask.parts.method == Method::HEAD {
        Body::empty()
    } else {
        body(&ask, media, hash, (at, end)).await?
    };
    let mut response = response(&ask, status, &named, body)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, end.saturating_sub(at).into());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = end.saturating_sub(1);
        let range = text_header(&format!("bytes {at}-{last}/{}", named.len))?;
        headers.insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

/// Begins to take a picture or clip in, or says how far it is.
pub(super) async fn create(ask: Ask) -> Result<Response, Failure> {
    let new: NewBlob = ask.json()?;
    let hash = parsed(&new.hash)?;
    if !(1..=BLOB_BYTES_MAX).contains(&new.bytes) {
        return Err(failed(MediaError::Length { len: new.bytes }));
    }
    if kind(&new.mime).is_none() {
        let kinds = KINDS.map(|(mime, _)| mime).join(", ");
        let text = format!("\"{}\" is no picture or clip; use {kinds}", new.mime);
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Failure::new(status, codes::BAD_KIND, text).at("mime"));
    }
    let named = writable(&ask, hash, Some(new.bytes)).await?;
    if named.mime != new.mime {
        let text = format!(
            "the event names this file as {}, and not as {}; nothing was changed",
            named.mime, new.mime
        );
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Failure::new(status, codes::BAD_KIND, text).at("mime"));
    }
    let media = ask.open()?.clerk.media().clone();
    let wanted = named.clone();
    let here = blocking(move || match media.presence(wanted.hash) {
        Presence::Whole { len } if len == wanted.len => Ok(len),
        Presence::Whole { .. } | Presence::Pending { .. } | Presence::Absent => {
            Ok(media.begin(wanted.hash, wanted.len)?.next())
        }
    });
    Ok(told(&ask, &named, here.await?))
}

/// Takes a part in, at the place where it belongs.
pub(super) async fn part(ask: Ask) -> Result<Response, Failure> {
    let which: Which = ask.query()?;
    let named = writable(&ask, hash(&ask)?, which.bytes).await?;
    let text =
        "write ?at= with the place of the part's first byte; `here` of the last answer is it";
    let at = which.at.ok_or_else(|| Failure::bad_request("at", text))?;
    if ask.body.is_empty() {
        let text = "the body is empty; send the part's bytes";
        return Err(Failure::bad_request("body", text));
    }
    let (media, wanted, bytes) = (
        ask.open()?.clerk.media().clone(),
        named.clone(),
        ask.body.clone(),
    );
    let here = blocking(move || {
        if media.presence(wanted.hash) == (Presence::Whole { len: wanted.len }) {
            return Ok(wanted.len);
        }
        let mut intake = media.begin(wanted.hash, wanted.len)?;
        intake.write_at(at, &bytes)?;
        media.count(u64::try_from(bytes.len()).unwrap_or_default(), 0);
        intake.pause()
    });
    Ok(told(&ask, &named, here.await?))
}

/// How far a picture or clip is.
#[derive(Serialize, ToSchema)]
pub(super) struct BlobTold {
    /// `tallyline.blob/1`.
    schema: &'static str,
    /// BLAKE3 of the whole, in hex.
    hash: String,
    /// Bytes of the whole.
    bytes: u64,
    /// What it is, such as `video/mp4`.
    mime: String,
    /// Bytes that are here: where the next part belongs.
    here: u64,
    /// Whether it is here and is what was named.
    whole: bool,
}

/// Checks what came, and gives it its name if it is what was named.
pub(super) async fn complete(ask: Ask) -> Result<Response, Failure> {
    let which: Which = ask.query()?;
    let named = writable(&ask, hash(&ask)?, which.bytes).await?;
    let (media, wanted) = (ask.open()?.clerk.media().clone(), named.clone());
    let here = blocking(move || {
        if media.presence(wanted.hash) != (Presence::Whole { len: wanted.len }) {
            media.begin(wanted.hash, wanted.len)?.finish()?;
        }
        Ok(wanted.len)
    });
    Ok(told(&ask, &named, here.await?))
}

fn told(ask: &Ask, named: &Named, here: u64) -> Response {
    let media = ask.open().map(|it| it.clerk.media().presence(named.hash));
    let whole = media.is_ok_and(|it| it == Presence::Whole { len: named.len });
    answer(&BlobTold {
        schema: "tallyline.blob/1",
        hash: named.hash.to_string(),
        bytes: named.len,
        mime: named.mime.clone(),
        here,
        whole,
    })
}

fn hash(ask: &Ask) -> Result<BlobHash, Failure> {
    parsed(ask.part("hash")?)
}

fn parsed(text: &str) -> Result<BlobHash, Failure> {
    BlobHash::parse(text).ok_or_else(|| {
        let text = format!("\"{text}\" is no hash; write the 64 hex digits of BLAKE3");
        Failure::bad_request("hash", text)
    })
}

/// Returns what names a blob and what of it the person may see: pictures of drills belong to the
/// structure, which who sees the board may read; media of reports are the reports'.
async fn readable(ask: &Ask, hash: BlobHash) -> Result<Vec<Named>, Failure> {
    let open = ask.open()?;
    let mut named = open.clerk.media_named(hash).await?;
    if named.is_empty() {
        return Err(unnamed());
    }
    let reports = ask.may(Scope::IncidentsRead);
    named.retain(|it| it.is_picture() || reports);
    if named.is_empty() {
        let somebody = ask.somebody().map_err(|_| login_needed())?;
        let text = format!(
            "{} may not read media of reports here (incidents-read); nothing was changed",
            somebody.name
        );
        return Err(Failure::new(StatusCode::FORBIDDEN, codes::ROLE, text));
    }
    Ok(named)
}

/// Returns what the event says of a blob of this length, or of the only one that it names so.
async fn writable(ask: &Ask, hash: BlobHash, len: Option<u64>) -> Result<Named, Failure> {
    let mut named = ask.open()?.clerk.media_named(hash).await?;
    named.retain(|it| len.is_none_or(|len| it.len == len));
    if named
        .iter()
        .any(|it| named.first().map(|it| it.len) != Some(it.len))
    {
        let text = "the event names this file with several lengths; write ?bytes= with its own";
        return Err(Failure::bad_request("bytes", text));
    }
    named.into_iter().next().ok_or_else(unnamed)
}

fn unnamed() -> Failure {
    let text = "the event names no file with this hash and length; record the report that names it \
                first, then send the file";
    Failure::new(StatusCode::NOT_FOUND, codes::NOT_NAMED, text).at("hash")
}

/// Returns what names a blob that is whole here; waits a while if the other nodes of a cloud may have it.
async fn arrived(media: &Media, named: &[Named]) -> Result<Named, Failure> {
    let whole = || {
        let whole = |it: &&Named| media.presence(it.hash) == (Presence::Whole { len: it.len });
        named.iter().find(whole).cloned()
    };
    let mut grew = media.grew();
    if let Some(named) = whole() {
        return Ok(named);
    }
    let asked = named
        .iter()
        .filter(|it| media.hurry(it.hash, it.len))
        .count();
    let arrival = async {
        loop {
            if let Some(named) = whole() {
                return Some(named);
            }
            grew.changed().await.ok()?;
        }
    };
    let found = match asked {
        0 => None,
        _ => timeout(ARRIVAL_TIME, arrival).await.ok().flatten(),
    };
    found.ok_or_else(|| {
        let (here, bytes) = match named.first().map(|it| (media.presence(it.hash), it.len)) {
            Some((Presence::Pending { here, .. }, bytes)) => (here, bytes),
            Some((_, bytes)) => (0, bytes),
            None => (0, 0),
        };
        let text = format!(
            "{here} of {bytes} bytes of this file are here; the rest comes when a device that has it \
             is connected; ask again later"
        );
        Failure::new(StatusCode::NOT_FOUND, codes::PENDING, text)
            .with("here", here.into())
            .with("bytes", bytes.into())
    })
}

/// Opens a blob and sends some bytes of it, each group checked as it is read.
async fn body(
    ask: &Ask,
    media: Media,
    hash: BlobHash,
    (at, end): (u64, u64),
) -> Result<Body, Failure> {
    let Ok(place) = ask.api.0.readers.clone().try_acquire_owned() else {
        let text = "as many files are read as this node can send; ask again in some seconds";
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, codes::STREAMS_FULL, text);
        return Err(failure.header(header::RETRY_AFTER, (5 * AGAIN_S).into()));
    };
    let from = media.clone();
    let blob = blocking(move || from.open(hash)).await?;
    let sending = Sending {
        blob,
        media,
        at,
        end,
        _place: place,
    };
    Ok(Body::from_stream(stream::try_unfold(sending, piece)))
}

/// Reads the next piece on a thread that may wait; `None` at the end.
async fn piece(mut sending: Sending) -> Result<Option<(Bytes, Sending)>, MediaError> {
    let left = sending.end.saturating_sub(sending.at);
    let count = usize::try_from(left)
        .unwrap_or(PIECE_BYTES)
        .min(PIECE_BYTES);
    if count == 0 {
        return Ok(None);
    }
    let read = spawn_blocking(move || {
        let mut bytes = vec![0; count];
        let count = sending.blob.read_at(sending.at, &mut bytes)?;
        bytes.truncate(count);
        let sent = u64::try_from(count).unwrap_or_default();
        sending.at = sending.at.saturating_add(sent);
        sending.media.count(0, sent);
        Ok((Bytes::from(bytes), sending))
    });
    read.await
        .map_err(|error| MediaError::Disk(std::io::Error::other(error)))?
        .map(Some)
}

/// Makes an answer that says what the blob is and how long it may be kept.
fn response(ask: &Ask, status: StatusCode, named: &Named, body: Body) -> Result<Response, Failure> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let (mime, how) = if let Some((mime, ending)) = kind(&named.mime) {
        (
            mime,
            format!("inline; filename=\"{}.{ending}\"", named.hash),
        )
    } else {
        let how = format!("attachment; filename=\"{}.bin\"", named.hash);
        ("application/octet-stream", how)
    };
    let all = ask.open()?.public && named.is_picture();
    let whose = if all { "public" } else { "private" };
    let texts: [(HeaderName, String); 5] = [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CONTENT_DISPOSITION, how),
        (header::ETAG, format!("\"{}\"", named.hash)),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (
            header::CACHE_CONTROL,
            format!("{whose}, max-age={KEPT_S}, immutable"),
        ),
    ];
    for (name, text) in texts {
        response.headers_mut().insert(name, text_header(&text)?);
    }
    Ok(response)
}

fn text_header(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|error| Failure::fault(error.to_string()))
}

fn kind(mime: &str) -> Option<(&'static str, &'static str)> {
    KINDS.into_iter().find(|(it, _)| *it == mime)
}

/// Reads a `Range` of one span; what is none is as if it were not there, and so are several: a client
/// gets all of it then.
fn span(asked: &str, len: u64) -> Span {
    let Some((first, last)) = asked
        .strip_prefix("bytes=")
        .and_then(|it| it.trim().split_once('-'))
    else {
        return Span::All;
    };
    let number = |text: &str| {
        let digits = text.bytes().all(|it| it.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => Span::All,
        (true, false) => match number(last) {
            None => Span::All,
            Some(0) => Span::Beyond,
            Some(count) => Span::Some(len.saturating_sub(count), len),
        },
        (false, open) => match (number(first), number(last)) {
            (None, _) | (_, None) => Span::All,
            (Some(first), Some(last)) if !open && last < first => Span::All,
            (Some(first), _) if len <= first => Span::Beyond,
            (Some(first), Some(_)) if open => Span::Some(first, len),
            (Some(first), Some(last)) => Span::Some(first, last.saturating_add(1).min(len)),
        },
    }
}

/// Does what waits for a disk on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(failed),
        Err(error) => Err(Failure::fault(error.to_string())),
    }
}

/// Says over HTTP why media are not read or taken.
fn failed(error: MediaError) -> Failure {
    let status = match &error {
        MediaError::Absent(_) => StatusCode::NOT_FOUND,
        MediaError::Damaged(_) => StatusCode::SERVICE_UNAVAILABLE,
        MediaError::Length { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        MediaError::Wrong { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        MediaError::Gap { .. } | MediaError::Busy(_) => StatusCode::CONFLICT,
        MediaError::Quota { .. }
        | MediaError::Room { .. }
        | MediaError::File { .. }
        | MediaError::Disk(_) => StatusCode::INSUFFICIENT_STORAGE,
    };
    let next = if let MediaError::Gap { next, .. } = &error {
        Some(*next)
    } else {
        None
    };
    let busy = matches!(error, MediaError::Busy(_) | MediaError::Damaged(_));
    let Problem { code, text, .. } = error.into();
    let mut failure = Failure::new(status, &code, text);
    if let Some(next) = next {
        failure = failure.at("at").with("here", next.into());
    }
    if busy {
        failure = failure.header(header::RETRY_AFTER, AGAIN_S.into());
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_span_or_it_is_none() {
        for (asked, expected) in [
            ("", Span::All),
            ("bytes=0-", Span::Some(0, 100)),
            ("bytes=0-0", Span::Some(0, 1)),
            ("bytes=10-19", Span::Some(10, 20)),
            ("bytes=90-500", Span::Some(90, 100)),
            ("bytes=99-", Span::Some(99, 100)),
            ("bytes=-5", Span::Some(95, 100)),
            ("bytes=-500", Span::Some(0, 100)),
            ("bytes=100-", Span::Beyond),
            ("bytes=100-200", Span::Beyond),
            ("bytes=-0", Span::Beyond),
            ("bytes=99999999999999999999-", Span::Beyond),
            ("bytes=-", Span::All),
            ("bytes=20-10", Span::All),
            ("bytes=a-b", Span::All),
            ("bytes=0-1,5-6", Span::All),
            ("bytes=+1-2", Span::All),
            ("lines=0-1", Span::All),
        ] {
            assert_eq!(span(asked, 100), expected, "{asked}");
        }
    }

    #[test]
    fn a_part_fits_the_pieces_that_are_checked() {
        let part = u64::try_from(super::super::routes::PART_MAX).expect("a small number");
        assert_eq!(part % crate::media::GROUP_BYTES, 0);
    }
}
