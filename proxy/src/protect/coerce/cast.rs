//! Explicit casts of constants, and of values that are shown: the functions of pg_cast, those that assignment uses, and then the modifier.
//!
//! It must never show another value than PostgreSQL would: what it has no rule for is an error.

use super::typed::Typed;
use super::{Target, assign, name};
use crate::protect::value::{Canonical, Shown, Value};
use crate::protect::{Settings, ValueError};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnRef, DeclaredType};
use hippocrypt_sql::verdict::Coercion;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The plaintext of a value of type `from` as one of type `to`.
///
/// # Errors
/// As PostgreSQL's, without the value (22003 for what does not fit the type).
pub(in crate::protect) fn cast(
    column: &ColumnRef,
    shown: &Shown<'_>,
    from: DeclaredType,
    to: DeclaredType,
    settings: &Settings,
) -> Result<Zeroizing<Vec<u8>>, ValueError> {
    let mut sent = BytesMut::new();
    shown.send(&mut sent);
    let typed = Typed::from_binary(from.oid(), &sent)?;
    let mut plaintext = Zeroizing::new(Vec::new());
    explicit(column, typed, to, settings)?
        .value
        .encode(Canonical::Exact, &mut plaintext)?;
    Ok(plaintext)
}

/// What an explicit cast to a type makes of a value.
pub(super) fn explicit<'a>(
    column: &ColumnRef,
    typed: Typed<'a>,
    to: DeclaredType,
    settings: &Settings,
) -> Result<Typed<'a>, ValueError> {
    let target = Target {
        column,
        declared: to,
        coercion: Coercion::Assign,
    };
    let from = typed.name();
    let value = assign::assign(&target, typed, settings).map_err(|error| match error.sqlstate {
        "42804" => ValueError::new("42846", format!("cannot cast type {from} to {}", name(to))),
        _ => error,
    })?;
    Ok(Typed {
        of: to.unmodified(),
        value: cut(value, to).fit(to)?,
    })
}

/// An explicit cast cuts text without a word (varchar.c).
fn cut(value: Value<'_>, to: DeclaredType) -> Value<'_> {
    let first = |text: Cow<'_, str>, n: u32| {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        Cow::Owned(text.chars().take(n).collect())
    };
    match (value, to) {
        (Value::Text(text), DeclaredType::Varchar(Some(n))) => Value::Text(first(text, n)),
        (Value::Blank(text), DeclaredType::Bpchar(Some(n))) => Value::Blank(first(text, n)),
        (value, _) => value,
    }
}
