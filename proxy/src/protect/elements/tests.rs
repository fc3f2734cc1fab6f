//! What array_in and array_recv make of the same bytes (PostgreSQL 15, tried by hand).

#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use super::{Cells, cut, literal, of_binary, of_text};

fn text(input: &str) -> Result<Vec<Option<String>>, &'static str> {
    let elements = of_text(input).map_err(|e| e.sqlstate)?;
    Ok(elements
        .into_iter()
        .map(|e| e.map(|e| e.as_str().to_owned()))
        .collect())
}

fn all(values: &[&str]) -> Result<Vec<Option<String>>, &'static str> {
    Ok(values.iter().map(|v| Some((*v).to_owned())).collect())
}

#[test]
fn text_is_read_as_array_in_reads_it() {
    assert_eq!(text("{}"), all(&[]));
    assert_eq!(text(" { } "), all(&[]));
    assert_eq!(text("{a,b}"), all(&["a", "b"]));
    assert_eq!(text("{ a b , c }"), all(&["a b", "c"]));
    assert_eq!(
        text(r#"{"a,b","c\"d","e\\f",""}"#),
        all(&["a,b", "c\"d", "e\\f", ""])
    );
    assert_eq!(text(r#"{ "a" ,b}"#), all(&["a", "b"]));
    assert_eq!(text(r"{a\ ,b\,c}"), all(&["a ", "b,c"]));
    assert_eq!(text("{NULL,null}"), Ok(vec![None, None]));
    assert_eq!(text(r#"{"NULL",nul\l}"#), all(&["NULL", "null"]));
    assert_eq!(text("{é,日本}"), all(&["é", "日本"]));
}

#[test]
fn what_array_in_refuses_is_refused() {
    for input in [
        "", "a", "{", "{a", "{a,", "{a,}", "{,a}", "{a}b", "{\"a}", "{\"a\"b}", "{a\"b\"}",
        "{a{b}}", "{a\\",
    ] {
        assert_eq!(text(input), Err("22P02"), "{input}");
    }
    for input in ["{{a},{b}}", "[0:1]={a,b}", "{ {} }"] {
        assert_eq!(text(input), Err("0A000"), "{input}");
    }
}

#[test]
fn binary_is_read_to_its_last_byte() {
    let words = |words: &[i32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_be_bytes()).collect() };
    let mut array = words(&[1, 1, 25, 3, 1, 1]);
    array.push(b'a');
    array.extend(words(&[-1, 0]));
    assert_eq!(
        of_binary(&array, 25).unwrap(),
        [Some(&b"a"[..]), None, Some(&b""[..])]
    );
    assert!(of_binary(&words(&[0, 0, 25]), 25).unwrap().is_empty());
    let code = |bytes: &[u8]| of_binary(bytes, 25).unwrap_err().sqlstate;
    assert_eq!(code(&words(&[0, 0, 1043])), "42804");
    assert_eq!(code(&words(&[2, 0, 25, 1, 1, 1, 1, 0])), "0A000");
    assert_eq!(code(&words(&[1, 0, 25, 1, 0, 0])), "0A000");
    assert_eq!(code(&words(&[1, 0, 25, 2, 1, 0])), "08P01");
    assert_eq!(code(&words(&[1, 0, 25, 1, 1, -2])), "08P01");
    array.push(0);
    assert_eq!(code(&array), "22P03");
}

#[test]
fn cells_are_written_as_array_recv_reads_them() {
    let mut out = vec![9];
    let mut cells = Cells::new(&mut out);
    let write = |out: &mut Vec<u8>| -> Result<(), ()> {
        out.extend([1, 2]);
        Ok(())
    };
    cells.cell(&mut out, write).unwrap();
    cells.null(&mut out);
    cells.finish(&mut out);
    assert_eq!(of_binary(&out[1..], 17).unwrap(), [Some(&[1, 2][..]), None]);
    let mut out = Vec::new();
    Cells::new(&mut out).finish(&mut out);
    assert_eq!(of_binary(&out, 17).unwrap().len(), 0);
    assert_eq!(out.len(), 12);
    let written = literal(&[Some(vec![0xf5, 0xe1]), None]);
    assert_eq!(written, r"E'{\\\\xf5e1,NULL}'::bytea[]");
}

#[test]
fn a_cut_is_one_of_characters() {
    assert_eq!(
        cut("日本語".as_bytes(), Some(2)).unwrap(),
        "日本".as_bytes()
    );
    assert_eq!(cut(b"ab", Some(2)).unwrap(), b"ab");
    assert_eq!(cut(b"ab", None).unwrap(), b"ab");
    assert_eq!(cut(&[0xff], Some(1)).unwrap_err().sqlstate, "22021");
}
