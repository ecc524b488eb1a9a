//! Pictures and clips as a node takes them in and gives them out.
//!
//! Layer: node, local.

use std::path::Path;

use tallyline_proto::replica::Replica;
use tokio::task::{JoinError, spawn_blocking};

use super::super::media;
use super::super::protocol::{Answer, MediaAdd, MediaAdded, MediaGet, Problem, codes, exits};
use super::Clerk;

impl Clerk {
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
