//! Values on their way out: the plaintext of a cell, or what a mask puts in its place, in the client's
//! format.
//!
//! It must never show a plaintext that is none of its type.

use super::array::ShownArray;
use super::interval::Interval;
use super::network::Network;
use super::numeric::{self, Words};
use super::{array, bytea, date, float, integer, interval, json, network, time, timestamptz, uuid};
use crate::protect::{Settings, ValueError};
use bytes::{BufMut, BytesMut};
use hippocrypt_policy::DeclaredType;
use hippocrypt_wire::Format;

/// What a deterministic cell does not keep, since equal values may differ in it: the column says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protect) enum Restore {
    /// Digits after a numeric's point.
    Scale(u16),
    /// Characters of char(n).
    Width(u32),
}

impl Restore {
    /// What has to be restored for values (of arrays: elements) of the type.
    pub(in crate::protect) fn of(declared: DeclaredType) -> Option<Self> {
        match declared {
            DeclaredType::Numeric(Some((_, s))) => Some(Self::Scale(u16::try_from(s).unwrap_or(0))),
            DeclaredType::Bpchar(Some(n)) => Some(Self::Width(n)),
            DeclaredType::Array(element) => Self::of(element.declared()),
            _ => None,
        }
    }
}

/// A value as it is shown to the client: of a plaintext that authenticated, or of a mask.
pub(in crate::protect) enum Shown<'a> {
    /// bool
    Bool(bool),
    /// int2
    Int2(i16),
    /// int4
    Int4(i32),
    /// int8
    Int8(i64),
    /// float4
    Float4(f32),
    /// float8
    Float8(f64),
    /// text, varchar: UTF-8
    Text(&'a [u8]),
    /// char(n): UTF-8, and how many blanks follow
    Blank(&'a [u8], usize),
    /// bytea
    Bytes(&'a [u8]),
    /// numeric
    Numeric(Words<'a>),
    /// date
    Date(i32),
    /// time
    Time(i64),
    /// timestamp
    Timestamp(i64),
    /// timestamptz
    Timestamptz(i64),
    /// interval
    Interval(Interval),
    /// uuid
    Uuid([u8; 16]),
    /// json
    Json(&'a [u8]),
    /// jsonb
    Jsonb(&'a [u8]),
    /// inet
    Inet(Network),
    /// cidr
    Cidr(Network),
    /// An array.
    Array(ShownArray<'a>),
}

impl<'a> Shown<'a> {
    /// The value that `plaintext` holds; `None` where it holds none of the type.
    pub(in crate::protect) fn read(
        declared: DeclaredType,
        restore: Option<Restore>,
        plaintext: &'a [u8],
    ) -> Option<Self> {
        use DeclaredType as D;
        let long = || plaintext.try_into().ok().map(i64::from_be_bytes);
        Some(match declared {
            D::Bool => Self::Bool(match plaintext {
                [0] => false,
                [1] => true,
                _ => return None,
            }),
            D::Int2 => Self::Int2(i16::try_from(long()?).ok()?),
            D::Int4 => Self::Int4(i32::try_from(long()?).ok()?),
            D::Int8 => Self::Int8(long()?),
            D::Float4 => Self::Float4(f32::from_be_bytes(plaintext.try_into().ok()?)),
            D::Float8 => Self::Float8(f64::from_be_bytes(plaintext.try_into().ok()?)),
            D::Text | D::Varchar(_) => Self::Text(plaintext),
            D::Bpchar(_) => Self::Blank(
                plaintext,
                match restore {
                    Some(Restore::Width(n)) => {
                        let length = std::str::from_utf8(plaintext).ok()?.chars().count();
                        usize::try_from(n).ok()?.checked_sub(length)?
                    }
                    _ => 0,
                },
            ),
            D::Bytea => Self::Bytes(plaintext),
            D::Numeric(_) => {
                let words = Words::read(plaintext)?;
                Self::Numeric(match restore {
                    Some(Restore::Scale(scale)) => words.shown_with(scale)?,
                    _ => words,
                })
            }
            D::Date => {
                let days = plaintext.try_into().ok().map(i32::from_be_bytes)?;
                Self::Date(date::checked(days).ok()?)
            }
            D::Time(_) => Self::Time(time::checked(long()?).ok()?),
            D::Timestamp(_) => Self::Timestamp(timestamptz::checked(long()?).ok()?),
            D::Timestamptz(_) => Self::Timestamptz(timestamptz::checked(long()?).ok()?),
            D::Interval(_) => Self::Interval(Interval::receive(plaintext.try_into().ok()?)),
            D::Uuid => Self::Uuid(plaintext.try_into().ok()?),
            D::Json => Self::Json(plaintext),
            D::Jsonb => Self::Jsonb(plaintext),
            D::Inet => Self::Inet(Network::read(plaintext)?),
            D::Cidr => Self::Cidr(Network::read(plaintext).filter(|n| n.is_network())?),
            D::Array(element) => {
                Self::Array(ShownArray::read(element.declared(), restore, plaintext)?)
            }
        })
    }

    /// Appends it in the client's format.
    ///
    /// # Errors
    /// 0A000 where the session's settings are not understood.
    pub(in crate::protect) fn write(
        &self,
        format: Format,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Result<(), ValueError> {
        match format {
            Format::Text => self.write_text(settings, out),
            Format::Binary => {
                self.send(out);
                Ok(())
            }
        }
    }

    /// Appends it as the type's send function does.
    pub(in crate::protect) fn send(&self, out: &mut BytesMut) {
        match self {
            Self::Bool(b) => out.put_u8(u8::from(*b)),
            Self::Int2(n) => out.put_i16(*n),
            Self::Int4(n) | Self::Date(n) => out.put_i32(*n),
            Self::Int8(n) | Self::Time(n) | Self::Timestamp(n) | Self::Timestamptz(n) => {
                out.put_i64(*n);
            }
            Self::Float4(f) => out.put_u32(f.to_bits()),
            Self::Float8(f) => out.put_u64(f.to_bits()),
            Self::Text(bytes) | Self::Bytes(bytes) | Self::Json(bytes) => out.put_slice(bytes),
            Self::Blank(text, blanks) => {
                out.put_slice(text);
                out.put_bytes(b' ', *blanks);
            }
            Self::Numeric(words) => numeric::write_binary(*words, out),
            Self::Interval(interval) => interval.send(out),
            Self::Uuid(uuid) => out.put_slice(uuid),
            Self::Jsonb(text) => {
                out.put_u8(json::JSONB_VERSION);
                out.put_slice(text);
            }
            Self::Inet(n) => network::send(*n, false, out),
            Self::Cidr(n) => network::send(*n, true, out),
            Self::Array(array) => array::send(array, out),
        }
    }

    pub(super) fn write_text(
        &self,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Result<(), ValueError> {
        match self {
            Self::Bool(b) => out.put_u8(if *b { b't' } else { b'f' }),
            Self::Int2(n) => integer::write_text(i64::from(*n), out),
            Self::Int4(n) => integer::write_text(i64::from(*n), out),
            Self::Int8(n) => integer::write_text(*n, out),
            Self::Float4(f) => float::write_text(*f, settings.float_digits()?, out),
            Self::Float8(f) => float::write_text(*f, settings.float_digits()?, out),
            Self::Text(_) | Self::Blank(..) | Self::Json(_) => self.send(out),
            Self::Jsonb(text) => out.put_slice(text),
            Self::Bytes(bytes) => bytea::write_text(bytes, settings.bytea_output()?, out),
            Self::Numeric(words) => numeric::write_text(*words, out),
            Self::Date(days) => return date::write_text(*days, settings, out),
            Self::Time(t) => time::write_text(*t, out),
            Self::Timestamp(t) => return timestamptz::write_local(*t, settings, out),
            Self::Timestamptz(t) => return timestamptz::write_text(*t, settings, out),
            Self::Interval(i) => interval::write_text(*i, settings.interval_style()?, out),
            Self::Uuid(uuid) => uuid::write_text(*uuid, out),
            Self::Inet(n) => network::write_text(*n, false, out),
            Self::Cidr(n) => network::write_text(*n, true, out),
            Self::Array(array) => return array::write_text(array, settings, out),
        }
        Ok(())
    }
}
