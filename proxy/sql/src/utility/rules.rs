//! The rule for each statement, where the policy names tables.
//!
//! Every statement that `kind` knows is here by name. It must never pass what reads, stores or computes a
//! value of a protected column without a plan.

use super::create_table::{self, others};
use super::effects::{is_temporary, made, set_to};
use super::names::{not_our_schema, not_ours, parts, strings};
use super::{
    Passed, Ruled, alter_table, at, copy, index, names, refuse, rename, row_policy, runs, table_as,
    trigger, untouched, view,
};
use crate::analyse::Input;
use crate::functions;
use crate::plan;
use crate::settings;
use crate::taint::{self, Taint};
use crate::verdict::{Attribute, Facts, Refusal};
use crate::world::{Lookup, recorded};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    CreatePublicationStmt, CreateSchemaStmt, DropStmt, IndexStmt, Node, ObjectType, RangeVar,
    VariableSetKind, VariableSetStmt, a_const,
};

/// The rule.
#[rustfmt::skip]
pub(super) fn rule(node: &NodeEnum, input: &Input<'_>, taint: &Taint, facts: &mut Facts) -> Ruled {
    match node {
        // They run what they hold: as judged by its names.
        NodeEnum::ExplainStmt(s) => runs::explain(s, input, taint, facts),
        NodeEnum::PrepareStmt(s) => runs::prepare(s, input, taint, facts),
        NodeEnum::ExecuteStmt(_) => runs("EXECUTE", "Give the arguments as constants.", input, taint),
        NodeEnum::DeclareCursorStmt(s) => runs::declare(s, input, taint, facts),
        NodeEnum::CopyStmt(_) => copy::copy(node, input, taint, facts),
        NodeEnum::CreateTableAsStmt(s) if taint.touched => table_as::create(s, input, taint, facts),
        NodeEnum::CreateTableAsStmt(_) => made_from(node, "Make the table first, named in the policy, then INSERT … SELECT.", input, taint),
        NodeEnum::CallStmt(_) => runs("CALL", "Give the arguments as constants.", input, taint),
        NodeEnum::DoStmt(_) => block(input),

        // They make relations, or something that reads one.
        NodeEnum::CreateStmt(s) => create_table::create(s, input, taint, facts),
        NodeEnum::ViewStmt(s) if taint.touched => view::create(s, input, taint, facts),
        NodeEnum::ViewStmt(_) => made_from(node, "Select from the table itself.", input, taint),
        NodeEnum::CreateSeqStmt(_) | NodeEnum::CompositeTypeStmt(_) | NodeEnum::CreateForeignTableStmt(_) => made_from(node, "The policy means a table by that name: choose another.", input, taint),
        NodeEnum::CreateSchemaStmt(s) => schema(s, input, taint),
        NodeEnum::IndexStmt(s) => create_index(s, input),
        NodeEnum::CreateTrigStmt(s) => trigger::create(s, input, taint),
        NodeEnum::RuleStmt(_) => no("CREATE RULE", "Use a trigger or the application.", input, taint),
        NodeEnum::CreatePolicyStmt(s) => row_policy::judge(s.table.as_ref(), [&s.qual, &s.with_check], input, taint),
        NodeEnum::AlterPolicyStmt(s) => row_policy::judge(s.table.as_ref(), [&s.qual, &s.with_check], input, taint),
        NodeEnum::CreateFunctionStmt(s) => { ours(&s.funcname, input)?; no("a SQL function body", "", input, taint) }
        NodeEnum::CreatePublicationStmt(s) => publication(s, input),
        NodeEnum::AlterPublicationStmt(s) => published(&s.pubobjects, input),

        // They change names and types.
        NodeEnum::AlterTableStmt(s) => alter_table::alter(s, input, taint),
        NodeEnum::RenameStmt(s) => rename::rename(s, input, facts),
        NodeEnum::AlterObjectSchemaStmt(s) => rename::set_schema(s, input),
        NodeEnum::DropStmt(s) => drop(s, input),
        NodeEnum::AlterDomainStmt(s) => ours(&s.type_name, input),
        NodeEnum::AlterTypeStmt(s) => ours(&s.type_name, input),
        NodeEnum::AlterEnumStmt(s) => ours(&s.type_name, input),
        NodeEnum::CreateDomainStmt(s) => { ours(&s.domainname, input)?; no_row_type(taint) }
        NodeEnum::CreateEnumStmt(s) => ours(&s.type_name, input),
        NodeEnum::CreateRangeStmt(s) => { ours(&s.type_name, input)?; no_row_type(taint) }
        NodeEnum::DefineStmt(s) => ours(&s.defnames, input),
        NodeEnum::AlterOwnerStmt(s) => owner(s.object_type(), s.object.as_deref(), input),
        NodeEnum::AlterFunctionStmt(s) => match &s.func {
            Some(f) => ours(&f.objname, input),
            None => untouched(),
        },

        // They change the session.
        NodeEnum::VariableSetStmt(s) => set(s, input),

        // They name relations and move no value; whatever table the server finds is the one that the client
        // would have reached without us.
        NodeEnum::VacuumStmt(_) | NodeEnum::LockStmt(_) | NodeEnum::ClusterStmt(_)
        | NodeEnum::ReindexStmt(_) | NodeEnum::GrantStmt(_) | NodeEnum::CommentStmt(_) | NodeEnum::SecLabelStmt(_)
        | NodeEnum::CreateStatsStmt(_) | NodeEnum::AlterStatsStmt(_) | NodeEnum::RefreshMatViewStmt(_)
        | NodeEnum::AlterSeqStmt(_) | NodeEnum::AlterExtensionContentsStmt(_) | NodeEnum::AlterObjectDependsStmt(_)
        | NodeEnum::ConstraintsSetStmt(_) => untouched(),

        NodeEnum::TruncateStmt(_) => truncate(input, taint),

        // They name no relation.
        NodeEnum::TransactionStmt(_) | NodeEnum::VariableShowStmt(_) | NodeEnum::DiscardStmt(_) | NodeEnum::DeallocateStmt(_)
        | NodeEnum::ListenStmt(_) | NodeEnum::UnlistenStmt(_) | NodeEnum::NotifyStmt(_) | NodeEnum::ClosePortalStmt(_)
        | NodeEnum::FetchStmt(_) | NodeEnum::CheckPointStmt(_) | NodeEnum::LoadStmt(_) | NodeEnum::GrantRoleStmt(_)
        | NodeEnum::ReassignOwnedStmt(_) | NodeEnum::DropOwnedStmt(_) | NodeEnum::CreateRoleStmt(_)
        | NodeEnum::AlterRoleStmt(_) | NodeEnum::AlterRoleSetStmt(_) | NodeEnum::DropRoleStmt(_)
        | NodeEnum::CreatedbStmt(_) | NodeEnum::DropdbStmt(_) | NodeEnum::AlterDatabaseStmt(_)
        | NodeEnum::AlterDatabaseSetStmt(_) | NodeEnum::AlterDatabaseRefreshCollStmt(_) | NodeEnum::AlterSystemStmt(_)
        | NodeEnum::CreateTableSpaceStmt(_) | NodeEnum::DropTableSpaceStmt(_) | NodeEnum::AlterTableSpaceOptionsStmt(_)
        | NodeEnum::AlterTableMoveAllStmt(_) | NodeEnum::CreateExtensionStmt(_) | NodeEnum::AlterExtensionStmt(_)
        | NodeEnum::CreateFdwStmt(_) | NodeEnum::AlterFdwStmt(_) | NodeEnum::CreateForeignServerStmt(_)
        | NodeEnum::AlterForeignServerStmt(_) | NodeEnum::CreateUserMappingStmt(_) | NodeEnum::AlterUserMappingStmt(_)
        | NodeEnum::DropUserMappingStmt(_) | NodeEnum::ImportForeignSchemaStmt(_) | NodeEnum::CreateSubscriptionStmt(_)
        | NodeEnum::AlterSubscriptionStmt(_) | NodeEnum::DropSubscriptionStmt(_) | NodeEnum::CreateEventTrigStmt(_)
        | NodeEnum::AlterEventTrigStmt(_) | NodeEnum::CreatePlangStmt(_) | NodeEnum::CreateAmStmt(_)
        | NodeEnum::CreateCastStmt(_) | NodeEnum::CreateConversionStmt(_) | NodeEnum::CreateTransformStmt(_)
        | NodeEnum::CreateOpClassStmt(_) | NodeEnum::CreateOpFamilyStmt(_) | NodeEnum::AlterOpFamilyStmt(_)
        | NodeEnum::AlterOperatorStmt(_) | NodeEnum::AlterCollationStmt(_) | NodeEnum::AlterDefaultPrivilegesStmt(_)
        | NodeEnum::AlterTsdictionaryStmt(_) | NodeEnum::AlterTsconfigurationStmt(_) => untouched(),

        _ => Err(Box::new(super::unknown())),
    }
}

/// A statement that runs what it holds.
pub(super) fn runs(what: &str, hint: &str, input: &Input<'_>, taint: &Taint) -> Ruled {
    if let Some(refusal) = &taint.refusal {
        return Err(Box::new(refusal.clone()));
    }
    no(what, hint, input, taint)
}

/// A statement that has no rule for protected tables.
pub(super) fn no(what: &str, hint: &str, input: &Input<'_>, taint: &Taint) -> Ruled {
    let touched = taint
        .found
        .relations
        .iter()
        .find(|r| taint::is_tainted(r, input));
    match touched {
        Some(relation) => Err(refuse(
            format!(
                "{what} with protected table {} is not supported",
                taint::resolved(relation, input)
            ),
            hint,
            relation.at,
        )),
        None => untouched(),
    }
}

/// A DO block, judged by its body.
fn block(input: &Input<'_>) -> Ruled {
    if input.world.policy().trusts_do() {
        return untouched();
    }
    let text = input.text.get(input.range.clone()).unwrap_or_default();
    functions::block(text, input.world).map_err(|why| {
        refuse(
            format!("a DO block could touch protected tables: it {why}"),
            "The policy can trust them: databases: { …: { functions: { \"DO\": trusted } } }.",
            None,
        )
    })?;
    untouched()
}

fn no_row_type(taint: &Taint) -> Ruled {
    match &taint.row_type {
        Some(refusal) => Err(Box::new(refusal.clone())),
        None => untouched(),
    }
}

fn ours(name: &[Node], input: &Input<'_>) -> Ruled {
    not_ours(&strings(name), input.cx.names)
}

/// A relation that is made, perhaps from a query: neither its name nor its source may be protected.
fn made_from(node: &NodeEnum, hint: &str, input: &Input<'_>, taint: &Taint) -> Ruled {
    if matches!(node, NodeEnum::CreateTableAsStmt(_))
        && let Some(refusal) = &taint.refusal
    {
        return Err(Box::new(refusal.clone()));
    }
    no_row_type(taint)?;
    let relation = made(node);
    let own = relation
        .filter(|r| is_temporary(r, input))
        .and_then(|r| at(r.location));
    if let Some(relation) = relation {
        not_ours(&[&relation.schemaname, &relation.relname], input.cx.names)?;
    }
    let allowed: Vec<usize> = own.into_iter().collect();
    let what = super::kind::of(node).unwrap_or_default();
    others(&allowed, what, hint, input, taint)
}

/// CREATE SCHEMA, with what is made in it.
fn schema(s: &CreateSchemaStmt, input: &Input<'_>, taint: &Taint) -> Ruled {
    not_our_schema(&s.schemaname)?;
    let named = taint.found.relations.iter().find(|r| {
        taint::is_tainted(r, input) || names::is_tainted(input.world, &s.schemaname, &r.name)
    });
    match named {
        Some(relation) => Err(refuse(
            format!(
                "CREATE SCHEMA with {} in it is not supported: the policy protects it",
                relation.name
            ),
            "Make the schema first, then the table in a statement of its own.",
            relation.at,
        )),
        None => untouched(),
    }
}

/// The server's own words: nothing that could be made meanwhile is indexed unseen.
fn missing(relation: &RangeVar) -> Refusal {
    let name = match relation.schemaname.as_str() {
        "" => relation.relname.clone(),
        schema => format!("{schema}.{}", relation.relname),
    };
    Refusal {
        sqlstate: "42P01",
        message: format!("relation \"{name}\" does not exist"),
        detail: None,
        hint: None,
        position: None,
    }
}

fn create_index(s: &IndexStmt, input: &Input<'_>) -> Ruled {
    let Some(relation) = s.relation.as_ref() else {
        return Err(Box::new(super::unknown()));
    };
    match names::lookup(relation, input) {
        Lookup::Unprotected => untouched(),
        Lookup::Missing(_) => Err(Box::new(missing(relation))),
        Lookup::Protected(table) => index::create(s, &table.name, input),
        Lookup::Closed { table, .. } if input.world.awaits_columns(table) => {
            index::create(s, table, input)
        }
        Lookup::View(view) => index::of_view(s, view, input),
        Lookup::Closed {
            table,
            reason,
            hint,
        } => Err(refuse(
            format!("an index on {table} is not possible: {reason}"),
            hint.unwrap_or_default(),
            at(relation.location),
        )),
        Lookup::Derived { table, from } => Err(refuse(
            format!(
                "an index on {table} is not supported: its rows come from protected table {from}"
            ),
            "",
            at(relation.location),
        )),
        Lookup::Ambiguous(reason) => Err(ambiguous(relation, reason)),
    }
}

fn ambiguous(relation: &RangeVar, reason: &str) -> Box<Refusal> {
    refuse(
        format!(
            "{} could mean a protected table: {reason}",
            relation.relname
        ),
        "Write the schema before the name.",
        at(relation.location),
    )
}

fn publication(s: &CreatePublicationStmt, input: &Input<'_>) -> Ruled {
    published(&s.pubobjects, input)
}

/// A published table's cells go out as cells; a row filter would be computed on them.
fn published(objects: &[Node], input: &Input<'_>) -> Ruled {
    for object in objects {
        let Some(NodeEnum::PublicationObjSpec(object)) = &object.node else {
            continue;
        };
        let Some(table) = object.pubtable.as_deref() else {
            continue;
        };
        if let Some(relation) = &table.relation
            && table.where_clause.is_some()
            && !matches!(names::lookup(relation, input), Lookup::Unprotected)
        {
            return Err(refuse(
                format!(
                    "a row filter on protected table {} is not supported",
                    relation.relname
                ),
                "Publish the table without WHERE.",
                at(relation.location),
            ));
        }
    }
    untouched()
}

fn drop(s: &DropStmt, input: &Input<'_>) -> Ruled {
    for object in &s.objects {
        let parts = parts(object);
        if let (ObjectType::ObjectTrigger, [.., table, name]) = (s.remove_type(), parts.as_slice())
            && recorded::is_trigger(name)
            && let Some((table, _)) = input.world.wanted().find(|(t, _)| *t.table == **table)
        {
            return Err(names::recorder(table));
        }
        match (s.remove_type(), parts.as_slice()) {
            (ObjectType::ObjectSchema, [schema]) => not_our_schema(schema)?,
            (ObjectType::ObjectExtension, _) => Passed::default(),
            _ => not_ours(&parts, input.cx.names)?,
        };
    }
    untouched()
}

fn owner(kind: ObjectType, object: Option<&Node>, input: &Input<'_>) -> Ruled {
    let Some(object) = object else {
        return untouched();
    };
    match (kind, parts(object).as_slice()) {
        (ObjectType::ObjectSchema, [schema]) => not_our_schema(schema),
        (_, parts) => not_ours(parts, input.cx.names),
    }
}

/// A string constant, or a word where SET takes one.
fn constant(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::AConst(c)) => match &c.val {
            Some(a_const::Val::Sval(s)) => Some(&s.sval),
            _ => None,
        },
        _ => None,
    }
}

/// It changes every row of what it names, and of what it reaches by CASCADE.
fn truncate(input: &Input<'_>, taint: &Taint) -> Ruled {
    for relation in &taint.found.relations {
        if let Lookup::Protected(table) = taint::lookup(relation, input)
            && table.unrecorded
        {
            let at = relation.at.and_then(|at| i32::try_from(at).ok());
            return Err(plan::unrecorded(&table.name, at.unwrap_or(-1)));
        }
    }
    untouched()
}

/// SET: the encoding must stay what texts are read in, and catalogs as they are are not for everyone.
fn set(s: &VariableSetStmt, input: &Input<'_>) -> Ruled {
    let sets = s.kind() == VariableSetKind::VarSetValue;
    let value = match s.args.as_slice() {
        [only] => constant(only),
        _ => None,
    };
    if let Some(refusal) = settings::catalog_refused(&s.name, value, input).filter(|_| sets) {
        return Err(Box::new(refusal));
    }
    if sets && Attribute::of(&s.name) == Some(Attribute::Token) && set_to(s, input).is_none() {
        let message = "hippocrypt.token wants a string constant".into();
        return Err(refuse(message, "SET hippocrypt.token = '…'.", None));
    }
    if !sets || !s.name.eq_ignore_ascii_case("client_encoding") {
        return untouched();
    }
    let is_utf8 = s
        .args
        .iter()
        .all(|n| constant(n).is_some_and(settings::is_utf8));
    match is_utf8 && !s.args.is_empty() {
        true => untouched(),
        false => Err(Box::new(settings::wrong_encoding())),
    }
}
