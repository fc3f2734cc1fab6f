//! Types that a policy can declare, and values of them. Values of protected columns carry a mark that no other text
//! of a session has (see `leak.rs`); it must never be in anything unprotected.

use super::rng::Rng;

/// A type as DDL and policy write it.
#[derive(Debug, PartialEq, Eq)]
pub struct Type {
    pub name: &'static str,
    pub oid: u32,
    pub array_oid: u32,
    /// Whether `protect: deterministic` takes it.
    pub deterministic: bool,
}

const fn of(name: &'static str, oid: u32, array_oid: u32, deterministic: bool) -> Type {
    Type {
        name,
        oid,
        array_oid,
        deterministic,
    }
}

pub static INT4: Type = of("int4", 23, 1007, true);
pub static INT8: Type = of("int8", 20, 1016, true);
pub static TEXT: Type = of("text", 25, 1009, true);
pub static SHORT: Type = of("varchar(11)", 1043, 1015, true);
pub static BOOL: Type = of("bool", 16, 1000, true);

/// All of them: what the proxy under test does not declare yet is left out at start (see `schema::declared`).
pub static TYPES: [&Type; 25] = [
    &INT4,
    &INT8,
    &TEXT,
    &SHORT,
    &BOOL,
    &of("varchar", 1043, 1015, true),
    &of("numeric(12,2)", 1700, 1231, true),
    &of("date", 1082, 1182, true),
    &of("timestamptz", 1184, 1185, true),
    &of("timestamptz(3)", 1184, 1185, true),
    &of("uuid", 2950, 2951, true),
    &of("int2", 21, 1005, true),
    &of("numeric", 1700, 1231, false),
    &of("float4", 700, 1021, false),
    &of("float8", 701, 1022, false),
    &of("char(12)", 1042, 1014, true),
    &of("bytea", 17, 1001, true),
    &of("time", 1083, 1183, true),
    &of("timestamp", 1114, 1115, true),
    &of("interval", 1186, 1187, false),
    &of("json", 114, 199, false),
    &of("jsonb", 3802, 3807, false),
    &of("inet", 869, 1041, true),
    &of("text[]", 1009, 1009, true),
    &of("int4[]", 1007, 1007, true),
];

/// A value as text that PostgreSQL reads, or NULL.
pub type Value = Option<String>;

/// A value of a protected column: from a small pool, sometimes NULL, an edge, or one that the type refuses.
pub fn protected(rng: &mut Rng, ty: &Type, pool: usize) -> Value {
    match rng.below(100) {
        0..=5 => None,
        6..=15 => Some((*rng.pick(edges(ty.name))).to_owned()),
        16..=17 => Some((*rng.pick(bad(ty.name))).to_owned()),
        _ => {
            let n = rng.skewed(pool);
            Some(marked(ty.name, n))
        }
    }
}

/// The n-th value of a type, marked.
pub fn marked(name: &str, n: usize) -> String {
    match name {
        "int4" => format!("{}", 735_192_400 + n),
        "int8" => format!("{}", 735_192_400 + n),
        "int2" => format!("{}", 30_000 + n),
        "bool" => ["t", "f"][n % 2].to_owned(),
        "numeric(12,2)" => format!("735192{:04}.{:02}", n, n * 7 % 100),
        "numeric" => format!("735192{n:04}.{n}00"),
        "float4" => format!("{}.5", 16_000 + n),
        "float8" => format!("735192{n:03}.25"),
        "date" => format!("1973-{:02}-{:02}", n % 12 + 1, n % 28 + 1),
        "timestamptz" => format!("1973-03-{:02} 07:08:{:02}.123456+00", n % 28 + 1, n % 60),
        "timestamptz(3)" => format!("1973-04-{:02} 23:59:{:02}.1239+00", n % 28 + 1, n % 60),
        "timestamp" => format!("1973-05-{:02} 07:08:{:02}.5", n % 28 + 1, n % 60),
        "time" => format!("17:35:{:02}.192", n % 60),
        "interval" => format!("{} days", 73_519 + n),
        "uuid" => format!("73519240-0000-4000-8000-{n:012}"),
        "bytea" => format!("\\x6b616e617269{n:04x}"),
        "json" => format!("{{ \"kanari\" : {n},\"kanari\":{n} }}"),
        "jsonb" => format!("{{\"kanari\": {n}}}"),
        "inet" => format!("173.51.92.{}", n % 200),
        "text[]" => format!("{{kanari-{n},NULL,\"a b\"}}"),
        "int4[]" => format!("{{{},NULL,-1}}", 735_192_400 + n),
        // text, varchar, char: at most 11 characters
        _ if n % 5 == 4 => format!("kanari'\"\\{n}"),
        _ if n % 5 == 3 => format!("kanari ü☃{n}"),
        _ => format!("kanari-{n:04}"),
    }
}

/// Values at the borders of a type.
fn edges(name: &str) -> &'static [&'static str] {
    match name {
        "int4" => &["0", "-1", "2147483647", "-2147483648", " 7 "],
        "int8" => &["0", "-1", "9223372036854775807", "-9223372036854775808"],
        "int2" => &["0", "-1", "32767"],
        "bool" => &["true", "no", "on", "0"],
        "numeric(12,2)" => &["0", "-0.005", "1.005", "1e3", "NaN", "9999999999.99"],
        "numeric" => &["0", "-0.0050", "1e-20", "NaN", "12345678901234567890.1"],
        "float4" | "float8" => &["0", "-0", "1e10", "NaN", "-Infinity", "0.1"],
        "date" => &["0044-03-15 BC", "infinity", "2024-02-29", "19990108"],
        "timestamptz" | "timestamptz(3)" => &[
            "infinity",
            "-infinity",
            "2024-02-29 12:34:56.7895+05:30",
            "2000-01-01",
        ],
        "timestamp" => &["infinity", "2024-02-29 23:59:59.9999995", "0044-03-15 BC"],
        "time" => &["00:00", "24:00:00", "12:00 PM"],
        "interval" => &["1 year 2 mons -3 days", "00:00:01.5", "P1Y2M3DT4H5M6S"],
        "uuid" => &[
            "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}",
            "00000000000000000000000000000000",
        ],
        "bytea" => &["", "\\x", "\\x00ff", "a\\000b"],
        "json" => &["null", " [1, 2] ", "\"\\u00e4\""],
        "jsonb" => &["null", "{\"b\":1.0,\"a\":[1,2],\"b\":2}", "1e2"],
        "inet" => &["10.0.0.1/8", "::1", "10.0.0.1"],
        "text[]" => &["{}", "{NULL,\"NULL\",\"\"}", "{\"a\\\"b\",c}"],
        "int4[]" => &["{}", "{NULL}", "{ 1, 2 }"],
        "char(12)" => &["", "a   ", "ü"],
        "varchar(11)" => &["", " ", "ü", "abc        ", "abc                 "],
        _ => &["", " ", "ü", "a\tb\nc", "☃\u{1F600}", "\\x41", "trailing  "],
    }
}

/// Values that the type refuses, or changes.
fn bad(name: &str) -> &'static [&'static str] {
    match name {
        "int4" | "int4[]" => &["3000000000", "x", "1.5"],
        "int8" | "int2" => &["99999999999999999999", "", "1e1"],
        "bool" => &["perhaps"],
        "numeric(12,2)" => &["10000000000", "1,5"],
        "varchar(11)" | "char(12)" => &["far longer than eleven characters"],
        "date" | "timestamptz" | "timestamptz(3)" | "timestamp" => &["1999-02-30", "never"],
        "text" | "varchar" => &["plain"],
        _ => &["not one"],
    }
}

/// A value of a clear column: never marked.
pub fn clear(rng: &mut Rng, ty: &Type, pool: usize) -> Value {
    if rng.percent(4) {
        return None;
    }
    let n = rng.skewed(pool);
    Some(match ty.name {
        "int4" | "int8" => n.to_string(),
        "bool" => ["t", "f"][n % 2].to_owned(),
        _ => ["red", "green", "it's", "", "ü\\☃"][n % 5].to_owned(),
    })
}
