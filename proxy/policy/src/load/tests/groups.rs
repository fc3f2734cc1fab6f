//! Groups: what can share keys, and what a renamed column's group is called.

use super::{columns, parse, problems};

#[test]
fn groups_have_one_kind_one_family_and_one_name() {
    assert_eq!(
        problems(&columns(&[
            "a: { type: varchar(11), protect: deterministic }",
            "b: { type: int8, protect: deterministic, group: public.patients.a }",
            "c: { type: text, protect: random, group: public.patients.a }",
            "d: { type: text, protect: deterministic, group: public.patients.aa }",
            "e: { type: text, protect: deterministic, group: public.patients.f }",
            "f: { type: text, protect: deterministic, group: public.patients.a }",
            "g: { type: text, protect: none }",
            "h: { type: text, protect: random, group: public.patients.g }",
            "i: { type: text, protect: none, group: public.patients.a }",
            "j: { type: text, protect: random, group: a }",
        ])),
        [
            "6: column public.patients.b: group public.patients.a: a group has one family of types: varchar(11) (text) there, int8 (integers) here",
            "7: column public.patients.c: group public.patients.a: a group has one kind of protection: deterministic there, random here",
            "8: column public.patients.d: group public.patients.aa is no column of this database's policy; did you mean public.patients.a?",
            "9: column public.patients.e: group public.patients.f: it is itself in another group; name that group's own column",
            "12: column public.patients.h: group public.patients.g: it is not encrypted and has no keys to share",
            "13: column public.patients.i: a column with protect: none has no keys and so no group",
            r#"14: column public.patients.j: group: expected schema.table.column, as in public.patients.ssn, found "a""#,
        ]
    );
}

#[test]
fn a_renamed_column_keeps_the_name_of_its_group() {
    let policy = parse(&columns(&[
        "a: { type: text, protect: random, was: public.people.b }",
        "c: { type: text, protect: random, group: public.people.b }",
        "d: { type: text, protect: random, group: public.patients.a, was: public.patients.e }",
    ]));
    let groups = &policy.databases["clinic"].groups;
    let names: Vec<&str> = groups.iter().map(|g| &*g.name).collect();
    assert_eq!(names, ["public.people.b"]);
    assert_eq!(
        problems(&columns(&[
            "a: { type: text, protect: random, was: b }",
            "b: { type: text, protect: random, was: public.patients.c }",
            "c: { type: text, protect: random, was: public.people.x }",
            "d: { type: text, protect: random, was: public.people.x }",
            "e: { type: text, protect: none, was: public.people.e }",
            "f: { protect: hash, of: [g], was: public.people.f }",
            "g: { type: text, protect: random, was: public.people.g }",
        ])),
        [
            r#"5: column public.patients.a: was: expected schema.table.column, as in public.patients.ssn, found "b""#,
            "6: column public.patients.b: was public.patients.c: it is still a column of this policy",
            "8: column public.patients.d: was public.people.x: public.patients.c has been that, too",
            "9: column public.patients.e: was public.people.e: a column with protect: none has no keys that would go by its name",
            "10: column public.patients.f: was public.people.f: the keys of a hash go by its name and those of its columns: it cannot be renamed",
            "11: column public.patients.g: was public.people.g: the keys of the hash public.patients.f go by the names of its columns: they cannot be renamed",
        ]
    );
}

#[test]
fn numeric_groups_share_a_scale() {
    let with = |other: &str| {
        columns(&[
            r#"a: { type: "numeric(10,2)", protect: deterministic }"#,
            &format!(
                r#"b: {{ type: "{other}", protect: deterministic, group: public.patients.a }}"#
            ),
        ])
    };
    parse(&with("numeric(12,2)"));
    let found = problems(&with("numeric(10,3)"));
    assert!(
        found[0].contains("numeric of scale 2) there, numeric(10,3) (numeric of scale 3) here")
    );
}
