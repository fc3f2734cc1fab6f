//! COPY of a table or a query over the connection.
//!
//! The columns are written out, so that fields mean what they meant to the verdict. Files and programs of the
//! server never get a protected table's rows, nor give it any.

use super::Planner;
use super::flow::{Flow, What};
use super::insert::known_column;
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::resolve::parts;
use super::scope::{Entry, Level, quoted};
use crate::catalog::RelationKind;
use crate::verdict::{
    CopyColumn, CopyDirection, CopyHash, CopyPlan, CopyValue, Output, Shown, Use,
};
use crate::world::{Lookup, ProtectedTable};
use hippocrypt_policy::ColumnIx;
use options::Options;
use pg_query::protobuf::{CopyStmt, Node, RangeVar};
use std::sync::Arc;

mod options;

impl Planner<'_> {
    /// What its data wants; `None` where no field is a cell.
    pub(super) fn copy_stmt(&mut self, stmt: &CopyStmt) -> Judged<Option<CopyPlan>> {
        if !stmt.filename.is_empty() || stmt.is_program {
            return Err(at_the_server(stmt.is_program));
        }
        let options = Options::read(&stmt.options, stmt.is_from)?;
        let plan = match (&stmt.relation, stmt.query.as_deref()) {
            (Some(relation), None) => self.copy_table(stmt, relation, &options)?,
            (None, Some(query)) => self.copy_query(query, &options)?,
            _ => return Err(malformed("COPY")),
        };
        match self.leaves.iter().find_map(|leaf| match &leaf.what {
            What::Param(number, token) => Some((*number, token.start)),
            What::Null | What::Constant(_) => None,
        }) {
            // a utility statement has no parameters (analyze.c)
            Some((number, at)) => {
                let mut refusal = refusal("42P02", format!("there is no parameter ${number}"), -1);
                refusal.position = Some(at);
                Err(refusal)
            }
            None => Ok(plan),
        }
    }

    fn copy_table(
        &mut self,
        stmt: &CopyStmt,
        relation: &RangeVar,
        options: &Options,
    ) -> Judged<Option<CopyPlan>> {
        self.copied_view(stmt, relation)?;
        let (table, entry) = self.target_relation(relation)?;
        let Some(table) = table else {
            // only a subquery of its WHERE can have named something protected
            let message = "cannot use subquery in COPY FROM WHERE condition";
            return Err(refusal("0A000", message.into(), -1));
        };
        let columns = self.copied_columns(relation, &stmt.attlist, &table)?;
        self.copied_whose(&entry, &columns);
        let direction = match stmt.is_from {
            true => CopyDirection::In,
            false => CopyDirection::Out,
        };
        let mut hashes = Vec::new();
        let values = match direction {
            CopyDirection::In => {
                hashes = self.copied_hashes(stmt, relation, &table, &columns, options)?;
                self.copied_in(stmt, relation, &table, entry, &columns)?
            }
            CopyDirection::Out => self.copied_out(&table, &columns)?,
        };
        let columns = columns.into_iter().zip(values);
        let wanted = self.names_whose();
        let plan = options.plan(
            direction,
            Some(table.name.clone()),
            columns.collect(),
            wanted,
        );
        let plan = plan.map(|plan| CopyPlan { ..plan });
        Ok(plan.map(|plan| CopyPlan { hashes, ..plan }))
    }

    /// Views have queries, not rows (copyto.c, BeginCopyTo; copyfrom.c, BeginCopyFrom).
    fn copied_view(&self, stmt: &CopyStmt, relation: &RangeVar) -> Judged<()> {
        let schema = Some(relation.schemaname.as_str()).filter(|s| !s.is_empty());
        let names = self.input.cx.names;
        let Lookup::View(view) = self.world().lookup(schema, &relation.relname, names) else {
            return Ok(());
        };
        let kind = match view.kind {
            RelationKind::MaterializedView => "materialized view",
            _ => "view",
        };
        let way = if stmt.is_from { "to" } else { "from" };
        let name = &view.name.table;
        let message = format!("cannot copy {way} {kind} \"{name}\"");
        Err(with_hint(
            refusal("42809", message, -1),
            "Try the COPY (SELECT ...) TO variant.",
        ))
    }

    /// The columns of a row: as listed, else all that are not generated, written out.
    fn copied_columns(
        &mut self,
        relation: &RangeVar,
        attlist: &[Node],
        table: &ProtectedTable,
    ) -> Judged<Vec<Arc<str>>> {
        if !attlist.is_empty() {
            let names = parts(attlist)?.names;
            for name in &names {
                known_column(Some(table), name, -1)?;
            }
            return Ok(names.into_iter().map(Arc::from).collect());
        }
        let stored = table.columns.iter().filter(|c| !c.generated);
        let names: Vec<Arc<str>> = stored.map(|c| Arc::clone(&c.name)).collect();
        let list: Vec<String> = names.iter().map(|n| quoted(n)).collect();
        let at = self.after_relation(relation)?;
        self.edits.text(at..at, &format!(" ({})", list.join(", ")));
        Ok(names)
    }

    /// What each row is given behind its fields. A list that was left out has the hashes themselves: they are refused.
    fn copied_hashes(
        &mut self,
        stmt: &CopyStmt,
        relation: &RangeVar,
        table: &ProtectedTable,
        columns: &[Arc<str>],
        options: &Options,
    ) -> Judged<Vec<CopyHash>> {
        let mut hashes = Vec::new();
        for hash in self.wanted(table, columns)? {
            let name = Arc::clone(&hash.name);
            if columns.contains(&name) {
                continue;
            }
            let place = |part: &Arc<str>| columns.iter().position(|c| c == part);
            let parts = hash.part_names().map(place).collect::<Option<Vec<_>>>();
            let parts = parts.ok_or_else(|| malformed("COPY"))?;
            let column = hash.column();
            self.touch_column(column, Use::Write, Shown::Not);
            hashes.push(CopyHash {
                column,
                name,
                parts,
            });
        }
        if !hashes.is_empty() && !stmt.attlist.is_empty() {
            if options.force_not_null.has_all() {
                let what = "FORCE_NOT_NULL * with a hash, which is NULL where a part is,";
                return Err(with_hint(unsupported(what, -1), "Name the columns."));
            }
            let names: Vec<Arc<str>> = hashes.iter().map(|h| Arc::clone(&h.name)).collect();
            self.lengthen(self.after_relation(relation)?, &names)?;
        }
        Ok(hashes)
    }

    fn copied_in(
        &mut self,
        stmt: &CopyStmt,
        relation: &RangeVar,
        table: &ProtectedTable,
        entry: Entry,
        columns: &[Arc<str>],
    ) -> Judged<Vec<CopyValue>> {
        self.triggers(Some(table), relation.location)?;
        let mut values = Vec::with_capacity(columns.len());
        for column in columns {
            let protected = protected(table, column);
            if let Some(ix) = protected {
                self.may_write(ix, -1)?;
            }
            values.push(match protected.filter(|ix| self.world().is_cell(*ix)) {
                Some(ix) => CopyValue::Seal(ix),
                None => CopyValue::Clear,
            });
        }
        let listed: Vec<&str> = columns.iter().map(|c| &**c).collect();
        self.server_filled(Some(table), &listed)?;
        self.levels.push(Level {
            entries: vec![entry],
        });
        self.only_clear(stmt.where_clause.as_deref(), "WHERE", -1)?;
        self.levels.pop();
        Ok(values)
    }

    fn copied_out(
        &mut self,
        table: &ProtectedTable,
        columns: &[Arc<str>],
    ) -> Judged<Vec<CopyValue>> {
        let mut values = Vec::with_capacity(columns.len());
        for column in columns {
            let flow = match protected(table, column) {
                Some(ix) => self.protected(ix, -1)?,
                None => Flow::Clear,
            };
            values.push(match flow {
                Flow::Cell(cell) => CopyValue::Open(self.opened(&cell, None)?),
                _ => CopyValue::Clear,
            });
        }
        Ok(values)
    }

    fn copy_query(&mut self, query: &Node, options: &Options) -> Judged<Option<CopyPlan>> {
        let outputs = self.statement(query)?;
        self.copied_outputs(&outputs);
        let names: Vec<_> = outputs
            .columns
            .iter()
            .map(|c| Arc::clone(&c.name))
            .collect();
        let shown = match self.shown(&outputs)? {
            Some(shown) => shown,
            None if self.names_whose() && !outputs.open_ended => {
                outputs.columns.iter().map(|_| Output::Clear).collect()
            }
            None => return Ok(None),
        };
        let values = shown.into_iter().map(|output| match output {
            Output::Clear => CopyValue::Clear,
            Output::Cell(cell) => CopyValue::Open(cell),
        });
        let columns = names.into_iter().zip(values).collect();
        let plan = options.plan(CopyDirection::Out, None, columns, true);
        Ok(plan.map(|plan| CopyPlan { ..plan }))
    }
}

impl Options {
    /// The plan over these columns, if any of them has cells or it is wanted without.
    fn plan(
        &self,
        direction: CopyDirection,
        table: Option<hippocrypt_policy::TableRef>,
        columns: Vec<(Arc<str>, CopyValue)>,
        wanted: bool,
    ) -> Option<CopyPlan> {
        let cells = |(_, value): &(_, CopyValue)| !matches!(value, CopyValue::Clear);
        (wanted || columns.iter().any(cells)).then(|| CopyPlan {
            direction,
            table,
            form: self.form.clone(),
            header: self.header,
            hashes: Vec::new(),
            columns: columns
                .into_iter()
                .map(|(name, value)| CopyColumn {
                    force_quote: self.force_quote.has(&name),
                    force_not_null: self.force_not_null.has(&name),
                    force_null: self.force_null.has(&name),
                    name,
                    value,
                })
                .collect(),
        })
    }
}

fn protected(table: &ProtectedTable, column: &str) -> Option<ColumnIx> {
    table.column(column).and_then(|c| c.protected)
}

fn at_the_server(is_program: bool) -> Box<crate::verdict::Refusal> {
    let what = match is_program {
        true => "a program",
        false => "a file",
    };
    let message =
        format!("COPY of a protected table from or to {what} of the server is not supported");
    let hint = "Use STDIN or STDOUT (psql's \\copy): the proxy encrypts and decrypts on the way.";
    with_hint(refusal("0A000", message, -1), hint)
}
