//! CREATE TABLE AS and SELECT INTO of a table that the policy names: its cells are those of other columns.
//!
//! The query is wrapped, so that each column of cells is of the cell's type whatever made it, and the CHECKs on the
//! groups follow in a statement of their own, in the same transaction. It must never let a column hold cells of
//! another group or type than the policy says, nor a value in clear.

use super::Planner;
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::scope::{Outputs, qualified, quoted};
use crate::scan::Kind;
use crate::taint;
use crate::utility::guard_head;
use crate::verdict::{CellOutput, Edit, Output, Plan, Replacement, Shown, Touch};
use crate::world::Lookup;
use hippocrypt_policy::{ColumnIx, TableRef};
use pg_query::protobuf::RangeVar;
use std::ops::Range;

/// The table that a statement makes of its rows.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// Its name in full.
    pub(crate) table: TableRef,
    /// Its columns as the statement names them, the first ones or all.
    pub(crate) names: Vec<String>,
    /// Where the name stands.
    pub(crate) location: i32,
    /// INTO and the name, which go, and whether it is UNLOGGED.
    pub(crate) into: Option<(Range<usize>, bool)>,
}

impl Planner<'_> {
    /// What SELECT INTO makes: a table that the policy names, or (`None`) one of clear columns only.
    pub(super) fn made_of(&self, made: &RangeVar) -> Judged<Option<Made>> {
        let schema = Some(made.schemaname.as_str()).filter(|s| !s.is_empty());
        let temporary = made.relpersistence == "t" || schema == Some("pg_temp");
        let names = self.input.cx.names;
        match self.world().lookup(schema, &made.relname, names) {
            _ if temporary => Ok(None),
            Lookup::Unprotected => Ok(None),
            Lookup::Missing(table) if self.is_target(made, table) => Ok(Some(Made {
                table: table.clone(),
                names: Vec::new(),
                location: made.location,
                into: Some((
                    self.clause_of_into(made).ok_or_else(|| malformed("INTO"))?,
                    made.relpersistence == "u",
                )),
            })),
            Lookup::Protected(table) if self.is_target(made, &table.name) => {
                let message = format!("relation \"{}\" already exists", made.relname);
                Err(refusal("42P07", message, made.location))
            }
            _ => {
                let message = format!("the policy means a table by the name {}", made.relname);
                Err(refusal("0A000", message, made.location))
            }
        }
    }

    /// Whether the server would make the table there.
    fn is_target(&self, made: &RangeVar, table: &TableRef) -> bool {
        match made.schemaname.as_str() {
            "" => taint::made_in(&self.input).as_ref() == Some(&table.schema),
            _ => true,
        }
    }

    /// From INTO to the end of the name.
    fn clause_of_into(&self, made: &RangeVar) -> Option<Range<usize>> {
        let tokens = self.input.tokens;
        let name = tokens.at(usize::try_from(made.location).ok()?)?;
        let mut first = name.checked_sub(1)?;
        while tokens.kind(first)? != Kind::Into {
            first = first.checked_sub(1)?;
        }
        let last = tokens.get(tokens.name_end(name))?;
        Some(tokens.get(first)?.range.start..last.range.end)
    }

    /// Refuses cells in a table that no policy names.
    pub(super) fn makes_none(&self, made: &RangeVar, cells: bool) -> Judged<()> {
        match cells {
            false => Ok(()),
            true => Err(with_hint(
                unsupported("SELECT INTO of encrypted columns", made.location),
                "Name the table and its columns in the policy, in the same groups.",
            )),
        }
    }

    /// The plan of a query becomes that of a table of its rows.
    pub(super) fn makes(&mut self, plan: &mut Plan, outputs: &Outputs, made: &Made) -> Judged<()> {
        if outputs.open_ended {
            let what = "a protected table made of columns that are not known";
            return Err(unsupported(what, made.location));
        }
        let shown = plan.outputs.take().unwrap_or_default();
        let (mut columns, mut names) = (Vec::new(), Vec::new());
        for (ix, output) in outputs.columns.iter().enumerate() {
            let name = made.names.get(ix).map_or(&*output.name, String::as_str);
            let cell = match shown.get(ix) {
                Some(Output::Cell(cell)) => Some(cell),
                Some(Output::Clear) | None => None,
            };
            let column = self.kept(cell, name, made)?;
            let (from, to) = (format!("q{ix}"), quoted(name));
            columns.push(match column {
                None => format!("{from} AS {to}"),
                Some(column) => {
                    guard(plan, &made.table, name, column, self)?;
                    format!("{from}::hippocrypt.cell AS {to}")
                }
            });
            names.push(from);
        }
        self.touches = std::mem::take(&mut self.touches)
            .into_iter()
            .map(|touch| Touch {
                shown: Shown::Not,
                ..touch
            })
            .collect();
        let wrap = (
            format!("SELECT {} FROM (", columns.join(", ")),
            format!(") AS q({})", names.join(", ")),
        );
        self.wrap(plan, made, wrap);
        Ok(())
    }

    /// The target's column, where the output is its cells as they are.
    fn kept(&self, cell: Option<&CellOutput>, name: &str, made: &Made) -> Judged<Option<ColumnIx>> {
        let world = self.world();
        let policy = world.policy();
        let table = policy.tables.get(&made.table);
        let named = table.and_then(|t| t.columns.get(name).copied());
        let to = named.filter(|ix| world.is_cell(*ix));
        let declared = |ix: ColumnIx| world.column(ix).map(|c| (c.group, c.declared));
        match (cell, to) {
            (None, None) => Ok(None),
            (_, Some(to)) if policy.hash_with(to).is_some() => Err(with_hint(
                unsupported(
                    "CREATE TABLE AS of a hash or of what one is of",
                    made.location,
                ),
                "Make the table first, then INSERT.",
            )),
            (Some(cell), Some(to))
                if cell.mask.is_none()
                    && cell.cast.is_none()
                    && cell
                        .columns
                        .iter()
                        .all(|from| declared(*from) == declared(to))
                    && Some(cell.declared) == world.declared(to)
                    && cell.typmod == cell.declared.typmod() =>
            {
                Ok(Some(to))
            }
            (cell, _) => Err(with_hint(
                refusal(
                    "0A000",
                    format!(
                        "column {name} of {} would be made of {}, and is not that by the policy",
                        made.table,
                        cell.map_or("values in clear", |_| "encrypted values")
                    ),
                    made.location,
                ),
                "A column made of encrypted ones is named in the policy in their group, with their type.",
            )),
        }
    }

    fn wrap(&self, plan: &mut Plan, made: &Made, (head, tail): (String, String)) {
        let Range { start, end } = self.input.range;
        let text = |range, text| Edit {
            range,
            with: Replacement::Text(text),
        };
        let mut edits = Vec::with_capacity(plan.edits.len() + 3);
        match &made.into {
            None => edits.push(text(start..start, head)),
            Some((into, unlogged)) => {
                let kind = if *unlogged { "UNLOGGED TABLE" } else { "TABLE" };
                let name = full_name(&made.table);
                edits.push(text(
                    start..start,
                    format!("CREATE {kind} {name} AS {head}"),
                ));
                edits.push(text(into.clone(), String::new()));
            }
        }
        edits.append(&mut plan.edits);
        edits.push(text(end..end, tail));
        edits.sort_by_key(|e| (e.range.start, e.range.end));
        plan.edits = edits;
    }
}

fn full_name(table: &TableRef) -> String {
    qualified(Some(&table.schema), &table.table)
}

/// Adds the CHECK on a column's group to what follows.
fn guard(
    plan: &mut Plan,
    table: &TableRef,
    name: &str,
    column: ColumnIx,
    planner: &Planner<'_>,
) -> Judged<()> {
    let group = planner.world().column(column).and_then(|c| c.group);
    let group = group.ok_or_else(|| malformed("group"))?;
    let head = match plan.guards.is_empty() {
        true => format!("ALTER TABLE {} ADD ", full_name(table)),
        false => ", ADD ".to_owned(),
    };
    plan.guards.extend([
        Replacement::Text(format!("{head}{}", guard_head(name, column))),
        Replacement::GroupId(group),
        Replacement::Text(")".to_owned()),
    ]);
    Ok(())
}
