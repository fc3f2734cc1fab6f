use super::{DeclaredType, Family};
use DeclaredType::{Bool, Date, Int4, Int8, Numeric, Text, Timestamptz, Uuid, Varchar};

#[test]
fn every_spelling_of_postgresql() {
    for (text, expected) in [
        ("bool", Bool),
        ("BOOLEAN", Bool),
        ("int", Int4),
        ("integer", Int4),
        ("pg_catalog.int4", Int4),
        ("bigint", Int8),
        ("int8", Int8),
        ("text", Text),
        ("varchar", Varchar(None)),
        ("character varying(11)", Varchar(Some(11))),
        ("char  varying ( 11 )", Varchar(Some(11))),
        ("VARCHAR(10485760)", Varchar(Some(10_485_760))),
        ("numeric", Numeric(None)),
        ("decimal(10,2)", Numeric(Some((10, 2)))),
        ("dec(5)", Numeric(Some((5, 0)))),
        ("numeric(3, -2)", Numeric(Some((3, -2)))),
        ("numeric(2,5)", Numeric(Some((2, 5)))),
        ("date", Date),
        ("timestamptz", Timestamptz(None)),
        ("timestamptz(3)", Timestamptz(Some(3))),
        ("timestamp with time zone", Timestamptz(None)),
        ("timestamp(0) with time zone", Timestamptz(Some(0))),
        (" uuid ", Uuid),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_understood_is_no_other_type() {
    for text in [
        "",
        "char(3)",
        "bpchar",
        "timestamp",
        "timestamp(3)",
        "timestamp without time zone",
        "timestamp with",
        "serial",
        "text[]",
        "int4 array",
        "smallint",
        "float8",
        "varchar(0)",
        "varchar(10485761)",
        "varchar(1,2)",
        "varchar()",
        "varchar(x)",
        "varchar(3) x",
        "numeric(0)",
        "numeric(1001)",
        "numeric(5,1001)",
        "numeric(5,-1001)",
        "numeric(1,2,3)",
        "numeric(70000,2)",
        "timestamptz(7)",
        "timestamptz(-1)",
        "text(3)",
        "int4(2)",
        "numeric(10",
        "public.text",
        "varchar(99999999999999999999)",
    ] {
        assert!(text.parse::<DeclaredType>().is_err(), "{text}");
    }
}

const EVERY: &[DeclaredType] = &[
    Bool,
    Int4,
    Int8,
    Text,
    Varchar(None),
    Varchar(Some(1)),
    Varchar(Some(10_485_760)),
    Numeric(None),
    Numeric(Some((10, 2))),
    Numeric(Some((1000, -1000))),
    Numeric(Some((1, 1000))),
    Date,
    Timestamptz(None),
    Timestamptz(Some(0)),
    Timestamptz(Some(6)),
    Uuid,
];

#[test]
fn the_normal_form_reads_back() {
    for declared in EVERY {
        assert_eq!(declared.to_string().parse().as_ref(), Ok(declared));
    }
}

#[test]
fn the_catalog_form_reads_back() {
    for declared in EVERY {
        let read = DeclaredType::from_catalog(declared.oid(), declared.typmod());
        assert_eq!(read.as_ref(), Some(declared));
    }
    assert_eq!(DeclaredType::from_catalog(17, -1), None);
    assert_eq!(DeclaredType::from_catalog(1043, 2), None);
}

#[test]
fn families_tell_what_can_be_joined() {
    assert_eq!(Text.family(), Varchar(Some(3)).family());
    assert_eq!(Int4.family(), Int8.family());
    assert_ne!(
        Numeric(Some((10, 2))).family(),
        Numeric(Some((10, 3))).family()
    );
    assert_eq!(Numeric(None).family(), Family::Numeric(None));
}
