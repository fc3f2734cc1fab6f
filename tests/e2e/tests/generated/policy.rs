//! The policy of a schema as a DBA would write it: columns, and roles in every way of saying the same. It must never
//! leave the owner of the tables with less than everything in clear.

use super::rng::Rng;
use super::schema::{Hash, Kind, Schema, Table};
use super::script::APP;
use hippocrypt_e2e::Setup;
use std::fmt::Write as _;

/// What a role may do with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Clear,
    Mask,
    Deny,
}

/// Users with a role of their own, beside the owner: one who sees some, and one who may see nothing.
pub const ROLES: [&str; 2] = ["billing", "guest"];

/// Their places.
pub const BILLING: usize = 0;
pub const GUEST: usize = 1;

impl Access {
    fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Mask => "mask",
            Self::Deny => "deny",
        }
    }
}

impl Schema {
    pub fn setup(&self, seed: u64) -> Setup {
        Setup::policy(&self.policy(seed))
    }

    pub fn policy(&self, seed: u64) -> String {
        let mut text = "databases:\n  DATABASE:\n    tables:\n".to_owned();
        for table in self.named() {
            columns(table, &mut text);
        }
        self.roles(&mut Rng::new(seed ^ 0x9011c7), &mut text);
        writeln!(text, "default: {}", self.default.name()).unwrap();
        text
    }

    /// Roles in order: the first one that takes a user counts, and the last takes everybody.
    fn roles(&self, rng: &mut Rng, text: &mut String) {
        text.push_str("roles:\n");
        if self.default != Access::Clear || rng.percent(50) {
            writeln!(
                text,
                "  owner: {{ users: [{APP}], columns: {{ \"*\": clear }} }}"
            )
            .unwrap();
        }
        for (role, users) in ["[nobody, \"b?lling\"]", "[guest]"].into_iter().enumerate() {
            let others = [Access::Clear, Access::Mask, Access::Deny].map(Some);
            let star = *rng.pick(&[&others[..], &[None]].concat());
            writeln!(
                text,
                "  '{}s':\n    users: {users}\n    columns:",
                ROLES[role]
            )
            .unwrap();
            let mut lines: Vec<String> = Vec::new();
            for table in self.named() {
                let protected = table.protected().into_iter();
                let columns = protected.map(|c| (&*c.name, c.access[role]));
                for (name, access) in columns.chain(table.hash.iter().map(Hash::denied)) {
                    // what "*" or the default says already is sometimes said again
                    if access != star.unwrap_or(self.default) || rng.percent(20) {
                        let name = format!("{}.{name}", table.policy);
                        lines.push(format!("      '{name}': {}\n", access.name()));
                    }
                }
            }
            lines.extend(star.map(|s| format!("      \"*\": {}\n", s.name())));
            rng.shuffle(&mut lines);
            match lines.is_empty() {
                true => text.push_str("      {}\n"),
                false => text.push_str(&lines.concat()),
            }
        }
        text.push_str("  late: { users: [billing, \"g*\"], columns: { \"*\": clear } }\n");
    }
}

fn columns(table: &Table, text: &mut String) {
    let subject = "{ column: id, kind: row }";
    writeln!(
        text,
        "      '{}':\n        subject: {subject}\n        columns:",
        table.policy
    )
    .unwrap();
    for c in table.protected() {
        let protect = match c.kind {
            Kind::Random => "random",
            _ => "deterministic",
        };
        let group = c.founder.as_ref().map(|f| format!(", group: '{f}'"));
        let (name, ty, mask) = (&c.name, c.ty.name, c.mask.name());
        writeln!(
            text,
            "          '{name}': {{ type: \"{ty}\", protect: {protect}, mask: {mask}{} }}",
            group.unwrap_or_default()
        )
        .unwrap();
    }
    if let Some(hash) = &table.hash {
        let of = hash.of.iter().map(|c| format!("'{c}'"));
        let of: Vec<String> = of.collect();
        writeln!(
            text,
            "          {}: {{ protect: hash, of: [{}] }}",
            hash.name,
            of.join(", ")
        )
        .unwrap();
    }
}
