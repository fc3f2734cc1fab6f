//! The values that a hash is of, as one plaintext: docs/formats/cell.md, "What a hash is of".
//!
//! Two lists of values must never have one encoding: each value goes with its family and its length.

use crate::protect::coerce::{self, Target};
use crate::protect::elements::{self, Cells};
use crate::protect::render::bytea_literal;
use crate::protect::value::{Canonical, Value};
use crate::protect::vault::{Held, Unsealed};
use crate::protect::{Settings, ValueError, Vault};
use hippocrypt_policy::ColumnRef;
use hippocrypt_sql::verdict::{HashPart, Literal, Made, Plaintexts, Plan, Seal, Shape};
use hippocrypt_wire::Format;
use std::convert::Infallible;
use zeroize::Zeroizing;

/// The plaintext of suite 04.
pub(in crate::protect) struct Composite(Zeroizing<Vec<u8>>);

impl Composite {
    /// Of these values, none of which is NULL, each of the family with its code.
    pub(in crate::protect) fn of<'v>(
        values: impl ExactSizeIterator<Item = (u8, &'v [u8])>,
    ) -> Result<Self, ValueError> {
        let count = u16::try_from(values.len()).map_err(|_| mixed_up())?;
        let mut plaintext = Zeroizing::new(Vec::with_capacity(256));
        plaintext.extend_from_slice(&count.to_be_bytes());
        for (code, value) in values {
            plaintext.push(code);
            plaintext.extend_from_slice(&(value.len() as u64).to_be_bytes());
            plaintext.extend_from_slice(value);
        }
        Ok(Self(plaintext))
    }

    pub(in crate::protect) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// A value as a hash is of it.
pub(in crate::protect) fn plaintext(value: Value<'_>) -> Result<Zeroizing<Vec<u8>>, ValueError> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(64));
    value.encode(Canonical::Equal, &mut plaintext)?;
    Ok(plaintext)
}

/// A parameter that the client has bound.
#[derive(Clone, Copy)]
pub(in crate::protect) struct Given<'a> {
    pub(in crate::protect) oid: u32,
    pub(in crate::protect) format: Format,
    pub(in crate::protect) bytes: Option<&'a [u8]>,
}

/// The hash of one row, or of each of several; `None` where a part is NULL.
pub(in crate::protect) enum Hashes {
    One(Option<Vec<u8>>),
    Each(Vec<Option<Vec<u8>>>),
}

impl Hashes {
    /// As a constant of SQL.
    pub(in crate::protect) fn literal(&self) -> String {
        match self {
            Self::One(None) => "NULL::bytea".to_owned(),
            Self::One(Some(cell)) => bytea_literal(cell),
            Self::Each(cells) => elements::literal(cells),
        }
    }

    /// As a parameter in binary; `None` is NULL.
    pub(in crate::protect) fn binary(self) -> Option<Vec<u8>> {
        match self {
            Self::One(cell) => cell,
            Self::Each(cells) => {
                let mut out = Vec::new();
                let mut array = Cells::new(&mut out);
                for cell in cells {
                    match cell {
                        None => array.null(&mut out),
                        Some(cell) => {
                            let Ok(()) = array.cell(&mut out, |out| {
                                out.extend(cell);
                                Ok::<_, Infallible>(())
                            });
                        }
                    }
                }
                array.finish(&mut out);
                Some(out)
            }
        }
    }
}

/// The values of a part: one for all rows, or one for each; `None` is NULL.
enum Values {
    One(Option<Zeroizing<Vec<u8>>>),
    Each(Vec<Option<Zeroizing<Vec<u8>>>>),
}

impl Values {
    fn of_row(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::One(value) => value.as_ref(),
            // of several arrays the shorter ones are filled with NULL (nodeFunctionscan.c)
            Self::Each(values) => values.get(row)?.as_ref(),
        }
        .map(|value| value.as_slice())
    }
}

/// The hash for the column of `seal`, of what its parts are given; `param` gives the client's parameters.
pub(in crate::protect) fn made<'a, E: From<ValueError>>(
    seal: &Seal,
    parts: &[Option<HashPart>],
    vault: &Vault,
    settings: &Settings,
    param: impl Fn(u16) -> Result<Given<'a>, E>,
) -> Result<Hashes, E> {
    let hash = vault.held(seal.column).ok_or_else(mixed_up)?;
    if parts.is_empty() {
        return Err(mixed_up().into());
    }
    let mut values = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(part) = part else {
            values.push((0, Values::One(None)));
            continue;
        };
        let held = vault.held(part.seal().column).ok_or_else(mixed_up)?;
        let code = held.code().ok_or_else(mixed_up)?;
        let given = match part {
            HashPart::Param { client, .. } => Some(param(*client)?),
            _ => None,
        };
        let read = read(part, given, held, settings).map_err(|e| e.of(&held.name))?;
        values.push((code, read));
    }
    let row = |row: usize| {
        let of = values
            .iter()
            .map(|(code, values)| Some((*code, values.of_row(row)?)));
        match of.collect::<Option<Vec<_>>>() {
            None => Ok(None),
            Some(of) => sealed(hash, &Composite::of(of.into_iter())?).map(Some),
        }
    };
    let rows = values.iter().filter_map(|(_, values)| match values {
        Values::One(_) => None,
        Values::Each(values) => Some(values.len()),
    });
    Ok(match seal.shape {
        Shape::One => Hashes::One(row(0)?),
        Shape::Each => {
            let rows = 0..rows.max().unwrap_or(0);
            Hashes::Each(rows.map(row).collect::<Result<_, ValueError>>()?)
        }
    })
}

/// The cell of a hash.
pub(in crate::protect) fn sealed(
    hash: &Held,
    composite: &Composite,
) -> Result<Vec<u8>, ValueError> {
    let mut cell = Vec::with_capacity(80);
    hash.seal_hash(composite, &mut cell).map_err(|e| match e {
        Unsealed::Value(e) => e.of(&hash.name),
        Unsealed::Cell => {
            let message = format!("cannot make the hash {}", hash.name);
            ValueError::new("XX000", message).of(&hash.name)
        }
    })?;
    Ok(cell)
}

/// What a part is given, as its column holds it.
fn read(
    part: &HashPart,
    given: Option<Given<'_>>,
    held: &Held,
    settings: &Settings,
) -> Result<Values, ValueError> {
    let seal = part.seal();
    let target = Target {
        column: &held.name,
        declared: held.declared,
        coercion: seal.coercion,
    };
    let literal = |literal: &Literal| plaintext(coerce::literal(&target, literal, settings)?);
    let bound = |oid, format, bytes: &[u8]| {
        plaintext(coerce::sealed(&target, seal, oid, format, bytes, settings)?)
    };
    let array = |array: &Literal| {
        let elements = elements::of_literal(array, seal)?.into_iter();
        let values = elements.map(|e| e.as_ref().map(literal).transpose());
        Ok(Values::Each(values.collect::<Result<_, ValueError>>()?))
    };
    match (part, seal.shape) {
        (HashPart::Constant { literal: one, .. }, Shape::One) => {
            Ok(Values::One(Some(literal(one)?)))
        }
        (HashPart::Constant { literal, .. }, Shape::Each) => array(literal),
        (HashPart::Argument { literal, oid, .. }, Shape::One) => {
            let (format, bytes) = coerce::argument(&target, *oid, literal, settings)?;
            Ok(Values::One(Some(bound(*oid, format, &bytes)?)))
        }
        (HashPart::Argument { literal, oid, .. }, Shape::Each) => {
            array(&elements::argument(literal, *oid)?)
        }
        (HashPart::Read { values, .. }, Shape::One) => match values.0.as_slice() {
            [one] => Ok(Values::One(one.clone())),
            _ => Err(mixed_up()),
        },
        (HashPart::Read { values, .. }, Shape::Each) => Ok(Values::Each(values.0.clone())),
        (HashPart::Param { .. }, shape) => {
            let Given { oid, format, bytes } = given.ok_or_else(mixed_up)?;
            match (bytes, shape) {
                (None, Shape::One) => Ok(Values::One(None)),
                (None, Shape::Each) => Ok(Values::Each(Vec::new())),
                (Some(bytes), Shape::One) => Ok(Values::One(Some(bound(oid, format, bytes)?))),
                (Some(bytes), Shape::Each) => {
                    let mut values = Vec::new();
                    elements::of_parameter(oid, format, bytes, |oid, bytes| {
                        let value = bytes.map(|bytes| bound(oid, format, bytes));
                        values.push(value.transpose()?);
                        Ok::<_, ValueError>(())
                    })?;
                    Ok(Values::Each(values))
                }
            }
        }
    }
}

/// The hash of constants of the client's text.
pub(in crate::protect) fn of_literals(
    seal: &Seal,
    parts: &[Option<HashPart>],
    vault: &Vault,
    settings: &Settings,
) -> Result<Hashes, ValueError> {
    made(seal, parts, vault, settings, |_| Err(mixed_up()))
}

/// The plan with the constants that hashes of parameters are also of read under these settings, as PostgreSQL reads the
/// constants of a statement where it is parsed; `None` where there are none.
///
/// # Errors
/// As PostgreSQL's.
pub fn read_constants(
    plan: &Plan,
    vault: &Vault,
    settings: &Settings,
) -> Result<Option<Plan>, ValueError> {
    let mut read_plan = None;
    for (ix, param) in plan.params.iter().enumerate() {
        let Some(Made::Hash(parts)) = &param.made else {
            continue;
        };
        if !parts.iter().flatten().any(is_constant) {
            continue;
        }
        let parts = parts.iter().map(|part| match part {
            Some(part) if is_constant(part) => {
                let held = vault.held(part.seal().column).ok_or_else(mixed_up)?;
                let values = read(part, None, held, settings).map_err(|e| e.of(&held.name))?;
                let seal = part.seal().clone();
                let values = Plaintexts(match values {
                    Values::One(one) => vec![one],
                    Values::Each(each) => each,
                });
                Ok(Some(HashPart::Read { seal, values }))
            }
            part => Ok(part.clone()),
        });
        let parts = parts.collect::<Result<_, ValueError>>()?;
        let params = &mut read_plan.get_or_insert_with(|| plan.clone()).params;
        params.get_mut(ix).ok_or_else(mixed_up)?.made = Some(Made::Hash(parts));
    }
    Ok(read_plan)
}

fn is_constant(part: &HashPart) -> bool {
    matches!(part, HashPart::Constant { .. })
}

/// A text that is compared with a hash and is none of its tokens.
pub(in crate::protect) fn no_token(name: &ColumnRef) -> ValueError {
    ValueError::new("22023", format!("the value is no token of {name}"))
        .hint("Compare a hash with what selecting it gives: \"h1:\" and 68 hexadecimal digits.")
}

/// The plan is not of this policy: a bug, and no reason to send anything.
fn mixed_up() -> ValueError {
    ValueError::new("XX000", "the plan does not fit the policy")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protect::Zones;
    use crate::protect::vault::family;
    use hippocrypt_policy::{DeclaredType, TableRef};
    use hippocrypt_sql::verdict::Coercion;

    #[test]
    fn frozen_lists_have_their_encodings() {
        let text = include_str!("../../../tests/vectors/hash-v1.json");
        let all: serde_json::Value = serde_json::from_str(text).unwrap();
        let settings = Settings::with(Zones::agreeing(&[]));
        let table = TableRef {
            schema: "public".into(),
            table: "t".into(),
        };
        let column = ColumnRef {
            table,
            column: "c".into(),
        };
        for case in all["hashes"].as_array().unwrap() {
            let parts = case["parts"].as_array().unwrap();
            // stored and looked up, by either of PostgreSQL's rules
            for coercion in [Coercion::Assign, Coercion::Compare] {
                let mut values = Vec::new();
                for part in parts {
                    let declared: DeclaredType = part["type"].as_str().unwrap().parse().unwrap();
                    let target = coerce::Target {
                        column: &column,
                        declared,
                        coercion,
                    };
                    let literal = Literal::String {
                        value: part["value"].as_str().unwrap().to_owned().into(),
                        cast: 0,
                    };
                    let value = coerce::literal(&target, &literal, &settings).unwrap();
                    let (code, _) = family(declared.family());
                    values.push((code.0, plaintext(value).unwrap()));
                }
                let values = values.iter().map(|(code, value)| (*code, value.as_slice()));
                let composite = Composite::of(values).unwrap();
                let hex: String = composite
                    .expose()
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect();
                assert_eq!(case["plaintext"], hex, "{}", case["name"]);
            }
        }
    }
}
