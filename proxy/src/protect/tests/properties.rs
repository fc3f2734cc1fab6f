//! Properties: what goes in comes out, in every format; nothing that arrives makes it panic.

use super::harness::{
    AGE, AMOUNT, BIG, DOB, ID, NAME, OK, PRICE, SEEN, SSN, output, row, settings,
};
use super::rows::{cell, open};
use crate::protect::coerce::{self, Target};
use crate::protect::value::{date, timestamptz};
use crate::protect::{Settings, Zones, open_row};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnIx, ColumnRef, DeclaredType, TableRef};
use hippocrypt_sql::verdict::Coercion;
use hippocrypt_wire::Format;
use proptest::prelude::*;

const ALL: [ColumnIx; 10] = [NAME, SSN, DOB, AGE, BIG, AMOUNT, PRICE, SEEN, OK, ID];
const TYPES: [DeclaredType; 9] = [
    DeclaredType::Bool,
    DeclaredType::Int4,
    DeclaredType::Int8,
    DeclaredType::Text,
    DeclaredType::Varchar(Some(3)),
    DeclaredType::Numeric(Some((10, 2))),
    DeclaredType::Date,
    DeclaredType::Timestamptz(Some(2)),
    DeclaredType::Uuid,
];

fn styled(style: usize, order: usize, zone: usize) -> Settings {
    let style = ["ISO", "SQL", "Postgres", "German"][style];
    let order = ["MDY", "DMY", "YMD"][order];
    let zone = ["UTC", "America/St_Johns", "Europe/Berlin", "<+0530>-05:30"][zone];
    let mut settings = Settings::with(Zones::agreeing(&[]));
    settings.on_shown("DateStyle", &format!("{style}, {order}"));
    settings.on_shown("TimeZone", zone);
    settings
}

fn through(column: ColumnIx, text: &str, client: i16) -> Vec<u8> {
    let body = row(&[Some(&cell(column, text))]);
    let (_, values) = open(
        &[output(column, false)],
        &settings(),
        &[1],
        &[client],
        &body,
    )
    .unwrap();
    values[0].clone().unwrap()
}

proptest! {
    #[test]
    fn integers_come_back(n: i64, small: i32) {
        prop_assert_eq!(through(BIG, &n.to_string(), 0), n.to_string().into_bytes());
        prop_assert_eq!(through(BIG, &n.to_string(), 1), n.to_be_bytes());
        prop_assert_eq!(through(AGE, &small.to_string(), 1), small.to_be_bytes());
    }

    #[test]
    fn text_comes_back(text in "[^\0]{0,200}") {
        prop_assert_eq!(through(NAME, &text, 0), text.clone().into_bytes());
        prop_assert_eq!(through(NAME, &text, 1), text.into_bytes());
    }

    #[test]
    fn numerics_come_back(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?") {
        prop_assume!(!text.trim_matches(['-', '0', '.']).is_empty());
        prop_assert_eq!(through(AMOUNT, &text, 0), text.into_bytes());
    }

    #[test]
    fn dates_are_read_as_they_are_written(
        days in -2_451_545i32..2_145_031_949, order in 0usize..3, style in 0usize..4
    ) {
        // the other styles write years that only ISO and their own order read back
        let settings = styled(style, if style == 0 { order } else { order % 2 }, 0);
        let mut out = BytesMut::new();
        date::write_text(days, &settings, &mut out).unwrap();
        let text = std::str::from_utf8(&out).unwrap();
        let order_is_written = style != 3 || order % 2 == 1;
        if order_is_written {
            prop_assert_eq!(date::parse(text, &settings).ok(), Some(days), "{}", text);
        }
    }

    #[test]
    fn instants_are_read_as_they_are_written(
        instant in -211_813_488_000_000_000i64..9_223_371_331_200_000_000, zone in 0usize..4
    ) {
        let settings = styled(0, 0, zone);
        let mut out = BytesMut::new();
        timestamptz::write_text(instant, &settings, &mut out).unwrap();
        let text = std::str::from_utf8(&out).unwrap();
        prop_assert_eq!(timestamptz::parse(text, &settings).ok(), Some(instant), "{}", text);
    }

    #[test]
    fn any_bytes_as_a_parameter_do_not_panic(
        bytes: Vec<u8>, ty in 0usize..9, oid in 0usize..16, compare: bool, binary: bool
    ) {
        let oids = [0, 705, 16, 20, 21, 23, 25, 700, 701, 1042, 1043, 1082, 1114, 1184, 1700, 2950];
        let column = ColumnRef {
            table: TableRef { schema: "s".into(), table: "t".into() },
            column: "c".into(),
        };
        let coercion = if compare { Coercion::Compare } else { Coercion::Assign };
        let target = Target { column: &column, declared: TYPES[ty], coercion };
        let format = if binary { Format::Binary } else { Format::Text };
        let _ = coerce::parameter(&target, oids[oid], format, &bytes, &styled(1, 1, 1));
    }

    #[test]
    fn any_text_as_a_date_does_not_panic(text in "[0-9a-zA-Z:+/. -]{0,30}", order in 0usize..3) {
        let settings = styled(0, order, 1);
        let _ = date::parse(&text, &settings);
        let _ = timestamptz::parse(&text, &settings);
    }

    #[test]
    fn any_row_does_not_panic(body: Vec<u8>, binary: bool) {
        let outputs: Vec<_> = ALL.iter().take(3).map(|c| output(*c, false)).collect();
        let upstream = [i16::from(binary)];
        let mut out = BytesMut::new();
        let vault = super::harness::vault();
        prop_assert!(open_row(&outputs, vault, &settings(), &upstream, &[], &body, &mut out).is_err());
        prop_assert!(out.is_empty());
    }
}
