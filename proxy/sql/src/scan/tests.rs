//! Where tokens, comments and statements begin and end.

use super::{Kind, scan};

fn pieces(text: &str) -> Vec<&str> {
    let tokens = scan(text, true).unwrap();
    tokens
        .all()
        .iter()
        .map(|t| &text[t.range.clone()])
        .collect()
}

#[test]
fn tokens_end_where_postgresql_ends_them() {
    for (text, expected) in [
        (
            "select 1 -- c\r, 2 as x",
            vec!["select", "1", ",", "2", "as", "x"],
        ),
        ("a /* /* */ b */ c", vec!["a", "c"]),
        ("'a'\n  'b' 'c'", vec!["'a'\n  'b'", "'c'"]),
        ("'a' -- x\n 'b'", vec!["'a' -- x\n 'b'"]),
        ("$a$ ' $b$ $a$ x", vec!["$a$ ' $b$ $a$", "x"]),
        (r"E'\' x' y", vec![r"E'\' x'", "y"]),
        (r"'\' x", vec![r"'\'", "x"]),
        (
            "U&'!0070' UESCAPE '!' x",
            vec!["U&'!0070' UESCAPE '!'", "x"],
        ),
        ("U&\"\\0070at\" x", vec!["U&\"\\0070at\"", "x"]),
        ("x'1f' b'01' N'q'", vec!["x'1f'", "b'01'", "N", "'q'"]),
        (
            "a::int $1 1.5e3 .5 ->> \"Q\"\"x\"",
            vec!["a", "::", "int", "$1", "1.5e3", ".5", "->>", "\"Q\"\"x\""],
        ),
    ] {
        assert_eq!(pieces(text), expected, "{text}");
    }
}

#[test]
fn comments_are_kept_aside() {
    let text = "/*h*/ select 1 --é\n, 2";
    let tokens = scan(text, true).unwrap();
    let comments: Vec<_> = tokens.comments().iter().map(|r| &text[r.clone()]).collect();
    assert_eq!(comments, ["/*h*/", "--é"]);
}

#[test]
fn nonstandard_strings_end_where_their_escapes_let_them() {
    let ends = |text: &str, expected: &[&str]| {
        let tokens = scan(text, false).unwrap();
        let pieces: Vec<_> = tokens
            .all()
            .iter()
            .map(|t| &text[t.range.clone()])
            .collect();
        assert_eq!(pieces, expected, "{text}");
    };
    ends(r"select 'a\' or 1=1 --'", &["select", r"'a\' or 1=1 --'"]);
    ends(r"'a\'' x", &[r"'a\''", "x"]);
    ends(r"'a\\' x", &[r"'a\\'", "x"]);
    ends("'a\\''\n'b\\'c' x", &["'a\\''\n'b\\'c'", "x"]);
    ends(r"N'\'' x", &["N", r"'\''", "x"]);
    // what is the same in both
    ends(r"E'\'' $$\'$$ x", &[r"E'\''", r"$$\'$$", "x"]);
    ends(r#""\" /* \' */ x"#, &[r#""\""#, "x"]);
    assert!(scan(r"select 'a\'", false).is_err());
    // PostgreSQL refuses these
    assert!(scan(r"select U&'\0061'", false).is_err());
    assert!(scan(r"select U&'\0061'", true).is_ok());
}

#[test]
fn an_escape_that_is_two_things_is_refused_where_it_is_one() {
    for text in [r"E'acti\vity'", r"e'\\\v'", "E'a'\n'\\v'"] {
        let error = scan(text, true).unwrap_err();
        assert_eq!(
            (error.sqlstate, error.position),
            ("0A000", Some(0)),
            "{text}"
        );
    }
    assert_eq!(scan(r"x, '\v'", false).unwrap_err().position, Some(3));
    for text in [r"'\v'", r"E'\\v'", r"$$\v$$", r#""\v""#, r"/* E'\v' */ 1"] {
        assert!(scan(text, true).is_ok(), "{text}");
    }
}

#[test]
fn parentheses_match_and_lists_end() {
    let text = "f(a, (b), c[1]) + 1, x";
    let tokens = scan(text, true).unwrap();
    let open = tokens.at(1).unwrap();
    let close = tokens.closing(open).unwrap();
    assert_eq!(tokens.get(close).unwrap().range, 14..15);
    let end = tokens.until(0, tokens.len(), &[Kind::Ascii44]);
    assert_eq!(
        &text[..tokens.get(end).unwrap().range.start],
        "f(a, (b), c[1]) + 1"
    );
    assert_eq!(scan("(a", true).unwrap().closing(0), None);
    assert_eq!(scan("(a]", true).unwrap().closing(0), None);
}

#[test]
fn statements_have_no_semicolons_or_comments_around() {
    let text = " ; /*a*/ select 1 /*b*/ ; ;select 2;";
    let tokens = scan(text, true).unwrap();
    let found: Vec<_> = tokens
        .statements()
        .iter()
        .map(|r| &text[r.clone()])
        .collect();
    assert_eq!(found, ["select 1", "select 2"]);
    assert_eq!(tokens.span(0..24).map(|r| &text[r]), Some("select 1"));
    assert_eq!(tokens.span(0..2), None);
}
