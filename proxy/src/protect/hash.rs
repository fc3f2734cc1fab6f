//! The values that a hash is of, as one plaintext: docs/formats/cell.md, "What a hash is of".
//!
//! Two lists of values must never have one encoding: each value goes with its family and its length.

use crate::protect::value::{Canonical, Value};
use crate::protect::vault::Unsealed;
use crate::protect::{Settings, ValueError, Vault, coerce};
use hippocrypt_policy::{ColumnIx, ColumnRef};
use hippocrypt_sql::verdict::{Literal, Seal};
use zeroize::Zeroizing;

/// The plaintext of suite 04.
pub(in crate::protect) struct Composite(Zeroizing<Vec<u8>>);

impl Composite {
    /// Of so many values, none of which is NULL.
    fn of(count: usize) -> Result<Self, ValueError> {
        let count = u16::try_from(count).map_err(|_| mixed_up())?;
        let mut plaintext = Zeroizing::new(Vec::with_capacity(256));
        plaintext.extend_from_slice(&count.to_be_bytes());
        Ok(Self(plaintext))
    }

    /// The next value, of the family with this code.
    fn push(&mut self, code: u8, value: Value<'_>) -> Result<(), ValueError> {
        let mut one = Zeroizing::new(Vec::with_capacity(64));
        value.encode(Canonical::Equal, &mut one)?;
        self.0.push(code);
        self.0.extend_from_slice(&(one.len() as u64).to_be_bytes());
        self.0.extend_from_slice(&one);
        Ok(())
    }

    pub(in crate::protect) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// The cell of a hash: `value` gives what each part's column holds. `None` where a part is NULL.
pub(in crate::protect) fn cell<'v, P>(
    hash: ColumnIx,
    parts: &'v [Option<P>],
    vault: &Vault,
    seal_of: impl Fn(&P) -> &Seal,
    value: impl Fn(&coerce::Target<'_>, &'v P) -> Result<Value<'v>, ValueError>,
) -> Result<Option<Vec<u8>>, ValueError> {
    let held = vault.held(hash).ok_or_else(mixed_up)?;
    if parts.is_empty() {
        return Err(mixed_up());
    }
    let mut composite = Composite::of(parts.len())?;
    let mut is_null = false;
    for part in parts {
        let Some(part) = part else {
            is_null = true;
            continue;
        };
        let seal = seal_of(part);
        let one = vault.held(seal.column).ok_or_else(mixed_up)?;
        let target = coerce::Target {
            column: &one.name,
            declared: one.declared,
            coercion: seal.coercion,
        };
        let value = value(&target, part).map_err(|e| e.of(&one.name))?;
        let code = one.code().ok_or_else(mixed_up)?;
        composite.push(code, value).map_err(|e| e.of(&one.name))?;
    }
    if is_null {
        return Ok(None);
    }
    let mut cell = Vec::with_capacity(80);
    held.seal_hash(&composite, &mut cell).map_err(|e| match e {
        Unsealed::Value(e) => e.of(&held.name),
        Unsealed::Cell => {
            let message = format!("cannot make the hash {}", held.name);
            ValueError::new("XX000", message).of(&held.name)
        }
    })?;
    Ok(Some(cell))
}

/// The cell of a hash of constants of the client's text.
pub(in crate::protect) fn of_literals(
    hash: ColumnIx,
    parts: &[Option<(Literal, Seal)>],
    vault: &Vault,
    settings: &Settings,
) -> Result<Option<Vec<u8>>, ValueError> {
    cell(
        hash,
        parts,
        vault,
        |(_, seal)| seal,
        |target, (literal, _)| coerce::literal(target, literal, settings),
    )
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
                let mut composite = Composite::of(parts.len()).unwrap();
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
                    composite.push(code.0, value).unwrap();
                }
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
