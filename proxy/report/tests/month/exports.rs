//! Exported events of the month: one for each statement and login, with what their formats require.
//!
//! tests/exports/check.py holds events to the published schemas; here the lists of what is required are kept by hand:
//! <https://schema.ocsf.io/1.7.0/classes/datastore_activity>, <https://hl7.org/fhir/R4/auditevent.html>.

use crate::generator::{Fact, intruder, pseudonym};
use crate::month;
use hippocrypt_audit::query::{Entry, Filter, run};
use hippocrypt_report::export;
use serde_json::Value;
use std::ops::ControlFlow;

/// The intruder's.
fn entries() -> Vec<Entry> {
    let filter = Filter {
        client: Some("203.0.113.9".to_owned()),
        ..Filter::default()
    };
    let mut out = Vec::new();
    run(&month().log, &filter, &mut |entry| {
        out.push(entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    out
}

fn facts() -> Vec<&'static Fact> {
    let facts = month().books.facts.iter();
    facts.filter(|f| f.who.host == "203.0.113.9").collect()
}

#[test]
fn ocsf_has_what_it_requires_and_all_that_we_know() {
    let events: Vec<Value> = entries().iter().filter_map(export::ocsf).collect();
    let required = [
        "activity_id",
        "category_uid",
        "class_uid",
        "metadata",
        "severity_id",
        "time",
        "type_uid",
        "src_endpoint",
    ];
    for event in &events {
        for name in required {
            assert!(!event[name].is_null(), "{name} in {event}");
        }
    }
    let of = |class: u64| {
        events
            .iter()
            .filter(|e| e["class_uid"] == class)
            .collect::<Vec<_>>()
    };
    let (statements, logins) = (of(6005), of(3002));
    assert_eq!(statements.len(), facts().len());
    // Failed ones, and the intruder's own beginning and end.
    assert_eq!(logins.len() as u64, month().books.failed_logins + 2);
    for event in &statements {
        assert!(
            event["actor"]["user"]["name"] == "app" && event["database"]["name"] == "clinic",
            "{event}"
        );
        assert_eq!(event["actor"]["app_name"], intruder().app);
    }
    let subjects: usize = statements
        .iter()
        .filter_map(|e| e["unmapped"]["subjects"].as_array().map(Vec::len))
        .sum();
    assert_eq!(
        subjects,
        facts().iter().map(|f| f.subjects.len()).sum::<usize>()
    );
    let statuses = |id: u64| statements.iter().filter(|e| e["status_id"] == id).count();
    assert_eq!((statuses(2), statuses(0)), (1, 1), "refused, cut off");
}

#[test]
fn fhir_names_each_patient_by_pseudonym() {
    let events: Vec<Value> = entries().iter().filter_map(export::fhir).collect();
    for event in &events {
        for name in ["resourceType", "type", "recorded", "agent", "source"] {
            assert!(!event[name].is_null(), "{name} in {event}");
        }
        let agents = event["agent"].as_array().unwrap();
        assert!(agents.iter().all(|a| a["requestor"].is_boolean()));
    }
    let patients: Vec<String> = events
        .iter()
        .filter_map(|e| e["entity"].as_array())
        .flatten()
        .filter(|e| e["role"]["code"] == "1")
        .map(|e| {
            format!(
                "patient:{}",
                e["what"]["identifier"]["value"].as_str().unwrap()
            )
        })
        .collect();
    let expected: Vec<String> = facts()
        .iter()
        .flat_map(|f| f.subjects.iter().map(|p| pseudonym(*p)))
        .collect();
    assert_eq!(patients, expected);
}

#[test]
fn nothing_of_a_client_begins_a_field_of_cef() {
    let lines: Vec<String> = entries().iter().filter_map(export::cef).collect();
    assert!(lines.len() > facts().len());
    for line in &lines {
        assert!(line.starts_with("CEF:0|hippocrypt|hippocrypt|") && !line.contains('\n'));
        let own =
            line.contains("requestClientApplication=\\=cmd|'/C calc'!A0<script>alert(1)</script> ");
        assert!(own || line.contains("login failed"), "{line}");
    }
    let long = lines.iter().find(|l| l.contains("cn1=5000")).unwrap();
    let subjects = long
        .split("cs4=")
        .nth(1)
        .unwrap()
        .split(" cs4Label")
        .next()
        .unwrap();
    assert!(
        subjects.chars().count() == 4000 && subjects.ends_with('…'),
        "{}",
        subjects.len()
    );
}
