//! At start: whether the server lets anybody in with the proxy's own certificate.
//!
//! It must never open a session that does anything: it leaves behind AuthenticationOk.

use super::door::DoorError;
use super::scram::Binding;
use super::upstream::log_in;
use super::{Leg, LoginError};
use crate::config::Config;
use crate::tls::{ConnectError, Connector};
use bytes::BytesMut;
use hippocrypt_wire::WireError;
use hippocrypt_wire::startup::{Startup, StartupPacket};
use hippocrypt_wire::write::Writer;
use std::collections::BTreeSet;
use std::time::Duration;

/// For one user.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Tries the users of `auth.identities`. Without these nobody knows whom to try, and each login finds out.
pub(super) async fn certificate(config: &Config, connector: &Connector) -> Result<(), DoorError> {
    let identities = config.auth.identities.iter().flatten();
    let users: BTreeSet<_> = identities.flat_map(|(_, users)| users).collect();
    let database = config.policy.databases.keys().next();
    let database = database.map_or("postgres", |name| name);
    let mut refused = Vec::new();
    for user in &users {
        let tried = tokio::time::timeout(TIMEOUT, one(user, database, connector)).await;
        let why = match tried {
            Ok(Ok(())) => continue,
            Ok(Err(why)) => why.to_string(),
            Err(_) => format!("no answer within {TIMEOUT:?}"),
        };
        tracing::warn!(%user, %why, "the server does not let this user in with the proxy's certificate");
        refused.push(format!("{user}: {why}"));
    }
    match refused.len() == users.len() && !users.is_empty() {
        true => Err(DoorError::NobodyIn(refused.join("; "))),
        false => Ok(()),
    }
}

/// Why one user is not let in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Wire(#[from] WireError),
}

async fn one(user: &str, database: &str, connector: &Connector) -> Result<(), Refused> {
    let startup = startup(user, database)?;
    let mut server = connector.connect().await?;
    let mut read = BytesMut::new();
    let mut leg = Leg::server(&mut server, &mut read);
    Ok(log_in(&startup, &mut leg, &Binding::Impossible, None).await?)
}

fn startup(user: &str, database: &str) -> Result<Startup, WireError> {
    let mut message = BytesMut::new();
    let parameters = [("user", user), ("database", database)];
    let parameters = parameters.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Writer::new(&mut message).startup(parameters.into_iter())?;
    match StartupPacket::next(&mut message)? {
        Some(StartupPacket::Startup(startup)) => Ok(startup),
        _ => Err(WireError::Malformed(0)),
    }
}
