//! Columns that the client did not ask for, at the end of the rows: they name the people whom nothing else names.
//!
//! It must never add one where the statement could mean anything else with it, or fail where it did not: what the
//! edited text parses to is compared, and rights that are not the same for reading and writing leave it as it is.

use super::SightingIx;
use crate::catalog::Relation;
use crate::plan::Planner;
use crate::plan::check;
use crate::plan::default::AFTER_TARGETS;
use crate::plan::scope::EntryColumn;
use crate::scan::Kind;
use crate::tree;
use crate::verdict::{Added, Edit, Form, Plan, Replacement, Subjects};
use hippocrypt_policy::TableRef;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, SetOperation};
use std::sync::Arc;

/// How the added columns are named: ORDER BY of the client's could mean any name that it uses itself.
const NAME: &str = "_hc_subject_";

/// Functions of `pg_catalog` that are no aggregates, beside which a column can stand.
const SCALAR: [&str; 37] = [
    "abs",
    "age",
    "btrim",
    "ceil",
    "char_length",
    "clock_timestamp",
    "concat",
    "concat_ws",
    "date_part",
    "date_trunc",
    "extract",
    "floor",
    "format",
    "initcap",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "md5",
    "mod",
    "now",
    "octet_length",
    "overlay",
    "position",
    "regexp_replace",
    "replace",
    "right",
    "round",
    "rpad",
    "rtrim",
    "split_part",
    "substring",
    "to_char",
    "to_date",
    "upper",
];

/// Where the columns go.
enum Place {
    /// Behind the columns that a SELECT or a RETURNING has.
    Behind(usize),
    /// Behind the statement, which returns nothing.
    Returning(usize),
}

impl Planner<'_> {
    /// Adds what tells the rest, as far as that is possible.
    pub(super) fn add(
        &mut self,
        [stmt, sent]: [&Node; 2],
        plan: &mut Plan,
        subjects: &mut Subjects,
    ) {
        let rest = |s: &super::Sighting| s.is_table && !s.told;
        if !self.whose.sightings.iter().any(rest) {
            return;
        }
        let Some(place) = self.place(stmt) else {
            return;
        };
        let writes = !matches!(stmt.node, Some(NodeEnum::SelectStmt(_)));
        let entries = self.whose.outermost.clone();
        let mut columns: Vec<(SightingIx, Arc<str>, Form)> = Vec::new();
        let before = self.told_now().collect::<Vec<_>>();
        let reachable = entries
            .iter()
            .filter(|e| e.columns_visible || e.name_visible);
        for column in reachable.flat_map(|e| e.columns.iter()) {
            let found = self.addable(column, writes);
            if let Some((ix, form)) = found {
                columns.push((ix, Arc::clone(&column.text), form));
                if let Some(sighting) = self.seen_mut(ix) {
                    sighting.told = true;
                }
                self.settle_told();
            }
        }
        let Some(edits) = edits(&place, &columns).filter(|_| !columns.is_empty()) else {
            return;
        };
        let edits = merged(&plan.edits, edits);
        if check::widened(&self.input, sent, &edits, columns.len()) != Some(true) {
            // as it was: what the columns would have told is not told
            let told = |ix: usize| before.contains(&ix);
            for (ix, sighting) in self.whose.sightings.iter_mut().enumerate() {
                sighting.told = told(ix);
            }
            return;
        }
        plan.edits = edits;
        subjects.silent = matches!(place, Place::Returning(_));
        for (ix, _, form) in columns {
            let column = subjects.width + subjects.added.len();
            subjects.added.push(match form {
                Form::Cell(_) => Added::Cell,
                Form::Integer | Form::Text | Form::Uuid => Added::Clear,
            });
            if let Some(of) = self.seen(ix).map(|s| Arc::clone(&s.of)) {
                self.named_at(&of, crate::verdict::At::Row(column));
            }
        }
    }

    /// A column that tells what is not told yet, and that whoever may run the statement may read.
    fn addable(&self, column: &EntryColumn, writes: bool) -> Option<(SightingIx, Form)> {
        let ix = column.whose?;
        let sighting = self.seen(ix).filter(|s| !s.told && !s.moved)?;
        let even = |table: &TableRef| {
            let key = (Arc::clone(&table.schema), Arc::clone(&table.table));
            let relation = self.world().catalog().relations.get(&key);
            let uneven = |r: &Relation| r.uneven_grants || (writes && r.row_security);
            relation.is_some_and(|r| !uneven(r))
        };
        let named = !column.text.is_empty();
        (named && even(&sighting.of.table)).then_some((ix, sighting.of.form))
    }

    fn place(&self, stmt: &Node) -> Option<Place> {
        let tokens = self.input.tokens;
        let end = tokens.from(self.input.range.end);
        let last = |ix: usize| Some(tokens.get(ix.checked_sub(1)?)?.range.end);
        let returning = |clause: bool| match clause {
            true => Some(Place::Behind(last(end)?)),
            false => Some(Place::Returning(last(end)?)),
        };
        match stmt.node.as_ref()? {
            NodeEnum::SelectStmt(select) if self.is_plain(select) => {
                let word = tokens.until(tokens.from(self.input.range.start), end, &[Kind::Select]);
                let mut after = tokens.until(word + 1, end, &AFTER_TARGETS);
                // a IS DISTINCT FROM b
                while tokens.kind(after) == Some(Kind::From)
                    && tokens.kind(after - 1) == Some(Kind::Distinct)
                {
                    after = tokens.until(after + 1, end, &AFTER_TARGETS);
                }
                Some(Place::Behind(last(after)?))
            }
            NodeEnum::InsertStmt(s) => returning(s.returning_clause.is_some()),
            NodeEnum::UpdateStmt(s) => returning(s.returning_clause.is_some()),
            NodeEnum::DeleteStmt(s) => returning(s.returning_clause.is_some()),
            _ => None,
        }
    }

    /// Each of its rows is one row of what stands in FROM, and a column more changes none.
    fn is_plain(&self, select: &SelectStmt) -> bool {
        let operation = SetOperation::try_from(select.op);
        let simple = matches!(
            operation,
            Ok(SetOperation::SetopNone | SetOperation::Undefined)
        ) && select.values_lists.is_empty()
            && !select.target_list.is_empty()
            && select.distinct_clause.is_empty()
            && select.group_clause.is_empty()
            && select.having_clause.is_none()
            && select.into_clause.is_none();
        simple
            && !self.whose.mixed
            && self.is_scalar(&select.target_list)
            && self.is_scalar(&select.sort_clause)
    }

    fn is_scalar(&self, list: &[Node]) -> bool {
        let own = &self.world().catalog().functions;
        list.iter().all(|node| {
            tree::names(node).is_ok_and(|found| {
                !found.aggregates
                    && found.functions.iter().all(|call| {
                        let name = match call.name.parts.as_slice() {
                            [name] => name,
                            [schema, name] if schema == "pg_catalog" => name,
                            _ => return false,
                        };
                        SCALAR.contains(&name.as_str()) && !own.contains_key(name.as_str())
                    })
            })
        })
    }
}

fn edits(place: &Place, columns: &[(SightingIx, Arc<str>, Form)]) -> Option<Vec<Edit>> {
    let named = columns.iter().enumerate();
    let named = named.map(|(ix, (_, text, _))| format!("{text} AS \"{NAME}{ix}\""));
    let list = named.collect::<Vec<_>>().join(", ");
    let (at, text) = match place {
        Place::Behind(at) => (*at, format!(", {list}")),
        Place::Returning(at) => (*at, format!(" RETURNING {list}")),
    };
    let with = Replacement::Text(text);
    Some(vec![Edit {
        range: at..at,
        with,
    }])
}

/// Behind every edit that ends where it stands.
fn merged(before: &[Edit], more: Vec<Edit>) -> Vec<Edit> {
    let mut all = before.to_vec();
    for edit in more {
        let place = all.partition_point(|e| e.range.start <= edit.range.start);
        all.insert(place, edit);
    }
    all
}
