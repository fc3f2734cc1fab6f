//! The real binary: `hippocrypt serve` with a configuration file, seen from outside.
//!
//! It must never leave a process behind: dropping a proxy kills it, and so does the end of the tests' process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    port: u16,
    admin: u16,
    log: Arc<(Mutex<String>, Condvar)>,
    watchdog: Child,
}

impl Proxy {
    /// Makes keys where there are none, starts the proxy and waits for its ready line.
    pub fn start(config: &Path) -> Self {
        Self::make_keys(config);
        Self::serve(config)
    }

    /// `hippocrypt keys init`
    pub fn make_keys(config: &Path) {
        let keys = ["keys", "init", "--config"];
        crate::sql::succeed(Command::new(binary()).args(keys).arg(config));
    }

    /// `hippocrypt serve`, ready.
    pub fn serve(config: &Path) -> Self {
        Self::serve_with(config, &[])
    }

    /// The same with these variables in its environment.
    pub fn serve_with(config: &Path, environment: &[(&str, &Path)]) -> Self {
        let mut child = Command::new(binary())
            .args(["serve", "--log-format", "json", "--config"])
            .arg(config)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the proxy to start");
        let watchdog = watch(&child);
        let log = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut text = kept.0.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
                kept.1.notify_all();
            }
            kept.0.lock().unwrap().push_str("(end of log)\n");
            kept.1.notify_all();
        });
        let ready = wait_for_ready(&log);
        Self {
            child,
            port: port_of(&ready["listen"]).unwrap_or_else(|| panic!("no listen=ADDR in {ready}")),
            admin: configured_admin(config),
            log,
            watchdog,
        }
    }

    /// Where clients connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its log until now.
    pub fn log(&self) -> String {
        self.log.0.lock().unwrap().clone()
    }

    /// Waits until the log has these words.
    pub fn wait_for_log(&self, words: &str) {
        let began = Instant::now();
        let mut text = self.log.0.lock().unwrap();
        while !text.contains(words) {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "no {words:?} in the log:\n{text}"
            );
            let waited = self.log.1.wait_timeout(text, Duration::from_millis(200));
            text = waited.unwrap().0;
        }
    }

    /// Sends a signal by name (`TERM`, `HUP`, `KILL`).
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        crate::sql::succeed(Command::new("kill").args([&format!("-{name}"), &pid]));
    }

    /// Waits for its end; its exit code. Panics when it takes longer.
    pub fn wait(&mut self, at_most: Duration) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                began.elapsed() < at_most,
                "the proxy did not end:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// GET from the admin address: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        use std::io::Read as _;
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.admin)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
        (
            status.unwrap_or_else(|| panic!("not HTTP: {answer}")),
            body.to_owned(),
        )
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // a line, not the end of the pipe: the pid may be another's by then
        if let Some(mut pipe) = self.watchdog.stdin.take() {
            let _ = pipe.write_all(b"\n");
        }
        let _ = self.watchdog.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills the proxy when our end of its pipe closes without a word: when this process is gone, even by `kill -9`. In a
/// process group of its own, so that what kills ours does not kill it first.
fn watch(child: &Child) -> Child {
    Command::new("/bin/sh")
        .args(["-c", "read -r _ || kill -KILL \"$1\"", "sh"])
        .arg(child.id().to_string())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

fn wait_for_ready(log: &(Mutex<String>, Condvar)) -> serde_json::Value {
    let began = Instant::now();
    let mut text = log.0.lock().unwrap();
    loop {
        let lines = text
            .lines()
            .filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        if let Some(ready) = lines.into_iter().find(|l| l["message"] == "ready") {
            return ready;
        }
        let over = text.contains("(end of log)") || began.elapsed() > Duration::from_secs(30);
        assert!(!over, "the proxy did not become ready:\n{text}");
        text = log.1.wait_timeout(text, Duration::from_secs(1)).unwrap().0;
    }
}

fn port_of(address: &serde_json::Value) -> Option<u16> {
    // 127.0.0.1:6432, or /path/.s.PGSQL.6432
    address.as_str()?.rsplit([':', '.']).next()?.parse().ok()
}

fn configured_admin(config: &Path) -> u16 {
    let text = std::fs::read_to_string(config).unwrap();
    let line = text.lines().find(|l| l.starts_with("admin:"));
    let port = line.and_then(|l| {
        l.rsplit(':')
            .next()?
            .trim_end_matches([' ', '}'])
            .parse()
            .ok()
    });
    port.unwrap_or(0)
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The binary: what `HIPPOCRYPT_BIN` names, else built now.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("HIPPOCRYPT_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let mut build = Command::new(env!("CARGO"));
            build.args([
                "build",
                "--quiet",
                "--package",
                "hippocrypt",
                "--bin",
                "hippocrypt",
            ]);
            crate::sql::succeed(build.current_dir(env!("CARGO_MANIFEST_DIR")));
            // …/debug/deps/e2e-0123 lies beside …/debug/hippocrypt
            let test = std::env::current_exe().unwrap();
            test.parent()
                .and_then(Path::parent)
                .unwrap()
                .join("hippocrypt")
        }
    })
}

/// Records of a log directory, in order. Whoever reads a file that is being written may see the beginning of a line:
/// that is no record yet, and is left out.
pub fn audit_records(directory: &Path) -> Vec<serde_json::Value> {
    let mut records: Vec<serde_json::Value> = std::fs::read_dir(directory)
        .unwrap()
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "jsonl"))
        .flat_map(|e| {
            let text = std::fs::read(e.path()).unwrap();
            let lines = text
                .split_inclusive(|b| *b == b'\n')
                .filter(|line| line.ends_with(b"\n"))
                .map(|line| serde_json::from_slice(line).expect("a record is JSON"));
            lines.collect::<Vec<_>>()
        })
        .collect();
    records.sort_by_key(|r| r["seq"].as_u64());
    records
}
