//! The client's end: the proxy at the server, with the key that a client's proof has shown.
//!
//! ```text
//!   First ──server-first──► Proof ──server-final──► done
//! ```
//!
//! It must never take a server at its word that cannot sign with the verifier's server key.

use super::{Binding, Key, PLAIN, PLUS, ScramError, Verifier, attribute, utf8};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use zeroize::Zeroizing;

/// client-first-message is sent.
#[derive(Debug)]
pub struct First {
    /// The mechanism chosen of the server's offer.
    pub mechanism: &'static str,
    /// client-first-message
    pub message: String,
    bare: String,
    /// `c=` of what follows.
    channel: String,
    nonce: String,
}

/// client-final-message is sent.
pub struct Proof {
    /// client-final-message
    pub message: Zeroizing<String>,
    signature: Key,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(…)")
    }
}

impl First {
    /// Chooses of the server's mechanisms; `None` where SCRAM is not among them.
    pub fn new(mechanisms: &[&[u8]], binding: &Binding, nonce: String) -> Option<Self> {
        let plus = mechanisms.contains(&PLUS.as_bytes());
        let plain = mechanisms.contains(&PLAIN.as_bytes());
        let (mechanism, header, end_point): (_, _, &[u8]) = match binding {
            Binding::EndPoint(end_point) if plus => {
                (PLUS, "p=tls-server-end-point,,", &end_point.0)
            }
            Binding::EndPoint(_) if plain => (PLAIN, "y,,", &[]),
            Binding::Impossible if plain => (PLAIN, "n,,", &[]),
            _ => return None,
        };
        // as libpq: the server goes by the name of the start-up message
        let bare = format!("n=,r={nonce}");
        Some(Self {
            mechanism,
            message: format!("{header}{bare}"),
            bare,
            channel: STANDARD.encode([header.as_bytes(), end_point].concat()),
            nonce,
        })
    }

    /// Answers the server's challenge, which must be for this very verifier.
    pub fn prove(
        self,
        server_first: &[u8],
        client_key: &Key,
        verifier: &Verifier,
    ) -> Result<Proof, ScramError> {
        let text = utf8(server_first)?;
        let (nonce, rest) = attribute(text, 'r')?;
        let (salt, rest) = attribute(rest, 's')?;
        let (iterations, _) = attribute(rest, 'i')?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::Malformed("its nonce does not go on from ours"));
        }
        let same_salt = STANDARD.decode(salt).is_ok_and(|s| s == verifier.salt);
        if !same_salt || iterations.parse() != Ok(verifier.iterations) {
            return Err(ScramError::OtherVerifier);
        }
        let unproved = format!("c={},r={nonce}", self.channel);
        let messages = format!("{},{text},{unproved}", self.bare);
        let proof = client_key.xor(&client_key.hash().sign(&messages));
        Ok(Proof {
            message: Zeroizing::new(format!("{unproved},p={}", proof.to_base64())),
            signature: verifier.server_key.sign(&messages),
        })
    }
}

impl Proof {
    /// Takes the server's last message.
    pub fn finish(self, server_final: &[u8]) -> Result<(), ScramError> {
        let (signature, _) = attribute(utf8(server_final)?, 'v')?;
        match Key::from_base64(signature) {
            Some(signature) if signature.equals(&self.signature) => Ok(()),
            _ => Err(ScramError::Server),
        }
    }
}
