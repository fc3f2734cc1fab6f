//! From YAML to [`Policy`]; docs/formats/policy.md is the language.
//!
//! Every problem of a text is found in one reading where that is possible. A policy that is not
//! understood to its last key must never load, not even the part that was understood.

use crate::yaml::{Map, Node, Problems, Reader, Section};
use crate::{Access, CatalogAccess, OtherDatabases, Policy, Required};
use database::read_databases;
use roles::read_roles;
use std::path::Path;

mod database;
mod groups;
mod hash;
mod roles;
mod subject;
#[cfg(test)]
mod tests;

/// Every kind of mapping in a policy whose keys are fixed.
pub const POLICY_SECTIONS: &[Section] = &[POLICY, DATABASE, TABLE, SUBJECT, COLUMN, ROLE];

const POLICY: Section = Section {
    name: "policy",
    keys: &["databases", "roles", "default", "other_databases"],
};
const DATABASE: Section = Section {
    name: "database",
    keys: &["tables", "functions"],
};
const TABLE: Section = Section {
    name: "table",
    keys: &[
        "subject",
        "columns",
        "require_end_user",
        "require_reason",
        "changes",
    ],
};
const SUBJECT: Section = Section {
    name: "subject",
    keys: &["column", "kind"],
};
const COLUMN: Section = Section {
    name: "column",
    keys: &["type", "protect", "mask", "group", "was", "of"],
};
const ROLE: Section = Section {
    name: "role",
    keys: &[
        "users",
        "columns",
        "catalog",
        "require_end_user",
        "require_reason",
    ],
};

const ACCESS: &[(&str, Access)] = &[
    ("clear", Access::Clear),
    ("mask", Access::Mask),
    ("deny", Access::Deny),
];

const CATALOG: &[(&str, CatalogAccess)] = &[
    ("declared", CatalogAccess::Declared),
    ("physical", CatalogAccess::Physical),
];

/// `require_end_user` and `require_reason` of a table or a role.
fn read_required(reader: &Reader, map: &Map<'_>, what: &str) -> Required {
    Required {
        end_user: read_bool(reader, map, what, "require_end_user"),
        reason: read_bool(reader, map, what, "require_reason"),
    }
}

/// `true` or `false`; false where it is left out.
fn read_bool(reader: &Reader, map: &Map<'_>, what: &str, key: &str) -> bool {
    let words = [("true", true), ("false", false)];
    let node = map.get(key);
    let is = node.and_then(|node| reader.choice(node, &format!("{what}: {key}"), &words));
    is.unwrap_or_default()
}

impl Policy {
    /// Reads and checks a policy file, `${NAME}` expanded from the process environment.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Problems::of_file(&name, format!("cannot be read: {e}")))?;
        Self::parse(&name, &text, &|variable| std::env::var(variable).ok())
    }

    /// Checks a policy's text; `file_name` is what problems name, `env` answers `${NAME}`.
    pub fn parse(
        file_name: &str,
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let (reader, root) = Reader::parse(file_name, text, env);
        let policy = root
            .and_then(|root| read_policy(&reader, &root))
            .map(|policy| Self {
                hash: reader.fingerprint(None),
                ..policy
            });
        reader.finish(policy)
    }

    /// Checks a policy that is a part of another file; problems go to `reader`.
    pub fn read(reader: &Reader, node: &Node) -> Option<Self> {
        read_policy(reader, node).map(|policy| Self {
            hash: reader.fingerprint(Some(node)),
            ..policy
        })
    }
}

/// `None` only where nothing could be read; with problems noted, what it returns is dropped.
fn read_policy(reader: &Reader, root: &Node) -> Option<Policy> {
    if root.is_nothing() {
        reader.problem(
            root.line,
            "policy: nothing here; a policy that protects nothing is written `databases: {}`",
        );
        return None;
    }
    let map = reader.map(root, POLICY)?;
    let databases = map
        .require("databases")
        .map(|node| read_databases(reader, node))
        .unwrap_or_default();
    let roles = map
        .get("roles")
        .map(|node| read_roles(reader, node, &databases))
        .unwrap_or_default();
    let default = map
        .get("default")
        .and_then(|node| reader.choice(node, "default", ACCESS));
    let other_databases = map.get("other_databases").and_then(|node| {
        reader.choice(
            node,
            "other_databases",
            &[
                ("pass", OtherDatabases::Pass),
                ("refuse", OtherDatabases::Refuse),
            ],
        )
    });
    Some(Policy {
        databases,
        roles,
        default: default.unwrap_or(Access::Deny),
        other_databases: other_databases.unwrap_or_default(),
        hash: "".into(),
    })
}
