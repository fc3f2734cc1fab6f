//! Messages that we write, appended to a buffer.
//!
//! A writer must never leave half a message behind: on error the buffer is as it was.

use crate::backend::Field;
use crate::frontend::Target;
use crate::startup::CancelKey;
use crate::{LARGE_MESSAGE_LIMIT, WireError};
use bytes::{BufMut, BytesMut};
use pgwire::messages::Message;

/// Appends whole messages to a buffer.
pub struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Writer<'a> {
    /// Appends to this buffer.
    pub fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    /// A message of this tag with the body that `body` appends.
    pub fn frame(
        &mut self,
        tag: u8,
        body: impl FnOnce(&mut BytesMut) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let start = self.out.len();
        self.out.put_u8(tag);
        self.out.put_u32(0);
        let written = body(self.out).and_then(|()| self.close(tag, start));
        if written.is_err() {
            self.out.truncate(start);
        }
        written
    }

    fn close(&mut self, tag: u8, start: usize) -> Result<(), WireError> {
        let length = u32::try_from(self.out.len() - start - 1)
            .ok()
            .filter(|n| *n <= LARGE_MESSAGE_LIMIT)
            .ok_or(WireError::TooLong(tag))?;
        self.out
            .get_mut(start + 1..start + 5)
            .ok_or(WireError::TooLong(tag))?
            .copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// One of pgwire's messages.
    pub fn message<M: Message>(&mut self, message: &M) -> Result<(), WireError> {
        let start = self.out.len();
        message.encode(self.out).map_err(|_| {
            self.out.truncate(start);
            WireError::TooLong(M::message_type().unwrap_or(0))
        })
    }

    /// Parse.
    pub fn parse(
        &mut self,
        name: &[u8],
        query: &[u8],
        oids: impl ExactSizeIterator<Item = u32>,
    ) -> Result<(), WireError> {
        self.frame(b'P', |out| {
            cstr(out, b'P', name)?;
            cstr(out, b'P', query)?;
            count(out, b'P', oids.len())?;
            oids.for_each(|oid| out.put_u32(oid));
            Ok(())
        })
    }

    /// Bind; `values` yields each parameter with its format.
    pub fn bind<'v>(
        &mut self,
        portal: &[u8],
        statement: &[u8],
        values: impl ExactSizeIterator<Item = (i16, Option<&'v [u8]>)> + Clone,
        result_formats: impl ExactSizeIterator<Item = i16>,
    ) -> Result<(), WireError> {
        self.frame(b'B', |out| {
            cstr(out, b'B', portal)?;
            cstr(out, b'B', statement)?;
            count(out, b'B', values.len())?;
            values.clone().for_each(|(format, _)| out.put_i16(format));
            count(out, b'B', values.len())?;
            for (_, v) in values {
                value(out, b'B', v)?;
            }
            count(out, b'B', result_formats.len())?;
            result_formats.for_each(|format| out.put_i16(format));
            Ok(())
        })
    }

    /// Describe.
    pub fn describe(&mut self, target: Target, name: &[u8]) -> Result<(), WireError> {
        self.named(b'D', target, name)
    }

    /// Close.
    pub fn close_named(&mut self, target: Target, name: &[u8]) -> Result<(), WireError> {
        self.named(b'C', target, name)
    }

    fn named(&mut self, tag: u8, target: Target, name: &[u8]) -> Result<(), WireError> {
        self.frame(tag, |out| {
            out.put_u8(target.code());
            cstr(out, tag, name)
        })
    }

    /// Execute.
    pub fn execute(&mut self, portal: &[u8], max_rows: i32) -> Result<(), WireError> {
        self.frame(b'E', |out| {
            cstr(out, b'E', portal)?;
            out.put_i32(max_rows);
            Ok(())
        })
    }

    /// Query.
    pub fn query(&mut self, text: &[u8]) -> Result<(), WireError> {
        self.frame(b'Q', |out| cstr(out, b'Q', text))
    }

    /// A message without a body: Sync, Flush, Terminate, CopyDone, ParseComplete, NoData …
    pub fn bare(&mut self, tag: u8) -> Result<(), WireError> {
        self.frame(tag, |_| Ok(()))
    }

    /// CopyFail.
    pub fn copy_fail(&mut self, reason: &str) -> Result<(), WireError> {
        self.frame(b'f', |out| cstr(out, b'f', reason.as_bytes()))
    }

    /// ParameterDescription.
    pub fn parameter_description(
        &mut self,
        oids: impl ExactSizeIterator<Item = u32>,
    ) -> Result<(), WireError> {
        self.frame(b't', |out| {
            count(out, b't', oids.len())?;
            oids.for_each(|oid| out.put_u32(oid));
            Ok(())
        })
    }

    /// RowDescription.
    pub fn row_description<'f>(
        &mut self,
        fields: impl ExactSizeIterator<Item = Field<'f>>,
    ) -> Result<(), WireError> {
        self.frame(b'T', |out| {
            count(out, b'T', fields.len())?;
            for field in fields {
                cstr(out, b'T', field.name)?;
                out.put_u32(field.table);
                out.put_i16(field.attnum);
                out.put_u32(field.type_oid);
                out.put_i16(field.typlen);
                out.put_i32(field.typmod);
                out.put_i16(field.format);
            }
            Ok(())
        })
    }

    /// DataRow of `columns` values, which `body` appends one by one.
    pub fn data_row<E: From<WireError>>(
        &mut self,
        columns: usize,
        body: impl FnOnce(&mut RowWriter<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.out.len();
        self.out.put_u8(b'D');
        self.out.put_u32(0);
        let written = count(self.out, b'D', columns)
            .map_err(E::from)
            .and_then(|()| {
                let mut row = RowWriter {
                    out: self.out,
                    left: columns,
                };
                body(&mut row)?;
                match row.left {
                    0 => Ok(()),
                    _ => Err(WireError::Malformed(b'D').into()),
                }
            })
            .and_then(|()| self.close(b'D', start).map_err(E::from));
        if written.is_err() {
            self.out.truncate(start);
        }
        written
    }

    /// BackendKeyData.
    pub fn backend_key_data(&mut self, key: &CancelKey) -> Result<(), WireError> {
        self.frame(b'K', |out| {
            out.put_u32(key.pid);
            out.put_slice(&key.secret);
            Ok(())
        })
    }

    /// AuthenticationSASL with these mechanisms.
    pub fn sasl<'m>(
        &mut self,
        mechanisms: impl Iterator<Item = &'m [u8]>,
    ) -> Result<(), WireError> {
        self.frame(b'R', |out| {
            out.put_u32(10);
            for name in mechanisms {
                cstr(out, b'R', name)?;
            }
            out.put_u8(0);
            Ok(())
        })
    }

    /// AuthenticationSASLContinue.
    pub fn sasl_continue(&mut self, data: &[u8]) -> Result<(), WireError> {
        self.authentication(11, data)
    }

    /// AuthenticationSASLFinal.
    pub fn sasl_final(&mut self, data: &[u8]) -> Result<(), WireError> {
        self.authentication(12, data)
    }

    /// AuthenticationOk.
    pub fn authentication_ok(&mut self) -> Result<(), WireError> {
        self.authentication(0, &[])
    }

    fn authentication(&mut self, code: u32, data: &[u8]) -> Result<(), WireError> {
        self.frame(b'R', |out| {
            out.put_u32(code);
            out.put_slice(data);
            Ok(())
        })
    }

    /// SASLInitialResponse.
    pub fn sasl_initial(&mut self, mechanism: &[u8], data: &[u8]) -> Result<(), WireError> {
        self.frame(b'p', |out| {
            cstr(out, b'p', mechanism)?;
            value(out, b'p', Some(data))
        })
    }

    /// SASLResponse.
    pub fn sasl_response(&mut self, data: &[u8]) -> Result<(), WireError> {
        self.frame(b'p', |out| {
            out.put_slice(data);
            Ok(())
        })
    }

    /// NegotiateProtocolVersion: 3.`minor` is the newest we speak, and these options are unknown.
    pub fn negotiate_protocol_version<'o>(
        &mut self,
        minor: u16,
        unknown: impl ExactSizeIterator<Item = &'o [u8]>,
    ) -> Result<(), WireError> {
        self.frame(b'v', |out| {
            out.put_u32((3 << 16) | u32::from(minor));
            let n = u32::try_from(unknown.len()).map_err(|_| WireError::TooLong(b'v'))?;
            out.put_u32(n);
            for name in unknown {
                cstr(out, b'v', name)?;
            }
            Ok(())
        })
    }

    /// CancelRequest, which has no tag.
    pub fn cancel_request(&mut self, key: &CancelKey) {
        let length = 12 + u32::try_from(key.secret.len()).unwrap_or_default();
        self.out.put_u32(length);
        self.out.put_u32(80_877_102);
        self.out.put_u32(key.pid);
        self.out.put_slice(&key.secret);
    }

    /// SSLRequest, which has no tag.
    pub fn ssl_request(&mut self) {
        self.out.put_u32(8);
        self.out.put_u32(80_877_103);
    }

    /// StartupMessage 3.0, which has no tag.
    pub fn startup<'p>(
        &mut self,
        mut parameters: impl Iterator<Item = (&'p [u8], &'p [u8])>,
    ) -> Result<(), WireError> {
        let start = self.out.len();
        self.out.put_u32(0);
        self.out.put_u32(3 << 16);
        let written = parameters
            .try_for_each(|(name, value)| {
                cstr(self.out, 0, name)?;
                cstr(self.out, 0, value)
            })
            .and_then(|()| {
                self.out.put_u8(0);
                let word = u32::try_from(self.out.len() - start)
                    .ok()
                    .filter(|n| *n <= crate::MAX_STARTUP_PACKET_LENGTH)
                    .ok_or(WireError::TooLong(0))?;
                self.out
                    .get_mut(start..start + 4)
                    .ok_or(WireError::TooLong(0))?
                    .copy_from_slice(&word.to_be_bytes());
                Ok(())
            });
        if written.is_err() {
            self.out.truncate(start);
        }
        written
    }
}

/// Appends the values of one DataRow.
pub struct RowWriter<'a> {
    out: &'a mut BytesMut,
    left: usize,
}

impl RowWriter<'_> {
    /// The next value; `None` is NULL.
    pub fn value(&mut self, v: Option<&[u8]>) -> Result<(), WireError> {
        self.left = self.left.checked_sub(1).ok_or(WireError::Malformed(b'D'))?;
        value(self.out, b'D', v)
    }

    /// The next value, not NULL, as `body` appends it. On error the row must be given up.
    pub fn value_with<E: From<WireError>>(
        &mut self,
        body: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        self.left = self.left.checked_sub(1).ok_or(WireError::Malformed(b'D'))?;
        let start = self.out.len();
        self.out.put_i32(0);
        body(self.out)?;
        let length = i32::try_from(self.out.len() - start - 4)
            .map_err(|_| E::from(WireError::TooLong(b'D')))?;
        if let Some(slot) = self.out.get_mut(start..start + 4) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

fn cstr(out: &mut BytesMut, tag: u8, text: &[u8]) -> Result<(), WireError> {
    // a zero byte inside would end the text early and shift all that follows
    if text.contains(&0) {
        return Err(WireError::Malformed(tag));
    }
    out.put_slice(text);
    out.put_u8(0);
    Ok(())
}

fn count(out: &mut BytesMut, tag: u8, n: usize) -> Result<(), WireError> {
    out.put_u16(u16::try_from(n).map_err(|_| WireError::TooLong(tag))?);
    Ok(())
}

fn value(out: &mut BytesMut, tag: u8, v: Option<&[u8]>) -> Result<(), WireError> {
    match v {
        None => out.put_i32(-1),
        Some(v) => {
            out.put_i32(i32::try_from(v.len()).map_err(|_| WireError::TooLong(tag))?);
            out.put_slice(v);
        }
    }
    Ok(())
}
