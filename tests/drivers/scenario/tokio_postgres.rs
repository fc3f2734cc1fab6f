//! tokio-postgres: the scenario of README.md. Connection by PG* variables.

mod people;

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{SinkExt, StreamExt, TryStreamExt, future, pin_mut};
use people::{COLUMNS, GRACE, Person, ZOE, grace, say, zoe};
use std::fmt::Debug;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Error, NoTls, Row, SimpleQueryMessage};

type Done<T = ()> = Result<T, Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let (mut db, mut heard) = connect().await?;
    let row = db
        .query_one(
            "SELECT current_user, current_schema, current_setting('server_version')",
            &[],
        )
        .await?;
    say("login", row.get::<_, &str>(0));
    say("login", (row.get::<_, &str>(1), row.get::<_, &str>(2)));
    written(&db).await?;
    read(&db).await?;
    prepared(&db).await?;
    pipelined(&db).await?;
    copied(&db).await?;
    cursor(&mut db).await?;
    transaction(&mut db).await?;
    changes(&db).await?;
    cancel(&db).await?;
    reflection(&db).await?;
    db.batch_execute("LISTEN scenario; NOTIFY scenario, 'hello'")
        .await?;
    say("notified", heard.recv().await);
    Ok(())
}

async fn connect() -> Done<(Client, mpsc::UnboundedReceiver<(String, String)>)> {
    let var = |name: &str| std::env::var(name).expect("PG* variables");
    let mut config = tokio_postgres::Config::new();
    config
        .host(var("PGHOST"))
        .port(var("PGPORT").parse().expect("a port"));
    config
        .user(var("PGUSER"))
        .password(var("PGPASSWORD"))
        .dbname(var("PGDATABASE"));
    let (client, mut connection) = config.connect(NoTls).await?;
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let Ok(AsyncMessage::Notification(n)) = message {
                let _ = tell.send((n.channel().to_owned(), n.payload().to_owned()));
            }
        }
    });
    Ok((client, heard))
}

fn values(person: &Person) -> [&(dyn ToSql + Sync); 12] {
    [
        &person.name,
        &person.ssn,
        &person.dob,
        &person.age,
        &person.big,
        &person.cost,
        &person.alive,
        &person.seen,
        &person.token,
        &person.photo,
        &person.tags,
        &person.note,
    ]
}

fn person(row: &Row) -> Person {
    Person {
        name: row.get("name"),
        ssn: row.get("ssn"),
        dob: row.get("dob"),
        age: row.get("age"),
        big: row.get("big"),
        cost: row.get("cost"),
        alive: row.get("alive"),
        seen: row.get("seen"),
        token: row.get("token"),
        photo: row.get("photo"),
        tags: row.get("tags"),
        note: row.get("note"),
    }
}

fn failed<T: Debug>(result: Done<T>) {
    match result {
        Ok(value) => say("no failure", value),
        Err(e) => match e.as_db_error() {
            Some(told) => say(
                "failed",
                (
                    told.code().code(),
                    told.constraint(),
                    told.table(),
                    told.column(),
                ),
            ),
            None => say("failed", e.to_string()),
        },
    }
}

fn names(rows: &[Row]) -> Vec<(i32, String)> {
    rows.iter().map(|r| (r.get(0), r.get(1))).collect()
}

async fn written(db: &Client) -> Done {
    let insert = format!(
        "INSERT INTO people ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id, {COLUMNS}"
    );
    for someone in [grace(), zoe(), Person::default()] {
        let row = db.query_one(&insert, &values(&someone)).await?;
        say("written", (row.get::<_, i32>(0), person(&row)));
    }
    Ok(())
}

async fn read(db: &Client) -> Done {
    let statement = db
        .prepare("SELECT * FROM people WHERE id > $1 ORDER BY id")
        .await?;
    say("parameters", statement.params());
    for column in statement.columns() {
        say(
            "column",
            (
                column.name(),
                column.type_(),
                column.type_modifier(),
                column.column_id(),
            ),
        );
    }
    for row in db.query(&statement, &[&0i32]).await? {
        say(
            "row",
            (
                row.get::<_, i32>("id"),
                person(&row),
                row.get::<_, i32>("visits"),
            ),
        );
    }
    for message in db
        .simple_query(
            "SELECT * FROM people ORDER BY id; SELECT number FROM names WHERE dob IS NULL",
        )
        .await?
    {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                say(
                    "simple",
                    columns
                        .iter()
                        .map(|c| c.name().to_owned())
                        .collect::<Vec<_>>(),
                );
            }
            SimpleQueryMessage::Row(row) => say(
                "simple",
                (0..row.len()).map(|i| row.get(i)).collect::<Vec<_>>(),
            ),
            SimpleQueryMessage::CommandComplete(n) => say("simple", n),
            other => say("simple", other),
        }
    }
    Ok(())
}

async fn prepared(db: &Client) -> Done {
    let statement = db
        .prepare(&format!("SELECT {COLUMNS} FROM people WHERE ssn = $1"))
        .await?;
    for i in 0..7 {
        let ssn = [GRACE, ZOE][i % 2];
        say(
            "prepared",
            db.query(&statement, &[&ssn])
                .await?
                .iter()
                .map(|r| person(r))
                .collect::<Vec<_>>(),
        );
    }
    let found = db
        .query_typed(
            "SELECT id, name FROM people WHERE ssn = ANY ($1) OR token = $2 ORDER BY id",
            &[
                (&vec![GRACE, "none"], Type::VARCHAR_ARRAY),
                (&zoe().token, Type::UUID),
            ],
        )
        .await?;
    say("typed", names(&found));
    let found = db
        .query_opt(
            "SELECT id, name FROM people WHERE dob IS NOT NULL AND ssn = $1::text",
            &[&ZOE],
        )
        .await?;
    say("cast", found.map(|r| names(&[r])));
    Ok(())
}

/// Futures that are polled together are sent together.
async fn pipelined(db: &Client) -> Done {
    let by_ssn = "SELECT id, name FROM people WHERE ssn = $1";
    let (one, two, age): (
        [&(dyn ToSql + Sync); 1],
        [&(dyn ToSql + Sync); 1],
        [&(dyn ToSql + Sync); 2],
    ) = ([&GRACE], [&ZOE], [&86i32, &ZOE]);
    let all = future::join4(
        db.query(by_ssn, &one),
        db.execute("UPDATE people SET age = $1 WHERE ssn = $2", &age),
        db.execute("INSERT INTO people (name, ssn) VALUES ('twice', $1)", &one),
        db.query(by_ssn, &two),
    );
    let (first, changed, twice, last) = all.await;
    say("pipelined", (names(&first?), changed?));
    failed(twice);
    say("pipelined", names(&last?));
    Ok(())
}

async fn copied(db: &Client) -> Done {
    let sink = db
        .copy_in::<_, &[u8]>("COPY people (id, name, ssn, dob) FROM STDIN")
        .await?;
    pin_mut!(sink);
    sink.send(b"60\tCarl Capybara\t900-55-0060\t1980-01-02\n61\tCleo")
        .await?;
    sink.send(b" Capybara\t900-55-0061\t\\N\n").await?;
    say("copied", sink.finish().await?);
    let types = [
        Type::INT4,
        Type::TEXT,
        Type::VARCHAR,
        Type::DATE,
        Type::BYTEA,
        Type::TIMESTAMPTZ,
    ];
    let sink = db
        .copy_in("COPY people (id, name, ssn, dob, photo, seen) FROM STDIN (FORMAT binary)")
        .await?;
    let writer = BinaryCopyInWriter::new(sink, &types);
    pin_mut!(writer);
    let someone = grace();
    writer
        .as_mut()
        .write(&[
            &62i32,
            &"Cora\tCapybara",
            &"900-55-0062",
            &someone.dob,
            &someone.photo,
            &someone.seen,
        ])
        .await?;
    let none: Option<NaiveDate> = None;
    writer
        .as_mut()
        .write(&[
            &63i32,
            &"Cy Capybara",
            &"900-55-0063",
            &none,
            &Some(vec![0u8; 70]),
            &None::<DateTime<Utc>>,
        ])
        .await?;
    say("copied", writer.finish().await?);
    let rows = db.copy_out("COPY (SELECT id, name, ssn, dob, photo, seen FROM people ORDER BY id) TO STDOUT (FORMAT binary)").await?;
    let rows: Vec<_> = BinaryCopyOutStream::new(rows, &types).try_collect().await?;
    for row in rows {
        let (photo, seen): (Option<Vec<u8>>, Option<DateTime<Utc>>) = (row.get(4), row.get(5));
        say(
            "copied out",
            (
                row.get::<i32>(0),
                row.get::<&str>(1),
                row.get::<Option<&str>>(2),
                row.get::<Option<NaiveDate>>(3),
                photo,
                seen,
            ),
        );
    }
    let out = db
        .copy_out("COPY people TO STDOUT (FORMAT csv, HEADER)")
        .await?;
    let out: Vec<_> = out.try_collect().await?;
    let text = String::from_utf8(out.concat()).expect("UTF-8");
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    say("copied out", lines);
    let sink = db
        .copy_in::<_, &[u8]>("COPY people (id, name, ssn) FROM STDIN")
        .await?;
    pin_mut!(sink);
    sink.send(b"64\tTwice\t900-55-0063\n").await?;
    failed(sink.finish().await);
    Ok(())
}

async fn cursor(db: &mut Client) -> Done {
    let block = db.transaction().await?;
    let portal = block
        .bind(
            "SELECT id, name FROM people WHERE id > $1 ORDER BY id",
            &[&1i32],
        )
        .await?;
    for _ in 0..4 {
        say("cursor", names(&block.query_portal(&portal, 2).await?));
    }
    block.rollback().await?;
    let nobody: [&str; 0] = [];
    let rows = db
        .query_raw("SELECT id, name FROM people ORDER BY id", nobody)
        .await?;
    pin_mut!(rows);
    while let Some(row) = rows.next().await {
        say("streamed", names(&[row?]));
    }
    Ok(())
}

async fn transaction(db: &mut Client) -> Done {
    let mut block = db
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .start()
        .await?;
    say(
        "changed",
        block
            .execute(
                "UPDATE people SET name = $1 WHERE id = 60",
                &[&"Carl the Capybara"],
            )
            .await?,
    );
    let inner = block.savepoint("s").await?;
    failed(
        inner
            .execute(
                "INSERT INTO people (name, ssn) VALUES ('twice', $1)",
                &[&GRACE],
            )
            .await,
    );
    failed(inner.query("SELECT 1", &[]).await);
    inner.rollback().await?;
    say(
        "kept",
        names(
            &block
                .query("SELECT id, name FROM people WHERE id = 60", &[])
                .await?,
        ),
    );
    block.rollback().await?;
    say(
        "undone",
        names(
            &db.query("SELECT id, name FROM people WHERE id = 60", &[])
                .await?,
        ),
    );
    failed(
        db.execute("INSERT INTO people (name) VALUES ($1)", &[&None::<&str>])
            .await,
    );
    failed(
        db.execute(
            "INSERT INTO people (name, ssn) VALUES ('long', $1)",
            &[&"900-55-0001-0"],
        )
        .await,
    );
    failed(
        db.batch_execute("UPDATE people SET dob = '2023-02-30'")
            .await,
    );
    failed(db.batch_execute("UPDATE people SET age = 3000000000").await);
    failed(
        db.execute("INSERT INTO claims (ssn) VALUES ($1)", &[&"900-55-0999"])
            .await,
    );
    failed(db.prepare("SELECT nothing FROM people").await.map(|_| ()));
    failed(db.prepare("SELEC 1").await.map(|_| ()));
    Ok(())
}

async fn changes(db: &Client) -> Done {
    let upsert = "INSERT INTO people (name, ssn) VALUES ($1, $2) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name";
    say(
        "upserted",
        names(&db.query(upsert, &[&"Carl again", &"900-55-0060"]).await?),
    );
    say(
        "deleted",
        db.execute(
            "DELETE FROM people WHERE ssn = ANY ($1)",
            &[&vec!["900-55-0060", "none"]],
        )
        .await?,
    );
    Ok(())
}

async fn cancel(db: &Client) -> Done {
    let token = db.cancel_token();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        token.cancel_query(NoTls).await
    });
    failed(
        db.query("SELECT name, pg_sleep(20)::text FROM people LIMIT 1", &[])
            .await
            .map(|r| r.len()),
    );
    db.batch_execute("SET statement_timeout = 200").await?;
    failed(
        db.query("SELECT pg_sleep(20)::text", &[])
            .await
            .map(|r| r.len()),
    );
    db.batch_execute("RESET statement_timeout").await
}

/// A type that it does not know is looked up in the catalogs.
async fn reflection(db: &Client) -> Done {
    db.batch_execute("CREATE TYPE mood AS ENUM ('calm', 'hungry'); CREATE DOMAIN short AS varchar(3); CREATE TYPE pair AS (a mood, b short)").await?;
    let statement = db
        .prepare("SELECT $1::mood, $2::mood[], $3::pair, 'x'::short")
        .await?;
    let told = |t: &Type| {
        format!(
            "{}.{} {:?}",
            t.schema(),
            t.name(),
            format!("{:?}", t.kind()).split(['(', ' ']).next()
        )
    };
    say(
        "parameters",
        statement.params().iter().map(told).collect::<Vec<_>>(),
    );
    say(
        "columns",
        statement
            .columns()
            .iter()
            .map(|c| told(c.type_()))
            .collect::<Vec<_>>(),
    );
    db.batch_execute("DROP TYPE pair; DROP DOMAIN short; DROP TYPE mood")
        .await
}
