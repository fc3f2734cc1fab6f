//! The relay: start-up parameters up, authentication messages both ways, until AuthenticationOk.
//!
//! ```text
//!   start-up ──► R(password, md5, SASL, continue) ──client's p──► R … ──► R(ok): done
//!                 R(final) ──► R(ok)                E: refused
//! ```
//!
//! It must never offer SCRAM-SHA-256-PLUS: the client would bind to our certificate, not the server's.

use super::scram::PLAIN;
use super::{Leg, LoginError};
use bytes::BytesMut;
use hippocrypt_wire::backend::Authentication;
use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorFields, Frame, WireError};

/// Relays a login up to AuthenticationOk, which is passed; how the server had the client prove itself.
pub(super) async fn relay(
    startup: &Startup,
    client: &mut Leg<'_>,
    server: &mut Leg<'_>,
) -> Result<&'static str, LoginError> {
    client.negotiate(startup).await?;
    server.start(startup).await?;
    let mut method = "trust";
    loop {
        let frame = server.next().await?;
        match frame.tag() {
            b'R' => match step(&frame, client, server, &mut method).await? {
                true => return Ok(method),
                false => continue,
            },
            b'E' => {
                let sqlstate = ErrorFields::of(&frame)?.sqlstate().to_owned();
                return Err(LoginError::Refused {
                    sqlstate,
                    message: frame,
                });
            }
            b'N' => client.tell(frame.as_bytes()).await?,
            tag => return Err(WireError::UnknownTag(tag).into()),
        }
    }
}

/// One authentication message; `true` at AuthenticationOk.
async fn step(
    frame: &Frame,
    client: &mut Leg<'_>,
    server: &mut Leg<'_>,
    method: &mut &'static str,
) -> Result<bool, LoginError> {
    match Authentication::of(frame)? {
        Authentication::Ok => {
            client.tell(frame.as_bytes()).await?;
            return Ok(true);
        }
        Authentication::SaslFinal(_) => {
            client.tell(frame.as_bytes()).await?;
            return Ok(false);
        }
        Authentication::CleartextPassword => *method = "password",
        Authentication::Md5Password(_) => *method = "md5",
        Authentication::SaslContinue(_) => {}
        Authentication::Sasl(mechanisms) => {
            if !mechanisms.iter().any(|name| name == PLAIN.as_bytes()) {
                return Err(LoginError::Method(
                    "a SASL mechanism other than SCRAM-SHA-256",
                ));
            }
            *method = "scram-sha-256";
            let mut offer = BytesMut::new();
            Writer::new(&mut offer).sasl([PLAIN.as_bytes()].into_iter())?;
            client.tell(&offer).await?;
            server.tell(client.next().await?.as_bytes()).await?;
            return Ok(false);
        }
        Authentication::Other(_) => return Err(LoginError::Method("GSS, SSPI or Kerberos")),
    }
    client.tell(frame.as_bytes()).await?;
    server.tell(client.next().await?.as_bytes()).await?;
    Ok(false)
}
