//! From the server to the caller: the twin of `Responses.quick`.
#![forbid(unsafe_code)]

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::frames::{self, message_end, HEADER};
use crate::json::push_text;
use crate::lane::Lane;
use crate::outcome;
use crate::refs::time;
use crate::state::Portal;

/// No formats were told at Bind: those of the description hold.
const AS_DESCRIBED: &[u8] = b"\xff\xff";

impl Lane {
    /// How many bytes at the front of *data* pass as they are.
    pub fn take_answers(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<usize> {
        if !self.open || self.operation.is_none() {
            return Ok(0);
        }
        let size = data.len();
        let mut at = size.min(self.passing);
        self.passing -= at;
        while size - at >= HEADER && self.operation.is_some() {
            let (Some(&tag), Some(end)) = (data.get(at), message_end(data, at)) else { break };
            if tag == b'D' {
                if !self.may_pass_rows(py)? {
                    break;
                }
                let run = frames::run(data, end, tag);
                if run.lies.is_some() {
                    break;
                }
                self.count(run.count, (run.end - at) as u64);
                at = run.end;
                if at >= size {
                    break;
                }
                continue;
            }
            let Some(body) = data.get(at + HEADER..end) else { break };
            if !self.take_answer(py, tag, body)? {
                break;
            }
            at = end;
        }
        if at > size {
            self.passing = at - size;
            at = size;
        }
        Ok(at)
    }

    pub fn count(&mut self, rows: u64, bytes: u64) {
        self.rows += rows;
        self.bytes += bytes;
        if let Some(operation) = &mut self.operation {
            operation.rows += rows;
            operation.bytes += bytes;
        }
    }

    /// Whether the rows that come now are asked for, and known to hold nothing that is covered.
    pub fn may_pass_rows(&mut self, py: Python<'_>) -> PyResult<bool> {
        let Some(operation) = &mut self.operation else { return Ok(false) };
        let stage = operation.kinds.first().copied();
        if !matches!(stage, Some(b'Q' | b'E')) {
            return Ok(false);
        }
        if operation.opened {
            return Ok(true);
        }
        let place = operation.known;
        if self.table.get(place).is_some_and(|known| known.masked) {
            if stage == Some(b'Q') {
                // Its description was looked at when it came.
                if operation.described.is_empty() {
                    return Ok(false);
                }
            } else {
                let key = match (&self.portal, &operation.foreseen) {
                    (Some(Portal { described: Some(described), .. }), _) => {
                        [AS_DESCRIBED, described].concat()
                    }
                    (_, Some(key)) => key.clone(),
                    _ => return Ok(false),
                };
                if !self.is_clear(py, place, key)? {
                    return Ok(false);
                }
            }
        }
        if let Some(operation) = &mut self.operation {
            operation.opened = true;
        }
        Ok(true)
    }

    /// Whether a result described so holds nothing that is covered; *key*: formats, and the description.
    pub fn is_clear(&mut self, py: Python<'_>, place: usize, key: Vec<u8>) -> PyResult<bool> {
        let (Some(refs), Some(known)) = (&self.refs, self.table.get_mut(place)) else { return Ok(false) };
        if known.is_clear(&key) {
            return Ok(true);
        }
        let (formats, described) = if let Some(described) = key.strip_prefix(AS_DESCRIBED) {
            (None, described)
        } else {
            let count = usize::from(frames::u16_at(&key, 0).unwrap_or(0));
            let Some((formats, described)) = key.get(2..).and_then(|rest| rest.split_at_checked(2 * count))
            else {
                return Ok(false);
            };
            (Some(PyBytes::new(py, formats)), described)
        };
        if described.is_empty() {
            return Ok(false);
        }
        let clear = &refs.clear.bind(py).call1((&known.object, PyBytes::new(py, described), formats))?;
        if clear.is_truthy()? {
            known.found_clear(key);
            return Ok(true);
        }
        known.hides = true;
        Ok(false)
    }

    /// An answer that is no row. False where it is not the ordinary one.
    pub fn take_answer(&mut self, py: Python<'_>, tag: u8, body: &[u8]) -> PyResult<bool> {
        let Some(operation) = &mut self.operation else { return Ok(false) };
        let Some((&stage, rest)) = operation.kinds.split_first() else { return Ok(false) };
        match (tag, stage) {
            (b'T', b'Q') => return self.columns(py, body),
            (b'C', b'Q' | b'E') => {
                self.finish(py, body)?;
                if stage == b'Q' {
                    return Ok(true);
                }
            }
            (b'Z', b'Q' | b'S') => {
                let &[status] = body else { return Ok(false) };
                if !matches!(status, b'I' | b'T' | b'E') {
                    return Ok(false);
                }
                self.status = status;
                self.operation = None;
                (self.fresh_before, self.portal_before) = (None, None);
                if status == b'I' {
                    self.locked = false;
                }
                return Ok(true);
            }
            (b'1', b'P') => {
                if let Some(fresh) = &mut self.fresh {
                    fresh.confirmed = true;
                }
            }
            (b'2', b'B') => {
                if let Some(portal) = &mut self.portal {
                    portal.confirmed = true;
                }
            }
            (b'T' | b'n', b'D') => {
                if let Some(portal) = &mut self.portal {
                    portal.described = Some(if tag == b'T' { body.to_vec() } else { Vec::new() });
                }
            }
            _ => return Ok(false),
        }
        if let Some(operation) = &mut self.operation {
            operation.kinds = rest;
        }
        Ok(true)
    }

    /// A RowDescription in answer to a Query.
    pub fn columns(&mut self, py: Python<'_>, body: &[u8]) -> PyResult<bool> {
        let Some(place) = self.operation.as_ref().map(|operation| operation.known) else { return Ok(false) };
        let Some(labels) = frames::labels(body) else { return Ok(false) };
        let masked = self.table.get(place).is_some_and(|known| known.masked);
        if masked && !self.is_clear(py, place, [AS_DESCRIBED, body].concat())? {
            return Ok(false);
        }
        if let Some(operation) = &mut self.operation {
            operation.described = body.to_vec();
            operation.columns.clear();
            for label in labels {
                operation.columns.push(if operation.columns.is_empty() { b'[' } else { b',' });
                push_text(&mut operation.columns, String::from_utf8_lossy(label).as_bytes());
            }
        }
        Ok(true)
    }

    /// A CommandComplete: leave its outcome for the journal.
    pub fn finish(&mut self, py: Python<'_>, body: &[u8]) -> PyResult<()> {
        let (Some(refs), Some(operation)) = (&self.refs, &mut self.operation) else { return Ok(()) };
        let tag = String::from_utf8_lossy(body.split_last().map_or(&[], |(_, tag)| tag));
        let duration = (time(py, &refs.clock)? - operation.began).max(0.0);
        let record = outcome::Outcome {
            session: &self.session,
            action: &operation.action,
            rows: operation.rows,
            bytes: operation.bytes,
            tag: &tag,
            duration,
            columns: &operation.columns,
            at: time(py, &refs.clock)?,
        };
        if let Err(problem) = refs.journal.defer(py, &record.body()) {
            if !problem.is_instance_of::<PyOSError>(py) {
                return Err(problem);
            }
            refs.lost.bind(py).call0()?;
        }
        (operation.rows, operation.bytes, operation.opened) = (0, 0, false);
        if operation.kinds.first() == Some(&b'Q') {
            operation.described.clear();
            operation.columns.clear();
        }
        Ok(())
    }
}
