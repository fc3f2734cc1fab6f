//! OCSF 1.7.0: Datastore Activity (6005) for statements, Authentication (3002) for logins. <https://schema.ocsf.io/1.7.0>

use super::{Act, Ended, Place, put};
use crate::facts;
use hippocrypt_audit::query::{Entry, View};
use serde_json::{Map, Value, json};

const VERSION: &str = "1.7.0";

/// The event; `None`: the format has none for this type of record.
pub fn ocsf(entry: &Entry) -> Option<Value> {
    let view = &entry.view;
    let (class, category, activity) = match view.kind.as_str() {
        _ if super::is_statement(view) => (
            (6005, "Datastore Activity"),
            (6, "Application Activity"),
            activity(view),
        ),
        "session_start" | "auth_failure" => login((1, "Logon")),
        "session_end" => login((2, "Logoff")),
        _ => return None,
    };
    let (status_id, status) = match super::result(entry) {
        Ended::Success => (1, "Success"),
        Ended::Failure => (2, "Failure"),
        Ended::Unknown => (0, "Unknown"),
    };
    let (severity_id, severity) = match (super::result(entry), facts::is_refused(entry)) {
        (_, true) => (3, "Medium"),
        (Ended::Success, _) => (1, "Informational"),
        (Ended::Failure | Ended::Unknown, _) => (2, "Low"),
    };
    let mut event = json!({
        "activity_id": activity.0, "activity_name": activity.1,
        "category_uid": category.0, "category_name": category.1,
        "class_uid": class.0, "class_name": class.1,
        "type_uid": class.0 * 100 + activity.0, "type_name": format!("{}: {}", class.1, activity.1),
        "severity_id": severity_id, "severity": severity,
        "status_id": status_id, "status": status,
        "time": super::millis(view), "message": super::message(entry),
        "metadata": {
            "version": VERSION, "uid": entry.hash(), "sequence": view.seq, "log_name": "hippocrypt audit log",
            "original_time": view.ts,
            "product": { "name": "hippocrypt", "vendor_name": "hippocrypt", "version": env!("CARGO_PKG_VERSION") },
        },
        "src_endpoint": source(view),
        "dst_endpoint": { "svc_name": "postgresql", "hostname": view.node },
        "unmapped": unmapped(entry),
    });
    let members = event.as_object_mut()?;
    if let Some(state) = super::sqlstate(entry) {
        members.insert("status_code".to_owned(), json!(state));
    }
    if super::is_statement(view) {
        statement(members, entry);
    } else {
        members.insert("user".to_owned(), user(view));
        members.insert("session".to_owned(), json!({ "uid": view.session }));
        members.insert("service".to_owned(), json!({ "name": view.db }));
    }
    Some(event)
}

type Class = (i64, &'static str);

fn login(activity: Class) -> (Class, Class, Class) {
    let category = (3, "Identity & Access Management");
    ((3002, "Authentication"), category, activity)
}

fn activity(view: &View) -> Class {
    match Act::of(view) {
        _ if view.kind == "prepare" => (4, "Query"),
        Act::Read => (1, "Read"),
        Act::Update => (2, "Update"),
        Act::Insert => (5, "Write"),
        Act::Create => (6, "Create"),
        Act::Delete => (7, "Delete"),
        Act::Other => (4, "Query"),
    }
}

fn user(view: &View) -> Value {
    json!({ "name": super::name(view) })
}

fn source(view: &View) -> Value {
    match super::place(view) {
        Place::Ip(ip, Some(port)) => json!({ "ip": ip.to_string(), "port": port }),
        Place::Ip(ip, None) => json!({ "ip": ip.to_string() }),
        Place::Name(name) => json!({ "name": name }),
    }
}

fn statement(members: &mut Map<String, Value>, entry: &Entry) {
    let view = &entry.view;
    let mut actor = json!({ "user": user(view), "session": { "uid": view.session } });
    if let Some(app) = view.app.as_ref().filter(|app| !app.is_empty()) {
        put(&mut actor, "app_name", json!(app));
    }
    members.insert("actor".to_owned(), actor);
    let database = json!({ "name": view.db, "type_id": 1, "type": "Relational" });
    members.insert("database".to_owned(), database);
    // One event has one table; the list is in `unmapped`.
    let (type_id, kind) = match view.tables.first() {
        Some(table) => {
            members.insert("table".to_owned(), json!({ "name": table }));
            (3, "Table")
        }
        None => (1, "Database"),
    };
    members.insert("type_id".to_owned(), json!(type_id));
    members.insert("type".to_owned(), json!(kind));
    if let Some(sql) = &view.sql {
        let mut query = json!({ "query_string": sql });
        if let Some(fingerprint) = &view.fingerprint {
            put(&mut query, "uid", json!(fingerprint));
        }
        members.insert("query_info".to_owned(), query);
    }
    if let Some(outcome) = entry.outcome() {
        // Whole milliseconds.
        members.insert(
            "duration".to_owned(),
            json!(outcome.ms.round().max(0.0) as u64),
        );
    }
}

/// What the class has no attribute for.
fn unmapped(entry: &Entry) -> Value {
    let view = &entry.view;
    let mut out = Map::new();
    let mut add = |name: &str, value: Value| {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            out.insert(name.to_owned(), value);
        }
    };
    let columns = view.columns.iter();
    let columns = columns.map(|c| json!({ "column": c.column, "use": c.usage, "shown": c.shown }));
    add("record_type", json!(view.kind));
    add("database_user", json!(view.user));
    add("end_user_source", json!(view.end_user_source));
    add("statement_kind", json!(view.command));
    add("tables", json!(view.tables));
    add("columns", columns.collect());
    add("decision", json!(view.decision));
    add("rule", json!(view.rule));
    add("policy", json!(view.policy));
    add("reason", json!(view.reason));
    add("reason_source", json!(view.reason_source));
    add("subjects", entry.subjects().cloned().collect());
    if let Some(outcome) = entry.outcome() {
        add("rows", json!(outcome.rows));
        add("bytes", json!(outcome.bytes));
        add("subjects_state", json!(outcome.subjects_state));
    }
    Value::Object(out)
}
