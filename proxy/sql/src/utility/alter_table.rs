//! ALTER TABLE: what may be done to a protected table without touching its cells.
//!
//! It must never change a cell column's type, fill it with a value of the server, take away the CHECK on its
//! column group, or make another table share its rows.

use super::collation::keeps_equality;
use super::columns::{Columns, Edits, mentions};
use super::constraint::{self, targets};
use super::create_table::{self, defined, others};
use super::names::{self, not_ours, qualify};
use super::{Ruled, at, child, refuse, untouched};
use crate::analyse::Input;
use crate::scan::Kind;
use crate::taint::Taint;
use crate::verdict::{Edit, Refusal, Replacement};
use crate::world::{Lookup, recorded};
use hippocrypt_policy::TableRef;
use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableStmt, AlterTableType, Node, RangeVar};

/// ALTER TABLE, and ALTER INDEX, SEQUENCE, VIEW, TYPE that share its tree.
pub(super) fn alter(s: &AlterTableStmt, input: &Input<'_>, taint: &Taint) -> Ruled {
    let Some(relation) = s.relation.as_ref() else {
        return Err(refuse("ALTER TABLE without a name".into(), "", None));
    };
    not_ours(&[&relation.schemaname, &relation.relname], input.cx.names)?;
    if let Some(refusal) = &taint.row_type {
        return Err(Box::new(refusal.clone()));
    }
    if child::is_alter(s) {
        return child::alter(s, relation, input, taint);
    }
    let mut allowed = targets(s.cmds.iter());
    allowed.extend(at(relation.location));
    let hint = "A protected table has no parents and no partitions.";
    others(&allowed, "ALTER TABLE", hint, input, taint)?;
    match names::lookup(relation, input) {
        Lookup::Unprotected | Lookup::Missing(_) => untouched(),
        Lookup::Protected(table) => {
            keeps_recorder(s, &table.name, input)?;
            commands(s, relation, &table.name, input, command)
        }
        Lookup::View(view) => alter_view(s, relation, &view.name, input),
        Lookup::Closed { table, .. } if input.world.awaits_columns(table) => {
            commands(s, relation, table, input, command)
        }
        Lookup::Closed {
            table,
            reason,
            hint,
        } => {
            let table = table.clone();
            commands(
                s,
                relation,
                &table,
                input,
                |cmd, columns, input| match cmd.subtype() {
                    AlterTableType::AtAddColumn => command(cmd, columns, input),
                    _ => Err(refuse(
                        format!("{table} cannot be altered: {reason}"),
                        hint.unwrap_or_default(),
                        at(relation.location),
                    )),
                },
            )
        }
        Lookup::Derived { table, from } => Err(refuse(
            format!("{table} cannot be altered: its rows come from protected table {from}"),
            "",
            at(relation.location),
        )),
        Lookup::Ambiguous(reason) => Err(refuse(
            format!(
                "{} could mean a protected table: {reason}",
                relation.relname
            ),
            "Write the schema before the name.",
            at(relation.location),
        )),
    }
}

/// The trigger that records changes stays as it is, whichever command names it.
fn keeps_recorder(s: &AlterTableStmt, table: &TableRef, input: &Input<'_>) -> Ruled {
    let stops = |node: &Node| match &node.node {
        Some(NodeEnum::AlterTableCmd(cmd)) => match cmd.subtype() {
            AlterTableType::AtDisableTrigAll | AlterTableType::AtDisableTrigUser => true,
            AlterTableType::AtDisableTrig | AlterTableType::AtEnableReplicaTrig => {
                recorded::is_trigger(&cmd.name)
            }
            _ => false,
        },
        _ => false,
    };
    match s.cmds.iter().any(stops) && input.world.wanted().any(|(name, _)| name == table) {
        true => Err(names::recorder(table)),
        false => untouched(),
    }
}

/// A view over protected tables keeps its query; a default of its own would be a value of the server.
fn alter_view(
    s: &AlterTableStmt,
    relation: &RangeVar,
    view: &TableRef,
    input: &Input<'_>,
) -> Ruled {
    let harmless = s.cmds.iter().all(|node| match &node.node {
        Some(NodeEnum::AlterTableCmd(cmd)) => matches!(
            cmd.subtype(),
            AlterTableType::AtChangeOwner
                | AlterTableType::AtSetRelOptions
                | AlterTableType::AtResetRelOptions
                | AlterTableType::AtSetTableSpace
                | AlterTableType::AtClusterOn
                | AlterTableType::AtDropCluster
                | AlterTableType::AtSetStatistics
        ),
        _ => false,
    });
    match harmless {
        true => qualified(relation, view, input),
        false => Err(refuse(
            format!("this change of {view}, a view over protected tables, is not supported"),
            "Make the view anew.",
            at(relation.location),
        )),
    }
}

fn commands(
    s: &AlterTableStmt,
    relation: &RangeVar,
    table: &TableRef,
    input: &Input<'_>,
    judge: impl Fn(&AlterTableCmd, &Columns<'_>, &Input<'_>) -> Edits,
) -> Ruled {
    let added = s.cmds.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::AlterTableCmd(cmd)) => cmd.def.as_deref(),
        _ => None,
    });
    let columns = Columns::of(table, input).with(added);
    let mut cells = Vec::new();
    let mut edits: Vec<Edit> = qualify(relation, table, input).into_iter().collect();
    for node in &s.cmds {
        match &node.node {
            Some(NodeEnum::AlterTableCmd(cmd)) => {
                edits.extend(judge(cmd, &columns, input)?);
                cells.extend(made_cell(cmd, &columns));
            }
            _ => {
                return Err(refuse(
                    "this form of ALTER TABLE is not understood".into(),
                    "",
                    None,
                ));
            }
        }
    }
    defined(edits, &columns, &cells)
}

/// The column that the command makes a cell, or says again that it is one.
fn made_cell<'c>(cmd: &'c AlterTableCmd, columns: &Columns<'_>) -> Option<&'c str> {
    let name = match (cmd.subtype(), cmd.def.as_deref().map(|n| &n.node)) {
        (AlterTableType::AtAddColumn, Some(Some(NodeEnum::ColumnDef(def)))) => &def.colname,
        (AlterTableType::AtAlterColumnType, _) => &cmd.name,
        _ => return None,
    };
    columns.cell(name).map(|_| name.as_str())
}

/// The statement with the table's full name, and nothing else changed.
pub(super) fn qualified(relation: &RangeVar, table: &TableRef, input: &Input<'_>) -> Ruled {
    let edits = qualify(relation, table, input).into_iter().collect();
    defined(edits, &Columns::of(table, input), &[])
}

/// One command on a protected table.
fn command(cmd: &AlterTableCmd, columns: &Columns<'_>, input: &Input<'_>) -> Edits {
    let none = || Ok(Vec::new());
    let column = columns.cell(&cmd.name);
    let named = || columns.policy(&cmd.name).map(|c| columns.name(c));
    match cmd.subtype() {
        AlterTableType::AtAddColumn => added(cmd, columns, input),
        AlterTableType::AtAddConstraint => match cmd.def.as_deref().map(|n| &n.node) {
            Some(Some(NodeEnum::Constraint(c))) => constraint::check(c, None, columns),
            _ => Err(unsupported("ADD CONSTRAINT", columns)),
        },
        AlterTableType::AtColumnDefault => match column {
            Some(_) => match cmd.def.as_deref() {
                Some(expression) => columns.default(&cmd.name, expression, None),
                None => none(),
            },
            None => none(),
        },
        AlterTableType::AtAlterColumnType if column.is_some() => same_type(cmd, columns, input),
        AlterTableType::AtAlterColumnType
        | AlterTableType::AtAddIdentity
        | AlterTableType::AtSetIdentity
        | AlterTableType::AtSetExpression
        | AlterTableType::AtAlterColumnGenericOptions => match named() {
            Some(name) => Err(refuse(
                format!(
                    "the type and values of {name} cannot be changed by ALTER TABLE: the policy protects it"
                ),
                "Change the policy and migrate the column.",
                None,
            )),
            None => mentioned(cmd, columns),
        },
        AlterTableType::AtDropConstraint if cmd.name.starts_with("hippocrypt_") => Err(refuse(
            format!("constraint {} guards an encrypted column", cmd.name),
            "Leave it as it is; it goes with the column.",
            None,
        )),
        AlterTableType::AtDropColumn
        | AlterTableType::AtDropNotNull
        | AlterTableType::AtSetNotNull
        | AlterTableType::AtSetStatistics
        | AlterTableType::AtSetOptions
        | AlterTableType::AtResetOptions
        | AlterTableType::AtSetStorage
        | AlterTableType::AtSetCompression
        | AlterTableType::AtDropExpression
        | AlterTableType::AtDropIdentity
        | AlterTableType::AtDropConstraint
        | AlterTableType::AtValidateConstraint
        | AlterTableType::AtAlterConstraint
        | AlterTableType::AtAddIndexConstraint
        | AlterTableType::AtChangeOwner
        | AlterTableType::AtClusterOn
        | AlterTableType::AtDropCluster
        | AlterTableType::AtSetLogged
        | AlterTableType::AtSetUnLogged
        | AlterTableType::AtDropOids
        | AlterTableType::AtSetAccessMethod
        | AlterTableType::AtSetTableSpace
        | AlterTableType::AtSetRelOptions
        | AlterTableType::AtResetRelOptions
        | AlterTableType::AtEnableTrig
        | AlterTableType::AtEnableAlwaysTrig
        | AlterTableType::AtEnableReplicaTrig
        | AlterTableType::AtDisableTrig
        | AlterTableType::AtEnableTrigAll
        | AlterTableType::AtDisableTrigAll
        | AlterTableType::AtEnableTrigUser
        | AlterTableType::AtDisableTrigUser
        | AlterTableType::AtEnableRule
        | AlterTableType::AtEnableAlwaysRule
        | AlterTableType::AtEnableReplicaRule
        | AlterTableType::AtDisableRule
        | AlterTableType::AtReplicaIdentity
        | AlterTableType::AtEnableRowSecurity
        | AlterTableType::AtDisableRowSecurity
        | AlterTableType::AtForceRowSecurity
        | AlterTableType::AtNoForceRowSecurity => none(),
        AlterTableType::AtAddInherit
        | AlterTableType::AtDropInherit
        | AlterTableType::AtAddOf
        | AlterTableType::AtDropOf
        | AlterTableType::AtAttachPartition
        | AlterTableType::AtDetachPartition
        | AlterTableType::AtDetachPartitionFinalize => {
            Err(unsupported("inheritance and partitions", columns))
        }
        // What the grammar does not build, and what is for views and foreign tables.
        _ => Err(unsupported("this form of ALTER TABLE", columns)),
    }
}

fn added(cmd: &AlterTableCmd, columns: &Columns<'_>, input: &Input<'_>) -> Edits {
    match cmd.def.as_deref().map(|n| &n.node) {
        Some(Some(NodeEnum::ColumnDef(def))) => {
            let mut edits = create_table::column(def, columns, input)?;
            // behind the guard of the column
            if let Some(range) = edits.last().map(|edit| edit.range.clone()) {
                let whole = columns.completed_hashes(&def.colname).into_iter();
                edits.extend(whole.map(|check| Edit {
                    range: range.clone(),
                    with: Replacement::Text(check),
                }));
            }
            Ok(edits)
        }
        _ => Err(unsupported("ADD COLUMN", columns)),
    }
}

/// ALTER COLUMN … TYPE to what the policy says: the cells stay as they are, whatever the length was before.
fn same_type(cmd: &AlterTableCmd, columns: &Columns<'_>, input: &Input<'_>) -> Edits {
    let (Some(ix), Some(Some(NodeEnum::ColumnDef(def)))) =
        (columns.cell(&cmd.name), cmd.def.as_deref().map(|n| &n.node))
    else {
        return Err(unsupported("ALTER COLUMN TYPE", columns));
    };
    let refused = || {
        refuse(
            format!(
                "the values of {} cannot be computed anew by ALTER TABLE: they are encrypted",
                columns.name(ix)
            ),
            "Leave USING out, or write no more than a cast of the column in it.",
            at(def.location),
        )
    };
    if !def
        .raw_default
        .as_deref()
        .is_none_or(|e| is_itself(e, &cmd.name))
    {
        return Err(refused());
    }
    if let Some(collation) = def.coll_clause.as_deref() {
        keeps_equality(&collation.collname, ix, columns, at(collation.location))?;
    }
    let range = create_table::typed(def, ix, columns, input).map_err(|mut refusal| {
        refusal.hint = Some(
            "A wider type is declared in the policy first; any other change of type is a migration of the column."
                .into(),
        );
        refusal
    })?;
    let tokens = input.tokens;
    let first = tokens.from(range.start);
    let end = tokens.until(first, tokens.from(input.range.end), &[Kind::Ascii44]);
    let last = end.checked_sub(1).and_then(|ix| tokens.get(ix));
    Ok(vec![Edit {
        range: range.start..last.ok_or_else(refused)?.range.end,
        with: Replacement::Text("hippocrypt.cell".into()),
    }])
}

/// The column with nothing but casts around it.
fn is_itself(expression: &Node, column: &str) -> bool {
    match &expression.node {
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(|a| is_itself(a, column)),
        Some(NodeEnum::ColumnRef(reference)) => names::strings(&reference.fields) == [column],
        _ => false,
    }
}

/// A clear column's new type or expression must not be computed from a cell.
fn mentioned(cmd: &AlterTableCmd, columns: &Columns<'_>) -> Edits {
    match cmd.def.as_deref().and_then(|d| mentions(d, columns)) {
        Some(column) => Err(refuse(
            format!(
                "column {} cannot be computed from {column}, which is encrypted",
                cmd.name
            ),
            "Compute it in the application.",
            None,
        )),
        None => Ok(Vec::new()),
    }
}

fn unsupported(what: &str, columns: &Columns<'_>) -> Box<Refusal> {
    refuse(
        format!(
            "{what} on protected table {} is not supported",
            columns.name
        ),
        "",
        None,
    )
}
