//! From the caller to the server: the twin of `express`, with what it calls in `judging` and `judgements`.
#![forbid(unsafe_code)]

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::frames::{self, message_end, read_bind, read_parse, Bind, HEADER};
use crate::json::push_text;
use crate::known::{Kind, Use};
use crate::lane::Lane;
use crate::refs::{time, truth};
use crate::shape::shape;
use crate::state::{Chosen, Fresh, Operation, Portal, Prepared};

/// Longer reads are not the ordinary ones (`express.MAX_BYTES`).
const MAX_BYTES: usize = 16 << 10;
const SYNC: &[u8] = b"S\0\0\0\x04";
const MAX_PREPARED: usize = 256;
/// Far below what `names` allows, so that it never has to be asked.
const MAX_NAMES: usize = 5000;

impl Lane {
    /// Look whether the session is between two operations, and as the stamp has it; open the lane if so.
    pub fn begin(&mut self, py: Python<'_>) -> PyResult<bool> {
        let (Some(refs), Some(stamp)) = (&self.refs, &self.stamp) else { return Ok(false) };
        let x = refs.exchange.bind(py);
        if !x.getattr(intern!(py, "state"))?.is(stamp.state.bind(py)) || !refs.is_idle(py)? {
            return Ok(false);
        }
        let status = x.getattr(intern!(py, "status"))?.cast_into::<PyBytes>()?;
        let &[status] = status.as_bytes() else { return Ok(false) };
        self.locked = truth(x, intern!(py, "locked"))?;
        self.group = x.getattr(intern!(py, "group"))?.extract()?;
        self.epoch = x.getattr(intern!(py, "epoch"))?.extract()?;
        self.number = refs.records.bind(py).getattr(intern!(py, "number"))?.extract()?;
        self.status = status;
        (self.rows, self.bytes, self.up, self.down, self.passing) = (0, 0, 0, 0, 0);
        (self.fresh, self.portal, self.operation) = (None, None, None);
        (self.fresh_before, self.portal_before) = (None, None);
        (self.open, self.used) = (true, false);
        Ok(true)
    }

    /// Whether what was judged before still holds, and may be said again at once.
    pub fn holds(&self, py: Python<'_>) -> PyResult<bool> {
        let (Some(refs), Some(stamp)) = (&self.refs, &self.stamp) else { return Ok(false) };
        Ok(refs.keeper.bind(py).getattr(intern!(py, "trusted"))?.is(stamp.catalog.bind(py))
            && refs.gate.bind(py).getattr(intern!(py, "_policy"))?.is(stamp.policy.bind(py))
            && refs.journal.object.bind(py).getattr(intern!(py, "on_disk"))?.is_none())
    }

    /// Whether *data* may go to the server as it is; what follows is done by then.
    pub fn take_request(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<bool> {
        let size = data.len();
        let Some(&tag) = data.first() else { return Ok(false) };
        if size <= HEADER || size > MAX_BYTES || !matches!(tag, b'Q' | b'P' | b'B') || self.refs.is_none() {
            return Ok(false);
        }
        if !self.open && !self.begin(py)? {
            return Ok(false);
        }
        if self.operation.is_some() || self.status == b'E' || !self.holds(py)? {
            return Ok(false);
        }
        if tag == b'Q' {
            return if message_end(data, 0) == Some(size) { self.take_query(py, data) } else { Ok(false) };
        }
        if data.ends_with(SYNC) {
            self.take_extended(py, data)
        } else {
            Ok(false)
        }
    }

    pub fn find(&mut self, kind: Kind, text: &[u8]) -> Option<usize> {
        self.table.find(kind, text).or_else(|| self.table.find(kind, &shape(text)?))
    }

    pub fn take_query(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<bool> {
        let Some((text, end)) = frames::cstring(data, HEADER) else { return Ok(false) };
        if end != data.len() {
            return Ok(false);
        }
        let Some(place) = self.find(Kind::Statement, text) else { return Ok(false) };
        let (Some(refs), Some(known)) = (&self.refs, self.table.get(place)) else { return Ok(false) };
        if known.hides {
            return Ok(false);
        }
        let at = time(py, &refs.clock)?;
        let action = format!("{}.{}", self.session, self.number + 1);
        let body = known.record(py, &Use { at, action: &action, message: data, text, parameters: b"[]" });
        if !refs.journal.append(py, &[body])? {
            return Ok(false);
        }
        let began = time(py, &refs.clock)?;
        self.number += 1;
        self.locked = self.locked || known.locks;
        self.used = true;
        self.operation = Some(Operation::new(b"Q", place, action, began));
        Ok(true)
    }

    /// Parse, or a statement parsed before; Bind; perhaps Describe; Execute; Sync.
    pub fn take_extended(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<bool> {
        let mut at = 0;
        let mut parsed = None;
        if data.first() == Some(&b'P') {
            let Some(end) = message_end(data, 0) else { return Ok(false) };
            let Some(parse) = data.get(..end).and_then(read_parse) else { return Ok(false) };
            if !parse.name.is_empty() {
                return Ok(false);
            }
            let Some(place) = self.find(Kind::Prepare, parse.text) else { return Ok(false) };
            at = end;
            parsed = Some((parse, place));
        }
        if data.get(at) != Some(&b'B') {
            return Ok(false);
        }
        let Some(end) = message_end(data, at) else { return Ok(false) };
        let Some(message) = data.get(at..end) else { return Ok(false) };
        let described = data.get(end) == Some(&b'D');
        let Some(bind) = read_bind(message) else { return Ok(false) };
        if !bind.portal.is_empty() || !goes_on(data, end, described) {
            return Ok(false);
        }
        let Some(chosen) =
            self.choose(py, &bind, parsed.as_ref().map(|(parse, _)| (parse.text, &parse.types)))?
        else {
            return Ok(false);
        };
        self.run(py, data.get(..at).unwrap_or(&[]), message, &bind, described, parsed, chosen)
    }

    /// The one statement that is bound, where there is no doubt.
    pub fn choose(
        &mut self,
        py: Python<'_>,
        bind: &Bind<'_>,
        parsed: Option<(&[u8], &Vec<u32>)>,
    ) -> PyResult<Option<Chosen>> {
        if let Some((text, types)) = parsed {
            let found = self.table.find(Kind::Execute, text);
            return Ok(found.filter(|_| bind.statement.is_empty()).map(|known| Chosen {
                known,
                statement: None,
                text: text.to_vec(),
                types: types.clone(),
                foreseen: None,
            }));
        }
        if let Some(fresh) = self.fresh.as_ref().filter(|_| bind.statement.is_empty()) {
            let (text, types) = (fresh.text.clone(), fresh.types.clone());
            return Ok(self.table.find(Kind::Execute, &text).map(|known| Chosen {
                known,
                statement: None,
                text,
                types,
                foreseen: None,
            }));
        }
        self.choose_prepared(py, bind)
    }

    pub fn choose_prepared(&mut self, py: Python<'_>, bind: &Bind<'_>) -> PyResult<Option<Chosen>> {
        let Some(refs) = &self.refs else { return Ok(None) };
        if !bind.statement.is_empty() && !refs.names.in_sql.bind(py).is_empty() {
            return Ok(None);
        }
        let name = PyBytes::new(py, bind.statement);
        let Some(statement) = refs.names.statements.bind(py).get_item(name)? else { return Ok(None) };
        let types_object = statement.getattr(intern!(py, "types"))?;
        let same = self.prepared.get(bind.statement).is_some_and(|one| {
            one.statement.bind(py).is(&statement) && one.types_object.bind(py).is(&types_object)
        });
        if !same {
            let text: String = match statement.getattr(intern!(py, "text"))?.extract() {
                Ok(text) => text,
                Err(_) => return Ok(None),
            };
            if self.prepared.len() >= MAX_PREPARED {
                self.prepared.clear();
            }
            let one = Prepared {
                statement: statement.clone().unbind(),
                types: types_object.extract()?,
                types_object: types_object.unbind(),
                text: text.into_bytes(),
                known: None,
            };
            self.prepared.insert(bind.statement.to_vec(), one);
        }
        let Some(one) = self.prepared.get_mut(bind.statement) else { return Ok(None) };
        let place = match one.known.filter(|(turn, _)| *turn == self.table.turn) {
            Some((_, place)) => place,
            None => {
                let Some(place) = self.table.find(Kind::Execute, &one.text) else { return Ok(None) };
                one.known = Some((self.table.turn, place));
                place
            }
        };
        let mut foreseen = None;
        if self.table.get(place).is_some_and(|known| known.masked) {
            let described = statement.getattr(intern!(py, "described"))?;
            let epoch: i64 = statement.getattr(intern!(py, "epoch"))?.extract()?;
            if let (Ok(described), true) = (described.cast::<PyBytes>(), epoch == self.epoch) {
                let mut key = bind.results.to_vec();
                key.splice(0..0, u16::try_from(bind.results.len() / 2).unwrap_or(0).to_be_bytes());
                key.extend_from_slice(described.as_bytes());
                foreseen = Some(key);
            }
        }
        let (text, types) = (one.text.clone(), one.types.clone());
        Ok(Some(Chosen { known: place, statement: Some(statement.unbind()), text, types, foreseen }))
    }

    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &mut self,
        py: Python<'_>,
        parse_message: &[u8],
        message: &[u8],
        bind: &Bind<'_>,
        asked: bool,
        parsed: Option<(frames::Parse<'_>, usize)>,
        chosen: Chosen,
    ) -> PyResult<bool> {
        let (Some(refs), Some(known)) = (&self.refs, self.table.get(chosen.known)) else { return Ok(false) };
        if known.hides || (known.masked && !asked && chosen.foreseen.is_none()) {
            return Ok(false); // its columns have to be asked for
        }
        let names = &refs.names;
        if names.statements.bind(py).len() > MAX_NAMES || names.portals.bind(py).len() > MAX_NAMES {
            return Ok(false);
        }
        let Some(parameters) = shown(py, &refs.show, bind, &chosen.types)? else { return Ok(false) };
        let at = time(py, &refs.clock)?;
        let mut number = self.number;
        let mut bodies = Vec::with_capacity(2);
        let mut prepared = None;
        if let Some((parse, place)) = &parsed {
            let Some(before) = self.table.get(*place) else { return Ok(false) };
            number += 1;
            let action = format!("{}.{number}", self.session);
            let use_ =
                Use { at, action: &action, message: parse_message, text: parse.text, parameters: b"[]" };
            bodies.push(before.record(py, &use_));
            prepared = Some((*place, action));
        }
        number += 1;
        let action = format!("{}.{number}", self.session);
        bodies.push(
            known.record(
                py,
                &Use { at, action: &action, message, text: &chosen.text, parameters: &parameters },
            ),
        );
        if !refs.journal.append(py, &bodies)? {
            return Ok(false);
        }
        let began = time(py, &refs.clock)?;
        let locks = known.locks;
        self.number = number;
        self.used = true;
        let kinds: &'static [u8] = match (parsed.is_some(), asked) {
            (true, true) => b"PBDES",
            (true, false) => b"PBES",
            (false, true) => b"BDES",
            (false, false) => b"BES",
        };
        self.portal_before = self.portal.take();
        if let Some((parse, _)) = parsed {
            self.fresh_before = self.fresh.take();
            self.fresh = Some(Fresh {
                text: parse.text.to_vec(),
                types: parse.types,
                group: self.group,
                confirmed: false,
            });
        }
        self.portal = Some(Portal {
            message: message.to_vec(),
            statement: chosen.statement,
            known: chosen.known,
            action: action.clone(),
            began,
            locked: self.locked,
            group: self.group,
            asked,
            described: None,
            confirmed: false,
        });
        self.group += 1;
        self.locked = self.locked || locks;
        let mut operation = Operation::new(kinds, chosen.known, action, began);
        operation.prepared = prepared;
        operation.foreseen = chosen.foreseen;
        self.operation = Some(operation);
        Ok(true)
    }
}

/// Whether from *at* on there is just what is done with the portal of no name in the ordinary case.
fn goes_on(data: &[u8], at: usize, described: bool) -> bool {
    let rest: &[u8] = if described { b"D\0\0\0\x06P\0E\0\0\0\x09\0" } else { b"E\0\0\0\x09\0" };
    data.get(at..).is_some_and(|left| left.starts_with(rest) && left.len() == rest.len() + 4 + SYNC.len())
}

/// The parameters as the record has them, in JSON; the twin of `binds.show`.
fn shown(py: Python<'_>, show: &Py<PyAny>, bind: &Bind<'_>, types: &[u32]) -> PyResult<Option<Vec<u8>>> {
    let mut out = vec![b'['];
    for (place, (value, format)) in bind.parameters.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let Some(value) = value else {
            out.extend_from_slice(b"null");
            continue;
        };
        let oid = types.get(place).copied().unwrap_or(0);
        let plain = *format == 0 || matches!(oid, 25 | 1043 | 1042 | 19 | 114 | 142 | 705 | 18);
        if plain && std::str::from_utf8(value).is_ok() {
            push_text(&mut out, value);
        } else if let (false, Some(number)) = (plain, whole_number(value, oid)) {
            push_text(&mut out, number.to_string().as_bytes());
        } else {
            // Rarer: floats, UUIDs, bytes. One place says how they look.
            let format = i16::from_be_bytes(format.to_be_bytes());
            let text: String = show.bind(py).call1((PyBytes::new(py, value), format, oid))?.extract()?;
            push_text(&mut out, text.as_bytes());
        }
    }
    out.push(b']');
    Ok(Some(out))
}

fn whole_number(value: &[u8], oid: u32) -> Option<i64> {
    match oid {
        20 => Some(i64::from_be_bytes(value.try_into().ok()?)),
        21 => Some(i64::from(i16::from_be_bytes(value.try_into().ok()?))),
        23 => Some(i64::from(i32::from_be_bytes(value.try_into().ok()?))),
        26 => Some(i64::from(u32::from_be_bytes(value.try_into().ok()?))),
        _ => None,
    }
}
