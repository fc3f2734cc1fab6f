//! Statements that mean what a name of the session stands for: EXECUTE by a prepared statement, FETCH by a cursor.
//!
//! The verdict of a text alone is pure and cached; what is added here depends on the session and is made anew
//! each time. It must never let such a statement go on by less than the plan of what it names, nor be silent of a
//! cursor that a trusted function could have opened.

use crate::analyse::{Context, Input};
use crate::grammar;
use crate::plan;
use crate::scan;
use crate::verdict::{
    ClientParam, Cursor, Facts, Plan, Prepared, Refusal, Shown, Statement, Subjects, UpstreamParam,
    Verdict,
};
use crate::world::World;
use std::fmt;
use std::sync::Arc;

/// The session's names, protocol and SQL alike: they share one namespace for statements, one for portals.
pub trait Session: fmt::Debug {
    /// The prepared statement of this name.
    fn prepared(&self, name: &str) -> Option<Standing>;
    /// The cursor or portal of this name.
    fn cursor(&self, name: &str) -> Option<Standing>;
}

/// What a name stands for.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Of the statement itself: `SELECT` and not `PREPARE`.
    pub facts: Arc<Facts>,
    /// Its plan; `None` where it is untouched.
    pub plan: Option<Arc<Plan>>,
    /// A statement was judged under another catalog or search path, and not again since; of a cursor, that it may by now
    /// show what is protected.
    pub outdated: bool,
}

impl Standing {
    /// What the name that PREPARE or DECLARE gives stands for.
    pub fn of(facts: &Facts, plan: Option<&Arc<Plan>>) -> Self {
        let mut within = Facts {
            kind: facts.within,
            tables: facts.tables.clone(),
            touches: facts.touches.clone(),
            quotes: facts.quotes,
            writes: facts.writes,
            defines: facts.defines,
            ..Facts::default()
        };
        within.effects.catalog = facts.effects.catalog;
        within.effects.settings = facts.effects.settings;
        within.effects.attribution.and(&facts.effects.attribution);
        Self {
            facts: Arc::new(within),
            plan: plan.and_then(|p| p.stands.clone()),
            outdated: false,
        }
    }
}

/// A session without prepared statements and cursors.
#[derive(Clone, Copy, Debug)]
pub struct NoNames;

impl Session for NoNames {
    fn prepared(&self, _name: &str) -> Option<Standing> {
        None
    }

    fn cursor(&self, _name: &str) -> Option<Standing> {
        None
    }
}

/// Whether the statement's verdict depends on the session's names.
pub fn is_bound(facts: &Facts) -> bool {
    let runs = matches!(facts.effects.prepared, Some((Prepared::Execute, _)));
    runs || matches!(
        facts.effects.cursor,
        Some((Cursor::Fetch | Cursor::Move | Cursor::Read, _))
    )
}

/// Gives each EXECUTE and FETCH of the string its verdict. `false`: there is none.
pub(crate) fn resolve(
    statements: &mut [Statement],
    text: &str,
    cx: &Context<'_>,
    world: &World,
    session: &dyn Session,
) -> bool {
    if world.is_clear() || !statements.iter().any(|s| is_bound(&s.facts)) {
        return false;
    }
    let mut here = Here {
        session,
        prepared: Earlier::default(),
        cursors: Earlier::default(),
    };
    for (ix, statement) in statements.iter_mut().enumerate() {
        let result = here.statement(ix, statement, text, cx, world);
        if let Err(refusal) = result {
            let facts = Arc::make_mut(&mut statement.facts);
            shown(facts, Shown::Refused);
            facts.effects = crate::verdict::Effects::default();
            statement.verdict = Verdict::Refusal(Arc::new(*refusal));
        }
    }
    true
}

/// Names as statements earlier in the string leave them.
#[derive(Debug, Default)]
struct Earlier {
    /// The latest last; `None`: taken away.
    names: Vec<(Arc<str>, Option<Standing>)>,
    /// What the session had is gone.
    all_gone: bool,
}

impl Earlier {
    fn set(&mut self, name: &Arc<str>, to: Option<Standing>) {
        self.names.push((Arc::clone(name), to));
    }

    fn clear(&mut self) {
        self.names.clear();
        self.all_gone = true;
    }

    fn get(&self, name: &str, before: impl FnOnce() -> Option<Standing>) -> Option<Standing> {
        match self.names.iter().rev().find(|(known, _)| **known == *name) {
            Some((_, standing)) => standing.clone(),
            None if self.all_gone => None,
            None => before(),
        }
    }
}

struct Here<'a> {
    session: &'a dyn Session,
    prepared: Earlier,
    cursors: Earlier,
}

impl Here<'_> {
    fn statement(
        &mut self,
        ix: usize,
        statement: &mut Statement,
        text: &str,
        cx: &Context<'_>,
        world: &World,
    ) -> Result<(), Box<Refusal>> {
        let plan = match &statement.verdict {
            Verdict::Refusal(_) => return Ok(()),
            Verdict::Untouched => None,
            Verdict::Plan(plan) => Some(Arc::clone(plan)),
        };
        let gives = || Some(Standing::of(&statement.facts, plan.as_ref()));
        match &statement.facts.effects.prepared {
            Some((Prepared::Prepare, name)) => self.prepared.set(name, gives()),
            Some((Prepared::Deallocate, name)) if &**name == "*" => self.prepared.clear(),
            Some((Prepared::Deallocate, name)) => self.prepared.set(name, None),
            Some((Prepared::Execute, name)) => {
                let known = self.prepared.get(name, || self.session.prepared(name));
                let known = known.ok_or_else(|| no_statement(name))?;
                return execute(ix, statement, &known, text, cx, world);
            }
            None => {}
        }
        match &statement.facts.effects.cursor {
            Some((Cursor::Declare { .. }, name)) => self.cursors.set(name, gives()),
            Some((Cursor::Close, name)) => self.cursors.set(name, None),
            Some((Cursor::CloseAll, _)) => self.cursors.clear(),
            Some((Cursor::Fetch | Cursor::Move, name)) => {
                match self.cursors.get(name, || self.session.cursor(name)) {
                    Some(known) => fetch(statement, &known, cx)?,
                    // there is none, or a function that names nothing protected has opened it
                    None if world.policy().trusted_functions.is_empty() => {}
                    None => {
                        let facts = Arc::make_mut(&mut statement.facts);
                        facts.unseen = facts.kind == "FETCH";
                    }
                }
            }
            Some((Cursor::Read, name)) => {
                let known = self.cursors.get(name, || self.session.cursor(name));
                let clear = known
                    .filter(|known| is_clear(known) && !known.outdated)
                    .ok_or_else(|| not_clear(name))?;
                inherit(Arc::make_mut(&mut statement.facts), &clear.facts);
            }
            None => {}
        }
        Ok(())
    }
}

/// Whether nothing of the cursor's rows is opened, masked or rewritten on its way.
fn is_clear(cursor: &Standing) -> bool {
    let facts = &cursor.facts;
    facts.kind == "SELECT"
        && cursor.plan.is_none()
        && facts.touches.is_empty()
        && !facts.quotes
        && !facts.defines
}

/// FETCH and MOVE: rows of the cursor, by its plan.
fn fetch(
    statement: &mut Statement,
    known: &Standing,
    cx: &Context<'_>,
) -> Result<(), Box<Refusal>> {
    if known.outdated {
        let what = "the cursor was opened when functions, tables or the policy were others";
        let hint = "Close it, and open it again.";
        return Err(refused(
            format!("{what}, and may show what is protected"),
            hint,
        ));
    }
    if known.facts.kind != "SELECT" {
        let what = format!(
            "{} from a portal of {}",
            statement.facts.kind, known.facts.kind
        );
        return Err(refused(
            format!("{what} is not supported in a database with protected columns"),
            "Execute the portal itself.",
        ));
    }
    let moves = statement.facts.kind == "MOVE";
    let facts = Arc::make_mut(&mut statement.facts);
    inherit(facts, &known.facts);
    if moves {
        shown(facts, Shown::Not);
        return Ok(());
    }
    let tells = |p: &&Arc<Plan>| p.outputs.is_some() || p.subjects.is_some();
    let Some(plan) = known.plan.as_ref().filter(tells) else {
        return Ok(());
    };
    let as_it_is =
        plan.subjects.is_none() && plan.edits.is_empty() && plan.client_params.is_empty();
    statement.verdict = Verdict::Plan(match as_it_is && cx.declared_params.is_empty() {
        true => Arc::clone(plan),
        false => Arc::new(Plan {
            outputs: plan.outputs.clone(),
            binary: plan.binary,
            // what its parameters were is not known any more
            subjects: plan.subjects.as_ref().map(|s| Arc::new(s.bound(|_| None))),
            ..unedited(cx)
        }),
    });
    Ok(())
}

/// EXECUTE, also within EXPLAIN and CREATE TABLE AS: the arguments of sealed parameters become cells.
fn execute(
    ix: usize,
    statement: &mut Statement,
    known: &Standing,
    text: &str,
    cx: &Context<'_>,
    world: &World,
) -> Result<(), Box<Refusal>> {
    let kind = known.facts.kind;
    if known.outdated {
        return Err(outdated());
    }
    if !matches!(kind, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE") {
        return Err(refused(
            format!(
                "EXECUTE of a prepared {kind} is not supported in a database with protected columns"
            ),
            "Execute it by the protocol, or send the statement itself.",
        ));
    }
    let executes = statement.facts.kind == "EXECUTE";
    // EXPLAIN ANALYZE of CREATE TABLE AS makes the table
    let explains = statement.facts.kind == "EXPLAIN" && !statement.facts.effects.catalog;
    let facts = Arc::make_mut(&mut statement.facts);
    inherit(facts, &known.facts);
    facts.within = kind;
    if !executes {
        shown(facts, Shown::Not);
    }
    let Some(plan) = &known.plan else {
        return Ok(());
    };
    let added = plan.subjects.as_ref().is_some_and(|s| !s.added.is_empty());
    if !executes && !explains && (plan.outputs.is_some() || added) {
        return Err(refused(
            format!(
                "{} of a prepared statement that returns protected columns is not supported",
                facts.kind
            ),
            "Make the table first, named in the policy, then INSERT … SELECT.",
        ));
    }
    let (edits, subjects) = edits(ix, statement, plan, text, cx, world)?;
    let subjects = subjects.map(|subjects| match executes {
        true => subjects,
        false => subjects.without_rows(),
    });
    statement.verdict = Verdict::Plan(Arc::new(Plan {
        edits,
        subjects: subjects.map(Arc::new),
        outputs: plan.outputs.clone().filter(|_| executes),
        ..unedited(cx)
    }));
    Ok(())
}

fn edits(
    ix: usize,
    statement: &Statement,
    plan: &Plan,
    text: &str,
    cx: &Context<'_>,
    world: &World,
) -> Result<(Vec<crate::verdict::Edit>, Option<Subjects>), Box<Refusal>> {
    let unread = || refused("this form of EXECUTE is not understood".into(), "");
    let scs = cx.names.standard_conforming_strings;
    let tokens = scan::scan(text, scs).map_err(|_| unread())?;
    let work = || {
        let parsed = grammar::parse(text, scs).map_err(|_| unread())?;
        let raw = parsed.stmts.get(ix).and_then(|raw| raw.stmt.as_deref());
        let input = Input {
            text,
            range: statement.range.clone(),
            tokens: &tokens,
            world,
            cx,
            unsettled: false,
        };
        let raw = raw.ok_or_else(unread)?;
        let subjects = plan.subjects.as_ref();
        let subjects = subjects.map(|s| s.bound(|client| plan::argument(raw, client)));
        Ok((plan::execute(input, raw, plan)?, subjects))
    };
    grammar::with_stack_for(tokens.len(), work).unwrap_or_else(|| Err(unread()))
}

/// The statement's own parameters: the server knows their types.
fn unedited(cx: &Context<'_>) -> Plan {
    let clear = |(client, oid): (u16, &u32)| UpstreamParam {
        client,
        seal: None,
        oid: *oid,
        made: None,
    };
    let known = |oid: &u32| ClientParam {
        oid: (*oid != 0).then_some(*oid),
    };
    Plan {
        params: (0..).zip(cx.declared_params).map(clear).collect(),
        client_params: cx.declared_params.iter().map(known).collect(),
        ..Plan::default()
    }
}

/// The statement reads and changes what the one that it names does.
fn inherit(facts: &mut Facts, from: &Facts) {
    facts.tables.extend(from.tables.iter().cloned());
    facts.tables.sort();
    facts.tables.dedup();
    facts.touches.clone_from(&from.touches);
    facts.quotes |= from.quotes;
    facts.writes |= from.writes;
    facts.defines |= from.defines;
    facts.effects.catalog |= from.effects.catalog;
    facts.effects.settings |= from.effects.settings;
    facts.effects.attribution.and(&from.effects.attribution);
}

fn shown(facts: &mut Facts, shown: Shown) {
    facts.touches.iter_mut().for_each(|t| t.shown = shown);
}

fn refused(message: String, hint: &str) -> Box<Refusal> {
    Box::new(Refusal {
        sqlstate: "0A000",
        message,
        detail: None,
        hint: (!hint.is_empty()).then(|| hint.to_owned()),
        position: None,
    })
}

fn no_statement(name: &str) -> Box<Refusal> {
    Box::new(Refusal {
        sqlstate: "26000",
        ..*refused(format!("prepared statement \"{name}\" does not exist"), "")
    })
}

fn not_clear(cursor: &str) -> Box<Refusal> {
    refused(
        format!(
            "cursor \"{cursor}\" was not opened by DECLARE over tables in clear, and is read by a function"
        ),
        "FETCH its rows.",
    )
}

fn outdated() -> Box<Refusal> {
    Box::new(Refusal {
        detail: Some(
            "Tables, search path or policy have changed since the statement was prepared.".into(),
        ),
        ..*refused(
            "cached plan must not change result type".into(),
            "Prepare the statement again.",
        )
    })
}
