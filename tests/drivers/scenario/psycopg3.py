"""psycopg 3: the scenario of README.md. Connection by PG* variables."""

import datetime as dt
import decimal
import threading
import time
import uuid

import psycopg
from psycopg.rows import dict_row

COLUMNS = "name, ssn, dob, age, big, cost, alive, seen, token, photo, tags, note"
UTC = dt.timezone.utc
GRACE = (
    "Grace Capybara", "900-55-0001", dt.date(1906, 12, 9), 85, 2**53 + 1, decimal.Decimal("12.50"), True,
    dt.datetime(2024, 2, 29, 12, 34, 56, 789000, UTC), uuid.UUID("6f1f2b6e-0000-4000-8000-0000000000aa"),
    b"\x00\x01\xff\\", ["a,b", "", None, 'Ω"'], "clear",
)
ZOE = (
    "Zoë O'Capybara \\ Ω", "901-55-0002", dt.date(2001, 1, 1), -1, 0, decimal.Decimal("0.00"), False,
    dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), uuid.UUID(int=1), b"", [], None,
)
NOBODY = ("",) + (None,) * 11


def say(what, *values):
    print(f"{what}: {' | '.join(map(repr, values))}")


def rows(what, found):
    for row in found:
        say(what, row)


def failure(db, sql, *values):
    try:
        db.execute(sql, values)
        say("no failure")
    except psycopg.Error as e:
        say("failed", type(e).__name__, e.sqlstate, e.diag.constraint_name)


def write(db):
    places = ", ".join(["%s"] * len(GRACE))
    insert = f"INSERT INTO people ({COLUMNS}) VALUES ({places}) RETURNING id, name, seen"
    for person in (GRACE, ZOE):
        rows("written", db.execute(insert, person))
    cursor = db.cursor()
    cursor.executemany(insert, [NOBODY, ("four",) + NOBODY[1:]], returning=True)
    for result in cursor.results():
        rows("written", result)


def read(db):
    for binary in (False, True):
        found = db.execute(f"SELECT id, {COLUMNS} FROM people ORDER BY id", binary=binary)
        for column in found.description:
            say("column", column.name, column.type_code, column.type_display, column.display_size, column.internal_size, column.precision, column.scale)
        rows("row", found)
    rows("client", psycopg.ClientCursor(db).execute("SELECT id, dob FROM people WHERE ssn = %s", [GRACE[1]]))
    for i in range(7):
        rows("prepared", db.execute(f"SELECT {COLUMNS} FROM people WHERE ssn = %s", [(GRACE, ZOE)[i % 2][1]]))
    rows("array", db.execute("SELECT id FROM people WHERE ssn = ANY (%s) OR token = %s ORDER BY id", [[GRACE[1], "none"], ZOE[8]]))
    rows("by name", db.cursor(row_factory=dict_row).execute("SELECT name, tags FROM people WHERE token = %(token)s", {"token": GRACE[8]}))


# What ORMs write around a parameter that the driver has declared by its value.
CASTS = (
    ("age", "integer", 5), ("age", "integer", 70000), ("age", "integer", 2**40), ("age", "integer", 2.5), ("big", "bigint", 5),
    ("big", "numeric", 5), ("cost", "numeric", 5), ("cost", "numeric", 5.675), ("cost", "numeric(10,2)", 5), ("cost", "integer", 5),
    ("seen", "timestamptz", dt.datetime(2020, 7, 1, 1, 2)), ("seen", "timestamptz", dt.date(2020, 7, 1)),
    ("dob", "date", dt.datetime(2020, 7, 1, 23, 59, 59, 999999)), ("ssn", "varchar", "900-55-0007"), ("ssn", "text", "900-55-0007"),
    ("tags", "text[]", ["a"]), ("tags", "varchar[]", ["a", None]), ("token", "uuid", str(GRACE[8])),
)


def casts(db):
    for column, cast, value in CASTS:
        failure(db, f"UPDATE people SET {column} = %s::{cast} WHERE id = 3", value)
        rows(f"{value!r} as {cast}", db.execute(f"SELECT {column} FROM people WHERE id = 3"))
    failure(db, "UPDATE people SET tags = %s WHERE id = 3", [1, 2])
    rows("numbers", db.execute("SELECT tags FROM people WHERE id = 3"))
    rows("compared", db.execute("SELECT id FROM people WHERE ssn = %s::text", ["900-55-0007"]))
    db.execute("DELETE FROM people WHERE id IN (3, 4)")


def pipelined(db):
    try:
        with db.pipeline():
            found = [db.execute("SELECT name FROM people WHERE ssn = %s", [p[1]]) for p in (GRACE, ZOE)]
            db.execute("UPDATE people SET age = %s WHERE ssn = %s", [86, GRACE[1]])
            for cursor in found:
                rows("pipelined", cursor)
            db.execute("INSERT INTO people (name, ssn) VALUES ('twice', %s)", [GRACE[1]])
            db.execute("SELECT 1")
    except psycopg.Error as e:
        say("failed", type(e).__name__, e.sqlstate)


def copied(db):
    with db.cursor() as cursor:
        with cursor.copy("COPY people (id, name, ssn, dob, age) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "varchar", "date", "int4"])
            copy.write_row((60, "Carl Capybara", "900-55-0060", dt.date(1980, 1, 2), 44))
            copy.write_row((61, "Cleo\tCapybara", "900-55-0061", None, None))
        with cursor.copy("COPY (SELECT * FROM people ORDER BY id) TO STDOUT") as copy:
            rows("copied out", copy.rows())


def cursors(db):
    with db.transaction():
        with db.cursor("portions") as cursor:
            cursor.execute("SELECT id, name FROM people ORDER BY id")
            say("cursor", cursor.fetchmany(2), cursor.fetchmany(2), cursor.fetchall())
    rows("streamed", db.cursor().stream("SELECT id, name FROM people ORDER BY id"))


def transaction(db):
    with db.transaction(force_rollback=True):
        db.execute("UPDATE people SET name = %s WHERE id = 60", ["Carl the Capybara"])
        db.execute("SAVEPOINT s")
        failure(db, "INSERT INTO people (name, ssn) VALUES ('twice', %s)", GRACE[1])
        failure(db, "SELECT 1")
        db.execute("ROLLBACK TO s")
        rows("kept", db.execute("SELECT name FROM people WHERE id = 60"))
    rows("undone", db.execute("SELECT name FROM people WHERE id = 60"))
    failure(db, "INSERT INTO people (name) VALUES (%s)", None)
    failure(db, "INSERT INTO people (name, ssn) VALUES ('long', %s)", "900-55-0001-0")
    failure(db, "UPDATE people SET dob = %s", "2023-02-30")
    failure(db, "UPDATE people SET age = %s", 2**40)
    failure(db, "SELECT nothing FROM people")
    failure(db, "SELEC 1")
    upsert = "INSERT INTO people (name, ssn) VALUES (%s, %s) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name"
    rows("upserted", db.execute(upsert, ["Carl again", "900-55-0060"]))
    say("deleted", db.execute("DELETE FROM people WHERE ssn = %s", ["900-55-0060"]).rowcount)


def cancel(db):
    threading.Thread(target=lambda: (time.sleep(1), db.cancel_safe())).start()
    failure(db, "SELECT name, pg_sleep(20) FROM people")


def notification(db):
    db.execute("LISTEN scenario")
    db.execute("NOTIFY scenario, 'hello'")
    for heard in db.notifies(timeout=5, stop_after=1):
        say("notified", heard.channel, heard.payload)


with psycopg.connect(autocommit=True) as db:
    say("login", db.info.server_version, db.info.user, db.info.encoding)
    for step in (write, read, casts, pipelined, copied, cursors, transaction, notification, cancel):
        step(db)
