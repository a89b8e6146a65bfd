//! What a lane leaves for the other way, when it is closed.
#![forbid(unsafe_code)]

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::lane::Lane;
use crate::state::{Fresh, Portal};

/// What a lane did since it was opened, and what it was in the middle of.
#[pyclass(frozen, get_all)]
pub struct Left {
    group: u64,
    status: Py<PyBytes>,
    locked: bool,
    rows: u64,
    bytes: u64,
    up: u64,
    down: u64,
    number: u64,
    passing: usize,
    catalog: Py<PyAny>,
    /// (text, types, group, confirmed)
    fresh: Option<Py<PyTuple>>,
    fresh_before: Option<Py<PyTuple>>,
    /// ((bind, statement or None, known, action, began), (locked, group, asked, described or None, confirmed))
    portal: Option<Py<PyTuple>>,
    portal_before: Option<Py<PyTuple>>,
    /// ((kinds, (known, action) of a Parse or None, known, action, began), (rows, bytes, opened, described))
    waiting: Option<Py<PyTuple>>,
}

impl Lane {
    pub fn told(&self, py: Python<'_>, place: usize) -> Py<PyAny> {
        self.table.get(place).map_or_else(|| py.None(), |known| known.object.clone_ref(py))
    }

    pub fn left(&mut self, py: Python<'_>) -> PyResult<Option<Left>> {
        if !std::mem::take(&mut self.open) || !self.used {
            return Ok(None);
        }
        let catalog = self.stamp.as_ref().map_or_else(|| py.None(), |stamp| stamp.catalog.clone_ref(py));
        // None of what it was before means: the same as now.
        let fresh_before = self.fresh_before.take().map(|one| one.told(py)).transpose()?;
        let fresh = self.fresh.take().map(|one| one.told(py)).transpose()?;
        let (before, now) = (self.portal_before.take(), self.portal.take());
        let portal_before = before.map(|one| self.told_portal(py, one)).transpose()?;
        let portal = now.map(|one| self.told_portal(py, one)).transpose()?;
        let waiting = match self.operation.take() {
            None => None,
            Some(one) => {
                let prepared = one.prepared.map(|(place, action)| (self.told(py, place), action));
                let kinds = String::from_utf8_lossy(one.kinds).into_owned();
                let described = PyBytes::new(py, &one.described);
                let first = (kinds, prepared, self.told(py, one.known), one.action, one.began);
                Some((first, (one.rows, one.bytes, one.opened, described)).into_pyobject(py)?.unbind())
            }
        };
        Ok(Some(Left {
            group: self.group,
            status: PyBytes::new(py, &[self.status]).unbind(),
            locked: self.locked,
            rows: self.rows,
            bytes: self.bytes,
            up: self.up,
            down: self.down,
            number: self.number,
            passing: self.passing,
            catalog,
            fresh,
            fresh_before,
            portal,
            portal_before,
            waiting,
        }))
    }

    pub fn told_portal(&self, py: Python<'_>, one: Portal) -> PyResult<Py<PyTuple>> {
        let known = self.told(py, one.known);
        let described = one.described.map(|body| PyBytes::new(py, &body));
        let first = (PyBytes::new(py, &one.message), one.statement, known, one.action, one.began);
        let then = (one.locked, one.group, one.asked, described, one.confirmed);
        Ok((first, then).into_pyobject(py)?.unbind())
    }
}

impl Fresh {
    pub fn told(self, py: Python<'_>) -> PyResult<Py<PyTuple>> {
        let text = String::from_utf8(self.text).map_err(|_| PyValueError::new_err("not UTF-8"))?;
        let types = PyTuple::new(py, self.types)?;
        Ok((text, types, self.group, self.confirmed).into_pyobject(py)?.unbind())
    }
}
