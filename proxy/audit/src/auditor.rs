//! Auditors: to whom the keys of seals are given, and how they open them. HPKE (RFC 9180) with X25519.
//!
//! An identity must never lie where the proxy runs: with it and the host together seals can be made anew.

use crate::line;
use crate::seal::SealKey;
use crate::tree::Hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use std::fmt;
use zeroize::Zeroizing;

type PublicKey = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;

const NAME: &str = "hippocrypt-auditor/";
const PRIVATE: &str = "PRIVATE+KEY+";
const INFO: &[u8] = b"hippocrypt/audit/key";

/// An auditor's public key.
#[derive(Clone)]
pub struct Auditor {
    name: String,
    key: PublicKey,
}

impl fmt::Debug for Auditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Auditor {
    fn eq(&self, other: &Self) -> bool {
        self.line() == other.line()
    }
}

impl Auditor {
    fn of(key: PublicKey) -> Self {
        let digest = line::sha256_hex(&key.to_bytes());
        let name = format!("{NAME}{}", digest.get(..16).unwrap_or_default());
        Self { name, key }
    }

    /// From its line; `None` where it is none, or a letter of it is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let (_, key) = text.split_once('+')?;
        let auditor = Self::of(PublicKey::from_bytes(&STANDARD.decode(key).ok()?).ok()?);
        (auditor.line() == text).then_some(auditor)
    }

    /// `hippocrypt-auditor/<16 hexadecimal digits>+<base64>`
    pub fn line(&self) -> String {
        format!("{}+{}", self.name, STANDARD.encode(self.key.to_bytes()))
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Base64 of encapsulation and ciphertext; `None`: the key is one that nothing can be sealed to.
    pub fn seal(&self, key: &SealKey, index: u64) -> Option<String> {
        let sealed = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.key,
            INFO,
            key.expose(),
            &aad(index, &key.commitment()),
        );
        let (encapsulated, ciphertext) = sealed.ok()?;
        Some(STANDARD.encode([&*encapsulated.to_bytes(), &ciphertext].concat()))
    }
}

fn aad(index: u64, commitment: &Hash) -> Vec<u8> {
    [&index.to_be_bytes()[..], commitment].concat()
}

/// An auditor's private key.
pub struct Identity {
    key: PrivateKey,
    auditor: Auditor,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.auditor.name)
    }
}

impl Identity {
    fn of(key: PrivateKey) -> Self {
        let auditor = Auditor::of(X25519HkdfSha256::sk_to_pk(&key));
        Self { key, auditor }
    }

    /// A new one.
    pub fn generate() -> Self {
        Self::of(X25519HkdfSha256::gen_keypair().0)
    }

    /// From the text of its file; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (_, key) = text.strip_prefix(PRIVATE)?.split_once('+')?;
        let key = Zeroizing::new(STANDARD.decode(key).ok()?);
        let identity = Self::of(PrivateKey::from_bytes(&key).ok()?);
        (identity.text().trim_end() == text).then_some(identity)
    }

    /// The text of its file.
    pub fn text(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(STANDARD.encode(self.key.to_bytes()));
        Zeroizing::new(format!("{PRIVATE}{}+{}\n", self.auditor.name, *key))
    }

    /// What is sealed to it.
    pub fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    /// The key that a line has sealed; `None` where it is not for this identity, or is not the key that the line says.
    pub fn open(&self, sealed: &str, index: u64, commitment: &Hash) -> Option<SealKey> {
        let sealed = STANDARD.decode(sealed).ok()?;
        let (encapsulated, ciphertext) = sealed.split_first_chunk::<32>()?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.key,
            &Encapsulated::from_bytes(encapsulated).ok()?,
            INFO,
            ciphertext,
            &aad(index, commitment),
        );
        let opened = Zeroizing::new(opened.ok()?);
        let key = SealKey::of(Zeroizing::new(opened.as_slice().try_into().ok()?));
        (key.commitment() == *commitment).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_to_an_auditor_opens_for_nobody_else() {
        let (identity, other) = (Identity::generate(), Identity::generate());
        let key = SealKey::fresh().unwrap();
        let commitment = key.commitment();
        let sealed = identity.auditor().seal(&key, 7).unwrap();
        let opened = identity.open(&sealed, 7, &commitment).unwrap();
        assert_eq!(opened.expose(), key.expose());
        assert!(other.open(&sealed, 7, &commitment).is_none());
        assert!(identity.open(&sealed, 8, &commitment).is_none());
        assert!(identity.open(&sealed, 7, &[0; 32]).is_none());
        let mut bytes = STANDARD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let changed = STANDARD.encode(&bytes);
            let opened = identity.open(&changed, 7, &commitment);
            assert!(opened.is_none(), "byte {at}");
            bytes[at] ^= 1;
        }
    }

    #[test]
    fn keys_come_back_from_their_lines_and_a_wrong_letter_is_seen() {
        let identity = Identity::generate();
        let (text, line) = (identity.text(), identity.auditor().line());
        let again = Identity::parse(&text).unwrap();
        assert_eq!(again.auditor(), identity.auditor());
        assert_eq!(Auditor::parse(&line).as_ref(), Some(identity.auditor()));
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Auditor::parse(&changed).is_none(), "{changed}");
        }
        assert!(Identity::parse(&line).is_none() && Auditor::parse(&text).is_none());
        // base64 may have a + of its own
        let secret = &text.trim_end()[text.trim_end().len() - 44..];
        assert!(!format!("{identity:?}").contains(&secret[..8]));
    }
}
