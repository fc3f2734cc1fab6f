#!/usr/bin/env python3
"""Freezes what a real PostgreSQL does with values: assign.tsv and compare.tsv beside this file.

    PGHOST=… PGUSER=… python3 tests/vectors/values/generate.py

Needs psql and a server of version 15 (a database to create temporary tables in). The inputs are made
here from a fixed seed; only the answers are the server's. `must` inputs have to be read by the proxy
exactly so; `may` inputs may also be refused, but never be read differently.
"""
import os
import random
import re
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
    "int2": "int2send", "float4": "float4send", "float8": "float8send", "bpchar": "bpcharsend", "char": "bpcharsend",
    "bytea": "byteasend", "time": "time_send", "timestamp": "timestamp_send", "interval": "interval_send",
    "json": "json_send", "jsonb": "jsonb_send", "inet": "inet_send", "cidr": "cidr_send",
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


# --- the types of the second edition: they have a seed of their own, so that the first keeps its inputs
random.seed(20261122)
add("must", "int2", INTS + ["32767", "32768", "-32768", "-32769"])
FLOATS = ["0", "-0", "1", "-1", "1.5", "0.1", "0.3", "1e3", "1E-5", "0.0001", "0.00001", "123456", "1234567", "12345678", "999999", "1000000", "99999999", "1e14", "1e15", "1e16", "123456789012345", "1234567890123456", "12345678901234567",
          "9007199254740993", "9007199254740992", "3.4028235e38", "3.4028236e38", "1e39", "1.7976931348623157e308", "1.8e308", "1e400", "-1e400", "1e-45", "1e-46", "1.4e-45", "5e-324", "4.9e-324", "2e-324", "1e-400", "0e400", "2.2250738585072014e-308", "1.17549435e-38",
          "NaN", "nan", "-NaN", "+NaN", "Infinity", "-Infinity", "inf", "-inf", "+inf", "infinit", "iNf", "", " ", ".", "-", "+", "5.", ".5", "-.5", "e5", "1e", "1e+", "1.2.3", "1 2", "1,5", "0x1F", "0x1p3", "1_0", "abc", " 7.7 ", "\t7\n", "--1", "1d5", "1f", "33554432", "8589973000", "3.3554432e7", "1.6777216e7", "16777217",
          "9.5367431640625e-07", "2.98023223876953125e-08", "1.1920929e-07", "67108864", "134217728", "4294967296", "4611686018427387904", "9223372036854775808", "1.8446744073709552e19", "5e15", "2.5e15", "1e23", "9.5e22", "0.5", "2.5", "1e22"]
for _ in range(200):
    FLOATS.append(repr(random.uniform(-1, 1) * 10 ** random.randint(-320, 308)))
    FLOATS.append(repr(2.0 ** random.randint(-1070, 1020)))
    FLOATS.append(str(random.randint(-10 ** 17, 10 ** 17)))
for t in ("float4", "float8"):
    add("must", t, [f for f in FLOATS if f not in ("0x1F", "0x1p3", "-NaN", "+NaN", "nan(1)")])
    add("may", t, ["0x1F", "0x1p3", "-NaN", "+NaN", "nan(1)"])
    for digits in (-15, -7, -1, 0, 1, 3):
        add("must", t, [f for f in FLOATS[:60] if f not in ("-NaN", "+NaN")] + ["NaN", "-inf", "0.1", "1e22", "123456.5", "0.000123456789"], styles=[f"ISO, MDY; extra_float_digits={digits}"])
for t in ("char(3)", "bpchar", "char(1)"):
    add("must", t, TEXTS)
BYTEAS = ["", "\\x", "\\x00ff", "\\xABcd", "\\x 0 0", "\\x00 ff\n11", "\\x0", "\\xg0", "\\X00", "abc", "a\\\\b", "a\\001b", "a\\377b", "a\\400b", "a\\08", "a\\", "\\\\x41", "äöü", "\\134", " ", "a b", "\\x4142\t", "'", "~\x7f"]
for out in ("hex", "escape"):
    add("must", "bytea", BYTEAS, styles=[f"ISO, MDY; bytea_output={out}"])
LOCAL = [v for v in STAMPS if v not in ("4714-11-24 00:00:00+00 BC", "4714-11-23 23:59:59+00 BC")]
add("may", "timestamp", LOCAL, zones=["UTC", "America/New_York"])
add("must", "timestamp", LOCAL[:8] + ["2004-10-19 24:00:00", "infinity", "-infinity", "epoch", "294276-12-31 23:59:59.999999", "294277-01-01", "4714-11-24 00:00:00 BC", "4714-11-23 23:59:59 BC", "0044-03-15 12:00 BC"])
add("must", "timestamp", SHOWN, styles=STYLES)
for p in (0, 1, 3, 6):
    add("must", f"timestamp({p})", ["2004-10-19 10:23:54.123456", "2004-10-19 10:23:54.5", "1999-12-31 23:59:59.5", "1969-07-20 20:17:40.05", "infinity"])
    add("must", f"time({p})", ["10:23:54.123456", "10:23:54.5", "10:23:55.5", "23:59:59.5", "23:59:59.9999", "24:00:00", "00:00:00.0005", "00:00"])
TIMES = ["10:20", "10:20:30", "10:20:30.5", "24:00:00", "24:00:01", "23:59:60", "23:60:00", "25:00", "00:00:00", "10:20:30.1234567", "23:59:59.9999999", "102030", "1020", "10:20 AM", "12:00 AM", "12:00 PM", "01:00 pm", "13:00 PM", " 10:20 ",
         "2004-10-19 10:23:54", "2004-10-19 10:23:54+02", "10:23:54+02", "10:23:54 PST", "10:23:54Z", "T10:20:30", "", "x", "10", "10:", ":10", "-10:00", "10:20:30:40", "10h", "allballs", "now", "infinity", "2004-13-01 10:20", "10:20:30 2004-10-19", "10.5", "1020.5", "102030.5", "10:20.5"]
add("may", "time", TIMES)
add("must", "time", TIMES[:4] + ["23:59:60", "00:00:00", "10:20:30.1234567", "10:20 AM", "12:00 AM", "12:00 PM", "01:00 pm", "2004-10-19 10:23:54", "10:23:54+02"], styles=["ISO, MDY", "SQL, DMY"])
NETS = ["10.0.0.1", "10.0.0.1/32", "10.0.0.1/8", "10.0.0.0/8", "0.0.0.0/0", "255.255.255.255", "10.0.0.1/33", "10.0.0.1/", "10.0.0/24", "10.0.0", "10", "10/8", "192.168", "128.1", "224", "224.0.0.0", "240", "10.0.0.0.0", "10.0.0.256", "010.1.1.1", "10.0.0.1/08", "10..1", "", " ", " 10.0.0.1", "10.0.0.1 ", "a.b.c.d", "1.2.3.4/a",
        "::", "::/0", "::1", "::1/128", "::2", "1::", "1::/16", "2001:db8::1", "2001:db8::/32", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8:0:0:1:0:0:1", "2001:0:0:1:0:0:0:1", "::ffff:1.2.3.4", "::1.2.3.4", "::ffff:0:1.2.3.4", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "::1/129", "::1/0128", "fe80::1%eth0", "12345::", "::g", "2001:db8::/31", "::ffff:0:0/96", "0:0:1::", "1:0:0:2:0:0:0:0", "ABCD:EF01::", "::0001", "::1.2.3", "0x0a", "10.0.0.1/-1", "1.2.3.4/24/8", "10.1.2.3/0"]
add("may", "inet", ["::1.2.3"])
add("may", "cidr", ["::1.2.3"])
NETS.remove("::1.2.3")
add("must", "inet", NETS)
add("may", "cidr", ["0x0a", "0x0a/8"])
add("must", "cidr", [n for n in NETS if not n.startswith("0x")])
JSONS = ["null", "true", "false", "nul", "TRUE", "1", "-1", "01", "1.0", "1.50", "1e2", "1E-3", "-0", "-0.0", "1.", ".5", "1e", "--1", "+1", "1a", "1_0", "NaN", "1e1000", "1e131073", "12345678901234567890.1234567890", '""', '"a"', '"a', "'a'", '"\\n\\t\\"\\\\\\/\\b\\f\\r"', '"\\u0041"', '"\\u00e4"', '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83dx"', '"\\u12"', '"\\u12g4"', '"\\x"', '"\t"', '"äöü"', '"\x7f"',
         "[]", "[ ]", "[1,2]", "[1, [2, [3]]]", "[1,]", "[,1]", "[1 2]", "[", "]", "{}", "{ }", '{"a":1}', '{"b":1,"a":2}', '{"bb":1,"a":2,"c":3}', '{"a":1,"a":2}', '{"a":{"z":1,"y":[1,2,{"q":null}]}}', '{"a":1,}', '{"a"}', '{a:1}', '{"a":}', '{"":1}', "{1:2}", '{"ä":1,"zz":2,"z":3}', ' {"a" : 1 } ', '{"a":1}x', "", " ", "\n[1]\n", "[1]\v", '{"\\u0061":1,"a":2}', '"\\u001f"', "[true,false,null]", "truex", "true1", "[1]2", "\ufeff1", '{"a":[]}', '[{}]', '{"a":0.1e1}', '[1.000, 1e-2, 123e3, 0e5]']
add("must", "json", JSONS)
add("must", "jsonb", JSONS)
INTERVALS = ["1 day", "1 day 2 hours", "2 years 3 mons", "1 year 2 mons 3 days 04:05:06", "-1 day", "-1 day +02:03:04", "1 day -02:03:04", "3 days ago", "1 year 2 months 3 days 4 hours 5 minutes 6 seconds ago", "@ 1 year 2 mons", "@ 1 hour ago", "04:05:06", "-04:05:06", "04:05", "1 04:05:06", "1 4", "5", "-5", "1.5", "1.5 days", "0.5 months", "1.5 years", "1.1 years", "0.1 years", "-1.5 days", "1.5 weeks", "2 weeks", "1.5 hours", "1.5 seconds", "1.2345678 seconds", "0.0000005 seconds", "0.0000015 s",
             "1-2", "-1-2", "1-2 3 4:05:06", "+1-2 -3 +4:05:06", "-1-2 +3 -4:05:06", "-1 2:03:04", "-1-2 3", "1-13", "P1Y2M3DT4H5M6S", "P1Y2M3DT4H5M6.7S", "P1Y", "PT1H", "P2W", "PT0.5S", "P0.5M", "P1.5Y", "P-1Y", "PT-1.5S", "P1Y-2M", "P", "PT", "P1", "P1H", "PT1Y", "P0001-02-03T04:05:06", "P20010203", "p1y", "1 decade", "2 centuries", "1 millennium", "1 c", "1 mil", "100 ms", "100 us", "1 microsecond", "5 milliseconds", "1y2mon3d", "1y 2m", "1h30m", "1 h 30 min 5 s",
             "", " ", "x", "day", "1 day 1 day", "1 days 24:00:00 1 hour", "ago", "1 fortnight", "infinity", "178000000 years", "178956970 years 7 mons", "178956970 years 8 mons", "2147483647 days", "2147483648 days", "9223372036854 seconds", "9223372036855 seconds", "2562047788 hours", "2562047789 hours", "1 month 2", "1:60", "1:00:61", "1:2:3:4", "99999:00:00", "0", "0 days", "1 mon -1 day", "-1 mon 1 day", "-1 year -2 mons +3 days -04:05:06", "-00:00:00.5", "1 year -1 mon", "12 mons", "-13 mons", "00:00:01", "00:00:01.5", "-00:00:01", "1 sec", "1 day 00:00:01", "23:59:59.9999995", "0.3 days", "0.7 weeks", "1.25 months", "2.999999 months", "0.016667 decades", "1 hour 30", "30 1 hour", "1 day 12"]
for style in ("postgres", "postgres_verbose", "sql_standard", "iso_8601"):
    add("may", "interval", INTERVALS, styles=[f"ISO, MDY; intervalstyle={style}"])
    add("must", "interval", INTERVALS[:13] + ["P1Y2M3DT4H5M6.7S", "1.5 days", "1-2", "1 mon -1 day", "-1 year -2 mons +3 days -04:05:06", "0", "-00:00:00.5", "1 day 00:00:01"], styles=[f"ISO, MDY; intervalstyle={style}"])
for t in ("interval year", "interval month", "interval day", "interval hour", "interval minute", "interval second", "interval year to month", "interval day to hour", "interval day to minute", "interval day to second(2)", "interval hour to minute", "interval hour to second", "interval minute to second(0)", "interval(0)", "interval(3)"):
    add("may", t, ["5", "1.5", "-5", "04:05", "1 year 2 mons 3 days 04:05:06.789", "-1 year -2 mons -3 days -04:05:06.785", "1 2", "1-2", "90 minutes", "100 seconds", "00:00:00.5", "-00:00:01.5"])
for _ in range(250):
    unit = lambda: random.choice(["year", "years", "mon", "mons", "day", "days", "hours", "min", "secs", "weeks", "ms", ""])
    value = " ".join(random.choice(["", "", "-", "+"]) + random.choice(["1", "2", "30", "1.5", "0.25", "12:30", "1-2", "1:02:03.4"]) + random.choice([" ", ""]) + unit() for _ in range(random.randint(1, 4)))
    add("may", "interval", [value + random.choice(["", "", "", " ago"])], styles=[f"ISO, MDY; intervalstyle={random.choice(['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'])}"])
ARRAYS = ["{}", "{ }", "{1,2,3}", "{1}", "{NULL}", "{null,1}", "{ 1 , 2 }", " {1,2} ", "{1,2", "1,2}", "{1,,2}", "{1,}", "{,1}", "{}{}", "{1}x", "", "[0:1]={1,2}", "[1:2]={1,2}", "[-1:0]={1,2}", "[2]={1,2}", "[0:2]={1,2}", "[1:0]={}", "[0:1]= {1,2}", "[0:1]{1,2}", "[a:1]={1}", "[5:5]={7}", "{{1,2},{3,4}}", "{{1}}", "{{}}", "[1:1][1:1]={{1}}", "{\"1\",\"2\"}", "{\"NULL\"}", "[0:1]={}"]
for t in ("int4[]", "text[]", "int8[]", "numeric(5,2)[]"):
    add("may", t, ARRAYS)
    add("must", t, ["{}", "{ }", "{1,2,3}", "{NULL}", "{null,1}", "{ 1 , 2 }", "[0:1]={1,2}", "[5:5]={7}", "{\"1\",\"2\"}"])
ITEMS = ['{a,b}', '{"a b",c}', '{a b}', '{ a , b }', '{"",x}', '{"NULL",NULL}', '{nUlL}', '{"a\\"b"}', '{a\\,b}', '{"a\\\\b"}', '{"{x}"}', '{ä,"日本"}', '{"a"b}', '{a"b"}', '{"a" }', '{a\\ }', '{"\t"}', '{\\N\\U\\L\\L}', '{"a,b"}', "{'a'}", '{abcd}', '{abc ,"abc "}', '{"abc  "}']
for t in ("text[]", "varchar(3)[]", "char(3)[]"):
    add("must" if t == "text[]" else "may", t, ITEMS)
add("must", "bool[]", ["{t,f}", "{true,x}", "{t,NULL}"])
add("must", "int2[]", ["{1,2}", "{40000}"])
add("must", "float8[]", ["{1.5,NaN,-0}", "{1e400}"], styles=["ISO, MDY", "ISO, MDY; extra_float_digits=0"])
add("must", "bytea[]", ['{"\\\\x00ff",abc}'], styles=["ISO, MDY; bytea_output=hex", "ISO, MDY; bytea_output=escape"])
add("must", "date[]", ["{2020-01-31,infinity}"], styles=STYLES)
add("must", "timestamptz(0)[]", ['{"2020-01-31 10:00:00.5+00",NULL}'], styles=STYLES[:4], zones=["UTC", "America/New_York"])
add("must", "timestamp[]", ['{"2020-01-31 10:00:00.5"}'])
add("must", "time[]", ["{10:00,24:00}"])
add("must", "uuid[]", ["{" + UUID + "}"])
add("must", "inet[]", ["{10.0.0.1,::1/64}"])
add("must", "cidr[]", ["{10.0.0.0/8}", "{10.0.0.1/8}"])
add("must", "json[]", ['{"{\\"a\\": 1}",null}'])
add("must", "jsonb[]", ['{"{\\"b\\":1,\\"a\\":1.50}"}'])
add("must", "interval[]", ["{1 day,04:05}"], styles=["ISO, MDY; intervalstyle=postgres", "ISO, MDY; intervalstyle=iso_8601"])

CASTS = {
    "text": ["5", "abc", "abc  ", "{1}", "10.0.0.1"], "int2": ["5", "-7"], "int4": ["5", "70000"], "int8": ["5", "3000000000"], "numeric": ["5", "5.5", "1e40", "1e400", "NaN"], "bool": ["t"], "date": ["2020-01-31", "infinity"],
    "timestamp": ["2020-01-31 10:20:30.5", "infinity"], "timestamptz": ["2020-01-31 10:20:30.5+00"], "time": ["10:20:30.5", "24:00"], "interval": ["1 day 02:03:04", "-02:03:04", "30:00"], "uuid": [UUID],
    "float4": ["5.5", "0.1", "1e30", "NaN", "-0"], "float8": ["5.5", "2.5", "0.1", "1e30", "1e300", "1e-300", "NaN", "Infinity", "123456789.123456789", "0.00001234567890123456789"], "bpchar": ["abc  ", "ab"], "bytea": ["abc"], "json": ['{"b":1,"a":2}'], "jsonb": ['{"b":1,"a":2}'],
    "inet": ["10.0.0.1", "10.0.0.1/8"], "cidr": ["10.0.0.0/8", "10.0.0.1"], "int4[]": ["{1,2}"], "text[]": ["{1,abcd}"], "varchar": ["abc"],
}
NEW = ["int2", "float4", "float8", "char(3)", "bpchar", "bytea", "time", "time(0)", "timestamp", "timestamp(0)", "interval", "interval day", "json", "jsonb", "inet", "cidr", "int4[]", "text[]"]
for t in NEW:
    add("may", t, ["0", "5", "-5", "5.5", "2.5", "40000", "3000000000", "1e400"], how="number")
    add("may", t, ["true"], how="bool")
    for cast, values in CASTS.items():
        add("may", t, values, how="cast " + cast, zones=["UTC", "America/New_York"] if cast in ("date", "timestamp", "timestamptz") else ["UTC"])
for t in ("int4", "int8", "numeric", "numeric(10,2)", "text", "varchar(3)", "bool", "date", "timestamptz", "uuid"):
    for cast in ("time", "interval", "float4", "float8", "bytea", "json", "jsonb", "inet", "cidr", "int4[]", "text[]", "bpchar"):
        add("may", t, CASTS[cast], how="cast " + cast)

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
STORED |= {
    "int2": ["5", "-5", "32767"], "char(3)": ["abc", "ab", ""], "bytea": ["abc", ""], "time": ["10:20:30.5", "24:00", "00:00"], "timestamp": ["2020-01-31 00:00:00", "2020-01-31 10:20:30.5", "2021-11-07 01:30:00", "infinity"],
    "inet": ["10.0.0.1", "10.0.0.0/8", "::1"], "cidr": ["10.0.0.1", "10.0.0.0/8"], "int4[]": ["{1,2}", "[0:1]={1,2}", "{}", "{1,NULL}"], "text[]": ["{a,b}"], "varchar(3)[]": ["{abc}"], "numeric(5,2)[]": ["{1.50}"], "timestamptz[]": ['{"2020-01-31 10:20:30.5+00"}'], "char(3)[]": ["{ab}"],
}
OTHER["unknown"] += ["ab   ", "32768", "10:20:30.500", "24:00:00", "10.0.0.1/32", "10.0.0.1", "10.0.0.0/8", "10/8", "10.0.0.1/8", "::1/128", "{1,2}", "{ 1 , 2 }", "[0:1]={1,2}", "[1:2]={1,2}", "{}", "{1,null}", "{a,b}", "{abc}", "{abcd}", "{1.5}", "{2020-01-31 10:20:30.5 UTC}", "{ab}", "{\"ab \"}", "\\x616263", "2021-11-07 01:30:00"]
OTHER |= {
    "cast float4": ["5", "5.5"], "cast text": OTHER["cast text"] + ["ab", "ab ", ""], "cast varchar": OTHER["cast varchar"] + ["ab"], "cast bpchar": ["abc ", "ab", "abcd"], "cast bytea": ["abc"], "cast time": ["10:20:30.5", "00:00"], "cast interval": ["10:20:30.5"],
    "cast inet": ["10.0.0.1", "10.0.0.0/8", "10.0.0.1/8"], "cast cidr": ["10.0.0.1", "10.0.0.0/8"], "cast int4[]": ["{1,2}"], "cast int8[]": ["{1,2}"], "cast text[]": ["{a,b}", "{abc}"], "cast varchar[]": ["{abc}"], "cast numeric[]": ["{1.5}"], "cast timestamptz": OTHER["cast timestamptz"] + ["2021-11-07 05:30:00+00", "2021-11-07 06:30:00+00"],
}
for typ, stored in STORED.items():
    for s in stored:
        for how, values in OTHER.items():
            for v in values:
                zones = ["UTC", "America/New_York"] if typ in ("date", "timestamptz", "timestamp") else ["UTC"]
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
  perform set_config('intervalstyle', 'postgres', false), set_config('bytea_output', 'hex', false), set_config('extra_float_digits', '1', false);
  perform set_config('datestyle', split_part(style, ';', 1), false), set_config('timezone', zone, false);
  perform set_config(trim(split_part(split_part(style, ';', 2), '=', 1)), split_part(style, '=', 2), false) where style like '%=%';
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
    return "array_send" if typ.endswith("]") else SEND[re.split("[ (]", typ)[0]]


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
    script += "reset all; set client_min_messages = error;\ncopy (select class, t, style, zone, how, v, case when length(sent) > 400 then '#' || length(sent) else sent end, case when length(shown) > 400 then '#' || length(shown) else shown end from answers order by id) to stdout;\n"
    open(os.path.join(HERE, "assign.tsv"), "w").write(psql(script))
    script = SETUP + tables + "create temp table given (id int, t text, zone text, stored text, how text, v text);\ncopy given from stdin;\n"
    for i, row in enumerate(compare):
        script += "\t".join([str(i)] + [escape(f) for f in row]) + "\n"
    script += "\\.\ncreate temp table answers as select g.*, pg_temp.equal(t, zone, stored, how, v) as a from given g;\nreset timezone;\n"
    script += "copy (select t, zone, stored, how, v, a from answers order by id) to stdout;\n"
    open(os.path.join(HERE, "compare.tsv"), "w").write(psql(script))


main()
