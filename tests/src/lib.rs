//! Helpers that the system tests share.

pub mod fuzz;
pub mod hostile;
pub mod postgres;
pub mod process;
pub mod relay;
pub mod system;
pub mod tidy;

use std::io::Read as _;
use std::path::Path;

/// Returns a file of the real match under `data/wasa2018`, unpacked if its name ends in `.gz`.
///
/// # Panics
/// If the repository does not hold it.
pub fn match_data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/wasa2018")
        .join(name);
    let file = std::fs::File::open(&path);
    assert!(file.is_ok(), "{}: {file:?}", path.display());
    let mut text = String::new();
    let read = file.map(|mut file| {
        if path.extension().is_some_and(|it| it == "gz") {
            flate2::read::GzDecoder::new(file).read_to_string(&mut text)
        } else {
            file.read_to_string(&mut text)
        }
    });
    assert!(matches!(read, Ok(Ok(_))), "{} is read", path.display());
    text
}
