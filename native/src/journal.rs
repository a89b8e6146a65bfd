//! The ordinary append to `vedette.journal.append.Journal`, which alone knows of all others.
#![forbid(unsafe_code)]

use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::chain::Chain;
use crate::outcome;
use crate::refs::{time, truth};

/// The journal, and what of it does not change.
pub struct Journal {
    pub object: Py<PyAny>,
    pub chain: Py<Chain>,
    pub now: Py<PyAny>,
    pub write: Py<PyAny>,
    pub every: u64,
    pub segment_bytes: u64,
}

impl Journal {
    /// Put records of judgements at the end of the journal, with all that is deferred; false where that failed.
    pub fn append(&self, py: Python<'_>, bodies: &[Vec<u8>]) -> PyResult<bool> {
        let journal = self.object.bind(py);
        let deferred = journal.getattr(intern!(py, "_deferred"))?.cast_into::<PyList>()?;
        let since: u64 = journal.getattr(intern!(py, "_since"))?.extract()?;
        let size: u64 = journal.getattr(intern!(py, "_size"))?.extract()?;
        let count = (deferred.len() + bodies.len()) as u64;
        let ordinary = size < self.segment_bytes
            && since + count < self.every
            && !truth(journal, intern!(py, "_shut"))?
            && !truth(journal, intern!(py, "_torn"))?
            && !truth(journal, intern!(py, "_sync"))?;
        if !ordinary {
            return self.append_otherwise(py, bodies);
        }
        let (data, mark) = {
            let mut chain = self.chain.borrow_mut(py);
            let mark = (chain.links.seq, chain.links.state);
            let mut data = Vec::with_capacity(
                512 * deferred.len() + bodies.iter().map(|b| b.len() + 256).sum::<usize>(),
            );
            for record in deferred.iter() {
                let (at, kind, body): (f64, Bound<'_, PyBytes>, Bound<'_, PyBytes>) = record.extract()?;
                chain.links.line(&mut data, at, kind.as_bytes(), body.as_bytes());
            }
            for body in bodies {
                let at = time(py, &self.now)?;
                chain.links.line(&mut data, at, b"action.judged", body);
            }
            (data, mark)
        };
        let fd = journal.getattr(intern!(py, "_fd"))?;
        let written = self.write.bind(py).call1((fd, PyBytes::new(py, &data)));
        match written.and_then(|done| done.extract::<usize>()) {
            Ok(done) if done == data.len() => {
                journal.setattr(intern!(py, "_size"), size + data.len() as u64)?;
                journal.setattr(intern!(py, "_since"), since + count)?;
                if !deferred.is_empty() {
                    deferred.set_slice(0, deferred.len(), PyList::empty(py).as_any())?;
                    journal.setattr(intern!(py, "_deferred_bytes"), 0)?;
                }
                Ok(true)
            }
            failed => {
                // What is there of it is taken back; the other way tries again, and says what is wrong.
                {
                    let mut chain = self.chain.borrow_mut(py);
                    (chain.links.seq, chain.links.state) = mark;
                }
                journal.setattr(intern!(py, "_torn"), true)?;
                if let Err(problem) = journal.call_method0(intern!(py, "_mend")) {
                    if !problem.is_instance_of::<PyOSError>(py) {
                        return Err(problem);
                    }
                }
                match failed {
                    Err(problem) if !problem.is_instance_of::<PyOSError>(py) => Err(problem),
                    _ => Ok(false),
                }
            }
        }
    }

    /// The same by the journal itself: where a checkpoint is due, a segment is full, the disk must be waited for.
    pub fn append_otherwise(&self, py: Python<'_>, bodies: &[Vec<u8>]) -> PyResult<bool> {
        let records = PyList::empty(py);
        for body in bodies {
            records.append((intern!(py, "action.judged"), PyBytes::new(py, body)))?;
        }
        match self.object.bind(py).call_method1(intern!(py, "append_many"), (records,)) {
            Ok(_) => Ok(true),
            Err(problem) if problem.is_instance_of::<PyOSError>(py) => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// Leave a record for the next append. Raises OSError where the queue was full and could not be written.
    pub fn defer(&self, py: Python<'_>, body: &[u8]) -> PyResult<()> {
        let journal = self.object.bind(py);
        let deferred = journal.getattr(intern!(py, "_deferred"))?.cast_into::<PyList>()?;
        let held: usize = journal.getattr(intern!(py, "_deferred_bytes"))?.extract()?;
        if deferred.len() + 1 >= outcome::MAX_DEFERRED || held + body.len() >= outcome::MAX_DEFERRED_BYTES {
            journal.call_method1(intern!(py, "defer"), (outcome::KIND, PyBytes::new(py, body)))?;
            return Ok(());
        }
        let at = time(py, &self.now)?;
        deferred.append((at, PyBytes::new(py, outcome::KIND.as_bytes()), PyBytes::new(py, body)))?;
        journal.setattr(intern!(py, "_deferred_bytes"), held + body.len())
    }
}
