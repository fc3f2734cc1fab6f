//! What a statement changes for the verdicts after it.
//!
//! It must never leave out a change of names: where in doubt, the catalog or the settings may be different.

use crate::analyse::Input;
use crate::catalog::Object;
use crate::taint::Taint;
use crate::verdict::{Attribute, Attribution, Constant, Cursor, Effects, Prepared, Transaction};
use crate::{functions, settings};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    CopyStmt, DiscardMode, DropBehavior, DropStmt, ExecuteStmt, ObjectType, RangeVar,
    TransactionStmt, TransactionStmtKind, VariableSetKind, VariableSetStmt, a_const,
};
use std::sync::Arc;

/// CURSOR_OPT_HOLD (src/include/nodes/parsenodes.h).
const HOLD: i32 = 0x0020;

/// The effects of a utility statement.
pub(super) fn of(node: &NodeEnum, input: &Input<'_>, taint: &Taint) -> Effects {
    let mut effects = taint.effects.clone();
    match node {
        NodeEnum::TransactionStmt(s) => transaction(s, &mut effects),
        NodeEnum::VariableSetStmt(s) => {
            effects.settings = variable(s);
            effects.attribution = attribution(s, input);
        }
        NodeEnum::DiscardStmt(s) => discard(s.target(), input, &mut effects),
        NodeEnum::PrepareStmt(s) => effects.prepared = Some((Prepared::Prepare, name(&s.name))),
        NodeEnum::ExecuteStmt(ExecuteStmt { name: n, .. }) => {
            effects.prepared = Some((Prepared::Execute, name(n)));
        }
        NodeEnum::DeallocateStmt(s) => {
            let which = if s.isall { "*" } else { &s.name };
            effects.prepared = Some((Prepared::Deallocate, name(which)));
        }
        NodeEnum::DeclareCursorStmt(s) => {
            let hold = s.options & HOLD != 0;
            effects.cursor = Some((Cursor::Declare { hold }, name(&s.portalname)));
        }
        NodeEnum::FetchStmt(s) => {
            let which = if s.ismove {
                Cursor::Move
            } else {
                Cursor::Fetch
            };
            effects.cursor = Some((which, name(&s.portalname)));
        }
        NodeEnum::ClosePortalStmt(s) => {
            let all = s.portalname.is_empty();
            let which = if all { Cursor::CloseAll } else { Cursor::Close };
            effects.cursor = Some((which, name(&s.portalname)));
        }
        NodeEnum::CopyStmt(s) => effects.copy = speaks_copy(s),
        NodeEnum::DoStmt(_) | NodeEnum::CallStmt(_) => {
            effects.catalog = true;
            effects.settings = true;
        }
        NodeEnum::ExplainStmt(s) => {
            if let Some(inner) = super::inner(s.query.as_deref()) {
                effects = of(inner, input, taint);
                // It opens no cursor; the statement that EXECUTE names decides as it does for EXECUTE.
                effects.cursor = None;
            }
        }
        NodeEnum::VariableShowStmt(_)
        | NodeEnum::ListenStmt(_)
        | NodeEnum::UnlistenStmt(_)
        | NodeEnum::NotifyStmt(_)
        | NodeEnum::ConstraintsSetStmt(_)
        | NodeEnum::LockStmt(_)
        | NodeEnum::VacuumStmt(_)
        | NodeEnum::TruncateStmt(_)
        | NodeEnum::CheckPointStmt(_)
        | NodeEnum::ClusterStmt(_)
        | NodeEnum::ReindexStmt(_)
        | NodeEnum::CommentStmt(_)
        | NodeEnum::SecLabelStmt(_)
        | NodeEnum::RefreshMatViewStmt(_)
        | NodeEnum::MergeStmt(_)
        | NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_) => {}
        // The rest is DDL: GRANT among it, for it may change what the service role sees.
        _ => {
            let temporary = only_temporary(node, input);
            effects.catalog |= !temporary;
            effects.code = brings_code(node, input, taint);
            let created = creates_temporary(node, input);
            effects.alters_temporary = temporary && created.is_none();
            effects.creates_temporary.extend(created);
            if let NodeEnum::CreateTableAsStmt(s) = node
                && let Some(NodeEnum::ExecuteStmt(s)) = super::inner(s.query.as_deref())
            {
                effects.prepared = Some((Prepared::Execute, name(&s.name)));
            }
        }
    }
    effects
}

/// Whether code may run afterwards that the snapshot does not know of: something is made that is code, that gets
/// a name by which it is reached, or that runs a function which a statement could not call.
fn brings_code(node: &NodeEnum, input: &Input<'_>, taint: &Taint) -> bool {
    if input.world.policy().trusts_every_function() {
        return false;
    }
    let moves = |kind| {
        matches!(
            kind,
            ObjectType::ObjectAggregate
                | ObjectType::ObjectFunction
                | ObjectType::ObjectOperator
                | ObjectType::ObjectProcedure
                | ObjectType::ObjectRoutine
                | ObjectType::ObjectDomain
                | ObjectType::ObjectType
        )
    };
    match node {
        NodeEnum::CreateFunctionStmt(_)
        | NodeEnum::AlterFunctionStmt(_)
        | NodeEnum::DefineStmt(_)
        | NodeEnum::CreateCastStmt(_)
        | NodeEnum::CreateOpClassStmt(_)
        | NodeEnum::AlterOpFamilyStmt(_)
        | NodeEnum::AlterOperatorStmt(_)
        | NodeEnum::AlterTypeStmt(_)
        | NodeEnum::CreateEventTrigStmt(_)
        | NodeEnum::AlterEventTrigStmt(_)
        | NodeEnum::CreateExtensionStmt(_)
        | NodeEnum::AlterExtensionStmt(_) => true,
        NodeEnum::RenameStmt(s) => moves(s.rename_type()),
        NodeEnum::AlterObjectSchemaStmt(s) => moves(s.object_type()),
        NodeEnum::CreateTrigStmt(s) => {
            let name = super::names::strings(&s.funcname);
            let name = name.last().copied().unwrap_or_default();
            taint.called.is_some() || functions::is_dangerous(name, input.world)
        }
        // a column's type runs its functions too
        NodeEnum::CreateStmt(_) | NodeEnum::AlterTableStmt(_) => {
            taint.called.is_some() || taint.hazard.is_some()
        }
        _ => taint.called.is_some(),
    }
}

fn name(name: &str) -> Arc<str> {
    Arc::from(name)
}

fn transaction(s: &TransactionStmt, effects: &mut Effects) {
    effects.savepoint = (!s.savepoint_name.is_empty()).then(|| name(&s.savepoint_name));
    effects.transaction = match s.kind() {
        TransactionStmtKind::TransStmtBegin | TransactionStmtKind::TransStmtStart => {
            Some(Transaction::Begin)
        }
        TransactionStmtKind::TransStmtCommit | TransactionStmtKind::TransStmtPrepare => {
            Some(Transaction::Commit)
        }
        TransactionStmtKind::TransStmtRollback => Some(Transaction::Rollback),
        TransactionStmtKind::TransStmtSavepoint => Some(Transaction::Savepoint),
        TransactionStmtKind::TransStmtRelease => Some(Transaction::Release),
        TransactionStmtKind::TransStmtRollbackTo => Some(Transaction::RollbackTo),
        TransactionStmtKind::TransStmtCommitPrepared
        | TransactionStmtKind::TransStmtRollbackPrepared
        | TransactionStmtKind::Undefined => {
            effects.catalog = true;
            None
        }
    };
}

/// Whether names or texts may mean something else after it.
fn variable(s: &VariableSetStmt) -> bool {
    match s.kind() {
        VariableSetKind::VarResetAll | VariableSetKind::Undefined => true,
        VariableSetKind::VarSetMulti => false,
        VariableSetKind::VarSetValue
        | VariableSetKind::VarSetDefault
        | VariableSetKind::VarSetCurrent
        | VariableSetKind::VarReset => settings::matters(&s.name.to_ascii_lowercase()),
    }
}

/// What SET and RESET do to the settings that tell who is behind the client; RESET ALL counts among `variable`.
fn attribution(s: &VariableSetStmt, input: &Input<'_>) -> Attribution {
    let Some(attribute) = Attribute::of(&s.name) else {
        return Attribution::Kept;
    };
    match set_to(s, input) {
        Some(constant) => Attribution::Set(attribute, constant),
        None => Attribution::Changed,
    }
}

/// The one string constant that a setting is set to.
pub(super) fn set_to(s: &VariableSetStmt, input: &Input<'_>) -> Option<Constant> {
    let [only] = s.args.as_slice() else {
        return None;
    };
    let Some(NodeEnum::AConst(constant)) = &only.node else {
        return None;
    };
    let Some(a_const::Val::Sval(string)) = &constant.val else {
        return None;
    };
    let start = usize::try_from(constant.location).ok()?;
    Some(Constant {
        value: string.sval.clone().into(),
        range: start..input.tokens.end_of(start)?,
    })
}

/// What goes with a temporary relation may be another's; a session without any loses none.
fn discard(mode: DiscardMode, input: &Input<'_>, effects: &mut Effects) {
    let all = matches!(mode, DiscardMode::DiscardAll | DiscardMode::Undefined);
    effects.settings = all;
    effects.catalog = (all || mode == DiscardMode::DiscardTemp)
        && (!input.cx.names.temporary.is_empty() || !is_first(input));
    if all {
        effects.prepared = Some((Prepared::Deallocate, name("*")));
        effects.cursor = Some((Cursor::CloseAll, name("")));
    }
}

/// FROM STDIN and TO STDOUT speak the COPY protocol; files and programs do not.
fn speaks_copy(s: &CopyStmt) -> bool {
    s.filename.is_empty() && !s.is_program
}

/// The temporary relation that the statement makes.
fn creates_temporary(node: &NodeEnum, input: &Input<'_>) -> Option<Arc<str>> {
    let relation = made(node)?;
    is_temporary(relation, input).then(|| name(&relation.relname))
}

/// Whether all that the statement makes, indexes or drops is temporary relations: no snapshot has those. An event trigger
/// may make something else.
fn only_temporary(node: &NodeEnum, input: &Input<'_>) -> bool {
    let temporary = match node {
        NodeEnum::CreateStmt(_) | NodeEnum::CreateTableAsStmt(_) => {
            creates_temporary(node, input).is_some()
        }
        NodeEnum::IndexStmt(s) => s.relation.as_ref().is_some_and(|r| {
            let parts = [r.schemaname.as_str(), r.relname.as_str()];
            is_own(parts.strip_prefix(&[""]).unwrap_or(&parts), input)
        }),
        NodeEnum::DropStmt(s) => drops_temporary(s, input),
        _ => false,
    };
    let mut runs = input.world.catalog().runs.iter();
    temporary && !runs.any(|r| r.from == Object::Ddl)
}

/// Whether it drops relations of this session alone. What depends on one, as a function on its row type, stops a DROP
/// without CASCADE; what goes with one is of it.
fn drops_temporary(s: &DropStmt, input: &Input<'_>) -> bool {
    let relations = matches!(
        s.remove_type(),
        ObjectType::ObjectTable | ObjectType::ObjectView | ObjectType::ObjectSequence
    );
    let own = |object| is_own(&super::names::parts(object), input);
    relations && s.behavior() == DropBehavior::DropRestrict && s.objects.iter().all(own)
}

/// Whether the name means a temporary relation that the session has.
fn is_own(name: &[&str], input: &Input<'_>) -> bool {
    let names = input.cx.names;
    match name {
        ["pg_temp", _] => true,
        // where pg_temp is on the path, it may come behind a schema that has the name, too
        [name] => {
            is_first(input)
                && input.world.is_temporary(name, names)
                && !names.search_path.iter().any(|s| &**s == "pg_temp")
        }
        _ => false,
    }
}

/// Whether nothing stands before it in its string, that could have taken what it names.
fn is_first(input: &Input<'_>) -> bool {
    input.tokens.from(input.range.start) == 0
}

/// The relation that the statement makes.
pub(super) fn made(node: &NodeEnum) -> Option<&RangeVar> {
    match node {
        NodeEnum::CreateStmt(s) => s.relation.as_ref(),
        NodeEnum::ViewStmt(s) => s.view.as_ref(),
        NodeEnum::CreateSeqStmt(s) => s.sequence.as_ref(),
        NodeEnum::CompositeTypeStmt(s) => s.typevar.as_ref(),
        NodeEnum::CreateForeignTableStmt(s) => s.base_stmt.as_ref()?.relation.as_ref(),
        NodeEnum::CreateTableAsStmt(s) => s.into.as_ref()?.rel.as_ref(),
        _ => None,
    }
}

/// TEMP, or made in `pg_temp` by name or because it comes first on the path.
pub(crate) fn is_temporary(relation: &RangeVar, input: &Input<'_>) -> bool {
    let path = &input.cx.names.search_path;
    relation.relpersistence == "t"
        || relation.schemaname == "pg_temp"
        || (relation.schemaname.is_empty() && path.first().is_some_and(|s| &**s == "pg_temp"))
}
