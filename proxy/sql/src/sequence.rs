//! Several statements in one string: verdicts are made before the first of them runs.
//!
//! A SET, a temporary table, the end of a transaction or DDL earlier in the string may give the names of a
//! later one another meaning. It must never let such a later statement go on under the old one; DDL that was
//! foreseen (`foresee`) is no such change, but for what a name of the session stands for.

use crate::analyse::Context;
use crate::verdict::{Effects, Facts, Prepared, Refusal, Shown, Statement, Transaction, Verdict};
use crate::world::World;
use hippocrypt_policy::TableRef;
use std::sync::Arc;

/// How far the snapshot can still be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// Nothing happened.
    None,
    /// Relations may have other columns, or exist or not.
    Relations,
    /// Names may mean other relations.
    Names,
}

/// What the statements of a string have changed so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Nothing but the transaction itself: its end takes back no setting and no relation, unless the session was in
    /// a block before.
    quiet: bool,
}

impl Course {
    /// Before the first. A session with temporary tables could lose one.
    pub(crate) fn of(cx: &Context<'_>) -> Self {
        Self {
            quiet: cx.outside && cx.names.temporary.is_empty(),
        }
    }

    /// Whether names may mean something else after the statement.
    pub(crate) fn changes_names(&mut self, facts: &Facts) -> bool {
        self.unforeseen(&facts.effects, facts.kind) == Change::Names
    }

    /// What the statements behind it were not judged by.
    fn unforeseen(&mut self, effects: &Effects, kind: &str) -> Change {
        let ends = ends(effects) && self.quiet;
        self.quiet &= !effects.settings && !effects.catalog && !effects.changes_temporary();
        match ends || effects.foreseen {
            true => Change::None,
            false => made(effects, kind),
        }
    }
}

/// Refuses the statements of `statements` that name something protected after a change.
pub(crate) fn settle(statements: &mut [Statement], world: &World, cx: &Context<'_>) {
    if world.is_clear() {
        return;
    }
    let mut change = Change::None;
    let mut since_named = Change::None;
    let mut course = Course::of(cx);
    let mut code = false;
    let mut keys = false;
    let mut made_here: Vec<Arc<str>> = Vec::new();
    for statement in statements {
        let new = |t: &&TableRef| made_here.contains(&t.table);
        if let Some(table) = statement.facts.tables.iter().find(new) {
            let refusal = refusal(&table.table, statement.range.start);
            statement.verdict = Verdict::Refusal(Arc::new(refusal));
        }
        made_here.extend(statement.facts.effects.makes.iter().cloned());
        let stood = !matches!(statement.verdict, Verdict::Refusal(_));
        if code && stood && could_call(&statement.facts) {
            statement.verdict = Verdict::Refusal(Arc::new(calls_unknown(statement.range.start)));
        }
        code |= stood && statement.facts.effects.code;
        if statement.facts.cascades && stood && (keys || change != Change::None) {
            statement.verdict = Verdict::Refusal(Arc::new(cascades(statement.range.start)));
        }
        // a foreign key that is foreseen is in no snapshot
        keys |= stood && statement.facts.effects.catalog;
        if sets_within(statement) {
            let refusal = sets_its_own(statement.range.start);
            statement.verdict = Verdict::Refusal(Arc::new(refusal));
        }
        let named = statement
            .facts
            .tables
            .iter()
            .find(|t| world.is_tainted_name(&t.table));
        let stands = match &statement.verdict {
            Verdict::Untouched | Verdict::Plan(_) => true,
            // The snapshot is from before the string: the relation may be made in it.
            Verdict::Refusal(refusal) => refusal.sqlstate == "42P01",
        };
        let before = match statement.facts.effects.prepared {
            Some((Prepared::Execute, _)) => since_named,
            _ => change,
        };
        let borne = match &statement.verdict {
            Verdict::Refusal(_) => Change::None,
            Verdict::Untouched | Verdict::Plan(_) => bears(statement.facts.kind),
        };
        if let Some(table) = named
            && before > borne
            && stands
        {
            let refusal = refusal(&table.table, statement.range.start);
            let facts = Arc::make_mut(&mut statement.facts);
            facts
                .touches
                .iter_mut()
                .for_each(|t| t.shown = Shown::Refused);
            statement.verdict = Verdict::Refusal(Arc::new(refusal));
        }
        let (effects, kind) = (&statement.facts.effects, statement.facts.kind);
        let unforeseen = course.unforeseen(effects, kind);
        since_named = since_named.max(match ends(effects) {
            true => unforeseen,
            false => made(effects, kind),
        });
        change = change.max(unforeseen);
    }
}

/// What a statement's verdict bears to have happened before it.
fn bears(kind: &str) -> Change {
    match kind {
        // They move no value, whichever relation it is.
        "ANALYZE" | "CLUSTER" | "COMMENT" | "GRANT" | "LOCK TABLE" | "REINDEX" | "REVOKE"
        | "TRUNCATE TABLE" | "VACUUM" => Change::Names,
        // A cursor is planned when it is opened.
        "FETCH" | "MOVE" => Change::Names,
        kind if kind.starts_with("DROP ") => Change::Names,
        // The rule of the one stands on the policy, and asks the snapshot for schemas only; that of the other
        // refuses what the snapshot does not have.
        "CREATE TABLE" | "CREATE INDEX" => Change::Relations,
        _ => Change::None,
    }
}

fn ends(effects: &Effects) -> bool {
    matches!(
        effects.transaction,
        Some(Transaction::Commit | Transaction::Rollback | Transaction::RollbackTo)
    )
}

fn made(effects: &Effects, kind: &str) -> Change {
    let ends = ends(effects);
    let schemas = matches!(kind, "CREATE SCHEMA" | "DROP SCHEMA" | "RENAME" | "ALTER");
    if effects.settings || ends || effects.changes_temporary() || schemas {
        return Change::Names;
    }
    // GRANT is DDL for the snapshot's reader, and changes no name.
    let harmless = matches!(kind, "GRANT" | "REVOKE" | "GRANT ROLE" | "REVOKE ROLE");
    match effects.catalog && !harmless {
        true => Change::Relations,
        false => Change::None,
    }
}

/// Whether functions could run in it; DDL runs those that it names.
fn could_call(facts: &Facts) -> bool {
    let runs = [
        "CALL",
        "COPY",
        "CREATE TABLE AS",
        "CREATE MATERIALIZED VIEW",
        "DECLARE CURSOR",
        "DELETE",
        "DO",
        "EXECUTE",
        "EXPLAIN",
        "FETCH",
        "INSERT",
        "MERGE",
        "PREPARE",
        "REFRESH MATERIALIZED VIEW",
        "SELECT",
        "SELECT INTO",
        "TRUNCATE TABLE",
        "UPDATE",
    ];
    let computes = ["ALTER TABLE", "CREATE INDEX", "CREATE STATISTICS"];
    runs.contains(&facts.kind) || (facts.calls && computes.contains(&facts.kind))
}

/// set_config beside values that are sealed or opened: by the old setting, where the server takes the new one.
fn sets_within(statement: &Statement) -> bool {
    let effects = &statement.facts.effects;
    let queries = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"];
    effects.settings
        && !effects.catalog
        && queries.contains(&statement.facts.kind)
        && matches!(statement.verdict, Verdict::Plan(_))
}

fn sets_its_own(at: usize) -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message:
            "a statement on encrypted columns cannot change a setting that its own values depend on"
                .into(),
        detail: None,
        hint: Some("Set it in a statement of its own.".into()),
        position: Some(at),
    }
}

fn calls_unknown(at: usize) -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message:
            "an earlier statement of the same string makes something that runs a function, and this one could use it"
                .into(),
        detail: None,
        hint: Some("Send the statements one at a time.".into()),
        position: Some(at),
    }
}

fn cascades(at: usize) -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message:
            "an earlier statement of the same string can change which tables CASCADE reaches, and a protected one could be among them"
                .into(),
        detail: None,
        hint: Some("Send the statements one at a time.".into()),
        position: Some(at),
    }
}

fn refusal(table: &str, at: usize) -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message: format!(
            "an earlier statement of the same string can change what {table} means, which could be a protected table"
        ),
        detail: None,
        hint: Some("Send the statements one at a time.".into()),
        position: Some(at),
    }
}
