//! Texts in which PostgreSQL prints stored expressions (defaults, CHECKs, views, indexes): constants among them are
//! cells, and are shown as PostgreSQL prints the constants of the plain table.
//!
//! A constant is opened for those who may see a column of its group in clear, and is NULL for all others. It must
//! never let the bytes of a cell through.

use crate::protect::explain::without_cells;
use crate::protect::rows::Opening;
use crate::protect::value::bytea;
use crate::protect::{Settings, Vault};
use bytes::{BufMut, BytesMut};
use hippocrypt_crypto::Header;
use hippocrypt_policy::{Access, ColumnIx, Database, DeclaredType, Rights};
use hippocrypt_sql::verdict::CellOutput;
use hippocrypt_wire::Format;

/// How a cell begins where `bytea_output` is `hex`.
const HEAD: &[u8] = br"'\xf5e1";
const TAIL: &[u8] = b"'::bytea";

/// Whose eyes the texts are for.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The policy.
    pub database: &'a Database,
    /// What the user may do.
    pub rights: &'a Rights,
    /// The keys.
    pub vault: &'a Vault,
    /// By which values are written.
    pub settings: &'a Settings,
}

/// Appends the text with each cell in it as a constant.
pub fn with_constants(text: &[u8], reader: Reader<'_>, out: &mut BytesMut) {
    let start = out.len();
    let mut rest = text;
    // within `ARRAY[…]` of varchar, which PostgreSQL compares as text
    let mut array = false;
    while let Some(at) = find(rest, HEAD) {
        let (before, cell) = rest.split_at(at);
        plain(before, &mut array, out);
        let digits = cell.get(HEAD.len() - 4..).unwrap_or_default();
        let length = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let (digits, behind) = digits.split_at(length);
        let shown = bytea::hex(digits).and_then(|cell| reader.opened(&cell));
        let (Some(behind), Some((declared, value))) = (behind.strip_prefix(TAIL), shown) else {
            out.put_slice(b"NULL");
            rest = behind
                .strip_prefix(TAIL)
                .or(behind.strip_prefix(b"'"))
                .unwrap_or(behind);
            continue;
        };
        let compared = operand(declared, start, &mut array, out);
        constant(declared, compared && !array, &value, out);
        rest = behind;
    }
    plain(rest, &mut array, out);
}

impl Reader<'_> {
    /// The value in PostgreSQL's text, and the type of a column that it can be of.
    fn opened(self, cell: &[u8]) -> Option<(DeclaredType, Vec<u8>)> {
        let group = Header::parse(cell).ok()?.group;
        let clear = |ix: &ColumnIx| self.rights.of(*ix) == Access::Clear;
        let of_group = |ix: &ColumnIx| {
            let column = self.database.column(*ix);
            let id = column.and_then(|c| self.vault.group_id(c.group?));
            id == Some(group)
        };
        let all = 0..u32::try_from(self.database.columns.len()).ok()?;
        let column = all.map(ColumnIx).filter(clear).find(of_group)?;
        let declared = self.vault.declared(column)?;
        let output = CellOutput {
            columns: vec![column],
            declared,
            typmod: declared.typmod(),
            mask: None,
            origin: None,
            stored: true,
            given: false,
            cast: None,
        };
        let opening = Opening {
            cell: &output,
            vault: self.vault,
            settings: self.settings,
            upstream: Format::Binary,
            client: Format::Text,
        };
        let mut value = BytesMut::new();
        opening.open(cell, &mut value).ok()?;
        Some((declared, value.to_vec()))
    }
}

/// What is no cell; where it closes the array that a varchar was compared with, that is cast as a whole.
fn plain(text: &[u8], array: &mut bool, out: &mut BytesMut) {
    match find(text, b"])").filter(|_| *array) {
        Some(at) => {
            let (inside, behind) = text.split_at(at);
            without_cells(inside, out);
            out.put_slice(b"])::text[]");
            *array = false;
            without_cells(behind.get(1..).unwrap_or_default(), out);
        }
        None => without_cells(text, out),
    }
}

/// The column before the constant is bytea to the server: it becomes what it is to the client. `true` where there is
/// one (or an array that it is compared with has begun).
fn operand(declared: DeclaredType, start: usize, array: &mut bool, out: &mut BytesMut) -> bool {
    const CAST: &[u8] = b")::bytea";
    let written = out.get(start..).unwrap_or_default();
    let operators: [&[u8]; 4] = [b" = ", b" <> ", b" = ANY (ARRAY[", b" <> ALL (ARRAY["];
    let found = operators.iter().find_map(|operator| {
        let column = written.strip_suffix(*operator)?.strip_suffix(CAST)?;
        let open = column.iter().rposition(|b| *b == b'(')?;
        Some((start + open, column.get(open + 1..)?.to_vec(), *operator))
    });
    let Some((at, column, operator)) = found else {
        return *array;
    };
    out.truncate(at);
    let varchar = matches!(declared, DeclaredType::Varchar(_));
    if varchar {
        out.put_slice(b"(");
        out.put_slice(&column);
        out.put_slice(b")::text");
    } else {
        out.put_slice(&column);
    }
    match (varchar, operator.strip_suffix(b"(ARRAY[")) {
        (true, Some(operator)) => {
            out.put_slice(operator);
            out.put_slice(b"((ARRAY[");
            *array = true;
        }
        _ => out.put_slice(operator),
    }
    true
}

/// A constant as src/backend/utils/adt/ruleutils.c, `get_const_expr`, prints it; a varchar that is compared is text.
fn constant(declared: DeclaredType, compared: bool, value: &[u8], out: &mut BytesMut) {
    let label = match declared {
        DeclaredType::Bool => {
            let word: &[u8] = if value == b"t" { b"true" } else { b"false" };
            return out.put_slice(word);
        }
        DeclaredType::Int2 | DeclaredType::Int4 | DeclaredType::Int8
            if !value.starts_with(b"-") =>
        {
            return out.put_slice(value);
        }
        DeclaredType::Numeric(_) if value.iter().all(|b| b.is_ascii_digit() || *b == b'.') => {
            return out.put_slice(value);
        }
        DeclaredType::Varchar(_) if compared => "text".to_owned(),
        other => name(other.unmodified()),
    };
    out.put_u8(b'\'');
    for &byte in value {
        if byte == b'\'' {
            out.put_u8(byte);
        }
        out.put_u8(byte);
    }
    out.put_slice(b"'::");
    out.put_slice(label.as_bytes());
}

/// As format_type has it.
fn name(declared: DeclaredType) -> String {
    let name = match declared {
        DeclaredType::Bool => "boolean",
        DeclaredType::Int2 => "smallint",
        // a negative constant is one of the smallest type that holds it
        DeclaredType::Int4 | DeclaredType::Int8 => "integer",
        DeclaredType::Float4 => "real",
        DeclaredType::Float8 => "double precision",
        DeclaredType::Varchar(_) => "character varying",
        DeclaredType::Bpchar(_) => "bpchar",
        DeclaredType::Time(_) => "time without time zone",
        DeclaredType::Timestamp(_) => "timestamp without time zone",
        DeclaredType::Timestamptz(_) => "timestamp with time zone",
        DeclaredType::Interval(_) => "interval",
        DeclaredType::Numeric(_) => "numeric",
        DeclaredType::Text
        | DeclaredType::Bytea
        | DeclaredType::Date
        | DeclaredType::Uuid
        | DeclaredType::Json
        | DeclaredType::Jsonb
        | DeclaredType::Inet
        | DeclaredType::Cidr => return declared.to_string(),
        DeclaredType::Array(element) => match element.declared() {
            DeclaredType::Int8 => "bigint[]",
            element => return format!("{}[]", name(element)),
        },
    };
    name.to_owned()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|w| w == wanted)
}
