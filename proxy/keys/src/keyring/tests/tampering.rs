//! Every way in which a keyring's file may have been changed, and that it is noticed.

use super::*;

/// Swaps two texts of the keyring, keeping it well-formed.
fn swapped(place: &Place, a: &str, b: &str) {
    let marker = "\u{1}";
    place.rewrite(a, marker);
    place.rewrite(b, a);
    place.rewrite(marker, b);
}

#[test]
fn ids_that_were_swapped_are_noticed() {
    let place = Place::made();
    let status = Keyring::status(&place.keyring, &place.provider()).unwrap();
    let groups = &status.databases[0].groups;
    swapped(&place, &groups[0].id, &groups[1].id);
    assert!(matches!(place.load(), Err(KeysError::Changed(_))));
    let synced = Keyring::sync(&place.keyring, &place.provider(), &clinic());
    assert!(matches!(synced, Err(KeysError::Changed(_))));
    swapped(&place, &groups[0].id, &groups[1].id);
    place.load().unwrap();
}

#[test]
fn each_value_that_is_changed_is_noticed() {
    let place = Place::made();
    let whole: serde_json::Value = serde_json::from_str(&place.text()).unwrap();
    let mut paths = Vec::new();
    leaves(&whole, &mut String::new(), &mut paths);
    assert_eq!(paths.len(), 20, "{paths:?}");
    for path in paths {
        let mut changed = whole.clone();
        let leaf = changed.pointer_mut(&path).unwrap();
        *leaf = match leaf.as_str() {
            Some(text) => other_text(text).into(),
            None => (leaf.as_u64().unwrap() + 1).into(),
        };
        fs::write(&place.keyring, changed.to_string()).unwrap();
        assert!(
            place.load().is_err(),
            "{path} changed to {leaf_of}",
            leaf_of = changed.pointer(&path).unwrap()
        );
    }
    // Only what is said counts, not how it is laid out.
    fs::write(&place.keyring, whole.to_string()).unwrap();
    place.load().unwrap();
}

/// The same text with one character replaced by another of its kind.
fn other_text(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let middle = chars.len() / 2;
    let at = (middle..chars.len())
        .find(|n| chars[*n].is_ascii_alphanumeric())
        .unwrap();
    chars[at] = match chars[at] {
        '0'..='8' => char::from(u8::try_from(chars[at]).unwrap() + 1),
        '9' => '0',
        'a' => 'b',
        'A' => 'B',
        _ if chars[at].is_ascii_uppercase() => 'A',
        _ => 'a',
    };
    chars.into_iter().collect()
}

fn leaves(value: &serde_json::Value, at: &mut String, paths: &mut Vec<String>) {
    let len = at.len();
    let mut down = |key: String, value: &serde_json::Value, paths: &mut Vec<String>| {
        at.push('/');
        at.push_str(&key);
        leaves(value, at, paths);
        at.truncate(len);
    };
    match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(k, v)| down(k.clone(), v, paths));
        }
        serde_json::Value::Array(items) => {
            (0..)
                .zip(items)
                .for_each(|(n, v): (usize, _)| down(n.to_string(), v, paths));
        }
        _ => paths.push(at.clone()),
    }
}

#[test]
fn unknown_repeated_missing_and_later_are_refused_with_a_line() {
    let made = Place::made().text();
    let place = Place::made();
    let cases = [
        (
            "\"revision\": 1,",
            "\"revision\": 1,\n  \"revision\": 1,",
            "duplicate field",
        ),
        (
            "\"revision\": 1,",
            "\"revision\": 1,\n  \"plain\": 1,",
            "unknown field",
        ),
        ("\"revision\": 1,", "", "missing field"),
        ("\"revision\": 1,", "\"revision\": -1,", "invalid value"),
        ("\"version\": 1,", "\"version\": 2,", "version 2"),
        ("hippocrypt keyring", "another thing", "format"),
        ("\"epoch\": 1,", "\"epoch\": 0,", "numbered from 1"),
        (
            "\"created\"",
            "\"created\": \"\", \"created\"",
            "duplicate field",
        ),
        ("\"mac\": \"", "\"mac\": \"0", "mac"),
        ("\"wrapped\": \"", "\"wrapped\": \"AAAA", "wrapped"),
    ];
    for (from, to, want) in cases {
        assert!(made.contains(from), "{from}");
        fs::write(&place.keyring, made.replacen(from, to, 1)).unwrap();
        match place.load().unwrap_err() {
            KeysError::Format { what, line, .. } => {
                assert!(what.contains(want), "{what} should say {want}");
                assert!(line >= 1);
            }
            other => panic!("{from} -> {to}: {other}"),
        }
    }
    for text in [
        "",
        "{",
        "[]",
        "null",
        &format!("{made}{{}}"),
        &made[..made.len() / 2],
    ] {
        fs::write(&place.keyring, text).unwrap();
        assert!(
            matches!(place.load(), Err(KeysError::Format { .. })),
            "{text}"
        );
    }
}

#[test]
fn a_wrapped_key_serves_only_its_own_keyring_and_purpose() {
    let (one, two) = (Place::made(), Place::new());
    fs::create_dir_all(two.master.parent().unwrap()).unwrap();
    fs::copy(&one.master, &two.master).unwrap();
    let text =
        |place: &Place| -> serde_json::Value { serde_json::from_str(&place.text()).unwrap() };
    let swap = |mut a: serde_json::Value| {
        let subject = a["audit_subject_key"]["wrapped"].take();
        let data = a["epochs"][0]["wrapped"].take();
        a["audit_subject_key"]["wrapped"] = data;
        a["epochs"][0]["wrapped"] = subject;
        a
    };
    fs::write(&one.keyring, swap(text(&one)).to_string()).unwrap();
    assert!(one.load().is_err());
    // Not even under a MAC that is right: the contexts differ.
    let document = document::parse(one.text().as_bytes()).unwrap().0;
    let master = one.provider().master_key().unwrap();
    let mac = master.authenticate(&document.canonical());
    fs::write(&one.keyring, document::render(&document, &mac).unwrap()).unwrap();
    assert!(matches!(one.load(), Err(KeysError::WrongMasterKey { .. })));
}

/// What the MAC would also notice is refused before it: a keyring of a faulty writer has a right one.
#[test]
fn what_stands_twice_is_refused_under_any_mac() {
    let place = Place::made();
    let made = place.text();
    let status = Keyring::status(&place.keyring, &place.provider()).unwrap();
    let ids: Vec<_> = status.databases[0].groups.iter().map(|g| &*g.id).collect();
    let raw: serde_json::Value = serde_json::from_str(&made).unwrap();
    let commitment = |entry: &serde_json::Value| entry["commitment"].as_str().unwrap().to_owned();
    let data = commitment(&raw["epochs"][0]);
    let subject = commitment(&raw["audit_subject_key"]);
    let upper = status.databases[0].uuid.to_uppercase();
    let cases = [
        (ids[0], ids[1], "the same id"),
        (ids[0], "00000000", "id"),
        (&*data, &*subject, "the same commitment"),
        (&*status.databases[0].uuid, &*upper, "uuid"),
        ("public.patients.name", "public.patients.ssn", "twice"),
        ("public.patients.name", "public.z", "out of order"),
    ];
    for (from, to, want) in cases {
        fs::write(&place.keyring, made.replacen(from, to, 1)).unwrap();
        match place.load().unwrap_err() {
            KeysError::Format { what, .. } => assert!(what.contains(want), "{what}: {want}"),
            other => panic!("{from} -> {to}: {other}"),
        }
    }
}

#[test]
fn a_data_key_that_is_not_the_committed_one_is_refused_under_a_right_mac() {
    let place = Place::made();
    let (mut document, _) = document::parse(place.text().as_bytes()).unwrap();
    document.epochs.get_mut(&Epoch(1)).unwrap().commitment[0] ^= 1;
    let master = place.provider().master_key().unwrap();
    let mac = master.authenticate(&document.canonical());
    fs::write(&place.keyring, document::render(&document, &mac).unwrap()).unwrap();
    assert!(matches!(place.load(), Err(KeysError::Changed(_))));
}
