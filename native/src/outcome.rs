//! What came of an action, as its record: the twin of `events.ActionOutcome`, for those that went well.
#![forbid(unsafe_code)]

use crate::json::{push_float, push_number, push_text};

/// The event's name.
pub const KIND: &str = "action.outcome";
/// `append.MAX_DEFERRED`.
pub const MAX_DEFERRED: usize = 10_000;
/// `append.MAX_DEFERRED_BYTES`.
pub const MAX_DEFERRED_BYTES: usize = 8 << 20;

/// An action that ran, and nothing of its result was hidden.
pub struct Outcome<'a> {
    /// Its session.
    pub session: &'a str,
    /// Its id.
    pub action: &'a str,
    /// How many.
    pub rows: u64,
    /// Of rows, headers included.
    pub bytes: u64,
    /// The command tag.
    pub tag: &'a str,
    /// In seconds.
    pub duration: f64,
    /// Their labels: a JSON array without its end, empty for none.
    pub columns: &'a [u8],
    /// When, in Unix seconds.
    pub at: f64,
}

impl Outcome<'_> {
    /// The record's body.
    pub fn body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192 + self.columns.len());
        out.extend_from_slice(b"{\"v\":1,\"session\":");
        push_text(&mut out, self.session.as_bytes());
        out.extend_from_slice(b",\"action\":");
        push_text(&mut out, self.action.as_bytes());
        for (name, value) in [(&b",\"rows\":"[..], self.rows), (b",\"bytes\":", self.bytes)] {
            if value > 0 {
                out.extend_from_slice(name);
                push_number(&mut out, value);
            }
        }
        if !self.tag.is_empty() {
            out.extend_from_slice(b",\"tag\":");
            push_text(&mut out, self.tag.as_bytes());
        }
        out.extend_from_slice(b",\"duration\":");
        push_float(&mut out, self.duration);
        if !self.columns.is_empty() {
            out.extend_from_slice(b",\"columns\":");
            out.extend_from_slice(self.columns);
            out.push(b']');
        }
        out.extend_from_slice(b",\"at\":");
        push_float(&mut out, self.at);
        out.push(b'}');
        out
    }
}
