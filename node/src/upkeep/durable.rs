//! Files that are there whole or not at all, and stay after a power cut.
//!
//! Layer: node, upkeep.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Writes a file of which there is none: beside its place, then linked there under its name. Only
/// its owner may read it.
///
/// # Errors
/// What the disk said; that the file is there.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = part(path);
    let written = write(&part, bytes).and_then(|()| fs::hard_link(&part, path));
    // Half a file is of no use, and fills a stick that is full.
    fs::remove_file(&part).ok();
    match written {
        // A stick's file system may know no links.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            if path.exists() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            write(&part, bytes)?;
            fs::rename(&part, path)?;
        }
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    sync_folder(path)
}

/// Removes a file, durably; one that is not there is removed already.
///
/// # Errors
/// What the disk said.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => sync_folder(path),
    }
}

/// Reads a file of a bounded size.
///
/// # Errors
/// What the disk said; that the file is longer.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes_max < u64::try_from(read).unwrap_or(u64::MAX) {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn part(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    PathBuf::from(name)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        create(&path, b"one").unwrap();
        let error = create(&path, b"two").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path, 3).unwrap(), b"one");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no part stays"
        );
        assert!(read(&path, 2).is_err(), "bounded");
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
