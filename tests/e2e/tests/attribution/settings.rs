//! What the proxy holds for `hippocrypt.user` and `hippocrypt.reason` is what the server has, at every statement.

use super::{clinic, clinic_with, some, told};
use crate::generated::rng::Rng;
use hippocrypt_e2e::Raw;
use hippocrypt_e2e::place::{CLINIC, Place, password};
use hippocrypt_e2e::raw::{bind, execute, parse, rows, sqlstate, status, sync};
use hippocrypt_e2e::sql::succeed;

const PROBE: &str =
    "SELECT current_setting('hippocrypt.user', true), current_setting('hippocrypt.reason', true)";

/// What the server has, as its own answer; `None` where it gives none.
type Seen = Option<[String; 2]>;

/// A session whose every probe is compared with its record.
struct Session<'a> {
    place: &'a Place,
    client: Raw,
    seen: Vec<Seen>,
    script: Vec<String>,
}

impl<'a> Session<'a> {
    fn of(place: &'a Place) -> Self {
        Self {
            place,
            client: place.raw("app"),
            seen: Vec::new(),
            script: Vec::new(),
        }
    }

    fn run(&mut self, sql: &str) -> char {
        self.script.push(sql.to_owned());
        status(&self.client.query(sql))
    }

    fn probe(&mut self) {
        self.script.push("?".into());
        let answer = self.client.query(PROBE);
        self.note(rows(&answer));
    }

    fn note(&mut self, rows: Vec<Vec<Option<String>>>) {
        let text = |v: &Option<String>| v.clone().unwrap_or_default();
        self.seen
            .push(rows.first().map(|row| [text(&row[0]), text(&row[1])]));
    }

    /// A SET and a probe in one pipeline, before anything is answered.
    fn pipelined(&mut self, sql: &str) {
        self.script.push(format!("{sql} | ?"));
        self.client.pipeline(&[
            parse("", sql, &[]),
            bind("", "", &[], 0),
            execute("", 0),
            parse("", PROBE, &[]),
            bind("", "", &[], 0),
            execute("", 0),
            sync(),
        ]);
        let answer = self.client.until_ready();
        if sqlstate(&answer).is_some() {
            return; // the block is aborted: the probe was never asked
        }
        // set_config answers with a row of its own
        let probed = rows(&answer).into_iter().filter(|row| row.len() == 2);
        self.note(probed.collect());
    }

    fn bound(&mut self, name: &str, value: &str, local: bool) {
        self.script
            .push(format!("set_config({name}, ${value}, {local})"));
        let sql = format!("SELECT set_config('hippocrypt.{name}', $1, {local})");
        self.client.pipeline(&[
            parse("", &sql, &[]),
            bind("", "", &[Some(value.as_bytes())], 0),
            execute("", 0),
            sync(),
        ]);
        self.client.until_ready();
    }

    /// Each probe that was answered has a record that names whom the server named. One that the server did not run
    /// (an aborted block) names whom it names.
    fn check(self) {
        let records = told(self.place, self.client.key.0, "current_setting");
        let script = self.script.join("\n");
        assert_eq!(records.len(), self.seen.len(), "{script}");
        for (at, (record, seen)) in records.iter().zip(&self.seen).enumerate() {
            let [user, source, reason, _] = record;
            if let Some([at_user, at_reason]) = seen {
                let named = [user, reason].map(|t| t.clone().unwrap_or_default());
                assert_eq!(
                    named,
                    [at_user.clone(), at_reason.clone()],
                    "probe {at} of\n{script}"
                );
                assert_eq!(source.is_some(), user.is_some());
            }
        }
    }
}

#[test]
fn a_setting_is_told_for_as_long_as_the_server_has_it() {
    let place = clinic();
    let mut client = place.raw("app");
    for sql in [
        "SET hippocrypt.\"user\" = 'dr_grey'; SET hippocrypt.reason = 'T-1'",
        "SELECT id FROM patients",
        "BEGIN",
        "SET LOCAL hippocrypt.user = 'dr_bailey'",
        "SELECT id FROM patients",
        "COMMIT",
        "SELECT id FROM patients",
        "RESET hippocrypt.user",
        "SELECT id FROM patients",
        "DISCARD ALL",
        "SELECT id FROM patients",
    ] {
        assert_eq!(sqlstate(&client.query(sql)), None, "{sql}");
    }
    let expected = [
        ["dr_grey", "setting", "T-1", "setting"],
        ["dr_bailey", "setting", "T-1", "setting"],
        ["dr_grey", "setting", "T-1", "setting"],
        ["", "", "T-1", "setting"],
        ["", "", "", ""],
    ];
    assert_eq!(told(&place, client.key.0, "patients"), expected.map(some));
}

#[test]
fn one_string_of_several_statements_is_followed_as_far_as_its_text_tells() {
    let place = clinic();
    let mut client = place.raw("app");
    client.query("SET hippocrypt.user = 'session'");
    for sql in [
        "BEGIN; SET LOCAL hippocrypt.user = 'a'; SELECT id FROM patients; COMMIT; SELECT id FROM patients",
        "SELECT id FROM patients; COMMIT; SELECT id FROM patients",
        "SELECT set_config('hippocrypt.user', 'b', false); SELECT id FROM patients",
    ] {
        assert_eq!(sqlstate(&client.query(sql)), None, "{sql}");
    }
    let users: Vec<_> = told(&place, client.key.0, "patients");
    let users: Vec<_> = users.iter().map(|t| t[0].as_deref()).collect();
    let session = Some("session");
    assert_eq!(users, [Some("a"), None, session, session, None]);
}

#[test]
fn the_start_up_packet_and_the_role_may_set_it() {
    let place = clinic();
    let options = [("options", "-c hippocrypt.user=from_options")];
    let login = |more| {
        let (port, database) = (place.proxy.port(), &place.database);
        Raw::login_with(port, "app", &password("app"), database, more).unwrap()
    };
    let mut client = login(&options);
    for sql in [
        "SELECT id FROM patients",
        "SET hippocrypt.user = 'x'",
        "RESET ALL",
    ] {
        client.query(sql);
    }
    client.query("SELECT id FROM patients");
    let found = told(&place, client.key.0, "patients");
    let expected = some(["from_options", "setting", "", ""]);
    assert_eq!(found, [expected.clone(), expected]);
    let database = &place.database;
    let sql =
        format!("ALTER ROLE app IN DATABASE {database} SET hippocrypt.\"user\" = 'of_the_role'");
    assert!(hippocrypt_e2e::sql::rows(&place.thief(), &sql).is_ok());
    let mut client = login(&[]);
    client.query("SELECT id FROM patients");
    let found = told(&place, client.key.0, "patients");
    assert_eq!(found, [some(["of_the_role", "setting", "", ""])]);
}

#[test]
fn psql_sets_it_as_it_is_written_in_the_manual() {
    let place = clinic();
    let mut psql = place.program("psql", "app");
    let commands = [
        "SET hippocrypt.user = 'psql user'",
        "SHOW hippocrypt.user",
        "SELECT 'as ' || current_setting('hippocrypt.user')",
        "SELECT id FROM patients",
    ];
    for sql in commands {
        psql.args(["-Atc", sql]);
    }
    assert_eq!(succeed(&mut psql), "SET\npsql user\nas psql user\n");
    let records = place.audit();
    let record = records.iter().rfind(|r| r["type"] == "statement").unwrap();
    assert_eq!(record["end_user"], "psql user");
}

#[test]
fn a_portal_that_was_bound_before_runs_under_what_is_set_when_it_runs() {
    let place = clinic();
    let mut client = place.raw("app");
    client.pipeline(&[
        parse("set", "SET hippocrypt.reason = 'late'", &[]),
        parse("read", "SELECT id FROM patients", &[]),
        bind("s", "set", &[], 0),
        bind("r", "read", &[], 0),
        execute("r", 0),
        execute("s", 0),
        bind("r2", "read", &[], 0),
        execute("r2", 0),
        sync(),
    ]);
    let answer = client.until_ready();
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    client.pipeline(&[
        bind("s", "set", &[], 0),
        bind("r", "read", &[], 0),
        execute("s", 0),
        execute("r", 0),
        sync(),
    ]);
    assert_eq!(sqlstate(&client.until_ready()), None);
    let reasons: Vec<_> = told(&place, client.key.0, "patients");
    let reasons: Vec<_> = reasons.iter().map(|t| t[2].as_deref()).collect();
    assert_eq!(reasons, [None, Some("late"), Some("late")]);
}

#[test]
fn settings_do_not_count_where_the_configuration_leaves_them_out() {
    let place = clinic_with(CLINIC, "attribution: { from: [comment] }");
    let mut session = Session::of(&place);
    session.run("SET hippocrypt.user = 'nobody'");
    session.client.query("SELECT id FROM patients");
    let pid = session.client.key.0;
    assert_eq!(told(&place, pid, "patients"), [some(["", "", "", ""])]);
}

/// One random step; what it does to the block is the server's to say.
fn step(session: &mut Session<'_>, rng: &mut Rng, n: usize) {
    let name = *rng.pick(&["user", "user", "reason"]);
    let local = rng.percent(60);
    let scope = if local { " LOCAL" } else { "" };
    let value = format!("v{n}");
    let savepoint = *rng.pick(&["a", "b"]);
    let set = format!("SET{scope} hippocrypt.{name} = '{value}'");
    let config = format!("SELECT set_config('hippocrypt.{name}', '{value}', {local})");
    match rng.below(22) {
        0..=2 => drop(session.run("BEGIN")),
        3 => drop(session.run("COMMIT")),
        4 => drop(session.run("ROLLBACK")),
        5..=6 => drop(session.run(&format!("SAVEPOINT {savepoint}"))),
        7..=8 => drop(session.run(&format!("ROLLBACK TO {savepoint}"))),
        9 => drop(session.run(&format!("RELEASE {savepoint}"))),
        10..=12 => drop(session.run(&set)),
        13 => drop(session.run(&config)),
        14 => session.bound(name, &value, local),
        15 => drop(session.run(&format!("RESET hippocrypt.{name}"))),
        16 => drop(session.run(rng.pick::<&str>(&["RESET ALL", "DISCARD ALL"]))),
        17 => drop(session.run("SELECT 1/0")),
        18 => drop(session.run(&format!("{set}; SELECT 1/0"))),
        19 => drop(session.run(&format!("BEGIN; {set}; SAVEPOINT {savepoint}"))),
        20 => session.pipelined(&set),
        _ => session.pipelined(&config),
    }
}

#[test]
fn whatever_is_set_rolled_back_and_released_each_record_names_whom_the_server_named() {
    let place = clinic();
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut session = Session::of(&place);
        for n in 0..30 {
            step(&mut session, &mut rng, n);
            if rng.percent(70) {
                session.probe();
            }
        }
        session.check();
    }
}

#[test]
fn a_trusted_trigger_may_set_it() {
    let policy = CLINIC.replace(
        "    tables:\n",
        "    functions: { \"public.named\": trusted }\n    tables:\n",
    );
    let place = clinic_with(&policy, "");
    for sql in [
        "CREATE FUNCTION named() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('hippocrypt.user', 'the trigger', false); RETURN NULL; END $$",
        "CREATE TRIGGER named AFTER INSERT ON visits FOR EACH ROW EXECUTE FUNCTION named()",
        "GRANT ALL ON visits TO app",
    ] {
        hippocrypt_e2e::sql::rows(&place.thief(), sql).unwrap();
    }
    let mut client = place.raw("app");
    client.query("CREATE TABLE makes_the_catalog_known (id int)");
    assert_eq!(
        sqlstate(&client.query("INSERT INTO visits VALUES (1, 1, 'x')")),
        None
    );
    client.query("SELECT id FROM patients");
    let found = told(&place, client.key.0, "patients");
    assert_eq!(found, [some(["the trigger", "setting", "", ""])]);
}
