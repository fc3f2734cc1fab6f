//! What the configuration file may say, and how what it may not is told.

use super::{
    AuthMode, CONFIG_SECTIONS, Checkpoints, Config, Durability, KeyProvider, ListenAddress,
    ListenTls, ServerAddress, UpstreamTls,
};
use hippocrypt_policy::POLICY_SECTIONS;
use hippocrypt_policy::yaml::Section;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn no_env(_: &str) -> Option<String> {
    None
}

/// A configuration that lacks nothing, its policy inline.
const WHOLE: &str = "upstream:\n  address: db:5433\n  service: { user: svc }\nkeys: { keyring: k.json, provider: { env: MASTER } }\naudit: { directory: /var/log/audit }\npolicy: { databases: {} }\n";

fn parse(text: &str) -> Result<Config, Vec<String>> {
    Config::parse(Path::new("/etc/hippocrypt/hippocrypt.yaml"), text, &no_env).map_err(|problems| {
        let lines = problems.to_string();
        let short = |l: &str| l.replace("/etc/hippocrypt/hippocrypt.yaml:", "");
        lines.lines().map(short).collect()
    })
}

/// The only problems of [`WHOLE`] with this added.
fn problems_with(more: &str) -> Vec<String> {
    parse(&format!("{WHOLE}{more}")).expect_err("this configuration is wrong")
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(shipped().join(name)).unwrap()
}

#[test]
fn every_shipped_file_loads() {
    let mut loaded = Vec::new();
    for entry in std::fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("policy.") && name.ends_with(".yaml") {
            hippocrypt_policy::Policy::load(&path).unwrap();
        } else if name.ends_with(".yaml") {
            Config::load(&path).unwrap();
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
        loaded.push(name);
    }
    loaded.sort();
    let expected = [
        "config.schema.json",
        "minimal.yaml",
        "policy.example.yaml",
        "policy.schema.json",
        "reference.yaml",
    ];
    assert_eq!(loaded, expected);
}

/// A key as a line of the reference, set or commented out with an example.
fn shows(reference: &str, key: &str) -> bool {
    reference.lines().any(|line| {
        let line = line.trim_start().trim_start_matches("# ");
        line.starts_with(&format!("{key}:"))
            || line.contains(&format!("{{ {key}:"))
            || line.contains(&format!(", {key}:"))
    })
}

#[test]
fn the_reference_shows_every_key_that_the_loader_knows() {
    let reference = read("reference.yaml");
    for section in CONFIG_SECTIONS {
        for key in section.keys {
            assert!(
                shows(&reference, key),
                "{}: {key} is not in reference.yaml",
                section.name
            );
        }
    }
    let example = read("policy.example.yaml");
    for section in POLICY_SECTIONS {
        for key in section.keys {
            assert!(
                shows(&example, key),
                "{}: {key} is not in policy.example.yaml",
                section.name
            );
        }
    }
}

#[test]
fn the_schemas_have_the_loaders_keys_and_no_others() {
    let check = |schema: &str, at: &str, section: &Section| {
        let schema: serde_json::Value = serde_json::from_str(&read(schema)).unwrap();
        let object = schema.pointer(at).unwrap_or_else(|| panic!("{at}"));
        assert_eq!(object["additionalProperties"], false, "{at}");
        let properties = object["properties"].as_object().unwrap();
        let mut found: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut known = section.keys.to_vec();
        found.sort_unstable();
        known.sort_unstable();
        assert_eq!(found, known, "{}", section.name);
    };
    for section in CONFIG_SECTIONS {
        let at = match section.name {
            "configuration" => String::new(),
            name => name
                .split('.')
                .map(|part| format!("/properties/{part}"))
                .collect(),
        };
        check("config.schema.json", &at, section);
    }
    for section in POLICY_SECTIONS {
        let at = match section.name {
            "policy" => String::new(),
            name => format!("/$defs/{name}"),
        };
        check("policy.schema.json", &at, section);
    }
}

#[test]
fn the_reference_says_the_defaults() {
    let reference = Config::load(&shipped().join("reference.yaml")).unwrap();
    let minimal = Config::load(&shipped().join("minimal.yaml")).unwrap();
    assert_eq!(reference.sessions, minimal.sessions);
    assert_eq!(reference.listen.address, minimal.listen.address);
    assert_eq!(reference.listen.tls, ListenTls::Disable);
    assert_eq!(minimal.listen.tls, ListenTls::Disable);
    assert_eq!(minimal.upstream.tls, UpstreamTls::Disable);
    assert_eq!(
        (&minimal.auth.mode, minimal.audit.durability),
        (&AuthMode::Relay, Durability::Written)
    );
    assert_eq!(reference.auth, minimal.auth);
    assert!(minimal.admin.is_none());
}

#[test]
fn how_long_records_are_kept_is_said_in_days_or_years() {
    let keep = |words: &str| {
        let text = WHOLE.replace(
            "audit: { directory: /var/log/audit }",
            &format!("audit: {{ directory: a, keep: {words} }}"),
        );
        let config = Config::parse(Path::new("c.yaml"), &text, &|_| None);
        config.ok().map(|config| config.audit.keep)
    };
    let days = |n: u64| Some(Some(Duration::from_secs(n * 86_400)));
    assert_eq!((keep("6y"), keep("1d")), (days(2196), days(1)));
    assert_eq!(keep("forever"), Some(None));
    for wrong in ["6", "0d", "6m", "101y", "y", "-1d", "6 y", "+6y", "never"] {
        assert_eq!(keep(wrong), None, "{wrong}");
    }
}

#[test]
fn checkpoints_are_signed_as_the_file_says_within_bounds() {
    let read = |words: &str| {
        let audit = format!("audit: {{ directory: a, checkpoints: {{ {words} }} }}");
        let text = WHOLE.replace("audit: { directory: /var/log/audit }", &audit);
        Config::parse(Path::new("c.yaml"), &text, &|_| None)
    };
    let given = read("records: 20, after: 1500ms, heartbeat: 5s").unwrap();
    let expected = Checkpoints {
        records: 20,
        after: Duration::from_millis(1500),
        heartbeat: Duration::from_secs(5),
    };
    assert_eq!(given.audit.checkpoints, expected);
    let one = read("after: 1h").unwrap().audit.checkpoints;
    assert_eq!((one.records, one.after), (1000, Duration::from_secs(3600)));
    for (wrong, told) in [
        ("records: 0", "from 1 to 1000000"),
        ("records: 1000001", "from 1 to 1000000"),
        ("after: 999ms", "from 1s to 1h"),
        ("after: 61m", "from 1s to 1h"),
        ("after: 10", "a duration like 10s"),
        ("heartbeat: off", "from 1s to 60s"),
        ("heartbeat: 61s", "from 1s to 60s"),
        ("every: 10s", "unknown key"),
    ] {
        let error = read(wrong).unwrap_err().to_string();
        assert!(
            error.starts_with("c.yaml:5: ") && error.contains(told),
            "{wrong}: {error}"
        );
    }
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = parse(WHOLE).unwrap();
    assert_eq!(config.keys.keyring, Path::new("/etc/hippocrypt/k.json"));
    assert_eq!(config.audit.directory, Path::new("/var/log/audit"));
    assert_eq!(config.keys.provider, KeyProvider::Env("MASTER".to_string()));
    assert_eq!(config.upstream.address.to_string(), "db:5433");
    assert!(config.policy_file.is_none());
    let minimal = Config::load(&shipped().join("minimal.yaml")).unwrap();
    assert_eq!(
        minimal.policy_file,
        Some(shipped().join("policy.example.yaml"))
    );
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    assert_eq!(
        parse("listen: {}\n").unwrap_err(),
        [
            "1: configuration: upstream is missing",
            "1: configuration: keys is missing",
            "1: configuration: audit is missing",
            "1: configuration: policy is missing",
        ]
    );
    assert!(parse("").unwrap_err()[0].contains("expected a mapping with listen, upstream"));
}

#[test]
fn unknown_and_unbuilt_keys_and_values() {
    for (more, expected) in [
        (
            "session: {}",
            r#"7: configuration: unknown key "session"; did you mean "sessions"?"#,
        ),
        (
            "auth: { mode: ldap }",
            r#"7: auth.mode: expected relay, scram or certificate, found "ldap""#,
        ),
        ("auth: {}", "7: auth: mode is missing"),
        (
            "sessions: { maximum: 3 }",
            r#"7: sessions: unknown key "maximum"; expected max, max_logins, max_message, idle_timeout, idle_in_transaction_timeout, login_timeout or drain_timeout"#,
        ),
        (
            "sessions: { max: 0 }",
            r#"7: sessions.max: expected a whole number from 1 to 100000, found "0""#,
        ),
        (
            "sessions: { max: many }",
            r#"7: sessions.max: expected a whole number from 1 to 100000, found "many""#,
        ),
        (
            "sessions: { idle_timeout: 30 }",
            r#"7: sessions.idle_timeout: expected a duration like 30m (units ms, s, m, h, d), or off, found "30""#,
        ),
        (
            "sessions: { drain_timeout: 0s }",
            r#"7: sessions.drain_timeout: expected a duration like 30s (units ms, s, m, h, d), found "0s""#,
        ),
        (
            "sessions: { login_timeout: off }",
            r#"7: sessions.login_timeout: expected a duration like 30s (units ms, s, m, h, d), found "off""#,
        ),
        (
            "admin: { address: 6433 }",
            r#"7: admin.address: expected an address and port, 127.0.0.1:6432 or [::1]:6432 (0.0.0.0 for all), found "6433""#,
        ),
        (
            "listen: { address: db.example:6432 }",
            r#"7: listen.address: expected an address and port, 127.0.0.1:6432 or [::1]:6432 (0.0.0.0 for all), or the path of a socket, found "db.example:6432""#,
        ),
        (
            "sessions: { max_message: 1kB }",
            r#"7: sessions.max_message: expected a size from 64kB to 1GB, found "1kB""#,
        ),
        (
            "listen: { tls: { mode: prefered } }",
            r#"7: listen.tls.mode: expected disable, prefer or require, found "prefered"; did you mean "prefer"?"#,
        ),
        (
            "listen: { tls: { mode: disable, certificate: x } }",
            "7: listen.tls: certificate has no use with mode: disable",
        ),
    ] {
        let found = problems_with(more);
        assert!(found.contains(&expected.to_string()), "{more}: {found:?}");
    }
}

#[test]
fn tls_has_what_its_mode_needs() {
    assert_eq!(
        problems_with("listen: { tls: { mode: require } }"),
        [
            "7: listen.tls: certificate is missing",
            "7: listen.tls: private_key is missing"
        ]
    );
    let found =
        problems_with("listen: { tls: { mode: require, certificate: /no/a, private_key: /no/b } }");
    assert!(
        found[0].starts_with("7: listen.tls.certificate: /no/a cannot be read: "),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("7: listen.tls.private_key: /no/b cannot be read: "),
        "{found:?}"
    );
    let upstream =
        |tls: &str| parse(&WHOLE.replace("  service:", &format!("  tls: {tls}\n  service:")));
    assert_eq!(
        upstream("{ mode: verify-full }").unwrap_err(),
        ["3: upstream.tls: root_ca is missing"]
    );
    assert_eq!(
        upstream("{ mode: require, root_ca: x }").unwrap_err(),
        ["3: upstream.tls: root_ca has no use with mode: require (verify-full checks it)"]
    );
    assert_eq!(
        upstream("{ mode: require }").unwrap().upstream.tls,
        UpstreamTls::Require
    );
}

#[test]
fn one_provider_and_one_password() {
    let with = |from: &str, to: &str| parse(&WHOLE.replace(from, to)).unwrap_err();
    let provider = "{ env: MASTER }";
    assert_eq!(
        with(provider, "{ env: A, file: b }"),
        ["4: keys.provider: expected one of file and env"]
    );
    assert_eq!(
        with(provider, "{}"),
        ["4: keys.provider: expected one of file and env"]
    );
    assert_eq!(
        with(provider, "{ env: a-b }"),
        [
            r#"4: keys.provider.env: expected the name of an environment variable (not its value), found "a-b""#
        ]
    );
    assert_eq!(
        with("user: svc", "user: svc, password: a, password_file: b"),
        ["3: upstream.service: expected one of password and password_file"]
    );
    assert_eq!(
        with("user: svc", "user: svc, password: ''"),
        ["3: upstream.service.password: expected a password, found an empty one"]
    );
}

#[test]
fn a_password_is_read_and_never_printed() {
    let env = |name: &str| (name == "PW").then(|| "hunter2".to_string());
    let text = WHOLE.replace("user: svc", "user: svc, password: \"${PW}\"");
    let config = Config::parse(Path::new("c.yaml"), &text, &env).unwrap();
    let password = config.upstream.service.password.as_ref().unwrap();
    assert_eq!(password.expose(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));

    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pw"), "s3cret\n").unwrap();
    let text = WHOLE.replace("user: svc", "user: svc, password_file: pw");
    let config = Config::parse(&directory.path().join("c.yaml"), &text, &no_env).unwrap();
    assert_eq!(config.upstream.service.password.unwrap().expose(), "s3cret");
    std::fs::write(directory.path().join("pw"), "\n").unwrap();
    let problems = Config::parse(&directory.path().join("c.yaml"), &text, &no_env).unwrap_err();
    assert!(
        problems.to_string().ends_with("its first line is empty"),
        "{problems}"
    );
}

#[test]
fn durations_and_addresses() {
    let config = parse(&format!(
        "{WHOLE}sessions: {{ idle_timeout: 30m, drain_timeout: 250ms, max: 7 }}\nlisten: {{ address: '[::1]:0' }}\nadmin: {{ address: localhost:9 }}\n"
    ))
    .unwrap();
    assert_eq!(
        config.sessions.idle_timeout,
        Some(Duration::from_secs(1800))
    );
    assert_eq!(config.sessions.drain_timeout, Duration::from_millis(250));
    assert_eq!(config.sessions.max, 7);
    assert_eq!(config.listen.address.to_string(), "[::1]:0");
    assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:9");
    for (address, expected) in [
        ("db.example", Some(("db.example", 5432))),
        ("10.0.0.1:1", Some(("10.0.0.1", 1))),
        ("'[::1]:6'", Some(("::1", 6))),
        ("'[::1]'", Some(("::1", 5432))),
        ("'a b:1'", None),
        ("db:0", None),
        ("db:65536", None),
        ("'::1'", None),
    ] {
        let text = WHOLE.replace("db:5433", address);
        let found = parse(&text).map(|c| c.upstream.address).ok();
        let expected = expected.map(|(host, port): (&str, u16)| ServerAddress::Tcp {
            host: host.to_string(),
            port,
        });
        assert_eq!(found, expected, "{address}");
    }
    let local = parse(
        &(WHOLE.replace("db:5433", "/run/pg/.s.PGSQL.5432")
            + "listen: { address: /run/hc/.s.PGSQL.6432 }\n"),
    )
    .unwrap();
    assert_eq!(
        local.upstream.address,
        ServerAddress::Unix("/run/pg/.s.PGSQL.5432".into())
    );
    assert_eq!(
        local.listen.address,
        ListenAddress::Unix("/run/hc/.s.PGSQL.6432".into())
    );
}

#[test]
fn a_login_that_could_let_nobody_in_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("any.pem");
    std::fs::write(&file, "").unwrap();
    let file = file.display();
    let tls = |more: &str| {
        format!(
            "listen: {{ tls: {{ mode: require, certificate: {file}, private_key: {file}{more} }} }}\n"
        )
    };
    let ca = tls(&format!(", client_ca: {file}"));
    let local = "listen: { address: /run/hc/.s.PGSQL.6432 }\n";
    for (more, expected) in [
        ("auth: { mode: scram }", "auth: verifiers is missing"),
        (
            "auth: { mode: relay, verifiers: { file: x } }",
            "auth: verifiers has no use with mode: relay",
        ),
        (
            "auth: { mode: scram, verifiers: {} }",
            "auth.verifiers: expected one of file and query",
        ),
        (
            "auth: { mode: scram, verifiers: { query: 'SELECT 1', database: d } }",
            "auth.verifiers.query: expected a query with $1 for the user, found \"SELECT 1\"",
        ),
        (
            "auth: { mode: scram, verifiers: { query: 'SELECT f($1)' } }",
            "auth.verifiers: database is missing",
        ),
        (
            "auth: { mode: certificate }",
            "auth.mode: certificate needs listen.tls.client_ca with mode: require",
        ),
        (
            &format!("auth: {{ mode: certificate }}\n{ca}"),
            "auth.mode: certificate needs upstream.tls.certificate and private_key: ",
        ),
        (
            "auth: { mode: relay, identities: { 'cn:Alice': [alice] } }",
            "auth.identities needs listen.tls.client_ca, or a Unix socket",
        ),
        (
            &format!("{local}auth: {{ mode: relay, identities: {{ 'cn:Alice': [alice] }} }}"),
            "auth.identities has no uid: name",
        ),
        (
            &format!("{local}auth: {{ mode: relay, identities: {{ 'Alice': [alice] }} }}"),
            "auth.identities: expected a name like cn:Alice",
        ),
        (
            &tls(&format!(", client_ca: {file}")).replace("require", "prefer"),
            "listen.tls: client_ca has no use with mode: prefer",
        ),
        (
            &tls(&format!(", client_crl: {file}")),
            "listen.tls: client_crl has no use without client_ca",
        ),
    ] {
        let found = problems_with(more);
        assert!(
            found.iter().any(|p| p.contains(expected)),
            "{more}: {found:?}"
        );
    }
    let good =
        format!("{WHOLE}{ca}auth: {{ mode: relay, identities: {{ 'cn:Alice': [alice] }} }}\n");
    let identities = parse(&good).unwrap().auth.identities.unwrap();
    assert_eq!(identities["cn:Alice"], ["alice"]);
}

#[test]
fn a_policys_problems_keep_their_file_and_line() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.yaml");
    std::fs::write(&policy, "databases: {}\ndefualt: deny\n").unwrap();
    let text = WHOLE.replace(
        "policy: { databases: {} }",
        "policy: policy.yaml\naudits: {}",
    );
    let path = directory.path().join("c.yaml");
    let problems = Config::parse(&path, &text, &no_env).unwrap_err();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            format!(
                "{}:7: configuration: unknown key \"audits\"; did you mean \"audit\"?",
                path.display()
            ),
            format!(
                "{}:2: policy: unknown key \"defualt\"; did you mean \"default\"?",
                policy.display()
            ),
        ]
    );
    std::fs::remove_file(&policy).unwrap();
    let problems = Config::parse(&path, &text, &no_env).unwrap_err();
    assert!(
        problems.to_string().contains("c.yaml:6: policy: "),
        "{problems}"
    );
    assert_eq!(
        parse(&WHOLE.replace("{ databases: {} }", "{ database: {} }")).unwrap_err(),
        [
            r#"6: policy: unknown key "database"; did you mean "databases"?"#,
            "6: policy: databases is missing",
        ]
    );
}

#[test]
fn an_inline_policy_has_the_hash_of_its_own_text() {
    let one = parse(WHOLE).unwrap();
    let moved = parse(&format!("# a comment\n{WHOLE}sessions: {{ max: 3 }}\n")).unwrap();
    assert_eq!(one.policy.hash, moved.policy.hash);
    let other =
        parse(&WHOLE.replace("{ databases: {} }", "{ databases: {}, default: mask }")).unwrap();
    assert_ne!(one.policy.hash, other.policy.hash);
}
