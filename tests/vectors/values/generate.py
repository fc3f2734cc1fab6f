#!/usr/bin/env python3
"""Freezes what a real PostgreSQL does with values: assign.tsv and compare.tsv beside this file.

    PGHOST=… PGUSER=… python3 tests/vectors/values/generate.py

Needs psql and a server of version 15 (a database to create temporary tables in). The inputs are made
here from a fixed seed; only the answers are the server's. `must` inputs have to be read by the proxy
exactly so; `may` inputs may also be refused, but never be read differently.
"""
import os
import random
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
random.seed(20261121)

STYLES = [f"{s}, {o}" for s in ("ISO", "SQL", "Postgres", "German") for o in ("MDY", "DMY", "YMD")]
ZONES = [
    "UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu",
    "Australia/Lord_Howe", "<+02>-02", "<-0330>+03:30", "America/Sao_Paulo", "Europe/Dublin",
    "Pacific/Apia", "EST5EDT,M3.2.0,M11.1.0", "GMT", "America/Caracas", "Asia/Tehran",
]
SEND = {
    "bool": "boolsend", "int4": "int4send", "int8": "int8send", "text": "textsend",
    "varchar": "varcharsend", "numeric": "numeric_send", "date": "date_send",
    "timestamptz": "timestamptz_send", "uuid": "uuid_send",
}

assign = []  # (class, type, style, zone, how, value)


def add(kind, typ, values, styles=("ISO, MDY",), zones=("UTC",), how="unknown"):
    for style in styles:
        for zone in zones:
            for value in values:
                assign.append((kind, typ, style, zone, how, value))


add("must", "bool", ["t", "f", "true", "TRUE", "tr", "tru", "false", "fa", "y", "yes", "ye", "n", "no", "on", "of", "off",
     "o", "1", "0", " 1 ", "\tTrue\n", "", " ", "2", "10", "truee", "onn", "yess", "01", "oN", "+1", "t f"])
INTS = ["0", "-0", "+0", "1", "-1", " 42 ", "\t7\n", "007", "+5", "--5", "+-5", "5 5", "5.0", "5e0", "", " ", "-", "x", "5x",
        "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "-9223372036854775809", "99999999999999999999999", "99999999999999999999999x", "5_", "_5", "1,000", "\v8\f", "٣"]
add("must", "int4", INTS)
add("must", "int8", INTS)
add("may", "int4", ["0x1F", "1_000", "0b1", "0o7"])
TEXTS = ["", " ", "a", "abc", "abcd", "abc ", "abc    ", "ab  c", "äöü", "äöüß", "äöü ", "日本語", "日本語x", "👩‍⚕️", "   ", "    ", "a\\b", "a'b",
         "E'x'", "tab\there", "line\nbreak", "'", "\\x41", "O''Hara", "é", "NULL"]
for t in ("text", "varchar", "varchar(3)", "varchar(1)"):
    add("must", t, TEXTS)
NUMS = ["0", "-0", "0.0", "0.00", "-0.00", "1", "-1", "1.0", "1.50", "1.005", "1.015", "-1.005", "2.5", "0.5", "0.05", "0.005", "0.0049", "-0.004",
        "99999999.994", "99999999.995", "99999999.99", "100000000", "-99999999.995", "12345678901234567890.123456789", "1e3", "1E3", "1e-3", "1.5e2",
        "-1.5E+2", ".5", "5.", "-.5", "+.5", " 7.7 ", "\t7\n", "NaN", "nan", " NAN ", "-NaN", "+NaN", "Infinity", "-Infinity", "+Infinity", "inf", "-inf", "+inf", "INF",
        "infinit", "", " ", ".", "-", "+", "e5", "1e", "1e+", "1.2.3", "1 2", "1,5", "0x1F", "1_0", "abc", "1e5x", "--1", "000123.4500", "0e5", "0e-5", "0e10",
        "10000", "9999.9999", "10000.0001", "0.0001", "0.00001", "0.00010000", "1e4", "1e8", "123456789", "12345", "1234", "0.1234567890123456789", "1e20", "1e-20",
        "1e-16383", "1e-16384", "1e131071", "1e131072", "0e131072", "1e2147483647", "1e-2147483647", "1e999999999999", "-0e0", "449.99", "450", "550", "-450", "99949", "99950", "0.000001", "0.0000049", "0.000005", "0.00999", "0.009995"]
for t in ("numeric", "numeric(10,2)", "numeric(5)", "numeric(3,-2)", "numeric(3,5)", "numeric(1,1)", "numeric(38,10)", "numeric(2,2)"):
    add("may" if t == "numeric(2,2)" else "must", t, [n for n in NUMS if n not in ("0x1F", "1_0")])
    add("may", t, ["0x1F", "1_0"])
for _ in range(300):
    digits = "".join(random.choice("0123456789") for _ in range(random.randint(1, 24)))
    point = random.randint(0, len(digits))
    n = random.choice(["", "-"]) + digits[:point] + "." + digits[point:]
    if random.random() < 0.3:
        n += "e" + str(random.randint(-30, 30))
    add("must", random.choice(["numeric", "numeric(10,2)", "numeric(20,5)", "numeric(30,0)", "numeric(12,-3)"]), [n])
UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
add("must", "uuid", [UUID, UUID.upper(), "{" + UUID + "}", UUID.replace("-", ""), "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
     " " + UUID, UUID + " ", UUID[:-1], UUID + "0", "{" + UUID, UUID + "}", "a0e-ebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
     "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11", UUID + "-", "{}", "00000000-0000-0000-0000-000000000000", "ffffffffffffffffffffffffffffffff"])

DATES = ["1999-01-08", "2020-02-29", "2019-02-29", "1900-02-29", "2000-02-29", "20200131", "19990108", "990108", "January 8, 1999", "Jan 8 1999", "8 Jan 1999", "08-Jan-1999",
         "Jan-08-1999", "1999-Jan-08", "1/8/1999", "1/18/1999", "18/1/1999", "01/02/03", "01/02/2003", "31/12/99", "12/31/99", "99/12/31", "1999.01.08", "08.01.1999", "8.1.1999", "31.12.1999",
         "1999-1-8", "0001-01-01", "0001-01-01 BC", "4714-11-24 BC", "4714-11-23 BC", "4713-01-01 BC", "44-03-15 BC", "0044-03-15 BC", "5874897-12-31", "5874898-01-01", "294276-12-31", "10000-01-01",
         "infinity", "-infinity", "Infinity", " epoch ", "epoch", "2020-01-01 10:00", "2020-01-01T10:00:00Z", "2020-01-01 10:00:00.5+02", "2020-01-31 AD", "Fri 31 January 2020",
         "Friday, January 31, 2020", "2020-13-01", "2020-00-01", "2020-01-00", "2020-01-32", "2020-04-31", "0000-01-01", "2020-1", "2020", "", " ", "x", "2020-01-01x", "2020/01/31", "2020/1/31",
         "  2020-01-31  ", "2020-01-31\n", "Sept 5 2001", "september 5 2001", "1 May 68", "1 May 70", "5-May-69", "99-01-08", "jan 1, 100", "1/1/70", "1/1/69", "1/1/00", "2020-06-31", "Feb 30 2020",
         "19990108 BC", "2020-01-01 BC 10:00", "100-01-01", "12345-06-07", "20201301", "20200230", "200131", "201331", "Jan 8 99 BC", "2020-01-01 infinity",
         "feb123-5", "Jan 123-5", "Jan 99-5", "2020-01-31 1999", "2020-01-31 2359", "2020-01-31 235961", "2020-01-31 246060"]
add("must", "date", DATES[:60])
add("may", "date", DATES[60:])
FORMATS = ["1999-01-08", "01/02/03", "01/02/2003", "13/02/2003", "02/13/2003", "Jan 8 1999", "8-Jan-99", "99-Jan-08", "1999-Jan-08", "2003/02/01", "03-02-01", "31.12.1999", "12.31.1999", "0044-03-15 BC", "infinity", "-infinity",
           "12345-06-07", "5874897-12-31", "4714-11-24 BC", "0001-01-01", "19990108", "990108", "Jan 8 99", "8 Jan 5"]
add("may", "date", FORMATS, styles=STYLES)
add("must", "date", ["1999-01-08", "2020-12-31", "0044-03-15 BC", "infinity", "-infinity", "12345-06-07", "5874897-12-31"], styles=STYLES)

STAMPS = ["2004-10-19 10:23:54+02", "2004-10-19 10:23:54", "2004-10-19T10:23:54Z", "2004-10-19T10:23:54.123456789+05:30", "2004-10-19 10:23:54.5 America/New_York", "2004-10-19 10:23", "2004-10-19",
          "20041019T102354Z", "20041019T102354+0200", "20041019 102354", "20041019T102354.25Z", "2004-10-19 10:23:54 PST", "2004-07-19 10:23:54 EDT", "2004-10-19 10:23:54 UTC", "2004-10-19 10:23:54 GMT",
          "2004-10-19 10:23:54-0330", "2004-10-19 10:23:54 -3", "2004-10-19 10:23:54 +05:30:15", "2004-10-19 10:23:54+16", "2004-10-19 10:23:54+15:59:59", "2004-10-19 24:00:00", "2004-10-19 24:00:01",
          "2004-10-19 23:59:60", "2004-10-19 23:59:60.5", "2004-10-19 23:60", "2004-10-19 25:00", "2004-10-19 10:23:61", "2004-10-19 04:05 PM", "2004-10-19 12:05 AM", "2004-10-19 12:05 PM", "2004-10-19 13:05 PM",
          "2004-10-19 10:23:54.9999999", "2004-10-19 10:23:54.9999995", "2004-10-19 10:23:54.0000005", "2004-10-19 10:23:54.0000015", "2004-10-19 10:23:54.", "1999-12-31 23:59:59.999999", "1999-12-31 23:59:59.5", "1999-12-31 23:59:59.4", "1970-01-01 00:00:00.0005",
          "Tue Oct 19 10:23:54 2004 PDT", "Tue Oct 19 10:23:54 2004", "Oct 19 2004 10:23:54 pm", "19 Oct 2004 10:23", "10/19/2004 10:23:54", "19.10.2004 10:23:54 CET", "0001-01-01 00:00:00 BC", "4714-11-24 00:00:00+00 BC", "4714-11-23 23:59:59+00 BC",
          "294276-12-31 23:59:59.999999+00", "294277-01-01 00:00:00+00", "infinity", "-infinity", "epoch", "1883-11-18 12:03:57", "1883-11-18 12:00:00", "1800-01-01 00:00:00", "1900-06-01 12:00", "1945-08-01 12:00", "9999-12-31 23:59:59", "12345-07-01 12:00:00", "12345-01-01 12:00:00",
          "", "x", "2004-10-19 10", "2004-10-19 1023", "2004-10-19 102354", "10:23:54", "10:23 2004-10-19", "+02 2004-10-19", "2004-10-19 10:23:54 Nowhere/Land", "2004-10-19 10:23:54 xyz", "2004-10-19 10:23:54 europe/berlin",
          "2004-10-19 10:23:54 Z", "2004-10-19t10:23:54z", "2004-10-19 10:23:54 MST7MDT", "2004-10-19 10:23:54+00 BC", "2004-10-19 BC 10:23:54+00", "2004-10-19 10:23:54 +02:00", "2004-10-19 10:23:54 UTC+3", "J2453298", "2004.293", "y2004", "2004-10-19 10:23.5", "2004-10-19 10h"]
add("may", "timestamptz", STAMPS, zones=["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "<+02>-02"])
add("must", "timestamptz", STAMPS[:16] + STAMPS[20:36] + ["infinity", "-infinity", "epoch", "294276-12-31 23:59:59.999999+00", "0001-01-01 00:00:00 BC", "9999-12-31 23:59:59+00"])
for p in (0, 1, 3, 6):
    add("must", f"timestamptz({p})", ["2004-10-19 10:23:54.123456+00", "2004-10-19 10:23:54.5+00", "2004-10-19 10:23:55.5+00", "1999-12-31 23:59:59.5+00", "1999-12-31 23:59:58.5+00", "1969-07-20 20:17:40.05+00",
         "1969-07-20 20:17:40.15+00", "2004-12-31 23:59:59.9999+00", "infinity", "2000-01-01 00:00:00.0005+00"])
EDGES = ["2021-03-14 02:30:00", "2021-11-07 01:30:00", "2021-03-28 02:30:00", "2021-10-31 02:30:00", "2021-04-04 01:45:00", "2021-10-03 02:15:00", "2011-12-30 12:00:00", "2018-11-04 00:30:00", "2035-07-01 12:00", "2050-07-01 12:00", "2050-01-01 12:00",
         "2500-03-14 02:30:00", "20500-07-01 12:00", "200000-07-01 12:00", "200000-01-01 12:00", "1965-07-01 12:00", "1918-07-01 12:00", "1850-01-01 00:00", "0100-01-01 00:00", "0044-03-15 12:00 BC", "4000-07-01 00:00 BC"]
add("must", "timestamptz", EDGES, zones=[z for z in ZONES])
SHOWN = ["2004-10-19 10:23:54.123456+00", "2004-01-19 10:23:54+00", "2004-01-19 10:23:54.5+00", "2004-01-19 00:00:00.000001+00", "0044-03-15 12:00:00+00 BC", "12345-07-01 12:00:00+00", "294276-12-31 23:59:59.999999+00", "4713-01-01 12:00+00 BC",
         "1850-06-01 12:00:00+00", "infinity", "-infinity", "1999-12-31 23:59:59.999999+00", "0001-01-01 00:00:00+00", "1970-01-01 00:00+00"]
add("must", "timestamptz", SHOWN, styles=STYLES, zones=ZONES)
for _ in range(400):
    year = random.choice([random.randint(1850, 2100), random.randint(1970, 2037), random.randint(1, 9999), random.randint(10000, 200000)])
    value = f"{year:04}-{random.randint(1, 12):02}-{random.randint(1, 28):02} {random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}"
    if random.random() < 0.5:
        value += f".{random.randint(0, 999999)}"
    if random.random() < 0.5:
        value += random.choice(["+00", "-05", "+05:30", " UTC", "Z"])
    add("must", "timestamptz", [value], styles=[random.choice(STYLES)], zones=[random.choice(ZONES)])

# random strings of date and time pieces, so that the field decoder meets what nobody writes
PIECES = ["1999", "99", "08", "8", "01", "1", "31", "Jan", "january", "feb", "Fri", "BC", "AD", "am", "pm", "10:20", "10:20:30", "10:20:30.5", "+02", "-0330", "Z", "UTC", "EST", "T", "-", "/", ".", ",", " ",
          "20200131", "200131", "102030", "1020", "2020-01-31", "01/02/2003", "3.4.1999", "Europe/Berlin", "epoch", "at", "on", "19", "123", "1.5", "-5", "jan-08-1999", "'", ":", "0", "00"]
for _ in range(1500):
    value = "".join(random.choice(["", " ", " "]) + random.choice(PIECES) for _ in range(random.randint(1, 6)))
    add("may", random.choice(["date", "timestamptz"]), [value], styles=[random.choice(STYLES[:3])], zones=[random.choice(["UTC", "America/New_York"])])

# constants and expressions with a type of their own
for t in ("int4", "int8", "numeric", "numeric(10,2)", "text", "varchar(3)", "varchar", "bool", "date", "timestamptz", "timestamptz(0)", "uuid"):
    add("may", t, ["0", "5", "-5", "5.5", "-5.5", "2.5", "0.5", "-0.5", "1e3", "1.50", "2147483647", "2147483648", "-2147483648", "3000000000", "9223372036854775807", "9223372036854775808", "1e400", "2147483647.5", "2147483647.4"], how="number")
    add("may", t, ["true", "false"], how="bool")
    for cast, values in {
        "text": ["5", "abc", "abcd", "abc  ", "2020-01-01", "t"], "varchar": ["5", "abc", "abcd"], "int2": ["5", "-7"], "int4": ["5", "-7"], "int8": ["5", "3000000000"],
        "numeric": ["5", "5.5", "1.005", "NaN", "Infinity"], "bool": ["t", "no"], "date": ["2020-01-31", "infinity", "0044-03-15 BC"],
        "timestamp": ["2020-01-31 10:20:30.5", "2020-01-31", "-infinity"], "timestamptz": ["2020-01-31 10:20:30.5+00", "2020-01-31 23:00:00-05", "infinity"],
        "uuid": [UUID], "float8": ["5", "5.5", "2.5", "3.5", "1e30"], "bpchar": ["abc  ", "abcd"],
    }.items():
        add("may", t, values, how="cast " + cast, zones=["UTC", "America/New_York"] if cast in ("date", "timestamp", "timestamptz") else ["UTC"], styles=["ISO, MDY", "SQL, DMY"] if cast in ("date", "timestamptz") else ["ISO, MDY"])

compare = []  # (type, zone, stored, how, value)
STORED = {
    "int4": ["5", "-5", "0", "2147483647"], "int8": ["5", "3000000000", "9223372036854775807"], "numeric(10,2)": ["5.00", "5.50", "0", "NaN"], "text": ["abc", "abc ", "5", ""], "varchar(3)": ["abc", "ab ", "5"],
    "bool": ["t", "f"], "date": ["2020-01-31", "infinity"], "timestamptz": ["2020-01-31 00:00:00", "2020-01-31 10:20:30.5+00", "infinity"], "uuid": [UUID],
}
OTHER = {
    "unknown": ["5", "5.0", "5.00", "5.5", "5.500", "abc", "abc ", "abcd", "ab", "t", "yes", "3000000000", "2020-01-31", "2020-01-31 10:00", "2020-01-31 10:20:30.5+00", "infinity", UUID, UUID.upper(), "NaN", "", "1e0"],
    "number": ["5", "5.0", "5.5", "5.50", "-5", "0", "3000000000", "2147483648", "9223372036854775807", "9223372036854775808", "5e0"], "bool": ["true", "false"],
    "cast text": ["abc", "abc ", "5", "2020-01-31"], "cast varchar": ["abc", "ab "], "cast int2": ["5"], "cast int8": ["5", "3000000000"], "cast numeric": ["5", "5.5", "5.500", "5.001", "NaN"], "cast float8": ["5", "5.5", "9223372036854775807"],
    "cast date": ["2020-01-31", "infinity"], "cast timestamp": ["2020-01-31", "2020-01-31 10:20:30.5", "infinity"], "cast timestamptz": ["2020-01-31", "2020-01-31 10:20:30.5+00", "2020-01-31 05:00:00+00"], "cast uuid": [UUID], "cast bpchar": ["abc "],
}
for typ, stored in STORED.items():
    for s in stored:
        for how, values in OTHER.items():
            for v in values:
                zones = ["UTC", "America/New_York"] if typ in ("date", "timestamptz") else ["UTC"]
                compare.extend((typ, zone, s, how, v) for zone in zones)


def escape(text):
    for a, b in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\v", "\\v"), ("\f", "\\f")):
        text = text.replace(a, b)
    return text


def psql(script):
    done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-"], input=script, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


SETUP = """
set client_min_messages = error;
create function pg_temp.expression(how text, v text) returns text language sql as $$
  select case when how = 'unknown' then quote_literal(v) when how in ('number', 'bool') then v
         else quote_literal(v) || '::' || substr(how, 6) end $$;
create function pg_temp.assign(t text, send text, style text, zone text, how text, v text, out shown text, out sent text) language plpgsql as $$
begin
  perform set_config('datestyle', style, false), set_config('timezone', zone, false);
  execute format('insert into "t %s" values (%s) returning format(''%%s'', c), encode(%I(c), ''hex'')', t, pg_temp.expression(how, v), send)
    into shown, sent;
exception when others then shown := sqlstate; sent := '!';
end $$;
create function pg_temp.equal(t text, zone text, stored text, how text, v text) returns text language plpgsql as $$
declare answer text;
begin
  perform set_config('timezone', zone, false);
  execute format('truncate "t %s"', t);
  execute format('insert into "t %s" values (%L)', t, stored);
  execute format('select (c = %s)::text from "t %s"', pg_temp.expression(how, v), t) into answer;
  return answer;
exception when others then return '!' || sqlstate;
end $$;
"""


def send_of(typ):
    return SEND[typ.split("(")[0]]


def main():
    seen, rows = set(), []
    for row in assign:
        if row[1:] not in seen:
            seen.add(row[1:])
            rows.append(row)
    types = sorted({r[1] for r in rows} | set(STORED))
    tables = "".join(f'create temp table "t {t}" (c {t});\n' for t in types)
    script = SETUP + tables + "create temp table given (id int, class text, t text, send text, style text, zone text, how text, v text);\ncopy given from stdin;\n"
    for i, (kind, typ, style, zone, how, value) in enumerate(rows):
        script += "\t".join([str(i), kind, typ, send_of(typ), style, zone, how, escape(value)]) + "\n"
    script += "\\.\ncreate temp table answers as select g.*, a.* from given g, pg_temp.assign(t, send, style, zone, how, v) a;\n"
    script += "reset datestyle; reset timezone;\ncopy (select class, t, style, zone, how, v, case when length(sent) > 400 then '#' || length(sent) else sent end, case when length(shown) > 400 then '#' || length(shown) else shown end from answers order by id) to stdout;\n"
    open(os.path.join(HERE, "assign.tsv"), "w").write(psql(script))
    script = SETUP + tables + "create temp table given (id int, t text, zone text, stored text, how text, v text);\ncopy given from stdin;\n"
    for i, row in enumerate(compare):
        script += "\t".join([str(i)] + [escape(f) for f in row]) + "\n"
    script += "\\.\ncreate temp table answers as select g.*, pg_temp.equal(t, zone, stored, how, v) as a from given g;\nreset timezone;\n"
    script += "copy (select t, zone, stored, how, v, a from answers order by id) to stdout;\n"
    open(os.path.join(HERE, "compare.tsv"), "w").write(psql(script))


main()
