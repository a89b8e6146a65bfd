//! JSON as msgspec writes it: records must be the same bytes, whoever makes them.
#![forbid(unsafe_code)]

const HEX: &[u8; 16] = b"0123456789abcdef";

fn nibble(value: u8) -> u8 {
    HEX.get(usize::from(value & 15)).copied().unwrap_or(b'0')
}

/// *bytes* in lower-case hex.
pub fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.push(nibble(byte >> 4));
        out.push(nibble(*byte));
    }
}

/// A string, quotes included. *text* is UTF-8.
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(place) = rest.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\') {
        let (plain, special) = rest.split_at(place);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = special.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            control => {
                out.extend_from_slice(b"\\u00");
                push_hex(out, &[*control]);
            }
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// A float: the shortest digits that read back the same, by the algorithm that msgspec uses.
pub fn push_float(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
}

/// A whole number.
pub fn push_number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0_u8; 20];
    let mut left = value;
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or(&[]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        push_float(&mut out, value);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn floats() {
        assert_eq!(float(1.0), "1.0");
        assert_eq!(float(1e-5), "0.00001");
        assert_eq!(float(1.25e-7), "1.25e-7");
        assert_eq!(float(1e16), "1e16");
        assert_eq!(float(1_763_835_234.123_456), "1763835234.123456");
        assert_eq!(float(-0.0), "-0.0");
        assert_eq!(float(f64::NAN), "null");
    }

    #[test]
    fn texts_and_numbers() {
        let mut out = Vec::new();
        push_text(&mut out, b"a\"\\\n\x01z");
        push_number(&mut out, 0);
        push_number(&mut out, u64::MAX);
        assert_eq!(out, b"\"a\\\"\\\\\\n\\u0001z\"018446744073709551615");
    }
}
