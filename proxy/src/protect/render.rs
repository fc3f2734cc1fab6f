//! The text that goes upstream: the client's, with the plans' edits applied.
//!
//! It must never leave a byte of a replaced literal in the text, and every cell literal is valid under
//! `standard_conforming_strings` on and off.

use crate::protect::coerce::{self, Target};
use crate::protect::elements;
use crate::protect::hash;
use crate::protect::value::Value;
use crate::protect::value::bytea::push_digits;
use crate::protect::vault::{Held, Unsealed};
use crate::protect::{Settings, ValueError, Vault};
use hippocrypt_sql::verdict::{
    Coercion, Edit, Literal, Replacement, Seal, Shape, Statement, Verdict,
};

/// A text for the server, and the way back to the client's positions.
#[derive(Debug)]
pub struct Rendered {
    /// What goes upstream.
    pub text: String,
    /// From its positions to the client's.
    pub map: PositionMap,
}

/// Upstream character positions to client character positions.
#[derive(Clone, Debug, Default)]
pub struct PositionMap {
    /// Where a stretch begins, in order of both.
    stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    upstream: u32,
    client: u32,
    /// Copied: positions run in parallel. Else all of it stands for one place of the client's text.
    copied: bool,
}

impl PositionMap {
    /// The client's character position (from 1) for the server's (from 1).
    pub fn to_client(&self, upstream: u32) -> u32 {
        let after = self.stretches.partition_point(|s| s.upstream <= upstream);
        let stretch = after.checked_sub(1).and_then(|at| self.stretches.get(at));
        match stretch {
            None => upstream,
            Some(s) if s.copied => s.client + (upstream - s.upstream),
            Some(s) => s.client,
        }
    }
}

/// Applies the edits of all plans among `statements` (of the one string `text`).
///
/// # Errors
/// A literal that PostgreSQL would refuse, or that cannot be read without guessing; its position is the
/// literal's.
pub fn render(
    text: &str,
    statements: &[Statement],
    vault: &Vault,
    settings: &Settings,
) -> Result<Rendered, ValueError> {
    let mut writing = Writing::of(text);
    for statement in statements {
        if let Verdict::Plan(plan) = &statement.verdict {
            for edit in &plan.edits {
                writing.edit(edit, vault, settings)?;
            }
        }
    }
    writing.copy_to(text.len())?;
    Ok(Rendered {
        text: writing.text,
        map: writing.map,
    })
}

/// A statement of ours, in pieces.
///
/// # Errors
/// A group without a key.
pub fn render_pieces(
    pieces: &[Replacement],
    vault: &Vault,
    settings: &Settings,
) -> Result<String, ValueError> {
    let mut writing = Writing::of("");
    for with in pieces.iter().cloned() {
        writing.edit(&Edit { range: 0..0, with }, vault, settings)?;
    }
    Ok(writing.text)
}

struct Writing<'a> {
    client: &'a str,
    /// Bytes of the client's text that have been dealt with.
    done: usize,
    text: String,
    map: PositionMap,
    client_chars: u32,
    upstream_chars: u32,
}

impl<'a> Writing<'a> {
    fn of(client: &'a str) -> Self {
        Self {
            client,
            done: 0,
            text: String::with_capacity(client.len() * 2),
            map: PositionMap::default(),
            client_chars: 1,
            upstream_chars: 1,
        }
    }

    fn edit(&mut self, edit: &Edit, vault: &Vault, settings: &Settings) -> Result<(), ValueError> {
        self.copy_to(edit.range.start)?;
        let with = match &edit.with {
            Replacement::Text(text) => text.clone(),
            Replacement::Cell { literal, seal } => {
                let sealed = match seal.shape {
                    Shape::One => seal_literal(literal, seal, vault, settings).map(one),
                    Shape::Each => seal_elements(literal, seal, vault, settings)
                        .map(|cells| elements::literal(&cells)),
                };
                let sealed = sealed.map_err(|mut e| {
                    e.position = Some(edit.range.start);
                    e
                })?;
                self.apart(&sealed, edit.range.end)
            }
            Replacement::Argument { literal, oid, seal } => {
                let sealed = match seal.shape {
                    Shape::One => seal_argument(literal, *oid, seal, vault, settings).map(one),
                    Shape::Each => seal_array(literal, *oid, seal, vault, settings)
                        .map(|cells| elements::literal(&cells)),
                };
                let sealed = sealed.map_err(|mut e| {
                    e.position = Some(edit.range.start);
                    e
                })?;
                self.apart(&sealed, edit.range.end)
            }
            Replacement::Default { column, cell } => {
                let held = vault.held(*column).ok_or_else(mixed_up)?;
                let mut fresh = Vec::with_capacity(128);
                held.reseal(cell, &mut fresh)?;
                self.apart(&bytea_literal(&fresh), edit.range.end)
            }
            Replacement::Hash { seal, parts } => {
                let made = hash::of_literals(seal, parts, vault, settings)?;
                self.apart(&made.literal(), edit.range.end)
            }
            Replacement::Made(number) => self.apart(&format!("${number}"), edit.range.end),
            Replacement::GroupId(group) => {
                let id = vault.group_id(*group).ok_or_else(mixed_up)?;
                self.apart(&bytea_literal(&id.0.to_be_bytes()), edit.range.end)
            }
        };
        self.replace(&with, edit.range.end)
    }

    /// Blanks around a literal where the client's own needed none: `'x'AND`, `SELECT'x'`.
    fn apart(&self, literal: &str, end: usize) -> String {
        let joins =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '\'' | '"' | ':' | '&');
        let before = self.text.chars().next_back().is_some_and(joins);
        let rest = self.client.get(end..).unwrap_or_default();
        let after = rest.chars().next().is_some_and(joins);
        let blank = |wanted| if wanted { " " } else { "" };
        format!("{}{literal}{}", blank(before), blank(after))
    }

    fn copy_to(&mut self, end: usize) -> Result<(), ValueError> {
        let part = self.client.get(self.done..end).ok_or_else(mixed_up)?;
        self.begin(true);
        self.text.push_str(part);
        let chars = count(part);
        self.client_chars += chars;
        self.upstream_chars += chars;
        self.done = end;
        Ok(())
    }

    fn replace(&mut self, with: &str, end: usize) -> Result<(), ValueError> {
        let part = self.client.get(self.done..end).ok_or_else(mixed_up)?;
        self.begin(false);
        self.text.push_str(with);
        self.client_chars += count(part);
        self.upstream_chars += count(with);
        self.done = end;
        Ok(())
    }

    fn begin(&mut self, copied: bool) {
        self.map.stretches.push(Stretch {
            upstream: self.upstream_chars,
            client: self.client_chars,
            copied,
        });
    }
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX / 4)
}

/// The plan is not of this text or not of this policy: a bug, and no reason to send anything.
fn mixed_up() -> ValueError {
    ValueError::new("XX000", "the plan does not fit the statement")
}

/// A cell as a constant of SQL, or NULL.
fn one(cell: Option<Vec<u8>>) -> String {
    cell.map_or_else(|| "NULL::bytea".to_owned(), |cell| bytea_literal(&cell))
}

/// The cell of a constant; `None` is NULL.
fn seal_literal(
    literal: &Literal,
    seal: &Seal,
    vault: &Vault,
    settings: &Settings,
) -> Result<Option<Vec<u8>>, ValueError> {
    if coerce::text_of(literal).is_some_and(|text| coerce::is_null(seal, text.as_bytes())) {
        return Ok(None);
    }
    let held = vault.held(seal.column).ok_or_else(mixed_up)?;
    let target = Target {
        column: &held.name,
        declared: held.declared,
        coercion: seal.coercion,
    };
    let value = coerce::literal(&target, literal, settings).map_err(|e| e.of(&held.name))?;
    sealed(held, value, seal.coercion).map(Some)
}

/// An argument of EXECUTE: assigned to the parameter's type (src/backend/commands/prepare.c, EvaluateParams),
/// then sealed as a parameter that is bound would be.
fn seal_argument(
    literal: &Literal,
    oid: u32,
    seal: &Seal,
    vault: &Vault,
    settings: &Settings,
) -> Result<Option<Vec<u8>>, ValueError> {
    let held = vault.held(seal.column).ok_or_else(mixed_up)?;
    let target = Target {
        column: &held.name,
        declared: held.declared,
        coercion: seal.coercion,
    };
    let given = coerce::argument(&target, oid, literal, settings).map_err(|e| e.of(&held.name))?;
    let (format, bytes) = given;
    if coerce::is_null(seal, &bytes) {
        return Ok(None);
    }
    let value = coerce::sealed(&target, seal, oid, format, &bytes, settings);
    let value = value.map_err(|e| e.of(&held.name))?;
    sealed(held, value, seal.coercion).map(Some)
}

/// An array argument of EXECUTE.
fn seal_array(
    literal: &Literal,
    oid: u32,
    seal: &Seal,
    vault: &Vault,
    settings: &Settings,
) -> Result<Vec<Option<Vec<u8>>>, ValueError> {
    let held = vault.held(seal.column).ok_or_else(mixed_up)?;
    let literal = elements::argument(literal, oid).map_err(|e| e.of(&held.name))?;
    seal_elements(&literal, seal, vault, settings)
}

fn sealed(held: &Held, value: Value<'_>, coercion: Coercion) -> Result<Vec<u8>, ValueError> {
    let mut cell = Vec::with_capacity(128);
    match held.seal(value, coercion, &mut cell) {
        Ok(()) => Ok(cell),
        Err(Unsealed::Value(e)) => Err(e.of(&held.name)),
        Err(Unsealed::Cell) => {
            let message = format!("cannot seal a value of {}", held.name);
            Err(ValueError::new("XX000", message).of(&held.name))
        }
    }
}

/// The cells of an array literal's elements.
fn seal_elements(
    literal: &Literal,
    seal: &Seal,
    vault: &Vault,
    settings: &Settings,
) -> Result<Vec<Option<Vec<u8>>>, ValueError> {
    let held = vault.held(seal.column).ok_or_else(mixed_up)?;
    let elements = elements::of_literal(literal, seal).map_err(|e| e.of(&held.name))?;
    let cell = |literal: Literal| seal_literal(&literal, seal, vault, settings);
    elements
        .into_iter()
        .map(|element| Ok(element.map(cell).transpose()?.flatten()))
        .collect()
}

/// `E'\\x…'::bytea`: an escape string means the same whatever `standard_conforming_strings` says.
pub(in crate::protect) fn bytea_literal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 14);
    text.push_str("E'\\\\x");
    push_digits(bytes, &mut text);
    text.push_str("'::bytea");
    text
}
