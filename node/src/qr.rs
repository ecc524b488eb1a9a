//! A text as a QR code: on a terminal, as a PNG, as a path of an SVG.
//!
//! Everything that is shown so is made of capitals, digits and `-`, which QR packs densest. Does
//! not know what a text means. Layer: node, below `cli`.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use fast_qr::{ECL, QRBuilder, QRCode};
use flate2::{Compression, Crc, write::ZlibEncoder};
use thiserror::Error;

/// Light modules around a code on a terminal: less than the standard's 4, so that more codes fit
/// 24 lines; the white that is printed sets it apart, and scanners take it.
const QUIET_ON_SCREEN: usize = 2;

/// Light modules around a code on paper and in files, as the standard asks.
const QUIET: usize = 4;

/// Pixels of a module in a PNG: sharp on a phone's screen at arm's length.
const PNG_SCALE: usize = 8;

/// Black on white whatever the terminal's colours are: entries of the fixed part of its palette.
const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";

/// Ends [`BLACK_ON_WHITE`].
const PLAIN: &str = "\u{1b}[0m";

/// A QR code: a square of dark and light modules.
#[derive(Debug)]
pub struct Qr {
    code: Box<QRCode>,
}

/// The text is too long for a QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} characters are too many for a QR code; use the line of text")]
pub struct TooLong(usize);

impl Qr {
    /// Makes the smallest code of a text for a screen, which nobody soils.
    ///
    /// # Errors
    /// [`TooLong`] above 4,296 capitals and digits.
    pub fn for_screen(text: &str) -> Result<Self, TooLong> {
        Self::new(text, ECL::L)
    }

    /// Makes a code of a text that is still read when an eighth of it is soiled.
    ///
    /// # Errors
    /// [`TooLong`] above 3,391 capitals and digits.
    pub fn for_paper(text: &str) -> Result<Self, TooLong> {
        Self::new(text, ECL::M)
    }

    fn new(text: &str, level: ECL) -> Result<Self, TooLong> {
        let code = QRBuilder::new(text).ecl(level).build();
        code.map(|code| Self {
            code: Box::new(code),
        })
        .map_err(|_| TooLong(text.len()))
    }

    /// Returns the modules of a side, without what is light around it.
    pub fn size(&self) -> usize {
        self.code.size
    }

    /// Tells whether a module is dark; what lies around the code is light.
    fn is_dark(&self, (column, row): (usize, usize), quiet: usize) -> bool {
        let inside = |at: usize| at.checked_sub(quiet).filter(|at| *at < self.size());
        let (Some(column), Some(row)) = (inside(column), inside(row)) else {
            return false;
        };
        let line = self.code.data.get(row.saturating_mul(self.size())..);
        line.and_then(|line| line.get(column))
            .is_some_and(|module| module.value())
    }

    /// Returns lines of half blocks, two modules above each other in a character.
    ///
    /// With `color` they are black on white on any terminal. Without, light modules are drawn, as
    /// a terminal that knows no colours shows light letters on a dark ground.
    pub fn half_blocks(&self, color: bool) -> String {
        let side = self.size() + 2 * QUIET_ON_SCREEN;
        let mut text = String::new();
        for row in (0..side).step_by(2) {
            if color {
                text.push_str(BLACK_ON_WHITE);
            }
            for column in 0..side {
                let upper = self.is_dark((column, row), QUIET_ON_SCREEN);
                // An odd last line has nothing below it: that is light, too.
                let lower = self.is_dark((column, row + 1), QUIET_ON_SCREEN);
                text.push(match (upper == color, lower == color) {
                    (true, true) => '\u{2588}',
                    (true, false) => '\u{2580}',
                    (false, true) => '\u{2584}',
                    (false, false) => ' ',
                });
            }
            if color {
                text.push_str(PLAIN);
            }
            text.push('\n');
        }
        text
    }

    /// Returns a PNG of one bit a pixel.
    ///
    /// # Errors
    /// Never in practice: everything happens in memory.
    pub fn png(&self) -> io::Result<Vec<u8>> {
        let side = (self.size() + 2 * QUIET) * PNG_SCALE;
        let mut rows = ZlibEncoder::new(Vec::new(), Compression::best());
        for row in 0..side {
            // Each row begins with its filter: none.
            rows.write_all(&[0])?;
            let dark = |column: usize| self.is_dark((column / PNG_SCALE, row / PNG_SCALE), QUIET);
            for start in (0..side).step_by(8) {
                let bit =
                    |byte: u8, column: usize| byte << 1 | u8::from(column < side && !dark(column));
                rows.write_all(&[(start..start + 8).fold(0, bit)])?;
            }
        }
        let side = u32::try_from(side).unwrap_or_default().to_be_bytes();
        // 1 bit a pixel, grey; the compression, filter and order that every PNG has.
        let header = [&side[..], &side, &[1, 0, 0, 0, 0]].concat();
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        png_chunk(&mut png, *b"IHDR", &header);
        png_chunk(&mut png, *b"IDAT", &rows.finish()?);
        png_chunk(&mut png, *b"IEND", &[]);
        Ok(png)
    }

    /// Returns the dark modules as the `d` of an SVG path, one unit a module, and the side of the
    /// square in units with what must stay light around it.
    pub fn svg_path(&self) -> (String, usize) {
        let side = self.size() + 2 * QUIET;
        let mut path = String::new();
        for row in 0..side {
            let mut column = 0;
            while column < side {
                let start = column;
                while self.is_dark((column, row), QUIET) {
                    column += 1;
                }
                let length = column - start;
                if length != 0 {
                    // Writing to a text does not fail.
                    let _ = write!(path, "M{start} {row}h{length}v1h-{length}z");
                }
                column += 1;
            }
        }
        (path, side)
    }
}

/// Adds one chunk: length, name, content, check.
fn png_chunk(png: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    let mut check = Crc::new();
    check.update(&name);
    check.update(content);
    let length = u32::try_from(content.len()).unwrap_or_default();
    png.extend_from_slice(&length.to_be_bytes());
    png.extend_from_slice(&name);
    png.extend_from_slice(content);
    png.extend_from_slice(&check.sum().to_be_bytes());
}

#[cfg(test)]
mod tests;
