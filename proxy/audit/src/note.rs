//! Checkpoints: the size and root of the tree, signed. C2SP tlog-checkpoint over C2SP signed-note, Ed25519.
//!
//! docs/formats/audit-log.md, "Checkpoints". A checkpoint's content must never be looked at before its signature
//! held: the only way from text to [`Checkpoint`] is [`Verifier::open`].

use crate::line;
use crate::seal::{self, Anchor};
use crate::tree::{self, Edge, Hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Signature type of plain Ed25519 in signed notes.
const ED25519_TYPE: u8 = 1;
const ORIGIN: &str = "hippocrypt-audit/";
const PRIVATE: &str = "PRIVATE+KEY+";

/// So many records, and the root over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Records.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// Where the log is sealed: what binds the seals that come after.
    pub anchor: Option<Anchor>,
}

impl From<&Edge> for Checkpoint {
    fn from(edge: &Edge) -> Self {
        Self {
            size: edge.size(),
            root: edge.root(),
            anchor: None,
        }
    }
}

impl Checkpoint {
    /// Whether it is over this tree.
    pub fn is_over(&self, edge: &Edge) -> bool {
        (self.size, self.root) == (edge.size(), edge.root())
    }
}

/// Name and public key of a log: verifies its checkpoints.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: [u8; 32],
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

/// Why a text is no checkpoint of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not of the form.
    #[error("is no checkpoint")]
    Form,
    /// Another log's, or another key's.
    #[error("is not signed by this log's key")]
    Stranger,
    /// Changed.
    #[error("its signature does not hold")]
    Signature,
}

impl Verifier {
    fn of_key(key: [u8; 32]) -> Self {
        let digest = line::sha256_hex(&key);
        Self {
            name: format!("{ORIGIN}{}", digest.get(..16).unwrap_or_default()),
            key,
        }
    }

    /// From the one line of `verifier.key`.
    pub fn parse(text: &str) -> Option<Self> {
        let key = parse_key(text.strip_suffix('\n').unwrap_or(text))?;
        let verifier = Self::of_key(*key);
        (verifier.line() == text.trim_end_matches('\n')).then_some(verifier)
    }

    /// The one line of `verifier.key`, without its line feed.
    pub fn line(&self) -> String {
        let id = u32::from_be_bytes(self.id());
        format!("{}+{id:08x}+{}", self.name, encode_key(&self.key))
    }

    /// The log's name, which its checkpoints bear.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ED25519_TYPE]);
        hasher.update(self.key);
        let digest: Hash = hasher.finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// What a note says, its signature checked. Signatures of others (witnesses) may stand beside ours.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let text = format!("{text}\n");
        let mut ours = None;
        for line in tree::lines(signatures).ok_or(NoteError::Form)? {
            let line = line.strip_prefix("\u{2014} ").ok_or(NoteError::Form)?;
            let (name, signature) = line.split_once(' ').ok_or(NoteError::Form)?;
            let signature = STANDARD.decode(signature).map_err(|_| NoteError::Form)?;
            let (id, signature) = signature.split_first_chunk().ok_or(NoteError::Form)?;
            if name == self.name && *id == self.id() {
                let key = UnparsedPublicKey::new(&ED25519, self.key);
                let held = key.verify(text.as_bytes(), signature);
                held.map_err(|_| NoteError::Signature)?;
                ours = Some(());
            }
        }
        ours.ok_or(NoteError::Stranger)?;
        let mut lines = text.split_terminator('\n');
        let body = (lines.next(), lines.next(), lines.next());
        let ((Some(origin), Some(size), Some(root)), anchor, None) =
            (body, lines.next(), lines.next())
        else {
            return Err(NoteError::Form);
        };
        if origin != self.name {
            return Err(NoteError::Stranger);
        }
        Ok(Checkpoint {
            size: line::canonical_u64(size.as_bytes()).ok_or(NoteError::Form)?,
            root: tree::decode(root).ok_or(NoteError::Form)?,
            anchor: match anchor {
                Some(line) => Some(seal::parse_anchor(line).ok_or(NoteError::Form)?),
                None => None,
            },
        })
    }
}

/// The key that signs a log's checkpoints.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?})", self.verifier)
    }
}

impl Signer {
    fn of_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let key = pair.public_key().as_ref().try_into().ok()?;
        let verifier = Verifier::of_key(key);
        Some(Self { pair, verifier })
    }

    /// A new key and the text of its file; `None` where the system gives no randomness.
    pub fn generate() -> Option<(Self, Zeroizing<String>)> {
        use ring::rand::{SecureRandom as _, SystemRandom};
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(seed.as_mut()).ok()?;
        let signer = Self::of_seed(&seed)?;
        let id = u32::from_be_bytes(signer.verifier.id());
        let key = Zeroizing::new(encode_key(&seed));
        let name = &signer.verifier.name;
        let text = Zeroizing::new(format!("{PRIVATE}{name}+{id:08x}+{}\n", *key));
        Some((signer, text))
    }

    /// From the text of its file; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_suffix('\n').unwrap_or(text);
        let rest = rest.strip_prefix(PRIVATE)?;
        let signer = Self::of_seed(&*parse_key(rest)?)?;
        let id = u32::from_be_bytes(signer.verifier.id());
        let begins = format!("{}+{id:08x}+", signer.verifier.name);
        rest.starts_with(&begins).then_some(signer)
    }

    /// What its signatures are verified with.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The signed note.
    pub fn sign(&self, checkpoint: Checkpoint) -> String {
        let name = &self.verifier.name;
        let root = STANDARD.encode(checkpoint.root);
        let anchor = checkpoint.anchor.as_ref();
        let anchor = anchor.map_or_else(String::new, |a| seal::anchor_line(a) + "\n");
        let text = format!("{name}\n{}\n{root}\n{anchor}", checkpoint.size);
        let mut signature = self.verifier.id().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode(signature))
    }
}

fn encode_key(key: &[u8; 32]) -> String {
    let mut bytes = Zeroizing::new(vec![ED25519_TYPE]);
    bytes.extend_from_slice(key);
    STANDARD.encode(&*bytes)
}

/// The key of `<name>+<id>+<base64 of 01 ‖ key>`.
fn parse_key(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    // base64 may hold a plus, names and ids may not
    let encoded = text.splitn(3, '+').nth(2)?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let key = bytes.strip_prefix(&[ED25519_TYPE])?;
    Some(Zeroizing::new(key.try_into().ok()?))
}

/// The notes of a `.checkpoints` file, or of several kept together, and how many bytes of the text they are: notes
/// with a blank line between. What follows is no whole note.
pub fn split(text: &str) -> (Vec<&str>, usize) {
    let (mut notes, mut whole, mut from) = (Vec::new(), 0, 0);
    let mut at = 0;
    let mut signed = false;
    for line in text.split_inclusive('\n') {
        if line == "\n" && signed {
            // between two notes
            signed = false;
            from = at + 1;
        }
        at += line.len();
        if line.starts_with('\u{2014}') && line.ends_with('\n') {
            if signed {
                notes.pop();
            }
            notes.push(text.get(from..at).unwrap_or_default());
            (signed, whole) = (true, at);
        }
    }
    (notes, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::of_seed(&[7; 32]).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_opens() {
        // c2sp.org/signed-note: the key of its example is not published with it; Go's note package has this one
        let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert!(Verifier::parse(vkey).is_none(), "a stranger's name");
        let key = parse_key(vkey).unwrap();
        let verifier = Verifier {
            name: "PeterNeumann".to_owned(),
            key: *key,
        };
        assert_eq!(verifier.line(), vkey);
    }

    #[test]
    fn what_is_signed_opens_and_nothing_else_does() {
        let signer = signer();
        for anchor in [
            None,
            Some(Anchor {
                index: 7,
                commitment: [5; 32],
            }),
        ] {
            opens_and_nothing_else(&signer, anchor);
        }
    }

    fn opens_and_nothing_else(signer: &Signer, anchor: Option<Anchor>) {
        let checkpoint = Checkpoint {
            size: 131_072,
            root: [3; 32],
            anchor,
        };
        let note = signer.sign(checkpoint);
        assert_eq!(signer.verifier().open(&note), Ok(checkpoint));
        assert_eq!(split(&note), (vec![note.as_str()], note.len()));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(signer.verifier().open(&changed).is_err(), "byte {at}");
            }
        }
        let other = Signer::of_seed(&[8; 32]).unwrap();
        let theirs = other.sign(checkpoint);
        assert_eq!(signer.verifier().open(&theirs), Err(NoteError::Stranger));
        let cosigned = format!("{note}\u{2014} witness.example AAAAAAECAwQ=\n");
        assert_eq!(signer.verifier().open(&cosigned), Ok(checkpoint));
        let two = format!("{cosigned}\n{note}");
        assert_eq!(
            split(&two),
            (vec![cosigned.as_str(), note.as_str()], two.len())
        );
        assert_eq!(split(&two[..two.len() - 1]).0, [cosigned.as_str()]);
    }

    #[test]
    fn keys_come_back_from_their_files() {
        let (signer, text) = Signer::generate().unwrap();
        let again = Signer::parse(&text).unwrap();
        assert_eq!(again.verifier(), signer.verifier());
        let line = signer.verifier().line();
        assert_eq!(Verifier::parse(&line).as_ref(), Some(signer.verifier()));
        assert!(line.starts_with(signer.verifier().name()));
        let mut other = text.to_string();
        other.replace_range(30..31, "x");
        assert!(Signer::parse(&other).is_none());
        assert!(!format!("{signer:?}").contains(text.trim_end().splitn(5, '+').nth(4).unwrap()));
    }
}
