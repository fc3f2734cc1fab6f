//! What clients send, as views over a frame.
//!
//! A view must never exist over a body that was not checked to its last byte. Names and texts are
//! bytes: their encoding is not this layer's business.

use crate::read::Reader;
use crate::{Format, Formats, Frame, Values, WireError};

/// `Q`: a string of statements.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// Its text.
    pub text: &'a [u8],
}

/// `P`: prepare a statement.
#[derive(Clone, Copy)]
pub struct Parse<'a> {
    /// Statement name, empty for the unnamed one.
    pub name: &'a [u8],
    /// Its text.
    pub query: &'a [u8],
    oids: &'a [u8],
}

/// `B`: make a portal.
#[derive(Clone, Copy)]
pub struct Bind<'a> {
    /// Portal name, empty for the unnamed one.
    pub portal: &'a [u8],
    /// Statement name.
    pub statement: &'a [u8],
    /// Formats of the parameters.
    pub formats: Formats<'a>,
    /// The parameters.
    pub params: Values<'a>,
    /// Formats of the result columns.
    pub result_formats: Formats<'a>,
}

/// What Describe and Close name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `S`
    Statement,
    /// `P`
    Portal,
}

impl Target {
    /// The byte on the wire.
    pub fn code(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }
}

/// `D` (Describe) or `C` (Close).
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// Statement or portal.
    pub target: Target,
    /// Its name.
    pub name: &'a [u8],
}

/// `E`: run a portal.
#[derive(Clone, Copy)]
pub struct Execute<'a> {
    /// Portal name.
    pub portal: &'a [u8],
    /// At most so many rows; 0 for all.
    pub max_rows: i32,
}

/// `F`: the fast-path function call.
#[derive(Clone, Copy)]
pub struct FunctionCall {
    /// OID of the function.
    pub function: u32,
}

/// `p` that answers AuthenticationSASL: SASLInitialResponse.
#[derive(Clone, Copy)]
pub struct SaslInitial<'a> {
    /// The mechanism chosen.
    pub mechanism: &'a [u8],
    /// Its first message; empty where the client sent none.
    pub data: &'a [u8],
}

impl<'a> SaslInitial<'a> {
    /// Of a `p` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let mechanism = r.cstr()?;
        let data = match r.i32()? {
            -1 => &[],
            n => r.take(usize::try_from(n).map_err(|_| r.malformed())?)?,
        };
        r.end()?;
        Ok(Self { mechanism, data })
    }
}

impl<'a> Query<'a> {
    /// Of a `Q` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let text = r.cstr()?;
        r.end()?;
        Ok(Self { text })
    }
}

impl<'a> Parse<'a> {
    /// Of a `P` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let (name, query) = (r.cstr()?, r.cstr()?);
        let count = r.u16()?;
        let oids = r.take(usize::from(count) * 4)?;
        r.end()?;
        Ok(Self { name, query, oids })
    }

    /// The declared parameter types; 0 is "unspecified".
    pub fn oids(&self) -> impl ExactSizeIterator<Item = u32> + 'a {
        oids(self.oids)
    }
}

impl<'a> Bind<'a> {
    /// Of a `B` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let view = Self {
            portal: r.cstr()?,
            statement: r.cstr()?,
            formats: Formats::read(&mut r)?,
            params: Values::read(&mut r)?,
            result_formats: Formats::read(&mut r)?,
        };
        r.end()?;
        Ok(view)
    }

    /// The parameters with their formats, or `None` where the number of formats fits neither rule
    /// (PostgreSQL: 08P01).
    pub fn typed_params(
        &self,
    ) -> Option<impl ExactSizeIterator<Item = (Format, Option<&'a [u8]>)> + 'a> {
        let formats = self.formats;
        if formats.len() > 1 && formats.len() != self.params.len() {
            return None;
        }
        Some(
            self.params
                .iter()
                .enumerate()
                .map(move |(i, v)| (formats.of(i).unwrap_or(Format::Text), v)),
        )
    }
}

impl<'a> Named<'a> {
    /// Of a `D` or `C` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let target = match r.u8()? {
            b'S' => Target::Statement,
            b'P' => Target::Portal,
            _ => return Err(r.malformed()),
        };
        let name = r.cstr()?;
        r.end()?;
        Ok(Self { target, name })
    }
}

impl<'a> Execute<'a> {
    /// Of an `E` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let (portal, max_rows) = (r.cstr()?, r.i32()?);
        r.end()?;
        Ok(Self { portal, max_rows })
    }
}

impl FunctionCall {
    /// Of an `F` frame; its arguments are checked and left alone.
    pub fn of(frame: &Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let function = r.u32()?;
        Formats::read(&mut r)?;
        Values::read(&mut r)?;
        r.i16()?;
        r.end()?;
        Ok(Self { function })
    }
}

pub(crate) fn oids(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|c| match c {
        [a, b, c, d] => u32::from_be_bytes([*a, *b, *c, *d]),
        _ => 0,
    })
}
