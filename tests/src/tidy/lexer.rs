//! Rust source as words and signs: just enough to see names and paths, and to know that a name in
//! a comment or a string is none. It knows no grammar.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A number, with its suffix.
    Number,
    /// A string or character with its quotes.
    Text,
    /// `::` or one other character.
    Sign,
}

/// One token and the line it begins on, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) line: usize,
}

impl Token<'_> {
    /// Returns whether this is the given name or keyword.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// Returns whether this is the given sign.
    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// Splits Rust source into tokens; comments, lifetimes' ticks and white space are left out.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut cursor = Cursor {
        rest: source,
        line: 1,
    };
    let mut found = Vec::new();
    while let Some(first) = cursor.rest.chars().next() {
        if first.is_whitespace() {
            cursor.take(first.len_utf8());
            continue;
        }
        let line = cursor.line;
        let after_dot = found
            .last()
            .is_some_and(|token: &Token<'_>| token.is_sign("."));
        let (kind, bytes) = measure(cursor.rest, first, after_dot);
        let text = cursor.take(bytes);
        if let Some(kind) = kind {
            found.push(Token { kind, text, line });
        }
    }
    found
}

/// Says what stands at the beginning of `rest` and how many bytes it takes; `None` is a comment
/// or the tick of a lifetime.
fn measure(rest: &str, first: char, after_dot: bool) -> (Option<Kind>, usize) {
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, block_comment(rest));
    }
    if let Some(bytes) = raw_string(rest) {
        return (Some(Kind::Text), bytes);
    }
    if let Some(prefix) = ["\"", "b\"", "c\""]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix))
    {
        return (Some(Kind::Text), quoted(rest, prefix.len(), '"'));
    }
    if first == '\'' {
        let mut chars = rest.chars().skip(1);
        let (second, third) = (chars.next(), chars.next());
        let character = second == Some('\\') || third == Some('\'');
        return if character {
            (Some(Kind::Text), quoted(rest, 1, '\''))
        } else {
            (None, 1)
        };
    }
    if first.is_ascii_digit() {
        return (Some(Kind::Number), number(rest, after_dot));
    }
    if is_word_char(first) {
        return (Some(Kind::Word), run(rest, is_word_char));
    }
    let bytes = if rest.starts_with("::") {
        2
    } else {
        first.len_utf8()
    };
    (Some(Kind::Sign), bytes)
}

/// A place in the source.
struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Takes `bytes` bytes, which end at a character.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Returns the bytes of the longest beginning whose characters all fit.
fn run(rest: &str, fits: fn(char) -> bool) -> usize {
    rest.find(|c| !fits(c)).unwrap_or(rest.len())
}

/// Returns the bytes of a number; `1.5` is one, `pair.0.1` and `1..5` are not.
fn number(rest: &str, after_dot: bool) -> usize {
    let whole = run(rest, is_word_char);
    let fraction = rest
        .get(whole..)
        .and_then(|tail| tail.strip_prefix('.'))
        .unwrap_or_default();
    if after_dot || !fraction.starts_with(|c: char| c.is_ascii_digit()) {
        return whole;
    }
    whole + 1 + run(fraction, is_word_char)
}

/// Returns the bytes of a string or character that begins with `open` bytes of prefix and quote.
fn quoted(rest: &str, open: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().filter(|(at, _)| *at >= open) {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

/// Returns the bytes of a raw string, if one begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let body = ["r", "br", "cr"]
        .into_iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = run(body, |c| c == '#');
    let inside = body.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let open = rest.len() - inside.len();
    Some(
        inside
            .find(&end)
            .map_or(rest.len(), |at| open + at + end.len()),
    )
}

/// Returns the bytes of a block comment, which may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        let step = if tail.starts_with("/*") {
            depth += 1;
            2
        } else if tail.starts_with("*/") {
            depth -= 1;
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[&str]) {
        let found: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
        assert_eq!(found, expected, "tokens of {source}");
    }

    #[test]
    fn names_signs_and_numbers_are_told_apart_from_comments_and_strings() {
        check("use a::b; // c::d", &["use", "a", "::", "b", ";"]);
        check("a /* b /* c */ d */ e", &["a", "e"]);
        check(
            "x(\"a // \\\" b\", 'c', '\\'')",
            &["x", "(", "\"a // \\\" b\"", ",", "'c'", ",", "'\\''", ")"],
        );
        check("r#\"a \" b\"# c", &["r#\"a \" b\"#", "c"]);
        check(
            "fn f<'a>(x: &'a str)",
            &[
                "fn", "f", "<", "a", ">", "(", "x", ":", "&", "a", "str", ")",
            ],
        );
        check(
            "1.5 + x.0.1 + 1..2",
            &["1.5", "+", "x", ".", "0", ".", "1", "+", "1", ".", ".", "2"],
        );
        check("b\"x\" r\"y\" ride", &["b\"x\"", "r\"y\"", "ride"]);
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let found = tokens("a\n/* \n */ \"x\n y\" b");
        let lines: Vec<(&str, usize)> = found.iter().map(|t| (t.text, t.line)).collect();
        assert_eq!(
            lines,
            [("a", 1), ("\"x\n y\"", 3), ("b", 4)],
            "each token knows its first line"
        );
    }
}
