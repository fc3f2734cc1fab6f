//! The userlist: a file of `"user" "SCRAM-SHA-256$…"` lines, as PgBouncer's auth_file.
//!
//! It must never hold a password: an entry that is not a SCRAM verifier is an error that names its line and
//! not its text.

use super::scram::Verifier;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why a userlist is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UserlistError {
    /// The file system.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others could read or change it.
    #[error(
        "{0}: verifiers are secrets: no access for others, no writing for the group (chmod 640)"
    )]
    Mode(PathBuf),
    /// A line.
    #[error("{path}:{line}: {what}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// Reads a userlist whole.
pub(super) fn read(path: &Path) -> Result<HashMap<String, Verifier>, UserlistError> {
    let failed = |error| UserlistError::Io {
        path: path.to_owned(),
        error,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o027 != 0 {
        return Err(UserlistError::Mode(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    parse(&text).map_err(|(line, what)| UserlistError::Line {
        path: path.to_owned(),
        line,
        what,
    })
}

fn parse(text: &str) -> Result<HashMap<String, Verifier>, (usize, &'static str)> {
    let mut users = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        let wrong = |what| (at + 1, what);
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        let pair = quoted(line).and_then(|(user, rest)| {
            let (verifier, rest) = quoted(rest.trim_start())?;
            rest.trim().is_empty().then_some((user, verifier))
        });
        let (user, verifier) = pair.ok_or(wrong("expected \"user\" \"SCRAM-SHA-256$…\""))?;
        let verifier = Verifier::parse(&verifier).ok_or(wrong(
            "not a SCRAM-SHA-256 verifier as pg_authid.rolpassword holds it",
        ))?;
        if user.is_empty() {
            return Err(wrong("the user has no name"));
        }
        if users.insert(user.to_string(), verifier).is_some() {
            return Err(wrong("this user has an entry above"));
        }
    }
    Ok(users)
}

/// A text in double quotes, `""` for one inside, and what follows it.
fn quoted(text: &str) -> Option<(Zeroizing<String>, &str)> {
    let mut rest = text.strip_prefix('"')?;
    // as long as it can get, so that it never moves and leaves a copy behind
    let mut value = Zeroizing::new(String::with_capacity(rest.len()));
    loop {
        let (part, after) = rest.split_once('"')?;
        value.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{UserlistError, parse, read};
    use std::os::unix::fs::PermissionsExt as _;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn line(user: &str) -> String {
        format!("\"{user}\" \"SCRAM-SHA-256$4096:c2FsdA==${KEY}:{KEY}\"\n")
    }

    #[test]
    fn lines_as_pgbouncer_has_them() {
        let text = format!("; people\n\n{}  {}", line("app"), line("o\"\"neil"));
        let mut users: Vec<_> = parse(&text).unwrap().into_keys().collect();
        users.sort();
        assert_eq!(users, ["app", "o\"neil"]);
    }

    #[test]
    fn what_is_no_verifier_is_named_by_its_line_and_never_shown() {
        for wrong in [
            "\"app\" \"hunter2\"\n".to_owned(),
            "\"app\" \"md5aabbccddeeff00112233445566778899\"\n".to_owned(),
            "app hunter2\n".to_owned(),
            "\"app\n".to_owned(),
            format!("{} x", line("app").trim()),
            line(""),
            line("first"),
        ] {
            let (at, what) = parse(&format!("{}{wrong}", line("first"))).unwrap_err();
            assert_eq!(at, 2, "{wrong}");
            assert!(!what.contains("hunter2"));
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("userlist.txt");
        std::fs::write(&path, line("app")).unwrap();
        for (mode, taken) in [(0o600, true), (0o640, true), (0o644, false), (0o660, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = read(&path);
            assert_eq!(read.is_ok(), taken, "{mode:o}");
            assert!(taken || matches!(read, Err(UserlistError::Mode(_))));
        }
    }
}
