//! The audit log at places over the network: nothing is missing there after kill -9 of the proxy and of the place, and what
//! came twice can be told.

use hippocrypt_e2e::certificates::Certificates;
use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::proxy::free_port;
use hippocrypt_e2e::sql::told;
use hippocrypt_e2e::{Proxy, Setup};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A proxy whose log is sent to a receiver in Python.
struct Sent {
    place: Place,
    certificates: Certificates,
    kind: &'static str,
    port: u16,
    receiver: Option<Child>,
    token: &'static str,
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Sent {
    fn new(kind: &'static str) -> Self {
        let mut place = Setup::clinic().start();
        let certificates = Certificates::make(place.directory());
        let port = free_port();
        let root = certificates.root.display();
        let token = place.directory().join("token");
        fs::write(&token, "open sesame\n").unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
        let to = match kind {
            "http" => format!(
                "http: {{ url: \"https://localhost:{port}/in?log=clinic\", root_ca: {root}, token_file: token }}"
            ),
            _ => format!("syslog: {{ address: localhost:{port}, root_ca: {root} }}"),
        };
        let config = fs::read_to_string(place.config()).unwrap();
        let audit = format!(
            "audit: {{ directory: audit/, checkpoints: {{ after: 1s }}, ship: {{ {to} }} }}"
        );
        let config = config.replace("audit: { directory: audit/ }", &audit);
        assert!(config.contains(&to));
        place.proxy.signal("TERM");
        place.proxy.wait(Duration::from_secs(20));
        fs::write(place.config(), config).unwrap();
        Self {
            place,
            certificates,
            kind,
            port,
            receiver: None,
            token: "open sesame",
        }
    }

    fn file(&self) -> PathBuf {
        self.place.directory().join("received")
    }

    fn receive(&mut self, lame: u32) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shipping/receiver.py");
        let mut receiver = Command::new("python3");
        receiver
            .arg(script)
            .args([self.kind, &self.port.to_string()])
            .args([&self.certificates.certificate, &self.certificates.key])
            .arg(self.file())
            .args([self.token, &lame.to_string()])
            .stdin(Stdio::null());
        self.receiver = Some(receiver.spawn().unwrap());
    }

    /// kill -9 of the receiver.
    fn cut(&mut self) {
        if let Some(mut receiver) = self.receiver.take() {
            let _ = receiver.kill();
            let _ = receiver.wait();
        }
    }

    fn serve(&mut self) {
        self.place.proxy = Proxy::serve(&self.place.config());
    }

    fn work(&self, mark: &str) {
        let mut app = self.place.raw("app");
        for n in 0..30 {
            app.query(&format!("SELECT id AS {mark}{n} FROM visits"));
        }
    }

    fn lag(&self) -> Option<i64> {
        let (_, metrics) = self.place.proxy.get("/metrics");
        let name = format!("hippocrypt_audit_unshipped{{copy=\"{}\"}} ", self.kind);
        let line = metrics.lines().find_map(|l| l.strip_prefix(&name))?;
        line.parse().ok()
    }

    /// What came, in order.
    fn items(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.file()).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a whole line"))
            .collect()
    }

    fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            let log = self.place.proxy.log();
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stop(&mut self) {
        self.place.proxy.signal("TERM");
        let code = self.place.proxy.wait(Duration::from_secs(30));
        assert_eq!(code, Some(0), "{}", self.place.proxy.log());
    }

    /// Every line of the log is there byte for byte, also those that came twice; checkpoints come after their records.
    fn all_is_there(&self) -> usize {
        let directory = self.place.directory().join("audit");
        let mut lines = BTreeMap::new();
        let mut segments: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
            .collect();
        segments.sort();
        for segment in segments {
            for line in fs::read_to_string(segment).unwrap().lines() {
                lines.insert(lines.len() as u64, line.to_owned());
            }
        }
        let text = fs::read_to_string(self.file()).unwrap();
        let (mut there, mut twice, mut signed) = (BTreeMap::new(), 0, 0);
        for line in text.lines() {
            let item: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(note) = item["checkpoint"].as_str() {
                let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
                assert!(there.len() as u64 >= size, "before its records: {note}");
                signed = signed.max(size);
                continue;
            }
            let seq = item["seq"].as_u64().unwrap();
            assert_eq!(lines.get(&seq).map(String::as_str), Some(line), "{seq}");
            assert!(seq <= there.len() as u64, "a gap before {seq}");
            twice += usize::from(there.insert(seq, line.to_owned()).is_some());
        }
        assert_eq!(there.len(), lines.len(), "{}", self.place.proxy.log());
        assert_eq!(signed, lines.len() as u64, "the last checkpoint too");
        twice
    }

    /// Some has come when the proxy is killed, amid what it has to send, and begins again.
    fn go_on_after_a_kill(&mut self) {
        self.serve();
        self.place.both(CLINIC_TABLES);
        self.work("a");
        self.until("some is there", |sent| sent.items().len() > 10);
        self.work("b");
        self.place.proxy.signal("KILL");
        self.place.proxy.wait(Duration::from_secs(20));
        self.serve();
    }
}

#[test]
fn a_collector_has_every_record_after_kill_9_of_either_side() {
    let mut sent = Sent::new("http");
    sent.receive(2);
    sent.go_on_after_a_kill();
    sent.cut();
    sent.work("c");
    sent.until("the lag shows", |sent| {
        sent.lag().is_some_and(|lag| lag > 30)
    });
    sent.receive(2);
    sent.until("it has caught up", |sent| sent.lag() == Some(0));
    sent.work("d");
    sent.stop();
    let twice = sent.all_is_there();
    let log = sent.place.proxy.log();
    assert!(
        twice > 0,
        "a batch was answered 503 after it was written: {log}"
    );
    let with = ["audit", "verify"];
    let whole = sent.place.verb(&with).output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", told(&whole));
}

#[test]
fn a_syslog_server_has_every_record_after_kill_9_of_either_side() {
    let mut sent = Sent::new("syslog");
    sent.receive(0);
    sent.go_on_after_a_kill();
    sent.work("c");
    let all = |sent: &Sent| sent.place.audit().len();
    sent.until("all came", |sent| {
        let seqs = sent.items().into_iter().filter_map(|i| i["seq"].as_u64());
        seqs.max()
            .is_some_and(|last| last as usize + 1 >= all(sent))
    });
    // Nothing says that it was written: a break now, and it is sent again.
    sent.cut();
    sent.work("d");
    sent.receive(0);
    sent.until("it has caught up", |sent| sent.lag() == Some(0));
    sent.work("e");
    sent.stop();
    assert!(sent.all_is_there() > 0);
}

/// Statements with a text, or a number, in every place where one can stand.
fn with_canary(n: u64, text: &str, digits: &str) -> Vec<Vec<u8>> {
    use hippocrypt_e2e::raw::{bind, copy_data, copy_done, execute, parse, query, sync};
    let simple = |sql: String| vec![query(&sql)];
    let bound = |sql: &str, value: &[u8], format| {
        let values: [Option<&[u8]>; 1] = [Some(value)];
        let parts = [
            parse("", sql, &[]),
            bind("", "", &values, format),
            execute("", 0),
            sync(),
        ];
        vec![parts.concat()]
    };
    match n % 24 {
        0 => simple(format!("SELECT '{text}'")),
        1 => simple(format!("SELECT $x${text}$x$ AS a, E'\\t{text}' AS b")),
        2 => simple(format!("SELECT 1 -- {text}")),
        3 => simple(format!("/* {text} */ SELECT 1")),
        4 => simple(format!("SELECT id FROM patients WHERE ssn = '{text}'")),
        5 => simple(format!("SELECT id FROM patients WHERE name = '{text}'")),
        6 => simple(format!("SELECT id FROM visits WHERE room LIKE '{text}%'")),
        7 => simple(format!("UPDATE visits SET room = '{text}' WHERE id = 1")),
        8 => simple(format!("SELECT * FROM nowhere WHERE a = '{text}'")),
        9 => simple(format!("SELECT '{text}")),
        10 => simple(format!("SELEKT {text} FROM")),
        11 => simple(format!("SELECT id FROM patients WHERE id = {digits}")),
        12 => simple(format!("SELECT {digits}::numeric + 0.{digits}")),
        13 => simple(format!("SELECT '{{\"k\": \"{text}\"}}'::json")),
        14 => simple(format!("VALUES ('{text}'), ('b'); SELECT ARRAY['{text}']")),
        15 => simple(format!("DO $$ BEGIN PERFORM '{text}'; END $$")),
        16 => simple(format!(
            "PREPARE p{n} AS SELECT '{text}'; EXECUTE p{n}; DEALLOCATE p{n}"
        )),
        17 => simple(format!("NOTIFY c, '{text}'")),
        18 => simple(format!("SET hippocrypt.other = '{text}'")),
        19 => bound("SELECT $1::text", text.as_bytes(), 0),
        20 => bound("SELECT $1::text", text.as_bytes(), 1),
        21 => bound("SELECT id FROM patients WHERE ssn = $1", text.as_bytes(), 0),
        22 => bound(
            "SELECT id FROM patients WHERE id = $1",
            digits.as_bytes(),
            0,
        ),
        _ => vec![
            query("COPY visits (id, room) FROM STDIN"),
            [
                copy_data(format!("{}\t{text}\n", 1000 + n).as_bytes()),
                copy_done(),
            ]
            .concat(),
        ],
    }
}

/// `HIPPOCRYPT_CANARIES=10000` for more of them. What is sent is the log's lines byte for byte, and no more.
#[test]
fn no_constant_parameter_or_comment_is_in_the_log_or_at_a_place() {
    let count = std::env::var("HIPPOCRYPT_CANARIES").map_or(1200, |n| n.parse().unwrap());
    let mut sent = Sent::new("http");
    sent.receive(0);
    sent.serve();
    sent.place.both(CLINIC_TABLES);
    let mut app = sent.place.raw("app");
    let canary = |n: u64| (format!("canary{n:06}xq"), format!("7{n:06}1357924680"));
    for n in 0..count {
        let (text, digits) = canary(n);
        for (part, bytes) in with_canary(n, &text, &digits).iter().enumerate() {
            app.send(bytes);
            let copies = part == 0 && n % 24 == 23;
            let answer = app.until(if copies { "GEZ" } else { "Z" });
            if copies && answer.last().is_none_or(|m| m.tag != 'G') {
                break;
            }
        }
    }
    sent.until("it has caught up", |sent| sent.lag() == Some(0));
    sent.stop();
    sent.all_is_there();
    let statements = sent.place.audit();
    let statements = statements
        .iter()
        .filter(|r| r["type"] == "statement")
        .count();
    assert!(statements as u64 >= count, "{statements}");
    let mut files = vec![sent.file()];
    for entry in fs::read_dir(sent.place.directory().join("audit")).unwrap() {
        files.push(entry.unwrap().path());
    }
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = fs::read(file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for word in ["canary0", "1357924680"] {
            let at = text.find(word).unwrap_or(text.len());
            let around: String = text[at..].chars().take(60).collect();
            assert!(around.is_empty(), "{}: {around}", file.display());
        }
    }
}

#[test]
fn a_wrong_token_and_a_wrong_certificate_are_said_and_nothing_is_sent() {
    let mut sent = Sent::new("http");
    sent.token = "another";
    sent.receive(0);
    sent.serve();
    sent.work("a");
    sent.place.proxy.wait_for_log("it answered 401");
    sent.stop();
    assert!(sent.items().is_empty());
    sent.token = "open sesame";
    sent.cut();
    let honest = sent.certificates.certificate.clone();
    let key = sent.certificates.key.clone();
    sent.certificates.certificate = sent.certificates.impostor.certificate.clone();
    sent.certificates.key = sent.certificates.impostor.key.clone();
    sent.receive(0);
    sent.serve();
    sent.place.proxy.wait_for_log("certificate");
    sent.stop();
    assert!(sent.items().is_empty());
    sent.cut();
    (sent.certificates.certificate, sent.certificates.key) = (honest, key);
    sent.receive(0);
    sent.serve();
    sent.until("it has caught up", |sent| sent.lag() == Some(0));
    sent.stop();
    sent.all_is_there();
}

#[test]
fn a_place_without_tls_is_one_on_this_machine_or_an_error() {
    let place = Setup::clinic().start();
    let config = fs::read_to_string(place.config()).unwrap();
    for (to, words) in [
        (
            "http: { url: \"http://siem.example/in\" }",
            "https://host:port/path",
        ),
        (
            "http: { url: \"http://localhost.example:1/in\" }",
            "https://host",
        ),
        (
            "http: { url: \"https://u:p@siem.example/in\" }",
            "https://host",
        ),
        (
            "http: { url: \"https://siem.example/in\" }",
            "root_ca is missing",
        ),
        (
            "http: { url: \"http://127.0.0.1:1/\", root_ca: x }",
            "has no use",
        ),
        (
            "syslog: { address: siem.example, root_ca: hippocrypt.yaml }",
            "host:port",
        ),
        (
            "syslog: { address: \"siem.example:6514\" }",
            "root_ca is missing",
        ),
        ("kafka: x", "unknown key"),
    ] {
        let audit = format!("audit: {{ directory: audit/, ship: {{ {to} }} }}");
        let text = config.replace("audit: { directory: audit/ }", &audit);
        assert_ne!(text, config);
        fs::write(place.config(), text).unwrap();
        let refused = place.verb(&["check"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(64), "{to}: {}", told(&refused));
        assert!(told(&refused).contains(words), "{to}: {}", told(&refused));
    }
}
