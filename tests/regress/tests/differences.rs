//! The list itself: whether a planted difference is found, and nothing is forgiven.

use hippocrypt_regress::differences::Differences;

fn directories(direct: &str, proxied: &str) -> (tempfile::TempDir, Differences) {
    let directory = tempfile::tempdir().unwrap();
    for (side, text) in [("a", direct), ("b", proxied)] {
        let side = directory.path().join(side);
        std::fs::create_dir(&side).unwrap();
        std::fs::write(side.join("same.out"), "1\n").unwrap();
        std::fs::write(side.join("t.out"), text).unwrap();
    }
    let found = Differences::between(&directory.path().join("a"), &directory.path().join("b"));
    (directory, found)
}

#[test]
fn a_byte_that_differs_is_found_and_must_be_listed() {
    let (_kept, found) = directories("1\nHINT:  x\n2\n", "1\n2\n");
    assert_eq!(found.0["t.out"][0].lines, ["-HINT:  x"]);
    assert_eq!(found.summary(), ["t.out 1 unexplained"]);
    let all = |_: &str| true;
    assert_eq!(found.against(&Differences::default(), all).len(), 1);
    let listed = Differences::parse("# why\n== t.out\n@@ parser\n-HINT:  x\n");
    assert!(found.against(&listed, all).is_empty());
    let wrong = Differences::parse("== t.out\n@@ parser\n-HINT:  y\n");
    assert_eq!(found.against(&wrong, all).len(), 2);
    let lazy = Differences::parse("== t.out\n@@ unexplained\n-HINT:  x\n");
    assert_eq!(found.against(&lazy, all).len(), 1);
}

#[test]
fn what_is_listed_and_gone_is_a_problem_where_the_test_ran() {
    let (_kept, found) = directories("1\n", "1\n");
    let listed = Differences::parse("== t.out\n@@ parser\n-HINT:  x\n");
    assert_eq!(found.against(&listed, |_| true).len(), 1);
    assert!(found.against(&listed, |_| false).is_empty());
}

#[test]
fn a_list_is_written_as_it_is_read() {
    let long: String = (0..20).map(|i| format!("{i}\n")).collect();
    let (_kept, mut found) = directories(&format!("a\n{long}"), "a\nERROR:  no\n");
    let text = found.text();
    assert!(
        text.contains("-0\n-… 19 more lines\n+ERROR:  no\n"),
        "{text}"
    );
    let explained = Differences::parse(&text.replace("unexplained", "refused"));
    found.explain(&explained);
    assert_eq!(found, explained);
}
