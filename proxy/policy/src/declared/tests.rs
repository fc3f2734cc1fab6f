//! Types as PostgreSQL spells them, there and back.

use super::{DeclaredType, Element, Family, IntervalFields, IntervalModifier};
use DeclaredType::{
    Bool, Bpchar, Bytea, Cidr, Date, Float4, Float8, Inet, Int2, Int4, Int8, Interval, Json, Jsonb,
    Numeric, Text, Time, Timestamp, Timestamptz, Uuid, Varchar,
};

const fn interval(fields: Option<IntervalFields>, precision: Option<u8>) -> DeclaredType {
    Interval(IntervalModifier { fields, precision })
}

fn array(element: DeclaredType) -> DeclaredType {
    DeclaredType::Array(Element::of(element).unwrap())
}

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
        ("smallint", Int2),
        ("real", Float4),
        ("double precision", Float8),
        ("float(24)", Float4),
        ("float(25)", Float8),
        ("char", Bpchar(Some(1))),
        ("character(3)", Bpchar(Some(3))),
        ("bpchar", Bpchar(None)),
        ("national char(2)", Bpchar(Some(2))),
        ("bytea", Bytea),
        ("timestamp", Timestamp(None)),
        ("timestamp(3)", Timestamp(Some(3))),
        ("timestamp without time zone", Timestamp(None)),
        ("time(0) without time zone", Time(Some(0))),
        ("time", Time(None)),
        ("interval", interval(None, None)),
        ("interval(3)", interval(None, Some(3))),
        (
            "INTERVAL YEAR TO MONTH",
            interval(Some(IntervalFields::YearToMonth), None),
        ),
        (
            "interval day to second(2)",
            interval(Some(IntervalFields::DayToSecond), Some(2)),
        ),
        ("json", Json),
        ("jsonb", Jsonb),
        ("inet", Inet),
        ("cidr", Cidr),
        ("text[]", array(Text)),
        ("integer[]", array(Int4)),
        ("varchar(11)[]", array(Varchar(Some(11)))),
        ("numeric(10,2) []", array(Numeric(Some((10, 2))))),
        ("int4 array", array(Int4)),
        ("int4 ARRAY[3]", array(Int4)),
        (
            "timestamp(3) with time zone[3]",
            array(Timestamptz(Some(3))),
        ),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_understood_is_no_other_type() {
    for text in [
        "",
        "timestamp with",
        "serial",
        "text[][]",
        "text[x]",
        "array",
        "[]",
        "timetz",
        "time with time zone",
        "interval(3) day to second",
        "interval year(3)",
        "interval second to year",
        "float(54)",
        "bytea(3)",
        "time(7)",
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
    Int2,
    Float4,
    Float8,
    Bpchar(None),
    Bpchar(Some(7)),
    Bytea,
    Time(None),
    Time(Some(6)),
    Timestamp(None),
    Timestamp(Some(0)),
    interval(None, None),
    interval(None, Some(0)),
    interval(Some(IntervalFields::Month), None),
    interval(Some(IntervalFields::MinuteToSecond), Some(6)),
    Json,
    Jsonb,
    Inet,
    Cidr,
];

/// And an array of each.
fn every() -> impl Iterator<Item = DeclaredType> {
    EVERY
        .iter()
        .flat_map(|declared| [*declared, array(*declared)])
}

#[test]
fn the_normal_form_reads_back() {
    for declared in every() {
        assert_eq!(declared.to_string().parse(), Ok(declared));
    }
}

#[test]
fn the_catalog_form_reads_back() {
    for declared in every() {
        let read = DeclaredType::from_catalog(declared.oid(), declared.typmod());
        assert_eq!(read, Some(declared));
    }
    assert_eq!(DeclaredType::from_catalog(18, -1), None);
    assert_eq!(DeclaredType::from_catalog(1186, 7 << 16), None);
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

#[test]
fn what_has_no_equality_of_its_own_is_not_deterministic() {
    for declared in [
        Float4,
        Float8,
        Json,
        Jsonb,
        Numeric(None),
        Bpchar(None),
        interval(None, None),
    ] {
        assert!(declared.not_deterministic().is_some(), "{declared}");
        assert!(
            array(declared).not_deterministic().is_some(),
            "{declared}[]"
        );
    }
    for declared in [
        Int2,
        Bytea,
        Bpchar(Some(3)),
        Time(None),
        Inet,
        Numeric(Some((5, 2))),
    ] {
        assert_eq!(declared.not_deterministic(), None);
        assert_eq!(array(declared).not_deterministic(), None);
    }
    assert_ne!(array(Text).family(), array(Varchar(None)).family());
    assert_eq!(
        array(Varchar(Some(3))).family(),
        array(Varchar(None)).family()
    );
}
