//! open_row: what opens, what is masked, and what never leaves.

use super::harness::{
    AGE, AMOUNT, BIG, DOB, ID, NAME, OK, PATIENT, PRICE, SEEN, SSN, WATCHED, output, row, settings,
    values, vault,
};
use crate::protect::coerce::{self, Target};
use crate::protect::{OpenFault, Settings, open_row};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnIx, DeclaredType};
use hippocrypt_sql::verdict::{Coercion, Output};
use hippocrypt_wire::Format;

/// A cell of `text`, stored in `column`.
pub(super) fn cell(column: ColumnIx, text: &str) -> Vec<u8> {
    cell_by(Coercion::Assign, column, text)
}

fn cell_by(coercion: Coercion, column: ColumnIx, text: &str) -> Vec<u8> {
    let held = vault().held(column).unwrap();
    let target = Target {
        column: &held.name,
        declared: held.declared,
        coercion,
    };
    let value = coerce::parameter(&target, 0, Format::Text, text.as_bytes(), &settings()).unwrap();
    let mut cell = Vec::new();
    assert!(held.seal(value, coercion, &mut cell).is_ok());
    cell
}

/// How many cells were opened, and the row's values.
type Opened = (u32, Vec<Option<Vec<u8>>>);

pub(super) fn open(
    outputs: &[Output],
    settings: &Settings,
    upstream: &[i16],
    client: &[i16],
    body: &[u8],
) -> Result<Opened, OpenFault> {
    let mut out = BytesMut::from(&b"before"[..]);
    match open_row(outputs, vault(), settings, upstream, client, body, &mut out) {
        Ok(opened) => Ok((opened, values(&out.split_off(6)))),
        Err(e) => {
            assert_eq!(&out[..], b"before", "nothing is left behind");
            Err(e)
        }
    }
}

fn shown(column: ColumnIx, masked: bool, text: &str) -> String {
    let body = row(&[Some(&cell(column, text))]);
    let (opened, values) = open(&[output(column, masked)], &settings(), &[1], &[], &body).unwrap();
    assert_eq!(opened, 1);
    String::from_utf8(values[0].clone().unwrap()).unwrap()
}

#[test]
fn every_type_comes_back() {
    for (column, text) in [
        (NAME, "Żółć 👩‍⚕️ O'Hara"),
        (NAME, ""),
        (SSN, "900-11-0001"),
        (PATIENT, "900-11-0001"),
        (DOB, "1931-02-28"),
        (DOB, "0044-03-15 BC"),
        (AGE, "-2147483648"),
        (BIG, "9223372036854775807"),
        (AMOUNT, "1.500"),
        (AMOUNT, "-Infinity"),
        (PRICE, "1.50"),
        (PRICE, "0.00"),
        (PRICE, "-0.01"),
        (PRICE, "12345678.90"),
        (SEEN, "2004-10-19 10:23:54.123+00"),
        (OK, "t"),
        (ID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ] {
        assert_eq!(shown(column, false, text), text);
    }
}

#[test]
fn what_is_given_beside_deterministic_cells_keeps_its_digits_and_opens_nowhere_else() {
    let Output::Cell(mut beside) = output(PRICE, false) else {
        panic!("cells");
    };
    (beside.declared, beside.typmod, beside.given) = (DeclaredType::Numeric(None), -1, true);
    let beside = Output::Cell(beside);
    let given = cell_by(Coercion::Show, PRICE, "1.5000");
    assert_ne!(
        given,
        cell_by(Coercion::Show, PRICE, "1.5000"),
        "it equals nothing"
    );
    for (cell, want) in [(given.clone(), "1.5000"), (cell(PRICE, "1.5"), "1.50")] {
        let body = row(&[Some(&cell)]);
        let opened = open(std::slice::from_ref(&beside), &settings(), &[1], &[], &body).unwrap();
        assert_eq!(opened, (1, vec![Some(want.as_bytes().to_vec())]));
    }
    // as the column's own it is no cell of it, wherever it came from
    let refused = open(
        &[output(PRICE, false)],
        &settings(),
        &[1],
        &[],
        &row(&[Some(&given)]),
    );
    assert!(matches!(refused, Err(OpenFault::Cell(_))));
    // and another group's is none of this one
    let other = cell_by(Coercion::Show, AMOUNT, "1.5");
    assert!(open(&[beside], &settings(), &[1], &[], &row(&[Some(&other)])).is_err());
}

#[test]
fn masks_show_what_the_policy_says() {
    for (column, text, want) in [
        (SSN, "900-11-0001", "*******0001"),
        (SSN, "0001", "****"),
        (SSN, "", ""),
        (NAME, "Żółć", "Ż***"),
        (NAME, "Ż", "*"),
        (DOB, "1931-02-28", "1931-01-01"),
        (DOB, "infinity", "1970-01-01"),
        (DOB, "4714-11-24 BC", "4714-11-24 BC"),
        (SEEN, "2004-10-19 10:23:54.123+00", "2004-01-01 00:00:00+00"),
        (AGE, "42", "0"),
        (BIG, "42", "0"),
        (AMOUNT, "1.500", "0"),
        (PRICE, "1.50", "0.00"),
        (OK, "t", "f"),
        (
            ID,
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "00000000-0000-0000-0000-000000000000",
        ),
    ] {
        assert_eq!(shown(column, true, text), want);
    }
}

#[test]
fn formats_are_the_clients_whatever_the_server_sends() {
    let outputs = [
        output(AGE, false),
        Output::Clear,
        output(SSN, false),
        output(DOB, true),
    ];
    let (age, ssn, dob) = (cell(AGE, "7"), cell(SSN, "900"), cell(DOB, "1999-12-31"));
    let body = row(&[Some(&age), Some(b"as it is"), None, Some(&dob)]);
    let (opened, values) =
        open(&outputs, &settings(), &[1, 0, 1, 1], &[1, 0, 0, 1], &body).unwrap();
    assert_eq!(opened, 2);
    assert_eq!(values[0].as_deref(), Some(&[0, 0, 0, 7][..]));
    assert_eq!(values[1].as_deref(), Some(&b"as it is"[..]));
    assert_eq!(values[2], None);
    assert_eq!(values[3].as_deref(), Some(&(-365i32).to_be_bytes()[..]));
    // the simple protocol: bytea as text, in both of its formats
    let hex: String = age.iter().map(|b| format!("{b:02x}")).collect();
    let hex = format!("\\x{hex}").into_bytes();
    let octal: String = ssn.iter().map(|b| format!("\\{b:03o}")).collect();
    let body = row(&[Some(&hex), None, Some(octal.as_bytes()), None]);
    let (opened, values) = open(&outputs, &settings(), &[], &[], &body).unwrap();
    assert_eq!(opened, 2);
    assert_eq!(values[0].as_deref(), Some(&b"7"[..]));
    assert_eq!(values[2].as_deref(), Some(&b"900"[..]));
}

#[test]
fn a_cell_of_another_column_stays_closed() {
    let body = row(&[Some(&cell(NAME, "900-11-0001"))]);
    let refused = open(&[output(SSN, false)], &settings(), &[1], &[], &body).unwrap_err();
    assert!(matches!(refused, OpenFault::Cell(_)));
    // listed, it opens: each cell by its own header
    let Output::Cell(mut both) = output(SSN, false) else {
        panic!()
    };
    both.columns = vec![SSN, NAME];
    let both = [Output::Cell(both)];
    for column in [SSN, NAME] {
        let body = row(&[Some(&cell(column, "x"))]);
        let (_, values) = open(&both, &settings(), &[1], &[], &body).unwrap();
        assert_eq!(values[0].as_deref(), Some(&b"x"[..]));
    }
    let body = row(&[Some(&cell(DOB, "1999-12-31"))]);
    assert!(open(&both, &settings(), &[1], &[], &body).is_err());
}

#[test]
fn a_group_is_shared_by_its_columns() {
    assert_eq!(cell(SSN, "900-11-0001"), cell(PATIENT, "900-11-0001"));
    assert_ne!(cell(SSN, "900-11-0001"), cell(SSN, "900-11-0002"));
    assert_ne!(cell(NAME, "x"), cell(NAME, "x"));
    assert_eq!(cell(PRICE, "1.5"), cell(PRICE, "1.50"));
}

#[test]
fn a_changed_cell_never_opens() {
    let whole = cell(SSN, "900-11-0001");
    let refused = |bytes: &[u8]| {
        let body = row(&[Some(bytes)]);
        let fault = open(&[output(SSN, false)], &settings(), &[1], &[], &body).unwrap_err();
        assert!(matches!(fault, OpenFault::Cell(_)), "{fault:?}");
    };
    for at in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut changed = whole.clone();
            changed[at] ^= bit;
            refused(&changed);
        }
        refused(&whole[..at]);
    }
    refused(b"plaintext that someone wrote around the proxy");
    refused(&[]);
}

#[test]
fn a_deterministic_numeric_has_its_columns_scale_in_every_expression() {
    let Output::Cell(mut lost) = output(PRICE, false) else {
        panic!()
    };
    lost.typmod = -1;
    let body = row(&[Some(&cell(PRICE, "1.50"))]);
    let (_, values) = open(&[Output::Cell(lost)], &settings(), &[1], &[], &body).unwrap();
    assert_eq!(values[0].as_deref(), Some(&b"1.50"[..]));
}

#[test]
fn a_watched_column_leaves_through_its_mask() {
    let body = row(&[Some(b"900-11-0001")]);
    for upstream in [[0], [1]] {
        let (opened, values) =
            open(&[output(WATCHED, true)], &settings(), &upstream, &[], &body).unwrap();
        assert_eq!(
            (opened, values[0].as_deref()),
            (0, Some(&b"*******0001"[..]))
        );
    }
}

#[test]
fn unknown_settings_refuse_what_depends_on_them() {
    let mut settings = settings();
    settings.on_shown("TimeZone", "Mars/Olympus");
    let body = row(&[Some(&cell(SEEN, "2004-10-19 10:23:54+00"))]);
    let fault = open(&[output(SEEN, false)], &settings, &[1], &[0], &body).unwrap_err();
    assert!(matches!(fault, OpenFault::Settings(_)), "{fault:?}");
    assert!(
        open(&[output(SEEN, false)], &settings, &[1], &[1], &body).is_ok(),
        "binary has no zone"
    );
}

#[test]
fn hostile_rows_are_refused() {
    let outputs = [output(SSN, false), Output::Clear];
    let whole = row(&[Some(&cell(SSN, "900-11-0001")), Some(b"clear")]);
    for end in 0..whole.len() {
        let fault = open(&outputs, &settings(), &[1, 0], &[], &whole[..end]).unwrap_err();
        assert!(matches!(fault, OpenFault::Shape(_)), "{end}: {fault:?}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(open(&outputs, &settings(), &[1, 0], &[], &longer).is_err());
    assert!(open(&outputs[..1], &settings(), &[1], &[], &whole).is_err());
    let mut negative = whole.clone();
    negative[2..6].copy_from_slice(&(-2i32).to_be_bytes());
    assert!(open(&outputs, &settings(), &[1, 0], &[], &negative).is_err());
}
