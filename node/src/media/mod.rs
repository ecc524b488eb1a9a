//! Pictures and clips: blobs named by their hash, fetched in a second phase.
//!
//! Entries name media; the bytes come later, from whoever has them, and never on a score's way. A blob
//! is here when it is whole and every group of it was checked; until then it is pending, and whoever
//! names it is shown all the same. Knows files, what the event names, and the side
//! streams of `net`; neither QUIC nor HTTP. Layer: node, above `net`, below `local` and `node`.
//!
//! | file | what it is |
//! | --- | --- |
//! | `tree` | the hashes that a blob is checked by, group by group |
//! | `part` | a blob under way, and what a crash leaves of it |
//! | `blobs` | where whole blobs are |
//! | `error` | what is wrong, and its code |
//! | `shelf` | what is here: reading, adding, quota and room |
//! | `depot` | where the nodes of a cloud keep whole blobs together |
//! | `wants` | what the event names, and what of it this node fetches |
//! | `wire` | what two nodes say about blobs |
//! | `tidings` | what is known about blobs besides their bytes |
//! | `serve` | answering a member |
//! | `fetch` | fetching one blob after the other |
//!
//! Source: PROTOCOL R-MEDIA-1 to R-MEDIA-9.

mod blobs;
mod depot;
mod error;
mod fetch;
mod part;
mod serve;
mod shelf;
mod tidings;
mod tree;
mod wants;
mod wire;

pub use blobs::{Blobs, Folder};
pub use depot::{Depot, DepotError, DepotPlace};
pub use error::MediaError;
pub use fetch::Fetcher;
pub use serve::Server;
pub use shelf::{Added, Blob, Intake, Media, Nameless, Presence, QUOTA_DEFAULT};
pub use tree::{BLOB_BYTES_MAX, BlobHash, GROUP_BYTES};
pub use wants::{Greed, Metered, Named, NamedBy, mime_of, named};
