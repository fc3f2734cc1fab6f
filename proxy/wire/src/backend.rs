//! What servers send, as views over a frame.
//!
//! A view must never exist over a body that was not checked to its last byte.

use crate::frontend::oids;
use crate::read::Reader;
use crate::{Frame, Values, WireError};

/// `T`: the result columns.
#[derive(Clone, Copy)]
pub struct RowDescription<'a> {
    count: u16,
    fields: &'a [u8],
}

/// One result column of a [`RowDescription`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// OID of the table it comes from, or 0.
    pub table: u32,
    /// Attribute number in that table, or 0.
    pub attnum: i16,
    /// OID of its type (a domain's base type).
    pub type_oid: u32,
    /// `typlen`.
    pub typlen: i16,
    /// `atttypmod`, -1 for none.
    pub typmod: i32,
    /// Format code; 0 in the answer to Describe of a statement.
    pub format: i16,
}

/// `t`: the parameter types of a statement.
#[derive(Clone, Copy)]
pub struct ParameterDescription<'a> {
    oids: &'a [u8],
}

/// `D`: a row.
#[derive(Clone, Copy)]
pub struct DataRow<'a> {
    /// Its values.
    pub values: Values<'a>,
}

/// `C`: a statement is done.
#[derive(Clone, Copy)]
pub struct CommandComplete<'a> {
    /// The command tag, `INSERT 0 1`.
    pub tag: &'a [u8],
}

/// `Z`: where the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// `I`: no transaction block.
    Idle,
    /// `T`: in a transaction block.
    InBlock,
    /// `E`: in a transaction block that has failed.
    Failed,
}

/// `S`: a setting that is reported.
#[derive(Clone, Copy)]
pub struct ParameterStatus<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// `K`: what a CancelRequest has to carry.
#[derive(Clone, Copy)]
pub struct BackendKeyData<'a> {
    /// Process id of the server's backend.
    pub pid: u32,
    /// The secret: four bytes in protocol 3.0, up to 256 in 3.2.
    pub secret: &'a [u8],
}

/// `R`: a step of the authentication.
#[derive(Clone, Copy)]
pub enum Authentication<'a> {
    /// 0
    Ok,
    /// 3
    CleartextPassword,
    /// 5, with the salt
    Md5Password([u8; 4]),
    /// 10, with the list of mechanisms
    Sasl(Mechanisms<'a>),
    /// 11
    SaslContinue(&'a [u8]),
    /// 12
    SaslFinal(&'a [u8]),
    /// GSS, SSPI, Kerberos and what may come
    Other(u32),
}

/// The mechanisms of an AuthenticationSASL.
#[derive(Clone, Copy)]
pub struct Mechanisms<'a>(&'a [u8]);

impl<'a> Mechanisms<'a> {
    /// Their names in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.0.split(|&b| b == 0).filter(|name| !name.is_empty())
    }
}

impl<'a> RowDescription<'a> {
    /// Of a `T` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let count = r.u16()?;
        let fields = r.peek();
        for _ in 0..count {
            field(&mut r)?;
        }
        r.end()?;
        Ok(Self { count, fields })
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there is none (`SELECT FROM t`).
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The columns in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'a>> + 'a {
        let mut r = Reader::new(b'T', self.fields);
        std::iter::from_fn(move || field(&mut r).ok()).take(self.len())
    }
}

fn field<'a>(r: &mut Reader<'a>) -> Result<Field<'a>, WireError> {
    Ok(Field {
        name: r.cstr()?,
        table: r.u32()?,
        attnum: r.i16()?,
        type_oid: r.u32()?,
        typlen: r.i16()?,
        typmod: r.i32()?,
        format: r.i16()?,
    })
}

impl<'a> ParameterDescription<'a> {
    /// Of a `t` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let count = r.u16()?;
        let oids = r.take(usize::from(count) * 4)?;
        r.end()?;
        Ok(Self { oids })
    }

    /// The types in order.
    pub fn oids(&self) -> impl ExactSizeIterator<Item = u32> + 'a {
        oids(self.oids)
    }
}

impl<'a> DataRow<'a> {
    /// Of a `D` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let values = Values::read(&mut r)?;
        r.end()?;
        Ok(Self { values })
    }
}

impl<'a> CommandComplete<'a> {
    /// Of a `C` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let tag = r.cstr()?;
        r.end()?;
        Ok(Self { tag })
    }

    /// The number of rows the tag tells of, if it ends in one.
    pub fn rows(&self) -> Option<u64> {
        let last = self.tag.rsplit(|&b| b == b' ').next()?;
        std::str::from_utf8(last).ok()?.parse().ok()
    }
}

impl TransactionStatus {
    /// Of a `Z` frame.
    pub fn of(frame: &Frame) -> Result<Self, WireError> {
        match frame.body() {
            b"I" => Ok(Self::Idle),
            b"T" => Ok(Self::InBlock),
            b"E" => Ok(Self::Failed),
            _ => Err(WireError::Malformed(frame.tag())),
        }
    }
}

impl<'a> ParameterStatus<'a> {
    /// Of an `S` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let (name, value) = (r.cstr()?, r.cstr()?);
        r.end()?;
        Ok(Self { name, value })
    }
}

impl<'a> BackendKeyData<'a> {
    /// Of a `K` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let pid = r.u32()?;
        let secret = r.rest();
        if (4..=256).contains(&secret.len()) {
            Ok(Self { pid, secret })
        } else {
            Err(r.malformed())
        }
    }
}

impl<'a> Authentication<'a> {
    /// Of an `R` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        let step = match r.u32()? {
            0 => Self::Ok,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password(r.array()?),
            10 => Self::Sasl(mechanisms(&mut r)?),
            11 => Self::SaslContinue(r.rest()),
            12 => Self::SaslFinal(r.rest()),
            code => {
                r.rest();
                Self::Other(code)
            }
        };
        r.end()?;
        Ok(step)
    }
}

fn mechanisms<'a>(r: &mut Reader<'a>) -> Result<Mechanisms<'a>, WireError> {
    let all = r.peek();
    while !r.cstr()?.is_empty() {}
    Ok(Mechanisms(all))
}
