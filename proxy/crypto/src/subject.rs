//! Pseudonyms of the people whose records a statement concerns: docs/formats/audit-log.md, "Subjects".
//!
//! AES-SIV (RFC 5297) under a key of its own for each database and kind: equal texts have equal pseudonyms, and
//! whoever holds the key reads a pseudonym back. It must never be given a key that any cell is made with.

use crate::derive;
use crate::memory::KeyBytes;
use crate::{DataKey, DatabaseUuid, Plaintext};
use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use std::fmt;
use zeroize::Zeroizing;

/// Texts up to here can be read back; of longer ones a pseudonym is a keyed hash.
pub const READABLE_MAX: usize = 64;

/// First byte of a pseudonym that can be read back.
const READABLE: u8 = 0x01;
/// First byte of one that cannot.
const HASHED: u8 = 0x02;
const TAG_LEN: usize = 16;

/// What one database's pseudonyms are made with. Whoever has it can read all of them, and no cell.
pub struct SubjectKey(KeyBytes);

impl SubjectKey {
    /// Of a database, under the keyring's subject key.
    pub fn new(root: &DataKey, database: &DatabaseUuid) -> Self {
        Self(derive::subjects(root, database))
    }

    /// From bytes that were given away on purpose; the caller wipes them.
    pub fn copied_from(bytes: &[u8; 32]) -> Self {
        Self(KeyBytes::copied(bytes))
    }

    /// Its bytes, to be given away on purpose.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// Makes pseudonyms of one kind of subject.
    pub fn pseudonyms(&self, kind: &str) -> Pseudonyms {
        let mut key = Zeroizing::new([0; 64]);
        derive::pseudonyms(self.0.expose(), kind, key.as_mut_slice());
        Pseudonyms {
            siv: Aes256Siv::new(&(*key).into()),
        }
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectKey(..)")
    }
}

/// Pseudonyms of one kind in one database.
pub struct Pseudonyms {
    siv: Aes256Siv,
}

impl Pseudonyms {
    /// Puts the pseudonym of `text` in the place of what `out` holds.
    pub fn write(&mut self, text: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.resize(1 + TAG_LEN, 0);
        out.extend_from_slice(text);
        let kind = match text.len() {
            ..=READABLE_MAX => READABLE,
            _ => HASHED,
        };
        let Some((head, body)) = out.split_first_chunk_mut::<{ 1 + TAG_LEN }>() else {
            return;
        };
        let sealed = self.siv.encrypt_inout_detached([[kind]], body.into());
        // Impossible: RFC 5297 refuses more than 126 headers. A release build must not go on with the text.
        assert!(sealed.is_ok(), "SIV with one header");
        let [first, tag @ ..] = head;
        *first = kind;
        if let Ok(sealed) = sealed {
            tag.copy_from_slice(&sealed);
        }
        if kind == HASHED {
            out.truncate(1 + TAG_LEN);
        }
    }

    /// The text behind a pseudonym; `None` where it is a hash, or another key's.
    pub fn read(&mut self, pseudonym: &[u8]) -> Option<Plaintext> {
        let (READABLE, rest) = pseudonym.split_first().map(|(k, r)| (*k, r))? else {
            return None;
        };
        let (tag, text) = rest.split_first_chunk::<TAG_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.siv.decrypt_inout_detached(
            [[READABLE]],
            text.as_mut_slice().into(),
            &(*tag).into(),
        );
        opened.ok().map(|()| Plaintext(text))
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(root: u8, database: u8) -> SubjectKey {
        let root = DataKey::copied_from(&[root; 32]);
        SubjectKey::new(&root, &DatabaseUuid([database; 16]))
    }

    fn pseudonym(key: &SubjectKey, kind: &str, text: &[u8]) -> Vec<u8> {
        let mut out = b"what was there".to_vec();
        key.pseudonyms(kind).write(text, &mut out);
        out
    }

    #[test]
    fn equal_texts_have_one_pseudonym_for_each_database_and_kind() {
        let one = pseudonym(&key(1, 1), "patient", b"42");
        assert_eq!(one, pseudonym(&key(1, 1), "patient", b"42"));
        assert_eq!(one.len(), 1 + 16 + 2);
        let others = [
            pseudonym(&key(2, 1), "patient", b"42"),
            pseudonym(&key(1, 2), "patient", b"42"),
            pseudonym(&key(1, 1), "nurse", b"42"),
            pseudonym(&key(1, 1), "patient", b"43"),
        ];
        assert!(others.iter().all(|other| *other != one));
    }

    #[test]
    fn a_pseudonym_is_read_back_under_its_own_key_only() {
        let own = key(1, 1);
        for text in [&b""[..], b"42", &[b'x'; READABLE_MAX]] {
            let made = pseudonym(&own, "patient", text);
            let read = own.pseudonyms("patient").read(&made);
            assert_eq!(read.unwrap().expose(), text);
            assert!(own.pseudonyms("nurse").read(&made).is_none());
            assert!(key(1, 2).pseudonyms("patient").read(&made).is_none());
            for at in 0..made.len() {
                let mut changed = made.clone();
                changed[at] ^= 1;
                assert!(own.pseudonyms("patient").read(&changed).is_none());
            }
        }
    }

    /// Made from the document alone, with HKDF of RFC 5869 by hand and pyca/cryptography's AESSIV.
    #[test]
    fn pseudonyms_are_as_another_library_makes_them() {
        let hex = |bytes: Vec<u8>| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        let own = key(1, 2);
        assert_eq!(
            hex(pseudonym(&own, "patient", b"42")),
            "0156a210a1b80d58bdd2db79897c1f041c3506"
        );
        assert_eq!(
            hex(pseudonym(&own, "patient", &[b'x'; 65])),
            "02d92646ee0e1997c0eaa8b9db18d55426"
        );
    }

    #[test]
    fn a_long_text_is_hashed_and_never_read_back() {
        let own = key(1, 1);
        let long = [b'x'; READABLE_MAX + 1];
        let made = pseudonym(&own, "patient", &long);
        assert_eq!((made.len(), made[0]), (17, HASHED));
        assert_ne!(made, pseudonym(&own, "patient", &[b'y'; READABLE_MAX + 1]));
        assert!(own.pseudonyms("patient").read(&made).is_none());
        assert!(own.pseudonyms("patient").read(b"").is_none());
    }
}
