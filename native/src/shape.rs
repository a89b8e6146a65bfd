//! The shape of a text: the same statement with its plain literals put aside.
//!
//! The twin of `vedette.sql.shape`, which says what is safe and why; this gives the same for every text.
#![forbid(unsafe_code)]

/// Longer texts have no shape.
pub const MAX_CHARACTERS: usize = 4096;
const STRING: u8 = 1;
const NUMBER: u8 = 2;

fn at(text: &[u8], place: usize) -> Option<u8> {
    text.get(place).copied()
}

fn before(text: &[u8], place: usize) -> Option<u8> {
    place.checked_sub(1).and_then(|earlier| at(text, earlier))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What a literal must not be glued to.
fn glues(byte: Option<u8>, others: &[u8]) -> bool {
    byte.is_some_and(|one| is_word(one) || others.contains(&one))
}

/// Control characters but tab and the two line ends.
fn is_control(byte: u8) -> bool {
    byte == 0x7f || (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'))
}

/// A text that is not ASCII, holds control characters, or what cannot be told without a lexer.
fn is_tricky(text: &[u8]) -> bool {
    let mut last = 0;
    for &byte in text {
        let pair = matches!((last, byte), (b'-', b'-') | (b'/', b'*') | (b'&', b'\'' | b'"'));
        if pair || !byte.is_ascii() || is_control(byte) || byte == b'\\' || byte == b'$' {
            return true;
        }
        last = byte;
    }
    false
}

/// Whether every double quote belongs to a name that is one word.
fn names_are_plain(text: &[u8]) -> bool {
    let mut place = 0;
    while let Some(found) = text.get(place..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let mut end = place + found + 1;
        if !at(text, end).is_some_and(|first| first.is_ascii_alphabetic() || first == b'_') {
            return false;
        }
        while at(text, end).is_some_and(is_word) {
            end += 1;
        }
        if at(text, end) != Some(b'"') {
            return false;
        }
        place = end + 1;
    }
    true
}

/// Where the literal that opens at *start* ends, if it is a plain one with nothing glued to it.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    if glues(before(text, start), b"'\"") {
        return None;
    }
    let mut place = start + 1;
    loop {
        let close = place + memchr::memchr(b'\'', text.get(place..)?)?;
        if at(text, close + 1) != Some(b'\'') {
            place = close + 1;
            break;
        }
        place = close + 2;
    }
    if glues(at(text, place), b"\"") {
        return None;
    }
    let rest = text.get(place..)?;
    let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    if next == Some(&b'\'') {
        return None;
    }
    Some(place)
}

fn without_strings(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut place = 0;
    while let Some(found) = memchr::memchr(b'\'', text.get(place..)?) {
        let start = place + found;
        out.extend_from_slice(text.get(place..start)?);
        // A quote that opens nothing plain stays, and one that stays refuses the text.
        place = string_end(text, start)?;
        out.push(STRING);
    }
    out.extend_from_slice(text.get(place..)?);
    Some(out)
}

/// Where the number at *start* ends, if it is one that stands alone.
fn number_end(text: &[u8], start: usize) -> Option<usize> {
    if glues(before(text, start), b".'\"") {
        return None;
    }
    let digits = |mut place: usize| {
        while at(text, place).is_some_and(|byte| byte.is_ascii_digit()) {
            place += 1;
        }
        place
    };
    let mut end = digits(start);
    if at(text, end) == Some(b'.') && at(text, end + 1).is_some_and(|byte| byte.is_ascii_digit()) {
        end = digits(end + 1);
    }
    (!glues(at(text, end), b".'\"")).then_some(end)
}

fn without_numbers(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut place = 0;
    while let Some(byte) = at(text, place) {
        match byte.is_ascii_digit().then(|| number_end(text, place)).flatten() {
            Some(end) => {
                out.push(NUMBER);
                place = end;
            }
            None => {
                out.push(byte);
                place += 1;
            }
        }
    }
    Some(out)
}

/// *text* with strings as `\x01` and numbers as `\x02`, or None where that is not safe.
pub fn shape(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_CHARACTERS || is_tricky(text) || !names_are_plain(text) {
        return None;
    }
    without_numbers(&without_strings(text)?)
}

#[cfg(test)]
mod tests {
    use super::shape;

    fn shaped(text: &str) -> Option<String> {
        shape(text.as_bytes()).and_then(|found| String::from_utf8(found).ok())
    }

    #[test]
    fn plain_literals_are_put_aside() {
        let found = shaped("SELECT * FROM t WHERE a = 12 AND b = 'it''s' AND c1 < 1.5");
        assert_eq!(found.as_deref(), Some("SELECT * FROM t WHERE a = \x02 AND b = \x01 AND c1 < \x02"));
    }

    #[test]
    fn what_is_tricky_has_no_shape() {
        for text in
            ["E'x'", "'a' 'b'", "'open", "-- x", "/* x */", "$1", "a\\b", "\"a b\"", "U&'x'", "é", "a\0"]
        {
            assert_eq!(shaped(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_that_is_glued_stays() {
        for text in ["t1", "1.", "1e5", "1.2.3", "1a", "x.1"] {
            assert_eq!(shaped(text).as_deref(), Some(text));
        }
    }
}
