//! What is given beside deterministic numeric(p,s) and char(n) is shown as PostgreSQL shows it, and constants under casts
//! are what its casts make of them.

use super::{answer, types, ways};
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::raw::{self, sqlstate};

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.prices:
        columns:
          price: { type: "numeric(12,2)",  protect: deterministic }
          cost:  { type: "numeric(8,3)",   protect: deterministic }
          other: { type: "numeric(12,2)",  protect: random }
          code:  { type: "char(5)",        protect: deterministic }
          list:  { type: "numeric(6,2)[]", protect: deterministic }
          word:  { type: "varchar(8)",     protect: deterministic }
          day:   { type: date,             protect: deterministic }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

const TABLE: &str = "CREATE TABLE prices (id int PRIMARY KEY, price numeric(12,2), cost numeric(8,3), other numeric(12,2), \
     code char(5), list numeric(6,2)[], word varchar(8), day date)";

const ROWS: &str = "INSERT INTO prices VALUES (1, 77345.5, 1.25, 8, 'ab', '{1,2.5}', 'word', '2020-01-02'), \
     (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'NaN', 0, 0.1, '', '{}', '', NULL), (4, 0, NULL, NULL, 'abcde', NULL, 'x', NULL)";

/// Statement, and its parameters in text.
const SAME: &[(&str, &[Option<&str>])] = &[
    // each value with its own digits and blanks
    (
        "SELECT id, COALESCE(price, 5), COALESCE(price, 5.50), COALESCE(price, '5.5000'), COALESCE(price, 'NaN'), COALESCE(price, -1e3) FROM prices ORDER BY id",
        &[],
    ),
    (
        "SELECT id, COALESCE(code, 'x'), COALESCE(code, 'x  '), COALESCE(code, 'longer than it'), COALESCE(code, '') FROM prices ORDER BY id",
        &[],
    ),
    (
        "SELECT id, COALESCE(list, '{5,5.5000,NULL}'), COALESCE(list, '{}') FROM prices ORDER BY id",
        &[],
    ),
    (
        "SELECT id, CASE WHEN id < 3 THEN price ELSE 1.5 END, CASE id WHEN 1 THEN '7' WHEN 2 THEN NULL ELSE price END FROM prices ORDER BY id",
        &[],
    ),
    (
        "SELECT id, CASE WHEN id = 1 THEN 'x' ELSE code END, CASE WHEN id = 1 THEN code END FROM prices ORDER BY id",
        &[],
    ),
    (
        "SELECT COALESCE(price, '5'::numeric(9,1)), COALESCE(price, 1.555::numeric(12,2)), COALESCE(price, 5::int8), COALESCE(code, 'abc'::char(2)), COALESCE(code, 'abc'::char(9)), COALESCE(code, 'a '::bpchar) FROM prices WHERE id = 2",
        &[],
    ),
    (
        "SELECT price FROM prices WHERE id = 1 UNION ALL SELECT 5 UNION ALL SELECT '5.50'",
        &[],
    ),
    (
        "SELECT code FROM prices WHERE id = 1 UNION ALL SELECT 'x  '",
        &[],
    ),
    (
        "SELECT id, COALESCE(price, cost), COALESCE(cost, price, 5), COALESCE(other, price, 5.0) FROM prices ORDER BY id",
        &[],
    ),
    (
        "SELECT q.x, q.x::text, q.x::numeric(14,4), q.x::int FROM (SELECT id, COALESCE(cost, 5.5) AS x FROM prices) q ORDER BY q.id",
        &[],
    ),
    (
        "SELECT q.x, q.x::text, q.x::varchar(3) FROM (SELECT id, COALESCE(code, 'x  ') AS x FROM prices) q ORDER BY q.id",
        &[],
    ),
    (
        "WITH q AS (SELECT id, COALESCE(price, 5) AS x FROM prices) SELECT a.x, (SELECT b.x FROM q b WHERE b.id = 2) FROM q a ORDER BY a.id",
        &[],
    ),
    (
        "SELECT lag(price, 1, 5) OVER (ORDER BY id), lag(price) OVER (ORDER BY id) FROM prices",
        &[],
    ),
    (
        "UPDATE prices SET price = 7 WHERE id < 3 RETURNING id, COALESCE(cost, 5), price",
        &[],
    ),
    (
        "SELECT COALESCE(p.price, v.x) FROM prices p JOIN (VALUES (2, 5), (1, 7.50)) v(i, x) ON v.i = p.id ORDER BY p.id",
        &[],
    ),
    (
        "SELECT COALESCE(price, $1), COALESCE(code, $2), COALESCE(list, $3) FROM prices ORDER BY id",
        &[Some("5.500"), Some("x  "), Some("{1.5,2}")],
    ),
    (
        "SELECT COALESCE(price, $1) FROM prices WHERE price = $1 OR id = 2 ORDER BY id",
        &[Some("0.000")],
    ),
    (
        "SELECT COALESCE(price, $1::int), COALESCE(price, $2::numeric(12,2)), COALESCE(price, 5, $2::numeric(12,2)) FROM prices ORDER BY id",
        &[Some("5"), Some("1.555")],
    ),
    (
        "SELECT id FROM (SELECT id, COALESCE(price, 5) AS x FROM prices) q WHERE q.x = 5.00",
        &[],
    ),
    // constants under casts
    (
        "SELECT id FROM prices WHERE price = ANY (ARRAY['77345.501'::numeric(12,2), '0', 3]) OR code = ANY (ARRAY['abcdefgh'::char(5), 'c']) ORDER BY id",
        &[],
    ),
    (
        "SELECT id FROM prices WHERE price = '77345.49'::numeric(6,1) OR code = 'abXX'::char(2) OR word = 'words'::varchar(4) ORDER BY id",
        &[],
    ),
    (
        "INSERT INTO prices (id, price, code, word, day) VALUES (10, '1.555'::numeric(5,1), 'abcdef'::varchar(4), 12345::text, '2020-01-01 23:00'::timestamp(0)) RETURNING *",
        &[],
    ),
    (
        "INSERT INTO prices (id, price) VALUES (10, 1.5::int4), (11, 2.5::int2) RETURNING price",
        &[],
    ),
    // NULL where a text is what NULLIF says
    (
        "INSERT INTO prices (id, word, code) VALUES (11, NULLIF($1, ''), NULLIF($2, 'none')) RETURNING word, code",
        &[Some(""), Some("nine")],
    ),
    (
        "INSERT INTO prices (id, word) VALUES (11, NULLIF('', '')), (12, NULLIF('y', '')), (13, NULLIF(NULL, '')), (14, NULLIF('z'::text, 'z'::varchar)) RETURNING id, word",
        &[],
    ),
    (
        "UPDATE prices SET day = NULLIF($1, '')::date, price = NULLIF($2, '-')::numeric(12,2), word = COALESCE(NULLIF($3, ''), word) WHERE id = 1 RETURNING day, price, word",
        &[Some("2021-02-03"), Some("-"), Some("")],
    ),
    // values without a type are text
    (
        "UPDATE prices SET word = COALESCE($1, 'y'), code = CASE WHEN id = 1 THEN $2 ELSE 'z' END RETURNING word, code",
        &[None, Some("q")],
    ),
    (
        "UPDATE prices SET price = COALESCE($1, 5) WHERE id = 2 RETURNING price",
        &[Some("7")],
    ),
    (
        "UPDATE prices SET word = COALESCE(word, $1) WHERE id = 2 RETURNING word",
        &[Some("new")],
    ),
];

/// Errors as on the twin.
const WRONG: &[&str] = &[
    "SELECT COALESCE(price, '1,5') FROM prices",
    "SELECT COALESCE(price, '1555.5'::numeric(5,2)) FROM prices WHERE id = 2",
    "INSERT INTO prices (id, price) VALUES (10, '1555.5'::numeric(5,2))",
    "INSERT INTO prices (id, price) VALUES (10, '1.5x'::numeric(5,2))",
    "SELECT id FROM prices WHERE price = ANY (ARRAY['x'::numeric(5,2), '2'])",
    "UPDATE prices SET day = NULLIF('2020-02-31', '')::date WHERE id = 1",
    "UPDATE prices SET day = NULLIF('2020-01-01', '') WHERE id = 1",
    "UPDATE prices SET price = COALESCE('5', '6') WHERE id = 1",
    "INSERT INTO prices (id, word) VALUES (11, NULLIF('far too long', ''))",
];

/// The whole is of another type, or one constant would have to be two cells: refused, and nothing else.
const REFUSED: &[&str] = &[
    "SELECT COALESCE(code, 'x'::text) FROM prices",
    "SELECT COALESCE(day, timestamp '2020-01-01 10:00') FROM prices",
    "SELECT DISTINCT COALESCE(price, 5) FROM prices",
    "SELECT id FROM prices WHERE word = 'x'::char(3)",
    "SELECT price FROM prices UNION SELECT 5",
    "SELECT COALESCE(price, NULLIF(5, price)) FROM prices",
    "SELECT q.x FROM (SELECT COALESCE(price, 5) AS x FROM prices) q WHERE q.x = 5",
    "CREATE VIEW v AS SELECT COALESCE(price, 5) AS x FROM prices",
];

/// EXECUTE of a statement, with these arguments.
const EXECUTED: &[(&str, &[&str])] = &[
    (
        "UPDATE prices SET price = $1, code = $2, word = $3 WHERE id = 1 RETURNING price, code, word",
        &[
            "'1.555'::numeric(5,1), 'abc'::char(2), 'longer'::varchar(4)",
            "1.5::int4, 12::text, 5",
            "'1555.5'::numeric(5,2), 'x', 'y'",
            "'1,5'::numeric(5,2), 'x', 'y'",
            "2, 'abcdefgh'::varchar(7), 'y'",
            "2, 'x', 'abcdefghijk'::char(10)",
            "true::text, 'x', 'y'",
        ],
    ),
    (
        "SELECT id, COALESCE(price, $1), COALESCE(code, $2) FROM prices WHERE price = $1 OR id < 3 ORDER BY id",
        &[
            "5, 'x'",
            "'77345.501'::numeric(12,2), 'x'::char(9)",
            "'0'::numeric(9,4), 'x  '::text",
        ],
    ),
    (
        "UPDATE prices SET word = NULLIF($1, 'none') WHERE id = 1 RETURNING word",
        &["'none'", "'none'::varchar(9)", "'some'::varchar(3)", "NULL"],
    ),
    (
        "UPDATE prices SET day = $1 WHERE id = 1 RETURNING day",
        &[
            "'2020-01-01 23:59:59.9'::timestamp(0)",
            "timestamptz '2020-01-01 10:00+00'",
            "'2020-01-01'::varchar(4)",
        ],
    ),
];

#[test]
fn values_beside_cells_and_constants_under_casts_are_answered_as_by_the_twin() {
    let place = Setup::policy(POLICY).start();
    place.both(TABLE);
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for client in [&mut through, &mut twin] {
        assert_eq!(sqlstate(&client.query(ROWS)), None);
    }
    let mut wrong = Vec::new();
    for (sql, values) in SAME {
        let described = super::prepare(&mut twin, sql, &[]);
        let oids = types(&described).unwrap_or_else(|| panic!("{sql}: {described:?}"));
        super::forget(&mut twin);
        let both = [&mut through, &mut twin].map(|client| ways(client, sql, values, &oids));
        let [a, b] = &both;
        for (a, b) in a.iter().zip(b).filter(|(a, b)| a != b) {
            wrong.push(format!("{sql}\n    proxy {a:?}\n    twin  {b:?}"));
        }
    }
    for (sql, arguments) in EXECUTED {
        for arguments in *arguments {
            let both = [&mut through, &mut twin].map(|client| {
                client.query(&format!("BEGIN; PREPARE q AS {sql}"));
                let executed = answer(&client.query(&format!("EXECUTE q ({arguments})")));
                client.query("ROLLBACK");
                client.query("DEALLOCATE q");
                executed
            });
            if both[0] != both[1] {
                wrong.push(format!("{sql} ({arguments})\n    {both:?}"));
            }
        }
    }
    for sql in WRONG {
        let both = [&mut through, &mut twin].map(|client| sqlstate(&client.query(sql)));
        if both[0] != both[1] || both[0].is_none() {
            wrong.push(format!("{sql}\n    {both:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for sql in REFUSED {
        let refused = through.query(sql);
        assert_eq!(sqlstate(&refused).as_deref(), Some("0A000"), "{sql}");
        assert!(raw::rows(&refused).is_empty());
    }
    place.assert_hidden("77345.5");
}
