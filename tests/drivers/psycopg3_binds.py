"""psycopg 3: extended protocol, smallest integer types, prepared from the fifth run, pipelines, binary on demand."""

import psycopg
from psycopg import errors

from expected import COLUMNS, CREATE, GRACE, NOBODY, PEOPLE, ZOE, same

conn = psycopg.connect("")
conn.execute(CREATE)
conn.commit()

insert = f"INSERT INTO people ({COLUMNS}) VALUES ({', '.join(['%s'] * len(GRACE))})"
conn.execute(insert, GRACE)
with conn.cursor() as cur:
    cur.executemany(insert, [ZOE, NOBODY])
conn.commit()

for binary in (False, True):
    for _ in range(7):  # from the fifth on it is a named statement
        cur = conn.cursor(binary=binary)
        cur.execute(f"SELECT {COLUMNS} FROM people ORDER BY id")
        for got, wanted in zip(cur.fetchall(), PEOPLE, strict=True):
            same(got, wanted)
        cur.execute("SELECT name FROM people WHERE ssn = %s", (GRACE[2],))
        same(cur.fetchone(), (GRACE[1],))
        cur.execute("SELECT id FROM people WHERE token = %s AND ssn = %s", (ZOE[9], ZOE[2]))
        assert cur.fetchall() == [(2,)]
conn.commit()

# In a transaction, with an error inside.
with conn.transaction():
    assert conn.execute("UPDATE people SET name = %s, age = %s WHERE id = %s", ("Zoë", 7, 2)).rowcount == 1
    for statement, values, error in [
        ("INSERT INTO people (id, name, ssn) VALUES (9, 'x', %s)", (GRACE[2],), errors.UniqueViolation),
        ("SELECT id FROM people WHERE name LIKE %s", ("Grace%",), errors.FeatureNotSupported),
        ("INSERT INTO people (id, name, ssn) VALUES (9, 'x', %s)", ("far too long for it",), errors.StringDataRightTruncation),
    ]:
        try:
            with conn.transaction():
                conn.execute(statement, values)
            raise SystemExit(f"went through: {statement}")
        except error as e:
            assert values[0] not in str(e), str(e)
    assert conn.execute("SELECT name, age FROM people WHERE id = 2").fetchone() == ("Zoë", 7)
    conn.execute("UPDATE people SET name = %s, age = %s WHERE id = 2", (ZOE[1], ZOE[4]))

# A pipeline: many statements, one Sync; an error in the middle.
try:
    with conn.pipeline():
        conn.execute("UPDATE people SET big = %s WHERE id = 1", (5,))
        conn.execute("SELECT id FROM people ORDER BY name")
        conn.execute("UPDATE people SET big = %s WHERE id = 1", (6,))
    raise SystemExit("ORDER BY on a random column went through")
except errors.FeatureNotSupported:
    conn.rollback()
with conn.pipeline():
    rows = [conn.execute("SELECT name FROM people WHERE id = %s", (n,)) for n in (1, 2, 3)]
    assert [r.fetchone()[0] for r in rows] == [p[1] for p in PEOPLE]
assert conn.execute("SELECT big FROM people WHERE id = 1").fetchone() == (GRACE[5],)

# A named cursor: DECLARE with parameters, Describe of its portal, FETCH in both formats; it scrolls, and it is held.
for binary in (False, True):
    with conn.cursor("people cursor", scrollable=True) as cur:
        cur.itersize = 2
        cur.execute(f"SELECT {COLUMNS} FROM people WHERE ssn = %s OR id > %s ORDER BY id", (GRACE[2], 1), binary=binary)
        assert [d.type_code for d in cur.description][1:5] == [25, 1043, 1082, 23], cur.description
        for got, wanted in zip(cur, PEOPLE, strict=True):
            same(got, wanted)
        cur.scroll(0, mode="absolute")
        same(cur.fetchone(), GRACE)
        cur.scroll(-1)
        same(cur.fetchmany(2)[0], GRACE)
with conn.cursor("held", withhold=True) as cur:
    cur.execute("SELECT name FROM people ORDER BY id")
    conn.commit()
    assert [r[0] for r in cur.fetchall()] == [p[1] for p in PEOPLE]
conn.commit()

# SQL's own prepared statements.
conn.execute("PREPARE by_ssn (text) AS SELECT name, dob FROM people WHERE ssn = $1")
same(conn.execute("EXECUTE by_ssn ('901-55-0002')").fetchone(), (ZOE[1], ZOE[3]))
conn.execute("DEALLOCATE by_ssn")
conn.commit()

upsert = "INSERT INTO people (id, name, ssn) VALUES (%s, %s, %s) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name"
assert conn.execute(upsert, (10, "Grace again", GRACE[2])).fetchone() == (1, "Grace again")
assert conn.execute(upsert, (11, "new", "902-55-0003")).fetchone() == (11, "new")
conn.execute("UPDATE people SET name = %s WHERE id = 1", (GRACE[1],))
assert conn.execute("DELETE FROM people WHERE ssn = %s RETURNING name", ("902-55-0003",)).fetchall() == [("new",)]
conn.commit()
conn.close()
