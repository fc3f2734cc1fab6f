//! A rule as the query that stands in a relation's place.
//!
//! Operators are written with their schema: the session's search_path must not give them another meaning. It
//! must never show a column that the server's own relation does not have, nor in another order.

use super::declared;
use super::rules::{HIDDEN, OURS, Rule, has_record};
use crate::world::World;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Operators of the rules' texts.
const OPERATORS: [&str; 4] = ["=", "<>", ">", "-"];

/// Columns that every table has and no `*` shows (heap.c, SysAtt).
pub(super) const SYSTEM: [&str; 6] = ["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"];

/// Which of its columns a statement can see.
#[derive(Clone, Copy, Debug)]
pub(super) enum Columns<'a> {
    All,
    Named(&'a BTreeSet<String>),
}

/// `SELECT … FROM … AS a …`; `columns` are the relation's own, in order.
pub(super) fn query(
    rule: &Rule,
    columns: &[Arc<str>],
    wanted: Columns<'_>,
    world: &World,
) -> String {
    let own = columns.iter().map(AsRef::as_ref);
    let list: Vec<String> = match wanted {
        Columns::All => own.map(|c| column(rule, c)).collect(),
        Columns::Named(names) => own
            .chain(SYSTEM)
            .filter(|c| names.contains(*c))
            .map(|c| column(rule, c))
            .collect(),
    };
    let mut text = format!(
        "SELECT {} FROM {}.{} AS a",
        list.join(", "),
        rule.schema,
        rule.name
    );
    let corrected = |c: &(&str, &str)| list.iter().any(|l| l.ends_with(&format!(" AS {}", c.0)));
    if rule.columns.iter().any(corrected) && !rule.joins.is_empty() {
        text.push(' ');
        text.push_str(rule.joins);
    }
    let beside_record = Some(rule.beside_record).filter(|_| has_record(world));
    let rows = [Some(rule.only), beside_record].into_iter().flatten();
    for (n, only) in rows.filter(|only| !only.is_empty()).enumerate() {
        text.push_str(if n == 0 { " WHERE " } else { " AND " });
        text.push_str(only);
    }
    filled(&qualified(&text), world)
}

fn column(rule: &Rule, name: &str) -> String {
    match rule.columns.iter().find(|(c, _)| *c == name) {
        Some((_, expression)) => format!("{expression} AS {name}"),
        None => format!("a.{name}"),
    }
}

fn qualified(text: &str) -> String {
    let text = text.replace("{hidden}", HIDDEN).replace("{ours}", OURS);
    let word = |word: &str| match OPERATORS.contains(&word) {
        true => format!("OPERATOR(pg_catalog.{word})"),
        false => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn filled(text: &str, world: &World) -> String {
    let cell = world.catalog().cell_type.unwrap_or_default();
    let text = text.replace("{cell}", &format!("'{cell}'::pg_catalog.oid"));
    let declared = || world.declared_types(|| declared::types(world));
    match (text.contains("{facts}"), text.contains("{steps}")) {
        (true, _) => text.replace("{facts}", &declared().rows),
        (false, true) => text.replace("{steps}", &declared().steps),
        (false, false) => text,
    }
}
