//! An application's own way: a pool's connection, a person per transaction.

use super::clinic;
use crate::drivers::{point, python, scenarios};
use hippocrypt_e2e::sql::told as said;
use std::process::Command;

#[test]
fn a_person_per_transaction_is_on_each_record_as_the_server_knew_it() {
    let place = clinic();
    let mut script = Command::new(python());
    script.arg(scenarios().join("end_user.py"));
    point(&mut script, place.proxy.port(), &place.database);
    let output = script.output().expect("python");
    assert!(
        output.status.success(),
        "{}\n{}",
        said(&output),
        place.proxy.log()
    );
    let server = String::from_utf8(output.stdout).unwrap();
    let server: Vec<&str> = server.lines().collect();
    let asked = |r: &serde_json::Value| {
        let sql = r["sql"].as_str().unwrap_or_default();
        r["type"] == "statement" && sql.starts_with("SELECT current_setting")
    };
    let records = place.audit();
    let named: Vec<&str> = records
        .iter()
        .filter(|r| asked(r))
        .map(|r| r["end_user"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(named, server);
    assert_eq!(named.len(), 11 * 4 + 2);
    assert!(named.contains(&"Zoë's guest") && named.contains(&"in a pipeline"));
}
