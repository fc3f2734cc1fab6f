//! One run of one of PostgreSQL's suites against a port, by PostgreSQL's own driver.
//!
//! It must never look at a result itself: pg_regress says what passed, and result files are compared whole.

use crate::server::Server;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Which suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// `src/test/regress`: psql scripts.
    Regression,
    /// `src/test/isolation`: several sessions of one script.
    Isolation,
}

impl Suite {
    /// Its directory in PostgreSQL's sources, and its name in the list of differences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regress",
            Self::Isolation => "isolation",
        }
    }

    /// The name that its driver gives the database.
    pub fn database(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Isolation => "isolation_regression",
        }
    }

    fn schedule(self) -> &'static str {
        match self {
            Self::Regression => "parallel_schedule",
            Self::Isolation => "isolation_schedule",
        }
    }

    fn driver(self) -> &'static str {
        match self {
            Self::Regression => "pg_regress",
            Self::Isolation => "pg_isolation_regress",
        }
    }
}

/// The suites' files, where the server's user may read them.
#[derive(Debug)]
pub struct Inputs {
    directory: TempDir,
    /// `pgxs/src/test` of the installed PostgreSQL, where the drivers are.
    drivers: PathBuf,
}

impl Inputs {
    /// Copies what `HIPPOCRYPT_REGRESS_INPUTS` names: `regress/`, `isolation/`, and `lib/` with what they load. What a
    /// run leaves there stays where `HIPPOCRYPT_REGRESS_KEEP` is set, for whoever looks into a difference.
    ///
    /// # Panics
    /// Where it is not set: this suite is not in the repository.
    pub fn from_environment(server: &Server) -> Self {
        let from = std::env::var("HIPPOCRYPT_REGRESS_INPUTS")
            .expect("HIPPOCRYPT_REGRESS_INPUTS: `./run test --full regress` brings the suites");
        let kept = std::env::var_os("HIPPOCRYPT_REGRESS_KEEP").is_some();
        let mut directory = tempfile::Builder::new();
        let directory = directory.disable_cleanup(kept).tempdir().unwrap();
        if kept {
            println!("kept in {}", directory.path().display());
        }
        open_to_all(directory.path(), 0o755);
        for part in ["regress", "isolation", "lib"] {
            let mut copy = Command::new("cp");
            copy.arg("-r").arg(Path::new(&from).join(part));
            hippocrypt_e2e::sql::succeed(copy.arg(directory.path()));
        }
        let drivers = server.programs().join("../lib/pgxs/src/test");
        Self { directory, drivers }
    }

    fn of(&self, suite: Suite) -> PathBuf {
        self.directory.path().join(suite.name())
    }

    /// Runs `suite` against a server or a proxy; `label` names the output.
    pub fn run(&self, suite: Suite, server: &Server, port: u16, label: &str) -> Outcome {
        let out = self
            .directory
            .path()
            .join(format!("{}-{label}", suite.name()));
        for part in ["results", "specs", "sql", "expected"] {
            let part = out.join(part);
            fs::create_dir_all(&part).unwrap();
            // server-side COPY and lo_export write here, as the server's user
            open_to_all(&part, 0o777);
        }
        fs::write(out.join(".pgpass"), server.pgpass()).unwrap();
        open_to_all(&out.join(".pgpass"), 0o600);
        let told = fs::File::create(out.join("told")).unwrap();
        let drivers = self.drivers.join(suite.name());
        let mut command = Command::new("timeout");
        command.arg("3600").arg(drivers.join(suite.driver()));
        command.arg("--use-existing").args(["--host=127.0.0.1"]);
        command.arg(format!("--port={port}"));
        command.arg(format!("--user={}", server.user()));
        command.arg(format!("--dbname={}", suite.database()));
        command.arg(option("inputdir", &self.of(suite)));
        command.arg(option("outputdir", &out));
        command.arg(option("dlpath", &self.directory.path().join("lib")));
        command.arg(match suite {
            Suite::Regression => option("bindir", server.programs()),
            Suite::Isolation => option("bindir", &drivers), // isolationtester
        });
        command.arg(option("schedule", &self.schedule(suite)));
        // pg_regress takes every PG… variable away: the password comes from the home directory
        command.env("HOME", &out).current_dir(self.of(suite));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let _ = command.stdout(told).status().expect("pg_regress to start");
        Outcome::read(out)
    }

    /// How many tests PostgreSQL's own schedule has.
    pub fn scheduled(&self, suite: Suite) -> usize {
        let schedule = fs::read_to_string(self.of(suite).join(suite.schedule())).unwrap();
        let groups = schedule.lines().filter_map(|l| l.strip_prefix("test:"));
        groups.map(|tests| tests.split_whitespace().count()).sum()
    }

    /// PostgreSQL's own, or the short one of this repository where `HIPPOCRYPT_REGRESS` is `short`.
    fn schedule(&self, suite: Suite) -> PathBuf {
        if std::env::var("HIPPOCRYPT_REGRESS").as_deref() == Ok("short") {
            let here = Path::new(env!("CARGO_MANIFEST_DIR"));
            return here.join("short").join(suite.schedule());
        }
        self.of(suite).join(suite.schedule())
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What a run left.
#[derive(Debug)]
pub struct Outcome {
    directory: PathBuf,
    /// What the driver said.
    pub told: String,
    /// Tests that it called passed, sorted; ignored failures count as neither.
    pub passed: Vec<String>,
    /// Tests that it called failed, sorted.
    pub failed: Vec<String>,
}

impl Outcome {
    fn read(directory: PathBuf) -> Self {
        let told = fs::read_to_string(directory.join("told")).unwrap();
        let with = |mark: &str| {
            let mut names: Vec<String> = told
                .lines()
                .filter(|l| l.contains(mark))
                .filter_map(|l| l.trim_start_matches("test ").split_whitespace().next())
                .map(str::to_owned)
                .collect();
            names.sort_unstable();
            names
        };
        Self {
            passed: with("... ok "),
            failed: with("... FAILED "),
            told,
            directory,
        }
    }

    /// Where the result files are.
    pub fn results(&self) -> PathBuf {
        self.directory.join("results")
    }

    /// How the driver's results differ from PostgreSQL's expected ones.
    pub fn regression_diffs(&self) -> String {
        fs::read_to_string(self.directory.join("regression.diffs")).unwrap_or_default()
    }
}
