//! The frozen answers: every value is read as the server read it, or refused; never differently.

use crate::protect::coerce::{self, Target};
use crate::protect::value::{Canonical, Restore, Shown};
use crate::protect::{Settings, Zones};
use bytes::BytesMut;
use hippocrypt_policy::{ColumnRef, DeclaredType, TableRef};
use hippocrypt_sql::verdict::{Coercion, Literal};
use hippocrypt_wire::Format;

const ASSIGN: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/vectors/values/assign.tsv"
));
const COMPARE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/vectors/values/compare.tsv"
));

fn declared(name: &str) -> DeclaredType {
    name.parse().unwrap()
}

fn unescape(field: &str) -> String {
    let mut out = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next().unwrap() {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\u{b}',
            'f' => '\u{c}',
            other => other,
        });
    }
    out
}

fn literal(how: &str, value: &str) -> Literal {
    let string = |cast| Literal::String {
        value: value.into(),
        cast,
    };
    match how {
        "unknown" => string(0),
        "number" => Literal::Number(value.into()),
        "bool" => Literal::Bool(value == "true"),
        cast => string(match cast.strip_prefix("cast ").unwrap() {
            "bpchar" => 1042,
            other => declared(other).oid(),
        }),
    }
}

fn column() -> ColumnRef {
    ColumnRef {
        table: TableRef {
            schema: "public".into(),
            table: "t".into(),
        },
        column: "c".into(),
    }
}

fn settings(style: &str, zone: &str) -> Settings {
    let mut settings = Settings::with(Zones::agreeing(&[zone]));
    let (dates, other) = style.split_once("; ").unwrap_or((style, ""));
    settings.on_shown("DateStyle", dates);
    if let Some((name, value)) = other.split_once('=') {
        let reported = if name == "intervalstyle" {
            "IntervalStyle"
        } else {
            ""
        };
        settings.on_shown(reported, value);
        settings.on_shown(name, value);
    }
    settings.on_shown("TimeZone", zone);
    settings
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn shown(
    declared: DeclaredType,
    canonical: Canonical,
    plaintext: &[u8],
    settings: &Settings,
    format: Format,
) -> Result<Vec<u8>, String> {
    let restore = match canonical {
        Canonical::Equal => Restore::of(declared),
        Canonical::Exact => None,
    };
    let shown = Shown::read(declared, restore, plaintext).ok_or("no value of the type")?;
    let mut out = BytesMut::new();
    shown
        .write(format, settings, &mut out)
        .map_err(|e| e.message)?;
    Ok(out.to_vec())
}

/// Numerics of many digits are frozen by their length.
fn same(answer: &str, ours: &str) -> bool {
    match answer.strip_prefix('#') {
        Some(length) => length.parse() == Ok(ours.len()),
        None => answer == ours,
    }
}

/// One line of assign.tsv; says what is wrong, or whether it was refused.
fn assign(line: &str) -> Result<bool, String> {
    let fields: Vec<_> = line.split('\t').map(unescape).collect();
    let [class, name, style, zone, how, value, sent, answer] = &fields[..] else {
        return Err("not eight fields".to_owned());
    };
    let declared = declared(name);
    let settings = settings(style, zone);
    let target = Target {
        column: &column(),
        declared,
        coercion: Coercion::Assign,
    };
    let literal = literal(how, value);
    let ours = match coerce::literal(&target, &literal, &settings) {
        Ok(ours) => ours,
        Err(e) if sent == "!" && (e.sqlstate == answer || e.sqlstate == "0A000") => {
            return Ok(false);
        }
        Err(e) if sent != "!" && e.sqlstate == "0A000" && class == "may" => return Ok(true),
        Err(e) => return Err(format!("ours {} {}", e.sqlstate, e.message)),
    };
    for canonical in [Canonical::Exact, Canonical::Equal] {
        if canonical == Canonical::Equal && declared.not_deterministic().is_some() {
            continue;
        }
        let mut plaintext = Vec::new();
        match ours.clone().encode(canonical, &mut plaintext) {
            Err(e) if sent == "!" && e.sqlstate == answer => return Ok(false),
            other => other.map_err(|e| e.message)?,
        }
        let text = shown(declared, canonical, &plaintext, &settings, Format::Text)?;
        let text = String::from_utf8(text).unwrap();
        let binary = shown(declared, canonical, &plaintext, &settings, Format::Binary)?;
        if sent == "!" || !same(answer, &text) || !same(sent, &hex(&binary)) {
            return Err(format!("ours {text} {}", hex(&binary)));
        }
        // the same value as a binary parameter of the column's type
        let again = coerce::parameter(&target, declared.oid(), Format::Binary, &binary, &settings);
        let mut second = Vec::new();
        again
            .and_then(|v| v.encode(canonical, &mut second))
            .map_err(|e| e.message)?;
        if second != plaintext {
            return Err("another value from the binary form".to_owned());
        }
    }
    Ok(false)
}

#[test]
fn values_are_stored_and_shown_as_postgresql_does() {
    let mut refused = 0;
    let mut wrong = Vec::new();
    for line in ASSIGN.lines() {
        match assign(line) {
            Ok(was_refused) => refused += usize::from(was_refused),
            Err(why) => wrong.push(format!("{line}\t=> {why}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    // what PostgreSQL reads and we refuse stays rare, or the table would prove nothing
    let all = ASSIGN.lines().count();
    assert!(
        all > 5000 && refused * 10 < all,
        "{refused} of {all} refused"
    );
}

fn plaintext(
    name: &str,
    literal: &Literal,
    coercion: Coercion,
    settings: &Settings,
) -> Result<Vec<u8>, &'static str> {
    let target = Target {
        column: &column(),
        declared: declared(name),
        coercion,
    };
    let mut out = Vec::new();
    coerce::literal(&target, literal, settings)
        .and_then(|v| v.encode(Canonical::Equal, &mut out))
        .map_err(|e| e.sqlstate)?;
    Ok(out)
}

#[test]
fn equal_plaintexts_mean_postgresql_equality() {
    let mut wrong = Vec::new();
    let mut refused = 0;
    for line in COMPARE.lines() {
        let fields: Vec<_> = line.split('\t').map(unescape).collect();
        let [name, zone, stored, how, value, answer] = &fields[..] else {
            panic!("not six fields: {line}");
        };
        let settings = settings("ISO, MDY", zone);
        let stored = literal("unknown", stored);
        let stored = plaintext(name, &stored, Coercion::Assign, &settings).expect("stored");
        let other = plaintext(name, &literal(how, value), Coercion::Compare, &settings);
        let ours = match other {
            Ok(other) => (other == stored).to_string(),
            Err(code) => format!("!{code}"),
        };
        if ours == "!0A000" && !answer.starts_with('!') {
            refused += 1;
        } else if &ours != answer && !(ours == "!0A000" && answer.starts_with('!')) {
            wrong.push(format!("{line}\t=> {ours}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(refused * 10 < COMPARE.lines().count(), "{refused} refused");
}
