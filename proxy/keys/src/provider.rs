//! Where the master key comes from: a file, or a variable of the environment.
//!
//! The key is read into memory that is wiped, and turned into the two keys made of it at once. It is
//! never printed; an error says which file or variable, never what stood in it.

use crate::KeysError;
use crate::store::{self, Access};
use base64::Engine;
use hippocrypt_crypto::MasterKey;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A source of the 32-byte master key, as 64 hexadecimal digits or as base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A file that only its owner may read. `keys init` makes it.
    File(PathBuf),
    /// An environment variable. `keys init` does not make it.
    Env(String),
}

impl Provider {
    /// Reads the master key.
    pub(crate) fn master_key(&self) -> Result<MasterKey, KeysError> {
        let text = match self {
            Self::File(path) => read_file(path)?,
            Self::Env(name) => std::env::var(name)
                .map(Zeroizing::new)
                .map_err(|_| KeysError::NoVariable(name.clone()))?,
        };
        let bytes = decode(text.trim()).ok_or_else(|| KeysError::NotAMasterKey {
            source_name: self.to_string(),
        })?;
        Ok(MasterKey::copied_from(&bytes))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    let bytes = store::read(path, Access::OwnerOnly).map_err(|e| match e {
        KeysError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            KeysError::NoMasterKey(path.to_owned())
        }
        other => other,
    })?;
    // Not String::from_utf8: its error would carry the bytes.
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(KeysError::NotAMasterKey {
            source_name: format!("file {}", path.display()),
        }),
    }
}

/// 64 hexadecimal digits, or 32 bytes in base64 with or without padding.
fn decode(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0u8; 32]);
    if text.len() == 64 {
        for (to, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *to = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
        }
        return Some(key);
    }
    let unpadded = text.trim_end_matches('=');
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    // decode_slice wants room for its estimate, which is a byte more than there is.
    let mut room = Zeroizing::new([0u8; 33]);
    let len = engine.decode_slice(unpadded, room.as_mut_slice()).ok()?;
    let bytes = room.get(..len).filter(|bytes| bytes.len() == key.len())?;
    key.copy_from_slice(bytes);
    Some(key)
}

fn digit(character: u8) -> Option<u32> {
    char::from(character).to_digit(16)
}

/// A fresh master key in the form of its file: 64 hexadecimal digits and a newline.
pub(crate) fn generate() -> Result<Zeroizing<String>, KeysError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|e| KeysError::Random(e.to_string()))?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in bytes.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_and_nothing_else() {
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1C1D1E1F";
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let want: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        for text in [hex, base64, base64.trim_end_matches('=')] {
            assert_eq!(*decode(text).unwrap(), want);
        }
        for text in [
            "",
            "00",
            &hex[1..],
            &format!("{hex}0"),
            &hex.replace('a', "g"),
            &base64[1..],
            &format!("A{base64}"),
            "not a key",
        ] {
            assert!(decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_generated_key_is_one() {
        let one = generate().unwrap();
        let two = generate().unwrap();
        assert!(decode(one.trim()).is_some());
        assert_ne!(*one, *two);
    }
}
