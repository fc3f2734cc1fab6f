//! ErrorResponse and NoticeResponse: the fields of an error, read and written.
//!
//! What is read from a server may hold values of rows: this layer must never print it.

use crate::read::Reader;
use crate::write::Writer;
use crate::{Frame, WireError};
use pgwire::messages::response::ErrorResponse;

/// The fields of an `E` or `N` frame.
#[derive(Clone, Copy)]
pub struct ErrorFields<'a> {
    body: &'a [u8],
}

impl<'a> ErrorFields<'a> {
    /// Of an `E` or `N` frame.
    pub fn of(frame: &'a Frame) -> Result<Self, WireError> {
        let mut r = Reader::new(frame.tag(), frame.body());
        loop {
            if r.u8()? == 0 {
                break;
            }
            r.cstr()?;
        }
        r.end()?;
        Ok(Self { body: frame.body() })
    }

    /// (field type, value) in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + 'a {
        let mut r = Reader::new(b'E', self.body);
        std::iter::from_fn(move || match r.u8().ok()? {
            0 => None,
            code => Some((code, r.cstr().ok()?)),
        })
    }

    /// The value of one field (`b'C'` is the SQLSTATE, `b'M'` the message …).
    pub fn get(&self, field: u8) -> Option<&'a [u8]> {
        self.iter().find(|(code, _)| *code == field).map(|f| f.1)
    }

    /// The SQLSTATE, `XX000` where a server sends none.
    pub fn sqlstate(&self) -> &'a str {
        self.get(b'C')
            .and_then(|code| std::str::from_utf8(code).ok())
            .unwrap_or("XX000")
    }
}

/// How bad an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement fails.
    Error,
    /// The session ends.
    Fatal,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// An error of ours, in PostgreSQL's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// ERROR or FATAL.
    pub severity: Severity,
    /// Five characters.
    pub sqlstate: String,
    /// What is wrong.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
    /// In characters of the client's text, from 1.
    pub position: Option<usize>,
}

impl ErrorReport {
    /// An error without detail, hint and position.
    pub fn new(severity: Severity, sqlstate: &str, message: impl Into<String>) -> Self {
        Self {
            severity,
            sqlstate: sqlstate.to_owned(),
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
        }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Appends it as an ErrorResponse.
    pub fn write(&self, out: &mut bytes::BytesMut) -> Result<(), WireError> {
        let word = self.severity.word();
        let mut fields = vec![
            (b'S', word.to_owned()),
            (b'V', word.to_owned()),
            (b'C', self.sqlstate.clone()),
            (b'M', clean(&self.message)),
        ];
        fields.extend(self.detail.iter().map(|d| (b'D', clean(d))));
        fields.extend(self.hint.iter().map(|h| (b'H', clean(h))));
        fields.extend(self.position.map(|p| (b'P', p.to_string())));
        Writer::new(out).message(&ErrorResponse::new(fields))
    }
}

/// A zero byte would end the field early and shift all that follow.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}
