//! Tuples of binary data on their way to the server.
//!
//! It must never pass the client's header: flags and extensions of it could mean what we do not know.

use super::{Blamed, Sealing, unblamed};
use crate::protect::copy::binary::{self, Tuple};
use crate::protect::copy::lines::Input;
use crate::protect::copy::{LONGEST_ROW, bad_format, too_long};
use bytes::BytesMut;

/// Reads tuples.
#[derive(Default)]
pub(super) struct BinaryReader {
    data: Vec<u8>,
    place: Place,
    pub(super) rows: u64,
}

/// Where binary data stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Header,
    Rows,
    End,
}

impl BinaryReader {
    /// Takes a piece; whole tuples go to `out`.
    pub(super) fn take(
        &mut self,
        data: &[u8],
        input: Input,
        sealing: &mut Sealing<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Blamed> {
        if self.data.len() > LONGEST_ROW {
            return Err(unblamed(too_long()));
        }
        self.data.extend_from_slice(data);
        let mut rest = std::mem::take(&mut self.data);
        let done = self.rows(&rest, input, sealing, out)?;
        rest.drain(..done);
        self.data = rest;
        Ok(())
    }

    /// Deals with what is whole in `data`, and says how much that was.
    fn rows(
        &mut self,
        data: &[u8],
        input: Input,
        sealing: &mut Sealing<'_>,
        out: &mut BytesMut,
    ) -> Result<usize, Blamed> {
        let mut done = 0;
        if self.place == Place::Header {
            match binary::header(data).map_err(unblamed)? {
                Some(length) => {
                    out.extend_from_slice(binary::HEADER);
                    self.place = Place::Rows;
                    done = length;
                }
                None if input == Input::Open => return Ok(0),
                None => return Err(unblamed(binary::no_header(data))),
            }
        }
        loop {
            let rest = data.get(done..).unwrap_or_default();
            if self.place == Place::End && !rest.is_empty() {
                return Err(unblamed(bad_format("received copy data after EOF marker")));
            }
            let counted = self.rows;
            self.rows += u64::from(!rest.is_empty());
            match binary::tuple(rest, sealing.plan.columns.len()).map_err(unblamed)? {
                Tuple::Row(fields, length) => {
                    sealing.tuple(&fields, out)?;
                    done += length;
                }
                Tuple::Trailer => {
                    out.extend_from_slice(&binary::TRAILER);
                    self.place = Place::End;
                    done += binary::TRAILER.len();
                }
                Tuple::More if input == Input::Finished && rest.len() >= 2 => {
                    return Err(unblamed(bad_format("unexpected EOF in COPY data")));
                }
                Tuple::More => {
                    self.rows = counted;
                    return Ok(done);
                }
            }
        }
    }
}
