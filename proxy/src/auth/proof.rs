//! The client's proof that it knows a password, by the verifier of the user it says it is.
//!
//! It must never tell a client whether the user exists, nor judge a proof before its turn has come.

use super::door::DoorError;
use super::scram::server::{Challenge, offer};
use super::scram::{Key, PLUS, ScramError, Verifier, nonce};
use super::upstream::Credential;
use super::verifiers::Verifiers;
use super::{Brake, Knock, Leg, LoginError};
use crate::config::{Service, VerifierSource};
use crate::tls::Connector;
use bytes::BytesMut;
use hippocrypt_wire::frontend::SaslInitial;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Severity};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Iterations of PostgreSQL's verifiers (`SCRAM_SHA_256_DEFAULT_ITERATIONS`).
const ITERATIONS: u32 = 4096;

/// `auth.mode: scram`
pub struct Scram {
    verifiers: Verifiers,
    brake: Brake,
    /// Makes the salts of users that do not exist.
    mock: Key,
    /// Their iterations: those of the verifier seen last.
    iterations: AtomicU32,
}

/// Whether there is such a user: for the record, never for the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exists {
    Yes,
    No,
}

/// A client that has proved itself and has not been told yet.
pub(super) struct Proved {
    pub(super) method: &'static str,
    pub(super) credential: Credential,
    /// AuthenticationSASLFinal and AuthenticationOk.
    pub(super) last_message: BytesMut,
}

impl Scram {
    pub(super) async fn open(
        source: &VerifierSource,
        connector: &Connector,
        service: &Service,
    ) -> Result<Self, DoorError> {
        Ok(Self {
            verifiers: Verifiers::open(source, connector, service).await?,
            brake: Brake::default(),
            mock: Key::random().map_err(|_| DoorError::Random)?,
            iterations: AtomicU32::new(ITERATIONS),
        })
    }

    pub(super) fn verifiers(&self) -> &Verifiers {
        &self.verifiers
    }

    /// Has a client prove that it knows the user's password.
    pub(super) async fn prove(
        &self,
        knock: &Knock<'_>,
        client: &mut Leg<'_>,
    ) -> Result<Proved, LoginError> {
        let (verifier, exists) = self.verifier(knock).await?;
        let mut out = BytesMut::new();
        let mechanisms = offer(knock.binding).iter().map(|m| m.as_bytes());
        Writer::new(&mut out).sasl(mechanisms)?;
        client.tell(&out).await?;
        let answer = client.next().await?;
        let first = SaslInitial::of(&answer)?;
        let plus = first.mechanism == PLUS.as_bytes();
        let challenge = nonce().and_then(|nonce| {
            let verifier = verifier.clone();
            Challenge::new(first.mechanism, first.data, knock.binding, verifier, &nonce)
        });
        let challenge = challenge.map_err(|e| report(e, knock))?;
        out.clear();
        Writer::new(&mut out).sasl_continue(challenge.message.as_bytes())?;
        client.tell(&out).await?;
        let answer = client.next().await?;
        self.wait_for_turn(knock).await?;
        let proven = challenge
            .finish(answer.body())
            .map_err(|error| self.failure(error, knock, exists))?;
        self.brake.succeeded(knock.network, knock.user);
        out.clear();
        let mut writer = Writer::new(&mut out);
        writer.sasl_final(proven.message.as_bytes())?;
        writer.authentication_ok()?;
        Ok(Proved {
            method: match plus {
                true => "scram-sha-256-plus",
                false => "scram-sha-256",
            },
            credential: Credential {
                client_key: proven.client_key,
                verifier,
            },
            last_message: out,
        })
    }

    /// The user's, or one that looks like it and that nobody can pass.
    async fn verifier(&self, knock: &Knock<'_>) -> Result<(Verifier, Exists), LoginError> {
        let known = self.verifiers.of(knock.user).await.map_err(|error| {
            tracing::error!(%error, "no verifier could be read");
            let words = "the proxy could not look up the user";
            denied(fatal("58000", words), "verifiers cannot be read")
        })?;
        match known {
            Some(verifier) => {
                let iterations = verifier.iterations();
                self.iterations.store(iterations, Ordering::Relaxed);
                Ok((verifier, Exists::Yes))
            }
            None => {
                let iterations = self.iterations.load(Ordering::Relaxed);
                let mock = Verifier::mock(&self.mock, knock.user, iterations);
                mock.map(|mock| (mock, Exists::No))
                    .map_err(|e| report(e, knock))
            }
        }
    }

    fn failure(&self, error: ScramError, knock: &Knock<'_>, exists: Exists) -> LoginError {
        self.brake.failed(knock.network, knock.user, Instant::now());
        match (report(error, knock), exists) {
            (LoginError::Denied { report, .. }, Exists::No) if error == ScramError::Proof => {
                denied(*report, "no such user")
            }
            (told, _) => told,
        }
    }

    async fn wait_for_turn(&self, knock: &Knock<'_>) -> Result<(), LoginError> {
        match self.brake.turn(knock.network, knock.user, Instant::now()) {
            Some(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => {
                let words = format!("too many failed logins of user \"{}\"", knock.user);
                let report = fatal("28000", &words).hint("Wait a minute, then try again.");
                Err(denied(report, "too many failed logins"))
            }
        }
    }
}

fn denied(report: ErrorReport, reason: &'static str) -> LoginError {
    LoginError::Denied {
        report: Box::new(report),
        reason,
    }
}

fn fatal(code: &str, words: &str) -> ErrorReport {
    ErrorReport::new(Severity::Fatal, code, words)
}

/// What the client is told, with the server's own words and codes (auth-scram.c, auth.c).
fn report(error: ScramError, knock: &Knock<'_>) -> LoginError {
    match error {
        ScramError::Malformed(detail) => denied(
            fatal("08P01", "malformed SCRAM message").detail(detail),
            "malformed SCRAM message",
        ),
        ScramError::Unsupported(words) => denied(fatal("0A000", words), "unsupported in SCRAM"),
        ScramError::Downgrade => {
            let detail = "The client supports SCRAM channel binding but thinks the server does not. \
                          However, this server does support channel binding.";
            let report = fatal("28000", "SCRAM channel binding negotiation error").detail(detail);
            denied(report, "channel binding was taken off the offer")
        }
        ScramError::OtherChannel => {
            let report = fatal("28000", "SCRAM channel binding check failed");
            denied(report, "bound to another channel")
        }
        ScramError::Random => denied(
            fatal("58000", "the proxy has no randomness"),
            "no randomness",
        ),
        ScramError::Proof | ScramError::OtherVerifier | ScramError::Server => {
            let words = format!("password authentication failed for user \"{}\"", knock.user);
            denied(fatal("28P01", &words), "wrong password")
        }
    }
}
