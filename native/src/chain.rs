//! One record's bytes, and the hash chain through them: the twin of `vedette.journal.chain.Chain`.
#![forbid(unsafe_code)]

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, Update};
use blake2::Blake2bMac;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator};
use sha2::{Digest, Sha256};

use crate::json::{push_hex, push_number};

/// A link and a tag.
pub const STATE_BYTES: usize = 48;
const LINK: &[u8] = b",\"link\":\"";
const TAG: &[u8] = b"\",\"tag\":\"";
const END: &[u8] = b"\"}";
const TAIL_BYTES: usize = 9 + 64 + 9 + 32 + 2;
const PERSON: &[u8] = b"vedette.journal1";

/// The writer's end of the chain.
pub struct Links {
    /// The last record's number.
    pub seq: u64,
    /// Its link and tag.
    pub state: [u8; STATE_BYTES],
    keyed: Blake2bMac<U16>,
}

impl Links {
    /// None where *key* is empty (which would be no key at all), or longer than BLAKE2b takes.
    pub fn new(seq: u64, state: [u8; STATE_BYTES], key: &[u8]) -> Option<Self> {
        // The crate does not check, and would panic.
        if !(1..=64).contains(&key.len()) {
            return None;
        }
        let keyed = Blake2bMac::new_with_salt_and_personal(key, &[], PERSON).ok()?;
        Some(Self { seq, state, keyed })
    }

    /// Append the next record's line to *out*: when (Unix seconds), what, and its body.
    pub fn line(&mut self, out: &mut Vec<u8>, time: f64, kind: &[u8], body: &[u8]) {
        let begin = out.len();
        out.extend_from_slice(b"00000000 ");
        let head = out.len();
        self.seq += 1;
        // What a clock says is far from where this would saturate.
        #[allow(clippy::cast_possible_truncation)]
        let micro = (time * 1_000_000.0 + 0.5) as i64;
        out.extend_from_slice(b"{\"seq\":");
        push_number(out, self.seq);
        out.extend_from_slice(b",\"time\":");
        out.extend_from_slice(micro.div_euclid(1_000_000).to_string().as_bytes());
        out.push(b'.');
        let part = micro.rem_euclid(1_000_000);
        let digits = [100_000, 10_000, 1000, 100, 10, 1]
            .map(|unit| b'0' + u8::try_from(part / unit % 10).unwrap_or(0));
        out.extend_from_slice(&digits);
        out.extend_from_slice(b",\"kind\":\"");
        out.extend_from_slice(kind);
        out.extend_from_slice(b"\",\"body\":");
        out.extend_from_slice(body);
        let said = out.get(head..).unwrap_or(&[]);
        let size = said.len() + TAIL_BYTES;
        let mut sha = Sha256::new();
        Digest::update(&mut sha, self.state);
        Digest::update(&mut sha, said);
        let link = sha.finalize();
        let mut keyed = self.keyed.clone();
        keyed.update(&link);
        let tag = keyed.finalize_fixed();
        for (slot, byte) in self.state.iter_mut().zip(link.iter().chain(tag.iter())) {
            *slot = *byte;
        }
        let mut prefix = Vec::with_capacity(8);
        push_hex(&mut prefix, &u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
        for (slot, digit) in out.iter_mut().skip(begin).zip(prefix) {
            *slot = digit;
        }
        out.extend_from_slice(LINK);
        push_hex(out, &link);
        out.extend_from_slice(TAG);
        push_hex(out, &tag);
        out.extend_from_slice(END);
        out.push(b'\n');
    }
}

/// SHA-256, as records have it of messages.
pub fn push_digest(out: &mut Vec<u8>, message: &[u8]) {
    push_hex(out, &Sha256::digest(message));
}

/// The twin of `vedette.journal.chain.Chain`.
#[pyclass]
pub struct Chain {
    /// The inside.
    pub links: Links,
}

fn state_of(bytes: &[u8]) -> PyResult<[u8; STATE_BYTES]> {
    bytes.try_into().map_err(|_| PyValueError::new_err("a link and a tag are 48 bytes"))
}

#[pymethods]
impl Chain {
    #[new]
    fn new(seq: u64, state: &[u8], key: &[u8]) -> PyResult<Self> {
        let links = Links::new(seq, state_of(state)?, key);
        Ok(Self { links: links.ok_or_else(|| PyValueError::new_err("a key of this length is none"))? })
    }

    #[getter]
    fn seq(&self) -> u64 {
        self.links.seq
    }

    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.links.state)
    }

    /// Where it stands, for `back`.
    fn mark<'py>(&self, py: Python<'py>) -> (u64, Bound<'py, PyBytes>) {
        (self.links.seq, self.state(py))
    }

    /// Undo what came since *mark*.
    fn back(&mut self, mark: (u64, Bound<'_, PyBytes>)) -> PyResult<()> {
        self.links.state = state_of(mark.1.as_bytes())?;
        self.links.seq = mark.0;
        Ok(())
    }

    /// The next record's line.
    fn line<'py>(&mut self, py: Python<'py>, time: f64, kind: &[u8], body: &[u8]) -> Bound<'py, PyBytes> {
        let mut out = Vec::with_capacity(body.len() + 256);
        self.links.line(&mut out, time, kind, body);
        PyBytes::new(py, &out)
    }

    /// The lines of the next records: when (Unix seconds), what, and the body of each.
    fn lines<'py>(&mut self, py: Python<'py>, records: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let mark = (self.links.seq, self.links.state);
        let mut out = Vec::new();
        for record in PyIterator::from_object(records)? {
            let taken = record.and_then(|one| {
                let (time, kind, body): (f64, Bound<'_, PyBytes>, Bound<'_, PyBytes>) = one.extract()?;
                self.links.line(&mut out, time, kind.as_bytes(), body.as_bytes());
                Ok(())
            });
            if let Err(problem) = taken {
                (self.links.seq, self.links.state) = mark;
                return Err(problem);
            }
        }
        Ok(PyBytes::new(py, &out))
    }
}
