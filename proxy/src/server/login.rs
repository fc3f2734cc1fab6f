//! One connection from greeting to login.
//!
//! It must never connect upstream for a client that may not have a session, and every login and failure
//! goes on record.

use super::House;
use super::admission::{fatal, inadmissible};
use super::handshake::{Greeted, Stranger, greet, tell};
use super::session::converse;
use crate::auth::{Knock, Leg, LoggedIn, LoginError, minor};
use crate::session::driver::Duplex;
use crate::session::{Peers, Recorder, Who};
use crate::socket::{Origin, Socket};
use hippocrypt_wire::ErrorReport;
use hippocrypt_wire::startup::{Startup, StartupPacket};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// A connection that has not logged in: one of `sessions.max_logins`, until `deadline`.
pub(super) struct Pending {
    pub(super) from: Origin,
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) deadline: Instant,
}

/// Serves one connection.
pub(super) async fn serve(house: Arc<House>, socket: Socket, pending: Pending) {
    let from = pending.from;
    let acceptor = house.acceptor();
    let greeting = greet(socket, from, acceptor.as_ref());
    let greeted = match tokio::time::timeout_at(pending.deadline, greeting).await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(Stranger::Certificate(error))) => {
            tracing::info!(client = %from, %error, "a client certificate was refused");
            let who = Who {
                session: session_id(),
                client: from.to_string(),
                ..Who::default()
            };
            return record_failure(&house, who, "28000", "its certificate was refused");
        }
        Ok(Err(stranger)) => {
            tracing::debug!(client = %from, error = %stranger, "no start-up message");
            return;
        }
        Err(_) => {
            tracing::debug!(client = %from, "no start-up message in time");
            return;
        }
    };
    match &greeted.packet {
        StartupPacket::Cancel(key) => {
            let cancel = house.cancels.cancel(key, &house.connector);
            if tokio::time::timeout_at(pending.deadline, cancel)
                .await
                .is_err()
            {
                tracing::warn!("a cancel request did not reach the server in time");
            }
        }
        StartupPacket::Startup(startup) => {
            let startup = startup.clone();
            admit(&house, greeted, &startup, pending).await;
        }
        // the greeting answers these itself
        StartupPacket::SslRequest | StartupPacket::GssEncRequest => {}
    }
}

async fn admit(house: &Arc<House>, mut greeted: Greeted, startup: &Startup, pending: Pending) {
    let mut who = who(&greeted, startup, pending.from);
    if let Some((report, reason)) = inadmissible(house, &greeted, startup, &who) {
        return turn_away(house, &mut *greeted.stream, who, &report, reason).await;
    }
    house.services.metrics.sessions.inc();
    house.services.metrics.sessions_begun.inc();
    let login = log_in(house, &mut greeted, startup, &who.user, pending.from);
    match tokio::time::timeout_at(pending.deadline, login).await {
        Ok(Ok(logged_in)) => {
            let _seat = logged_in.seat;
            drop(pending.permit);
            logged_in.method.clone_into(&mut who.auth);
            let peers = Peers {
                client: greeted.stream,
                server: logged_in.server,
                from_client: greeted.read,
                from_server: logged_in.from_server,
            };
            converse(house, who, minor(startup), peers).await;
        }
        Ok(Err(LoginError::Refused { sqlstate, message })) => {
            record_failure(house, who, &sqlstate, "refused by the server");
            let told = greeted.stream.write_all(message.as_bytes()).await;
            if let Err(error) = told.and(greeted.stream.flush().await) {
                tracing::debug!(client = %pending.from, %error, "gone before it heard of its refusal");
            }
        }
        Ok(Err(error)) => {
            let (report, reason) = login_report(error);
            turn_away(house, &mut *greeted.stream, who, &report, reason).await;
        }
        Err(_) => {
            let report = fatal("57014", "canceling authentication due to timeout");
            turn_away(house, &mut *greeted.stream, who, &report, "timeout").await;
        }
    }
    house.services.metrics.sessions.dec();
}

async fn log_in(
    house: &House,
    greeted: &mut Greeted,
    startup: &Startup,
    user: &str,
    from: Origin,
) -> Result<LoggedIn, LoginError> {
    let knock = Knock {
        startup,
        user,
        network: from.network(),
        binding: &greeted.binding,
        seats: &house.seats,
    };
    let mut client = Leg::client(&mut *greeted.stream, &mut greeted.read);
    house
        .door
        .log_in(&knock, &mut client, &house.connector)
        .await
}

fn who(greeted: &Greeted, startup: &Startup, from: Origin) -> Who {
    let text = |name| {
        startup
            .get(name)
            .map(|v| String::from_utf8_lossy(v).into_owned())
    };
    let user = text("user").unwrap_or_default();
    Who {
        session: session_id(),
        client: from.to_string(),
        app: text("application_name").unwrap_or_default(),
        // src/backend/tcop/postmaster.c: the database is named like the user unless given
        database: text("database")
            .filter(|d| !d.is_empty())
            .unwrap_or_else(|| user.clone()),
        user,
        auth: String::new(),
        tls: greeted.tls.clone(),
    }
}

pub(super) fn session_id() -> String {
    let mut id = [0; 8];
    // all zeros where there is no randomness: such a session does not begin
    let _ = getrandom::fill(&mut id);
    format!("{:016x}", u64::from_be_bytes(id))
}

pub(super) async fn turn_away(
    house: &House,
    to: &mut dyn Duplex,
    who: Who,
    report: &ErrorReport,
    reason: &str,
) {
    let code = report.sqlstate.clone();
    record_failure(house, who, &code, reason);
    tell(to, report).await;
}

fn record_failure(house: &House, who: Who, sqlstate: &str, reason: &str) {
    house.services.metrics.login_failures.inc();
    let recorder = Recorder::new(Arc::clone(&house.services.sink), who, None, None);
    if let Err(error) = recorder.auth_failure(sqlstate, reason) {
        tracing::error!(%error, "a failed login could not be put on record");
    }
}

/// What the client is told, and the words of the record.
fn login_report(error: LoginError) -> (ErrorReport, &'static str) {
    let broken = "login broken off";
    match error {
        LoginError::Denied { report, reason } => (*report, reason),
        LoginError::Closed {
            peer: "the client", ..
        } => {
            // psql asks for a password only after it has been asked for one, and comes again
            let words = "the client left before it had logged in";
            (fatal("08006", words), "the client left")
        }
        LoginError::Refused { .. } | LoginError::Closed { .. } => {
            let words = "the proxy has no connection to the server";
            (fatal("08006", words), broken)
        }
        LoginError::Method(what) => {
            let words = format!("the server asks for {what}, with which the proxy cannot log in");
            let hint =
                "See pg_hba.conf for the proxy's address, and auth in the proxy's configuration.";
            let reason = "the server asks for another method";
            (fatal("28000", &words).hint(hint), reason)
        }
        LoginError::Verifier(error) => {
            tracing::error!(%error, "the proxy's verifier of a role is not the server's");
            let words = format!("the proxy cannot log in at the server: {error}");
            let hint =
                "The proxy's verifier has to be the role's rolpassword in the server's pg_authid.";
            let reason = "the verifier is not the server's";
            (fatal("28000", &words).hint(hint), reason)
        }
        LoginError::Wire(_) => (fatal("08P01", "malformed message during login"), broken),
    }
}
