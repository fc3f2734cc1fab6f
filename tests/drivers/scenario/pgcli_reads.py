"""pgcli, without its prompt: what it asks the schema to complete names, and its backslash commands. By PG* variables."""

import os

from pgcli.pgexecute import PGExecute
from pgspecial.main import PGSpecial


def say(what, *values):
    print(f"{what}: {' | '.join(map(repr, values))}")


place = (os.environ[v] for v in ("PGDATABASE", "PGUSER", "PGPASSWORD", "PGHOST", "PGPORT"))
executor = PGExecute(*place)
special = PGSpecial()


def run(text):
    results = executor.run(text, special, on_error_resume=True, exception_formatter=lambda e: e.sqlstate)
    for title, rows, headers, status, sql, success, is_special in results:
        footer = sorted((status or "").splitlines())  # \\d asks for foreign keys of one table in no order
        say(text, title, [tuple(row) for row in rows or ()], headers, footer, success, is_special)


for text in (
    "INSERT INTO people (id, name, ssn, dob, age, big, cost, alive, seen, token, photo, tags) VALUES (1, 'Grace Capybara', "
    "'900-55-0001', '1906-12-09', 85, 9007199254740993, 12.50, true, '2024-02-29 12:34:56.789+00', "
    "'6f1f2b6e-0000-4000-8000-0000000000aa', '\\x0001ff5c', '{\"a,b\",\"\",NULL}')",
    "SELECT * FROM people WHERE ssn = '900-55-0001'",
    "SELECT nothing FROM people",
):
    run(text)

say("search path", executor.search_path())
say("schemata", sorted(s for s in executor.schemata() if "temp" not in s))  # those have the numbers of sessions
for what in ("tables", "views", "table_columns", "view_columns", "foreignkeys", "datatypes"):
    for row in sorted(getattr(executor, what)()):
        say(what, row)
say("functions", sorted(f.func_name for f in executor.functions() if f.schema_name == "public"))
say("view", executor.view_definition("public.names"))
for text in (
    "\\dt", "\\dv", "\\di", "\\ds", "\\dn", "\\dT", "\\dD", "\\df", "\\dp", "\\d people", "\\d claims", "\\d+ claims", "\\d names",
    "\\d people_by_token", "\\d people_ssn_key",
):
    run(text)
