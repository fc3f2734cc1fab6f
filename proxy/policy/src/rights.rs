//! Who may do what with which column: the roles of a policy, resolved for one user and database.
//!
//! First matching role wins; inside it a named column beats `"*"`; what it leaves out falls to the
//! policy's default. A user or column that nothing matches must never get more than that default.

use crate::{Access, Column, Database, Policy, Rights, Role};

impl Policy {
    /// What `user`, as logged in, may do in `database`; no column at all where the policy does not name it.
    pub fn rights(&self, database: &str, user: &str) -> Rights {
        let role = self.roles.iter().find(|role| role.takes(user));
        let access = self
            .databases
            .get(database)
            .map(|db| {
                db.columns
                    .iter()
                    .map(|column| self.access(role, database, column))
                    .collect()
            })
            .unwrap_or_default();
        Rights::new(role.map_or("default", |role| &role.name), access)
            .with_catalog(role.map(|role| role.catalog).unwrap_or_default())
            .with_required(role.map(|role| role.required).unwrap_or_default())
    }

    fn access(&self, role: Option<&Role>, database: &str, column: &Column) -> Access {
        role.and_then(|role| {
            role.columns
                .iter()
                .find(|(db, name, _)| **db == *database && *name == column.name)
                .map(|(_, _, access)| *access)
                .or(role.others)
        })
        .unwrap_or(self.default)
    }
}

impl Role {
    /// Whether one of the role's globs matches `user`.
    pub fn takes(&self, user: &str) -> bool {
        self.users.iter().any(|glob| glob_matches(glob, user))
    }
}

impl Database {
    /// Whether `functions:` trusts the function.
    pub fn trusts(&self, schema: &str, function: &str) -> bool {
        let name = format!("{schema}.{function}");
        let mut globs = self.trusted_functions.iter().filter(|glob| *glob != "DO");
        globs.any(|glob| glob_matches(glob, &name))
    }

    /// Whether `functions:` trusts every function, those that are yet to be made among them.
    pub fn trusts_every_function(&self) -> bool {
        self.trusted_functions.iter().any(|glob| glob == "*.*")
    }

    /// Whether `functions:` trusts DO blocks.
    pub fn trusts_do(&self) -> bool {
        self.trusted_functions.iter().any(|name| name == "DO")
    }
}

/// `*` is any run of characters, `?` any one; everything else is itself.
pub(crate) fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut g, mut t) = (0, 0);
    // Where to go on when a later character does not fit: behind the last star, one character further.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g + 1, t));
                g += 1;
            }
            Some(&p) if p == '?' || p == c => {
                g += 1;
                t += 1;
            }
            _ => match retry {
                Some((behind_star, from)) => {
                    g = behind_star;
                    t = from + 1;
                    retry = Some((behind_star, from + 1));
                }
                None => return false,
            },
        }
    }
    glob.get(g..)
        .is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::glob_matches;
    use crate::{CatalogAccess, Policy, Required};

    #[test]
    fn globs_match_whole_names() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("app", "app", true),
            ("app", "App", false),
            ("app", "app2", false),
            ("dr_*", "dr_", true),
            ("?", "é", true),
            ("?", "", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-c-", false),
            ("*a?", "aaab", true),
            ("***x", "yyx", true),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn the_catalogs_as_they_are_are_for_the_roles_that_say_so() {
        let text = "databases: {}\nroles: { dba: { users: [dba], columns: {}, catalog: physical }, app: { users: [app], columns: {} } }";
        let policy = Policy::parse("p", text, &|_| None).expect("a policy");
        let seen = |user| policy.rights("clinic", user).catalog;
        assert_eq!(seen("dba"), CatalogAccess::Physical);
        assert_eq!(seen("app"), CatalogAccess::Declared);
        assert_eq!(seen("someone"), CatalogAccess::Declared);
    }

    #[test]
    fn what_has_to_be_told_is_said_of_a_role_and_of_a_table() {
        let text = "databases: { c: { tables: { public.a: { changes: true, require_reason: true, columns: { x: { type: text, protect: random } } } } } }\nroles: { dr: { users: [dr], columns: {}, require_end_user: true } }";
        let policy = Policy::parse("p", text, &|_| None).expect("a policy");
        let told = |end_user, reason| Required { end_user, reason };
        assert_eq!(policy.rights("c", "dr").required, told(true, false));
        assert_eq!(policy.rights("c", "other").required, told(false, false));
        let database = &policy.databases["c"];
        assert_eq!(database.required(database.tables.keys()), told(false, true));
        assert!(database.tables.values().all(|table| table.changes));
        let wrong = text.replace("require_reason: true", "require_reason: yes");
        assert!(Policy::parse("p", &wrong, &|_| None).is_err());
    }

    #[test]
    fn trust_is_for_the_named_functions_only() {
        let text = "databases: { c: { tables: {}, functions: { \"audit.*\": trusted, \"public.f\": trusted } } }";
        let policy = Policy::parse("p", text, &|_| None).expect("a policy");
        let database = &policy.databases["c"];
        assert!(database.trusts("audit", "log") && database.trusts("public", "f"));
        assert!(!database.trusts("public", "ff") && !database.trusts("public", "DO"));
        assert!(!database.trusts_do() && !database.trusts_every_function());
        let text = text.replace("public.f", "DO").replace("audit.*", "*.*");
        let policy = Policy::parse("p", &text, &|_| None).expect("a policy");
        assert!(policy.databases["c"].trusts_do());
        assert!(policy.databases["c"].trusts_every_function());
    }
}
