//! What the event names, what of it a node fetches, and what goes over a link that costs money.
//!
//! Layer: node, media.

use tallyline_proto::model::Roles;
use tallyline_proto::replica::{Now, Replica};
use uuid::Uuid;

use super::tree::BlobHash;
use crate::root::Mode;

/// Blobs of one event that are looked after, at most: an afternoon of a large race has some hundred.
const NAMED_MAX: usize = 4_096;

/// Something that an entry or the structure names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The blob.
    pub hash: BlobHash,
    /// Its bytes, as whoever names it says.
    pub len: u64,
    /// What it is, as whoever names it says.
    pub mime: String,
    /// What names it.
    pub by: NamedBy,
}

/// What names a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// A drill, as its picture.
    Drill(u32),
    /// A report about an incident.
    Report {
        /// The report.
        report: Uuid,
        /// The incident.
        incident: Uuid,
        /// What the reporting device is called.
        label: String,
    },
}

/// What a node fetches of what the event names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Greed {
    /// Pictures of drills: officials look at them where there is no network.
    #[default]
    Pictures,
    /// Everything: a gateway and the cloud, and who decides about incidents.
    Everything,
}

/// Whether the link to the cloud costs money by what goes over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metered {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does if it goes over a mobile network, as far as the interface's name tells.
    #[default]
    Auto,
}

impl Named {
    /// Tells whether it is a picture of a drill, which everybody fetches ahead.
    pub fn is_picture(&self) -> bool {
        matches!(self.by, NamedBy::Drill(_))
    }
}

impl Greed {
    /// Returns what a node of this mode fetches, from what the event says about it.
    ///
    /// Source: PROTOCOL R-MEDIA-5.
    pub fn of(mode: Mode, replica: &Replica, now: Now) -> Self {
        if mode != Mode::Device {
            return Self::Everything;
        }
        let decides = Roles::OWNER.0 | Roles::JURY.0 | Roles::GATEWAY.0 | Roles::CLOUD.0;
        let devices = replica.devices(now);
        let this = devices.iter().find(|it| it.this);
        if this.is_some_and(|it| it.roles.0 & decides != 0) {
            Self::Everything
        } else {
            Self::Pictures
        }
    }

    /// Tells whether that is fetched.
    pub fn wants(self, named: &Named) -> bool {
        self == Self::Everything || named.is_picture()
    }
}

impl Metered {
    /// Tells whether the link costs money, if it may go over a mobile network.
    pub fn is_metered(self, mobile: bool) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::Auto => mobile,
        }
    }
}

/// Returns what the event names: pictures of drills first, then media of reports.
pub fn named(replica: &mut Replica) -> Vec<Named> {
    let mut all = Vec::new();
    let Some(roster) = replica.roster() else {
        return all;
    };
    for drill in &roster.structure().drills {
        all.extend(drill.terms.pictures.iter().map(|it| Named {
            hash: BlobHash(it.hash),
            len: it.bytes,
            mime: it.mime.clone(),
            by: NamedBy::Drill(drill.no.0),
        }));
    }
    // Without places there are no incidents, and nobody has to read the entries for them.
    if roster.structure().places.is_empty() {
        all.truncate(NAMED_MAX);
        return all;
    }
    for incident in replica.incidents().iter().flat_map(|it| &it.incidents) {
        for report in &incident.reports {
            all.extend(report.says.media.iter().map(|it| Named {
                hash: BlobHash(it.hash),
                len: it.bytes,
                mime: it.mime.clone(),
                by: NamedBy::Report {
                    report: report.says.id,
                    incident: report.says.incident,
                    label: report.noted.label.clone(),
                },
            }));
        }
    }
    all.truncate(NAMED_MAX);
    all
}

/// Tells what a file is by its first bytes.
pub fn mime_of(first: &[u8]) -> &'static str {
    let box_type = first.get(4..8).unwrap_or_default();
    let brand = first.get(8..12).unwrap_or_default();
    match first {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', ..] if brand == b"WEBP" => "image/webp",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "video/webm",
        [..] if box_type == b"ftyp" && brand.starts_with(b"qt") => "video/quicktime",
        [..] if box_type == b"ftyp" && matches!(brand, b"heic" | b"heix" | b"mif1") => "image/heic",
        [..] if box_type == b"ftyp" && matches!(brand, b"avif" | b"avis") => "image/avif",
        [..] if box_type == b"ftyp" => "video/mp4",
        [..] => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (first, mime) in [
            (&b"\xff\xd8\xff\xe0\x00\x10JFIF"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n", "image/png"),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
            (b"RIFF\x00\x00\x00\x00WAVEfmt ", "application/octet-stream"),
            (b"\x00\x00\x00\x20ftypisom\x00\x00", "video/mp4"),
            (b"\x00\x00\x00\x14ftypqt  \x00\x00", "video/quicktime"),
            (b"\x00\x00\x00\x18ftypheic", "image/heic"),
            (b"\x1a\x45\xdf\xa3", "video/webm"),
            (b"GIF89a", "image/gif"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(mime_of(first), mime, "{first:?}");
        }
    }

    #[test]
    fn a_phone_fetches_pictures_and_a_mobile_link_is_metered_unless_somebody_says_otherwise() {
        let clip = Named {
            hash: BlobHash([1; 32]),
            len: 1,
            mime: "video/mp4".to_owned(),
            by: NamedBy::Report {
                report: Uuid::nil(),
                incident: Uuid::nil(),
                label: String::new(),
            },
        };
        let picture = Named {
            by: NamedBy::Drill(1),
            ..clip.clone()
        };
        assert!(Greed::Pictures.wants(&picture), "picture");
        assert!(!Greed::Pictures.wants(&clip), "clip");
        assert!(Greed::Everything.wants(&clip), "clip, elsewhere");
        let metered = |it: Metered| [it.is_metered(false), it.is_metered(true)];
        assert_eq!(metered(Metered::Yes), [true, true]);
        assert_eq!(metered(Metered::No), [false, false]);
        assert_eq!(metered(Metered::Auto), [false, true]);
    }
}
