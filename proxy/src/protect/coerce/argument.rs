//! Arguments of EXECUTE: constants that are assigned to the type of a parameter before they are its value
//! (src/backend/commands/prepare.c, EvaluateParams).
//!
//! It must never take a constant that PostgreSQL would refuse, nor another value than it would pass.

use super::typed::Typed;
use super::{Target, UNKNOWN, assign, name};
use crate::protect::value::{Canonical, Shown};
use crate::protect::{Settings, ValueError};
use bytes::BytesMut;
use hippocrypt_policy::DeclaredType;
use hippocrypt_sql::verdict::{Coercion, Literal};
use hippocrypt_wire::Format;
use zeroize::Zeroizing;

/// The constant as a value of the parameter's type `oid`, as its output function writes it.
///
/// # Errors
/// As PostgreSQL's, without the value; 0A000 for what would have to be guessed.
pub(in crate::protect) fn argument(
    target: &Target<'_>,
    oid: u32,
    literal: &Literal,
    settings: &Settings,
) -> Result<Zeroizing<String>, ValueError> {
    let typed = match literal {
        // the parameter type's own input function reads it
        Literal::String { value, cast } if *cast == 0 || *cast == UNKNOWN || *cast == oid => {
            return Ok(Zeroizing::new(value.as_str().to_owned()));
        }
        Literal::String { value, cast } => Typed::from_text(*cast, value, settings)?,
        Literal::Number(text) => Typed::from_number(text)?,
        Literal::Bool(b) => Typed::from_bool(*b),
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
    written(&shown, settings)
}

fn written(shown: &Shown<'_>, settings: &Settings) -> Result<Zeroizing<String>, ValueError> {
    let mut out = BytesMut::new();
    // it is read again: a float keeps all its digits, whatever is shown of it
    shown.write(Format::Text, &settings.with_all_digits(), &mut out)?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&out).into_owned()))
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
