//! Match files and registration lists: what is taken in and what is written.
//!
//! Layer: node, local.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Founded, Problem};

/// A kind of file that other programs write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// A `PractiScore` export: a zip, or its folder.
    Psc,
    /// MIFF.
    Miff,
    /// A text report with results.
    Report,
    /// A list of people as CSV; only read.
    Registration,
}

/// Arguments of `file-preview` and `file-import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "flags that people type")]
pub struct FileImport {
    /// Absolute path of a file or folder that the node can read.
    pub path: String,
    /// What it is.
    pub format: FileFormat,
    /// Whether scores and statuses are recorded, too.
    #[serde(default)]
    pub scores: bool,
    /// Whether what has a problem is left out, instead of stopping everything.
    #[serde(default)]
    pub skip_problems: bool,
    /// Whether rows of a list that may mean somebody who is there are added all the same.
    #[serde(default)]
    pub add_duplicates: bool,
    /// Name of the profile that says what a list's columns mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Division of those who name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<String>,
    /// Name of the event, if the file founds one; `None` is the file's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Minutes east of UTC of the range, if the file founds an event.
    #[serde(default)]
    pub zone_min: i32,
    /// Fingerprints of keys whose receipts count as the cloud's, if the file founds an event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cloud_keys: Vec<String>,
    /// Recovery keys to draw, if the file founds an event.
    #[serde(default)]
    pub recovery_cards: u32,
    /// Whether the preview's text has colours.
    #[serde(default)]
    pub colours: bool,
}

/// Answer of `file-preview` and `file-import`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileImported {
    /// `tallyline.file-import/1`.
    pub schema: String,
    /// The event that is, or would be, changed or founded.
    pub name: String,
    /// Whether the file founds it.
    pub founds: bool,
    /// Whether anything was written.
    pub written: bool,
    /// Why nothing may be written: what to mend first. Of an event that was founded: why not
    /// everything was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Why this device may not take the file in, whatever is mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forbidden: Option<Problem>,
    /// The event that was founded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub founded: Option<Founded>,
    /// Stages, shooters, rules or rows.
    pub rows: RowCounts,
    /// Scores and statuses, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<ScoreCounts>,
    /// What is not simply new or unchanged, one by one.
    pub telling: Vec<ImportRow>,
    /// Scores where the event says something else; they are left as they are.
    pub conflicts: Vec<String>,
    /// What of the file was left out.
    pub remarks: Vec<String>,
    /// The preview for people.
    pub text: String,
}

/// What becomes of the things of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowCounts {
    /// They are added.
    pub new: u64,
    /// They are there already.
    pub unchanged: u64,
    /// They are changed.
    pub changed: u64,
    /// They may be there already.
    pub duplicates: u64,
    /// They cannot be taken.
    pub problems: u64,
}

/// What becomes of the scores of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScoreCounts {
    /// Slots and statuses that are recorded.
    pub new: u64,
    /// They are there already.
    pub unchanged: u64,
    /// The event says something else.
    pub conflicts: u64,
    /// They cannot be recorded.
    pub problems: u64,
    /// Older versions that were never complete, which are left out.
    pub drafts: u64,
    /// Entries that were written, voids and older versions among them.
    pub entries: u64,
}

/// One thing of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportRow {
    /// `changed`, `duplicate` or `problem`.
    pub kind: String,
    /// What it is: `line 52`, `shooter 12`, `stage 3`.
    pub what: String,
    /// Its name, and what differs or is wrong.
    pub text: String,
}

/// Arguments of `file-export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileExport {
    /// What is written.
    pub format: FileFormat,
}

/// Answer of `file-export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileExported {
    /// `tallyline.file/1`.
    pub schema: String,
    /// The file's bytes, hex.
    pub bytes: String,
    /// Entries that the format has no place for, by why they do not count.
    pub left_out: u64,
}
