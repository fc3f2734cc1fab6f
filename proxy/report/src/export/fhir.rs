//! FHIR R4 AuditEvent, shaped as IHE's Basic Audit Log Patterns shape reads of patients' data.
//!
//! BALP's own Read and Query profiles say `rest`, which SQL is not: so these are base AuditEvents with BALP's agents and
//! entities (client 110153, server 110152, patients as Person/Patient, the query as base64).
//! <https://hl7.org/fhir/R4/auditevent.html>, <https://profiles.ihe.net/ITI/BALP/>

use super::{Act, Ended, Place, put};
use crate::facts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hippocrypt_audit::query::{Entry, View};
use serde_json::{Value, json};

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const OBJECT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// The resource; `None`: there is none for this type of record.
pub fn fhir(entry: &Entry) -> Option<Value> {
    let view = &entry.view;
    let is_statement = super::is_statement(view);
    if !is_statement && !super::is_login(view) {
        return None;
    }
    let patients: Vec<&String> = entry.subjects().collect();
    let (kind, subtype) = match view.kind.as_str() {
        "session_start" | "auth_failure" => (
            coding(DCM, "110114", "User Authentication"),
            Some(coding(DCM, "110122", "Login")),
        ),
        "session_end" => (
            coding(DCM, "110114", "User Authentication"),
            Some(coding(DCM, "110123", "Logout")),
        ),
        _ if patients.is_empty() => (coding(DCM, "110112", "Query"), None),
        _ => (coding(DCM, "110110", "Patient Record"), None),
    };
    let state = super::sqlstate(entry).map(|s| format!(", SQLSTATE {s}"));
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": entry.hash(),
        "type": kind,
        "action": action(entry),
        "recorded": view.ts,
        "outcomeDesc": format!("{}{}", super::message(entry), state.unwrap_or_default()),
        "agent": agents(view),
        "source": {
            "site": view.node,
            "observer": { "display": "hippocrypt" },
            // What stands between users and the data.
            "type": [coding(SOURCE_TYPE, "6", "Security Server")],
        },
    });
    // Minor failure: the attempt failed, the service did not. What is not known has no outcome.
    match super::result(entry) {
        Ended::Success => put(&mut event, "outcome", json!("0")),
        Ended::Failure => put(&mut event, "outcome", json!("4")),
        Ended::Unknown => {}
    }
    if let Some(subtype) = subtype {
        put(&mut event, "subtype", json!([subtype]));
    }
    if let Some(reason) = &view.reason {
        put(&mut event, "purposeOfEvent", json!([{ "text": reason }]));
    }
    if is_statement {
        let mut entities: Vec<Value> = patients.iter().map(|p| patient(p)).collect();
        entities.push(query(entry));
        put(&mut event, "entity", json!(entities));
    }
    Some(event)
}

fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

fn action(entry: &Entry) -> &'static str {
    match Act::of(&entry.view) {
        _ if !super::is_statement(&entry.view) => "E",
        Act::Read => "R",
        Act::Update => "U",
        Act::Insert | Act::Create => "C",
        Act::Delete => "D",
        Act::Other => "E",
    }
}

fn agents(view: &View) -> Value {
    let role = |code, display| json!({ "coding": [coding(DCM, code, display)] });
    // Network address types: 2 is an IP address, 5 a URI.
    let network = match super::place(view) {
        Place::Ip(ip, _) => json!({ "address": ip.to_string(), "type": "2" }),
        Place::Name(name) => json!({ "address": name, "type": "5" }),
    };
    let app = view.app.clone().filter(|app| !app.is_empty());
    let client = json!({
        "type": role("110153", "Source Role ID"),
        "who": { "display": app.unwrap_or_else(|| "not told".to_owned()) },
        "requestor": false,
        "network": network,
    });
    let server = json!({
        "type": role("110152", "Destination Role ID"),
        "who": { "display": format!("database {}", view.db.as_deref().unwrap_or_default()) },
        "requestor": false,
    });
    let mut user = json!({
        "who": { "display": super::name(view) },
        "requestor": true,
    });
    if view.end_user.is_some() {
        put(&mut user, "altId", json!(view.user));
    }
    if let Some(reason) = &view.reason {
        put(&mut user, "purposeOfUse", json!([{ "text": reason }]));
    }
    json!([client, server, user])
}

/// A patient by its pseudonym.
fn patient(subject: &str) -> Value {
    let (kind, pseudonym) = subject.split_once(':').unwrap_or(("subject", subject));
    json!({
        "what": { "identifier": { "system": format!("urn:hippocrypt:subject:{kind}"), "value": pseudonym } },
        "type": coding(OBJECT_TYPE, "1", "Person"),
        "role": coding(OBJECT_ROLE, "1", "Patient"),
    })
}

/// The statement: its text without constants, and what FHIR has no element for.
fn query(entry: &Entry) -> Value {
    let view = &entry.view;
    let mut details = Vec::new();
    let mut detail = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            details.push(json!({ "type": name, "valueString": value }));
        }
    };
    detail("record", Some(view.seq.to_string()));
    detail("session", view.session.clone());
    detail("tables", Some(view.tables.join(" ")));
    for touch in facts::touched(view) {
        detail("column", Some(touch));
    }
    detail("decision", view.decision.clone());
    detail("rule", view.rule.clone());
    detail("end_user_source", view.end_user_source.clone());
    if let Some(outcome) = entry.outcome() {
        detail("rows", Some(outcome.rows.to_string()));
        detail("subjects_state", outcome.subjects_state.clone());
    }
    detail("result", Some(facts::result(entry)));
    let mut query = json!({
        "type": coding(OBJECT_TYPE, "2", "System Object"),
        "role": coding(OBJECT_ROLE, "24", "Query"),
        "detail": details,
    });
    // An entity has a name or a query, never both (sev-1).
    match &view.sql {
        Some(sql) => put(&mut query, "query", json!(STANDARD.encode(sql))),
        None => put(&mut query, "name", json!(view.command)),
    }
    query
}
