//! What can be checked without the server: keys, audit directory, roles that never match.

use super::finding::{Finding, Severity};
use crate::config::Config;
use hippocrypt_keys::Keyring;
use hippocrypt_policy::{Policy, Role};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// The keyring opens, and has an id for every column group of the policy.
pub fn keys(config: &Config) -> Vec<Finding> {
    let file = config.file.display().to_string();
    let keyring = match Keyring::load(&config.keys.keyring, &config.keys.provider) {
        Ok(keyring) => keyring,
        Err(error) => return vec![Finding::of_file(Severity::Error, &file, error.to_string())],
    };
    let mut findings = Vec::new();
    for (name, database) in &config.policy.databases {
        let keys = keyring.database(name);
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
