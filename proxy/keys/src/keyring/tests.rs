//! Making, loading, completing; one file alone, another's file, another's key.

mod tampering;

use super::*;
use crate::{SyncReport, Wanted};
use hippocrypt_crypto::{Padding, Suite, TypeCode};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

struct Place {
    _dir: tempfile::TempDir,
    keyring: PathBuf,
    master: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            keyring: dir.path().join("keys/keyring.json"),
            master: dir.path().join("secret/master.key"),
            _dir: dir,
        }
    }

    fn made() -> Self {
        let place = Self::new();
        Keyring::init(&place.keyring, &place.provider(), &clinic()).unwrap();
        place
    }

    fn provider(&self) -> Provider {
        Provider::File(self.master.clone())
    }

    fn load(&self) -> Result<Keyring, KeysError> {
        Keyring::load(&self.keyring, &self.provider())
    }

    fn init(&self) -> Result<crate::InitReport, KeysError> {
        Keyring::init(&self.keyring, &self.provider(), &clinic())
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.keyring).unwrap()
    }

    fn rewrite(&self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(&self.keyring, text.replacen(from, to, 1)).unwrap();
    }
}

fn wanted(databases: &[(&str, &[&str])]) -> Vec<Wanted> {
    let groups = |groups: &[&str]| groups.iter().map(|g| Arc::from(*g)).collect();
    databases
        .iter()
        .map(|(d, g)| (Arc::from(*d), groups(g)))
        .collect()
}

fn clinic() -> Vec<Wanted> {
    wanted(&[("clinic", &["public.patients.ssn", "public.patients.name"])])
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names_in(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn init_then_load_then_cells_open_after_the_next_load() {
    let place = Place::new();
    let report = place.init().unwrap();
    assert!(report.created_keyring && report.created_master_key);
    assert_eq!(report.added.databases, ["clinic"]);
    assert_eq!(report.added.groups.len(), 2);
    assert_eq!((mode(&place.keyring), mode(&place.master)), (0o600, 0o600));
    assert_eq!(
        names_in(&place.keyring),
        ["keyring.json", "keyring.json.lock"]
    );
    assert_eq!(names_in(&place.master), ["master.key"]);

    let keyring = place.load().unwrap();
    let clinic = keyring.database("clinic").unwrap();
    let codec = clinic.codec("public.patients.ssn").unwrap();
    assert!(Arc::ptr_eq(
        &codec,
        &clinic.codec("public.patients.ssn").unwrap()
    ));
    assert_eq!(clinic.group_id("public.patients.ssn"), Some(codec.group()));
    assert_ne!(clinic.group_id("public.patients.name"), Some(codec.group()));

    let again = place.load().unwrap();
    let again = again.database("clinic").unwrap();
    assert_eq!(again.uuid(), clinic.uuid());
    let reader = again.codec("public.patients.ssn").unwrap();
    for suite in [Suite::Random, Suite::Deterministic] {
        let mut cell = Vec::new();
        let ssn = b"900-11-0001";
        codec
            .seal(suite, TypeCode(1), Padding::Yes, ssn, &mut cell)
            .unwrap();
        let opened = reader.open(&cell, TypeCode(1), suite).unwrap();
        assert_eq!(opened.expose(), ssn);
        let other = again.codec("public.patients.name").unwrap();
        assert!(other.open(&cell, TypeCode(1), suite).is_err());
    }
}

#[test]
fn what_the_keyring_does_not_know_it_says() {
    let keyring = Place::made().load().unwrap();
    assert!(keyring.database("other").is_none());
    let clinic = keyring.database("clinic").unwrap();
    assert_eq!(clinic.group_id("public.patients.dob"), None);
    let error = clinic.codec("public.patients.dob").unwrap_err().to_string();
    assert!(
        error.contains("clinic") && error.contains("public.patients.dob"),
        "{error}"
    );
    assert!(error.contains("keys sync"), "{error}");
}

#[test]
fn init_twice_changes_nothing_and_completes() {
    let place = Place::made();
    let (text, master) = (place.text(), fs::read(&place.master).unwrap());
    let report = place.init().unwrap();
    assert!(!report.created_keyring && !report.created_master_key && report.added.is_empty());
    assert_eq!(
        (place.text(), fs::read(&place.master).unwrap()),
        (text, master)
    );
    let more = wanted(&[("clinic", &["public.patients.dob"])]);
    let report = Keyring::init(&place.keyring, &place.provider(), &more).unwrap();
    assert!(!report.created_keyring);
    assert_eq!(report.added.groups.len(), 1);
}

#[test]
fn one_of_the_two_files_alone_is_an_error_and_makes_no_key() {
    let place = Place::made();
    let keyring = fs::read(&place.keyring).unwrap();
    let master = fs::read(&place.master).unwrap();

    fs::remove_file(&place.master).unwrap();
    assert!(matches!(
        place.init(),
        Err(KeysError::MasterKeyMissing { .. })
    ));
    assert!(!place.master.exists());
    assert!(matches!(place.load(), Err(KeysError::NoMasterKey(_))));

    fs::remove_file(&place.keyring).unwrap();
    fs::write(&place.master, master).unwrap();
    fs::set_permissions(&place.master, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(
        place.init(),
        Err(KeysError::KeyringMissing { .. })
    ));
    assert!(!place.keyring.exists());
    assert!(matches!(place.load(), Err(KeysError::NoKeyring(_))));
    let synced = Keyring::sync(&place.keyring, &place.provider(), &clinic());
    assert!(matches!(synced, Err(KeysError::NoKeyring(_))));

    fs::write(&place.keyring, keyring).unwrap();
    place.load().unwrap();
}

#[test]
fn an_init_that_cannot_write_the_keyring_leaves_no_master_key_behind() {
    let place = Place::new();
    let twice = wanted(&[("clinic", &["a.b.c", "a.b.c"])]);
    let made = Keyring::init(&place.keyring, &place.provider(), &twice);
    assert!(matches!(made, Err(KeysError::NamedTwice(_))));
    assert!(!place.keyring.exists() && !place.master.exists());
    let empty = wanted(&[("clinic", &[""])]);
    let made = Keyring::init(&place.keyring, &place.provider(), &empty);
    assert!(matches!(made, Err(KeysError::BadName(_))));
    place.init().unwrap();
}

#[test]
fn sync_only_adds() {
    let place = Place::made();
    let before = Keyring::status(&place.keyring, &place.provider()).unwrap();
    let text = place.text();
    let nothing = Keyring::sync(&place.keyring, &place.provider(), &clinic()).unwrap();
    assert_eq!((nothing, place.text()), (SyncReport::default(), text));

    let more = wanted(&[
        ("clinic", &["public.patients.dob"]),
        ("billing", &["public.patients.ssn"]),
    ]);
    let report = Keyring::sync(&place.keyring, &place.provider(), &more).unwrap();
    assert_eq!(report.databases, ["billing"]);
    assert_eq!(report.groups.len(), 2);
    let after = Keyring::status(&place.keyring, &place.provider()).unwrap();
    assert_eq!(after.revision, before.revision + 1);
    let clinic_of = |status: &Status| {
        status
            .databases
            .iter()
            .find(|d| d.name == "clinic")
            .cloned()
    };
    let (old, new) = (clinic_of(&before).unwrap(), clinic_of(&after).unwrap());
    assert_eq!(old.uuid, new.uuid);
    assert!(old.groups.iter().all(|group| new.groups.contains(group)));
    assert_eq!(new.groups.len(), 3);
    assert_eq!(mode(&place.keyring), 0o600);
    assert_eq!(
        names_in(&place.keyring),
        ["keyring.json", "keyring.json.lock"]
    );
    place.load().unwrap();
}

#[test]
fn concurrent_syncs_lose_nothing() {
    let place = Place::made();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let place = &place;
            scope.spawn(move || {
                let name = format!("public.t.c{n}");
                let more = wanted(&[("clinic", &[&name, "public.t.shared"])]);
                Keyring::sync(&place.keyring, &place.provider(), &more).unwrap();
            });
        }
    });
    let status = Keyring::status(&place.keyring, &place.provider()).unwrap();
    assert_eq!(status.databases[0].groups.len(), 2 + 8 + 1);
    assert_eq!(status.revision, 9);
}

#[test]
fn a_read_only_mode_and_a_link_survive_a_sync() {
    let place = Place::made();
    let real = place.keyring.with_file_name("real.json");
    fs::rename(&place.keyring, &real).unwrap();
    std::os::unix::fs::symlink("real.json", &place.keyring).unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
    let more = wanted(&[("clinic", &["public.patients.dob"])]);
    Keyring::sync(&place.keyring, &place.provider(), &more).unwrap();
    assert!(fs::symlink_metadata(&place.keyring).unwrap().is_symlink());
    assert_eq!(mode(&real), 0o640);
    assert_eq!(place.load().unwrap().revision(), 2);
}

#[test]
fn the_wrong_master_key_is_named_as_that() {
    let place = Place::made();
    let other = Place::made();
    let error = Keyring::load(&place.keyring, &other.provider()).unwrap_err();
    assert!(matches!(error, KeysError::WrongMasterKey { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("keyring.json") && text.contains("master.key"),
        "{text}"
    );
    let synced = Keyring::sync(&place.keyring, &other.provider(), &clinic());
    assert!(matches!(synced, Err(KeysError::WrongMasterKey { .. })));
}

#[test]
fn a_master_key_that_others_can_read_is_refused() {
    let place = Place::made();
    for bits in [0o640, 0o604, 0o620, 0o666] {
        fs::set_permissions(&place.master, Permissions::from_mode(bits)).unwrap();
        let error = place.load().unwrap_err();
        assert!(matches!(error, KeysError::Mode { .. }), "{bits:o}: {error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&place.master, Permissions::from_mode(0o400)).unwrap();
    place.load().unwrap();
}

#[test]
fn what_is_no_master_key_is_refused_without_showing_it() {
    let place = Place::made();
    for text in ["", "hunter2hunter2", &"zz".repeat(32), "\u{feff}"] {
        fs::write(&place.master, text).unwrap();
        let error = place.load().unwrap_err();
        assert!(matches!(error, KeysError::NotAMasterKey { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
    fs::remove_file(&place.master).unwrap();
    fs::create_dir(&place.master).unwrap();
    assert!(matches!(place.load(), Err(KeysError::NotAFile { .. })));
}

#[test]
fn status_tells_all_but_the_keys() {
    let place = Place::made();
    let status = Keyring::status(&place.keyring, &place.provider()).unwrap();
    assert_eq!(status.databases[0].groups[0].name, "public.patients.name");
    assert_eq!(status.databases[0].groups[0].id.len(), 8);
    assert_eq!(status.databases[0].uuid.as_bytes()[14], b'4');
    assert_eq!((status.epochs[0].epoch, status.epochs[0].groups), (1, 2));
    assert!(status.provider.starts_with("file "));
    let json = serde_json::to_string(&status).unwrap();
    let raw: serde_json::Value = serde_json::from_str(&place.text()).unwrap();
    let master = fs::read_to_string(&place.master).unwrap();
    for secret in [
        &raw["epochs"][0]["wrapped"],
        &raw["audit_subject_key"]["wrapped"],
        &raw["mac"],
    ] {
        assert!(!json.contains(secret.as_str().unwrap()));
    }
    assert!(!json.contains(master.trim()) && !place.text().contains(master.trim()));
    let shown = format!("{:?}", place.load().unwrap());
    assert_eq!(
        shown,
        "Keyring { revision: 1, databases: [\"clinic\"], .. }"
    );
}

#[test]
fn the_environment_can_hold_the_master_key() {
    let place = Place::new();
    let unset = Provider::Env("HIPPOCRYPT_TEST_NO_SUCH_VARIABLE".to_owned());
    let error = Keyring::init(&place.keyring, &unset, &clinic()).unwrap_err();
    assert!(matches!(error, KeysError::NoVariable(_)), "{error}");
    assert!(!place.keyring.exists());
    // Cargo sets this one for every test; it is no key.
    let no_key = Provider::Env("CARGO_PKG_NAME".to_owned());
    let error = Keyring::init(&place.keyring, &no_key, &clinic()).unwrap_err();
    assert!(matches!(error, KeysError::NotAMasterKey { .. }), "{error}");
}

#[test]
fn a_key_from_the_environment_makes_and_loads() {
    const VARIABLE: &str = "HIPPOCRYPT_TEST_MASTER_KEY";
    const KEYRING: &str = "HIPPOCRYPT_TEST_KEYRING";
    let provider = Provider::Env(VARIABLE.to_owned());
    if let Some(path) = std::env::var_os(KEYRING) {
        let path = PathBuf::from(path);
        let report = Keyring::init(&path, &provider, &clinic()).unwrap();
        assert!(report.created_keyring && !report.created_master_key);
        assert!(
            !Keyring::init(&path, &provider, &clinic())
                .unwrap()
                .created_keyring
        );
        Keyring::load(&path, &provider).unwrap();
        return;
    }
    // A variable can only be set for a process that starts: this test again, in a child.
    let place = Place::new();
    let name = "keyring::tests::a_key_from_the_environment_makes_and_loads";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(VARIABLE, "5f".repeat(32))
        .env(KEYRING, &place.keyring)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    assert!(place.keyring.exists() && !place.master.exists());
}

/// tests/vectors/keyring-v1.json, made by a second implementation, under a master key of 32 × 5f.
#[test]
fn the_frozen_keyring_opens_and_its_cells_too() {
    let text = include_str!("../../../../tests/vectors/keyring-v1.json");
    let place = Place::new();
    fs::create_dir_all(place.keyring.parent().unwrap()).unwrap();
    fs::create_dir_all(place.master.parent().unwrap()).unwrap();
    fs::write(&place.keyring, text).unwrap();
    fs::write(&place.master, "5f".repeat(32)).unwrap();
    fs::set_permissions(&place.master, Permissions::from_mode(0o600)).unwrap();
    let keyring = place.load().unwrap();
    let clinic = keyring.database("clinic").unwrap();
    let ssn = "public.patients.ssn";
    assert_eq!(clinic.group_id(ssn), Some(GroupId(0x1a2b_3c4d)));
    assert_eq!(
        clinic.group_id("public.patients.name"),
        Some(GroupId(0x00c0_ffee))
    );

    let cells = include_str!("../../../../tests/vectors/cell-v1.json");
    let cells: serde_json::Value = serde_json::from_str(cells).unwrap();
    let named = |name: &str| {
        let cases = cells["sealed"].as_array().unwrap();
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        let hex = case["cell"].as_str().unwrap();
        (0..hex.len() / 2)
            .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
            .collect::<Vec<_>>()
    };
    let codec = clinic.codec(ssn).unwrap();
    for (kind, suite) in [
        ("random", Suite::Random),
        ("deterministic", Suite::Deterministic),
    ] {
        let cell = named(&format!("{kind}: a social security number"));
        let opened = codec.open(&cell, TypeCode(2), suite).unwrap();
        assert_eq!(opened.expose(), b"900-11-0001");
    }
    // What we would write is what was read, to the byte.
    let (document, mac) = document::parse(text.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(document::render(&document, &mac).unwrap()).unwrap(),
        text
    );
}

#[test]
fn the_audit_subject_key_is_its_own_and_stays() {
    let place = Place::made();
    let first = place.load().unwrap().audit_subject_key().commitment();
    let more = wanted(&[("clinic", &["public.patients.dob"])]);
    Keyring::sync(&place.keyring, &place.provider(), &more).unwrap();
    let keyring = place.load().unwrap();
    assert_eq!(keyring.audit_subject_key().commitment(), first);
    let data = keyring.document.epochs[&Epoch(1)].commitment;
    assert_ne!(data, first);
}
