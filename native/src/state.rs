//! What a lane knows of its session while it is open.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

/// What verdicts hang on besides the statement, by identity.
pub struct Stamp {
    pub state: Py<PyAny>,
    pub catalog: Py<PyAny>,
    pub policy: Py<PyAny>,
}

/// A statement that was parsed the other way.
pub struct Prepared {
    pub statement: Py<PyAny>,
    pub types_object: Py<PyAny>,
    pub types: Vec<u32>,
    pub text: Vec<u8>,
    pub known: Option<(u64, usize)>,
}

/// A Parse of no name that was taken here.
pub struct Fresh {
    pub text: Vec<u8>,
    pub types: Vec<u32>,
    pub group: u64,
    pub confirmed: bool,
}

/// The last Bind that was taken here, of a portal of no name.
pub struct Portal {
    pub message: Vec<u8>,
    /// None: what `Fresh` is.
    pub statement: Option<Py<PyAny>>,
    pub known: usize,
    pub action: String,
    pub began: f64,
    pub locked: bool,
    pub group: u64,
    pub asked: bool,
    pub described: Option<Vec<u8>>,
    pub confirmed: bool,
}

/// What the server owes answers to.
pub struct Operation {
    pub kinds: &'static [u8],
    pub prepared: Option<(usize, String)>,
    pub known: usize,
    pub action: String,
    pub began: f64,
    pub rows: u64,
    pub bytes: u64,
    pub opened: bool,
    pub described: Vec<u8>,
    pub columns: Vec<u8>,
    /// By what its rows are described, where that was told before: formats, then the description.
    pub foreseen: Option<Vec<u8>>,
}

/// What a Bind binds.
pub struct Chosen {
    pub known: usize,
    pub statement: Option<Py<PyAny>>,
    pub text: Vec<u8>,
    pub types: Vec<u32>,
    pub foreseen: Option<Vec<u8>>,
}

impl Operation {
    /// One that was just sent; *kinds* are the messages that answers are due to.
    pub fn new(kinds: &'static [u8], known: usize, action: String, began: f64) -> Self {
        Self {
            kinds,
            prepared: None,
            known,
            action,
            began,
            rows: 0,
            bytes: 0,
            opened: false,
            described: Vec::new(),
            columns: Vec::new(),
            foreseen: None,
        }
    }
}
