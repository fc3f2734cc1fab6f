//! RowDescription and ParameterDescription as PostgreSQL would send them for the plain table.
//!
//! It must never describe a cell as what it is not: a column that should hold cells and does not is
//! drift, and the statement ends.

use crate::protect::Drift;
use bytes::BytesMut;
use hippocrypt_sql::verdict::{CellOutput, Output, Plan};
use hippocrypt_wire::backend::Field;
use hippocrypt_wire::write::Writer;

/// bytea, the base type of `hippocrypt.cell`.
pub(in crate::protect) const BYTEA: u32 = 17;

/// One field of the server's RowDescription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldParts<'a> {
    /// Column name, without the NUL.
    pub name: &'a [u8],
    /// Table OID or 0.
    pub table: u32,
    /// Attribute number or 0.
    pub attnum: i16,
    /// Type OID.
    pub oid: u32,
    /// `typlen`
    pub typlen: i16,
    /// `atttypmod`
    pub typmod: i32,
    /// Format code.
    pub format: i16,
}

/// Writes the ParameterDescription for the client, a whole frame, to `out`: per client parameter the
/// plan's type, or the server's word. `server` are the OIDs that the server reported.
///
/// # Errors
/// The server's count differs from the plan's, or nobody knows a parameter's type. `out` is as it was.
pub fn parameter_description(plan: &Plan, server: &[u32], out: &mut BytesMut) -> Result<(), Drift> {
    let count = || Drift::Count {
        expected: plan.params.len(),
        found: server.len(),
    };
    if plan.params.len() != server.len() {
        return Err(count());
    }
    let upstream = |client: usize| {
        let mut both = plan.params.iter().zip(server);
        both.find(|(p, _)| p.seal.is_none() && usize::from(p.client) == client)
            .map(|(_, oid)| *oid)
    };
    let oids = plan
        .client_params
        .iter()
        .enumerate()
        .map(|(i, p)| p.oid.or_else(|| upstream(i)))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(count)?;
    Writer::new(out)
        .parameter_description(oids.into_iter())
        .map_err(|_| count())
}

/// Writes the RowDescription for the client, a whole frame, to `out`. `client_formats` are the result
/// formats of the client's Bind (none, one, or one each); `None` when it describes a statement.
///
/// # Errors
/// The server's columns are not the plan's. `out` is as it was.
pub fn row_description(
    outputs: &[Output],
    server: &[FieldParts<'_>],
    client_formats: Option<&[i16]>,
    out: &mut BytesMut,
) -> Result<(), Drift> {
    let count = || Drift::Count {
        expected: outputs.len(),
        found: server.len(),
    };
    if outputs.len() != server.len() {
        return Err(count());
    }
    let fields = outputs
        .iter()
        .zip(server)
        .enumerate()
        .map(|(index, (output, field))| {
            let format = client_formats.map_or(Some(0), |codes| format_of(codes, index));
            let mut field = Field {
                name: field.name,
                table: field.table,
                attnum: field.attnum,
                type_oid: field.oid,
                typlen: field.typlen,
                typmod: field.typmod,
                format: format.ok_or_else(count)?,
            };
            if let Output::Cell(cell) = output {
                as_declared(cell, index, &mut field)?;
            }
            Ok(field)
        })
        .collect::<Result<Vec<_>, Drift>>()?;
    Writer::new(out)
        .row_description(fields.into_iter())
        .map_err(|_| count())
}

fn as_declared(cell: &CellOutput, index: usize, field: &mut Field<'_>) -> Result<(), Drift> {
    // a column that is watched but not encrypted arrives as what it is
    let expected = field.type_oid == BYTEA || field.type_oid == cell.declared.oid();
    if !expected {
        return Err(Drift::Type {
            index,
            oid: field.type_oid,
        });
    }
    let (told, typmod) = cell.told();
    field.type_oid = told.oid();
    field.typlen = told.typlen();
    field.typmod = typmod;
    if let Some((table, attnum)) = cell.origin {
        field.table = table;
        field.attnum = attnum;
    }
    Ok(())
}

/// The format code of value `index`, by the protocol's rule for none, one or many codes.
pub(in crate::protect) fn format_of(codes: &[i16], index: usize) -> Option<i16> {
    match codes {
        [] => Some(0),
        [one] => Some(*one),
        many => many.get(index).copied(),
    }
}
