//! What was judged before: verdicts by kind of message and text, or shape of text.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::chain::push_digest;
use crate::json::{push_float, push_text};

/// A session that says more different things than this begins afresh (`before.MAX_KEPT`).
const MAX_KEPT: usize = 1024;
/// Descriptions of results that nothing covers, remembered for each verdict.
const MAX_CLEAR: usize = 32;

/// What kind of message a verdict was on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A Query.
    Statement,
    /// A Parse.
    Prepare,
    /// A Bind, to be executed.
    Execute,
}

impl Kind {
    /// By its name in actions.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "statement" => Some(Self::Statement),
            "prepare" => Some(Self::Prepare),
            "execute" => Some(Self::Execute),
            _ => None,
        }
    }
}

/// An Allow that holds again, and the mould of its record.
pub struct Known {
    /// `before.Known`.
    pub object: Py<PyAny>,
    parts: [Py<PyBytes>; 6],
    /// It has masks, so what comes back must be asked about.
    pub masked: bool,
    /// Running it may leave locks.
    pub locks: bool,
    /// Something of a result of it is hidden: the other way is the shorter one.
    pub hides: bool,
    clear: HashSet<Vec<u8>>,
}

impl Known {
    /// *parts*: what stands between the five fields that differ, and around them.
    pub fn new(object: Py<PyAny>, parts: [Py<PyBytes>; 6], masked: bool, locks: bool) -> Self {
        Self { object, parts, masked, locks, hides: false, clear: HashSet::new() }
    }

    /// Whether a result *described* so is known to hold nothing that is covered.
    pub fn is_clear(&self, described: &[u8]) -> bool {
        self.clear.contains(described)
    }

    /// From here on it is.
    pub fn found_clear(&mut self, described: Vec<u8>) {
        if self.clear.len() >= MAX_CLEAR {
            self.clear.clear();
        }
        self.clear.insert(described);
    }

    /// The body of the record of one more use; *parameters* is JSON.
    pub fn record(&self, py: Python<'_>, use_: &Use<'_>) -> Vec<u8> {
        let [one, two, three, four, five, six] = &self.parts;
        let fixed: usize = self.parts.iter().map(|part| part.as_bytes(py).len()).sum();
        let mut out = Vec::with_capacity(fixed + use_.text.len() + use_.parameters.len() + 160);
        out.extend_from_slice(one.as_bytes(py));
        out.push(b'"');
        out.extend_from_slice(use_.action.as_bytes());
        out.push(b'"');
        out.extend_from_slice(two.as_bytes(py));
        out.push(b'"');
        push_digest(&mut out, use_.message);
        out.push(b'"');
        out.extend_from_slice(three.as_bytes(py));
        push_text(&mut out, use_.text);
        out.extend_from_slice(four.as_bytes(py));
        out.extend_from_slice(use_.parameters);
        out.extend_from_slice(five.as_bytes(py));
        push_float(&mut out, use_.at);
        out.extend_from_slice(six.as_bytes(py));
        out
    }
}

/// One more use of what is known.
pub struct Use<'a> {
    /// When, in Unix seconds.
    pub at: f64,
    /// The action's id.
    pub action: &'a str,
    /// The exact bytes.
    pub message: &'a [u8],
    /// UTF-8.
    pub text: &'a [u8],
    /// A JSON array.
    pub parameters: &'a [u8],
}

/// Verdicts under one stamp (state, catalogue, policy) at a time.
#[derive(Default)]
pub struct Table {
    all: Vec<Known>,
    statements: HashMap<Vec<u8>, usize>,
    prepares: HashMap<Vec<u8>, usize>,
    executes: HashMap<Vec<u8>, usize>,
    /// Goes up whenever places are no longer what they were.
    pub turn: u64,
}

impl Table {
    /// Forget all of it.
    pub fn clear(&mut self) {
        self.all.clear();
        for places in [&mut self.statements, &mut self.prepares, &mut self.executes] {
            places.clear();
        }
        self.turn += 1;
    }

    fn places(&mut self, kind: Kind) -> &mut HashMap<Vec<u8>, usize> {
        match kind {
            Kind::Statement => &mut self.statements,
            Kind::Prepare => &mut self.prepares,
            Kind::Execute => &mut self.executes,
        }
    }

    /// Where the verdict for *key* (a text, or the shape of one) is.
    pub fn find(&mut self, kind: Kind, key: &[u8]) -> Option<usize> {
        self.places(kind).get(key).copied()
    }

    /// Keep *known* for *key*.
    pub fn keep(&mut self, kind: Kind, key: Vec<u8>, known: Known) {
        if let Some(there) = self.find(kind, &key).and_then(|place| self.all.get_mut(place)) {
            *there = known;
            return;
        }
        if self.all.len() >= MAX_KEPT {
            self.clear();
        }
        let place = self.all.len();
        self.places(kind).insert(key, place);
        self.all.push(known);
    }

    /// What is at *place*.
    pub fn get(&self, place: usize) -> Option<&Known> {
        self.all.get(place)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut Known> {
        self.all.get_mut(place)
    }

    /// Every object of Python's that is held here.
    pub fn held(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.all.iter().map(|known| &known.object)
    }
}
