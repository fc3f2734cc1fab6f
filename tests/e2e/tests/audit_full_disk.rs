//! A disk that is really full while the log writes whose records a statement returns: the session gets its error, what
//! has begun ends on record, and nothing is shown that is not.

use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Raw};
use hippocrypt_e2e::sql::succeed;
use hippocrypt_e2e::{Proxy, Setup};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const POLICY: &str = "databases:
  DATABASE:
    tables:
      public.patients:
        subject: { column: id, kind: patient }
        columns:
          name: { type: text, protect: random }
roles:
  all: { users: [app], columns: { \"*\": clear } }
";

/// A file system in memory of 4 MiB in the place of a directory.
struct Disk(PathBuf);

impl Disk {
    /// `None`: this user may mount nothing.
    fn mount(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "none"]);
        let mounted = mount.arg(at).status().is_ok_and(|s| s.success());
        mounted.then(|| Self(at.to_owned()))
    }

    /// Takes all space that is free.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A proxy whose log lies on a small disk, and 10,000 patients.
fn place() -> Option<(Place, Disk)> {
    let mut place = Setup::policy(POLICY).start();
    place.both("CREATE TABLE patients (id integer PRIMARY KEY, name text, city text)");
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let (audit, kept) = (
        place.directory().join("audit"),
        place.directory().join("kept"),
    );
    fs::rename(&audit, &kept).unwrap();
    fs::create_dir(&audit).unwrap();
    let Some(disk) = Disk::mount(&audit) else {
        eprintln!("no mount here: a disk was not filled");
        return None;
    };
    let mut copy = Command::new("cp");
    succeed(copy.arg("-a").arg(kept.join(".")).arg(&audit));
    place.proxy = Proxy::serve(&place.config());
    place
        .raw("app")
        .query("INSERT INTO patients (id, city) SELECT n, 'Oslo' FROM generate_series(1, 10000) n");
    Some((place, disk))
}

/// Asks for all patients until the log cannot say whose rows they are; the answers to that statement.
fn until_full(client: &mut Raw, place: &Place) -> Vec<raw::Message> {
    for _ in 0..20 {
        let answer = client.query("SELECT id FROM patients");
        if raw::tags(&answer).contains('E') {
            return answer;
        }
    }
    panic!("the disk is not full: {}", place.proxy.log());
}

fn error(answer: &[raw::Message]) -> String {
    let error = answer.iter().find(|m| m.tag == 'E');
    error.map_or_else(String::new, raw::Message::sqlstate)
}

/// Rows that were shown, and subjects on record, of the last statement on patients.
fn shown_and_named(answer: &[raw::Message], records: &[Value]) -> (usize, usize, Value) {
    let asks = |r: &&Value| r["type"] == "statement" && r["sql"] == "SELECT id FROM patients";
    let statement = records.iter().rfind(asks).unwrap();
    let of = |r: &&Value| {
        r["session"] == statement["session"]
            && r["stmt"] == statement["stmt"]
            && r["type"] != "statement"
    };
    let own: Vec<_> = records.iter().filter(of).collect();
    let named: BTreeSet<_> = own
        .iter()
        .flat_map(|r| r["subjects"].as_array().cloned().unwrap_or_default())
        .map(|subject| subject.to_string())
        .collect();
    let outcomes: Vec<_> = own.iter().filter(|r| r["type"] == "outcome").collect();
    assert_eq!(outcomes.len(), 1, "{own:?}");
    let rows = answer.iter().filter(|m| m.tag == 'D').count();
    (rows, named.len(), (**outcomes[0]).clone())
}

#[test]
fn a_disk_that_is_full_under_a_record_of_subjects_withholds_their_rows_and_the_session_lives() {
    let Some((place, disk)) = place() else { return };
    let mut client = place.raw("app");
    client.query("BEGIN");
    client.query("SAVEPOINT s");
    disk.fill();
    let answer = until_full(&mut client, &place);
    assert_eq!(error(&answer), "53100");
    // What had begun has its end on record, on a disk that is full.
    let records = place.audit();
    let (rows, named, outcome) = shown_and_named(&answer, &records);
    assert!(rows <= named, "{rows} rows shown, {named} people on record");
    assert!(named < 10_000, "{named}");
    assert_eq!(outcome["sqlstate"], "53100");
    // Rows that were withheld count too.
    assert!(outcome["rows"].as_u64().unwrap() >= rows as u64);
    // The block is aborted as after any error, and can be left.
    assert_eq!(error(&client.query("SELECT 1")), "25P02");
    assert_eq!(raw::tags(&client.query("ROLLBACK")), "CZ");
    assert_eq!(error(&client.query("SELECT id FROM patients")), "53100");
    disk.free();
    let answer = client.query("SELECT id FROM patients");
    assert_eq!(raw::tags(&answer).matches('D').count(), 10_000);
    let (rows, named, outcome) = shown_and_named(&answer, &place.audit());
    assert_eq!((rows, named), (10_000, 10_000));
    assert_eq!(outcome["subjects_state"], "all");
    succeed(&mut place.verb(&["audit", "verify"]));
}

#[test]
fn an_autocommitted_write_whose_people_cannot_be_named_is_told_as_what_it_is() {
    let Some((place, disk)) = place() else { return };
    let mut client = place.raw("app");
    disk.fill();
    let mut last = Vec::new();
    for n in 0..40 {
        let sql = format!("UPDATE patients SET city = 'Bergen {n}' RETURNING id");
        client.send(&raw::query(&sql));
        last.clear();
        while let Some(message) = client.receive() {
            let done = message.tag == 'Z';
            last.push(message);
            if done {
                break;
            }
        }
        if raw::tags(&last).contains('E') {
            break;
        }
    }
    assert_eq!(error(&last), "53100");
    disk.free();
    // Either nothing was done, or the session has ended and its message says that it was.
    let ended = !raw::tags(&last).ends_with('Z');
    let message = last.iter().rfind(|m| m.tag == 'E').unwrap().fields();
    if ended {
        assert_eq!(message[&'S'], "FATAL", "{message:?}");
        assert!(message.contains_key(&'D'), "{message:?}");
    } else {
        assert_eq!(message[&'S'], "ERROR", "{message:?}");
    }
    succeed(&mut place.verb(&["audit", "verify"]));
}
