"""psqlodbc by pyodbc: the scenario of README.md. Connection by PG* variables; run by Debian's Python, which has pyodbc."""

import datetime as dt
import decimal
import os
import threading
import uuid

import pyodbc

COLUMNS = "name, ssn, dob, age, big, cost, alive, seen, token, photo, tags, note"
GRACE = [
    "Grace Capybara", "900-55-0001", dt.date(1906, 12, 9), 85, 2**53 + 1, decimal.Decimal("12.50"), True,
    dt.datetime(2024, 2, 29, 12, 34, 56, 789000), "6f1f2b6e-0000-4000-8000-0000000000aa", b"\x00\x01\xff\\",
    '{"a,b","",NULL,"Ω\\""}', "clear",
]
ZOE = [
    "Zoë O'Capybara \\ Ω", "901-55-0002", dt.date(2001, 1, 1), -1, 0, decimal.Decimal("0.00"), False,
    dt.datetime(1969, 12, 31, 23, 59, 59), "00000000-0000-0000-0000-000000000001", b"", "{}", None,
]


def connect(**options):
    place = "".join(f"{k}={os.environ[v]};" for k, v in {
        "Server": "PGHOST", "Port": "PGPORT", "Database": "PGDATABASE", "Uid": "PGUSER", "Pwd": "PGPASSWORD",
    }.items())
    chosen = "".join(f"{k}={v};" for k, v in options.items())
    return pyodbc.connect(f"Driver={{PostgreSQL Unicode}};{place}{chosen}", autocommit=True)


def say(what, *values):
    print(f"{what}: {' | '.join(map(repr, values))}")


def rows(what, cursor):
    for row in cursor.fetchall():
        say(what, *row)


def failure(cursor, sql, *values):
    try:
        cursor.execute(sql, *values)
        say("no failure")
    except pyodbc.Error as e:
        say("failed", type(e).__name__, e.args[0])


def scenario(db):
    cursor = db.cursor()
    cursor.execute("DELETE FROM people")
    places = ", ".join("?" * (len(GRACE) + 1))
    for id, person in enumerate((GRACE, ZOE), 1):
        say("written", cursor.execute(f"INSERT INTO people (id, {COLUMNS}) VALUES ({places})", id, *person).rowcount)
    cursor.executemany("INSERT INTO people (id, name, ssn) VALUES (?, ?, ?)", [(3, "", None), (60, "Carl Capybara", "900-55-0060")])
    rows("row", cursor.execute("SELECT * FROM people ORDER BY id"))
    for name, kind, *sizes in cursor.description:
        say("column", name, kind.__name__, *sizes)
    for i in range(7):
        rows("prepared", cursor.execute(f"SELECT id, {COLUMNS} FROM people WHERE ssn = ?", (GRACE, ZOE)[i % 2][1]))
    rows("token", cursor.execute("SELECT name FROM people WHERE token = ?", uuid.UUID(ZOE[8])))
    rows("in", cursor.execute("SELECT name FROM people WHERE ssn IN (?, ?) ORDER BY id", GRACE[1], ZOE[1]))
    say("changed", cursor.execute("UPDATE people SET age = ?, dob = ? WHERE ssn = ?", 7, dt.date(2001, 1, 2), ZOE[1]).rowcount)
    cursor.execute("SELECT id, name FROM people ORDER BY id")
    say("cursor", cursor.fetchmany(2), cursor.fetchmany(2), cursor.fetchone())

    db.autocommit = False
    cursor.execute("UPDATE people SET name = ? WHERE id = 60", "Carl the Capybara")
    cursor.execute("SAVEPOINT s")
    failure(cursor, "INSERT INTO people (id, name, ssn) VALUES (99, ?, ?)", "twice", GRACE[1])
    cursor.execute("ROLLBACK TO s")
    rows("kept", cursor.execute("SELECT name FROM people WHERE id = 60"))
    db.rollback()
    rows("undone", cursor.execute("SELECT name FROM people WHERE id = ?", 60))
    db.autocommit = True
    failure(cursor, "INSERT INTO people (name) VALUES (?)", None)
    failure(cursor, "INSERT INTO people (name, ssn) VALUES (?, ?)", "long", "900-55-0001-0")
    failure(cursor, "UPDATE people SET dob = ?", "2023-02-30")
    failure(cursor, "UPDATE people SET age = 3000000000")
    failure(cursor, "SELECT nothing FROM people")
    failure(cursor, "SELEC 1")
    upsert = "INSERT INTO people (name, ssn) VALUES (?, ?) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name"
    rows("upserted", cursor.execute(upsert, "Carl again", "900-55-0060"))
    say("deleted", cursor.execute("DELETE FROM people WHERE ssn = ?", "900-55-0060").rowcount)

    canceller = threading.Timer(1, cursor.cancel)
    canceller.start()
    failure(cursor, "SELECT name, pg_sleep(20) FROM people")
    canceller.join()


def reflection(db):
    cursor = db.cursor()
    rows("tables", cursor.tables(schema="public"))
    for table in ("people", "claims", "names"):
        for row in cursor.columns(table, schema="public").fetchall():
            say(f"column of {table}", *row[:22], *row[23:])  # between them is the table's OID
        rows(f"primary key of {table}", cursor.primaryKeys(table, schema="public"))
        rows(f"foreign keys of {table}", cursor.foreignKeys(foreignTable=table, foreignSchema="public"))
        rows(f"row of {table}", cursor.rowIdColumns(table, schema="public"))
    for row in cursor.statistics("people", schema="public").fetchall():
        say("index", *row[2:10])  # how many rows and pages there are is not told: cells take more of them


# Values in the statement's text, and bound by the server; cursors of the protocol and of SQL.
for options in ({}, {"UseServerSidePrepare": 0}, {"UseDeclareFetch": 1, "Fetch": 2}, {"Protocol": "7.4-2"}):
    say("options", options)
    with connect(**options) as db:
        say("login", db.getinfo(pyodbc.SQL_DBMS_NAME), db.getinfo(pyodbc.SQL_DBMS_VER), db.getinfo(pyodbc.SQL_USER_NAME))
        scenario(db)
reflection(connect())
