//! Chunking changes nothing, what goes in comes out, and nothing that arrives makes it panic.

use super::{CopyFault, CopyIn, CopyOut};
use crate::protect::tests::harness::{DOB, NAME, SSN, output, settings, vault};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnIx, TableRef};
use hippocrypt_sql::verdict::{
    CopyColumn, CopyDirection, CopyForm, CopyHeader, CopyPlan, CopyValue, Output,
};
use proptest::prelude::*;
use std::sync::Arc;

fn opened(ix: ColumnIx) -> CopyValue {
    match output(ix, false) {
        Output::Cell(cell) => CopyValue::Open(cell),
        Output::Clear => CopyValue::Clear,
    }
}

/// id, name, ssn, dob; id is clear.
fn plan(form: &CopyForm, direction: CopyDirection, header: CopyHeader) -> Arc<CopyPlan> {
    let value = |ix: Option<ColumnIx>| match (ix, direction) {
        (None, _) => CopyValue::Clear,
        (Some(ix), CopyDirection::In) => CopyValue::Seal(ix),
        (Some(ix), CopyDirection::Out) => opened(ix),
    };
    let columns = [
        ("id", None),
        ("name", Some(NAME)),
        ("ssn", Some(SSN)),
        ("dob", Some(DOB)),
    ];
    Arc::new(CopyPlan {
        direction,
        table: Some(TableRef {
            schema: "public".into(),
            table: "t".into(),
        }),
        form: form.clone(),
        header,
        hashes: Vec::new(),
        columns: columns
            .into_iter()
            .map(|(name, ix)| CopyColumn {
                name: name.into(),
                value: value(ix),
                force_quote: false,
                force_not_null: false,
                force_null: false,
            })
            .collect(),
    })
}

fn text() -> CopyForm {
    CopyForm::Text {
        delimiter: b'\t',
        null: "\\N".into(),
    }
}

fn csv() -> CopyForm {
    CopyForm::Csv {
        delimiter: b',',
        null: "".into(),
        quote: b'"',
        escape: b'"',
    }
}

/// What goes upstream for these pieces.
fn seal(form: &CopyForm, header: CopyHeader, pieces: &[&[u8]]) -> Result<Vec<u8>, Box<CopyFault>> {
    let mut copy = CopyIn::new(plan(form, CopyDirection::In, header));
    let mut out = BytesMut::new();
    for piece in pieces {
        copy.push(piece, vault(), &settings(), &mut out)?;
    }
    copy.finish(vault(), &settings(), &mut out)?;
    Ok(out.to_vec())
}

/// What the client gets for rows as the server would send them.
fn open(form: &CopyForm, rows: &[&[u8]]) -> Option<Vec<u8>> {
    let mut copy = CopyOut::new(plan(form, CopyDirection::Out, CopyHeader::None));
    let mut out = BytesMut::new();
    for row in rows {
        copy.message(row, vault(), &settings(), &mut out).ok()?;
    }
    Some(out.to_vec())
}

/// Lines that the server would send: each `\n` of sealed data ends one.
fn lines(sealed: &[u8]) -> Vec<&[u8]> {
    sealed.split_inclusive(|b| *b == b'\n').collect()
}

fn cut(data: &[u8], at: &[usize]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = at.iter().map(|a| a % (data.len() + 1)).collect();
    places.push(data.len());
    places.sort_unstable();
    let mut start = 0;
    let mut pieces = Vec::new();
    for place in places {
        pieces.push(data[start..place].to_vec());
        start = place;
    }
    pieces
}

/// The fault, or the client's own form of what would be stored.
fn outcome(form: &CopyForm, pieces: &[Vec<u8>]) -> Result<Option<Vec<u8>>, Box<CopyFault>> {
    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
    let sealed = seal(form, CopyHeader::None, &pieces)?;
    let mut rows = lines(&sealed);
    let ended = sealed.ends_with(b"\n");
    if !ended {
        rows.pop();
    }
    Ok(open(form, &rows))
}

#[test]
fn protected_fields_are_cells_and_the_rest_is_as_it_was() {
    let data = b"1\tAda\\tL\t900-11-0001\t\\N\nx\\\\y\t\\N\t\\N\t1970-01-01\n";
    let sealed = seal(&text(), CopyHeader::None, &[data]).unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    assert!(
        sealed.starts_with("1\t\\\\xf5e101") && sealed.contains("\t\\N\nx\\\\y\t\\N\t\\N\t\\\\x")
    );
    assert!(!sealed.contains("Ada") && !sealed.contains("900-11"));
    assert_eq!(open(&text(), &lines(sealed.as_bytes())).unwrap(), data);
}

#[test]
fn a_forgotten_header_does_not_go_on() {
    let data: &[u8] = b"1,Ada,900-11-0001,\r\n2,,,\r\n";
    let sealed = seal(&csv(), CopyHeader::Any, &[data]).unwrap();
    assert_eq!(sealed, b"\"id\",\"name\",\"ssn\",\"dob\"\r\n2,,,\r\n");
}

#[test]
fn a_fault_knows_its_line_and_column() {
    let fault = seal(
        &csv(),
        CopyHeader::None,
        &[b"1,,,\n2,\"a\nb\",,\n3,,,2023-02-30\n"],
    )
    .unwrap_err();
    assert_eq!((fault.line, fault.column.as_deref()), (4, Some("dob")));
    assert_eq!(fault.error.sqlstate, "22008");
    let fault = seal(&text(), CopyHeader::None, &[b"1\ta\t\\N\t\\N\n2\tb\n"]).unwrap_err();
    assert_eq!((fault.line, fault.error.sqlstate), (2, "22P04"));
    assert!(fault.error.message.contains("\"ssn\""));
}

#[test]
fn a_message_that_is_no_row_does_not_leave() {
    let sealed = seal(
        &text(),
        CopyHeader::None,
        &[b"1\ta\t\\N\t\\N\n2\tb\t\\N\t\\N\n"],
    )
    .unwrap();
    let rows = lines(&sealed);
    for bad in [
        &sealed[..],
        &rows[0][..rows[0].len() - 1],
        b"1\ta\n",
        b"1\tplain\t\\N\t\\N\n",
        b"",
    ] {
        let mut copy = CopyOut::new(plan(&text(), CopyDirection::Out, CopyHeader::None));
        let mut out = BytesMut::new();
        assert!(copy.message(bad, vault(), &settings(), &mut out).is_err());
    }
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        data in "([a-z\\\\.,\"\t\r\n]|\\\\N|\\\\\\.\n|1,\"a\",,\n|1\ta\t\\\\N\t\\\\N\n|1\ta\t\\\\N\t\\\\N\r\n){0,40}",
        places in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        for form in [text(), csv()] {
            let whole = outcome(&form, &[data.clone().into_bytes()]);
            let cut = outcome(&form, &cut(data.as_bytes(), &places));
            prop_assert_eq!(whole, cut);
        }
    }

    #[test]
    fn text_comes_back(name in "[^\0]{0,30}", ssn in "[^\0 ]{0,11}") {
        for form in [text(), csv()] {
            let mut row = BytesMut::new();
            row.extend_from_slice(b"1");
            for value in [&name, &ssn] {
                match super::fields::Form::of(&form).unwrap() {
                    super::fields::Form::Text(text) => {
                        row.extend_from_slice(b"\t");
                        text.encode(value.as_bytes(), &mut row);
                    }
                    super::fields::Form::Csv(csv) => {
                        row.extend_from_slice(b",");
                        csv.encode(value.as_bytes(), super::csv::Quotes::Needed, &mut row);
                    }
                }
            }
            row.extend_from_slice(if form == text() { b"\t\\N\n" } else { b",\n" });
            let sealed = seal(&form, CopyHeader::None, &[&row]).unwrap();
            prop_assert_eq!(open(&form, &[&sealed]), Some(row.to_vec()));
        }
    }

    #[test]
    fn binary_in_any_pieces(
        id: [u8; 4], name in "[^\0]{0,30}", places in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut data = super::binary::HEADER.to_vec();
        for _ in 0..3 {
            data.extend([0, 4, 0, 0, 0, 4]);
            data.extend(id);
            data.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
            data.extend(name.as_bytes());
            data.extend([0xff; 8]);
        }
        data.extend([0xff, 0xff]);
        let pieces = cut(&data, &places);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let sealed = seal(&CopyForm::Binary, CopyHeader::None, &pieces).unwrap();
        prop_assert!(name.len() < 4 || !sealed.windows(name.len()).any(|w| w == name.as_bytes()));
        prop_assert_eq!(open(&CopyForm::Binary, &[&sealed]), Some(data));
    }

    #[test]
    fn nothing_makes_it_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        for form in [text(), csv(), CopyForm::Binary] {
            let _ = seal(&form, CopyHeader::Match, &[&data]);
            let _ = seal(&form, CopyHeader::None, &[&data]);
            let mut copy = CopyOut::new(plan(&form, CopyDirection::Out, CopyHeader::None));
            let _ = copy.message(&data, vault(), &settings(), &mut BytesMut::new());
        }
    }
}
