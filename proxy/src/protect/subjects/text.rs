//! The canonical text of a subject: the same from text and binary format, and in every setting.

use crate::protect::coerce::{self, Target};
use crate::protect::elements::of_parameter;
use crate::protect::value::bytea;
use crate::protect::value::{self, uuid};
use crate::protect::{Settings, ValueError, Vault};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnIx, Family};
use hippocrypt_sql::verdict::{Coercion, Form};
use hippocrypt_wire::Format;
use std::io::Write;
use zeroize::Zeroizing;

/// A value that a client gave.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    /// 0 where its type is not known.
    pub(super) oid: u32,
    pub(super) format: Format,
    pub(super) bytes: &'a [u8],
}

/// Puts the text of a value that the server has sent in the place of what `out` holds.
pub(super) fn of_row(
    form: Form,
    vault: &Vault,
    format: Format,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    out.clear();
    match (form, format) {
        (Form::Integer | Form::Text | Form::Uuid, Format::Text) | (Form::Text, Format::Binary) => {
            out.extend_from_slice(bytes);
            Some(())
        }
        (Form::Integer, Format::Binary) => integer(bytes, out),
        (Form::Uuid, Format::Binary) => hyphened(bytes.try_into().ok()?, out),
        (Form::Cell(ix), _) => cell(ix, vault, format, bytes, out),
    }
}

/// The text of a value that a client gave; `None`: it cannot be read as what it is compared as.
pub(super) fn value(
    form: Form,
    given: Value<'_>,
    vault: &Vault,
    settings: &Settings,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    read(form, given, vault, settings, &mut text).map(|()| text)
}

fn read(
    form: Form,
    given: Value<'_>,
    vault: &Vault,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Option<()> {
    let Value { oid, format, bytes } = given;
    let unknown = oid == 705;
    if !unknown && !form.takes(oid) {
        return None;
    }
    match (form, format) {
        (Form::Integer, Format::Text) => {
            let number: i64 = std::str::from_utf8(bytes).ok()?.trim().parse().ok()?;
            write!(out, "{number}").ok()
        }
        (Form::Uuid, Format::Text) => {
            hyphened(uuid::parse(std::str::from_utf8(bytes).ok()?).ok()?, out)
        }
        (Form::Cell(ix), _) => {
            let held = vault.held(ix)?;
            let target = Target {
                column: &held.name,
                declared: held.declared,
                coercion: Coercion::Compare,
            };
            match coerce::parameter(&target, oid, format, bytes, settings).ok()? {
                value::Value::Integer(n) => write!(out, "{n}").ok(),
                value::Value::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    Some(())
                }
                value::Value::Uuid(uuid) => hyphened(uuid, out),
                _ => None,
            }
        }
        _ => of_row(form, vault, format, bytes, out),
    }
}

/// Each element of an array that is no NULL.
pub(super) fn elements(
    form: Form,
    array: Value<'_>,
    vault: &Vault,
    one: &mut dyn FnMut(Value<'_>) -> Option<()>,
) -> Option<()> {
    let element = match form {
        Form::Integer => 20,
        Form::Text => 25,
        Form::Uuid => 2950,
        Form::Cell(ix) => vault.held(ix)?.declared.oid(),
    };
    let (oid, typed) = match (array.oid, array.format, array.bytes) {
        (oid, ..) if hippocrypt_policy::element_of(oid).is_some() => (oid, true),
        // a binary array says of what it is: int32 dimensions, int32 flags, then the element's OID
        (0, Format::Binary, bytes) => {
            let said = bytes.get(8..12)?.first_chunk::<4>()?;
            (
                hippocrypt_policy::array_of(u32::from_be_bytes(*said))?,
                true,
            )
        }
        (0 | 705, ..) => (hippocrypt_policy::array_of(element)?, false),
        _ => return None,
    };
    let read = |element, bytes: Option<&[u8]>| {
        let Some(bytes) = bytes else { return Ok(()) };
        let value = Value {
            oid: if typed { element } else { 0 },
            format: array.format,
            bytes,
        };
        one(value).ok_or_else(|| ValueError::new("0A000", "a value names nobody"))
    };
    of_parameter(oid, array.format, array.bytes, read).ok()
}

fn integer(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let number = match bytes.len() {
        2 => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        4 => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        8 => i64::from_be_bytes(bytes.try_into().ok()?),
        _ => return None,
    };
    write!(out, "{number}").ok()
}

fn hyphened(uuid: [u8; 16], out: &mut Vec<u8>) -> Option<()> {
    let mut text = BytesMut::with_capacity(36);
    uuid::write_text(uuid, &mut text);
    out.extend_from_slice(&text);
    Some(())
}

fn cell(
    ix: ColumnIx,
    vault: &Vault,
    format: Format,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    let held = vault.held(ix)?;
    let decoded;
    let cell = match format {
        Format::Binary => bytes,
        Format::Text => {
            decoded = bytea::decode(bytes)?;
            &decoded
        }
    };
    let opened = held.keys.as_ref()?.open(cell).ok()?;
    let plaintext = opened.expose();
    match held.declared.family() {
        Family::Integer => integer(plaintext, out),
        Family::Uuid => hyphened(plaintext.try_into().ok()?, out),
        Family::Text => {
            out.extend_from_slice(plaintext);
            Some(())
        }
        _ => None,
    }
}
