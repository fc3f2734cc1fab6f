//! What a policy's text means, and what is said where it means nothing.

use crate::{
    Access, ColumnIx, ColumnRef, DeclaredType, Mask, OtherDatabases, Policy, Protect, Rights,
    TableRef,
};
use proptest::prelude::*;

mod groups;
mod subjects;

fn no_env(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Policy {
    Policy::parse("policy.yaml", text, &no_env).unwrap_or_else(|e| panic!("{e}"))
}

/// Every problem as `line: text`.
fn problems(text: &str) -> Vec<String> {
    let problems = Policy::parse("policy.yaml", text, &no_env).expect_err("this policy is wrong");
    let whole = problems.to_string();
    whole
        .lines()
        .map(|l| l.strip_prefix("policy.yaml:").unwrap_or(l).to_string())
        .collect()
}

/// The columns of one table, each line `name: {…}`, from line 5 of the text on.
fn columns(lines: &[&str]) -> String {
    let mut text =
        "databases:\n  clinic:\n    tables:\n      public.patients: { columns: {\n".to_string();
    for line in lines {
        text.push_str(&format!("        {line},\n"));
    }
    text + "      } }\n"
}

const CLINIC: &str = r#"# DESIGN's own example
databases:
  clinic:
    tables:
      public.patients:
        subject: id
        columns:
          name:  { type: text,         protect: random,        mask: first 1 }
          ssn:   { type: varchar(11),  protect: deterministic, mask: last 4 }
          dob:   { type: date,         protect: random,        mask: year }
          notes: { type: text,         protect: random }
      public.claims:
        subject: patient_id
        columns:
          patient_ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn }
roles:
  clinical: { users: [app, dr_*], columns: { "*": clear } }
  billing:  { users: [billing],   columns: { public.patients.ssn: mask, public.patients.name: clear, "*": deny } }
default: deny
"#;

#[test]
fn the_example_of_the_design_loads() {
    let policy = parse(CLINIC);
    let db = &policy.databases["clinic"];
    assert_eq!(db.columns.len(), 5);
    let patients = TableRef {
        schema: "public".into(),
        table: "patients".into(),
    };
    let table = &db.tables[&patients];
    let subject = table.subject.as_ref().unwrap();
    assert_eq!((&*subject.column, &*subject.kind), ("id", "subject"));
    assert_eq!(table.place.to_string(), "policy.yaml:5");
    let ssn = db.column(table.columns["ssn"]).unwrap();
    assert_eq!(ssn.declared, DeclaredType::Varchar(Some(11)));
    assert_eq!(ssn.protect, Protect::Deterministic);
    assert_eq!(ssn.mask, Mask::Last(4));
    assert_eq!(ssn.place.to_string(), "policy.yaml:9");
    let notes = db.column(table.columns["notes"]).unwrap();
    assert_eq!(notes.mask, Mask::Full);
    let claim = db.columns.iter().find(|c| &*c.name.column == "patient_ssn");
    let claim = claim.unwrap();
    assert_eq!(claim.group, ssn.group);
    let group = db.group(ssn.group.unwrap()).unwrap();
    assert_eq!(&*group.name, "public.patients.ssn");
    assert!(group.deterministic);
    assert_eq!(db.groups.len(), 4);
    assert_eq!(policy.default, Access::Deny);
    assert_eq!(policy.other_databases, OtherDatabases::Pass);
}

fn access(policy: &Policy, rights: &Rights, column: &str) -> Access {
    let db = &policy.databases["clinic"];
    let name = super::groups::parse_column(column).unwrap();
    rights.of(db.tables[&name.table].columns[&name.column])
}

#[test]
fn the_first_role_that_matches_wins_and_a_named_column_beats_the_star() {
    let policy = parse(CLINIC);
    for user in ["app", "dr_", "dr_who"] {
        let rights = policy.rights("clinic", user);
        assert_eq!(&*rights.rule, "clinical");
        assert_eq!(
            access(&policy, &rights, "public.patients.ssn"),
            Access::Clear
        );
    }
    let rights = policy.rights("clinic", "billing");
    assert_eq!(&*rights.rule, "billing");
    assert_eq!(
        access(&policy, &rights, "public.patients.ssn"),
        Access::Mask
    );
    assert_eq!(
        access(&policy, &rights, "public.patients.name"),
        Access::Clear
    );
    assert_eq!(
        access(&policy, &rights, "public.patients.dob"),
        Access::Deny
    );
    let rights = policy.rights("clinic", "App");
    assert_eq!(&*rights.rule, "default");
    assert_eq!(
        access(&policy, &rights, "public.patients.ssn"),
        Access::Deny
    );
}

#[test]
fn what_a_role_leaves_out_falls_to_default() {
    let text = CLINIC
        .replace(r#", "*": deny"#, "")
        .replace("default: deny", "default: mask");
    let policy = parse(&text);
    let rights = policy.rights("clinic", "billing");
    assert_eq!(
        access(&policy, &rights, "public.patients.dob"),
        Access::Mask
    );
    let rights = policy.rights("clinic", "nobody");
    assert_eq!(
        access(&policy, &rights, "public.patients.ssn"),
        Access::Mask
    );
}

#[test]
fn without_roles_default_holds_for_everyone_and_without_default_it_is_deny() {
    let only = columns(&["ssn: { type: text, protect: random }"]);
    for (tail, expected) in [("", Access::Deny), ("default: clear\n", Access::Clear)] {
        let policy = parse(&format!("{only}{tail}"));
        let rights = policy.rights("clinic", "anyone");
        assert_eq!(&*rights.rule, "default");
        assert_eq!(access(&policy, &rights, "public.patients.ssn"), expected);
    }
}

#[test]
fn a_database_that_the_policy_does_not_name_has_no_columns() {
    let policy = parse(CLINIC);
    let rights = policy.rights("billing", "app");
    assert_eq!(rights.of(crate::ColumnIx(0)), Access::Deny);
}

#[test]
fn a_policy_that_protects_nothing_is_written_out() {
    assert!(parse("databases: {}").databases.is_empty());
    let refuse = parse("databases: {}\nother_databases: refuse");
    assert_eq!(refuse.other_databases, OtherDatabases::Refuse);
    for nothing in ["", "# only a comment\n", "~", "---\n"] {
        let found = problems(nothing);
        assert!(found[0].contains("`databases: {}`"), "{found:?}");
    }
    assert_eq!(
        problems("default: clear"),
        ["1: policy: databases is missing"]
    );
}

#[test]
fn unknown_keys_name_their_line_and_the_nearest_known_key() {
    assert_eq!(
        problems("databases: {}\nrole: {}\n"),
        [r#"2: policy: unknown key "role"; did you mean "roles"?"#]
    );
    assert_eq!(
        problems("databases: {}\nwhatever: 1\n"),
        [
            r#"2: policy: unknown key "whatever"; expected databases, roles, default or other_databases"#
        ]
    );
    assert_eq!(
        problems(&columns(&[
            "ssn: { type: text, protect: random, masked: full }"
        ])),
        [r#"5: column: unknown key "masked"; did you mean "mask"?"#]
    );
}

#[test]
fn a_hash_is_of_encrypted_columns_of_its_table() {
    let of = |of: &str| {
        problems(&columns(&[
            "ssn: { type: varchar(11), protect: random }",
            "cost: { type: numeric, protect: random }",
            "city: { type: text, protect: none }",
            "one: { protect: hash, of: [ssn] }",
            &format!("match: {{ protect: hash, {of} }}"),
        ]))
    };
    let at = |text: &str| vec![format!("9: column public.patients.match: {text}")];
    assert_eq!(
        of("of: [ssn, ssm]"),
        at("of ssm: the policy does not name it in this table")
    );
    assert_eq!(
        of("of: [one, ssn]"),
        at("of one: a hash of a hash is not possible")
    );
    assert_eq!(
        of("of: [match]"),
        at("of match: a hash of a hash is not possible")
    );
    assert_eq!(
        of("of: [city]"),
        at("of city: it is not encrypted, so that the database could change it")
    );
    assert_eq!(
        of("of: [cost]"),
        at(
            "of cost: a hash is not possible for numeric: 1.0 and 1.00 are equal but show differently"
        )
    );
    assert_eq!(of("of: [ssn, ssn]"), at("of: ssn a second time"));
    assert_eq!(
        of("of: []"),
        at("of: expected from 1 to 32 columns of the table")
    );
    assert_eq!(
        of("of: [ssn], type: text"),
        at("a column with protect: hash has no type")
    );
    assert_eq!(
        of("of: [ssn], mask: full"),
        at("a column with protect: hash has no mask")
    );
    assert_eq!(
        of("of: [ssn], group: public.patients.ssn"),
        [
            "9: column public.patients.match: a column with protect: hash has no group",
            "9: column public.patients.match: group public.patients.ssn: a group has one kind of protection: random there, hash here",
        ]
    );
    assert_eq!(of("mask: full").last().unwrap(), "9: column: of is missing");
    assert_eq!(
        problems(&columns(&[
            "a: { type: text, protect: random, of: [b] }",
            "b: { type: text, protect: random, group: public.patients.c }",
            "c: { protect: hash, of: [a] }",
        ])),
        [
            "5: column public.patients.a: of is for protect: hash",
            "6: column public.patients.b: group public.patients.c: a hash shares its keys with no column",
        ]
    );
}

/// Other columns, or the same in another order, are another hash: it has other keys.
#[test]
fn the_group_of_a_hash_says_what_it_is_of() {
    let policy = parse(&columns(&[
        "ssn: { type: varchar(11), protect: random }",
        "match: { protect: hash, of: [dob, ssn] }",
        "dob: { type: date, protect: random }",
    ]));
    let groups: Vec<_> = policy.key_groups().remove(0).1;
    let names: Vec<&str> = groups.iter().map(|g| &**g).collect();
    assert_eq!(
        names,
        [
            "public.patients.ssn",
            "public.patients.match(dob, ssn)",
            "public.patients.dob"
        ]
    );
    let database = policy.databases.values().next().unwrap();
    let hash = &database.columns[1];
    assert_eq!(hash.declared, DeclaredType::Text);
    assert_eq!(hash.protect, Protect::Hash(vec![ColumnIx(2), ColumnIx(0)]));
    assert!(database.groups[1].deterministic);
    let of_ssn: Vec<_> = database.hashes_of(ColumnIx(0)).collect();
    assert_eq!(of_ssn, [(ColumnIx(1), &[ColumnIx(2), ColumnIx(0)][..])]);
}

#[test]
fn what_a_column_must_have() {
    assert_eq!(
        problems(&columns(&[
            "a: { type: text }",
            "b: { protect: none }",
            "c: { type: , protect: randon }",
            "d: random",
        ])),
        [
            "5: column: protect is missing",
            "6: column: type is missing",
            r#"7: column public.patients.c: protect: expected random, deterministic, hash or none, found "randon"; did you mean "random"?"#,
            "7: column public.patients.c: type: expected a type of PostgreSQL, found nothing",
            r#"8: column: expected a mapping with type, protect, mask, group, was and of, found "random""#,
        ]
    );
}

#[test]
fn types_are_those_that_can_be_protected() {
    assert_eq!(
        problems(&columns(&[
            "a: { type: money, protect: random }",
            "b: { type: varchar(0), protect: random }",
            "c: { type: int4(3), protect: random }",
            r#"d: { type: "numeric(10,2)", protect: random }"#,
        ])),
        [
            r#"5: column public.patients.a: type "money" cannot be protected (known: bool, int2, int4, int8, float4, float8, numeric(p,s), text, varchar(n), char(n), bytea, date, time(p), timestamp(p), timestamptz(p), interval, uuid, json, jsonb, inet, cidr, and arrays of these, as in text[])"#,
            r#"6: column public.patients.b: type "varchar(0)": the length is from 1 to 10485760"#,
            r#"7: column public.patients.c: type "int4(3)": this type takes no length or precision"#,
        ]
    );
}

#[test]
fn a_comma_in_flow_style_is_explained() {
    let found = problems(&columns(&["a: { type: numeric(10,2), protect: random }"]));
    assert_eq!(
        found,
        [
            r#"5: column: unknown key "2)"; expected type, protect, mask, group, was or of"#,
            r#"5: column public.patients.a: type "numeric(10" ends within its parentheses: inside { } write it in quotes, "numeric(10,2)""#,
        ]
    );
}

#[test]
fn masks_fit_types() {
    let policy = parse(&columns(&[
        "a: { type: varchar, protect: none, mask: first 3 }",
        "b: { type: timestamptz(3), protect: random, mask: year }",
        "c: { type: uuid, protect: random, mask: full }",
    ]));
    let masks: Vec<Mask> = policy.databases["clinic"]
        .columns
        .iter()
        .map(|c| c.mask)
        .collect();
    assert_eq!(masks, [Mask::First(3), Mask::Year, Mask::Full]);
    assert_eq!(
        problems(&columns(&[
            "a: { type: text, protect: random, mask: year }",
            "b: { type: date, protect: random, mask: last 4 }",
            "c: { type: text, protect: random, mask: last 0 }",
            "d: { type: text, protect: random, mask: last four }",
            "e: { type: text, protect: random, mask: }",
        ])),
        [
            "5: column public.patients.a: mask: year is for date, timestamp and timestamptz, not for text; full fits every type",
            "6: column public.patients.b: mask: first and last are for text, varchar and char(n), not for date; full fits every type",
            r#"7: column public.patients.c: mask: expected full, first n, last n or year (n from 1), found "last 0""#,
            r#"8: column public.patients.d: mask: expected full, first n, last n or year (n from 1), found "last four""#,
            "9: column public.patients.e: mask: expected full, first n, last n or year (n from 1), found nothing",
        ]
    );
}

#[test]
fn deterministic_wants_equal_values_to_look_alike() {
    let found = problems(&columns(&["a: { type: numeric, protect: deterministic }"]));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with(
            "5: column public.patients.a: deterministic is not possible for numeric: 1.0 and 1.00 are equal"
        ),
        "{found:?}"
    );
    parse(&columns(&[
        r#"a: { type: "numeric(10,2)", protect: deterministic }"#,
    ]));
    parse(&columns(&["a: { type: numeric, protect: random }"]));
}

#[test]
fn a_column_may_name_its_own_group() {
    let policy = parse(&columns(&[
        "a: { type: text, protect: random, group: public.patients.a }",
        "b: { type: text, protect: none }",
    ]));
    let db = &policy.databases["clinic"];
    assert!(db.columns[0].group.is_some());
    assert!(db.columns[1].group.is_none());
    assert_eq!(db.groups.len(), 1);
}

#[test]
fn duplicates_are_refused_in_any_spelling() {
    let text = "databases:\n  clinic:\n    tables:\n      public.t: { columns: { a: { type: text, protect: none } } }\n      \
                public.\"t\": { columns: { a: { type: text, protect: none } } }\n  clinic: { tables: {} }\n";
    assert_eq!(
        problems(text),
        [
            "5: table public.t a second time (the first is on line 4)",
            r#"6: key "clinic" a second time (the first is on line 2)"#,
        ]
    );
    assert_eq!(
        problems(&columns(&[
            "a: { type: text, protect: none }",
            "a: { type: text, protect: random }",
            r#"'"a"': { type: text, protect: random }"#,
        ])),
        [
            r#"6: key "a" a second time (the first is on line 5)"#,
            "7: column public.patients.a a second time",
        ]
    );
}

#[test]
fn names_are_sql_identifiers() {
    let policy = parse(
        "databases:\n  Clinic-1:\n    tables:\n      public.\"Patients\":\n        columns:\n          \
         '\"lastName\"': { type: text, protect: none }\n          straße: { type: text, protect: none }\n",
    );
    let db = &policy.databases["Clinic-1"];
    assert_eq!(
        db.columns[0].name.to_string(),
        r#"public."Patients"."lastName""#
    );
    assert_eq!(&*db.columns[1].name.column, "straße");
    let table = |name: &str| {
        format!(
            "databases:\n  clinic:\n    tables:\n      {name}: {{ columns: {{ a: {{ type: text, protect: none }} }} }}\n"
        )
    };
    for (name, expected) in [
        (
            "patients",
            r#"4: table: expected schema.table, as in public.patients, found "patients""#,
        ),
        (
            "a.b.c",
            r#"4: table: expected schema.table, as in public.patients, found "a.b.c""#,
        ),
        ("public.", r#"4: table: "public." has an empty part"#),
        (
            "public.Patients",
            r#"4: table: "Patients" has capitals: write patients or, where the database has it with capitals, '"Patients"'"#,
        ),
        (
            "public.my-table",
            r#"4: table: "my-table" wants double quotes as in SQL: '"my-table"'"#,
        ),
        (
            "public.\"x",
            "4: table: \"public.\\\"x\": a double-quoted part ends with a quote and a dot or the end",
        ),
        (
            "pg_catalog.pg_authid",
            "4: table pg_catalog.pg_authid: tables of schema pg_catalog cannot be protected",
        ),
        (
            "hippocrypt.x",
            "4: table hippocrypt.x: tables of schema hippocrypt cannot be protected",
        ),
    ] {
        assert_eq!(problems(&table(name)), [expected]);
    }
    let long = format!("public.{}", "x".repeat(64));
    assert!(
        problems(&table(&long))[0]
            .ends_with("is longer than the 63 bytes that PostgreSQL keeps of a name")
    );
}

#[test]
fn a_table_names_at_least_one_column() {
    assert_eq!(
        problems(
            "databases:\n  c:\n    tables:\n      public.a: { subject: id }\n      public.b: { columns: {} }\n      public.c:\n"
        ),
        [
            "4: table: columns is missing",
            "5: table public.b: columns: expected at least one (leave the table out to watch none of it)",
            "6: table: expected a mapping with subject, columns, require_end_user, require_reason and changes, found nothing",
        ]
    );
    assert_eq!(
        problems("databases:\n  c:\n    table: {}\n"),
        [
            r#"3: database: unknown key "table"; did you mean "tables"?"#,
            "3: database: tables is missing",
        ]
    );
}

#[test]
fn roles_name_columns_of_the_policy() {
    let only = columns(&["ssn: { type: text, protect: random }"]);
    let with = |role: &str| problems(&format!("{only}roles:\n  r: {role}\n"));
    for (role, expected) in [
        (
            "{ users: [a], columns: { public.patients.sn: clear } }",
            r#"8: role "r": public.patients.sn is no column of this policy; did you mean public.patients.ssn?"#,
        ),
        (
            "{ users: [a], columns: { public.patients.id: clear } }",
            r#"8: role "r": public.patients.id is no column of this policy; did you mean public.patients.ssn?"#,
        ),
        (
            "{ users: [a], columns: { public.visits.id: clear } }",
            r#"8: role "r": public.visits.id is no column of this policy"#,
        ),
        (
            "{ users: [a], columns: { ssn: clear } }",
            r#"8: role "r": ssn: expected schema.table.column, as in public.patients.ssn, found "ssn", or "*""#,
        ),
        (
            "{ users: [a], columns: { public.patients.ssn: hide } }",
            r#"8: role "r": public.patients.ssn: expected clear, mask or deny, found "hide""#,
        ),
        (
            "{ users: [a], columns: { clinc:public.patients.ssn: deny } }",
            r#"8: role "r": clinc:public.patients.ssn: "clinc" is no database of this policy; did you mean clinic?"#,
        ),
        (
            "{ users: [a], columns: { public.patients.ssn: deny, clinic:public.patients.ssn: clear } }",
            r#"8: role "r": clinic:public.patients.ssn: the same column a second time"#,
        ),
        (
            "{ users: a, columns: {} }",
            r#"8: role "r": users: expected a list of database users, [a, b], found "a""#,
        ),
        (
            "{ users: [], columns: {} }",
            r#"8: role "r": users: expected at least one user"#,
        ),
        ("{ users: [a] }", "8: role: columns is missing"),
        ("{ columns: {} }", "8: role: users is missing"),
    ] {
        assert_eq!(with(role), [expected], "{role}");
    }
    let found = with("{ users: [*], columns: {} }");
    assert!(found[0].contains(r#"wants quotes: "*""#), "{found:?}");
}

#[test]
fn two_databases_with_the_same_column_want_its_database() {
    let tables = "tables: { public.p: { columns: { a: { type: text, protect: random } } } }";
    let text = |key: &str| {
        format!(
            "databases:\n  one: {{ {tables} }}\n  two: {{ {tables} }}\nroles:\n  r: {{ users: [u], columns: {{ {key}: clear }} }}\n"
        )
    };
    assert_eq!(
        problems(&text("public.p.a")),
        [
            r#"5: role "r": public.p.a: databases one and two both have this column; write one:public.p.a and two:public.p.a"#
        ]
    );
    let policy = parse(&text("two:public.p.a"));
    let ix = crate::ColumnIx(0);
    assert_eq!(policy.rights("one", "u").of(ix), Access::Deny);
    assert_eq!(policy.rights("two", "u").of(ix), Access::Clear);
}

#[test]
fn trusted_functions() {
    let with =
        |functions: &str| format!("databases:\n  c: {{ tables: {{}}, functions: {functions} }}\n");
    let policy = parse(&with(
        r#"{ "public.f": trusted, "audit.*": trusted, "DO": trusted }"#,
    ));
    assert_eq!(
        policy.databases["c"].trusted_functions,
        ["public.f", "audit.*", "DO"]
    );
    assert_eq!(
        problems(&with(r#"{ f: trusted }"#)),
        [r#"2: function "f": expected schema.function (globs allowed) without arguments, or DO"#]
    );
    assert_eq!(
        problems(&with(r#"{ "public.f(int)": trusted }"#)),
        [
            r#"2: function "public.f(int)": expected schema.function (globs allowed) without arguments, or DO"#
        ]
    );
    assert_eq!(
        problems(&with(r#"{ public.f: yes }"#)),
        [r#"2: function "public.f": expected trusted, found "yes""#]
    );
}

#[test]
fn a_column_with_a_problem_makes_no_second_one() {
    let text = columns(&["ssn: { type: money, protect: deterministic }"])
        + "roles:\n  r: { users: [u], columns: { public.patients.ssn: clear } }\n";
    assert_eq!(problems(&text).len(), 1);
}

#[test]
fn variables_expand_in_values_and_not_in_keys() {
    let env = |name: &str| (name == "APP").then(|| "clinic_app".to_string());
    let text = columns(&["ssn: { type: text, protect: random }"])
        + "roles:\n  r: { users: [\"${APP}\", \"${OTHER:-guest}\"], columns: { \"*\": clear } }\n";
    let policy = Policy::parse("p", &text, &env).unwrap();
    assert_eq!(policy.roles[0].users, ["clinic_app", "guest"]);
    let other = |_: &str| Some("x".to_string());
    assert_ne!(policy.hash, Policy::parse("p", &text, &other).unwrap().hash);
    assert_eq!(
        problems("databases: { \"${DB}\": { tables: {} } }\ndefault: ${DEFAULT}\n"),
        [
            "2: environment variable DEFAULT is not set (${DEFAULT:-…} would give a default)",
            "2: default: expected clear, mask or deny, found \"${DEFAULT}\""
        ]
    );
}

#[test]
fn the_hash_is_that_of_the_text() {
    // printf 'databases: {}' | sha256sum
    let policy = parse("databases: {}");
    assert_eq!(
        &*policy.hash,
        "aa0b0d4a88acd1dbab852e2c1dc1d588fa57070c626bcb9821ad859e9ecb9e8e"
    );
}

#[test]
fn a_file_that_is_not_there() {
    let problems = Policy::load(std::path::Path::new("/nonexistent/policy.yaml")).unwrap_err();
    assert!(
        problems
            .to_string()
            .starts_with("/nonexistent/policy.yaml: cannot be read: ")
    );
}

#[test]
fn names_print_unlike_each_other() {
    let column = |schema: &str, table: &str, column: &str| ColumnRef {
        table: TableRef {
            schema: schema.into(),
            table: table.into(),
        },
        column: column.into(),
    };
    assert_eq!(column("a", "b", "c").to_string(), "a.b.c");
    assert_ne!(
        column("a.b", "c", "d").to_string(),
        column("a", "b.c", "d").to_string()
    );
}

/// Words that a policy is made of, so that generated texts get past the first key.
const WORDS: &[&str] = &[
    "databases:",
    "clinic:",
    "tables:",
    "public.p:",
    "columns:",
    "ssn:",
    "{",
    "}",
    "[",
    "]",
    ",",
    "type: text",
    "protect: random",
    "protect: deterministic",
    "mask: last 4",
    "group: public.p.ssn",
    "roles:",
    "users: [a]",
    "\"*\": clear",
    "default: deny",
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "- ",
    ": ",
    "&a",
    "*a",
    "!!str",
    "<<",
    "${X}",
    "\"",
    "'",
    "|",
    ">",
    "#",
    "?",
    "---",
    "...",
    "%TAG",
    "\t",
    "\u{feff}",
    "é",
    "\0",
    "\r\n",
];

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = Policy::parse("p", &text, &no_env);
    }

    #[test]
    fn arbitrary_words_never_panic(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40)) {
        let _ = Policy::parse("p", &words.concat(), &no_env);
    }

    #[test]
    fn a_policy_with_one_byte_changed_never_panics(at in 0..CLINIC.len(), with in any::<char>()) {
        let mut text: Vec<char> = CLINIC.chars().collect();
        text[at] = with;
        let _ = Policy::parse("p", &text.into_iter().collect::<String>(), &no_env);
    }
}
