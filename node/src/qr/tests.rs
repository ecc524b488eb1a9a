use std::io::Read as _;

use fast_qr::Mode;
use flate2::read::ZlibDecoder;

use super::*;

/// A ticket without addresses, and one with two.
const SHORT: &str = "TALLYLINE1-PO7YI6HCGATW7IDNORCI6VAOZVR2J4GH7JGYHCLBGGI7EEGWPGXIVCHD3V2AT4MV7VJNWLJ4XJOXFSTHBG7R3FASDPZXJCABWQHW6XGMZTGMZTGMZTGMZTGMZTGMZTGMEIRCEIRCEIRCEIRCEIRCEIRCEJRXW45A";

fn long() -> String {
    format!("{SHORT}{}", "A".repeat(60))
}

#[test]
fn what_is_shown_is_packed_as_capitals_and_digits() {
    for text in [
        SHORT,
        &long(),
        "TALLYLINE-CARD1-234567",
        "TALLYLINE-DEVICE1-A",
    ] {
        let qr = Qr::for_screen(text).expect("fits");
        assert!(
            matches!(qr.code.mode, Some(Mode::Alphanumeric)),
            "{text}: {:?}",
            qr.code.mode
        );
    }
    let address = Qr::for_screen(&long().to_lowercase()).expect("fits");
    let ours = Qr::for_screen(&long()).expect("fits");
    assert!(ours.size() < address.size(), "small letters cost more");
}

#[test]
fn a_ticket_without_addresses_fits_a_terminal_of_80_by_24() {
    let lines = Qr::for_screen(SHORT).expect("fits").half_blocks(false);
    assert!(lines.lines().count() <= 23, "room for the line of text");
    assert!(lines.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn the_edge_is_light_with_and_without_colours() {
    let qr = Qr::for_screen(SHORT).expect("fits");
    let plain = qr.half_blocks(false);
    let first = plain.lines().next().expect("a line");
    assert!(
        first.chars().all(|c| c == '\u{2588}'),
        "drawn light: {first}"
    );
    let color = qr.half_blocks(true);
    let first = color.lines().next().expect("a line");
    let inner = first
        .strip_prefix(BLACK_ON_WHITE)
        .and_then(|line| line.strip_suffix(PLAIN))
        .expect("black on white, and plain again");
    assert!(inner.chars().all(|c| c == ' '), "left light: {inner}");
}

/// Both pictures show what the code holds: read back module by module.
#[test]
fn screen_and_file_show_the_same_modules() {
    let qr = Qr::for_paper(&long()).expect("fits");
    let lines: Vec<Vec<char>> = qr
        .half_blocks(true)
        .replace(BLACK_ON_WHITE, "")
        .replace(PLAIN, "")
        .lines()
        .map(|line| line.chars().collect())
        .collect();
    let png = qr.png().expect("memory");
    let (rows, side) = pixels(&png);
    assert_eq!(side, (qr.size() + 2 * QUIET) * PNG_SCALE);
    for row in 0..qr.size() {
        for column in 0..qr.size() {
            let dark = qr.is_dark((column, row), 0);
            let (x, y) = (column + QUIET_ON_SCREEN, row + QUIET_ON_SCREEN);
            let halves = if y % 2 == 0 {
                "\u{2588}\u{2580}"
            } else {
                "\u{2588}\u{2584}"
            };
            assert_eq!(halves.contains(lines[y / 2][x]), dark, "{column} {row}");
            let (x, y) = ((column + QUIET) * PNG_SCALE, (row + QUIET) * PNG_SCALE);
            for at in [(x, y), (x + PNG_SCALE - 1, y + PNG_SCALE - 1)] {
                assert_eq!(rows[at.1][at.0], !dark, "{column} {row}");
            }
        }
    }
    assert!(rows[0].iter().all(|light| *light), "light around it");
}

/// Reads the PNG that this module writes: chunks with their checks, then rows of bits.
fn pixels(png: &[u8]) -> (Vec<Vec<bool>>, usize) {
    let mut rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("a PNG");
    let (mut side, mut rows) = (0, Vec::new());
    while !rest.is_empty() {
        let length = usize::try_from(u32::from_be_bytes(rest[..4].try_into().unwrap())).unwrap();
        let (chunk, check) = rest[4..].split_at(4 + length);
        let mut crc = Crc::new();
        crc.update(chunk);
        assert_eq!(check[..4], crc.sum().to_be_bytes(), "the chunk's check");
        match &chunk[..4] {
            b"IHDR" => side = usize::from(u16::from_be_bytes([chunk[6], chunk[7]])),
            b"IDAT" => {
                let mut bytes = Vec::new();
                let mut decoder = ZlibDecoder::new(&chunk[4..]);
                decoder.read_to_end(&mut bytes).expect("deflated");
                rows = bytes
                    .chunks(1 + side.div_ceil(8))
                    .map(|row| {
                        let bits = row[1..].iter();
                        bits.flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
                            .take(side)
                            .collect()
                    })
                    .collect();
            }
            _ => {}
        }
        rest = &check[4..];
    }
    (rows, side)
}

#[test]
fn the_path_covers_every_dark_module_once() {
    let qr = Qr::for_paper(SHORT).expect("fits");
    let (path, side) = qr.svg_path();
    let mut dark = vec![vec![false; side]; side];
    for run in path.split('M').skip(1) {
        let (at, rest) = run.split_once('h').expect("a run");
        let (column, row) = at.split_once(' ').expect("a place");
        let (column, row): (usize, usize) = (column.parse().unwrap(), row.parse().unwrap());
        let length: usize = rest.split_once('v').expect("a length").0.parse().unwrap();
        for place in &mut dark[row][column..column + length] {
            assert!(!std::mem::replace(place, true), "twice");
        }
    }
    for (row, line) in dark.iter().enumerate() {
        for (column, dark) in line.iter().enumerate() {
            assert_eq!(*dark, qr.is_dark((column, row), QUIET), "{column} {row}");
        }
    }
}

#[test]
fn what_is_too_long_is_said() {
    let error = Qr::for_screen(&"A".repeat(5_000)).expect_err("too long");
    assert!(error.to_string().contains("5000 characters"), "{error}");
}
