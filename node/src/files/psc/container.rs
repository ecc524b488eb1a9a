//! The zip around the texts: what is taken out of it, and how much at most.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use super::super::at::TEXT_BYTES_MAX;
use super::super::complaint::{Complaint, Complaints};
use super::{DEFINITION, HISTORY, SCORES, no_definition, twice};

/// Largest file that is read, in bytes: pictures of all stages fit.
const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most entries of one file: a picture for each of a hundred stages, many times over.
const ENTRIES_MAX: usize = 5000;
/// What a complaint about the container names as its file.
const CONTAINER: &str = "the .psc file";

/// The texts of a `.psc`.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) definition: Vec<u8>,
    pub(super) scores: Option<Vec<u8>>,
    pub(super) history: Option<Vec<u8>>,
}

/// Takes the texts out of a zip. Nothing is written anywhere, so an entry's name is only compared;
/// one that leads outside is refused all the same, as no program writes it by accident.
pub(super) fn unpack(bytes: &[u8]) -> Result<Texts, Complaints> {
    if FILE_BYTES_MAX < bytes.len() {
        let found = format!("{} bytes", bytes.len());
        let advice = format!("at most {FILE_BYTES_MAX} are read");
        return Err(Complaint::new(CONTAINER, "", &found, &advice).into());
    }
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(CONTAINER, &error))?;
    if ENTRIES_MAX < zip.len() {
        let found = format!("{} entries", zip.len());
        let advice = format!("at most {ENTRIES_MAX} are read");
        return Err(Complaint::new(CONTAINER, "", &found, &advice).into());
    }
    let (mut definition, mut scores, mut history) = (None, None, None);
    for index in 0..zip.len() {
        let mut entry = zip
            .by_index(index)
            .map_err(|error| broken(&format!("entry {index}"), &error))?;
        let name = entry.name().to_owned();
        if entry.enclosed_name().is_none() || name.starts_with('/') || name.contains('\\') {
            let advice = "its name leads outside of the file; do not trust this file";
            return Err(Complaint::new(CONTAINER, "", &name, advice).into());
        }
        let place = match base_name(&name) {
            DEFINITION => &mut definition,
            SCORES => &mut scores,
            HISTORY => &mut history,
            _ => continue,
        };
        let text = read_bounded(&name, entry.size(), &mut entry)?;
        if place.replace(text).is_some() {
            return Err(twice(&name).into());
        }
    }
    Ok(Texts {
        definition: definition.ok_or_else(no_definition)?,
        scores,
        history,
    })
}

/// Returns the last part of a path: people zip folders, and name them as they like.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Reads an entry, however large it says it is, up to the bound.
fn read_bounded(
    name: &str,
    said: u64,
    entry: &mut impl std::io::Read,
) -> Result<Vec<u8>, Complaint> {
    let max = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX);
    let too_large = |size: u64| {
        let advice = format!("unpacked at most {max} bytes are read; export the match again");
        Complaint::new(name, "", &format!("{size} bytes"), &advice)
    };
    if max < said {
        return Err(too_large(said));
    }
    let mut text = Vec::new();
    let read = entry.take(max.saturating_add(1)).read_to_end(&mut text);
    if let Err(error) = read {
        let advice = format!("the zip is damaged ({error}); copy the file again");
        return Err(Complaint::new(name, "", "", &advice));
    }
    let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if max < size {
        return Err(too_large(size));
    }
    Ok(text)
}

fn broken(place: &str, error: &ZipError) -> Complaint {
    let advice = if let ZipError::UnsupportedArchive(what) = error {
        if what.contains("assword") {
            "it is encrypted; export the match without a password".to_owned()
        } else {
            format!("this kind of zip is not read ({what}); export the match again")
        }
    } else {
        format!("this is no whole zip ({error}); copy or export the file again")
    };
    Complaint::new(place, "", "", &advice)
}
