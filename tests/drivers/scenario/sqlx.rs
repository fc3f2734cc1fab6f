//! sqlx: the scenario of README.md. Connection by PG* variables.

mod people;

use futures_util::{StreamExt, TryStreamExt};
use people::{COLUMNS, GRACE, Person, ZOE, grace, say, zoe};
use sqlx::postgres::{
    PgArguments, PgConnectOptions, PgDatabaseError, PgListener, PgPoolCopyExt, PgPoolOptions,
    PgRow, PgSslMode,
};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Column, Connection, Error, Executor, PgConnection, Postgres, Row, SqlSafeStr,
    Statement, TypeInfo,
};
use std::fmt::Debug;

type Done<T = ()> = Result<T, Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let options = PgConnectOptions::new().ssl_mode(PgSslMode::Disable);
    let mut db = PgConnection::connect_with(&options).await?;
    let row = db
        .fetch_one(
            "SELECT current_user::text, current_schema::text, current_setting('server_version')",
        )
        .await?;
    say(
        "login",
        (
            row.get::<&str, _>(0),
            row.get::<&str, _>(1),
            row.get::<&str, _>(2),
        ),
    );
    written(&mut db).await?;
    read(&mut db).await?;
    prepared(&mut db).await?;
    copied(&mut db).await?;
    transaction(&mut db).await?;
    changes(&mut db).await?;
    reflection(&mut db).await?;
    pooled(options).await
}

fn bound(
    query: Query<'_, Postgres, PgArguments>,
    person: Person,
) -> Query<'_, Postgres, PgArguments> {
    let query = query
        .bind(person.name)
        .bind(person.ssn)
        .bind(person.dob)
        .bind(person.age)
        .bind(person.big);
    let query = query
        .bind(person.cost)
        .bind(person.alive)
        .bind(person.seen)
        .bind(person.token);
    query.bind(person.photo).bind(person.tags).bind(person.note)
}

fn person(row: &PgRow) -> Person {
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

fn names(rows: &[PgRow]) -> Vec<(i32, String)> {
    rows.iter().map(|r| (r.get(0), r.get(1))).collect()
}

fn failed<T: Debug>(result: Done<T>) {
    let told = match &result {
        Err(Error::Database(e)) => e,
        other => return say("no failure of the database", other),
    };
    let more = told.downcast_ref::<PgDatabaseError>();
    say(
        "failed",
        (
            told.code(),
            told.constraint(),
            told.table(),
            told.kind(),
            more.column(),
        ),
    );
}

async fn written(db: &mut PgConnection) -> Done {
    let insert = format!(
        "INSERT INTO people ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id, {COLUMNS}"
    );
    for someone in [grace(), zoe(), Person::default()] {
        let row = bound(sqlx::query(AssertSqlSafe(insert.clone())), someone)
            .fetch_one(&mut *db)
            .await?;
        say("written", (row.get::<i32, _>(0), person(&row)));
    }
    Ok(())
}

async fn read(db: &mut PgConnection) -> Done {
    let rows = sqlx::query("SELECT * FROM people WHERE id > $1 ORDER BY id")
        .bind(0)
        .fetch_all(&mut *db)
        .await?;
    for row in &rows {
        say(
            "row",
            (
                row.get::<i32, _>("id"),
                person(row),
                row.get::<i32, _>("visits"),
            ),
        );
    }
    for column in rows.first().map(|r| r.columns()).unwrap_or_default() {
        say(
            "column",
            (column.ordinal(), column.name(), column.type_info().name()),
        );
    }
    // the simple protocol: values come as text
    let mut results = sqlx::raw_sql("SELECT id, name, seen, tags FROM people ORDER BY id; UPDATE people SET visits = 1 WHERE id < 3").fetch_many(&mut *db);
    while let Some(result) = results.next().await {
        match result? {
            sqlx::Either::Left(done) => say("simple", done.rows_affected()),
            sqlx::Either::Right(row) => {
                let seen = row.get::<Option<chrono::DateTime<chrono::Utc>>, _>(2);
                say(
                    "simple",
                    (
                        names(std::slice::from_ref(&row)),
                        seen,
                        row.get::<Option<Vec<Option<String>>>, _>(3),
                    ),
                );
            }
        }
    }
    Ok(())
}

async fn prepared(db: &mut PgConnection) -> Done {
    for i in 0..7 {
        let query = sqlx::query_as::<_, (i32, String, Option<rust_decimal::Decimal>)>(
            "SELECT id, name, cost FROM people WHERE ssn = $1",
        );
        say(
            "prepared",
            query
                .bind([GRACE, ZOE][i % 2])
                .fetch_optional(&mut *db)
                .await?,
        );
    }
    for persistent in [true, false] {
        let any = sqlx::query(
            "SELECT id, name FROM people WHERE ssn = ANY ($1) OR token = $2 ORDER BY id",
        );
        let found = any
            .bind(vec![GRACE, "none"])
            .bind(zoe().token)
            .persistent(persistent)
            .fetch_all(&mut *db)
            .await?;
        say("any", names(&found));
    }
    let statement = db
        .prepare(
            "SELECT id, name, dob, photo FROM people WHERE token = $1 AND visits > $2"
                .into_sql_str(),
        )
        .await?;
    say(
        "parameters",
        statement.parameters().map(|p| format!("{p:?}")),
    );
    say(
        "columns",
        statement
            .columns()
            .iter()
            .map(|c| (c.name(), c.type_info().name()))
            .collect::<Vec<_>>(),
    );
    let counted =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM people WHERE name IS NOT NULL")
            .fetch_one(&mut *db)
            .await?;
    say("counted", (counted, db.cached_statements_size()));
    db.clear_cached_statements().await
}

async fn copied(db: &mut PgConnection) -> Done {
    let mut into = db
        .copy_in_raw("COPY people (id, name, ssn, dob) FROM STDIN")
        .await?;
    into.send(&b"60\tCarl Capybara\t900-55-0060\t1980-01-02\n61\tCleo"[..])
        .await?;
    into.send(&b" Capybara\t900-55-0061\t\\N\n"[..]).await?;
    say("copied", into.finish().await?);
    let mut into = db.copy_in_raw("COPY people (id, name) FROM STDIN").await?;
    into.send(&b"70\tnot to be\n"[..]).await?;
    into.abort("no").await?;
    let out: Vec<_> = db
        .copy_out_raw("COPY (SELECT * FROM people ORDER BY id) TO STDOUT (FORMAT csv)")
        .await?
        .try_collect()
        .await?;
    say(
        "copied out",
        String::from_utf8(out.concat())
            .expect("UTF-8")
            .lines()
            .collect::<Vec<_>>(),
    );
    Ok(())
}

async fn transaction(db: &mut PgConnection) -> Done {
    let mut block = db.begin().await?;
    sqlx::query("UPDATE people SET name = $1 WHERE id = 60")
        .bind("Carl the Capybara")
        .execute(&mut *block)
        .await?;
    let mut inner = block.begin().await?;
    failed(
        sqlx::query("INSERT INTO people (name, ssn) VALUES ('twice', $1)")
            .bind(GRACE)
            .execute(&mut *inner)
            .await,
    );
    failed(sqlx::query("SELECT 1").execute(&mut *inner).await);
    inner.rollback().await?;
    say(
        "kept",
        names(
            &block
                .fetch_all("SELECT id, name FROM people WHERE id = 60")
                .await?,
        ),
    );
    drop(block); // rolled back with the next statement
    say(
        "undone",
        names(
            &db.fetch_all("SELECT id, name FROM people WHERE id = 60")
                .await?,
        ),
    );
    let none: Option<&str> = None;
    failed(
        sqlx::query("INSERT INTO people (name) VALUES ($1)")
            .bind(none)
            .execute(&mut *db)
            .await,
    );
    failed(
        sqlx::query("INSERT INTO people (name, ssn) VALUES ('long', $1)")
            .bind("900-55-0001-0")
            .execute(&mut *db)
            .await,
    );
    failed(
        sqlx::query("INSERT INTO claims (ssn) VALUES ($1)")
            .bind("900-55-0999")
            .execute(&mut *db)
            .await,
    );
    for wrong in [
        "UPDATE people SET dob = '2023-02-30'",
        "UPDATE people SET age = 3000000000",
        "SELECT nothing FROM people",
        "SELEC 1",
    ] {
        failed(db.execute(wrong).await);
        failed(sqlx::raw_sql(wrong).execute(&mut *db).await);
    }
    Ok(())
}

async fn changes(db: &mut PgConnection) -> Done {
    let mut many = sqlx::QueryBuilder::<Postgres>::new("INSERT INTO people (name, ssn) ");
    many.push_values(
        [("Una", "900-55-0071"), ("Ulf", "900-55-0072")],
        |mut row, (name, ssn)| {
            row.push_bind(name).push_bind(ssn);
        },
    );
    say(
        "many",
        many.build().execute(&mut *db).await?.rows_affected(),
    );
    let upsert = "INSERT INTO people (name, ssn) VALUES ($1, $2) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name";
    say(
        "upserted",
        names(
            &sqlx::query(upsert)
                .bind("Carl again")
                .bind("900-55-0060")
                .fetch_all(&mut *db)
                .await?,
        ),
    );
    let deleted = sqlx::query("DELETE FROM people WHERE ssn IN ($1, $2)")
        .bind("900-55-0060")
        .bind("none")
        .execute(&mut *db)
        .await?;
    say("deleted", deleted.rows_affected());
    Ok(())
}

/// What `sqlx::query!` asks a developer's database about a statement: types, and by EXPLAIN which columns can be NULL.
async fn reflection(db: &mut PgConnection) -> Done {
    for text in [
        "SELECT * FROM people WHERE ssn = $1",
        "SELECT p.name, c.amount, c.ssn FROM people p LEFT JOIN claims c ON c.person_id = p.id WHERE p.token = $1",
        "SELECT id, number AS ssn FROM names",
        "INSERT INTO people (name, ssn, dob) VALUES ($1, $2, $3) RETURNING id, name",
    ] {
        let told = db.describe(text.into_sql_str()).await?;
        for i in 0..told.columns().len() {
            say(
                "described",
                (
                    told.column(i).name(),
                    told.column(i).type_info().name(),
                    told.nullable(i),
                ),
            );
        }
        say("described", told.parameters().map(|p| format!("{p:?}")));
    }
    db.execute("CREATE TYPE mood AS ENUM ('calm', 'hungry')")
        .await?;
    let row = sqlx::query("SELECT 'calm'::mood, ARRAY['calm']::mood[], $1::mood")
        .bind("hungry")
        .fetch_one(&mut *db)
        .await;
    failed(
        row.as_ref()
            .map(|r| r.len())
            .map_err(|_| Error::RowNotFound),
    );
    for column in row.iter().flat_map(|r| r.columns()) {
        say("looked up", (column.name(), column.type_info().name()));
    }
    db.execute("DROP TYPE mood").await?;
    Ok(())
}

async fn pooled(options: PgConnectOptions) -> Done {
    let pool = PgPoolOptions::new()
        .max_connections(3)
        .connect_with(options)
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen("scenario").await?;
    sqlx::query("SELECT pg_notify('scenario', $1)")
        .bind("hello")
        .execute(&pool)
        .await?;
    let heard = listener.recv().await?;
    say("notified", (heard.channel(), heard.payload()));
    let out: Vec<_> = pool
        .copy_out_raw("COPY (SELECT count(*) FROM people) TO STDOUT")
        .await?
        .try_collect()
        .await?;
    say("copied out", out.concat());
    let slow = sqlx::query("SELECT name, pg_sleep(20)::text FROM people LIMIT 1");
    let mut busy = pool.acquire().await?;
    busy.execute("SET statement_timeout = 200").await?;
    failed(slow.fetch_all(&mut *busy).await.map(|r| r.len()));
    drop(busy);
    drop(listener);
    pool.close().await;
    Ok(())
}
