//! What casts around literals and parameters do to a value for an encrypted column.
//!
//! It must never call a cast harmless that gives another value than storing or comparing without it.

use super::super::flow::{Cast, Leaf, What};
use super::super::types::{self, BuiltIn};
use crate::verdict::{Coercion, Literal, LiteralText, Shape};
use hippocrypt_policy::DeclaredType;

/// Whether a value of type `from` becomes in the column, by way of a cast to `to`, what it becomes without the cast.
///
/// Drivers declare what fits the value, ORMs cast to what the column is: `$1::integer` for an int2. A wider number is the
/// same number. A cast to the column's own type is the one that storing applies (pg_cast has one per pair of types).
pub(super) fn passes(from: u32, to: u32, column: DeclaredType, coercion: Coercion) -> bool {
    const EXACT: [u32; 4] = [21, 23, 20, 1700]; // each takes all of the one before
    const NUMBERS: [u32; 6] = [21, 23, 20, 1700, 700, 701];
    const FAMILIES: [&[u32]; 4] = [&NUMBERS, &[1082, 1114, 1184], &[114, 3802], &[25, 1043]];
    let place = |oid| EXACT.iter().position(|o| *o == oid);
    let wider = matches!((place(from), place(to)), (Some(from), Some(to)) if from < to);
    let element = |oid| hippocrypt_policy::element_of(oid);
    let (from, to_element) = match (element(from), element(to)) {
        (Some(from), Some(to)) => (from, to),
        (None, None) => (from, to),
        _ => return false,
    };
    let assigned = FAMILIES
        .iter()
        .any(|f| f.contains(&from) && f.contains(&to_element));
    (wider && NUMBERS.contains(&column.oid()))
        || (assigned && to == column.oid() && coercion == Coercion::Assign)
}

/// Text is read by a type's input function, as PostgreSQL casts it. `false`: the leaf is neither text nor of that type.
pub(in crate::plan) fn read_as(leaf: &mut Leaf, text: bool, to: &BuiltIn) -> bool {
    let cast_to = Cast::To(to.oid, to.modifiers.clone());
    let without_modifier = leaf.cast == Cast::To(to.oid, Vec::new());
    match leaf.what {
        _ if leaf.cast == cast_to || leaf.read.as_ref() == Some(to) => true,
        What::Null | What::Constant(Literal::String { .. }) if text || without_modifier => {
            leaf.cast = cast_to;
            true
        }
        What::Param(..) if text => {
            leaf.read = Some(to.clone());
            true
        }
        _ => false,
    }
}

/// A constant with an explicit cast around it; `None` where no rule of ours says what comes of that.
pub(in crate::plan) fn cast_constant(
    literal: &Literal,
    oid: u32,
    modifiers: &[i32],
) -> Option<Literal> {
    let from = match literal {
        Literal::String { value, cast: 0 } if modifiers.is_empty() => {
            let value = value.clone();
            return Some(Literal::String { value, cast: oid });
        }
        Literal::String { cast: 0, .. } => None,
        Literal::String { cast, .. } => Some(DeclaredType::from_catalog(*cast, -1)?),
        Literal::Number(number) => Some(DeclaredType::from_catalog(types::number_oid(number), -1)?),
        Literal::Bool(_) => Some(DeclaredType::Bool),
        Literal::Cast { to, .. } => Some(*to),
    };
    let to = DeclaredType::from_modifiers(oid, modifiers)?;
    let of = Box::new(literal.clone());
    // an unknown constant is read as the type reads it (parse_coerce.c, coerce_type)
    from.is_none_or(|from| from.is_assigned_to(to))
        .then_some(Literal::Cast { of, to })
}

/// The type of a value of a parameter or cast of this type: an array's element.
pub(super) fn of_value(oid: u32, shape: Shape) -> Option<u32> {
    match shape {
        Shape::One => Some(oid),
        Shape::Each => hippocrypt_policy::element_of(oid),
    }
}

/// `'{…}'`, perhaps with a cast that says what type its elements have.
pub(super) fn array_literal(
    leaf: &Leaf,
    literal: &Literal,
    declared: DeclaredType,
) -> Option<Literal> {
    let Literal::String { value, .. } = literal else {
        return None;
    };
    let cast = match &leaf.cast {
        Cast::None => 0,
        Cast::To(oid, modifiers) => {
            let element = hippocrypt_policy::element_of(*oid)?;
            let known = modifiers.is_empty()
                || cut(element, modifiers, declared).is_some()
                || rounds(element, modifiers, declared);
            known.then_some(*oid)?
        }
        Cast::Opaque => return None,
    };
    let value = value.clone();
    Some(Literal::String { value, cast })
}

/// A cast to the column's own numeric(p, s) or timestamptz(p): it rounds as storing the value would.
pub(super) fn rounds(oid: u32, modifiers: &[i32], declared: DeclaredType) -> bool {
    oid == declared.oid() && !modifiers.is_empty() && types::own_modifiers(declared) == modifiers
}

/// What a cast to varchar(n) leaves of a value for a column of text, and one to char(n) for one of char(n).
pub(super) fn cut(oid: u32, modifiers: &[i32], declared: DeclaredType) -> Option<u32> {
    match (oid, modifiers) {
        (1043, [n]) if types::is_text(declared) => u32::try_from(*n).ok().filter(|n| *n > 0),
        (1042, [n]) if matches!(declared, DeclaredType::Bpchar(_)) => {
            u32::try_from(*n).ok().filter(|n| *n > 0)
        }
        _ => None,
    }
}

/// Whether a number as written is the same value of this type: an integer of an integer type, any of numeric.
pub(in crate::plan) fn keeps_number(oid: u32, number: &LiteralText) -> bool {
    let number = number.unnoticed(); // one of its kind is as another
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    let is = |allowed: fn(char) -> bool| !digits.is_empty() && digits.chars().all(allowed);
    match oid {
        20 | 21 | 23 => is(|c| c.is_ascii_digit()),
        1700 => is(|c| c.is_ascii_digit() || c == '.'),
        _ => false,
    }
}

/// A cast that says of a value for this column what the column says anyway.
pub(super) fn harmless(
    oid: u32,
    modifiers: &[i32],
    declared: DeclaredType,
    coercion: Coercion,
) -> bool {
    let text = types::is_text_oid(oid) && types::is_text(declared);
    let same = oid == declared.oid();
    let own = same && coercion == Coercion::Assign && types::own_modifiers(declared) == modifiers;
    (modifiers.is_empty() && (same || text)) || own
}
