//! YAML's surprises, bombs and variables.

use super::{MAX_BYTES, MAX_DEPTH, Reader, Value, nearest};

fn problems(text: &str) -> Vec<String> {
    let env = |name: &str| match name {
        "EMPTY" => Some(String::new()),
        "SECRET" => Some("hunter2".to_string()),
        _ => None,
    };
    let (reader, root) = Reader::parse("f", text, &env);
    match reader.finish(root) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn scalar(text: &str) -> String {
    let env = |name: &str| match name {
        "EMPTY" => Some(String::new()),
        "SECRET" => Some("hunter2".to_string()),
        _ => None,
    };
    let (reader, root) = Reader::parse("f", text, &env);
    match reader.finish(root).unwrap().value {
        Value::Scalar(scalar) => scalar.text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn surprises_of_yaml_are_refused() {
    for (text, expected) in [
        ("a: &x 1\nb: 2\n", "f:1: an anchor"),
        ("a: &x 1\nb: *x\n", "f:1: an anchor"),
        ("a: 1\nb: !!int 2\n", "f:2: tag "),
        ("a: 1\n<<: {b: 2}\n", "f:2: a merge key"),
        ("a: 1\n---\nb: 2\n", "f:2: a second document"),
        ("a: 1\n? [x, y]\n: 3\n", "f:2: a list or mapping as key"),
        ("a: 1\nb: *\n", "f:2: not YAML"),
        ("a: 1\nb: [1, 2\n", "f:"),
        ("a:\n\t- b\n", "f:2: not YAML"),
        (
            "a: 1\na: 2\n",
            "f:2: key \"a\" a second time (the first is on line 1)",
        ),
        (
            "a: 1\r\na: 2\r\n",
            "f:2: key \"a\" a second time (the first is on line 1)",
        ),
        ("a: 1\n\"a\": 2\n", "f:2: key \"a\" a second time"),
    ] {
        let found = problems(text);
        assert!(
            found.iter().any(|f| f.starts_with(expected)),
            "{text:?}: {found:?}"
        );
    }
}

#[test]
fn bombs_are_refused_before_they_grow() {
    let mut laughs = "a0: &a0 [x, x]\n".to_string();
    for i in 1..40 {
        laughs.push_str(&format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1));
    }
    let found = problems(&laughs);
    assert!(
        found.iter().any(|f| f.starts_with("f:2: an alias")),
        "{found:?}"
    );
    for open in ["[", "{a: ", "- "] {
        let found = problems(&open.repeat(MAX_DEPTH + 2));
        let expected = format!("f:1: nested deeper than {MAX_DEPTH} levels");
        assert_eq!(found, [expected]);
        assert_eq!(problems(&open.repeat(100_000)).len(), 1);
    }
    let long = " ".repeat(MAX_BYTES + 1);
    assert_eq!(
        problems(&long),
        [format!("f:1: longer than {MAX_BYTES} bytes")]
    );
}

#[test]
fn variables_expand_to_text() {
    assert_eq!(scalar("${SECRET}"), "hunter2");
    assert_eq!(scalar("a-${SECRET}-${NO:-b c}-z"), "a-hunter2-b c-z");
    assert_eq!(scalar("'${EMPTY:-x}'"), "x");
    assert_eq!(scalar("'x${EMPTY}y'"), "xy");
    assert_eq!(scalar("$${SECRET} costs 5$"), "${SECRET} costs 5$");
    assert_eq!(scalar("${NO:-}"), "");
    for (text, expected) in [
        (
            "a: ${NO}",
            "f:1: environment variable NO is not set (${NO:-…} would give a default)",
        ),
        (
            "a: ${NO",
            "f:1: \"${\" is not closed by \"}\" (a literal \"${\" is written \"$${\")",
        ),
        (
            "a: '${}'",
            "f:1: \"${}\" is no variable: expected ${NAME} or ${NAME:-default}",
        ),
        (
            "a: ${1X}",
            "f:1: \"${1X}\" is no variable: expected ${NAME} or ${NAME:-default}",
        ),
        (
            "a: ${A-b}",
            "f:1: \"${A-b}\" is no variable: expected ${NAME} or ${NAME:-default}",
        ),
    ] {
        assert_eq!(problems(text), [expected]);
    }
}

#[test]
fn what_a_variable_holds_is_in_no_message() {
    let env = |_: &str| Some("hunter2".to_string());
    let (reader, root) = Reader::parse("f", "mode: ${SECRET}", &env);
    let root = root.unwrap();
    assert!(!format!("{root:?}").contains("hunter2"));
    let Value::Mapping(entries) = &root.value else {
        panic!()
    };
    let value = &entries[0].value;
    assert_eq!(
        reader.choice(value, "mode", &[("on", true), ("off", false)]),
        None
    );
    assert_eq!(
        reader.finish(Some(())).unwrap_err().to_string(),
        "f:1: mode: expected on or off, found \"${SECRET}\" as expanded"
    );
}

#[test]
fn near_misses() {
    let keys = ["address", "tls", "service"];
    assert_eq!(nearest("adress", &keys), Some("address"));
    assert_eq!(nearest("Service", &keys), Some("service"));
    assert_eq!(nearest("port", &keys), None);
}
