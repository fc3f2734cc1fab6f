//! Seals: MACs under a key that is replaced by its one-way successor after each use.
//!
//! docs/formats/audit-log.md, "Seals". A key must never be left behind once its successor is there:
//! [`SealKey::advance`] writes over it, and so does the drop of one.

use crate::line;
use crate::tree::{self, Hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The key of one index.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// What a checkpoint says of the seals: binds all that come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Of the seal that comes next.
    pub index: u64,
    /// To the key of that index.
    pub commitment: Hash,
}

impl SealKey {
    /// A key of the kernel's randomness; `None`: it gives none.
    pub fn fresh() -> Option<Self> {
        use ring::rand::{SecureRandom as _, SystemRandom};
        let mut key = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(key.as_mut()).ok()?;
        Some(Self(key))
    }

    /// From where it was kept.
    pub fn of(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// For where it is kept.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Becomes the key of the next index; this one is no more.
    pub fn advance(&mut self) {
        let next = Zeroizing::new(self.mac(&[b"hippocrypt/audit/next"]));
        *self.0 = *next;
    }

    /// Tells whether a key is this one, and nothing of it.
    pub fn commitment(&self) -> Hash {
        self.mac(&[b"hippocrypt/audit/commitment"])
    }

    /// As a checkpoint says it.
    pub fn anchor(&self, index: u64) -> Anchor {
        let commitment = self.commitment();
        Anchor { index, commitment }
    }

    /// The MAC of a seal.
    pub fn seal(&self, index: u64, size: u64, root: &Hash) -> Hash {
        let label = b"hippocrypt/audit/seal";
        self.mac(&[label, &index.to_be_bytes(), &size.to_be_bytes(), root])
    }

    /// The MAC of a line that gives a key to an auditor.
    pub fn key_line(&self, line: &KeyLine) -> Hash {
        let label = b"hippocrypt/audit/key";
        let (index, commitment) = (line.index.to_be_bytes(), line.commitment);
        let (auditor, sealed) = (line.auditor.as_bytes(), line.sealed.as_bytes());
        self.mac(&[label, &index, &commitment, auditor, sealed])
    }

    fn mac(&self, parts: &[&[u8]]) -> Hash {
        // RFC 2104: a key shorter than a block is one with zeros after it
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(&*self.0).for_each(|(b, k)| *b = *k);
        let mut mac = <Hmac<Sha256>>::new(&(*block).into());
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// Whether two MACs are the same, in constant time.
pub fn same(a: &Hash, b: &Hash) -> bool {
    a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// A line of a `.seals` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A key, for an auditor.
    Key(KeyLine),
    /// A seal.
    Seal(Seal),
}

/// The key of an index, sealed to an auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// Of the seal that comes next.
    pub index: u64,
    /// To the key.
    pub commitment: Hash,
    /// The name of the auditor's public key.
    pub auditor: String,
    /// Base64 of encapsulation and ciphertext.
    pub sealed: String,
    /// Under the key of that index before this line.
    pub mac: Hash,
}

/// A MAC over the root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// From 0, without a gap.
    pub index: u64,
    /// Records.
    pub size: u64,
    /// Under the key of the index.
    pub mac: Hash,
}

impl Entry {
    /// As its file has it, with the line feed.
    pub fn line(&self) -> String {
        match self {
            Self::Key(key) => format!(
                "key {} {} {} {} {}\n",
                key.index,
                STANDARD.encode(key.commitment),
                key.auditor,
                key.sealed,
                STANDARD.encode(key.mac)
            ),
            Self::Seal(seal) => format!(
                "seal {} {} {}\n",
                seal.index,
                seal.size,
                STANDARD.encode(seal.mac)
            ),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let kind = fields.next()?;
        let index = number(fields.next()?)?;
        let entry = match kind {
            "key" => Self::Key(KeyLine {
                index,
                commitment: tree::decode(fields.next()?)?,
                auditor: fields.next()?.to_owned(),
                sealed: fields.next()?.to_owned(),
                mac: tree::decode(fields.next()?)?,
            }),
            "seal" => Self::Seal(Seal {
                index,
                size: number(fields.next()?)?,
                mac: tree::decode(fields.next()?)?,
            }),
            _ => return None,
        };
        fields.next().is_none().then_some(entry)
    }
}

fn number(text: &str) -> Option<u64> {
    line::canonical_u64(text.as_bytes()).filter(|_| !text.is_empty())
}

/// The extension line of a checkpoint.
pub fn anchor_line(anchor: &Anchor) -> String {
    let commitment = STANDARD.encode(anchor.commitment);
    format!("seal {} {commitment}", anchor.index)
}

/// From the extension line of a checkpoint.
pub fn parse_anchor(line: &str) -> Option<Anchor> {
    let (index, commitment) = line.strip_prefix("seal ")?.split_once(' ')?;
    Some(Anchor {
        index: number(index)?,
        commitment: tree::decode(commitment)?,
    })
}

/// The lines of a `.seals` file and how many bytes of it they are: what follows is a torn line. `Err`: the number of a
/// line that is none, from 1.
pub fn parse(text: &str) -> Result<(Vec<Entry>, usize), u64> {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let lines = text.get(..whole).unwrap_or_default().split_terminator('\n');
    let entries = lines
        .zip(1_u64..)
        .map(|(line, number)| Entry::parse(line).ok_or(number));
    Ok((entries.collect::<Result<_, _>>()?, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealKey {
        SealKey::of(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn lines_come_back_as_they_were_and_nothing_else_is_one() {
        let mut line = KeyLine {
            index: 7,
            commitment: key(1).commitment(),
            auditor: "hippocrypt-auditor/0011223344556677".into(),
            sealed: "c2VhbGVk".into(),
            mac: [0; 32],
        };
        line.mac = key(1).key_line(&line);
        let seal = Seal {
            index: 7,
            size: 4711,
            mac: key(1).seal(7, 4711, &[9; 32]),
        };
        let entries = [Entry::Key(line), Entry::Seal(seal)];
        let text: String = entries.iter().map(Entry::line).collect();
        assert_eq!(parse(&text), Ok((entries.to_vec(), text.len())));
        let torn = &text[..text.len() - 1];
        assert_eq!(parse(torn).unwrap().0.len(), 1);
        for wrong in [
            "\n",
            "seal 7 4711\n",
            "seal 07 4711 x\n",
            "seal  4711 x\n",
            "key 7\n",
            "seel 7 1 x\n",
        ] {
            assert_eq!(parse(wrong), Err(1), "{wrong:?}");
        }
        let more = text.replacen("seal 7 4711 ", "seal 7 4711  ", 1);
        assert_eq!(parse(&more), Err(2));
    }

    /// From Python: hmac.digest(bytes([1]*32), b"hippocrypt/audit/…", "sha256").
    #[test]
    fn keys_and_macs_are_those_of_the_page() {
        let hex = |hash: &Hash| line::hex(hash).map(char::from).iter().collect::<String>();
        let mut one = key(1);
        assert_eq!(hex(&one.commitment()), COMMITMENT);
        assert_eq!(hex(&one.seal(7, 4711, &[9; 32])), SEAL);
        one.advance();
        assert_eq!(hex(one.expose()), NEXT);
        assert!(!same(&[1; 32], &[2; 32]) && same(&[1; 32], &[1; 32]));
        assert!(!format!("{:?}", key(3)).contains('3'));
    }

    const COMMITMENT: &str = "e076e4deade653903971fa5fd24e1f8c482724307f92488caace18be6b4d5e99";
    const SEAL: &str = "d6d99589535e3b9eb9bcc2486bf05854d426fa4ecb9a4fb5588e435ff104f1aa";
    const NEXT: &str = "5ff8b590c013da6205ddeef61f87ee734ef7f13144789c9f103bf2e446a676ae";
}
