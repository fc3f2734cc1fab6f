//! What can be checked without the server: keys, audit directory, roles that never match.

use super::finding::{Finding, Severity};
use crate::config::Config;
use hippocrypt_keys::Keyring;
use hippocrypt_policy::{Policy, Role};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Where the policy names a database: the keyring opens, and has an id for every column group of the policy.
pub fn keys(config: &Config) -> Vec<Finding> {
    let file = config.file.display().to_string();
    if config.policy.databases.is_empty() {
        return Vec::new();
    }
    let keyring = match Keyring::load(&config.keys.keyring, &config.keys.provider) {
        Ok(keyring) => keyring,
        Err(error) => return vec![Finding::of_file(Severity::Error, &file, error.to_string())],
    };
    let mut findings = Vec::new();
    for (name, database) in &config.policy.databases {
        let keys = keyring.database(name);
        if keys.is_none() && database.groups.is_empty() {
            let text = format!("database {name} has no uuid in the keyring");
            let finding = Finding::of_file(Severity::Error, &file, text);
            findings.push(finding.hint("`hippocrypt keys sync` gives it one"));
        }
        for column in &database.columns {
            let group = column.group.and_then(|ix| database.group(ix));
            let Some(group) = group else { continue };
            if keys.is_none_or(|keys| keys.group_id(&group.name).is_none()) {
                findings.push(
                    Finding::error(
                        &column.place,
                        format!(
                            "column {}: its group {} has no id in the keyring",
                            column.name, group.name
                        ),
                    )
                    .hint("`hippocrypt keys sync` gives it one"),
                );
            }
        }
    }
    findings
}

/// The audit log can be written where the configuration says.
pub fn audit_directory(config: &Config) -> Option<Finding> {
    let directory = &config.audit.directory;
    let existing = directory.ancestors().find(|path| path.exists());
    let existing = existing.unwrap_or(Path::new("."));
    let error = probe(existing).err()?;
    let text = format!(
        "audit.directory: {}: no file can be made in {}: {error}",
        directory.display(),
        existing.display()
    );
    let file = config.file.display().to_string();
    Some(Finding::of_file(Severity::Error, &file, text).hint(
        "without its record no statement is forwarded; give the proxy's user write permission",
    ))
}

/// Makes and removes an empty file.
fn probe(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".hippocrypt-check-{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(&path)
}

/// A role whose every user is taken by an earlier role.
pub fn roles(policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (i, role) in policy.roles.iter().enumerate() {
        let earlier = policy.roles.get(..i).unwrap_or_default();
        let taken_by = |user: &String| earlier.iter().find(|role| role.takes(user));
        let takers: Option<Vec<&Role>> = role.users.iter().map(taken_by).collect();
        if let Some(first) = takers.as_deref().and_then(<[_]>::first) {
            findings.push(
                Finding::warning(
                    &role.place,
                    format!(
                        "role {}: never used, role {} before it matches its users",
                        role.name, first.name
                    ),
                )
                .hint("the first role that matches wins: put the narrower one first"),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{audit_directory, keys, roles};
    use crate::config::Config;
    use hippocrypt_keys::Keyring;
    use std::path::Path;

    const CONFIG: &str = "upstream: { address: db, service: { user: s } }
keys: { keyring: k.json, provider: { file: m.key } }
audit: { directory: a/b }
policy:
  databases: { clinic: { tables: { public.p: { columns: {
    a: { type: text, protect: random },
    b: { type: text, protect: none } } } } } }
  roles:
    all: { users: [\"dr_*\", x], columns: {} }
    late: { users: [dr_who, x], columns: {} }
    some: { users: [dr_who, y], columns: {} }
";

    fn config(directory: &Path) -> Config {
        Config::parse(&directory.join("c.yaml"), CONFIG, &|_| None).unwrap()
    }

    #[test]
    fn groups_without_id_are_named_at_their_column() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let found = keys(&config);
        assert!(
            found[0].to_string().contains("c.yaml: error: "),
            "{found:?}"
        );
        let (keyring, provider) = (&config.keys.keyring, &config.keys.provider);
        Keyring::init(keyring, provider, &[]).unwrap();
        let found = keys(&config);
        assert_eq!(found.len(), 1);
        let text = found[0].to_string();
        let expected = "c.yaml:6: error: column public.p.a: its group public.p.a has no id in the keyring\n    hint: `hippocrypt keys sync`";
        assert!(text.contains(expected), "{text}");
        Keyring::sync(keyring, provider, &config.policy.key_groups()).unwrap();
        assert_eq!(keys(&config), []);
    }

    #[test]
    fn the_audit_directory_can_be_written_or_made() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(audit_directory(&config(directory.path())), None);
        std::fs::write(directory.path().join("a"), "a file in the way").unwrap();
        let found = audit_directory(&config(directory.path())).unwrap();
        assert!(
            found.to_string().contains("error: audit.directory: "),
            "{found}"
        );
    }

    #[test]
    fn a_role_whose_users_are_all_taken_is_never_used() {
        let directory = tempfile::tempdir().unwrap();
        let found = roles(&config(directory.path()).policy);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, Some(10));
        assert!(
            found[0]
                .text
                .starts_with("role late: never used, role all before it")
        );
    }
}
