//! Records as events of other systems' formats, one line each.
//!
//! Each format has events for statements and logins; records of other types have none there, and are counted by whoever
//! exports, never dropped in silence. What does not fit a field of the format stands in one that is free for it.

mod cef;
mod fhir;
pub mod flat;
mod ocsf;

pub use cef::cef;
pub use fhir::fhir;
pub use ocsf::ocsf;

use crate::facts;
use hippocrypt_audit::query::{Ending, Entry, View};
use std::net::{IpAddr, SocketAddr};

/// Milliseconds since 1970.
fn millis(view: &View) -> i64 {
    let time = view.ts.parse::<jiff::Timestamp>();
    time.map_or(0, jiff::Timestamp::as_millisecond)
}

/// Where a client is.
enum Place {
    Ip(IpAddr, Option<u16>),
    /// A Unix socket, or what is no address.
    Name(String),
}

fn place(view: &View) -> Place {
    let client = view.client.as_deref().unwrap_or_default();
    match (client.parse::<SocketAddr>(), client.parse::<IpAddr>()) {
        (Ok(socket), _) => Place::Ip(socket.ip(), Some(socket.port())),
        (_, Ok(ip)) => Place::Ip(ip, None),
        _ => Place::Name(client.to_owned()),
    }
}

/// What a statement does, as most formats tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read,
    Update,
    Insert,
    Create,
    Delete,
    Other,
}

impl Act {
    fn of(view: &View) -> Self {
        let kind = view.command.as_deref().unwrap_or_default();
        let is_copy_in = || {
            let sql = view.sql.as_deref().unwrap_or_default();
            sql.to_uppercase().contains(" FROM STDIN")
        };
        match kind.split(' ').next().unwrap_or_default() {
            "SELECT" | "VALUES" | "TABLE" | "FETCH" => Self::Read,
            "COPY" if is_copy_in() => Self::Insert,
            "COPY" => Self::Read,
            "UPDATE" | "MERGE" => Self::Update,
            "INSERT" => Self::Insert,
            "DELETE" | "TRUNCATE" | "DROP" => Self::Delete,
            "CREATE" => Self::Create,
            _ => Self::Other,
        }
    }
}

/// How it ended, as most formats tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Success,
    Failure,
    Unknown,
}

fn result(entry: &Entry) -> Ended {
    match &entry.ending {
        Ending::Known(outcome) if outcome.sqlstate.is_some() => Ended::Failure,
        Ending::Unknown => Ended::Unknown,
        _ if facts::is_refused(entry) || entry.view.kind == "auth_failure" => Ended::Failure,
        Ending::Known(_) | Ending::None => Ended::Success,
    }
}

fn sqlstate(entry: &Entry) -> Option<&String> {
    let ended = entry.outcome().and_then(|o| o.sqlstate.as_ref());
    ended.or(entry.view.sqlstate.as_ref())
}

/// One more member of an object.
fn put(object: &mut serde_json::Value, name: &str, value: serde_json::Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Who it is about: the person where one is told, else the database user.
fn name(view: &View) -> &str {
    let name = view.end_user.as_deref().or(view.user.as_deref());
    name.unwrap_or("unknown")
}

fn is_statement(view: &View) -> bool {
    matches!(view.kind.as_str(), "statement" | "prepare")
}

fn is_login(view: &View) -> bool {
    matches!(
        view.kind.as_str(),
        "session_start" | "session_end" | "auth_failure"
    )
}

/// In one line: what, and of which tables.
fn message(entry: &Entry) -> String {
    let view = &entry.view;
    match view.kind.as_str() {
        "session_start" => "login".to_owned(),
        "session_end" => "logout".to_owned(),
        "auth_failure" => "login failed".to_owned(),
        _ => {
            let kind = view.command.as_deref().unwrap_or("statement");
            let on = if view.tables.is_empty() { "" } else { " on " };
            format!(
                "{kind}{on}{}: {}",
                view.tables.join(", "),
                facts::result(entry)
            )
        }
    }
}
