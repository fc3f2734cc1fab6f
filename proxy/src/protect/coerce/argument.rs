//! Arguments of EXECUTE: constants that are assigned to the type of a parameter before they are its value
//! (src/backend/commands/prepare.c, EvaluateParams).
//!
//! It must never take a constant that PostgreSQL would refuse, nor another value than it would pass.

use super::typed::Constant;
use super::{Target, assign, name};
use crate::protect::value::{Canonical, Shown};
use crate::protect::{Settings, ValueError};
use bytes::BytesMut;
use hippocrypt_policy::DeclaredType;
use hippocrypt_sql::verdict::{Coercion, Literal};
use hippocrypt_wire::Format;
use zeroize::Zeroizing;

/// The constant as a value of the parameter's type `oid`, as it would be bound.
///
/// # Errors
/// As PostgreSQL's, without the value; 0A000 for what would have to be guessed.
pub(in crate::protect) fn argument(
    target: &Target<'_>,
    oid: u32,
    literal: &Literal,
    settings: &Settings,
) -> Result<(Format, Zeroizing<Vec<u8>>), ValueError> {
    let typed = match Constant::of(target.column, literal, settings)? {
        // the parameter type's own input function reads it
        Constant::Unknown(text) => {
            return Ok((Format::Text, Zeroizing::new(text.as_bytes().to_vec())));
        }
        Constant::Typed(typed) => typed,
    };
    let Some(declared) = DeclaredType::from_catalog(oid, -1) else {
        return Err(ValueError::new(
            "0A000",
            "an argument of this type for an encrypted column is not understood",
        )
        .hint("Give it as a quoted constant without a cast."));
    };
    let parameter = Target {
        column: target.column,
        declared,
        coercion: Coercion::Assign,
    };
    let given = typed.name();
    let value = assign::assign(&parameter, typed, settings)
        .map_err(|e| mismatch(e, &given, &name(declared)))?;
    let mut plaintext = Zeroizing::new(Vec::new());
    value.encode(Canonical::Exact, &mut plaintext)?;
    let unread = || ValueError::new("0A000", "this argument of EXECUTE is not understood");
    let shown = Shown::read(declared, None, &plaintext).ok_or_else(unread)?;
    // not as text: settings say what that keeps, and how it is read
    let mut out = BytesMut::new();
    shown.send(&mut out);
    Ok((Format::Binary, Zeroizing::new(out.to_vec())))
}

/// The words of EvaluateParams for what has no assignment cast.
fn mismatch(error: ValueError, given: &str, wanted: &str) -> ValueError {
    match error.sqlstate {
        "42804" => ValueError::new(
            "42804",
            format!("an argument of type {given} cannot be coerced to the expected type {wanted}"),
        )
        .hint("You will need to rewrite or cast the expression."),
        _ => error,
    }
}
