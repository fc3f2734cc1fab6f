"""An application with one database user and many of its own: psycopg 3, in both protocols and in a pipeline.

Prints what the server answers to current_setting('hippocrypt.user', true), statement by statement.
Connection by PG* variables."""

import psycopg

PROBE = "SELECT current_setting('hippocrypt.user', true)"


def say(cursor):
    print(cursor.fetchone()[0] or "")


def request(db, user):
    """As a middleware does it: the transaction of one request belongs to one person."""
    with db.transaction():
        db.execute("SELECT set_config('hippocrypt.user', %s, true)", [user])
        say(db.execute(PROBE))
        try:
            with db.transaction():
                db.execute("SELECT set_config('hippocrypt.user', %s, true)", [user + "'s guest"])
                say(db.execute(PROBE))
                raise psycopg.Rollback()
        except psycopg.Rollback:
            pass
        say(db.execute(PROBE))
    say(db.execute(PROBE))


for factory in (psycopg.Cursor, psycopg.ClientCursor):
    with psycopg.connect(autocommit=True, cursor_factory=factory) as db:
        for user in ("dr_grey", "Zoë", "dr_grey", "o'neil"):
            request(db, user)

with psycopg.connect(autocommit=True) as db:
    db.prepare_threshold = 0
    for user in ("one", "two", "three"):
        request(db, user)
    with db.pipeline():
        db.execute("BEGIN")
        db.execute("SELECT set_config('hippocrypt.user', %s, true)", ["in a pipeline"])
        first = db.execute(PROBE)
        db.execute("COMMIT")
        second = db.execute(PROBE)
        say(first)
        say(second)
