"""psycopg2: simple protocol only, every value inlined as a literal."""

import uuid

import psycopg2
import psycopg2.errors
import psycopg2.extras

from expected import COLUMNS, CREATE, GRACE, NOBODY, PEOPLE, ZOE, same

psycopg2.extras.register_uuid()
conn = psycopg2.connect("")
cur = conn.cursor()
cur.execute(CREATE)
conn.commit()

places = ", ".join(["%s"] * len(GRACE))
cur.execute(f"INSERT INTO people ({COLUMNS}) VALUES ({places})", GRACE)
psycopg2.extras.execute_values(cur, f"INSERT INTO people ({COLUMNS}) VALUES %s", [ZOE, NOBODY])
conn.commit()

cur.execute(f"SELECT {COLUMNS} FROM people ORDER BY id")
for got, wanted in zip(cur.fetchall(), PEOPLE, strict=True):
    same(got, wanted)
assert [d.type_code for d in cur.description][1:5] == [25, 1043, 1082, 23], cur.description

cur.execute("SELECT name FROM people WHERE ssn = %s", (GRACE[2],))
same(cur.fetchone(), (GRACE[1],))
cur.execute("SELECT id FROM people WHERE ssn IN %s ORDER BY id", ((GRACE[2], ZOE[2]),))
assert cur.fetchall() == [(1,), (2,)]
cur.execute("SELECT id FROM people WHERE token = %s", (uuid.UUID(int=1),))
assert cur.fetchall() == [(2,)]

# A named cursor: DECLARE with the values inlined, FETCH FORWARD.
with conn.cursor("people cursor") as named:
    named.itersize = 2
    named.execute(f"SELECT {COLUMNS} FROM people WHERE ssn = %s OR id > %s ORDER BY id", (GRACE[2], 1))
    for got, wanted in zip(named, PEOPLE, strict=True):
        same(got, wanted)
with conn.cursor("scrolls", scrollable=True, withhold=True) as named:
    named.execute("SELECT name FROM people ORDER BY id")
    conn.commit()
    named.scroll(2)
    same(named.fetchone(), (NOBODY[1],))
    named.scroll(0, mode="absolute")
    assert [r[0] for r in named.fetchmany(2)] == [GRACE[1], ZOE[1]]
conn.commit()

# In a transaction: an update, an error, its savepoint, and what was before it is still there.
cur.execute("UPDATE people SET name = %s, age = %s WHERE id = %s", ("Zoë", 7, 2))
assert cur.rowcount == 1
cur.execute("SAVEPOINT s")
try:
    cur.execute("INSERT INTO people (id, name, ssn) VALUES (9, 'x', %s)", (GRACE[2],))
    raise SystemExit("a duplicate was taken")
except psycopg2.errors.UniqueViolation as e:
    assert e.diag.constraint_name == "people_ssn_key", e.diag.constraint_name
    assert GRACE[2] not in str(e)
cur.execute("ROLLBACK TO s")
try:
    cur.execute("SELECT id FROM people WHERE name LIKE %s", ("Grace%",))
    raise SystemExit("LIKE on a random column went through")
except psycopg2.errors.FeatureNotSupported:
    pass
cur.execute("ROLLBACK TO s")
cur.execute("SELECT name, age FROM people WHERE id = 2")
assert cur.fetchone() == ("Zoë", 7)
conn.rollback()
cur.execute("SELECT name FROM people WHERE id = 2")
same(cur.fetchone(), (ZOE[1],))

# An upsert, both ways.
upsert = "INSERT INTO people (id, name, ssn) VALUES (%s, %s, %s) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name"
cur.execute(upsert, (10, "Grace again", GRACE[2]))
assert cur.fetchone() == (1, "Grace again")
cur.execute(upsert, (11, "new", "902-55-0003"))
assert cur.fetchone() == (11, "new")
cur.execute("UPDATE people SET name = %s WHERE id = 1", (GRACE[1],))
cur.execute("DELETE FROM people WHERE ssn = %s RETURNING name", ("902-55-0003",))
assert cur.fetchall() == [("new",)]
conn.commit()

# A cursor that fetches in portions.
with conn.cursor(name="portions") as portions:
    portions.itersize = 2
    try:
        portions.execute("SELECT id, note FROM people ORDER BY id")
        assert [row[0] for row in portions] == [1, 2, 3]
    except psycopg2.errors.FeatureNotSupported:
        pass  # a cursor over a protected table may be refused for now, never wrong
conn.rollback()
conn.close()
