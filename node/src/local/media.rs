//! Pictures and clips in answers: what names them, and how much of each is here.
//!
//! Layer: node, local.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use tallyline_proto::model;
use tallyline_proto::replica::Replica;

use super::protocol::{
    IncidentGroup, MediaEntry, MediaGet, MediaGot, MediaInfo, MediaList, MediaState, Problem,
    codes, exits,
};
use crate::media::{BlobHash, Media, MediaError, Named, NamedBy, Presence, named};
use crate::root::hex;

/// Bytes copied at once.
const COPY_BYTES: usize = 64 * 1024;

/// Fewest digits that name a blob by its beginning: fewer are too easily wrong.
const BEGINNING_CHARS_MIN: usize = 4;

/// Tells a picture or clip that something names; how much of it is here, [`fill`] puts in.
pub(super) fn info(media: &model::Media) -> MediaInfo {
    MediaInfo {
        hash: hex(&media.hash),
        bytes: media.bytes,
        mime: media.mime.clone(),
        state: MediaState::Pending,
        percent: 0,
    }
}

/// Puts in how much of it is here.
pub(super) fn fill(info: &mut MediaInfo, media: &Media) {
    if let Some(hash) = BlobHash::parse(&info.hash) {
        (info.state, info.percent) = state(media, hash, info.bytes);
    }
}

/// Returns all pictures and clips of incidents.
pub(super) fn of_groups(groups: &mut [IncidentGroup]) -> impl Iterator<Item = &mut MediaInfo> {
    let incidents = groups.iter_mut().flat_map(|it| &mut it.incidents);
    let reports = incidents.flat_map(|it| &mut it.reports);
    reports.flat_map(|it| &mut it.media)
}

fn state(media: &Media, hash: BlobHash, bytes: u64) -> (MediaState, u8) {
    match media.presence(hash) {
        Presence::Whole { len } if len == bytes => (MediaState::Here, 100),
        Presence::Pending { here, len } if len == bytes => {
            let percent = here.saturating_mul(100) / len.max(1);
            let percent = u8::try_from(percent).unwrap_or(99).min(99);
            (MediaState::Pending, percent)
        }
        // Whoever names another length names another file, which nobody can have.
        Presence::Whole { .. } | Presence::Pending { .. } | Presence::Absent => {
            (MediaState::Pending, 0)
        }
    }
}

/// Counts the pictures of drills: those that are here, and all.
pub(super) fn pictures(replica: &mut Replica, media: &Media) -> (u64, u64) {
    let named = named(replica).into_iter();
    let pictures = named.filter(Named::is_picture).map(|it| (it.hash, it.len));
    let pictures: BTreeSet<(BlobHash, u64)> = pictures.collect();
    let is_here = |it: &&(BlobHash, u64)| state(media, it.0, it.1).0 == MediaState::Here;
    let here = pictures.iter().filter(is_here).count();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    (count(here), count(pictures.len()))
}

/// Lists what the event names, and what else is here.
pub(super) fn list(replica: &mut Replica, media: &Media) -> MediaList {
    let mut lines: BTreeMap<(BlobHash, u64), MediaEntry> = BTreeMap::new();
    for it in named(replica) {
        let (state, percent) = state(media, it.hash, it.len);
        let line = lines.entry((it.hash, it.len)).or_insert(MediaEntry {
            media: MediaInfo {
                hash: it.hash.to_string(),
                bytes: it.len,
                mime: it.mime.clone(),
                state,
                percent,
            },
            named_by: Vec::new(),
            wanted: false,
            in_cloud: media.is_in_cloud(it.hash),
        });
        line.wanted |= media.wants(&it);
        line.named_by.push(by(&it));
    }
    for (hash, len) in media.whole() {
        lines.entry((hash, len)).or_insert(MediaEntry {
            media: MediaInfo {
                hash: hash.to_string(),
                bytes: len,
                mime: media.mime(hash).to_owned(),
                state: MediaState::Here,
                percent: 100,
            },
            named_by: Vec::new(),
            wanted: false,
            in_cloud: false,
        });
    }
    let (used, quota) = media.used();
    let (fetched, sent) = media.moved();
    MediaList {
        schema: "tallyline.media/1".to_owned(),
        used,
        quota,
        fetched,
        sent,
        media: lines.into_values().collect(),
    }
}

/// Says what names a blob.
fn by(named: &Named) -> String {
    match &named.by {
        NamedBy::Drill(no) => format!("stage {no}"),
        NamedBy::Report {
            report: _,
            incident,
            label,
        } => format!("report of {label} about incident {incident}"),
    }
}

/// Says what of what this device fetches is not here, one sentence; `None` if all is.
pub(super) fn remark(replica: &mut Replica, media: &Media) -> Option<String> {
    let mut pending: Vec<Named> = named(replica);
    pending.retain(|it| media.wants(it) && state(media, it.hash, it.len).0 == MediaState::Pending);
    pending.sort_by_key(|it| it.hash);
    pending.dedup_by_key(|it| it.hash);
    let video = |it: &&Named| it.mime.starts_with("video/");
    let videos = pending.iter().filter(video).count();
    let others = pending.len().saturating_sub(videos);
    let what = match (videos, others) {
        (0, 0) => return None,
        (0, files) => format!("Pictures pending: {files}."),
        (clips, 0) => format!("Video pending: {clips}."),
        (clips, files) => format!("Video pending: {clips}; pictures pending: {files}."),
    };
    Some(format!(
        "{what} They come when a device that has them is connected; scores do not wait for them. \
         `tallyline media list` tells how far each is."
    ))
}

/// Finds the one blob that is called so, among what is named and what is here.
pub(super) fn find(list: &MediaList, name: &str) -> Result<MediaInfo, Problem> {
    let name = name.to_ascii_lowercase();
    let hits = |it: &&MediaEntry| it.media.hash.starts_with(&name);
    let mut found = list.media.iter().filter(hits);
    let text = match (found.next(), found.next()) {
        (Some(one), None) if BEGINNING_CHARS_MIN <= name.len() => return Ok(one.media.clone()),
        (Some(_), _) => "several begin so, or it is too short; write more digits of the hash",
        (None, _) => "nothing here is called so; `tallyline media list` lists what there is",
    };
    let text = format!("{name:?}: {text}");
    Err(Problem::new(codes::UNKNOWN_MEDIA, exits::FAILURE, text))
}

/// Copies a blob into a file that is not there yet, or has it fetched.
pub(super) fn get(media: &Media, mut info: MediaInfo, get: MediaGet) -> Result<MediaGot, Problem> {
    fill(&mut info, media);
    let hash = BlobHash::parse(&info.hash);
    let mut file = None;
    match (hash, info.state, get.file) {
        (Some(hash), MediaState::Here, Some(path)) => {
            copy(media, hash, Path::new(&path))?;
            file = Some(path);
        }
        (Some(hash), MediaState::Pending, _) => media.pin(hash),
        (Some(_) | None, MediaState::Here | MediaState::Pending, _) => {}
    }
    Ok(MediaGot {
        schema: "tallyline.media-got/1".to_owned(),
        media: info,
        file,
    })
}

fn copy(media: &Media, hash: BlobHash, path: &Path) -> Result<(), Problem> {
    let bad = |error: io::Error| {
        let text = format!("{}: {error}; nothing else was changed", path.display());
        Problem::new(codes::BAD_FILE, exits::FAILURE, text)
    };
    if !path.is_absolute() {
        return Err(bad(io::Error::other(
            "the node needs the file's whole path",
        )));
    }
    let mut blob = media.open(hash)?;
    let mut fresh = OpenOptions::new();
    let mut file = fresh.write(true).create_new(true).open(path).map_err(bad)?;
    let mut bytes = vec![0; COPY_BYTES];
    let mut at: u64 = 0;
    loop {
        let count = blob.read_at(at, &mut bytes)?;
        if count == 0 {
            break;
        }
        file.write_all(bytes.get(..count).unwrap_or_default())
            .map_err(bad)?;
        at = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    file.sync_all().map_err(bad)
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Self {
        let exit = match &error {
            MediaError::Length { .. } | MediaError::Gap { .. } => exits::USAGE,
            MediaError::Quota { .. }
            | MediaError::Room { .. }
            | MediaError::Disk(_)
            | MediaError::Damaged(_) => exits::STORAGE,
            MediaError::Absent(_)
            | MediaError::Wrong { .. }
            | MediaError::Busy(_)
            | MediaError::File { .. } => exits::FAILURE,
        };
        Self::new(error.code(), exit, error.to_string())
    }
}
