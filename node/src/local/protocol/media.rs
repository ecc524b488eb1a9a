//! Requests and answers about pictures and clips.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Arguments of `media-add`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaAdd {
    /// The whole path of the file; the node reads it.
    pub file: String,
}

/// Answer of `media-add`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaAdded {
    /// `tallyline.media-added/1`.
    pub schema: String,
    /// BLAKE3 of its bytes in hex.
    pub hash: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it is, by its first bytes: `image/jpeg`.
    pub mime: String,
    /// Whether it was here before.
    pub known: bool,
}

/// Arguments of `media-get`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaGet {
    /// The hash in hex, or an unambiguous beginning of it.
    pub hash: String,
    /// The whole path of the file to write; `None`: it is only fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Answer of `media-get`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaGot {
    /// `tallyline.media-got/1`.
    pub schema: String,
    /// The picture or clip, and how much of it is here.
    #[serde(flatten)]
    pub media: MediaInfo,
    /// The file that was written; `None` as long as not all of it is here.
    pub file: Option<String>,
}

/// A picture or clip, and how much of it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MediaInfo {
    /// BLAKE3 of its bytes in hex.
    pub hash: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it is: `image/jpeg`.
    pub mime: String,
    /// How much of it is here.
    #[serde(default)]
    pub state: MediaState,
    /// The same in percent; 100 only when it is whole and checked.
    #[serde(default)]
    pub percent: u8,
}

/// How much of a picture or clip is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MediaState {
    /// Not all of it.
    #[default]
    Pending,
    /// All of it, checked.
    Here,
}

/// Answer of `media-list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaList {
    /// `tallyline.media/1`.
    pub schema: String,
    /// Bytes of all media here.
    pub used: u64,
    /// Bytes that there may be.
    pub quota: u64,
    /// Bytes that came from other devices since the start, those that came twice too.
    pub fetched: u64,
    /// Bytes that went to other devices since the start.
    pub sent: u64,
    /// What the event names, and what else is here.
    pub media: Vec<MediaEntry>,
}

/// One line of `media-list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaEntry {
    /// The picture or clip, and how much of it is here.
    #[serde(flatten)]
    pub media: MediaInfo,
    /// What names it, in words; empty: nothing does, so nobody else fetches it.
    pub named_by: Vec<String>,
    /// Whether this device fetches it.
    pub wanted: bool,
    /// Whether the cloud told this device that it has it.
    pub in_cloud: bool,
}
