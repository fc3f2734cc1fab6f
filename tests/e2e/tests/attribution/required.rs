//! What the policy wants told, and what comments tell.

use super::{clinic, clinic_with, some, started, statements, told};
use hippocrypt_e2e::Raw;
use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{bind, execute, parse, sqlstate, status, sync};
use hippocrypt_e2e::sql::rows as direct;

fn code(client: &mut Raw, sql: &str) -> Option<String> {
    sqlstate(&client.query(sql))
}

/// patients wants an end user of everybody, the role of app a reason where protected columns are touched.
fn strict(more: &str) -> Place {
    let table = "public.patients:\n        require_end_user: true";
    let policy = CLINIC.replace("public.patients:", table).replacen(
        "users: [app],",
        "users: [app], require_reason: true,",
        1,
    );
    let place = started(&policy, more);
    let told = "SET hippocrypt.\"user\" = 'dba'; SET hippocrypt.reason = 'setup';";
    place.both(&format!("{told}{CLINIC_TABLES}"));
    place
}

#[test]
fn a_table_wants_an_end_user_and_a_role_a_reason() {
    let place = strict("");
    let mut client = place.raw("app");
    let refused = Some("42501".to_owned());
    for sql in [
        "SELECT name FROM patients",
        "SELECT count(*) FROM patients",
        "INSERT INTO patients (id, name) VALUES (1, 'x')",
        "TRUNCATE patients",
        "COPY patients TO STDOUT",
        "EXPLAIN SELECT id FROM patients",
        "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM patients",
    ] {
        assert_eq!(code(&mut client, sql), refused, "{sql}");
    }
    for sql in [
        "SELECT room FROM visits",
        "SELECT count(*) FROM claims",
        "BEGIN",
        "ROLLBACK",
    ] {
        assert_eq!(code(&mut client, sql), None, "{sql}");
    }
    client.query("SET hippocrypt.user = 'dr_grey'");
    assert_eq!(code(&mut client, "SELECT count(*) FROM patients"), None);
    let answer = client.query("SELECT name FROM patients");
    let error = answer.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert!(error[&'M'].contains("reason"), "{error:?}");
    assert!(
        error[&'H'].contains("SET LOCAL hippocrypt.reason"),
        "{error:?}"
    );
    assert!(
        error[&'H'].contains("/*hippocrypt_reason='…'*/"),
        "{error:?}"
    );
    assert_eq!(code(&mut client, "SELECT patient_ssn FROM claims"), refused);
    client.query("SET hippocrypt.reason = 'T-7'");
    assert_eq!(code(&mut client, "SELECT name FROM patients"), None);
    assert_eq!(code(&mut client, "SELECT patient_ssn FROM claims"), None);
    assert!(!place.tap.saw(b"INSERT INTO patients"));
}

#[test]
fn a_refusal_for_want_of_a_name_is_on_record_and_leaves_the_session_as_an_error_does() {
    let place = strict("");
    let mut client = place.raw("app");
    client.query("BEGIN");
    let answer = client.query("SELECT count(*) FROM patients /*hippocrypt_reason='T-8'*/");
    assert_eq!(
        (sqlstate(&answer).as_deref(), status(&answer)),
        (Some("42501"), 'E')
    );
    let records = statements(&place, client.key.0);
    let record = records.last().unwrap();
    assert_eq!(record["decision"], "refused");
    assert_eq!(record["sqlstate"], "42501");
    assert_eq!(record["reason"], "T-8");
}

#[test]
fn what_is_behind_a_name_counts_too() {
    let place = strict("");
    let mut client = place.raw("app");
    let refused = Some("42501".to_owned());
    for sql in [
        "SET hippocrypt.user = 'dba'; SET hippocrypt.reason = 'views'",
        "CREATE VIEW vips AS SELECT id FROM patients WHERE vip",
        "CREATE VIEW of_view AS SELECT id AS n FROM vips",
        "PREPARE p AS SELECT count(*) FROM patients",
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT id FROM patients",
        "RESET hippocrypt.user",
        "SAVEPOINT s",
    ] {
        assert_eq!(code(&mut client, sql), None, "{sql}");
    }
    for sql in [
        "SELECT count(*) FROM vips",
        "SELECT n FROM of_view",
        "EXECUTE p",
        "FETCH c",
    ] {
        assert_eq!(code(&mut client, sql), refused, "{sql}");
        assert_eq!(code(&mut client, "ROLLBACK TO s"), None);
        client.query("RESET hippocrypt.user");
    }
}

#[test]
fn a_statement_may_be_prepared_by_nobody_and_run_by_somebody() {
    let place = strict("");
    let mut client = place.raw("app");
    client.pipeline(&[parse("s", "SELECT name FROM patients", &[]), sync()]);
    assert_eq!(sqlstate(&client.until_ready()), None);
    let run = |client: &mut Raw| {
        client.pipeline(&[bind("", "s", &[], 0), execute("", 0), sync()]);
        sqlstate(&client.until_ready())
    };
    assert_eq!(run(&mut client).as_deref(), Some("42501"));
    for (user, expected) in [("a", None), ("b", None), ("", Some("42501"))] {
        client.query("BEGIN");
        client.query(&format!("SET LOCAL hippocrypt.user = '{user}'"));
        client.query("SET LOCAL hippocrypt.reason = 'r'");
        assert_eq!(run(&mut client).as_deref(), expected, "{user}");
        client.query("ROLLBACK");
    }
    client.pipeline(&[
        parse("", "SELECT id FROM patients", &[]),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
    ]);
    assert_eq!(sqlstate(&client.until_ready()).as_deref(), Some("42501"));
}

#[test]
fn comments_tell_as_sqlcommenter_writes_them_and_constants_do_not() {
    let place = clinic();
    let mut client = place.raw("app");
    for sql in [
        "SELECT id FROM patients /*action='x',hippocrypt_reason='T%201',hippocrypt_user='Zo%C3%AB'*/",
        "SELECT id FROM patients WHERE '/*hippocrypt_user=''eve''*/' = $$/*hippocrypt_user='eve'*/$$",
        "SELECT id FROM patients /*hippocrypt_user='a'*/ /*hippocrypt_user='b'*/",
        "SELECT id FROM patients -- /*hippocrypt_user='eve'*/",
        "SELECT 1 /*hippocrypt_user='one'*/; SELECT id FROM patients /*hippocrypt_user='two'*/;",
    ] {
        assert_eq!(code(&mut client, sql), None, "{sql}");
    }
    client.query("SET hippocrypt.user = 'set'");
    client.query("SELECT id FROM patients /*hippocrypt_user='tag',hippocrypt_reason='why'*/");
    let expected = [
        ["Zoë", "comment", "T 1", "comment"],
        ["", "", "", ""],
        ["", "", "", ""],
        ["", "", "", ""],
        ["two", "comment", "", ""],
        ["set", "setting", "why", "comment"],
    ];
    assert_eq!(told(&place, client.key.0, "patients"), expected.map(some));
}

#[test]
fn the_configuration_says_which_sources_count_and_how_tags_are_called() {
    let more = "attribution: { from: [comment, application_name], comment: { user: app_user, reason: why } }";
    let place = clinic_with(CLINIC, more);
    let mut client = place.raw("app");
    client.query("SET hippocrypt.user = 'set'");
    client.query("SELECT id FROM patients");
    client.query("SELECT id FROM patients /*app_user='tag',why='w',hippocrypt_reason='x'*/");
    client.query("SET application_name = 'another'");
    client.query("SELECT id FROM patients");
    let expected = [
        ["raw", "application_name", "", ""],
        ["tag", "comment", "w", "comment"],
        ["another", "application_name", "", ""],
    ];
    assert_eq!(told(&place, client.key.0, "patients"), expected.map(some));
}

#[test]
fn partitions_and_children_want_what_the_table_above_wants_and_are_not_reached_from_above_without()
{
    let table = |name: &str| {
        format!(
            "      public.{name}:\n        require_end_user: true\n        require_reason: true\n        \
             columns: {{ body: {{ type: text, protect: none }} }}\n"
        )
    };
    let tables = ["notes", "parents", "only_child", "only_part"];
    let tables = tables.map(table).concat();
    let policy = format!("databases:\n  DATABASE:\n    tables:\n{tables}default: clear\n");
    let place = started(&policy, "");
    let mut app = place.raw("app");
    for sql in [
        "SET hippocrypt.user = 'dba'; SET hippocrypt.reason = 'setup'",
        "CREATE TABLE notes (id int, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id)",
        "CREATE TABLE notes_1_a PARTITION OF notes_1 FOR VALUES FROM (0) TO (50)",
        "CREATE TABLE parents (id int, body text)",
        "CREATE TABLE children () INHERITS (parents)",
        "CREATE TABLE grandchildren () INHERITS (children)",
        "CREATE TABLE top (id int, body text)",
        "CREATE TABLE only_child (id int, body text)",
        "ALTER TABLE only_child INHERIT top",
        "CREATE TABLE parted (id int, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE only_part (id int, body text)",
        "ALTER TABLE parted ATTACH PARTITION only_part FOR VALUES FROM (0) TO (100)",
        "RESET hippocrypt.user",
    ] {
        assert_eq!(code(&mut app, sql), None, "{sql}");
    }
    for relation in [
        "notes",
        "notes_1",
        "notes_1_a",
        "parents",
        "children",
        "grandchildren",
        "top",
        "only_child",
        "parted",
        "only_part",
    ] {
        for sql in [
            format!("SELECT count(*) FROM {relation}"),
            format!("SELECT id FROM {relation}"),
            format!("DELETE FROM {relation}"),
            format!("TRUNCATE {relation}"),
            format!("WITH r AS (SELECT id FROM {relation}) SELECT 1"),
        ] {
            // a parent whose child shows protected columns is read by nobody
            let code = code(&mut app, &sql);
            let above = ["top", "parted"].contains(&relation) && !sql.starts_with("TRUNCATE");
            let expected = if above { "0A000" } else { "42501" };
            assert_eq!(code.as_deref(), Some(expected), "{sql}");
        }
    }
    assert!(
        !place.tap.saw(b"SELECT count(*)"),
        "nothing of it went upstream"
    );
}

#[test]
fn truncate_cascade_touches_what_foreign_keys_reach() {
    let table = |name: &str| {
        format!(
            "      public.{name}:\n        require_end_user: true\n        \
             columns: {{ body: {{ type: text, protect: none }} }}\n"
        )
    };
    let tables = ["notes", "parted", "only_part", "late"].map(table).concat();
    let policy = format!("databases:\n  DATABASE:\n    tables:\n{tables}default: clear\n");
    let place = started(&policy, "");
    let mut app = place.raw("app");
    for sql in [
        "SET hippocrypt.user = 'dba'",
        "CREATE TABLE clear_parent (id int PRIMARY KEY, of int REFERENCES clear_parent)",
        "CREATE TABLE clear_middle (id int PRIMARY KEY REFERENCES clear_parent)",
        "CREATE TABLE notes (id int PRIMARY KEY REFERENCES clear_middle, body text)",
        "ALTER TABLE clear_middle ADD FOREIGN KEY (id) REFERENCES notes DEFERRABLE INITIALLY DEFERRED",
        "CREATE TABLE clear_second (id int PRIMARY KEY)",
        "CREATE TABLE parted (id int REFERENCES clear_second, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE clear_third (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE clear_third_1 PARTITION OF clear_third FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE clear_parted (id int REFERENCES clear_third, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE only_part (id int, body text)",
        "ALTER TABLE clear_parted ATTACH PARTITION only_part FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE clear_child () INHERITS (clear_second)",
        "CREATE TABLE pg_like (id int PRIMARY KEY)",
        "ALTER TABLE notes ADD COLUMN like_id int REFERENCES public.pg_like",
        "CREATE TABLE lone (id int PRIMARY KEY)",
        "CREATE TABLE late (id int, body text)",
        "INSERT INTO clear_second VALUES (1)",
        "INSERT INTO parted VALUES (1, 'kept')",
        "RESET hippocrypt.user",
    ] {
        assert_eq!(code(&mut app, sql), None, "{sql}");
    }
    let refused = Some("42501".to_owned());
    let reached: [(&str, &[&str]); 8] = [
        ("clear_parent", &["clear_middle", "notes"]),
        ("ONLY clear_parent", &["clear_middle", "notes"]),
        ("clear_middle", &["notes"]),
        ("lone, clear_parent", &["clear_middle", "lone", "notes"]),
        ("clear_second", &["parted"]),
        ("public.clear_second", &["parted"]),
        ("clear_third", &["clear_parted", "only_part"]),
        ("clear_third_1", &["clear_parted", "only_part"]),
    ];
    for (named, also) in reached {
        let sql = format!("TRUNCATE {named} CASCADE");
        assert_eq!(code(&mut app, &sql), refused, "{sql}");
        assert_eq!(code(&mut app, "SET hippocrypt.user = 'dba'"), None);
        assert_eq!(code(&mut app, "BEGIN"), None);
        assert_eq!(code(&mut app, &sql), None, "{sql}");
        assert_eq!(code(&mut app, "ROLLBACK"), None);
        assert_eq!(code(&mut app, "RESET hippocrypt.user"), None);
        let records = statements(&place, app.key.0);
        let mut records = records.iter().filter(|r| r["sql"] == *sql);
        for decision in ["refused", "forwarded"] {
            let record = records.next().unwrap();
            assert_eq!(record["decision"], decision, "{record}");
            let listed = record["tables"].as_array().unwrap();
            for table in also {
                assert!(
                    listed.contains(&format!("public.{table}").into()),
                    "{record}"
                );
            }
            assert!(!listed.contains(&"public.late".into()), "{record}");
        }
    }
    for (sql, expected) in [
        ("CREATE TEMP TABLE clear_parent (id int)", None),
        ("TRUNCATE clear_parent CASCADE", None),
        ("TRUNCATE public.clear_parent CASCADE", Some("42501")),
        ("SET search_path = public, pg_temp", None),
        ("TRUNCATE clear_parent CASCADE", Some("42501")),
        ("SET search_path = pg_temp, public", None),
        ("TRUNCATE clear_parent CASCADE", None),
        ("TRUNCATE clear_middle CASCADE", Some("42501")),
        ("RESET search_path", None),
        ("DROP TABLE pg_temp.clear_parent", None),
        ("TRUNCATE pg_like CASCADE", Some("42501")),
    ] {
        assert_eq!(code(&mut app, sql).as_deref(), expected, "{sql}");
    }
    for sql in ["TRUNCATE clear_child CASCADE", "TRUNCATE lone CASCADE"] {
        assert_eq!(code(&mut app, sql), None, "{sql}");
    }
    let answer = app.query("TRUNCATE clear_parent");
    let error = answer.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert_eq!(error[&'C'], "0A000");
    assert!(
        error[&'M'].contains("referenced in a foreign key constraint"),
        "{error:?}"
    );
    app.pipeline(&[parse("s", "TRUNCATE lone CASCADE", &[]), sync()]);
    assert_eq!(sqlstate(&app.until_ready()), None);
    let key = "ALTER TABLE late ADD FOREIGN KEY (id) REFERENCES lone";
    assert_eq!(code(&mut app, "SET hippocrypt.user = 'dba'"), None);
    let both = format!("{key}; TRUNCATE lone CASCADE");
    let answer = app.query(&both);
    let error = answer.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert!(error[&'M'].contains("CASCADE reaches"), "{error:?}");
    assert_eq!(code(&mut app, key), None);
    assert_eq!(code(&mut app, "RESET hippocrypt.user"), None);
    app.pipeline(&[bind("", "s", &[], 0), execute("", 0), sync()]);
    assert_eq!(sqlstate(&app.until_ready()), refused);
    let kept = direct(&place.thief(), "SELECT body FROM parted");
    assert_eq!(kept.unwrap().len(), 1);
}
