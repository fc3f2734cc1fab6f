//! Tokens: what a cell of suite 04 is shown as, and back. docs/formats/cell.md, "Tokens".
//!
//! A token and a cell are one to one: whatever is not written just so is no token. It proves nothing about who
//! made the cell; suite 04 has no tag.

use super::GroupCodec;
use crate::header::{HASH_CELL_LEN, HEADER_LEN, NONCE_LEN, Parts};
use crate::{Epoch, Header, OpenError, Plaintext, Suite, TypeCode};
use faster_hex::CheckCase;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Before the hexadecimal digits of epoch and MAC.
const MARK: &[u8] = b"h1:";
const MAC_LEN: usize = HASH_CELL_LEN - HEADER_LEN;

impl GroupCodec {
    /// The token of a cell that must be of this group, of type `ty` and of suite 04.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn token(&self, cell: &[u8], ty: TypeCode) -> Result<Plaintext, OpenError> {
        let parts = Parts::split(cell)?;
        self.keys_for(&parts.header, ty, Suite::Hash)?;
        let mut token = String::with_capacity(MARK.len() + 4 + 2 * MAC_LEN);
        // writing to a String does not fail
        let _ = write!(token, "h1:{:04x}", parts.header.epoch.0);
        let mac = cell.get(HEADER_LEN..).unwrap_or_default();
        let mut digits = Zeroizing::new([0; 2 * MAC_LEN]);
        let digits = faster_hex::hex_encode(mac, digits.as_mut_slice());
        token.push_str(digits.map_err(|_| OpenError::NotAuthentic)?);
        Ok(Plaintext(Zeroizing::new(token.into_bytes())))
    }

    /// The cell whose token this is; `None` where it is not that of any cell under this group's keys.
    pub fn cell_of(&self, token: &[u8], ty: TypeCode) -> Option<Vec<u8>> {
        let digits = token.strip_prefix(MARK)?;
        let (epoch, mac) = digits.split_at_checked(4)?;
        let [high, low]: [u8; 2] = bytes(epoch)?.try_into().ok()?;
        let epoch = Epoch(u16::from_be_bytes([high, low]));
        let mac = bytes(mac).filter(|mac| mac.len() == MAC_LEN)?;
        let header = Header {
            suite: Suite::Hash,
            type_code: ty,
            padded: false,
            group: self.group,
            epoch,
            commitment: self.epochs.get(&epoch)?.commitment,
        };
        let mut cell = header.write(&[0; NONCE_LEN]).to_vec();
        cell.extend(mac);
        Some(cell)
    }
}

/// Pairs of small hexadecimal digits.
fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; digits.len() / 2];
    faster_hex::hex_decode_with_case(digits, &mut bytes, CheckCase::Lower).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataKey, DatabaseUuid, GroupId, Padding};
    use serde_json::Value;

    const TEXT: TypeCode = TypeCode(3);

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../../tests/vectors/hash-v1.json")).unwrap()
    }

    fn unhex(value: &Value) -> Vec<u8> {
        bytes(value.as_str().unwrap().as_bytes()).unwrap()
    }

    /// That of cell-v1.json.
    fn codec() -> GroupCodec {
        let cells = include_str!("../../../../tests/vectors/cell-v1.json");
        let cells: Value = serde_json::from_str(cells).unwrap();
        let given = &cells["codec"];
        let key = DataKey::copied_from(&unhex(&given["data_key"]).try_into().unwrap());
        let group = GroupId(given["group"].as_u64().unwrap().try_into().unwrap());
        let database = DatabaseUuid(unhex(&given["database"]).try_into().unwrap());
        GroupCodec::new(database, group, Epoch(1), [(Epoch(1), &key)]).unwrap()
    }

    #[test]
    fn frozen_hashes_have_their_cells_and_tokens() {
        let codec = codec();
        let all = vectors();
        let mut seen = std::collections::BTreeSet::new();
        for case in all["hashes"].as_array().unwrap() {
            let mut cell = Vec::new();
            let plaintext = unhex(&case["plaintext"]);
            codec
                .seal(Suite::Hash, TEXT, Padding::No, &plaintext, &mut cell)
                .unwrap();
            assert_eq!(cell, unhex(&case["cell"]), "{}", case["name"]);
            let token = codec.token(&cell, TEXT).unwrap();
            assert_eq!(token.expose(), case["token"].as_str().unwrap().as_bytes());
            assert_eq!(codec.cell_of(token.expose(), TEXT), Some(cell.clone()));
            assert!(seen.insert(cell), "{}: two lists, one hash", case["name"]);
        }
        assert!(seen.len() > 10);
    }

    #[test]
    fn what_is_written_otherwise_is_no_token() {
        let all = vectors();
        let cases = all["no_tokens"].as_array().unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let token = case["token"].as_str().unwrap();
            assert_eq!(codec().cell_of(token.as_bytes(), TEXT), None, "{token}");
        }
    }

    #[test]
    fn a_cell_of_another_kind_has_no_token() {
        let codec = codec();
        let mut other = Vec::new();
        codec
            .seal(Suite::Deterministic, TEXT, Padding::Yes, b"x", &mut other)
            .unwrap();
        assert!(matches!(
            codec.token(&other, TEXT),
            Err(OpenError::Suite { .. })
        ));
        let mut hash = Vec::new();
        codec
            .seal(Suite::Hash, TEXT, Padding::No, b"x", &mut hash)
            .unwrap();
        assert!(matches!(
            codec.token(&hash, TypeCode(5)),
            Err(OpenError::Type { .. })
        ));
        hash[31] ^= 1;
        assert!(matches!(
            codec.token(&hash, TEXT),
            Err(OpenError::Group { .. })
        ));
    }
}
