//! Subjects: their column, their kind, and the types that can name somebody.

use super::{parse, problems};

fn table(subject: &str, column: &str) -> String {
    format!(
        "databases:\n  c:\n    tables:\n      public.t:\n        subject: {subject}\n        columns: {{ a: {{ {column} }} }}\n"
    )
}

const RANDOM: &str = "type: text, protect: random";

#[test]
fn a_subject_has_a_column_and_a_kind() {
    let read = |subject: &str| {
        let policy = parse(&table(subject, RANDOM));
        let table = policy.databases["c"].tables.values().next().unwrap();
        let subject = table.subject.clone().unwrap();
        format!("{} {}", subject.column, subject.kind)
    };
    assert_eq!(read("id"), "id subject");
    assert_eq!(read("{ column: id, kind: patient_2 }"), "id patient_2");
    assert_eq!(read("{ column: '\"Id\"' }"), "Id subject");
    let one = |subject: &str| problems(&table(subject, RANDOM)).remove(0);
    assert_eq!(
        one("{ column: id, kind: Patient }"),
        "5: table public.t: subject: kind: expected a word of small letters, digits and _, at most 32 of them, found \"Patient\""
    );
    assert_eq!(one("{ kind: patient }"), "5: subject: column is missing");
    assert!(one(&format!("{{ column: id, kind: {} }}", "p".repeat(33))).contains("at most 32"));
}

#[test]
fn an_encrypted_subject_is_of_a_type_with_one_text_for_a_value() {
    for fits in ["text", "varchar(11)", "int2", "bigint", "uuid"] {
        parse(&table("a", &format!("type: {fits}, protect: random")));
    }
    for bad in ["date", "numeric", "char(3)", "bool", "text[]"] {
        let found = problems(&table("a", &format!("type: '{bad}', protect: random")));
        assert_eq!(
            found,
            [
                "6: column public.t.a: it cannot be the table's subject: a subject is an integer, a bigint, a text, a varchar or a uuid"
            ],
            "{bad}"
        );
    }
}
