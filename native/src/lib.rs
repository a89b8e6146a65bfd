//! The compiled twin of Vedette's hot path. Python is the reference: whatever this does not know to the last
//! byte, it leaves to it, and what it does know it does the same way (tests/native says so).
//!
//! There is no unsafe code of our own; what PyO3's macros expand to is theirs.

#![forbid(unsafe_code)]

mod answers;
mod chain;
mod frames;
mod journal;
mod json;
mod known;
mod lane;
mod left;
mod outcome;
mod refs;
mod requests;
mod shape;
mod state;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The twin of `vedette.sql.shape.shape`.
#[pyfunction(name = "shape")]
fn shape_of(text: &str) -> Option<String> {
    shape::shape(text.as_bytes()).and_then(|found| String::from_utf8(found).ok())
}

/// (offset behind a run of messages of one kind, how many, an impossible length that one claims or None);
/// the first of them begins before *end*, and ends there.
#[pyfunction(name = "run")]
fn run_of(data: &[u8], end: usize, tag: u8) -> (usize, u64, Option<u32>) {
    let found = frames::run(data, end, tag);
    (found.end, found.count, found.lies)
}

/// *text* and *number* as records have them.
#[pyfunction(name = "json")]
fn in_json<'py>(py: Python<'py>, text: &str, number: f64) -> Bound<'py, PyBytes> {
    let mut out = Vec::new();
    json::push_text(&mut out, text.as_bytes());
    json::push_float(&mut out, number);
    PyBytes::new(py, &out)
}

#[pymodule]
fn vedette_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<chain::Chain>()?;
    module.add_class::<lane::Lane>()?;
    module.add_class::<left::Left>()?;
    module.add_function(wrap_pyfunction!(shape_of, module)?)?;
    module.add_function(wrap_pyfunction!(run_of, module)?)?;
    module.add_function(wrap_pyfunction!(in_json, module)?)?;
    Ok(())
}
