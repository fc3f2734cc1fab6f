"""psycopg 3: COPY in the extended protocol's connection, rows in text and binary, blocks out."""

import psycopg
from psycopg import errors

from expected import COLUMNS, CREATE, GRACE, NOBODY, PEOPLE, ZOE, same

TYPES = ["int4", "text", "varchar", "date", "int4", "int8", "numeric", "bool", "timestamptz", "uuid", "text"]

conn = psycopg.connect("")
cur = conn.cursor()
cur.execute(CREATE)
conn.commit()


def check():
    found = cur.execute(f"SELECT {COLUMNS} FROM people ORDER BY id").fetchall()
    assert len(found) == 3
    for got, wanted in zip(found, PEOPLE, strict=True):
        same(got, wanted)


for format in ["", "(FORMAT binary)"]:
    cur.execute("DELETE FROM people")
    with cur.copy(f"COPY people ({COLUMNS}) FROM STDIN {format}") as copy:
        if format:
            copy.set_types(TYPES)
        for row in PEOPLE:
            copy.write_row(row)
    assert cur.rowcount == 3
    check()
    with cur.copy(f"COPY (SELECT {COLUMNS} FROM people ORDER BY id) TO STDOUT {format}") as copy:
        copy.set_types(TYPES)
        for got, wanted in zip(copy.rows(), PEOPLE, strict=True):
            same(got, wanted)
conn.commit()

# Whole blocks from one COPY into another.
with conn.transaction():
    with cur.copy("COPY people TO STDOUT (FORMAT csv)") as copy:
        blocks = [bytes(block) for block in copy]
    cur.execute("DELETE FROM people")
    with cur.copy("COPY people FROM STDIN (FORMAT csv)") as copy:
        for block in blocks:
            copy.write(block)
    check()

# Errors, in the data and of the client.
for statement, rows, error in [
    ("COPY people (id, name, ssn) FROM STDIN", [(8, "x", "far too long for it")], errors.StringDataRightTruncation),
    ("COPY people (id, name) FROM STDIN", [(8, None)], errors.NotNullViolation),
    ("COPY people (id, name, ssn) FROM STDIN", [(8, "x", GRACE[2])], errors.UniqueViolation),
    ("COPY people (id, name) FROM STDIN", [(8,)], errors.BadCopyFileFormat),
]:
    try:
        with conn.transaction():
            with cur.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        raise SystemExit(f"went through: {statement}")
    except error as e:
        assert "far too long" not in str(e) and GRACE[2] not in str(e), str(e)
try:
    with conn.transaction():
        with cur.copy("COPY people (id, name) FROM STDIN") as copy:
            copy.write_row((8, "Grace Capybara"))
            raise KeyError("the application gives up")
except KeyError:
    pass
check()
conn.commit()
conn.close()
