//! The proxy at the server, as the role that the client has proved to be.
//!
//! ```text
//!   start-up ──► R(SASL) ──first──► R(continue) ──proof──► R(final) ──► R(ok): done
//!             └► R(ok): trust, peer or certificate        E: refused
//! ```
//!
//! It must never send a password, which it does not have, nor go on with a server whose signature is wrong.

use super::scram::client::First;
use super::scram::{Binding, Key, ScramError, Verifier, nonce};
use super::{Leg, LoginError};
use bytes::BytesMut;
use hippocrypt_wire::backend::Authentication;
use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorFields, Frame, WireError};

/// What a client's proof has shown.
pub(super) struct Credential {
    pub(super) client_key: Key,
    pub(super) verifier: Verifier,
}

/// Logs in; without a credential, where the server takes the connection for what it is (a certificate, trust,
/// peer). What the server says behind AuthenticationOk stays in the leg's buffer.
pub(super) async fn log_in(
    startup: &Startup,
    server: &mut Leg<'_>,
    binding: &Binding,
    credential: Option<&Credential>,
) -> Result<(), LoginError> {
    server.start(startup).await?;
    loop {
        let frame = message(server).await?;
        match Authentication::of(&frame)? {
            Authentication::Ok => return Ok(()),
            Authentication::Sasl(mechanisms) => {
                let credential = credential.ok_or(LoginError::Method("SCRAM-SHA-256"))?;
                let random = nonce().map_err(LoginError::Verifier)?;
                let first = First::new(&mechanisms.iter().collect::<Vec<_>>(), binding, random)
                    .ok_or(LoginError::Method(
                        "a SASL mechanism other than SCRAM-SHA-256",
                    ))?;
                exchange(server, first, credential).await?;
            }
            Authentication::CleartextPassword => return Err(LoginError::Method("a password")),
            Authentication::Md5Password(_) => return Err(LoginError::Method("an MD5 password")),
            Authentication::SaslContinue(_)
            | Authentication::SaslFinal(_)
            | Authentication::Other(_) => {
                return Err(LoginError::Method("what is not SCRAM-SHA-256"));
            }
        }
    }
}

async fn exchange(
    server: &mut Leg<'_>,
    first: First,
    credential: &Credential,
) -> Result<(), LoginError> {
    let mut out = BytesMut::new();
    Writer::new(&mut out).sasl_initial(first.mechanism.as_bytes(), first.message.as_bytes())?;
    server.tell(&out).await?;
    let frame = message(server).await?;
    let Authentication::SaslContinue(challenge) = Authentication::of(&frame)? else {
        return Err(WireError::Malformed(b'R').into());
    };
    let proof = first
        .prove(challenge, &credential.client_key, &credential.verifier)
        .map_err(failure)?;
    out.clear();
    Writer::new(&mut out).sasl_response(proof.message.as_bytes())?;
    server.tell(&out).await?;
    let frame = message(server).await?;
    let Authentication::SaslFinal(signature) = Authentication::of(&frame)? else {
        return Err(WireError::Malformed(b'R').into());
    };
    proof.finish(signature).map_err(failure)
}

fn failure(error: ScramError) -> LoginError {
    LoginError::Verifier(error)
}

/// The next authentication message.
async fn message(server: &mut Leg<'_>) -> Result<Frame, LoginError> {
    loop {
        let frame = server.next().await?;
        match frame.tag() {
            b'R' => return Ok(frame),
            b'E' => {
                let sqlstate = ErrorFields::of(&frame)?.sqlstate().to_owned();
                return Err(LoginError::Refused {
                    sqlstate,
                    message: frame,
                });
            }
            b'N' => tracing::debug!("the server has a notice before the login"),
            tag => return Err(WireError::UnknownTag(tag).into()),
        }
    }
}
