//! What of Python a lane works with.
#![forbid(unsafe_code)]

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::journal::Journal;

/// What of Python a lane works with.
pub struct Refs {
    pub exchange: Py<PyAny>,
    pub requests: Py<PyAny>,
    pub responses: Py<PyAny>,
    pub names: Names,
    pub records: Py<PyAny>,
    pub gate: Py<PyAny>,
    pub keeper: Py<PyAny>,
    pub journal: Journal,
    pub clock: Py<PyAny>,
    pub clear: Py<PyAny>,
    pub show: Py<PyAny>,
    pub lost: Py<PyAny>,
    pub wires: Option<Wires>,
}

/// The dictionaries of `names`.
pub struct Names {
    pub statements: Py<PyDict>,
    pub statements_in_flight: Py<PyDict>,
    pub portals: Py<PyDict>,
    pub portals_in_flight: Py<PyDict>,
    pub in_sql: Py<PyDict>,
}

/// The two sides, once they are there.
pub struct Wires {
    pub up: Py<PyAny>,
    pub down: Py<PyAny>,
    pub from_downstream: Py<PyAny>,
    pub from_upstream: Py<PyAny>,
    pub failed: Py<PyAny>,
}

/// Whether an attribute is true.
pub fn truth(object: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    object.getattr(name)?.is_truthy()
}

/// What a clock says.
pub fn time(py: Python<'_>, clock: &Py<PyAny>) -> PyResult<f64> {
    clock.bind(py).call0()?.extract()
}

/// An attribute that is a dictionary, and stays the same one.
pub fn dict(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Py<PyDict>> {
    Ok(object.getattr(name)?.cast_into::<PyDict>()?.unbind())
}

impl Refs {
    /// Whether nothing is under way that only the other way knows of.
    pub fn is_idle(&self, py: Python<'_>) -> PyResult<bool> {
        let x = self.exchange.bind(py);
        if !x.getattr(intern!(py, "pending"))?.is_empty()? || !x.getattr(intern!(py, "copy_in"))?.is_none() {
            return Ok(false);
        }
        for name in
            [intern!(py, "dropping"), intern!(py, "altered"), intern!(py, "dirty"), intern!(py, "discarding")]
        {
            if truth(x, name)? {
                return Ok(false);
            }
        }
        let requests = self.requests.bind(py);
        for name in [intern!(py, "_parts"), intern!(py, "_passing"), intern!(py, "_dropping_bytes")] {
            if truth(requests, name)? {
                return Ok(false);
            }
        }
        let responses = self.responses.bind(py);
        for name in [intern!(py, "_parts"), intern!(py, "_passing"), intern!(py, "_swallowing")] {
            if truth(responses, name)? {
                return Ok(false);
            }
        }
        let names = &self.names;
        Ok(names.statements_in_flight.bind(py).is_empty() && names.portals_in_flight.bind(py).is_empty())
    }

    /// For Python's collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        for object in [
            &self.exchange,
            &self.requests,
            &self.responses,
            &self.records,
            &self.gate,
            &self.keeper,
            &self.clock,
            &self.clear,
            &self.show,
            &self.lost,
            &self.journal.object,
            &self.journal.now,
        ] {
            visit.call(object)?;
        }
        if let Some(wires) = &self.wires {
            let others = [&wires.from_downstream, &wires.from_upstream, &wires.failed];
            for object in [&wires.up, &wires.down].into_iter().chain(others) {
                visit.call(object)?;
            }
        }
        Ok(())
    }
}
