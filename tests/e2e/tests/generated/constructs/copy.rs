//! COPY in every format and under every option, with rows that the formats could trip over.

use super::super::author::Author;
use super::super::encode::binary;
use super::super::masked::COPY_HEAD;
use super::super::schema::{Column, Kind, Table};
use super::super::script::{Mode, Piece, Script};
use super::super::types::{Value, clear, marked, protected};
use super::{Construct, SIMPLE, error, refusal, yes};

pub const ALL: &[Construct] = &[
    yes("copy: TO text", to_text).only(UNBOUND),
    yes("copy: TO with options", to_options)
        .only(UNBOUND)
        .times(4),
    yes("copy: TO binary", to_binary).only(UNBOUND).times(2),
    yes("copy: TO of a query", to_query).only(UNBOUND).times(3),
    yes("copy: TO of a write", to_returning).only(UNBOUND),
    yes("copy: FROM text", from_text).only(UNBOUND).times(4),
    yes("copy: FROM CSV", from_csv).only(UNBOUND).times(6),
    yes("copy: FROM binary", from_binary).only(UNBOUND).times(3),
    yes("copy: FROM WHERE", from_where).only(UNBOUND).times(2),
    yes("copy: FROM FREEZE", from_freeze).only(UNBOUND),
    refusal(
        "refused: COPY in another encoding",
        &["COPY in an encoding other than UTF8"],
        encoding,
    )
    .only(UNBOUND),
    error(FROZEN, from_frozen).only(SIMPLE),
    yes("copy: FROM into a view, a partition", from_elsewhere)
        .on("parts")
        .only(UNBOUND),
    error("copy: FROM of a bad row", from_bad)
        .only(UNBOUND)
        .times(4),
];

/// Not in the extended protocol: PostgreSQL fails before it has read what was sent behind Execute, and how many Syncs
/// it answers is then a race.
pub(super) const FROZEN: &str = "copy: FROM FREEZE, not truncated";

/// COPY takes no parameters.
pub(super) const UNBOUND: &[Mode] = &[Mode::Simple, Mode::ExtendedLiteral];

fn fixed(sql: String) -> Piece {
    Piece::new(sql, vec![])
}

/// How fields are written.
struct Style {
    csv: bool,
    delimiter: char,
    null: &'static str,
    quote: char,
    escape: char,
    /// Quote all values, NULL never.
    always: bool,
}

/// A style and its options.
fn text_style(a: &mut Author<'_>) -> (Style, String) {
    let (delimiter, null, options) = *a.rng.pick(&[
        ('\t', "\\N", ""),
        ('\t', "\\N", " (FORMAT text, ENCODING 'UTF8')"),
        ('|', "NULL", " (DELIMITER '|', NULL 'NULL')"),
        (',', "", " WITH (DELIMITER ',', NULL '')"),
        ('~', "x", " DELIMITER '~' NULL AS 'x'"),
        ('\t', "\\N\\N", " (NULL '\\N\\N')"),
    ]);
    let style = Style {
        csv: false,
        delimiter,
        null,
        quote: '"',
        escape: '\\',
        always: false,
    };
    (style, options.to_owned())
}

fn csv_style(a: &mut Author<'_>) -> (Style, &'static str) {
    let (delimiter, null, quote, escape, options) = *a.rng.pick(&[
        (',', "", '"', '"', ""),
        (
            ';',
            "\\N",
            '\'',
            '\'',
            ", DELIMITER ';', NULL '\\N', QUOTE ''''",
        ),
        (',', "NULL", '"', '\\', ", NULL 'NULL', ESCAPE '\\'"),
        ('\t', "", '"', '"', ", DELIMITER E'\\t', ENCODING 'utf-8'"),
        (
            'f',
            "-",
            '5',
            'e',
            ", QUOTE '5', ESCAPE 'e', DELIMITER 'f', NULL '-'",
        ),
    ]);
    let style = Style {
        csv: true,
        delimiter,
        null,
        quote,
        escape,
        always: a.rng.percent(30),
    };
    (style, options)
}

impl Style {
    fn field(&self, value: &Value) -> String {
        let Some(value) = value else {
            return self.null.to_owned();
        };
        match self.csv {
            true => self.csv_field(value),
            false => self.text_field(value),
        }
    }

    fn text_field(&self, value: &str) -> String {
        let mut out = String::new();
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                c if c == self.delimiter => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        // a value that looks like NULL is told from it by a backslash
        match value == self.null {
            true => match value.chars().next() {
                Some(first) => format!("\\{first}{}", &value[first.len_utf8()..]),
                None => out,
            },
            false => out,
        }
    }

    fn csv_field(&self, value: &str) -> String {
        let plain = !value.contains([self.delimiter, self.quote, self.escape, '\n', '\r', '"']);
        if plain && !self.always && value != self.null && value != "\\." && !value.is_empty() {
            return value.to_owned();
        }
        let mut out = String::from(self.quote);
        for c in value.chars() {
            if c == self.quote || c == self.escape {
                out.push(self.escape);
            }
            out.push(c);
        }
        out.push(self.quote);
        out
    }

    fn line(&self, values: &[Value]) -> String {
        let fields: Vec<String> = values.iter().map(|v| self.field(v)).collect();
        fields.join(&self.delimiter.to_string()) + "\n"
    }
}

/// Some columns of a table in any order, its id among them.
fn columns<'t>(a: &mut Author<'_>, t: &'t Table) -> Vec<&'t Column> {
    let mut columns: Vec<&Column> = t.columns[1..].iter().collect();
    a.rng.shuffle(&mut columns);
    columns.truncate(1 + a.rng.below(4));
    columns.push(&t.columns[0]);
    a.rng.shuffle(&mut columns);
    columns
}

fn list(columns: &[&Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|c| &*c.name).collect();
    names.join(", ")
}

/// Rows with ids that are free, or nearly always are.
fn rows(a: &mut Author<'_>, columns: &[&Column]) -> Vec<Vec<Value>> {
    let first = 1000 + a.rng.below(1_000_000);
    (0..a.rng.below(5))
        .map(|i| columns.iter().map(|c| value(a, c, first + i)).collect())
        .collect()
}

fn value(a: &mut Author<'_>, column: &Column, id: usize) -> Value {
    if column.name == "id" {
        return Some(id.to_string());
    }
    if a.rng.percent(12) {
        return None;
    }
    let n = a.rng.skewed(8);
    match column.kind {
        Kind::Clear => clear(&mut a.rng, column.ty, 6),
        _ => Some(marked(column.ty.name, n)),
    }
}

fn to_text(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = match a.rng.percent(50) {
        true => String::new(),
        false => format!(" ({})", t.names()),
    };
    let piece = fixed(format!("COPY {}{columns} TO STDOUT", t.name));
    Script::read(&mut a.rng, vec![piece])
}

fn to_options(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = columns(a, t);
    let first = &columns[0].name;
    let options = match a.rng.below(13) {
        0 => "(FORMAT text, HEADER)".to_owned(),
        1 => "(DELIMITER '|', NULL 'NULL')".to_owned(),
        2 => "(NULL '\\N\\N')".to_owned(),
        3 => "(FORMAT csv)".to_owned(),
        4 => "(FORMAT csv, HEADER true, FORCE_QUOTE *)".to_owned(),
        5 => format!("(FORMAT csv, FORCE_QUOTE ({first}), NULL '-')"),
        6 => "(FORMAT csv, NULL '\\N', DELIMITER ';', QUOTE '''')".to_owned(),
        7 => "(FORMAT csv, QUOTE '\"', ESCAPE '\\')".to_owned(),
        8 => "(FORMAT csv, QUOTE '5', ESCAPE 'e', DELIMITER 'f')".to_owned(),
        9 => format!("WITH CSV HEADER DELIMITER AS E'\\t' FORCE QUOTE {first}"),
        10 => "(ENCODING 'UTF8', FORMAT csv, HEADER)".to_owned(),
        11 => "WITH DELIMITER '~' NULL AS 'x'".to_owned(),
        _ => "(FORMAT text, DELIMITER ',')".to_owned(),
    };
    let sql = format!("COPY {} ({}) TO STDOUT {options}", t.name, list(&columns));
    Script::read(&mut a.rng, vec![fixed(sql)])
}

fn to_binary(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = columns(a, t);
    let sql = match a.rng.percent(50) {
        true => format!("COPY {} TO STDOUT (FORMAT binary)", t.name),
        false => format!("COPY BINARY {} ({}) TO STDOUT", t.name, list(&columns)),
    };
    Script::read(&mut a.rng, vec![fixed(sql)])
}

fn to_query(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let value = a.good(d);
    let value = a.constant(value);
    let options = *a.rng.pick(&[
        "",
        " (FORMAT csv, HEADER, NULL '-')",
        " (FORMAT binary)",
        " WITH CSV",
        " (FORMAT csv, FORCE_QUOTE (x, d))",
    ]);
    let from = match a.rng.below(3) {
        0 => format!(
            "SELECT id, {} AS x, {d} AS d FROM {} WHERE {d} IS DISTINCT FROM {value}",
            p.name,
            t.name,
            d = d.name
        ),
        1 => format!(
            "SELECT {d} AS x, count(*) AS d FROM {} WHERE {d} <> {value} GROUP BY {d}",
            t.name,
            d = d.name
        ),
        _ => format!(
            "WITH w AS (SELECT id, {} AS p FROM {}) SELECT w.p AS x, y.id AS d FROM w JOIN {} y USING (id) WHERE y.{} = {value}",
            p.name, t.name, t.name, d.name
        ),
    };
    let piece = a.piece(format!("COPY ({from}) TO STDOUT{options}"));
    Script::read(&mut a.rng, vec![piece])
}

fn to_returning(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.random(t);
    let value = a.good(p);
    let value = a.constant(value);
    let copy = format!(
        "COPY (UPDATE {} SET {p} = {value} WHERE k < 4 RETURNING id, {p}) TO STDOUT",
        t.name,
        p = p.name
    );
    let copy = a.piece(copy);
    Script::undone(vec![copy, a.state(t)])
}

/// COPY FROM, and what it left.
fn from(a: &mut Author<'_>, t: &Table, sql: String, data: Vec<u8>) -> Script {
    let copy = fixed(sql).copying(data);
    let state = a.state(t);
    Script::write(&mut a.rng, vec![copy, state])
}

fn from_text(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = columns(a, t);
    let (style, options) = text_style(a);
    let rows = rows(a, &columns);
    let mut data: String = rows.iter().map(|row| style.line(row)).collect();
    match a.rng.below(4) {
        0 => data.push_str("\\.\n"),
        1 => data = data.trim_end_matches('\n').to_owned(),
        2 => data = data.replace('\n', "\r\n"),
        _ => {}
    }
    let sql = format!("COPY {} ({}) FROM STDIN{options}", t.name, list(&columns));
    from(a, t, sql, data.into_bytes())
}

fn from_csv(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = columns(a, t);
    let (style, mut options) = csv_style(a);
    let rows = rows(a, &columns);
    let bare = |c: &&Column| Some(c.name.trim_matches('"').to_owned());
    let names: Vec<Value> = columns.iter().map(bare).collect();
    let first = &columns[0].name;
    let forced = match a.rng.below(5) {
        0 => format!(", FORCE_NULL ({first})"),
        1 => format!(", FORCE_NOT_NULL ({first})"),
        2 => format!(", FORCE_NULL ({first}), FORCE_NOT_NULL ({first})"),
        _ => String::new(),
    };
    let (header, line) = match a.rng.below(5) {
        0 => (", HEADER", style.line(&names)),
        1 => (", HEADER match", style.line(&names)),
        2 => (", HEADER on", "anything\n".to_owned()),
        3 => (", HEADER false", String::new()),
        _ => ("", String::new()),
    };
    // FORCE_NOT_NULL of the id makes an empty one of a NULL marker
    if columns[0].name == "id" && options.is_empty() {
        options = ", NULL ''";
    }
    let data: String = rows.iter().map(|row| style.line(row)).collect();
    let sql = format!(
        "COPY {} ({}) FROM STDIN WITH (FORMAT csv{options}{header}{forced})",
        t.name,
        list(&columns)
    );
    from(a, t, sql, (line + &data).into_bytes())
}

fn from_binary(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns: Vec<&Column> = columns(a, t)
        .into_iter()
        .filter(|c| c.name == "id" || c.kind == Kind::Clear || has_binary(c))
        .collect();
    let mut data = COPY_HEAD.to_vec();
    for row in rows(a, &columns) {
        data.extend(i16::try_from(row.len()).unwrap().to_be_bytes());
        for (value, column) in row.iter().zip(&columns) {
            let oid = match column.ty.oid {
                1043 | 1042 => 25,
                oid => oid,
            };
            let bytes = value.as_ref().and_then(|v| binary(v, oid));
            let length = bytes
                .as_ref()
                .map_or(-1, |b| i32::try_from(b.len()).unwrap());
            data.extend(length.to_be_bytes());
            data.extend(bytes.into_iter().flatten());
        }
    }
    if a.rng.percent(80) {
        data.extend((-1_i16).to_be_bytes());
    }
    let sql = match a.rng.percent(70) {
        true => format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            t.name,
            list(&columns)
        ),
        false => format!("COPY BINARY {} ({}) FROM STDIN", t.name, list(&columns)),
    };
    from(a, t, sql, data)
}

fn has_binary(column: &Column) -> bool {
    (0..8).all(|n| binary(&marked(column.ty.name, n), column.ty.oid).is_some())
}

fn from_where(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let mut columns = columns(a, t);
    columns.retain(|c| c.name != "k");
    columns.push(&t.columns[1]);
    let (style, options) = text_style(a);
    let rows = rows(a, &columns);
    let data: String = rows.iter().map(|row| style.line(row)).collect();
    let (p, d) = (a.random(t), a.deterministic(t));
    let value = a.good(d);
    let value = a.constant(value);
    let condition = match a.rng.below(8) {
        0 => "k > 2".to_owned(),
        1 => "id % 2 = 0 AND k IS NOT NULL".to_owned(),
        2 => "c IS NULL OR k = 1".to_owned(),
        3 => "false".to_owned(),
        4 => format!("{} IS NOT NULL", p.name),
        5 => format!("{} IS NULL OR k = 2", d.name),
        6 => format!("{} = {value}", d.name),
        _ => format!("{} IS DISTINCT FROM {value} AND k < 4", d.name),
    };
    let sql = format!(
        "COPY {} ({}) FROM STDIN{options} WHERE {condition}",
        t.name,
        list(&columns)
    );
    let copy = a.piece(sql).copying(data.into_bytes());
    let state = a.state(t);
    Script::write(&mut a.rng, vec![copy, state])
}

fn from_freeze(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = columns(a, t);
    let (style, _) = text_style(a);
    let style = Style {
        delimiter: '\t',
        null: "\\N",
        ..style
    };
    let rows = rows(a, &columns);
    let data: String = rows.iter().map(|row| style.line(row)).collect();
    let sql = format!("COPY {} ({}) FROM STDIN (FREEZE)", t.name, list(&columns));
    let copy = fixed(sql).copying(data.into_bytes());
    let truncate = fixed(format!("TRUNCATE {}", t.name));
    Script::undone(vec![truncate, copy, a.state(t)])
}

/// The rows of others could be seen before their time: PostgreSQL refuses.
fn from_frozen(a: &mut Author<'_>) -> Script {
    let mut script = from_freeze(a);
    script.pieces.remove(0);
    script
}

fn from_elsewhere(a: &mut Author<'_>) -> Script {
    let t = &a.schema.partitioned;
    let mut columns = columns(a, t);
    columns.retain(|c| c.name != "k");
    columns.push(&t.columns[1]);
    let (style, options) = text_style(a);
    let rows = rows(a, &columns);
    let data: String = rows.iter().map(|row| style.line(row)).collect();
    let name = *a.rng.pick(&["parts", "parts", "parts_a", "parts_rest"]);
    let sql = format!("COPY {name} ({}) FROM STDIN{options}", list(&columns));
    from(a, t, sql, data.into_bytes())
}

/// Too few fields, too many, a value that the type refuses, a quote that does not end, a header that does not match.
fn from_bad(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = columns(a, t);
    let (style, options) = csv_style(a);
    let mut rows = rows(a, &columns);
    let free: Vec<Value> = columns.iter().map(|c| value(a, c, 3_000_000)).collect();
    let mut bad = free.clone();
    let mut tail = "";
    let mut header = "";
    match a.rng.below(6) {
        0 => drop(bad.pop()),
        1 => bad.push(Some("more".to_owned())),
        2 => {
            let at = a.rng.below(bad.len());
            bad[at] = match columns[at].kind {
                Kind::Clear => Some("none of its type".to_owned()),
                _ => protected(&mut a.rng, columns[at].ty, 8),
            };
        }
        3 => tail = if style.quote == '"' { "\"" } else { "5'" },
        4 => {
            header = ", HEADER match";
            rows.clear();
        }
        _ => bad = vec![Some(String::new())],
    }
    rows.push(bad);
    rows.push(free);
    let data: String = rows.iter().map(|row| style.line(row)).collect();
    let sql = format!(
        "COPY {} ({}) FROM STDIN (FORMAT csv{options}{header})",
        t.name,
        list(&columns)
    );
    from(a, t, sql, (data + tail).into_bytes())
}

fn encoding(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let name = *a.rng.pick(&["LATIN1", "SQL_ASCII", "WIN1252"]);
    let piece = match a.rng.percent(50) {
        true => fixed(format!("COPY {} TO STDOUT (ENCODING '{name}')", t.name)),
        false => {
            let sql = format!("COPY {} (id) FROM STDIN (ENCODING '{name}')", t.name);
            fixed(sql).copying(b"777777\n".to_vec())
        }
    };
    Script::undone(vec![piece])
}
