//! The two calls to C: errors and their places, both string modes, depth.

use super::{parse, parse_type_name, scan, with_stack_for};

#[test]
fn an_error_has_the_grammars_words_and_a_byte_position() {
    let text = "SELECT 'é' frm x y";
    let error = parse(text, true).unwrap_err();
    assert_eq!(error.message, "syntax error at or near \"x\"");
    assert_eq!(error.position, text.find("x y"));
}

#[test]
fn an_unterminated_string_is_located() {
    let error = scan("SELECT é, 'abc", true).unwrap_err();
    assert_eq!(
        error.message,
        "unterminated quoted string at or near \"'abc\""
    );
    assert_eq!(error.position, Some(11));
    assert_eq!(parse("SELECT é, 'abc", true).unwrap_err(), error);
}

#[test]
fn a_nul_never_reaches_c() {
    assert_eq!(
        parse("SELECT 1\0; DROP", true).unwrap_err().position,
        Some(8)
    );
    assert!(scan("a\0b", true).is_err());
}

#[test]
fn both_string_modes_are_understood() {
    let text = r"SELECT 'a\' or 1=1 --'";
    assert!(parse(text, true).is_ok());
    let off = parse(text, false).unwrap();
    let node = format!("{:?}", off.stmts);
    assert!(node.contains("a' or 1=1 --"), "{node}");
}

#[test]
fn a_type_name_parses_alone() {
    assert!(parse_type_name("character varying(11)").is_ok());
    assert!(parse_type_name("int; drop").is_err());
}

#[test]
fn deep_nesting_is_worked_on_or_refused_but_never_crashes() {
    for levels in [10, 200, 2_000, 50_000] {
        let concatenation = format!("SELECT {}'x'", "a || ".repeat(levels));
        let parentheses = format!("SELECT {}1{}", "(".repeat(levels), ")".repeat(levels));
        let subqueries = format!("{}1{}", "SELECT (".repeat(levels), ")".repeat(levels));
        for text in [&concatenation, &parentheses, &subqueries] {
            let tokens = scan(text, true).unwrap().len();
            let done = with_stack_for(tokens, || parse(text, true).map(|t| t.stmts.len()));
            match done {
                Some(Ok(statements)) => assert_eq!(statements, 1),
                Some(Err(e)) => assert!(levels > 1_000, "{levels}: {e}"),
                None => panic!("the thread died"),
            }
        }
    }
}

#[test]
fn a_text_leaves_nothing_to_the_next_one_of_the_thread() {
    let text = r"SELECT 'a\', 1";
    let before = scan(text, true).unwrap().len();
    let lengths = || {
        let scanned = scan(text, true).unwrap().len();
        let parsed = parse(text, true).unwrap().stmts.len();
        (scanned, parsed)
    };
    for other in [
        r"SELECT U&'\0061'",
        "SELECT FROM WHERE",
        "SELECT 'open",
        r"SELECT 'a\\', '\''",
    ] {
        drop(parse(other, false));
        assert_eq!(lengths(), (before, 1), "{other}");
        drop(scan(other, false));
        assert_eq!(lengths(), (before, 1), "{other}");
    }
}
