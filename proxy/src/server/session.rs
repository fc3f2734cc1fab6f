//! One connection from greeting to its end.
//!
//! It must never connect upstream for a client that may not have a session, and every login and failure
//! goes on record.

use super::House;
use super::cancel;
use super::handshake::{Greeted, greet, tell};
use crate::auth::{LoginError, relay};
use crate::catalog::LiveCatalog;
use crate::config::ListenTls;
use crate::session::driver::{Duplex, Host};
use crate::session::{Ending, Env, Machine, Peers, Protected, Recorder, Who, run};
use crate::telemetry::Metrics;
use hippocrypt_policy::OtherDatabases;
use hippocrypt_wire::startup::{CancelKey, Startup, StartupPacket};
use hippocrypt_wire::{ErrorReport, Severity};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Serves one connection.
pub(super) async fn serve(house: Arc<House>, tcp: TcpStream, from: SocketAddr) {
    let limit = house.config.sessions.login_timeout;
    let greeted = match tokio::time::timeout(limit, greet(tcp, house.acceptor.as_ref())).await {
        Ok(Ok(greeted)) => greeted,
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
        StartupPacket::Cancel(key) => house.cancels.cancel(key, &house.connector).await,
        StartupPacket::Startup(startup) => {
            let startup = startup.clone();
            admit(&house, greeted, &startup, from).await;
        }
        // the greeting answers these itself
        StartupPacket::SslRequest | StartupPacket::GssEncRequest => {}
    }
}

async fn admit(house: &Arc<House>, mut greeted: Greeted, startup: &Startup, from: SocketAddr) {
    let mut who = who(&greeted, startup, from);
    let Ok(_seat) = house.seats.clone().try_acquire_owned() else {
        let report = fatal("53300", "sorry, too many clients already");
        return turn_away(
            house,
            &mut *greeted.stream,
            who,
            &report,
            "too many sessions",
        )
        .await;
    };
    if let Some((report, reason)) = inadmissible(house, &greeted, startup, &who) {
        return turn_away(house, &mut *greeted.stream, who, &report, reason).await;
    }
    house.services.metrics.sessions.inc();
    house.services.metrics.sessions_begun.inc();
    let limit = house.config.sessions.login_timeout;
    match tokio::time::timeout(limit, log_in(house, &mut greeted, startup)).await {
        Ok(Ok((method, server, from_server))) => {
            method.clone_into(&mut who.auth);
            let peers = Peers {
                client: greeted.stream,
                server,
                from_client: greeted.read,
                from_server,
            };
            converse(house, who, peers).await;
        }
        Ok(Err(LoginError::Refused { sqlstate, message })) => {
            record_failure(house, who, &sqlstate, "refused by the server");
            let told = greeted.stream.write_all(message.as_bytes()).await;
            if let Err(error) = told.and(greeted.stream.flush().await) {
                tracing::debug!(client = %from, %error, "gone before it heard of its refusal");
            }
        }
        Ok(Err(error)) => {
            let report = login_report(&error);
            turn_away(
                house,
                &mut *greeted.stream,
                who,
                &report,
                "login broken off",
            )
            .await;
        }
        Err(_) => {
            let report = fatal("57014", "canceling authentication due to timeout");
            turn_away(house, &mut *greeted.stream, who, &report, "timeout").await;
        }
    }
    house.services.metrics.sessions.dec();
}

type Session = (&'static str, Box<dyn Duplex>, bytes::BytesMut);

async fn log_in(
    house: &House,
    greeted: &mut Greeted,
    startup: &Startup,
) -> Result<Session, LoginError> {
    let mut server = match house.connector.connect().await {
        Ok(server) => Box::new(server),
        Err(error) => {
            tracing::error!(%error, "no connection to the server");
            let error = std::io::Error::other("no connection");
            return Err(LoginError::Closed {
                peer: "the server",
                error,
            });
        }
    };
    let logged_in = relay(
        startup,
        &mut *greeted.stream,
        &mut *server,
        &mut greeted.read,
    )
    .await?;
    Ok((logged_in.method, server, logged_in.from_server))
}

/// The session itself.
async fn converse(house: &Arc<House>, who: Who, peers: Peers) {
    let watched = house.catalogs.get(&who.database);
    let (user, database) = (who.user.clone(), who.database.clone());
    let policy = &house.config.policy;
    let protected = watched
        .as_ref()
        .zip(house.services.vaults.get(database.as_str()));
    let protected = protected.map(|(watched, vault)| Protected {
        worlds: Arc::clone(watched) as Arc<dyn crate::session::Worlds>,
        database: Arc::clone(watched.database()),
        vault: Arc::clone(vault),
        rights: Arc::new(policy.rights(&database, &user)),
        zones: Arc::clone(watched.zones()),
    });
    let rule = protected.as_ref().map(|p| Arc::clone(&p.rights.rule));
    let hash = protected.as_ref().map(|_| Arc::clone(&policy.hash));
    let mut secret = [0; 4];
    if !random(&mut secret) {
        let report = fatal("58000", "the proxy has no randomness for a session's key");
        let mut peers = peers;
        return turn_away(house, &mut *peers.client, who, &report, "no randomness").await;
    }
    let sink = Arc::new(house.services.log.clone());
    let recorder = Recorder::new(sink, who, rule, hash);
    let mut machine = Machine::new(Env {
        protected,
        recorder,
        cancel_secret: secret,
    });
    let host = SessionHost {
        house,
        watched,
        secret,
        key: Mutex::new(None),
    };
    let idle = house.config.sessions.idle_timeout;
    let ending = run(&mut machine, peers, &host, idle, house.stop.clone()).await;
    if let Ending::Fault(fault) = &ending {
        tracing::warn!(%user, %database, error = %fault, "session ended by a fault");
    }
    host.forget();
}

struct SessionHost<'a> {
    house: &'a House,
    watched: Option<Arc<LiveCatalog>>,
    secret: [u8; 4],
    key: Mutex<Option<CancelKey>>,
}

impl SessionHost<'_> {
    fn forget(&self) {
        if let Some(key) = self
            .key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            self.house.cancels.forget(&key);
        }
    }
}

impl Host for SessionHost<'_> {
    fn refresh(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async move {
            match &self.watched {
                Some(watched) => watched.refresh().await.map_err(|error| {
                    let database = &watched.database().name;
                    tracing::error!(%database, %error, "the catalog could not be read");
                    // the client is told that it failed, not how: hosts and roles are the operator's
                    format!("database \"{database}\"")
                }),
                None => Ok(()),
            }
        })
    }

    fn compare_zone(&self, name: Box<str>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Some(watched) = &self.watched {
                compare_zone(watched, &name).await;
            }
        })
    }

    fn compare_wanted(&self) {
        let Some(watched) = &self.watched else { return };
        for name in watched.zones().take_wanted() {
            let watched = Arc::clone(watched);
            tokio::spawn(async move { compare_zone(&watched, &name).await });
        }
    }

    fn register(&self, real: CancelKey) {
        let ours = cancel::key(real.pid, self.secret);
        self.house.cancels.register(ours.clone(), real);
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours);
    }

    fn metrics(&self) -> &Metrics {
        &self.house.services.metrics
    }
}

async fn compare_zone(watched: &LiveCatalog, name: &str) {
    if let Err(error) = watched.compare_zone(name).await {
        let database = &watched.database().name;
        tracing::error!(%database, zone = name, %error, "a time zone could not be compared with the server's");
    }
}

fn who(greeted: &Greeted, startup: &Startup, from: SocketAddr) -> Who {
    let text = |name| {
        startup
            .get(name)
            .map(|v| String::from_utf8_lossy(v).into_owned())
    };
    let user = text("user").unwrap_or_default();
    let mut id = [0; 8];
    // all zeros where there is no randomness: such a session does not begin
    let _ = random(&mut id);
    Who {
        session: format!("{:016x}", u64::from_be_bytes(id)),
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

/// Why this client gets no session, before the server is asked.
fn inadmissible(
    house: &House,
    greeted: &Greeted,
    startup: &Startup,
    who: &Who,
) -> Option<(ErrorReport, &'static str)> {
    if who.user.is_empty() {
        let words = "no PostgreSQL user name specified in startup packet";
        return Some((fatal("28000", words), "no user"));
    }
    if matches!(house.config.listen.tls, ListenTls::Require(_)) && greeted.tls.is_none() {
        let report =
            fatal("28000", "this proxy requires TLS").hint("Connect with sslmode=require.");
        return Some((report, "no TLS"));
    }
    let replication = startup.get("replication");
    if replication.is_some_and(|v| !matches!(v, b"false" | b"off" | b"no" | b"0")) {
        let report = fatal(
            "0A000",
            "replication connections are not possible through the proxy",
        );
        return Some((report, "replication"));
    }
    if !house
        .config
        .policy
        .databases
        .contains_key(who.database.as_str())
    {
        if house.config.policy.other_databases == OtherDatabases::Refuse {
            let words = format!(
                "database \"{}\" is not named by the proxy's policy",
                who.database
            );
            let report = fatal("42501", &words).hint("See other_databases in the policy.");
            return Some((report, "database not in the policy"));
        }
        return None;
    }
    let encoding = startup.get("client_encoding").map(|v| {
        let plain = v
            .iter()
            .filter(|b| b.is_ascii_alphanumeric())
            .map(u8::to_ascii_lowercase);
        plain.collect::<Vec<_>>()
    });
    match encoding.as_deref() {
        None | Some(b"utf8" | b"unicode" | b"sqlascii" | b"auto") => None,
        Some(_) => {
            let words = "client_encoding must be UTF8 in a database with protected columns";
            Some((fatal("0A000", words), "client encoding"))
        }
    }
}

async fn turn_away(
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
    let recorder = Recorder::new(Arc::new(house.services.log.clone()), who, None, None);
    if let Err(error) = recorder.auth_failure(sqlstate, reason) {
        tracing::error!(%error, "a failed login could not be put on record");
    }
}

fn login_report(error: &LoginError) -> ErrorReport {
    match error {
        LoginError::Refused { .. } | LoginError::Closed { .. } => {
            fatal("08006", "the proxy has no connection to the server")
        }
        LoginError::Method(what) => fatal(
            "28000",
            &format!("the server asks for {what}, which cannot be relayed"),
        )
        .hint("Use SCRAM-SHA-256, md5, password or trust in pg_hba.conf for the proxy's address."),
        LoginError::Wire(_) => fatal("08P01", "malformed message during login"),
    }
}

fn fatal(code: &str, words: &str) -> ErrorReport {
    ErrorReport::new(Severity::Fatal, code, words)
}

/// The kernel's randomness, through the TLS library that is here anyway; `false` where it has none.
fn random(into: &mut [u8]) -> bool {
    let provider = rustls::crypto::ring::default_provider();
    provider.secure_random.fill(into).is_ok()
}
