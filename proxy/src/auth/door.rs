//! How clients of this proxy log in: `auth.mode`, ready for use.
//!
//! It must never connect to the server for a client that is to prove itself here and has not.

use super::relay::relay;
use super::scram::server::{Challenge, offer};
use super::scram::{Binding, Key, PLUS, ScramError, Verifier, nonce};
use super::upstream::{Credential, log_in};
use super::verifiers::{Users, Verifiers, VerifiersError};
use super::{Brake, Leg, LoginError, Network};
use crate::config::{AuthMode, Config};
use crate::session::driver::Duplex;
use crate::tls::Connector;
use bytes::BytesMut;
use hippocrypt_wire::frontend::SaslInitial;
use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Severity};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Iterations of PostgreSQL's verifiers (`SCRAM_SHA_256_DEFAULT_ITERATIONS`).
const ITERATIONS: u32 = 4096;

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Verifiers.
    #[error(transparent)]
    Verifiers(#[from] VerifiersError),
    /// Nothing random.
    #[error("no randomness")]
    Random,
}

/// The way in.
pub enum Door {
    /// The client proves itself to the server.
    Relay,
    /// The client proves itself to the proxy.
    Scram(Box<Scram>),
    /// The client has shown a certificate, and the proxy shows its own to the server.
    Certificate,
}

/// `auth.mode: scram`
pub struct Scram {
    verifiers: Verifiers,
    brake: Brake,
    /// Makes the salts of users that do not exist.
    mock: Key,
    /// Their iterations: those of the verifier seen last.
    iterations: AtomicU32,
}

/// A userlist that was read anew.
pub struct Renewed(Users);

/// Who knocks.
pub struct Knock<'a> {
    /// What it sent.
    pub startup: &'a Startup,
    /// The user it says it is.
    pub user: &'a str,
    /// Where it comes from.
    pub network: Network,
    /// What its TLS connection can be bound to.
    pub binding: &'a Binding,
}

/// What stands where AuthenticationOk was just passed.
pub struct LoggedIn {
    /// `trust`, `password`, `md5`, `scram-sha-256`, `scram-sha-256-plus` or `certificate`.
    pub method: &'static str,
    /// The connection to the server.
    pub server: Box<dyn Duplex>,
    /// Read from it behind AuthenticationOk.
    pub from_server: BytesMut,
}

impl Door {
    /// Opens it as configured.
    pub async fn open(config: &Config, connector: &Connector) -> Result<Self, DoorError> {
        let source = match &config.auth.mode {
            AuthMode::Relay => return Ok(Self::Relay),
            AuthMode::Certificate => return Ok(Self::Certificate),
            AuthMode::Scram(source) => source,
        };
        Ok(Self::Scram(Box::new(Scram {
            verifiers: Verifiers::open(source, connector, &config.upstream.service).await?,
            brake: Brake::default(),
            mock: Key::random().map_err(|_| DoorError::Random)?,
            iterations: AtomicU32::new(ITERATIONS),
        })))
    }

    /// Reads verifiers anew, for [`Self::replace`]; `None` where they are in no file.
    pub fn read(&self) -> Result<Option<Renewed>, DoorError> {
        match self {
            Self::Scram(scram) => Ok(scram.verifiers.read()?.map(Renewed)),
            Self::Relay | Self::Certificate => Ok(None),
        }
    }

    /// For logins from now on.
    pub fn replace(&self, renewed: Renewed) {
        if let Self::Scram(scram) = self {
            scram.verifiers.replace(renewed.0);
        }
    }

    /// Lets a client in, or says why not.
    pub async fn log_in(
        &self,
        knock: &Knock<'_>,
        client: &mut Leg<'_>,
        connector: &Connector,
    ) -> Result<LoggedIn, LoginError> {
        let mut from_server = BytesMut::new();
        let (method, server): (_, Box<dyn Duplex>) = match self {
            Self::Relay => {
                let mut server = connect(connector).await?;
                let mut leg = Leg::server(&mut server, &mut from_server);
                (
                    relay(knock.startup, client, &mut leg).await?,
                    Box::new(server),
                )
            }
            Self::Scram(scram) => {
                client.negotiate(knock.startup).await?;
                let proved = scram.prove(knock, client).await?;
                let mut server = connect(connector).await?;
                let binding = server.binding();
                let mut leg = Leg::server(&mut server, &mut from_server);
                let credential = Some(&proved.credential);
                log_in(knock.startup, &mut leg, &binding, credential).await?;
                client.tell(&proved.last_message).await?;
                (proved.method, Box::new(server))
            }
            Self::Certificate => {
                client.negotiate(knock.startup).await?;
                let mut server = connect(connector).await?;
                let mut leg = Leg::server(&mut server, &mut from_server);
                log_in(knock.startup, &mut leg, &Binding::Impossible, None).await?;
                let mut welcome = BytesMut::new();
                Writer::new(&mut welcome).authentication_ok()?;
                client.tell(&welcome).await?;
                ("certificate", Box::new(server))
            }
        };
        Ok(LoggedIn {
            method,
            server,
            from_server,
        })
    }
}

async fn connect(connector: &Connector) -> Result<crate::tls::UpstreamStream, LoginError> {
    connector.connect().await.map_err(|error| {
        tracing::error!(%error, "no connection to the server");
        LoginError::Closed {
            peer: "the server",
            error: io::Error::other("no connection"),
        }
    })
}

/// A client that has proved itself and has not been told yet.
struct Proved {
    method: &'static str,
    credential: Credential,
    /// AuthenticationSASLFinal and AuthenticationOk.
    last_message: BytesMut,
}

impl Scram {
    async fn prove(&self, knock: &Knock<'_>, client: &mut Leg<'_>) -> Result<Proved, LoginError> {
        let known = self.verifiers.of(knock.user).await.map_err(|error| {
            tracing::error!(%error, "no verifier could be read");
            let words = "the proxy could not look up the user";
            denied(fatal("58000", words), "verifiers cannot be read")
        })?;
        let exists = known.is_some();
        let verifier = match known {
            Some(verifier) => {
                self.iterations
                    .store(verifier.iterations(), Ordering::Relaxed);
                verifier
            }
            None => {
                let iterations = self.iterations.load(Ordering::Relaxed);
                Verifier::mock(&self.mock, knock.user, iterations).map_err(|e| report(e, knock))?
            }
        };
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
        let now = Instant::now();
        let proven = challenge.finish(answer.body()).map_err(|error| {
            self.brake.failed(knock.network, knock.user, now);
            match (report(error, knock), exists) {
                (LoginError::Denied { report, .. }, false) if error == ScramError::Proof => {
                    denied(*report, "no such user")
                }
                (told, _) => told,
            }
        })?;
        self.brake.succeeded(knock.network, knock.user);
        out.clear();
        let mut writer = Writer::new(&mut out);
        writer.sasl_final(proven.message.as_bytes())?;
        writer.authentication_ok()?;
        Ok(Proved {
            method: if plus {
                "scram-sha-256-plus"
            } else {
                "scram-sha-256"
            },
            credential: Credential {
                client_key: proven.client_key,
                verifier,
            },
            last_message: out,
        })
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
