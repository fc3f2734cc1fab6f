//! The server's end: what the proxy says to a client.
//!
//! ```text
//!   offer ──client-first──► Challenge ──client-final──► Proven
//! ```
//!
//! It must never let a client pass whose proof does not hash to the stored key, nor take a message for
//! another exchange's.

use super::{Binding, Key, PLAIN, PLUS, ScramError, Verifier, attribute, is_nonce, utf8};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The mechanisms to offer on a connection, the stronger one first.
pub fn offer(binding: &Binding) -> &'static [&'static str] {
    match binding {
        Binding::EndPoint(_) => &[PLUS, PLAIN],
        Binding::Impossible => &[PLAIN],
    }
}

/// A client was sent `message` and is to prove what it knows.
#[derive(Debug)]
pub struct Challenge {
    /// server-first-message
    pub message: String,
    client_first_bare: String,
    nonce: String,
    /// `c=` of the client's answer.
    channel: String,
    verifier: Verifier,
}

/// A client that knows the password.
#[derive(Debug)]
pub struct Proven {
    /// server-final-message
    pub message: String,
    /// What logs in at a server that has the same verifier.
    pub client_key: Key,
}

impl Challenge {
    /// Answers the client's first message, which chose `mechanism`.
    pub fn new(
        mechanism: &[u8],
        client_first: &[u8],
        binding: &Binding,
        verifier: Verifier,
        nonce: &str,
    ) -> Result<Self, ScramError> {
        let text = utf8(client_first)?;
        let (flag, rest) = text
            .split_once(',')
            .ok_or(ScramError::Malformed("it has no channel binding flag"))?;
        let (authorization, bare) = rest
            .split_once(',')
            .ok_or(ScramError::Malformed("it has no user name"))?;
        let header = format!("{flag},{authorization},");
        let channel = bound(mechanism, flag, &header, binding)?;
        if !authorization.is_empty() {
            let words = "client uses authorization identity, but it is not supported";
            return Err(ScramError::Unsupported(words));
        }
        if bare.starts_with("m=") {
            let words = "client requires an unsupported SCRAM extension";
            return Err(ScramError::Unsupported(words));
        }
        // the name is the start-up message's: libpq sends none here
        let (_, rest) = attribute(bare, 'n')?;
        let (client_nonce, _) = attribute(rest, 'r')?;
        if !is_nonce(client_nonce) {
            return Err(ScramError::Malformed("its nonce is not printable"));
        }
        let nonce = format!("{client_nonce}{nonce}");
        let salt = STANDARD.encode(&verifier.salt);
        Ok(Self {
            message: format!("r={nonce},s={salt},i={}", verifier.iterations),
            client_first_bare: bare.to_owned(),
            nonce,
            channel,
            verifier,
        })
    }

    /// Takes the client's last message.
    pub fn finish(self, client_final: &[u8]) -> Result<Proven, ScramError> {
        let text = utf8(client_final)?;
        let (unproved, proof) = text
            .rsplit_once(",p=")
            .ok_or(ScramError::Malformed("it has no proof"))?;
        let proof = Key::from_base64(proof).ok_or(ScramError::Malformed("its proof is no key"))?;
        let (channel, rest) = attribute(unproved, 'c')?;
        if channel != self.channel {
            return Err(ScramError::OtherChannel);
        }
        let (nonce, _) = attribute(rest, 'r')?;
        if nonce != self.nonce {
            return Err(ScramError::Malformed("its nonce is not ours"));
        }
        let messages = format!("{},{},{unproved}", self.client_first_bare, self.message);
        let verifier = &self.verifier;
        let client_key = proof.xor(&verifier.stored_key.sign(&messages));
        if !client_key.hash().equals(&verifier.stored_key) {
            return Err(ScramError::Proof);
        }
        let signature = verifier.server_key.sign(&messages);
        Ok(Proven {
            message: format!("v={}", signature.to_base64()),
            client_key,
        })
    }
}

/// The `c=` that the client has to send, by what it said of channel binding (RFC 5802 §6).
fn bound(
    mechanism: &[u8],
    flag: &str,
    header: &str,
    binding: &Binding,
) -> Result<String, ScramError> {
    let plus = mechanism == PLUS.as_bytes();
    if !plus && mechanism != PLAIN.as_bytes() {
        return Err(ScramError::Malformed("its mechanism was not offered"));
    }
    match (flag, binding) {
        ("p=tls-server-end-point", Binding::EndPoint(end_point)) if plus => {
            Ok(STANDARD.encode([header.as_bytes(), &end_point.0].concat()))
        }
        (flag, _) if flag.starts_with("p=") && plus => Err(ScramError::Unsupported(
            "unsupported SCRAM channel-binding type",
        )),
        ("y", Binding::EndPoint(_)) if !plus => Err(ScramError::Downgrade),
        ("n" | "y", _) if !plus => Ok(STANDARD.encode(header)),
        _ => Err(ScramError::Malformed(
            "its channel binding does not fit its mechanism",
        )),
    }
}
