//! Type names of casts, and which casts leave a cell's value and comparison rule as they are.
//!
//! A cast that is not known to be harmless must never be dropped.

use super::flow::Cell;
use crate::catalog::Names;
use crate::verdict::LiteralText;
use hippocrypt_policy::DeclaredType;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, TypeName, a_const};
use std::collections::BTreeSet;

/// A type of `pg_catalog` with the modifiers as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BuiltIn {
    pub(super) oid: u32,
    pub(super) modifiers: Vec<i32>,
}

/// OID and name as PostgreSQL's messages have it (pg_type.dat, format_type.c).
const TYPES: [(&str, u32); 24] = [
    ("bool", 16),
    ("bytea", 17),
    ("char", 18),
    ("name", 19),
    ("int8", 20),
    ("int2", 21),
    ("int4", 23),
    ("text", 25),
    ("json", 114),
    ("xml", 142),
    ("cidr", 650),
    ("float4", 700),
    ("float8", 701),
    ("inet", 869),
    ("bpchar", 1042),
    ("varchar", 1043),
    ("date", 1082),
    ("time", 1083),
    ("timestamp", 1114),
    ("timestamptz", 1184),
    ("interval", 1186),
    ("numeric", 1700),
    ("uuid", 2950),
    ("jsonb", 3802),
];

/// The catalog type that a cast names; `None` for user types and whatever a search path could hide.
pub(super) fn built_in(name: &TypeName, session: &Names) -> Option<BuiltIn> {
    if name.setof || name.pct_type {
        return None;
    }
    let parts: Vec<&str> = name.names.iter().map(string).collect::<Option<_>>()?;
    let bare = match parts.as_slice() {
        ["pg_catalog", bare] => bare,
        [bare] if !session.hides_catalog() => bare,
        _ => return None,
    };
    let &(_, oid) = TYPES.iter().find(|(known, _)| known == bare)?;
    let modifiers = name.typmods.iter().map(integer).collect::<Option<_>>()?;
    // however many bounds are written: PostgreSQL's array types have no dimensions
    let oid = match name.array_bounds.is_empty() {
        true => oid,
        false => hippocrypt_policy::array_of(oid)?,
    };
    Some(BuiltIn { oid, modifiers })
}

pub(super) fn string(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(s)) => Some(&s.sval),
        _ => None,
    }
}

fn integer(node: &Node) -> Option<i32> {
    match &node.node {
        Some(NodeEnum::AConst(c)) => match &c.val {
            Some(a_const::Val::Ival(i)) => Some(i.ival),
            _ => None,
        },
        _ => None,
    }
}

/// The cells after a cast that can be dropped: same values, same comparison rule; `None` for any other cast.
pub(super) fn after_cast(cell: &Cell, cast: &BuiltIn) -> Option<Cell> {
    use DeclaredType as D;
    // its own type to the last digit: no cast at all to PostgreSQL either
    let own = cast.oid == cell.declared.oid() && cast.modifiers == own_modifiers(cell.declared);
    if own && !cast.modifiers.is_empty() && cell.typmod == cell.declared.typmod() {
        return Some(cell.clone());
    }
    let width = match cast.modifiers.as_slice() {
        [] => None,
        [n] => Some(u32::try_from(*n).ok()?),
        _ => return None,
    };
    let declared = match (cell.declared, cast.oid, width) {
        (D::Text | D::Varchar(_), 25, None) => D::Text,
        (D::Text | D::Varchar(_), 1043, None) => D::Varchar(None),
        (D::Varchar(Some(n)), 1043, Some(m)) if m >= n && cell.typmod == cell.declared.typmod() => {
            D::Varchar(Some(m))
        }
        // an address of a network is shown with its mask by both
        (D::Cidr, 869, None) => D::Inet,
        (same, oid, None) if oid == same.oid() => same.unmodified(),
        (D::Bpchar(Some(n)), 1042, Some(m)) if m == n && cell.typmod == cell.declared.typmod() => {
            cell.declared
        }
        _ => return None,
    };
    Some(Cell {
        declared,
        typmod: declared.typmod(),
        relabelled: cell.relabelled
            || (declared, declared.typmod()) != (cell.declared, cell.typmod),
        ..cell.clone()
    })
}

/// What the values of these cells can be shown as by a cast that the proxy makes of each: the casts of pg_cast, and those
/// to text.
pub(super) fn shown_as(cell: &Cell, cast: &BuiltIn) -> Option<DeclaredType> {
    use DeclaredType as D;
    let to = DeclaredType::from_modifiers(cast.oid, &cast.modifiers)?;
    let possible = match (cell.declared, to) {
        // of infinity it would be NULL
        (D::Timestamp(_) | D::Timestamptz(_), D::Time(_)) => false,
        // an inet loses bits to a cidr, an interval days to a time
        (_, D::Interval(_) | D::Cidr) | (D::Interval(_), D::Time(_)) => false,
        (from, to) => from.is_assigned_to(to),
    };
    (possible && cell.mask.is_none()).then_some(to)
}

/// Whether both are PostgreSQL's text or varchar, which compare and assign as one.
pub(super) fn both_text(a: DeclaredType, b: DeclaredType) -> bool {
    is_text(a) && is_text(b)
}

/// text or varchar.
pub(super) fn is_text(t: DeclaredType) -> bool {
    matches!(t, DeclaredType::Text | DeclaredType::Varchar(_))
}

/// OIDs of text, varchar and unknown.
pub(super) fn is_text_oid(oid: u32) -> bool {
    matches!(oid, 25 | 1043 | 705)
}

/// The common type of two branches of one value (parse_coerce.c, select_common_type), where cells can have it:
/// of text and varchar, which convert to one another, the first stays.
pub(super) fn common(first: DeclaredType, other: DeclaredType) -> Option<DeclaredType> {
    match first == other {
        true => Some(first),
        false
            if matches!(
                (first, other),
                (DeclaredType::Int4, DeclaredType::Int8) | (DeclaredType::Int8, DeclaredType::Int4)
            ) =>
        {
            Some(DeclaredType::Int8)
        }
        false => {
            let alike = first.unmodified() == other.unmodified() || both_text(first, other);
            alike.then_some(first.unmodified())
        }
    }
}

/// The type of a numeric constant: int4, int8 or numeric by its size (scan.l, make_const).
pub(super) fn number_oid(number: &LiteralText) -> u32 {
    let number = number.unnoticed(); // one of its kind is as another
    match (number.parse::<i32>(), number.parse::<i64>()) {
        (Ok(_), _) => 23,
        (Err(_), Ok(_)) => 20,
        (Err(_), Err(_)) => 1700,
    }
}

/// The common type of constants that have one each (parse_coerce.c, select_common_type), where it is that of all or the
/// widest of exact numbers; `None` for other types together.
pub(super) fn common_oid(types: &BTreeSet<u32>) -> Option<u32> {
    // each takes all of the one after
    const WIDEST_FIRST: [u32; 4] = [1700, 20, 23, 21];
    let mut widest = WIDEST_FIRST.into_iter();
    match types.len() {
        1 => types.first().copied(),
        _ if types.iter().all(|oid| WIDEST_FIRST.contains(oid)) => {
            widest.find(|oid| types.contains(oid))
        }
        _ => None,
    }
}

/// Whether a value of this type takes the type of these cells beside them, whichever stands first (parse_coerce.c,
/// select_common_type, by the implicit casts of pg_cast).
pub(super) fn takes(cells: DeclaredType, oid: u32) -> bool {
    use DeclaredType as D;
    let taken: &[u32] = match cells {
        D::Text | D::Varchar(_) => return is_text_oid(oid),
        D::Int4 => &[21, 23],
        D::Int8 => &[21, 23, 20],
        D::Numeric(_) => &[21, 23, 20, 1700],
        D::Float4 => &[21, 23, 20, 1700, 700],
        D::Float8 => &[21, 23, 20, 1700, 700, 701],
        D::Timestamp(_) => &[1082, 1114],
        D::Timestamptz(_) => &[1082, 1114, 1184],
        D::Interval(_) => &[1083, 1186],
        D::Inet => &[650, 869],
        own => return oid == own.oid(),
    };
    taken.contains(&oid)
}

/// Whether a numeric constant is of a wider type than an integer column: int4, int8 or numeric by its size
/// (scan.l, make_const).
pub(super) fn number_is_wider(number: &LiteralText, column: DeclaredType) -> bool {
    let number = number.unnoticed(); // one of its kind is as another
    match column {
        DeclaredType::Int2 => true,
        DeclaredType::Int4 => number.parse::<i32>().is_err(),
        DeclaredType::Int8 => number.parse::<i64>().is_err(),
        _ => false,
    }
}

/// Whether a value of `from` can be stored in `to` as it is, without a check or a change.
pub(super) fn fits(from: DeclaredType, to: DeclaredType) -> bool {
    use DeclaredType as D;
    match (from, to) {
        (D::Text | D::Varchar(_), D::Text | D::Varchar(None)) => true,
        (D::Varchar(Some(n)), D::Varchar(Some(m))) => n <= m,
        (D::Int4, D::Int8) => true,
        // blanks at the end of char(n) are its length: it fits its own only
        (D::Bpchar(_), D::Bpchar(_)) => from == to,
        (D::Array(element), _) if matches!(element.declared(), D::Bpchar(_)) => from == to,
        (D::Cidr, D::Inet) => true,
        (a, b) => a == b || a.unmodified() == b,
    }
}

/// The element's type, of the array type that a cast names.
pub(super) fn element(array: &BuiltIn) -> Option<BuiltIn> {
    let oid = hippocrypt_policy::element_of(array.oid)?;
    let modifiers = array.modifiers.clone();
    Some(BuiltIn { oid, modifiers })
}

/// What an undeclared parameter is on the other side of an operator: `varchar = $1` is text = text.
pub(super) fn operand_oid(t: DeclaredType) -> u32 {
    match t {
        DeclaredType::Varchar(_) => 25,
        // cidr has no operator of its own
        DeclaredType::Cidr => 869,
        _ => t.oid(),
    }
}

/// The modifiers that a type is written with, where a cast to them rounds as storing does.
pub(super) fn own_modifiers(declared: DeclaredType) -> Vec<i32> {
    match declared {
        DeclaredType::Numeric(Some((p, s))) => vec![i32::from(p), i32::from(s)],
        DeclaredType::Time(Some(p))
        | DeclaredType::Timestamp(Some(p))
        | DeclaredType::Timestamptz(Some(p)) => vec![i32::from(p)],
        _ => Vec::new(),
    }
}
