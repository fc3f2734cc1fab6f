//! Relations that are made of protected ones: views, materialized views, partitions, children, row security.
//!
//! Each statement runs on its own, through the proxy and on the twin, and must be answered alike; what it
//! names must never be on the wire behind the proxy, nor in the database.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{Message, Raw, comparable, sqlstate};

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.events:
        columns:
          kind: { type: varchar(12), protect: deterministic, mask: first 1 }
          note: { type: text,        protect: random,        mask: first 1 }
      public.people:
        columns:
          kind: { type: varchar(12), protect: deterministic, group: public.events.kind }
          name: { type: text,        protect: random,        mask: first 1 }
roles:
  clinical: { users: [app], columns: { "*": clear } }
  billing:  { users: [billing], columns: { "*": mask } }
default: deny
"#;

const CANARIES: [&str; 4] = ["Ocelot", "Pangolin", "Axolotl", "quiet lemur"];

/// Answered as by the twin, one after the other.
const SAME: &[&str] = &[
    "CREATE TABLE events (id int, region text, kind varchar(12), note text) PARTITION BY LIST (kind)",
    "CREATE TABLE events_o PARTITION OF events FOR VALUES IN ('Ocelot', NULL)",
    "CREATE TABLE events_p (note text, kind varchar(12), id int, region text)",
    "DROP TABLE events_p",
    "CREATE TABLE events_p PARTITION OF events (id PRIMARY KEY) FOR VALUES IN ('Pangolin') PARTITION BY HASH (id)",
    "CREATE TABLE events_p0 PARTITION OF events_p FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    "INSERT INTO events VALUES (1, 'north', 'Ocelot', 'quiet lemur'), (2, 'south', 'Pangolin', NULL), (3, 'south', NULL, 'quiet lemur') RETURNING *",
    "INSERT INTO events (id, kind) VALUES (4, 'Axolotl')",
    "CREATE TABLE events_rest PARTITION OF events DEFAULT",
    "INSERT INTO events (id, kind) VALUES (4, 'Axolotl')",
    "SELECT id, kind, note FROM events ORDER BY id",
    "SELECT kind, note, tableoid::regclass::text FROM events WHERE kind = 'Pangolin'",
    "SELECT * FROM events_o ORDER BY id",
    "SELECT * FROM events_p0",
    "INSERT INTO events_o (id, kind) VALUES (5, 'Ocelot')",
    "INSERT INTO events_o (id, kind) VALUES (5, 'Pangolin')",
    "UPDATE events SET kind = 'Ocelot' WHERE kind = 'Axolotl' RETURNING id, kind",
    "UPDATE events_p SET note = 'quiet lemur' WHERE kind = 'Pangolin' RETURNING note",
    "SELECT count(*) FROM ONLY events",
    "ALTER TABLE events DETACH PARTITION events_p",
    "ALTER TABLE events ATTACH PARTITION events_p FOR VALUES IN ('Pangolin')",
    "SELECT id, note FROM events WHERE kind IN ('Ocelot', 'Pangolin') ORDER BY id",
    "CREATE INDEX ON events (kind)",
    "DELETE FROM events WHERE kind = 'Ocelot' AND id = 5 RETURNING kind",
    // inheritance
    "CREATE TABLE people (id int, kind varchar(12), name text)",
    "CREATE TABLE staff (grade text) INHERITS (people)",
    "INSERT INTO staff VALUES (1, 'Ocelot', 'Axolotl', 'g')",
    "INSERT INTO people VALUES (2, 'Pangolin', 'Axolotl')",
    "SELECT name FROM people WHERE kind = 'Ocelot'",
    "SELECT p.name, e.note FROM people p JOIN events e USING (kind) ORDER BY p.id, e.id",
    "ALTER TABLE staff NO INHERIT people",
    "ALTER TABLE staff INHERIT people",
    "UPDATE staff SET name = 'Pangolin' WHERE kind = 'Ocelot' RETURNING *",
    // views, in the session that made them and by name only
    "CREATE VIEW seen AS SELECT e.id, e.kind AS k, p.name FROM events e LEFT JOIN people p ON p.kind = e.kind WHERE e.kind <> 'Axolotl'",
    "SELECT * FROM seen ORDER BY id",
    "SELECT count(*) FROM seen WHERE k = 'Ocelot'",
    "CREATE VIEW staff_view AS SELECT * FROM staff",
    "INSERT INTO staff_view VALUES (7, 'Pangolin', 'Axolotl', 'h') RETURNING name",
    "UPDATE staff_view SET kind = 'Ocelot' WHERE id = 7 RETURNING kind, grade",
    "DELETE FROM staff_view WHERE kind = 'Ocelot' AND id = 7",
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'staff_view'::regclass AND attnum > 0 ORDER BY attnum",
    "ALTER VIEW staff_view RENAME TO colleagues",
    "SELECT name FROM colleagues",
    "ALTER VIEW colleagues SET (security_barrier = true)",
    // materialized views
    "CREATE MATERIALIZED VIEW kinds AS SELECT kind, count(*) AS n, min(id) AS first FROM events GROUP BY kind",
    "SELECT n, first FROM kinds WHERE kind = 'Ocelot'",
    "SELECT kind FROM kinds WHERE first = 1",
    "INSERT INTO events VALUES (9, 'west', 'Ocelot', 'quiet lemur')",
    "CREATE UNIQUE INDEX ON kinds (kind)",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY kinds",
    "SELECT kind, n FROM kinds ORDER BY first",
    "UPDATE kinds SET n = 1",
    "CREATE MATERIALIZED VIEW either AS SELECT id, COALESCE(note, 'quiet lemur') AS note FROM events WITH NO DATA",
    "SELECT * FROM either",
    "REFRESH MATERIALIZED VIEW either",
    "SELECT id, note FROM either ORDER BY id",
    "COPY kinds TO STDOUT",
    "COPY seen TO STDOUT",
    "COPY staff (name, kind) TO STDOUT",
    "COPY (SELECT k, name FROM seen ORDER BY id) TO STDOUT WITH (FORMAT csv)",
    "DECLARE c CURSOR FOR SELECT name FROM seen",
    "PREPARE q (text) AS SELECT name FROM seen WHERE k = $1",
    "EXECUTE q ('Ocelot')",
    // tables made of clear columns
    "CREATE TABLE regions AS SELECT id, region FROM events WHERE kind = 'Ocelot'",
    "SELECT * FROM regions ORDER BY id",
    "CREATE TEMP TABLE t AS SELECT id FROM events WHERE kind = 'Pangolin'",
    "SELECT e.note FROM events e JOIN t USING (id)",
    "SELECT id, region INTO TEMP u FROM events WHERE kind = 'Ocelot'",
    "SELECT count(*) FROM u",
    "CREATE TEMP TABLE events (id int)",
    "SELECT * FROM events",
    "DROP TABLE pg_temp.events",
    "SELECT id FROM events WHERE kind = 'Pangolin'",
    // row security
    "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE people FORCE ROW LEVEL SECURITY",
    "SELECT name FROM people",
    "CREATE POLICY own ON people FOR SELECT USING (id < 2 OR kind = 'Pangolin')",
    "CREATE POLICY kinds ON people FOR INSERT WITH CHECK (kind IN ('Ocelot', 'Pangolin'))",
    "CREATE POLICY named ON people AS RESTRICTIVE USING (name IS NOT NULL OR EXISTS (SELECT FROM events k WHERE k.kind = people.kind))",
    "INSERT INTO people (id, kind, name) VALUES (70, 'Ocelot', 'Axolotl')",
    "INSERT INTO people (id, kind, name) VALUES (71, 'Axolotl', 'Axolotl')",
    "SELECT id, name FROM people ORDER BY id",
    "ALTER POLICY own ON people USING (kind IN ('Ocelot', 'Axolotl'))",
    "SELECT id, name FROM people ORDER BY id",
    "SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname <> 'named' ORDER BY 1",
    "ALTER POLICY own ON people RENAME TO mine",
    "DROP POLICY kinds ON people",
];

/// Refused through the proxy.
const REFUSED: &[&str] = &[
    "CREATE TABLE copies AS SELECT id, note FROM events",
    "CREATE TEMP TABLE copies AS SELECT k FROM seen",
    "SELECT kind INTO copies FROM events",
    "CREATE TEMP TABLE child () INHERITS (people)",
    "CREATE TABLE child (kind varchar(12)) INHERITS (people)",
    "CREATE TABLE child PARTITION OF events FOR VALUES IN (lower('Axolotl'))",
    "CREATE VIEW leak AS SELECT lower(kind) FROM events",
    "CREATE TEMP VIEW leak AS SELECT kind FROM events",
    "CREATE POLICY leak ON people USING (lower(kind) = 'ocelot')",
    "CREATE POLICY leak ON people USING (name = 'Axolotl')",
    "CREATE POLICY leak ON people USING (EXISTS (SELECT FROM seen))",
    "CREATE RULE r AS ON UPDATE TO seen DO INSTEAD NOTHING",
    "INSERT INTO either VALUES (1, 'Axolotl')",
];

fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => vec![format!("E{}", m.sqlstate())],
        // a notice is about names, and temporary ones differ
        'N' => Vec::new(),
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

fn run(place: &Place, through: &mut Raw, twin: &mut Raw) {
    let mut wrong = Vec::new();
    for sql in SAME {
        let (a, b) = (answer(&through.query(sql)), answer(&twin.query(sql)));
        if a != b {
            wrong.push(format!("{sql}\n    proxy {a:?}\n    twin  {b:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

#[test]
fn what_is_made_of_protected_tables_is_answered_as_by_the_twin() {
    let place = Setup::policy(POLICY).start();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    run(&place, &mut through, &mut twin);
    for sql in REFUSED {
        let answers = through.query(sql);
        assert!(
            matches!(sqlstate(&answers).as_deref(), Some("0A000" | "42809")),
            "{sql}: {answers:?}"
        );
    }
}

#[test]
fn a_view_shows_each_user_what_its_columns_may() {
    let place = Setup::policy(POLICY).start();
    let mut app = place.raw("app");
    for sql in [
        "CREATE TABLE people (id int, kind varchar(12), name text)",
        "INSERT INTO people VALUES (1, 'Ocelot', 'Axolotl')",
        "CREATE VIEW v AS SELECT id, name, kind FROM people",
        "CREATE VIEW some_ids AS SELECT id FROM people WHERE kind = 'Ocelot'",
        "GRANT ALL ON v, some_ids TO billing, guest",
    ] {
        assert_eq!(sqlstate(&app.query(sql)), None, "{sql}");
    }
    let rows = |user: &str, sql: &str| {
        let answers = place.raw(user).query(sql);
        let rows: Vec<_> = answers.iter().filter(|m| m.tag == 'D').collect();
        (
            sqlstate(&answers),
            format!("{:?}", answer(&answers)),
            rows.len(),
        )
    };
    let (_, shown, _) = rows("billing", "SELECT name, kind FROM v");
    assert!(
        shown.contains("A******") && shown.contains("u{6}******"),
        "{shown}"
    );
    assert_eq!(
        rows("billing", "SELECT id FROM v WHERE kind = 'Ocelot'")
            .0
            .as_deref(),
        Some("42501")
    );
    assert_eq!(
        rows("billing", "SELECT id FROM some_ids").0.as_deref(),
        Some("42501")
    );
    assert_eq!(
        rows("guest", "SELECT name FROM v").0.as_deref(),
        Some("42501")
    );
    assert_eq!(rows("guest", "SELECT id FROM v").2, 1);
    assert_eq!(rows("app", "SELECT id FROM some_ids").2, 1);
}
