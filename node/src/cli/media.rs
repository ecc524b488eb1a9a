//! Verbs about pictures and clips.
//!
//! Layer: node, cli.

use std::path::{Path, PathBuf};

use super::args::MediaVerb;
use super::failure::Failure;
use super::import::whole_path;
use super::session::{DONE, Session, say};
use super::show;
use crate::local::protocol::{
    Answer, MediaAdd, MediaAdded, MediaData, MediaGet, MediaGot, MediaList, MediaState, Nothing,
    Request, exits,
};

pub(super) fn media(verb: MediaVerb, session: &Session) -> Result<u8, Failure> {
    let screen = session.config.screen;
    match verb {
        MediaVerb::Add { file } => session.tell::<MediaAdded>(
            Request::MediaAdd(MediaAdd {
                file: whole_path(&file)?,
            }),
            |it| format!("{}\n", it.hash),
            |it| {
                let (bytes, mime) = (it.bytes, &it.mime);
                let known = if it.known { "Already here" } else { "Taken in" };
                format!("{known}: {mime}, {bytes} bytes.")
            },
        ),
        MediaVerb::List => {
            session
                .show::<MediaList>(Request::MediaList(Nothing {}), |it| show::media(it, screen))?;
            Ok(DONE)
        }
        MediaVerb::Get { hash, file } => {
            let file = file.as_deref().map(whole_new_path).transpose()?;
            let wanted = MediaGet { hash, file };
            let got = session.show::<MediaGot>(Request::MediaGet(wanted), |_| String::new())?;
            if got.media.state == MediaState::Here {
                return Ok(DONE);
            }
            if !session.json {
                say(&format!(
                    "Pending, {} % is here: it comes when a device that has it is connected.",
                    got.media.percent
                ));
            }
            Ok(exits::PENDING)
        }
    }
}

/// Takes a file in and returns how a report names it.
pub(super) fn taken_in(file: &Path, session: &Session) -> Result<MediaData, Failure> {
    let add = MediaAdd {
        file: whole_path(file)?,
    };
    let added: MediaAdded = Answer::Ok(session.ask(Request::MediaAdd(add))?).data()?;
    Ok(MediaData {
        hash: added.hash,
        bytes: added.bytes,
        mime: added.mime,
    })
}

/// Returns the whole path of a file that is to be made, as the node can use it.
fn whole_new_path(file: &Path) -> Result<String, Failure> {
    let name = file
        .file_name()
        .ok_or_else(|| Failure::usage(format!("{} is no name of a file", file.display())))?;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let path = PathBuf::from(whole_path(&folder)?).join(name);
    let path = path.to_str().map(str::to_owned);
    path.ok_or_else(|| Failure::usage("the file's name is not UTF-8; choose another"))
}
