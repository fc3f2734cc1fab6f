//! CREATE TABLE of a table that the policy names: its protected columns become cells.
//!
//! It must never make a table whose columns differ from what the policy declares, nor leave a protected
//! column in its plain type.

use super::collation::keeps_equality;
use super::columns::Columns;
use super::constraint::{self, targets};
use super::effects::is_temporary;
use super::names::{not_ours, qualify};
use super::{Passed, Ruled, at, child, like, refuse, untouched};
use crate::analyse::Input;
use crate::grammar;
use crate::plan::check::definition;
use crate::plan::quoted;
use crate::scan::Kind;
use crate::taint::{self, Taint};
use crate::verdict::{Edit, Facts, Plan, Refusal, Replacement};
use hippocrypt_policy::{ColumnIx, DeclaredType, Table, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnDef, CreateStmt, RangeVar, TypeName, a_const};
use std::ops::Range;
use std::sync::Arc;

/// Tokens that end a column's type.
const AFTER_TYPE: [Kind; 20] = [
    Kind::Ascii41,
    Kind::Ascii44,
    Kind::Ascii59,
    Kind::Check,
    Kind::Collate,
    Kind::Compression,
    Kind::Constraint,
    Kind::Default,
    Kind::Deferrable,
    Kind::Generated,
    Kind::Initially,
    Kind::Not,
    Kind::NullP,
    Kind::Options,
    Kind::Primary,
    Kind::References,
    Kind::Storage,
    Kind::Unique,
    Kind::Using,
    Kind::Enforced,
];

/// CREATE TABLE.
pub(super) fn create(s: &CreateStmt, input: &Input<'_>, taint: &Taint, facts: &mut Facts) -> Ruled {
    let Some(relation) = s.relation.as_ref() else {
        return Err(super::refuse(
            "CREATE TABLE without a name".into(),
            "",
            None,
        ));
    };
    not_ours(&[&relation.schemaname, &relation.relname], input.cx.names)?;
    if let Some(refusal) = &taint.row_type {
        return Err(Box::new(refusal.clone()));
    }
    let target = target(relation, input);
    let table = target.and_then(|t| input.world.policy().tables.get(&t));
    match table {
        Some(table) if !is_temporary(relation, input) => protected(s, relation, table, input),
        _ if child::takes_after(s, input) => child::create(s, relation, input, facts),
        _ => plain(s, relation, input, taint),
    }
}

/// Where the server would make it: the first schema of the path that exists.
pub(super) fn target(relation: &RangeVar, input: &Input<'_>) -> Option<TableRef> {
    let schema = match relation.schemaname.as_str() {
        "" => taint::made_in(input)?,
        named => Arc::from(named),
    };
    Some(TableRef {
        schema,
        table: Arc::from(relation.relname.as_str()),
    })
}

/// A table without protected columns: it may refer to a protected one, not take after it.
fn plain(s: &CreateStmt, made: &RangeVar, input: &Input<'_>, taint: &Taint) -> Ruled {
    let mut allowed = targets(s.table_elts.iter().chain(&s.constraints));
    allowed.extend(at(made.location));
    let what = "CREATE TABLE LIKE, INHERITS, OF or PARTITION OF";
    let hint = "Write the columns out, and name the new table in the policy.";
    others(&allowed, what, hint, input, taint)
}

/// Refuses where a tainted relation is named anywhere but at these offsets.
pub(super) fn others(
    allowed: &[usize],
    what: &str,
    hint: &str,
    input: &Input<'_>,
    taint: &Taint,
) -> Ruled {
    let relations = &taint.found.relations;
    let named = relations
        .iter()
        .find(|r| taint::is_tainted(r, input) && !r.at.is_some_and(|at| allowed.contains(&at)));
    match named {
        Some(relation) => Err(refuse(
            format!(
                "{what} with protected table {} is not possible",
                taint::resolved(relation, input)
            ),
            hint,
            relation.at,
        )),
        None => untouched(),
    }
}

fn protected(s: &CreateStmt, relation: &RangeVar, table: &Table, input: &Input<'_>) -> Ruled {
    let elements = || s.table_elts.iter().chain(&s.constraints);
    let brought = like::brought(&s.table_elts, &table.name, input)?;
    let columns = Columns::of(&table.name, input)
        .with(elements())
        .with_names(&brought);
    whole(s, relation, table, &columns)?;
    let mut edits: Vec<Edit> = qualify(relation, &table.name, input).into_iter().collect();
    let mut seen = Vec::new();
    for element in elements() {
        match &element.node {
            Some(NodeEnum::ColumnDef(def)) => {
                seen.push(def.colname.as_str());
                edits.extend(column(def, &columns, input)?);
            }
            Some(NodeEnum::Constraint(c)) => edits.extend(constraint::check(c, None, &columns)?),
            Some(NodeEnum::TableLikeClause(l)) => edits.extend(like::clause(l, &columns, input)?),
            _ => return Err(form(table, at(relation.location))),
        }
    }
    seen.retain(|c| columns.cell(c).is_some());
    defined(edits, &columns, &seen)
}

/// What a protected table cannot be.
fn whole(
    s: &CreateStmt,
    relation: &RangeVar,
    table: &Table,
    columns: &Columns<'_>,
) -> Result<(), Box<Refusal>> {
    if s.partbound.is_some() || s.of_typename.is_some() || !s.inh_relations.is_empty() {
        return Err(form(table, at(relation.location)));
    }
    child::partition_key(s, columns)
}

fn form(table: &Table, position: Option<usize>) -> Box<Refusal> {
    refuse(
        format!(
            "protected table {} cannot be made with INHERITS, OF or PARTITION OF",
            table.name
        ),
        "A child has its parent's policy: leave it out of the policy, or write its columns out.",
        position,
    )
}

/// One column of a protected table, in CREATE TABLE or ADD COLUMN.
pub(super) fn column(
    def: &ColumnDef,
    columns: &Columns<'_>,
    input: &Input<'_>,
) -> Result<Vec<Edit>, Box<Refusal>> {
    let mut edits = Vec::new();
    for node in &def.constraints {
        if let Some(NodeEnum::Constraint(c)) = &node.node {
            edits.extend(constraint::check(c, Some(&def.colname), columns)?);
        }
    }
    let Some(ix) = columns.policy(&def.colname) else {
        return Ok(edits);
    };
    let range = typed(def, ix, columns, input)?;
    if columns.cell(&def.colname).is_none() {
        return Ok(edits);
    }
    if let Some(collation) = def.coll_clause.as_deref() {
        let position = at(collation.location);
        keeps_equality(&collation.collname, ix, columns, position)?;
        edits.push(Edit {
            range: collate(position, input).ok_or_else(super::unknown)?,
            with: Replacement::Text(String::new()),
        });
    }
    edits.extend(cell(def, ix, range, columns, input)?);
    Ok(edits)
}

/// The bytes of `COLLATE name`.
fn collate(position: Option<usize>, input: &Input<'_>) -> Option<Range<usize>> {
    let start = position?;
    let last = input.tokens.name_end(input.tokens.at(start)? + 1);
    Some(start..input.tokens.get(last)?.range.end)
}

/// The type's range, if the type is the policy's.
pub(super) fn typed(
    def: &ColumnDef,
    ix: ColumnIx,
    columns: &Columns<'_>,
    input: &Input<'_>,
) -> Result<Range<usize>, Box<Refusal>> {
    let name = columns.name(ix);
    let mut position = at(def.location);
    let found = def.type_name.as_ref().and_then(|ty| {
        position = at(ty.location).or(position);
        Some((ty, type_range(ty, input)?))
    });
    let Some((ty, range)) = found else {
        return Err(refuse(
            format!("column {name} has no type that is understood"),
            "",
            position,
        ));
    };
    let declared = input.world.declared(ix);
    if declared.is_some() && declared_type(ty) == declared {
        return Ok(range);
    }
    let written = input.text.get(range).unwrap_or_default();
    let expected = declared.map_or_else(String::new, |d| d.to_string());
    Err(refuse(
        format!("column {name} is of type {written} here and of type {expected} in the policy"),
        "Make the two agree.",
        position,
    ))
}

/// From the type's first token to its last.
fn type_range(ty: &TypeName, input: &Input<'_>) -> Option<Range<usize>> {
    let start = at(ty.location)?;
    let first = input.tokens.at(start)?;
    let end = input.tokens.from(input.range.end);
    let last = input.tokens.until(first, end, &AFTER_TYPE).checked_sub(1)?;
    Some(start..input.tokens.get(last)?.range.end)
}

/// The type as the policy would name it; `None` for one that cannot be protected.
fn declared_type(ty: &TypeName) -> Option<DeclaredType> {
    let parts = super::names::strings(&ty.names);
    let name = match parts.as_slice() {
        [name] | ["pg_catalog", name] => *name,
        _ => return None,
    };
    if ty.setof || ty.pct_type {
        return None;
    }
    let modifiers: Vec<i32> = ty
        .typmods
        .iter()
        .map(|n| match &n.node {
            Some(NodeEnum::AConst(c)) => match &c.val {
                Some(a_const::Val::Ival(i)) => Some(i.ival),
                _ => None,
            },
            _ => None,
        })
        .collect::<Option<_>>()?;
    DeclaredType::from_grammar(name, &modifiers, !ty.array_bounds.is_empty())
}

/// The cell type in place of the declared one, and the CHECK on its column group (DESIGN §7).
fn cell(
    def: &ColumnDef,
    ix: ColumnIx,
    range: Range<usize>,
    columns: &Columns<'_>,
    input: &Input<'_>,
) -> Result<Vec<Edit>, Box<Refusal>> {
    let after = header_end(range.end, input);
    let mut edits = vec![Edit {
        range,
        with: Replacement::Text("hippocrypt.cell".into()),
    }];
    edits.extend(guarded(" ", &def.colname, ix, after, columns)?);
    Ok(edits)
}

/// The CHECK on a cell column's group.
pub(super) fn guarded(
    before: &str,
    column: &str,
    ix: ColumnIx,
    at: Range<usize>,
    columns: &Columns<'_>,
) -> Result<[Edit; 3], Box<Refusal>> {
    let Some(group) = columns.input.world.column(ix).and_then(|c| c.group) else {
        return Err(refuse(
            format!("column {} has no group", columns.name(ix)),
            "",
            Some(at.start),
        ));
    };
    let open = format!("{before}{}", guard_head(column, ix));
    let edit = |with| Edit {
        range: at.clone(),
        with,
    };
    Ok([
        edit(Replacement::Text(open)),
        edit(Replacement::GroupId(group)),
        edit(Replacement::Text(")".into())),
    ])
}

/// The CHECK on a cell column's group, up to the group.
pub(crate) fn guard_head(column: &str, ix: ColumnIx) -> String {
    format!(
        "CONSTRAINT {} CHECK (pg_catalog.substring({}, 29, 4) OPERATOR(pg_catalog.=) ",
        quoted(&guard(column, ix)),
        quoted(column)
    )
}

/// Constraints come after the column's STORAGE and COMPRESSION.
fn header_end(type_end: usize, input: &Input<'_>) -> Range<usize> {
    let mut ix = input.tokens.from(type_end);
    let mut end = type_end;
    while matches!(
        input.tokens.kind(ix),
        Some(Kind::Storage | Kind::Compression)
    ) {
        end = input.tokens.get(ix + 1).map_or(end, |t| t.range.end);
        ix += 2;
    }
    end..end
}

/// The CHECK's name: the column's where it fits into an identifier.
fn guard(column: &str, ix: ColumnIx) -> String {
    let name = format!("hippocrypt_{column}");
    if name.len() <= 63 {
        name
    } else {
        format!("hippocrypt_{}", ix.0)
    }
}

/// The plan, once the edited text has been seen to parse to what was meant; `cells` are the columns that the
/// statement makes cells.
pub(super) fn defined(mut edits: Vec<Edit>, columns: &Columns<'_>, cells: &[&str]) -> Ruled {
    edits.sort_by_key(|e| (e.range.start, e.range.end));
    let touches = columns.touched();
    if edits.is_empty() && cells.is_empty() {
        return Ok(Passed {
            plan: None,
            touches,
        });
    }
    if !definition::holds(&columns.input, &edits, cells) {
        return Err(refuse(
            "this form of the statement is not understood".into(),
            "",
            None,
        ));
    }
    Ok(Passed {
        plan: Some(Plan {
            edits,
            ..Plan::default()
        }),
        touches,
    })
}

/// The plan, once the edited text has been seen to parse to one statement.
pub(super) fn planned(mut edits: Vec<Edit>, input: &Input<'_>) -> Ruled {
    edits.sort_by_key(|e| (e.range.start, e.range.end));
    if edits.is_empty() {
        return untouched();
    }
    let parsed = rendered(&edits, input)
        .map(|text| grammar::parse(&text, input.cx.names.standard_conforming_strings));
    if !parsed.is_some_and(|p| p.is_ok_and(|tree| tree.stmts.len() == 1)) {
        return Err(refuse(
            "this form of the statement is not understood".into(),
            "",
            None,
        ));
    }
    Ok(Passed {
        plan: Some(Plan {
            edits,
            ..Plan::default()
        }),
        touches: Vec::new(),
    })
}

fn rendered(edits: &[Edit], input: &Input<'_>) -> Option<String> {
    let mut text = String::new();
    let mut from = input.range.start;
    for edit in edits {
        text.push_str(input.text.get(from..edit.range.start)?);
        match &edit.with {
            Replacement::Text(with) => text.push_str(with),
            Replacement::Cell { .. }
            | Replacement::Argument { .. }
            | Replacement::GroupId(_)
            | Replacement::Default { .. }
            | Replacement::Hash { .. }
            | Replacement::Made(_) => text.push_str("E'\\\\x00'::bytea"),
        }
        from = edit.range.end;
    }
    text.push_str(input.text.get(from..input.range.end)?);
    Some(text)
}
