//! Pictures and clips as a node takes them in and gives them out.
//!
//! Layer: node, local.

use std::path::Path;

use tallyline_proto::replica::Replica;
use tokio::task::{JoinError, spawn_blocking};

use super::super::media;
use super::super::protocol::{Answer, MediaAdd, MediaAdded, MediaGet, Problem, codes, exits};
use super::Clerk;
use crate::media::{BlobHash, Media, Named};

impl Clerk {
    /// Returns the pictures and clips of the event.
    pub fn media(&self) -> &Media {
        &self.here.media
    }

    /// Returns what the event says of a blob: what names it, as what, and how long it is; nothing if it
    /// does not name it.
    ///
    /// # Errors
    /// If the event's loop has ended.
    pub async fn media_named(&self, hash: BlobHash) -> Result<Vec<Named>, Problem> {
        let known = self.here.media.named_as(hash);
        if !known.is_empty() {
            return Ok(known);
        }
        // The last look may be older than the entry that names it.
        let look = move |replica: &mut Replica, _| {
            let mut named = crate::media::named(replica);
            named.retain(|it| it.hash == hash);
            named
        };
        Ok(self.driver.query(look).await?)
    }

    /// Takes a file in, on a thread that may wait.
    pub(super) async fn media_add(&self, add: MediaAdd) -> Result<Answer, Problem> {
        let path = Path::new(&add.file).to_owned();
        if !path.is_absolute() {
            let text = format!("{:?}: the node needs the file's whole path", add.file);
            return Err(Problem::new(codes::BAD_FILE, exits::USAGE, text));
        }
        let media = self.here.media.clone();
        let added = spawn_blocking(move || media.add(&path)).await;
        let added = added.map_err(|error| unfinished(&error))??;
        Ok(Answer::ok(&MediaAdded {
            schema: "tallyline.media-added/1".to_owned(),
            hash: added.hash.to_string(),
            bytes: added.len,
            mime: added.mime.to_owned(),
            known: added.known,
        }))
    }

    /// Copies a blob out, or has it fetched.
    pub(super) async fn media_get(&self, get: MediaGet) -> Result<Answer, Problem> {
        let media = self.here.media.clone();
        let name = get.hash.clone();
        let look = move |replica: &mut Replica, _| {
            let list = media::list(replica, &media);
            media::find(&list, &name).map(|info| (media, info))
        };
        let (media, info) = self.driver.query(look).await??;
        let got = spawn_blocking(move || media::get(&media, info, get)).await;
        Ok(Answer::ok(&got.map_err(|error| unfinished(&error))??))
    }
}

fn unfinished(error: &JoinError) -> Problem {
    let text = format!("the file was not copied ({error}); try again");
    Problem::new(codes::BAD_FILE, exits::FAILURE, text)
}
