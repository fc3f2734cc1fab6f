//! Bind: parameters sealed, clear ones copied.
//!
//! It must never send a parameter that the plan seals in any other form than a cell.

use crate::protect::coerce::{self, Target};
use crate::protect::describe::format_of;
use crate::protect::elements::{self, Cells};
use crate::protect::hash;
use crate::protect::vault::{Held, Unsealed};
use crate::protect::{BindError, Settings, ValueError, Vault};
use bytes::BytesMut;
use hippocrypt_sql::verdict::{Added, Made, Output, Plan, Seal, Shape, UpstreamParam};
use hippocrypt_wire::Format;
use hippocrypt_wire::write::Writer;
use std::ops::Range;

/// A Bind message of the client, taken apart (names as bytes without the NUL).
#[derive(Clone, Debug)]
pub struct BindParts<'a> {
    /// Destination portal.
    pub portal: &'a [u8],
    /// Source statement.
    pub statement: &'a [u8],
    /// Parameter format codes: none, one for all, or one each.
    pub param_formats: &'a [i16],
    /// Parameter values.
    pub params: &'a [Option<&'a [u8]>],
    /// Result format codes as the client asks for them: none, one for all, or one each.
    pub result_formats: &'a [i16],
}

/// A parameter of the server's Bind.
#[derive(Clone)]
enum Slot<'a> {
    /// As the client sent it, in the client's format.
    Clear(i16, Option<&'a [u8]>),
    /// A cell, by its place in the cells.
    Cell(Range<usize>),
    /// A sealed parameter that is NULL.
    Null,
}

/// Writes the Bind for the server, a whole frame (tag and length too), to `out`.
///
/// `client_oids` are the types of the client's parameters, by which their bytes are read: as declared in
/// Parse, else as reported in ParameterDescription, 0 where unknown. Cells are asked for in binary.
///
/// # Errors
/// A value that PostgreSQL would refuse; nothing has been written to `out` then.
pub fn bind(
    plan: &Plan,
    vault: &Vault,
    settings: &Settings,
    client_oids: &[u32],
    parts: &BindParts<'_>,
    out: &mut BytesMut,
) -> Result<(), BindError> {
    check_counts(plan, parts)?;
    let results = result_formats(plan, parts.result_formats)?;
    let mut cells = Vec::new();
    let mut slots = Vec::with_capacity(plan.params.len());
    for param in &plan.params {
        slots.push(slot(
            param,
            vault,
            settings,
            client_oids,
            parts,
            &mut cells,
        )?);
    }
    let values = slots.iter().map(|slot| match slot {
        Slot::Clear(format, value) => (*format, *value),
        Slot::Cell(place) => (1, cells.get(place.clone())),
        Slot::Null => (1, None),
    });
    Writer::new(out)
        .bind(parts.portal, parts.statement, values, results.into_iter())
        .map_err(BindError::from)
}

fn check_counts(plan: &Plan, parts: &BindParts<'_>) -> Result<(), BindError> {
    let (formats, given) = (parts.param_formats.len(), parts.params.len());
    if formats > 1 && formats != given {
        return Err(BindError::Protocol(format!(
            "bind message has {formats} parameter formats but {given} parameters"
        )));
    }
    let wanted = plan.client_params.len();
    if given != wanted {
        let name = String::from_utf8_lossy(parts.statement);
        return Err(BindError::Protocol(format!(
            "bind message supplies {given} parameters, but prepared statement \"{name}\" requires {wanted}"
        )));
    }
    Ok(())
}

fn slot<'a>(
    param: &UpstreamParam,
    vault: &Vault,
    settings: &Settings,
    client_oids: &[u32],
    parts: &BindParts<'a>,
    cells: &mut Vec<u8>,
) -> Result<Slot<'a>, BindError> {
    if let (Some(made), Some(seal)) = (&param.made, &param.seal) {
        let start = cells.len();
        match made {
            Made::Default(default) => {
                let held = Sealing::new(seal, vault, settings)?.held;
                held.reseal(default, cells).map_err(BindError::Value)?;
            }
            Made::Hash(of) => {
                let given = |client| given(client, client_oids, parts);
                match hash::made(seal, of, vault, settings, given)?.binary() {
                    Some(binary) => cells.extend(binary),
                    None => return Ok(Slot::Null),
                }
            }
        }
        return Ok(Slot::Cell(start..cells.len()));
    }
    let client = usize::from(param.client);
    let missing = || missing(param.client);
    let value = *parts.params.get(client).ok_or_else(missing)?;
    let code = format_of(parts.param_formats, client).ok_or_else(missing)?;
    let Some(seal) = &param.seal else {
        return Ok(Slot::Clear(code, value));
    };
    let Some(bytes) = value else {
        return Ok(Slot::Null);
    };
    let format = format_from(code)?;
    // text is the same bytes in both formats
    if coerce::is_null(seal, bytes) {
        return Ok(Slot::Null);
    }
    let oid = client_oids.get(client).copied().unwrap_or(0);
    let sealing = Sealing::new(seal, vault, settings)?;
    let start = cells.len();
    match seal.shape {
        Shape::One => sealing.one(oid, format, bytes, cells)?,
        Shape::Each => sealing.each(oid, format, bytes, cells)?,
    }
    Ok(Slot::Cell(start..cells.len()))
}

/// A parameter of the client's that a hash is of.
fn given<'a>(
    client: u16,
    client_oids: &[u32],
    parts: &BindParts<'a>,
) -> Result<hash::Given<'a>, BindError> {
    let ix = usize::from(client);
    let missing = || missing(client);
    let bytes = *parts.params.get(ix).ok_or_else(missing)?;
    let code = format_of(parts.param_formats, ix).ok_or_else(missing)?;
    Ok(hash::Given {
        oid: client_oids.get(ix).copied().unwrap_or(0),
        format: format_from(code)?,
        bytes,
    })
}

fn missing(client: u16) -> BindError {
    BindError::Protocol(format!("there is no parameter ${}", client + 1))
}

fn format_from(code: i16) -> Result<Format, ValueError> {
    let unknown = || ValueError::new("22023", format!("unsupported format code: {code}"));
    Format::from_code(code).ok_or_else(unknown)
}

/// What a value is sealed for.
struct Sealing<'a> {
    held: &'a Held,
    target: Target<'a>,
    settings: &'a Settings,
    seal: &'a Seal,
}

impl<'a> Sealing<'a> {
    fn new(seal: &'a Seal, vault: &'a Vault, settings: &'a Settings) -> Result<Self, BindError> {
        let held = vault
            .held(seal.column)
            .ok_or_else(|| BindError::Protocol("the plan is of another policy".to_owned()))?;
        let target = Target {
            column: &held.name,
            declared: held.declared,
            coercion: seal.coercion,
        };
        Ok(Self {
            held,
            target,
            settings,
            seal,
        })
    }

    /// Appends the cell of a value of type `oid`.
    fn one(
        &self,
        oid: u32,
        format: Format,
        bytes: &[u8],
        cells: &mut Vec<u8>,
    ) -> Result<(), BindError> {
        let name = &self.held.name;
        let value = coerce::sealed(&self.target, self.seal, oid, format, bytes, self.settings);
        let value = value.map_err(|e| e.of(name))?;
        let sealed = self.held.seal(value, self.seal.coercion, cells);
        sealed.map_err(|e| match e {
            Unsealed::Value(e) => BindError::Value(e.of(name)),
            Unsealed::Cell => BindError::Seal(name.clone()),
        })
    }

    /// Appends the array of the cells of an array's elements.
    fn each(
        &self,
        oid: u32,
        format: Format,
        bytes: &[u8],
        cells: &mut Vec<u8>,
    ) -> Result<(), BindError> {
        let mut array = Cells::new(cells);
        let read = elements::of_parameter(oid, format, bytes, |element, value| match value {
            None => {
                array.null(cells);
                Ok(())
            }
            Some(value) => array.cell(cells, |out| self.one(element, format, value, out)),
        });
        read.map_err(|error| match error {
            BindError::Value(error) => BindError::Value(error.of(&self.held.name)),
            other => other,
        })?;
        array.finish(cells);
        Ok(())
    }
}

/// Result formats as the server is asked for them: as the client asks, but cells in binary, and what is added to the
/// rows as its plan says.
///
/// # Errors
/// The client's are not as many as its columns.
pub fn result_formats(plan: &Plan, client: &[i16]) -> Result<Vec<i16>, BindError> {
    let added = plan.subjects.as_ref().filter(|s| !s.added.is_empty());
    let width = match (&plan.outputs, added) {
        (Some(outputs), _) => outputs.len(),
        (None, Some(subjects)) => subjects.width,
        (None, None) => return Ok(client.to_vec()),
    };
    // a statement that returns nothing has no formats (portalcmds.c, PortalSetResultFormat)
    let silent = added.is_some_and(|s| s.silent);
    if client.len() > 1 && client.len() != width && !silent {
        return Err(BindError::Protocol(format!(
            "bind message has {} result formats but query has {width} columns",
            client.len(),
        )));
    }
    let output = |index| plan.outputs.as_ref().and_then(|o| o.get(index));
    let codes = (0..width).map(|index| match output(index) {
        Some(Output::Cell(_)) => 1,
        Some(Output::Clear) | None => format_of(client, index).unwrap_or(0),
    });
    let added = added
        .iter()
        .flat_map(|s| &s.added)
        .map(|added| match added {
            Added::Clear => 0,
            Added::Cell => 1,
        });
    Ok(codes.chain(added).collect())
}
