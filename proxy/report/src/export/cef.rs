//! CEF, ArcSight's Common Event Format 0, with the keys of its extension dictionary.
//!
//! In the header `\` and `|` are escaped, in the extension `\`, `=` and line ends; nothing of a client can begin a field
//! or a line.

use super::{Ended, Place};
use crate::facts;
use hippocrypt_audit::query::Entry;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Characters of a custom string, by the dictionary.
const CUSTOM_MAX: usize = 4000;
/// Characters of `msg`.
const MSG_MAX: usize = 1023;

/// The line; `None`: the format has none for this type of record.
pub fn cef(entry: &Entry) -> Option<String> {
    let view = &entry.view;
    let class = match view.kind.as_str() {
        "statement" | "prepare" => {
            let kind = view.command.as_deref().unwrap_or("statement");
            format!("{}:{kind}", view.kind)
        }
        kind if super::is_login(view) => kind.to_owned(),
        _ => return None,
    };
    // 0 to 10; ArcSight calls 4 to 6 medium.
    let severity = match (super::result(entry), facts::is_refused(entry)) {
        (_, true) => 6,
        (Ended::Failure, _) => 4,
        (Ended::Unknown, _) => 3,
        (Ended::Success, _) => 1,
    };
    let mut out = format!(
        "CEF:0|hippocrypt|hippocrypt|{}|{}|{}|{severity}|",
        env!("CARGO_PKG_VERSION"),
        header(&class),
        header(&super::message(entry)),
    );
    extension(&mut out, entry);
    Some(out)
}

fn extension(out: &mut String, entry: &Entry) {
    let view = &entry.view;
    let mut first = true;
    let mut put = |key: &str, value: &str, most: usize| {
        if !value.is_empty() {
            if !first {
                out.push(' ');
            }
            first = false;
            // Writing to a String cannot fail.
            let _ = write!(out, "{key}={}", escaped(value, most));
        }
    };
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    put("rt", &super::millis(view).to_string(), 20);
    put("externalId", &view.seq.to_string(), 40);
    put("dvchost", &text(&view.node), 100);
    put("cat", &view.kind, 1023);
    put("suser", super::name(view), 1023);
    put("duser", &text(&view.user), 1023);
    match super::place(view) {
        Place::Ip(IpAddr::V4(ip), port) => {
            put("src", &ip.to_string(), 15);
            put("spt", &port.map_or_else(String::new, |p| p.to_string()), 5);
        }
        Place::Ip(IpAddr::V6(ip), port) => {
            put("c6a2", &ip.to_string(), 39);
            put("c6a2Label", "Source IPv6 Address", 100);
            put("spt", &port.map_or_else(String::new, |p| p.to_string()), 5);
        }
        Place::Name(name) => put("shost", &name, 1023),
    }
    put("requestClientApplication", &text(&view.app), 1023);
    put("act", &text(&view.decision), 63);
    let outcome = match super::result(entry) {
        Ended::Success => "success",
        Ended::Failure => "failure",
        Ended::Unknown => "unknown",
    };
    put("outcome", outcome, 63);
    put(
        "reason",
        super::sqlstate(entry).map_or("", String::as_str),
        1023,
    );
    put("msg", &text(&view.sql), MSG_MAX);
    let subjects: Vec<&str> = entry.subjects().map(String::as_str).collect();
    let custom = [
        ("cs1", "protectedColumns", facts::touched(view).join(", ")),
        ("cs2", "tables", view.tables.join(", ")),
        ("cs3", "reasonGiven", text(&view.reason)),
        ("cs4", "subjects", subjects.join(" ")),
        ("cs5", "policyRule", text(&view.rule)),
        ("cs6", "recordHash", entry.hash().to_owned()),
    ];
    for (key, label, value) in custom {
        if !value.is_empty() {
            put(key, &value, CUSTOM_MAX);
            put(&format!("{key}Label"), label, CUSTOM_MAX);
        }
    }
    if let Some(o) = entry.outcome() {
        put("out", &o.bytes.to_string(), 20);
        put("cn1", &o.rows.to_string(), 20);
        put("cn1Label", "rows", 100);
        put("cn2", &subjects.len().to_string(), 20);
        put("cn2Label", "subjectsOnRecord", 100);
    }
}

fn header(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('|', "\\|");
    text.replace(['\n', '\r'], " ")
}

/// At most so many characters; `…` is the last where there were more.
fn escaped(text: &str, most: usize) -> String {
    let cut = match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    };
    let text = cut.replace('\\', "\\\\").replace('=', "\\=");
    text.replace('\n', "\\n").replace('\r', "\\r")
}
