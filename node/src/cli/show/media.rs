//! Pictures and clips: how much of each is here.
//!
//! Layer: node, cli, show.

use crate::config::Screen;
use crate::local::protocol::{MediaInfo, MediaList, MediaState};

use super::add;
use super::table::{Sheet, Side::Left, Side::Right, clean};

/// Characters of a hash that a table shows: enough to name it by.
const HASH_CHARS: usize = 12;

/// Lists media.
pub(in crate::cli) fn media(list: &MediaList, screen: Screen) -> String {
    let mut sheet = Sheet::new(
        screen,
        &[
            ("hash", Left),
            ("type", Left),
            ("bytes", Right),
            ("state", Left),
            ("fetched here", Left),
            ("cloud", Left),
            ("named by", Left),
        ],
    );
    for entry in &list.media {
        let yes = |it: bool| if it { "yes" } else { "-" }.to_owned();
        let named_by = match entry.named_by.as_slice() {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        };
        sheet.row([
            entry.media.hash.chars().take(HASH_CHARS).collect(),
            clean(&entry.media.mime),
            entry.media.bytes.to_string(),
            state(&entry.media),
            yes(entry.wanted),
            yes(entry.in_cloud),
            clean(&named_by),
        ]);
    }
    let mut text = sheet.text();
    add(
        &mut text,
        format_args!("{} of {} bytes are used\n", list.used, list.quota),
    );
    text
}

/// Says how much of a picture or clip is here: `here`, `video pending, 40 %`.
pub(super) fn state(media: &MediaInfo) -> String {
    let what = if media.mime.starts_with("video/") {
        "video"
    } else if media.mime.starts_with("image/") {
        "picture"
    } else {
        "file"
    };
    match media.state {
        MediaState::Here => "here".to_owned(),
        MediaState::Pending if media.percent == 0 => format!("{what} pending"),
        MediaState::Pending => format!("{what} pending, {} %", media.percent),
    }
}
