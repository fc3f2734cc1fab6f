"""psycopg2: copy_expert and copy_from, text and CSV, files of the client."""

import io

import psycopg2

from expected import COLUMNS, CREATE, GRACE, NOBODY, PEOPLE, ZOE, same

conn = psycopg2.connect("")
cur = conn.cursor()
cur.execute(CREATE)
conn.commit()


def rows():
    cur.execute(f"SELECT {COLUMNS} FROM people ORDER BY id")
    found = cur.fetchall()
    for n, row in enumerate(found):
        row = list(row)
        row[9] = row[9] and __import__("uuid").UUID(row[9])
        same(row, PEOPLE[n])
    return len(found)


def line(row):
    escaped = lambda v: str(v).replace("\\", "\\\\").replace("\t", "\\t")
    return "\t".join("\\N" if v is None else escaped(v) for v in row) + "\n"


text = "".join(line(row) for row in PEOPLE)
cur.copy_expert(f"COPY people ({COLUMNS}) FROM STDIN", io.StringIO(text), size=7)
assert cur.rowcount == 3 and rows() == 3

for options in ["", "(FORMAT csv)", "(FORMAT csv, HEADER, FORCE_QUOTE *)", "(DELIMITER '|', NULL 'none')", "(FORMAT binary)"]:
    out = io.BytesIO()
    cur.copy_expert(f"COPY people ({COLUMNS}) TO STDOUT {options}", out)
    cur.execute("DELETE FROM people")
    out.seek(0)
    cur.copy_expert(f"COPY people ({COLUMNS}) FROM STDIN {options.replace(', FORCE_QUOTE *', '')}", out)
    assert rows() == 3, options
conn.commit()

# A bad row: the whole COPY is undone, the value is not repeated.
bad = io.StringIO("7\tGrace Capybara\t900-55-0007\n8\tx\tfar too long for it\n")
try:
    cur.copy_from(bad, "people", columns=("id", "name", "ssn"))
    raise SystemExit("a value that is too long went through")
except psycopg2.errors.StringDataRightTruncation as e:
    assert "far too long" not in str(e) and "line 2, column ssn" in str(e), str(e)
conn.rollback()
assert rows() == 3

# A reader that fails: the client's own words come back.
class Broken(io.StringIO):
    def read(self, size=-1):
        raise ValueError("Grace Capybara's file is broken")


try:
    cur.copy_expert("COPY people (id, name) FROM STDIN", Broken())
    raise SystemExit("a broken file went through")
except psycopg2.errors.QueryCanceled as e:
    assert "COPY from stdin failed" in str(e), str(e)
conn.rollback()
assert rows() == 3
conn.close()
