//! The ordinary way through one session, both directions: the twin of `express`, of `Responses.quick`,
//! and of what they lead to in `before`, `judgements` and the journal.
//!
//! A lane is *open* while it alone has touched the session since it looked at the exchange. Then nothing of
//! what passes is made into Python's objects. `take` closes it and tells all that happened, for `swift` to
//! put where the other way finds it. What it does not know to the last byte it leaves alone.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::chain::Chain;
use crate::journal::Journal;
use crate::known::{Kind, Known, Table};
use crate::left::Left;
use crate::refs::{dict, Names, Refs, Wires};
use crate::state::{Fresh, Operation, Portal, Prepared, Stamp};

/// One session's lane. Not to be shared between threads.
#[pyclass]
pub struct Lane {
    pub refs: Option<Box<Refs>>,
    pub session: String,
    pub table: Table,
    pub stamp: Option<Stamp>,
    pub prepared: HashMap<Vec<u8>, Prepared>,
    pub open: bool,
    pub used: bool,
    pub number: u64,
    pub group: u64,
    pub epoch: i64,
    pub status: u8,
    pub locked: bool,
    pub rows: u64,
    pub bytes: u64,
    pub up: u64,
    pub down: u64,
    pub passing: usize,
    pub fresh: Option<Fresh>,
    pub portal: Option<Portal>,
    /// What these two were before the operation that is under way: they stay should it fail.
    pub fresh_before: Option<Fresh>,
    pub portal_before: Option<Portal>,
    pub operation: Option<Operation>,
}

#[pymethods]
impl Lane {
    /// *clear(known, described, formats)* tells whether a result holds nothing that is covered; *show* is
    /// `binds.show`; *lost* is called where an outcome could not be recorded; *write* is `os.write`.
    #[new]
    #[pyo3(signature = (session, *, exchange, requests, responses, gate, records, keeper, journal, chain, clock, clear, show, lost, write))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        session: String,
        exchange: Bound<'_, PyAny>,
        requests: Py<PyAny>,
        responses: Py<PyAny>,
        gate: Py<PyAny>,
        records: Py<PyAny>,
        keeper: Py<PyAny>,
        journal: Bound<'_, PyAny>,
        chain: Py<Chain>,
        clock: Py<PyAny>,
        clear: Py<PyAny>,
        show: Py<PyAny>,
        lost: Py<PyAny>,
        write: Py<PyAny>,
    ) -> PyResult<Self> {
        let names = exchange.getattr("names")?;
        let (statements, portals) = (names.getattr("statements")?, names.getattr("portals")?);
        let refs = Refs {
            names: Names {
                statements: dict(&statements, "confirmed")?,
                statements_in_flight: dict(&statements, "_in_flight")?,
                portals: dict(&portals, "confirmed")?,
                portals_in_flight: dict(&portals, "_in_flight")?,
                in_sql: dict(&names, "in_sql")?,
            },
            journal: Journal {
                chain,
                now: journal.getattr("_now")?.unbind(),
                write,
                every: journal.getattr("_every")?.extract()?,
                segment_bytes: journal.getattr("_segment_bytes")?.extract()?,
                object: journal.unbind(),
            },
            exchange: exchange.unbind(),
            requests,
            responses,
            records,
            gate,
            keeper,
            clock,
            clear,
            show,
            lost,
            wires: None,
        };
        Ok(Self {
            refs: Some(Box::new(refs)),
            session,
            table: Table::default(),
            stamp: None,
            prepared: HashMap::new(),
            open: false,
            used: false,
            number: 0,
            group: 0,
            epoch: 0,
            status: b'I',
            locked: false,
            rows: 0,
            bytes: 0,
            up: 0,
            down: 0,
            passing: 0,
            fresh: None,
            portal: None,
            fresh_before: None,
            portal_before: None,
            operation: None,
        })
    }

    /// The two transports' `write`, where what is not taken goes, and who is told of an exception.
    fn connect(
        &mut self,
        up: Py<PyAny>,
        down: Py<PyAny>,
        from_downstream: Py<PyAny>,
        from_upstream: Py<PyAny>,
        failed: Py<PyAny>,
    ) {
        if let Some(refs) = &mut self.refs {
            refs.wires = Some(Wires { up, down, from_downstream, from_upstream, failed });
        }
    }

    /// From here on *known* holds for *key* under this stamp. To be called between operations only.
    #[allow(clippy::too_many_arguments)]
    fn keep(
        &mut self,
        py: Python<'_>,
        kind: &str,
        key: &str,
        stamp: (Py<PyAny>, Py<PyAny>, Py<PyAny>),
        known: Py<PyAny>,
        parts: [Py<PyBytes>; 6],
        masked: bool,
        locks: bool,
    ) -> PyResult<()> {
        if self.open {
            return Err(PyValueError::new_err("the lane is open"));
        }
        let Some(kind) = Kind::named(kind) else { return Ok(()) };
        let (state, catalog, policy) = stamp;
        let same = self.stamp.as_ref().is_some_and(|mine| {
            mine.state.bind(py).is(&state)
                && mine.catalog.bind(py).is(&catalog)
                && mine.policy.bind(py).is(&policy)
        });
        if !same {
            self.table.clear();
            self.stamp = Some(Stamp { state, catalog, policy });
        }
        self.table.keep(kind, key.as_bytes().to_vec(), Known::new(known, parts, masked, locks));
        Ok(())
    }

    /// `Express.request`: all of *data*, or nothing.
    fn request(&mut self, data: &Bound<'_, PyBytes>) -> PyResult<usize> {
        let bytes = data.as_bytes();
        Ok(if self.take_request(data.py(), bytes)? { bytes.len() } else { 0 })
    }

    /// `Responses.quick`: how much of *data* passes as it is.
    fn answers(&mut self, data: &Bound<'_, PyBytes>) -> PyResult<usize> {
        self.take_answers(data.py(), data.as_bytes())
    }

    /// Close the lane; what happened while it was open, if anything.
    fn take(&mut self, py: Python<'_>) -> PyResult<Option<Left>> {
        self.left(py)
    }

    /// Let go of everything.
    fn close(&mut self) {
        self.open = false;
        self.__clear__();
    }

    /// What the caller's transport calls.
    fn from_downstream(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let mut taken = Ok(false);
        let (write, otherwise, failed) = {
            let mut me = slf.borrow_mut();
            if me.open {
                if let Ok(data) = data.cast_exact::<PyBytes>() {
                    taken = me.take_request(py, data.as_bytes());
                    if matches!(taken, Ok(true)) {
                        me.up += data.as_bytes().len() as u64;
                    }
                }
            }
            let Some(wires) = me.refs.as_ref().and_then(|refs| refs.wires.as_ref()) else { return Ok(()) };
            (wires.up.clone_ref(py), wires.from_downstream.clone_ref(py), wires.failed.clone_ref(py))
        };
        match taken {
            Ok(true) => write.bind(py).call1((data,)).map(|_| ()),
            Ok(false) => otherwise.bind(py).call1((data,)).map(|_| ()),
            Err(problem) => told(py, problem, &failed),
        }
    }

    /// What the server's transport calls.
    fn from_upstream(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let mut passed = Ok(0);
        let mut size = usize::MAX;
        let (write, otherwise, failed) = {
            let mut me = slf.borrow_mut();
            if me.open {
                if let Ok(data) = data.cast_exact::<PyBytes>() {
                    size = data.as_bytes().len();
                    passed = me.take_answers(py, data.as_bytes());
                    if let Ok(passed) = passed {
                        me.down += passed as u64;
                    }
                }
            }
            let Some(wires) = me.refs.as_ref().and_then(|refs| refs.wires.as_ref()) else { return Ok(()) };
            (wires.down.clone_ref(py), wires.from_upstream.clone_ref(py), wires.failed.clone_ref(py))
        };
        match passed {
            Ok(0) => otherwise.bind(py).call1((data,)).map(|_| ()),
            Ok(passed) if passed == size => write.bind(py).call1((data,)).map(|_| ()),
            Ok(passed) => {
                let whole = data.cast_exact::<PyBytes>()?.as_bytes();
                let (first, rest) = whole.split_at_checked(passed).unwrap_or((whole, &[]));
                write.bind(py).call1((PyBytes::new(py, first),))?;
                otherwise.bind(py).call1((PyBytes::new(py, rest),)).map(|_| ())
            }
            Err(problem) => told(py, problem, &failed),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(refs) = &self.refs {
            refs.traverse(&visit)?;
        }
        if let Some(stamp) = &self.stamp {
            for object in [&stamp.state, &stamp.catalog, &stamp.policy] {
                visit.call(object)?;
            }
        }
        for one in self.prepared.values() {
            visit.call(&one.statement)?;
        }
        for object in self.table.held() {
            visit.call(object)?;
        }
        Ok(())
    }

    fn __clear__(&mut self) {
        self.refs = None;
        self.stamp = None;
        (self.portal, self.portal_before) = (None, None);
        self.prepared.clear();
        self.table.clear();
    }
}

/// An exception ends this session; what is none (an interrupt) goes further up.
fn told(py: Python<'_>, problem: PyErr, failed: &Py<PyAny>) -> PyResult<()> {
    if problem.is_instance_of::<PyException>(py) {
        failed.bind(py).call1((problem.into_value(py),)).map(|_| ())
    } else {
        Err(problem)
    }
}
