//! What is found in a tree, wherever the grammar lets it stand.

use super::{Found, Term, names};
use crate::grammar::parse;

fn found(sql: &str) -> Found {
    let tree = parse(sql, true).unwrap();
    names(&tree).unwrap()
}

fn relations(sql: &str) -> Vec<String> {
    let mut all: Vec<_> = found(sql)
        .relations
        .into_iter()
        .map(|r| match r.schema {
            Some(s) => format!("{s}.{}", r.name),
            None => r.name,
        })
        .collect();
    all.sort();
    all
}

/// One statement per way that the grammar has of naming a relation.
#[test]
fn a_relation_is_found_wherever_the_grammar_allows_one() {
    for sql in [
        "SELECT 1 FROM p",
        "TABLE p",
        "SELECT (SELECT 1 FROM p)",
        "SELECT 1 WHERE EXISTS (SELECT FROM p)",
        "SELECT 1 ORDER BY (SELECT 1 FROM p)",
        "SELECT 1 LIMIT (SELECT 1 FROM p)",
        "SELECT 1 OFFSET (SELECT 1 FROM p)",
        "SELECT sum(1) FILTER (WHERE (SELECT true FROM p)) OVER (PARTITION BY 1)",
        "SELECT sum(1) OVER (ORDER BY (SELECT 1 FROM p))",
        "SELECT sum(1) OVER w WINDOW w AS (PARTITION BY (SELECT 1 FROM p))",
        "SELECT f(VARIADIC (SELECT '{}'::int[] FROM p))",
        "SELECT CASE WHEN true THEN (SELECT 1 FROM p) END",
        "SELECT ARRAY(SELECT 1 FROM p)",
        "SELECT ARRAY[(SELECT 1 FROM p)]",
        "SELECT ROW((SELECT 1 FROM p))",
        "SELECT (ARRAY[1])[(SELECT 1 FROM p)]",
        "SELECT COALESCE(NULL, (SELECT 1 FROM p))",
        "SELECT GREATEST(1, (SELECT 1 FROM p))",
        "SELECT 1 = ANY (SELECT 1 FROM p)",
        "SELECT (SELECT 1 FROM p) IS NULL",
        "SELECT (SELECT true FROM p) IS TRUE",
        "SELECT CAST((SELECT 1 FROM p) AS text)",
        "SELECT (SELECT '' FROM p) COLLATE \"C\"",
        "SELECT xmlelement(name a, (SELECT 1 FROM p))",
        "SELECT xmlserialize(content (SELECT 'a'::xml FROM p) AS text)",
        "SELECT json_object('a': (SELECT 1 FROM p))",
        "SELECT json_array((SELECT 1 FROM p))",
        "SELECT json_array(SELECT 1 FROM p)",
        "SELECT json_arrayagg((SELECT 1 FROM p))",
        "SELECT (SELECT '{}' FROM p) IS JSON",
        "SELECT json_query((SELECT '{}'::jsonb FROM p), '$')",
        "SELECT 1 GROUP BY GROUPING SETS ((SELECT 1 FROM p), ())",
        "SELECT DISTINCT ON ((SELECT 1 FROM p)) 1",
        "SELECT * FROM (SELECT 1 FROM p) s",
        "SELECT * FROM LATERAL (SELECT 1 FROM p) s",
        "SELECT * FROM f((SELECT 1 FROM p))",
        "SELECT * FROM ROWS FROM (f((SELECT 1 FROM p)))",
        "SELECT * FROM XMLTABLE('/' PASSING (SELECT 'a'::xml FROM p) COLUMNS a int)",
        "SELECT * FROM XMLTABLE('/' PASSING 'a' COLUMNS a int DEFAULT (SELECT 1 FROM p))",
        "SELECT * FROM JSON_TABLE((SELECT '[]'::jsonb FROM p), '$' COLUMNS (a int PATH '$'))",
        "SELECT * FROM (VALUES ((SELECT 1 FROM p))) v",
        "SELECT * FROM (VALUES (1)) a JOIN p ON true",
        "SELECT * FROM (VALUES (1)) a JOIN (VALUES (1)) b ON (SELECT true FROM p)",
        "SELECT * FROM p TABLESAMPLE SYSTEM (1)",
        "SELECT 1 UNION SELECT 1 FROM p",
        "WITH c AS (SELECT 1 FROM p) SELECT 1",
        "WITH RECURSIVE c AS (SELECT 1 UNION ALL SELECT 1 FROM p) SELECT 1",
        "WITH c AS (DELETE FROM p) SELECT 1",
        "SELECT 1 INTO p",
        "INSERT INTO p VALUES (1)",
        "UPDATE p SET a = 1",
        "DELETE FROM p",
        "MERGE INTO p USING (VALUES (1)) v(a) ON true WHEN MATCHED THEN DELETE",
        "COPY p FROM STDIN",
        "COPY (SELECT 1 FROM p) TO STDOUT",
        "LOCK p",
        "TRUNCATE p",
        "VACUUM p",
        "ANALYZE p (a)",
        "CLUSTER p",
        "REINDEX TABLE p",
        "CREATE TABLE p (a int)",
        "CREATE TABLE p AS SELECT 1",
        "CREATE VIEW p AS SELECT 1",
        "CREATE INDEX ON p (a)",
        "CREATE SEQUENCE p",
        "CREATE TYPE p AS (a int)",
        "CREATE FOREIGN TABLE p (a int) SERVER s",
        "CREATE TRIGGER t BEFORE INSERT ON p EXECUTE FUNCTION f()",
        "CREATE RULE r AS ON INSERT TO p DO NOTHING",
        "CREATE POLICY y ON p",
        "ALTER POLICY y ON p USING (true)",
        "ALTER TABLE p ADD COLUMN a int",
        "ALTER TABLE p RENAME TO q",
        "ALTER TABLE p RENAME a TO b",
        "ALTER TABLE p SET SCHEMA s",
        "ALTER TABLE IF EXISTS p OWNER TO o",
        "ALTER INDEX p RENAME TO q",
        "ALTER SEQUENCE p RESTART",
        "REFRESH MATERIALIZED VIEW p",
        "GRANT SELECT ON p TO u",
        "REVOKE SELECT (a) ON p FROM u",
        "CREATE PUBLICATION x FOR TABLE p",
        "CREATE STATISTICS s ON a, b FROM p",
        "EXPLAIN SELECT 1 FROM p",
        "PREPARE x AS SELECT 1 FROM p",
        "DECLARE c CURSOR FOR SELECT 1 FROM p",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 FROM p; END",
        "CREATE SCHEMA s CREATE TABLE p (a int)",
        "EXECUTE x((SELECT 1 FROM p))",
        "CALL f((SELECT 1 FROM p))",
    ] {
        assert!(relations(sql).contains(&"p".to_owned()), "{sql}");
    }
    assert_eq!(
        relations(
            "CREATE TABLE a.t (LIKE b.l, c int REFERENCES c.r) INHERITS (d.i); \
             CREATE TABLE e.q PARTITION OF f.p DEFAULT; ALTER TABLE g.x ATTACH PARTITION h.y DEFAULT; \
             ALTER TABLE i.x INHERIT j.y; ALTER TABLE k.x ADD FOREIGN KEY (a) REFERENCES l.y"
        ),
        [
            "a.t", "b.l", "c.r", "d.i", "e.q", "f.p", "g.x", "h.y", "i.x", "j.y", "k.x", "l.y"
        ]
    );
}

#[test]
fn functions_have_their_arguments_counted_and_constants_noted() {
    let all = found("SELECT s.f(g(1, 'x'), 'y'::text, a || 'z'), count(*)").functions;
    let view: Vec<_> = all
        .iter()
        .map(|f| (f.name.parts.join("."), f.arguments, f.constants.clone()))
        .collect();
    assert_eq!(
        view,
        [
            ("g".into(), 2, vec![(1, "x".into())]),
            ("s.f".into(), 3, vec![(1, "y".into())]),
            ("count".into(), 0, vec![]),
        ]
    );
}

#[test]
fn a_cast_that_changes_its_text_makes_no_constant() {
    for (argument, is_constant) in [
        ("'abc'", true),
        ("'abc'::text", true),
        ("varchar 'abc'", true),
        ("CAST('abc' AS pg_catalog.refcursor)", true),
        ("'abc'::regclass::text", true),
        ("'abc'::varchar(2)", false),
        ("'abc'::char::text", false),
        ("'abc'::bpchar", false),
        ("'abc'::name", false),
        ("'{abc}'::text[]", false),
        ("'abc'::elsewhere.text", false),
        ("lower('abc')", false),
        ("arg => 'abc'", false),
    ] {
        let all = found(&format!("SELECT f(1, {argument})")).functions;
        let f = all.iter().find(|f| f.name.parts == ["f"]).unwrap();
        assert_eq!(!f.constants.is_empty(), is_constant, "{argument}");
    }
}

#[test]
fn types_operators_and_ctes_are_found() {
    let all = found(
        "WITH c AS (SELECT 1) SELECT NULL::s.t[], a OPERATOR(s.+) b, 1 <% ANY (SELECT 2) ORDER BY 1 USING <",
    );
    assert_eq!(all.ctes, ["c"]);
    assert_eq!(all.types[0].name.parts, ["s", "t"]);
    let operators: Vec<_> = all.operators.iter().map(|o| o.parts.join(".")).collect();
    assert_eq!(operators, ["s.+", "<%", "<"]);
    let function = found("CREATE FUNCTION f(a p.x%TYPE) RETURNS int LANGUAGE sql AS ''");
    assert!(function.types.iter().any(|t| t.of_column));
}

#[test]
fn values_are_the_constants_that_are_nothing_else() {
    let values = |text: &str| {
        let values = found(text).values.into_iter();
        let shown = values.map(|at| {
            let end = text[at..]
                .find([' ', ')', ',', ':'])
                .map_or(text.len(), |n| at + n);
            text[at..end].to_owned()
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(
        values(
            "SELECT 1, f(2), a FROM t JOIN u ON t.x = 3 WHERE a = -4 AND NOT b IN ('5', 6::int8) \
             AND c BETWEEN 7 AND 8 AND f(9) = d GROUP BY 10 HAVING count(*) > 11 ORDER BY 12, x + 13 LIMIT 14 OFFSET 15"
        ),
        ["3", "-4", "'5'", "6", "7", "8", "11", "14", "15"]
    );
    assert_eq!(
        values(
            "INSERT INTO t (a, b) VALUES (1, varchar(2) '3'), (f(4), CASE WHEN 5 = 6 THEN 7 END)"
        ),
        ["1", "'3'"]
    );
    assert_eq!(
        values("UPDATE t SET a = 1, b[2] = 3, (c, d) = (4, 5) WHERE e = '6'"),
        ["1", "3", "'6'"]
    );
    assert_eq!(
        values(
            "DELETE FROM t WHERE a = ANY (ARRAY[1]) OR b = f((SELECT c FROM u WHERE d = 2)) OR c = 3"
        ),
        ["3"]
    );
    assert_eq!(
        values("SELECT a FROM t WHERE interval '1' day > b AND c = numeric(5, 2) '6'"),
        ["'1'", "'6'"]
    );
    assert_eq!(
        values("CREATE TABLE t AS SELECT a FROM u WHERE b = 1"),
        ["1"]
    );
    assert_eq!(values("EXECUTE s(1)"), [""; 0]);
}

fn term(sql: &str) -> Term {
    Term::of(&parse(sql, true).unwrap().stmts).unwrap()
}

#[test]
fn a_term_is_the_same_wherever_it_stands() {
    for (one, other) in [
        ("SELECT a FROM t", "SELECT  a /* , b */ FROM\n t"),
        ("SELECT 'a' IN ('b', $1)", "SELECT 'a'  IN  (  'b' , $1 )"),
        ("SELECT ARRAY[1]", "SELECT ARRAY [ 1 ]"),
    ] {
        assert_eq!(term(one), term(other));
    }
}

/// What is 0, empty or absent is left out of a term: statements that differ in that alone are not the same.
#[test]
fn a_term_differs_wherever_the_statement_does() {
    let sets: [&[&str]; 9] = [
        &[
            "SELECT 1",
            "SELECT 2",
            "SELECT 0",
            "SELECT ''",
            "SELECT NULL",
            "SELECT",
            "SELECT 0.0",
        ],
        &[
            "SELECT true",
            "SELECT false",
            "SELECT 't'::bool",
            "SELECT B''",
            "SELECT X''",
        ],
        &[
            "SELECT a",
            "SELECT b",
            "SELECT DISTINCT a",
            "SELECT a.a",
            "SELECT *",
            "SELECT a.*",
            "SELECT a AS a",
        ],
        &[
            "SELECT f()",
            "SELECT f(*)",
            "SELECT f(NULL)",
            "SELECT f(VARIADIC NULL)",
            "SELECT f(DISTINCT NULL)",
        ],
        &[
            "TABLE t",
            "SELECT FROM t",
            "SELECT * FROM ONLY t",
            "SELECT * FROM s.t",
            "SELECT * FROM t FOR UPDATE",
        ],
        &[
            "TABLE t LIMIT 0",
            "TABLE t LIMIT ALL",
            "TABLE t OFFSET 0",
            "TABLE t ORDER BY a FETCH FIRST 0 ROWS WITH TIES",
        ],
        &[
            "SELECT ARRAY[]",
            "SELECT ARRAY[NULL]",
            "SELECT ARRAY[ARRAY[]]",
            "SELECT ROW()",
            "SELECT ROW(NULL)",
        ],
        &[
            "INSERT INTO t DEFAULT VALUES",
            "INSERT INTO t VALUES (DEFAULT)",
            "INSERT INTO t VALUES (NULL)",
        ],
        &[
            "SELECT $1",
            "SELECT $2",
            "SELECT -1",
            "SELECT - 1 + 0",
            "SELECT 0 - 1",
            "SELECT +1",
        ],
    ];
    for set in sets {
        for (ix, one) in set.iter().enumerate() {
            for other in set.iter().skip(ix + 1) {
                assert_ne!(term(one), term(other), "{one} / {other}");
            }
        }
    }
}

#[test]
fn a_term_can_lack_one_field() {
    let path = [
        ("InsertStmt", "select_stmt"),
        ("SelectStmt", "values_lists"),
    ];
    let without = |sql: &str| {
        let tree = parse(sql, true).unwrap();
        Term::without(&*tree.stmts[0].stmt.clone().unwrap(), &path).unwrap()
    };
    let rows = "INSERT INTO t (a) VALUES ((SELECT v FROM (VALUES (1)) x (v)))";
    assert_eq!(without(rows), without("INSERT INTO t (a) VALUES (2), (3)"));
    for other in [
        "INSERT INTO t (b) VALUES (2)",
        "INSERT INTO t (a) SELECT 1",
        "INSERT INTO t (a) VALUES (2) LIMIT 1",
        "WITH c AS (VALUES (1)) INSERT INTO t (a) VALUES (2)",
    ] {
        assert_ne!(without(rows), without(other), "{other}");
    }
    let with = |rows| format!("WITH c AS (VALUES ({rows})) INSERT INTO t (a) VALUES (1)");
    assert_ne!(without(&with("1")), without(&with("2")));
}
