//! Who may try to log in: rules over the start-up message and what is known of the connection.
//!
//! It must never let a name through that the server would take for another: rights go by it.

use super::House;
use super::handshake::Greeted;
use crate::config::{ListenAddress, ListenTls};
use crate::session::Who;
use hippocrypt_policy::OtherDatabases;
use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::{ErrorReport, Severity};

/// What a client is told, and the words of the record.
type Refused = (ErrorReport, &'static str);

/// `NAMEDATALEN` - 1: the server cuts longer names (ProcessStartupPacket), and the policy would not.
const NAME: usize = 63;

/// Parameters that must have one meaning for everybody between the client and the server.
const SINGLE: [&[u8]; 3] = [b"user", b"database", b"replication"];

/// Why this client gets no session, before the server is asked.
pub(super) fn inadmissible(
    house: &House,
    greeted: &Greeted,
    startup: &Startup,
    who: &Who,
) -> Option<Refused> {
    names(startup)
        .or_else(|| connection(house, greeted))
        .or_else(|| identity(house, greeted, &who.user))
        .or_else(|| replication(startup))
        .or_else(|| database(house, startup, &who.database))
}

fn names(startup: &Startup) -> Option<Refused> {
    for name in SINGLE {
        if startup.iter().filter(|(n, _)| *n == name).count() > 1 {
            let words = format!("start-up parameter \"{}\" is given twice", text(name));
            return Some((fatal("08P01", &words), "a parameter is given twice"));
        }
    }
    let user = startup.get("user").unwrap_or_default();
    if user.is_empty() {
        let words = "no PostgreSQL user name specified in startup packet";
        return Some((fatal("28000", words), "no user"));
    }
    for name in [user, startup.get("database").unwrap_or_default()] {
        if name.len() > NAME || std::str::from_utf8(name).is_err() {
            let words = format!("names of users and databases are UTF-8 of at most {NAME} bytes");
            return Some((fatal("28000", &words), "a name that is cut or not UTF-8"));
        }
    }
    None
}

fn connection(house: &House, greeted: &Greeted) -> Option<Refused> {
    let ListenTls::Require(_, client_ca) = &house.config.listen.tls else {
        return None;
    };
    if greeted.tls.is_none() {
        let report = fatal("28000", "this proxy requires TLS");
        return Some((report.hint("Connect with sslmode=require."), "no TLS"));
    }
    if client_ca.is_some() && greeted.names.is_none() {
        let report = fatal("28000", "connection requires a valid client certificate");
        return Some((report, "no client certificate"));
    }
    None
}

/// Whether whom the certificate or the kernel vouches for may be this user.
fn identity(house: &House, greeted: &Greeted, user: &str) -> Option<Refused> {
    let local = matches!(house.config.listen.address, ListenAddress::Unix(_));
    let identities = house.config.auth.identities.as_ref();
    let names = match &greeted.names {
        Some(names) if !local || identities.is_some() => names,
        _ => return None,
    };
    let may = match identities {
        None => names.iter().any(|n| n.strip_prefix("cn:") == Some(user)),
        Some(identities) => names
            .iter()
            .filter_map(|name| identities.get(name))
            .any(|users| users.iter().any(|u| u == user)),
    };
    if may {
        return None;
    }
    let (what, reason) = match local {
        true => ("Peer", "the system user may not be this user"),
        false => ("certificate", "the certificate is not for this user"),
    };
    tracing::info!(%user, ?names, "{reason}");
    let words = format!("{what} authentication failed for user \"{user}\"");
    Some((fatal("28000", &words), reason))
}

fn replication(startup: &Startup) -> Option<Refused> {
    let replication = startup.get("replication");
    if replication.is_some_and(|v| !matches!(v, b"false" | b"off" | b"no" | b"0")) {
        let words = "replication connections are not possible through the proxy";
        return Some((fatal("0A000", words), "replication"));
    }
    None
}

fn database(house: &House, startup: &Startup, database: &str) -> Option<Refused> {
    let policy = &house.regimes.current().policy;
    if !policy.databases.contains_key(database) {
        if policy.other_databases == OtherDatabases::Refuse {
            let words = format!("database \"{database}\" is not named by the proxy's policy");
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

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

pub(super) fn fatal(code: &str, words: &str) -> ErrorReport {
    ErrorReport::new(Severity::Fatal, code, words)
}
