//! Who is behind the database user, and why: settings with PostgreSQL's own rules of transactions, tags in comments,
//! and what the policy wants told.

mod clients;
mod required;
mod settings;
mod tokens;

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, Place};
use serde_json::Value;

/// A proxy with these lines at the end of its configuration.
fn started(policy: &str, more: &str) -> Place {
    Setup {
        more: more.into(),
        ..Setup::policy(policy)
    }
    .start()
}

/// The same with the clinic's tables.
fn clinic_with(policy: &str, more: &str) -> Place {
    let place = started(policy, more);
    place.both(CLINIC_TABLES);
    place
}

fn clinic() -> Place {
    clinic_with(CLINIC, "")
}

/// Records of statements of this backend, in order.
fn statements(place: &Place, pid: i32) -> Vec<Value> {
    let mine = |r: &Value| r["backend_pid"] == pid && r["type"] == "statement";
    place.audit().into_iter().filter(mine).collect()
}

/// `end_user` and its source, `reason` and its source of each statement whose SQL has these words.
fn told(place: &Place, pid: i32, words: &str) -> Vec<[Option<String>; 4]> {
    let names = ["end_user", "end_user_source", "reason", "reason_source"];
    let of = |r: &Value| names.map(|name| r[name].as_str().map(str::to_owned));
    let asked = |r: &&Value| r["sql"].as_str().is_some_and(|sql| sql.contains(words));
    statements(place, pid)
        .iter()
        .filter(asked)
        .map(of)
        .collect()
}

fn some(words: [&str; 4]) -> [Option<String>; 4] {
    words.map(|word| (!word.is_empty()).then(|| word.to_owned()))
}
