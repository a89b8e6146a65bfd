//! Framing of PostgreSQL messages, and the run of rows.
#![forbid(unsafe_code)]

/// A tag and a length.
pub const HEADER: usize = 5;

/// The offset just past the message at *start*; None where its header is not whole, or its length lies.
///
/// May lie beyond the data, when the body is still on its way.
pub fn message_end(data: &[u8], start: usize) -> Option<usize> {
    let head: [u8; 4] = data.get(start + 1..start + HEADER)?.try_into().ok()?;
    let length = usize::try_from(u32::from_be_bytes(head)).ok()?;
    if length < 4 {
        return None;
    }
    start.checked_add(1)?.checked_add(length)
}

/// How far a run of messages of one kind goes.
pub struct Run {
    /// The offset behind it, perhaps beyond the data.
    pub end: usize,
    /// How many messages it has.
    pub count: u64,
    /// A header in it claims an impossible length, namely this one.
    pub lies: Option<u32>,
}

/// Step over messages of kind *tag*, of which one begins at *at* and ends at *end*.
pub fn run(data: &[u8], end: usize, tag: u8) -> Run {
    let mut run = Run { end, count: 1, lies: None };
    while let Some(&[kind, a, b, c, d]) = data.get(run.end..run.end + HEADER) {
        if kind != tag {
            break;
        }
        let length = u32::from_be_bytes([a, b, c, d]);
        if length < 4 {
            run.lies = Some(length);
            break;
        }
        run.count += 1;
        run.end += 1 + length as usize;
    }
    run
}

/// The bytes up to the next NUL, and the offset behind it.
pub fn cstring(body: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let rest = body.get(start..)?;
    let end = memchr::memchr(0, rest)?;
    Some((rest.get(..end)?, start + end + 1))
}

/// A big-endian u16.
pub fn u16_at(body: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(body.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A big-endian i32.
pub fn i32_at(body: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(body.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A Parse message taken apart: name, text, and what is behind the text.
pub struct Parse<'a> {
    /// Of the statement.
    pub name: &'a [u8],
    /// As it came.
    pub text: &'a [u8],
    /// Type OIDs of parameters.
    pub types: Vec<u32>,
}

/// A whole Parse message, or None where any length in it lies.
pub fn read_parse(body: &[u8]) -> Option<Parse<'_>> {
    let (name, at) = cstring(body, HEADER)?;
    let (text, at) = cstring(body, at)?;
    let count = usize::from(u16_at(body, at)?);
    if body.len() != at + 2 + 4 * count {
        return None;
    }
    let list = body.get(at + 2..)?;
    let types =
        list.chunks_exact(4).filter_map(|one| Some(u32::from_be_bytes(one.try_into().ok()?))).collect();
    Some(Parse { name, text, types })
}

/// A Bind message taken apart.
pub struct Bind<'a> {
    /// The portal that is made.
    pub portal: &'a [u8],
    /// The statement that it is made of.
    pub statement: &'a [u8],
    /// A value and its format for each parameter.
    pub parameters: Vec<(Option<&'a [u8]>, u16)>,
    /// The result formats, as they came (big-endian shorts).
    pub results: &'a [u8],
}

fn shorts(body: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let count = usize::from(u16_at(body, at)?);
    let end = at + 2 + 2 * count;
    Some((body.get(at + 2..end)?, end))
}

/// A whole Bind message, or None where any length in it lies.
pub fn read_bind(body: &[u8]) -> Option<Bind<'_>> {
    let (portal, at) = cstring(body, HEADER)?;
    let (statement, at) = cstring(body, at)?;
    let (formats, at) = shorts(body, at)?;
    let count = usize::from(u16_at(body, at)?);
    let mut at = at + 2;
    let mut values = Vec::with_capacity(count.min(body.len()));
    for _ in 0..count {
        let length = i32_at(body, at)?;
        at += 4;
        if length == -1 {
            values.push(None);
            continue;
        }
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        values.push(Some(body.get(at..end)?));
        at = end;
    }
    let (results, at) = shorts(body, at)?;
    let given = formats.len() / 2;
    if at != body.len() || !(given <= 1 || given == count) {
        return None;
    }
    let format = |place: usize| match given {
        0 => 0,
        // With one parameter this is the same as one for each.
        1 => u16_at(formats, 0).unwrap_or(0),
        _ => u16_at(formats, 2 * place).unwrap_or(0),
    };
    let parameters = values.into_iter().enumerate().map(|(place, value)| (value, format(place))).collect();
    Some(Bind { portal, statement, parameters, results })
}

/// The labels in the body of a RowDescription, or None where any length in it lies.
pub fn labels(body: &[u8]) -> Option<Vec<&[u8]>> {
    let count = usize::from(u16_at(body, 0)?);
    let mut at = 2;
    let mut found = Vec::with_capacity(count.min(body.len()));
    for _ in 0..count {
        let (label, behind) = cstring(body, at)?;
        at = behind + 18;
        if at > body.len() {
            return None;
        }
        found.push(label);
    }
    (at == body.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_another_kind_begins() {
        let data = b"D\0\0\0\x05xD\0\0\0\x04C\0\0\0\x04";
        let found = run(data, 6, b'D');
        assert_eq!((found.end, found.count, found.lies), (11, 2, None));
        assert_eq!(run(b"D\0\0\0\x04D\0\0\0\x03", 5, b'D').lies, Some(3));
    }

    #[test]
    fn a_run_may_end_beyond_the_data() {
        let found = run(b"D\0\0\0\x04D\0\0\xff\xff", 5, b'D');
        assert_eq!((found.end, found.count), (5 + 1 + 0xffff, 2));
        assert_eq!(run(b"D\xff\xff\xff\xff", usize::MAX >> 1, b'D').count, 1);
    }

    #[test]
    fn damaged_messages_are_none() {
        let whole = b"B\0\0\0\x18\0s\0\0\x01\0\0\0\x01\0\0\0\x01x\0\0";
        assert!(read_bind(whole).is_some());
        for cut in 0..whole.len() {
            assert!(whole.get(..cut).and_then(read_bind).is_none(), "cut at {cut}");
        }
        assert!(labels(b"\0\x01a\0").is_none());
        assert!(message_end(b"Q\0\0\0\x03", 0).is_none());
    }
}
