//! Sealing and opening the cells of one column group.
//!
//! [`GroupCodec::open`] is the only way from a cell to plaintext; it checks the header against what
//! the caller's plan expects before it decrypts, and hands out nothing that has not authenticated.
//! It never panics on what a database may send. docs/formats/cell.md is the format.

mod cache;
mod epoch;
mod error;
mod token;
mod writing;

#[cfg(test)]
mod tests;

pub use error::{CodecError, OpenError, SealError};

use crate::header::{HEADER_LEN, MAX_CELL_LEN, NONCE_LEN, Parts, put};
use crate::padding::{pad, padded_len, unpadded_len};
use crate::xaes::PrefixKey;
use crate::{
    DataKey, DatabaseUuid, Epoch, GroupId, Header, Padding, Plaintext, Suite, TAG_LEN, TypeCode,
};
use cache::PrefixKeys;
use epoch::EpochKeys;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use writing::{Nonce, Writing};
use zeroize::Zeroizing;

/// The keys of one column group in all its known epochs. Shared in an [`Arc`] by all sessions.
pub struct GroupCodec {
    database: DatabaseUuid,
    group: GroupId,
    write_epoch: Epoch,
    write_keys: Arc<EpochKeys>,
    epochs: BTreeMap<Epoch, Arc<EpochKeys>>,
    writing: Writing,
    opening: PrefixKeys,
}

impl GroupCodec {
    /// Derives the group's keys of every epoch. `write_epoch` is the one that [`Self::seal`] uses.
    pub fn new<'k>(
        database: DatabaseUuid,
        group: GroupId,
        write_epoch: Epoch,
        data_keys: impl IntoIterator<Item = (Epoch, &'k DataKey)>,
    ) -> Result<Self, CodecError> {
        let mut epochs = BTreeMap::new();
        for (epoch, key) in data_keys {
            let keys = Arc::new(EpochKeys::derive(&database, group, epoch, key));
            if epochs.insert(epoch, keys).is_some() {
                return Err(CodecError::TwoKeys(epoch));
            }
        }
        let write_keys = epochs.get(&write_epoch).cloned();
        Ok(Self {
            database,
            group,
            write_epoch,
            write_keys: write_keys.ok_or(CodecError::NoWritingKey(write_epoch))?,
            epochs,
            writing: Writing::default(),
            opening: PrefixKeys::default(),
        })
    }

    /// The group whose cells these are.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// The epoch in which this codec writes.
    pub fn write_epoch(&self) -> Epoch {
        self.write_epoch
    }

    /// Appends one cell to `out`. On an error `out` is as it was.
    ///
    /// `pad` belongs to the type family: the same value sealed with and without padding gives two
    /// different deterministic cells. Suite 04 has no plaintext and so no padding; `pad` is
    /// ignored there.
    pub fn seal(
        &self,
        suite: Suite,
        ty: TypeCode,
        pad: Padding,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        if ty.0 > 0x7F {
            return Err(SealError::TypeCode(ty.0));
        }
        let cell = CellPlan::new(suite, pad, plaintext)?;
        let start = out.len();
        let done = match suite {
            Suite::Random => self.seal_random(ty, &cell, out),
            Suite::Deterministic => self.seal_deterministic(ty, &cell, out),
            Suite::Hash => self.seal_hash(ty, plaintext, out),
        };
        if done.is_err() {
            out.truncate(start);
        }
        done
    }

    /// Opens a cell that must be of this group, of type `ty` and of `suite`.
    pub fn open(&self, cell: &[u8], ty: TypeCode, suite: Suite) -> Result<Plaintext, OpenError> {
        let parts = Parts::split(cell)?;
        let header = &parts.header;
        let keys = self.keys_for(header, ty, suite)?;
        let aad = self.associated_data(header);
        let mut text = Zeroizing::new(parts.ciphertext.to_vec());
        match suite {
            Suite::Random => self.open_random(keys, &parts, &aad, &mut text)?,
            Suite::Deterministic => keys.open_deterministic(&parts, &aad, &mut text)?,
            Suite::Hash => return Err(OpenError::OneWay),
        }
        if header.padded {
            let len = unpadded_len(&text).ok_or(OpenError::NotAuthentic)?;
            text.truncate(len);
        }
        Ok(Plaintext(text))
    }

    /// Checks what the header says against what the plan expects, and finds the epoch's keys.
    fn keys_for(
        &self,
        header: &Header,
        ty: TypeCode,
        suite: Suite,
    ) -> Result<&EpochKeys, OpenError> {
        if header.group != self.group {
            return Err(OpenError::Group {
                found: header.group,
                expected: self.group,
            });
        }
        if header.type_code != ty {
            return Err(OpenError::Type {
                found: header.type_code,
                expected: ty,
            });
        }
        if header.suite != suite {
            return Err(OpenError::Suite {
                found: header.suite,
                expected: suite,
            });
        }
        let keys = self.epochs.get(&header.epoch);
        let keys = keys.ok_or(OpenError::Epoch(header.epoch))?;
        if keys.commitment != header.commitment {
            return Err(OpenError::Key(header.epoch));
        }
        Ok(keys)
    }

    fn open_random(
        &self,
        keys: &EpochKeys,
        parts: &Parts<'_>,
        aad: &AssociatedData,
        text: &mut [u8],
    ) -> Result<(), OpenError> {
        let epoch = parts.header.epoch;
        let known = self.opening.get(epoch, &parts.prefix);
        let key = known
            .clone()
            .unwrap_or_else(|| keys.prefix_key(&parts.prefix));
        key.open(&parts.tail, aad, text, &parts.tag)
            .map_err(|_| OpenError::NotAuthentic)?;
        // Only now: a prefix that came with a forged cell must not push a real one out.
        if known.is_none() {
            self.opening.insert(epoch, parts.prefix, key);
        }
        Ok(())
    }

    fn seal_random(
        &self,
        ty: TypeCode,
        cell: &CellPlan<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let (key, nonce) = self.writing.next(&self.write_keys, cell.text_len)?;
        self.seal_under(&key, nonce, ty, cell, out)
    }

    /// Suite 01 under a given nonce: private, since only `writing` may choose one. Frozen vectors
    /// come in here.
    fn seal_under(
        &self,
        key: &PrefixKey,
        nonce: Nonce,
        ty: TypeCode,
        cell: &CellPlan<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let header = self.header(Suite::Random, ty, cell.padded());
        let text = cell.begin(&header, &nonce.whole(), out);
        let tag = key
            .seal(nonce.tail(), &self.associated_data(&header), text)
            .map_err(|_| SealError::TooLong(cell.plaintext.len()))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    fn seal_deterministic(
        &self,
        ty: TypeCode,
        cell: &CellPlan<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let header = self.header(Suite::Deterministic, ty, cell.padded());
        let aad = self.associated_data(&header);
        let start = out.len();
        // The nonce is known only when the padded plaintext stands, so the header is written twice.
        let text = cell.begin(&header, &[0; NONCE_LEN], out);
        let nonce = self.write_keys.synthetic_nonce(&aad, text);
        let tag = self.write_keys.seal_deterministic(&nonce, &aad, text);
        let tag = tag.map_err(|_| SealError::TooLong(cell.plaintext.len()))?;
        if let Some(place) = out.get_mut(start..start + HEADER_LEN) {
            place.copy_from_slice(&header.write(&nonce.whole()));
        }
        out.extend_from_slice(&tag);
        Ok(())
    }

    fn seal_hash(
        &self,
        ty: TypeCode,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let header = self.header(Suite::Hash, ty, false);
        let aad = self.associated_data(&header);
        out.extend_from_slice(&header.write(&[0; NONCE_LEN]));
        out.extend_from_slice(&self.write_keys.hash(&aad, plaintext));
        Ok(())
    }

    fn header(&self, suite: Suite, type_code: TypeCode, padded: bool) -> Header {
        Header {
            suite,
            type_code,
            padded,
            group: self.group,
            epoch: self.write_epoch,
            commitment: self.write_keys.commitment,
        }
    }

    /// Label ‖ bytes [0,4) ‖ bytes [28,42) ‖ database uuid. The nonce GCM authenticates itself.
    fn associated_data(&self, header: &Header) -> AssociatedData {
        let written = header.write(&[0; NONCE_LEN]);
        let mut aad = [0; AAD_LEN];
        let rest = put(&mut aad, LABEL);
        let rest = put(rest, written.get(..4).unwrap_or_default());
        let rest = put(rest, written.get(4 + NONCE_LEN..).unwrap_or_default());
        put(rest, &self.database.0);
        aad
    }
}

impl fmt::Debug for GroupCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCodec")
            .field("group", &self.group)
            .field("write_epoch", &self.write_epoch)
            .finish_non_exhaustive()
    }
}

const LABEL: &[u8; 19] = b"hippocrypt/cell/v1\0";
const AAD_LEN: usize = LABEL.len() + 4 + 14 + 16;
type AssociatedData = [u8; AAD_LEN];

/// A plaintext and how long its cell's ciphertext will be.
struct CellPlan<'p> {
    plaintext: &'p [u8],
    text_len: usize,
}

impl<'p> CellPlan<'p> {
    fn new(suite: Suite, pad: Padding, plaintext: &'p [u8]) -> Result<Self, SealError> {
        let text_len = match pad {
            _ if suite == Suite::Hash => Some(plaintext.len()),
            Padding::Yes => padded_len(plaintext.len()),
            Padding::No if plaintext.is_empty() => return Err(SealError::Empty),
            Padding::No => Some(plaintext.len()),
        };
        text_len
            .filter(|len| *len <= MAX_CELL_LEN - HEADER_LEN - TAG_LEN)
            .map(|text_len| Self {
                plaintext,
                text_len,
            })
            .ok_or(SealError::TooLong(plaintext.len()))
    }

    fn padded(&self) -> bool {
        self.text_len > self.plaintext.len()
    }

    /// Appends header and padded plaintext and gives the latter, to be encrypted where it stands.
    ///
    /// Space for the whole cell is reserved first: growing later would leave a copy behind.
    fn begin<'o>(
        &self,
        header: &Header,
        nonce: &[u8; NONCE_LEN],
        out: &'o mut Vec<u8>,
    ) -> &'o mut [u8] {
        out.reserve(HEADER_LEN + self.text_len + TAG_LEN);
        out.extend_from_slice(&header.write(nonce));
        let start = out.len();
        out.extend_from_slice(self.plaintext);
        pad(out, self.plaintext.len(), self.text_len);
        out.get_mut(start..).unwrap_or_default()
    }
}
