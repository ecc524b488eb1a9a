//! Writing to the two outputs, and numbers as people read them.

use std::io::{self, ErrorKind, Write as _};

/// Writes lines of data to the standard output; whoever stopped reading has what it wanted.
///
/// # Errors
/// If the output cannot be written, in words.
pub(super) fn print<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<(), String> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let write = || {
        for line in lines {
            out.write_all(line.as_ref().as_bytes())?;
            out.write_all(b"\n")?;
        }
        out.flush()
    };
    match write() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("the output could not be written: {error}"))
        }
        Err(_) | Ok(()) => Ok(()),
    }
}

/// Writes a message to the standard error; there is nobody to tell when that fails.
pub(super) fn say(message: &str) {
    let line = format!("{message}\n");
    io::stderr().lock().write_all(line.as_bytes()).ok();
}

/// Writes a number with its thousands apart: `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a quotient with one digit after the point; `-` if there is nothing to divide by.
pub(super) fn tenths(number: u128, by: u128) -> String {
    match (number * 10).checked_div(by) {
        Some(tenths) => format!("{}.{}", tenths / 10, tenths % 10),
        None => "-".to_owned(),
    }
}

/// Writes a time span: `840 ms`, `12.3 s`, `4 min 10 s`.
pub(super) fn span(ms: u64) -> String {
    if ms < 1_000 {
        format!("{ms} ms")
    } else if ms < 60_000 {
        format!("{} s", tenths(ms.into(), 1_000))
    } else {
        format!("{} min {} s", ms / 60_000, ms / 1_000 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let check = |number, text: &str| assert_eq!(thousands(number), text);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
        assert_eq!(tenths(25, 10), "2.5");
        assert_eq!(tenths(1, 0), "-");
        let check = |ms, text: &str| assert_eq!(span(ms), text);
        check(999, "999 ms");
        check(12_340, "12.3 s");
        check(250_999, "4 min 10 s");
    }
}
