//! A private PostgreSQL: its own directory, port and passwords, gone when it is dropped.
//!
//! The demo and the end-to-end tests run on it. It must never touch a cluster that it did not make, listen
//! beyond 127.0.0.1, or run the server as root (PostgreSQL would refuse): started by root, it runs as
//! `postgres` or `nobody`, who own the directory. Durability is off: nothing in it is meant to last.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Overrides the search for PostgreSQL's programs.
pub const BIN_VARIABLE: &str = "HIPPOCRYPT_PG_BIN";

/// Name of the cluster's superuser.
pub const SUPERUSER: &str = "postgres";

/// Tries at a port that was free a moment ago and is taken when the server wants it.
const PORT_TRIES: usize = 4;

/// A Unix socket's path may have 107 bytes (sockaddr_un), and PostgreSQL adds `/.s.PGSQL.65535`.
const SOCKET_DIRECTORY_MAX: usize = 90;

/// Why there is no private PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No `initdb` and `postgres` on this machine.
    #[error(
        "no PostgreSQL server programs found in {BIN_VARIABLE}, /usr/lib/postgresql/*/bin or PATH; install the package `postgresql`"
    )]
    NoPrograms,
    /// Started by root, and there is nobody to run the server as.
    #[error(
        "started by root, but /etc/passwd has neither `postgres` nor `nobody` to run PostgreSQL as; start as an ordinary user"
    )]
    NoUser,
    /// The file system said no.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// Which.
        program: &'static str,
        /// How.
        status: String,
        /// Its last words.
        output: String,
    },
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::Io { what, path, source }
}

/// A running server. Dropping it stops the server and removes its directory.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    /// Removed with its contents on drop.
    directory: TempDir,
    port: u16,
    password: String,
    running: bool,
    /// Stops the server and removes the directory when our end of its pipe closes: even a `kill -9` of this
    /// process leaves nothing behind.
    watchdog: Option<Child>,
}

impl Cluster {
    /// Makes and starts a cluster. `settings` are lines for postgresql.conf (`name`, `value` as it would
    /// stand there, quotes included); they win over the cluster's own.
    pub fn start(settings: &[(&str, &str)]) -> Result<Self, ClusterError> {
        let programs = Programs::find()?;
        let directory = tempfile::Builder::new()
            .prefix("hippocrypt-pg-")
            .tempdir()
            .map_err(io_error(
                "cannot make a directory in",
                &std::env::temp_dir(),
            ))?;
        programs.give(directory.path())?;
        let mut cluster = Self {
            programs,
            directory,
            port: 0,
            password: random_word()?,
            running: false,
            watchdog: None,
        };
        cluster.initdb()?;
        cluster.watchdog = Some(cluster.watch()?);
        cluster.serve(settings)?;
        Ok(cluster)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of [`SUPERUSER`].
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The directory that holds it all; also where its Unix socket is.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What the server writes on stderr: its log.
    pub fn log_file(&self) -> PathBuf {
        self.directory.path().join("postgres.log")
    }

    /// Where psql, pg_dump and pgbench of the same version are.
    pub fn programs(&self) -> &Path {
        &self.programs.directory
    }

    /// How `tokio_postgres` connects to it directly, as the superuser.
    pub fn superuser(&self, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user(SUPERUSER)
            .password(&self.password)
            .dbname(database);
        config
    }

    /// Puts files (certificates) where the server may read them, with the modes it asks for.
    pub fn install(&self, name: &str, contents: &[u8]) -> Result<PathBuf, ClusterError> {
        let path = self.data().join(name);
        fs::write(&path, contents).map_err(io_error("cannot write", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(io_error("cannot set the mode of", &path))?;
        self.programs.give(&path)?;
        Ok(path)
    }

    /// Stops the server at once: sessions are cut. The directory stays until the drop.
    pub fn stop(&mut self) -> Result<(), ClusterError> {
        if !self.running {
            return Ok(());
        }
        self.running = false;
        let data = self.data();
        self.programs.run("pg_ctl", |command| {
            command.arg("stop").arg("-D").arg(&data);
            command.args(["-m", "immediate", "-w", "-t", "30"]);
        })
    }

    /// Stops the server, cutting its sessions, and starts it again on the same port with what was committed.
    pub fn restart(&self) -> Result<(), ClusterError> {
        let (data, log) = (self.data(), self.log_file());
        self.programs.run("pg_ctl", |command| {
            command.arg("restart").arg("-D").arg(&data);
            command
                .args(["-m", "fast", "-w", "-t", "60", "-l"])
                .arg(&log);
        })
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn initdb(&self) -> Result<(), ClusterError> {
        let password = self.directory.path().join("password");
        fs::write(&password, &self.password).map_err(io_error("cannot write", &password))?;
        self.programs.give(&password)?;
        let data = self.data();
        self.programs.run("initdb", |command| {
            command.arg("-D").arg(&data).args(["-U", SUPERUSER]);
            command.args(["-E", "UTF8", "--no-locale", "--no-sync"]);
            command.args(["--auth", "scram-sha-256", "--pwfile"]);
            command.arg(&password);
        })?;
        fs::remove_file(&password).map_err(io_error("cannot remove", &password))
    }

    fn serve(&mut self, settings: &[(&str, &str)]) -> Result<(), ClusterError> {
        let conf = self.data().join("postgresql.conf");
        let shipped = fs::read_to_string(&conf).map_err(io_error("cannot read", &conf))?;
        let mut tries = 0;
        loop {
            self.port = free_port()?;
            let text = shipped.clone() + &self.configuration(settings);
            fs::write(&conf, text).map_err(io_error("cannot write", &conf))?;
            match self.pg_ctl_start() {
                Ok(()) => {
                    self.running = true;
                    return Ok(());
                }
                Err(_) if tries < PORT_TRIES && self.log_says("could not bind") => tries += 1,
                Err(e) => return Err(e),
            }
        }
    }

    fn configuration(&self, settings: &[(&str, &str)]) -> String {
        let directory = self.directory.path().to_string_lossy();
        let socket = match directory.len() {
            0..=SOCKET_DIRECTORY_MAX => directory.replace('\'', "''"),
            _ => String::new(),
        };
        let mut text = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{socket}'\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
             shared_buffers = 32MB\nmax_connections = 100\npassword_encryption = 'scram-sha-256'\n",
            self.port
        );
        for (name, value) in settings {
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }

    fn pg_ctl_start(&self) -> Result<(), ClusterError> {
        let (data, log) = (self.data(), self.log_file());
        let started = self.programs.run("pg_ctl", |command| {
            command.arg("start").arg("-D").arg(&data);
            command.args(["-w", "-t", "60", "-l"]).arg(&log);
        });
        started.map_err(|error| match error {
            ClusterError::Program {
                program, status, ..
            } => ClusterError::Program {
                program,
                status,
                output: last_lines(&fs::read_to_string(&log).unwrap_or_default()),
            },
            other => other,
        })
    }

    /// `sh` waits for the end of its input, which comes when the pipe's other end is gone.
    fn watch(&self) -> Result<Child, ClusterError> {
        let shell = Path::new("/bin/sh");
        let script = "read -r _; \"$1/pg_ctl\" stop -s -D \"$2/data\" -m immediate; rm -rf \"$2\"";
        let mut command = Command::new(shell);
        command.args(["-c", script, "sh"]);
        command
            .arg(&self.programs.directory)
            .arg(self.directory.path());
        self.programs.confine(&mut command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io_error("cannot run", shell))
    }

    fn log_says(&self, words: &str) -> bool {
        fs::read_to_string(self.log_file()).is_ok_and(|log| log.contains(words))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "the private PostgreSQL did not stop");
        }
        if let Some(mut watchdog) = self.watchdog.take() {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
    }
}

/// PostgreSQL's server programs, and whom they run as.
#[derive(Debug)]
struct Programs {
    directory: PathBuf,
    /// uid and gid, where we are root and the server must not be.
    run_as: Option<(u32, u32)>,
}

impl Programs {
    fn find() -> Result<Self, ClusterError> {
        Ok(Self {
            directory: program_directory().ok_or(ClusterError::NoPrograms)?,
            run_as: unprivileged_user()?,
        })
    }

    /// Hands a file or directory to whoever runs the server.
    fn give(&self, path: &Path) -> Result<(), ClusterError> {
        match self.run_as {
            Some((uid, gid)) => {
                chown(path, Some(uid), Some(gid)).map_err(io_error("cannot change owner of", path))
            }
            None => Ok(()),
        }
    }

    /// Runs as the server's user, in an environment that is not the caller's.
    fn confine(&self, command: &mut Command) {
        if let Some((uid, gid)) = self.run_as {
            command.uid(uid).gid(gid);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name); // PGDATA, PGPORT … of the caller are not ours
            }
        }
        command.env("LC_ALL", "C").current_dir("/");
        command.process_group(0); // a Ctrl-C in the terminal is ours to handle
    }

    fn run(
        &self,
        program: &'static str,
        arguments: impl FnOnce(&mut Command),
    ) -> Result<(), ClusterError> {
        let path = self.directory.join(program);
        let mut command = Command::new(&path);
        arguments(&mut command);
        self.confine(&mut command);
        // pg_ctl leaves the server its stdout: a pipe would never close.
        let output = tempfile::tempfile()
            .map_err(io_error("cannot make a file in", &std::env::temp_dir()))?;
        let clone = || {
            output
                .try_clone()
                .map_err(io_error("cannot share the output of", &path))
        };
        let status = command
            .stdin(Stdio::null())
            .stdout(clone()?)
            .stderr(clone()?)
            .status()
            .map_err(io_error("cannot run", &path))?;
        if status.success() {
            return Ok(());
        }
        Err(ClusterError::Program {
            program,
            status: status.to_string(),
            output: last_lines(&read_from_start(output)),
        })
    }
}

fn read_from_start(mut file: fs::File) -> String {
    let mut text = String::new();
    let _ = io::Seek::rewind(&mut file).and_then(|()| file.read_to_string(&mut text));
    text
}

fn last_lines(text: &str) -> String {
    let skipped = text.lines().count().saturating_sub(8);
    text.lines().skip(skipped).collect::<Vec<_>>().join("\n")
}

/// The newest directory with `initdb`, `pg_ctl` and `postgres`.
pub fn program_directory() -> Option<PathBuf> {
    let complete = |d: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|p| d.join(p).is_file())
    };
    if let Some(named) = std::env::var_os(BIN_VARIABLE) {
        return Some(PathBuf::from(named)).filter(complete);
    }
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin"))))
        .collect();
    packaged.sort();
    let packaged = packaged.into_iter().rev().map(|(_, d)| d);
    let path = std::env::var_os("PATH").unwrap_or_default();
    packaged.chain(std::env::split_paths(&path)).find(complete)
}

/// Whom to run the server as: `None` for ourselves, since we are not root.
fn unprivileged_user() -> Result<Option<(u32, u32)>, ClusterError> {
    let me = Path::new("/proc/self");
    if fs::metadata(me).map_err(io_error("cannot read", me))?.uid() != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| uid_and_gid(&passwd, name))
        .map(Some)
        .ok_or(ClusterError::NoUser)
}

/// passwd(5): name:password:UID:GID:…
fn uid_and_gid(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
        Some((uid, fields.next()?.parse().ok()?))
    })
}

fn free_port() -> Result<u16, ClusterError> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .map(|a| a.port())
        .map_err(io_error("cannot listen on", Path::new("127.0.0.1")))
}

/// 128 random bits, hex: good as a password that is never typed.
pub fn random_word() -> Result<String, ClusterError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    fs::File::open(source)
        .and_then(|mut f| f.read_exact(&mut bytes))
        .map_err(io_error("cannot read", source))?;
    Ok(bytes.iter().fold(String::new(), |mut word, b| {
        let _ = write!(word, "{b:02x}");
        word
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines_are_read_and_root_is_never_taken() {
        let text = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104::/var/lib:/bin/bash\nnobody:x:0:0::/:/\n";
        assert_eq!(uid_and_gid(text, "postgres"), Some((101, 104)));
        assert_eq!(uid_and_gid(text, "nobody"), None);
        assert_eq!(uid_and_gid(text, "post"), None);
    }

    #[test]
    fn a_cluster_starts_answers_and_leaves_nothing() {
        let cluster = Cluster::start(&[("application_name", "'private'")]).unwrap();
        let directory = cluster.directory().to_owned();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let seen: String = runtime.block_on(async {
            let config = cluster.superuser("postgres");
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let row = client
                .query_one("SHOW password_encryption", &[])
                .await
                .unwrap();
            row.get(0)
        });
        assert_eq!(seen, "scram-sha-256");
        drop(cluster);
        assert!(!directory.exists());
    }
}
