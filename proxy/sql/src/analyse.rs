//! From a text to its statements with their verdicts: the crate's front door.
//!
//! A statement that names nothing tainted goes on as it is; SELECT, INSERT, UPDATE and DELETE are planned,
//! everything else is a utility's matter. It must never let a statement go on that no rule has judged.

use crate::cache::Cache;
use crate::catalog::{Catalog, Names};
use crate::foresee::Foresight;
use crate::functions::Path;
use crate::grammar::{self, ParseError};
use crate::scan::{self, Tokens};
use crate::sequence::{self, Course};
use crate::standing::{self, NoNames, Session};
use crate::taint::{self, Taint};
use crate::verdict::{Beside, Facts, Refusal, Reshapes, Shown, Statement, Verdict};
use crate::watch;
use crate::world::World;
use crate::{catalog_view, functions, plan, utility};
use hippocrypt_policy::{Database, Rights};
use kept::Kept;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RawStmt, SelectStmt};
use std::ops::Range;
use std::sync::Arc;

mod kept;

/// How many verdicts are kept, and how many bytes they may take.
const CACHED: (usize, usize) = (16_384, 32 << 20);

/// Judges statements of one database under one catalog version. Cheap to share.
#[derive(Debug)]
pub struct Analyser {
    world: Arc<World>,
    cache: Cache<Kept>,
}

/// Whose statement it is, as far as a verdict depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How the session resolves names.
    pub names: &'a Names,
    /// What the user may do.
    pub rights: &'a Rights,
    /// Parameter type OIDs that the client declared in Parse; 0 or absent where it did not.
    pub declared_params: &'a [u32],
    /// The session is in no transaction block, and nothing of it is under way: a block that a string opens and ends
    /// is its own.
    pub outside: bool,
}

/// A parsed statement on its way to a verdict: what `taint`, `utility` and the planner are given.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    /// The client's whole text: every location and edit counts in its bytes.
    pub(crate) text: &'a str,
    /// Bytes of this statement, first token to last.
    pub(crate) range: Range<usize>,
    /// The text's tokens.
    pub(crate) tokens: &'a Tokens,
    /// Catalog and policy.
    pub(crate) world: &'a World,
    /// Names, rights and declared parameters.
    pub(crate) cx: &'a Context<'a>,
    /// An earlier statement of the text may have changed what names mean.
    pub(crate) unsettled: bool,
}

impl Input<'_> {
    /// Where it finds functions.
    pub(crate) fn path(&self) -> Path<'_> {
        match self.unsettled {
            true => Path::Any,
            false => Path::Of(self.cx.names),
        }
    }

    /// Bytes of each item of a list in parentheses, whose tokens are from `first` up to `close`.
    pub(crate) fn listed(&self, first: usize, close: usize) -> Option<Vec<Range<usize>>> {
        let mut items = Vec::new();
        let mut ix = first;
        while ix < close {
            let comma = self.tokens.until(ix, close, &[scan::Kind::Ascii44]);
            let last = self.tokens.get(comma.checked_sub(1)?)?;
            items.push(self.tokens.get(ix)?.range.start..last.range.end);
            ix = comma + 1;
        }
        Some(items)
    }
}

/// What a family answers for one statement.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Kind, tables, touches, effects.
    pub(crate) facts: Facts,
    /// The verdict.
    pub(crate) verdict: Verdict,
}

impl Analyser {
    /// An analyser for this catalog under this policy.
    pub fn new(catalog: Arc<Catalog>, policy: Arc<Database>) -> Self {
        Self {
            world: Arc::new(World::new(catalog, policy)),
            cache: Cache::new(CACHED.0, CACHED.1),
        }
    }

    /// Catalog and policy, merged.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The statements of `text` with their verdicts; `Err` where the text does not parse (42601 with the
    /// grammar's own words and position) or is nested too deeply (54001).
    ///
    /// EXECUTE and FETCH are judged as in a session without names: see [`Analyser::analyse_in`].
    pub fn analyse(&self, text: &str, cx: &Context<'_>) -> Result<Vec<Statement>, Refusal> {
        self.analyse_in(text, cx, &NoNames)
    }

    /// What the verdicts weigh that are kept, in bytes.
    pub fn kept(&self) -> usize {
        self.cache.weight()
    }

    /// The same in a session that has prepared statements and cursors.
    pub fn analyse_in(
        &self,
        text: &str,
        cx: &Context<'_>,
        session: &dyn Session,
    ) -> Result<Vec<Statement>, Refusal> {
        let mut statements = self.by_text(text, cx)?;
        if standing::resolve(&mut statements, text, cx, &self.world, session) {
            sequence::settle(&mut statements, &self.world, cx);
        }
        Ok(statements)
    }

    /// What the text alone says by full analysis, whatever is kept: what is kept must say the same.
    pub fn analyse_anew(&self, text: &str, cx: &Context<'_>) -> Result<Vec<Statement>, Refusal> {
        let mut statements = self.judge(text, cx)?;
        sequence::settle(&mut statements, &self.world, cx);
        Ok(statements)
    }

    /// What the text alone says. Comments behind it say nothing, and are often different each time (sqlcommenter):
    /// they are no part of the verdict's name.
    fn by_text(&self, text: &str, cx: &Context<'_>) -> Result<Vec<Statement>, Refusal> {
        let bare = scan::before_comments(text, cx.names.standard_conforming_strings);
        match bare.map(|bare| self.named_by(bare, cx)) {
            Some(Ok(statements)) => Ok(statements),
            // where an error is, is counted in the whole text
            Some(Err(_)) | None => self.named_by(text, cx),
        }
    }

    fn judge(&self, text: &str, cx: &Context<'_>) -> Result<Vec<Statement>, Refusal> {
        let scs = cx.names.standard_conforming_strings;
        let tokens = scan::scan(text, scs).map_err(unparsable)?;
        let work = || {
            let parsed = grammar::parse(text, scs).map_err(unparsable)?;
            let mut unsettled = false;
            let mut course = Course::of(cx);
            let mut foresight = Foresight::of(&self.world);
            let last = parsed.stmts.len().saturating_sub(1);
            let judged = parsed.stmts.iter().enumerate().map(|(ix, raw)| {
                let world = foresight.world();
                let (mut judged, changes) = statement(world, text, &tokens, cx, raw, unsettled)?;
                if ix < last
                    && let Some(changes) = changes
                    && foresight.take(changes)
                {
                    Arc::make_mut(&mut judged.facts).effects.foreseen = true;
                }
                unsettled |= course.changes_names(&judged.facts);
                Ok(judged)
            });
            judged.collect()
        };
        grammar::with_stack_for(tokens.len(), work).unwrap_or_else(|| Err(too_deep()))
    }
}

/// A statement's verdict, and what it makes of relations where that is foreseen.
fn statement(
    world: &World,
    text: &str,
    tokens: &Tokens,
    cx: &Context<'_>,
    raw: &RawStmt,
    unsettled: bool,
) -> Result<(Statement, Option<utility::Changes>), Refusal> {
    let range = range_of(raw, text, tokens).ok_or_else(too_deep)?;
    let input = Input {
        text,
        range: range.clone(),
        tokens,
        world,
        cx,
        unsettled,
    };
    let node = raw.stmt.as_deref().ok_or_else(too_deep)?;
    let taint = taint::taint(node, &input)?;
    let concerns = catalog_view::concerns(&input, &taint.found);
    let runs_unknown = taint.refusal.is_some();
    let mut changes = None;
    let Answer { facts, verdict } = match &node.node {
        Some(
            NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_),
        ) => query(&input, node, taint),
        other => {
            let answer = utility::judge(&input, raw, taint);
            let guarded = !world.is_clear() && !answer.facts.effects.settings;
            if let Some(node) = other.as_ref().filter(|_| guarded) {
                changes = utility::changes(node, &answer.verdict, runs_unknown, &input);
            }
            answer
        }
    };
    let verdict = match concerns {
        true => {
            watch::looked_at_all();
            catalog_view::corrected(&input, node, verdict)
        }
        false => verdict,
    };
    let facts = Arc::new(facts);
    let statement = Statement {
        range,
        facts,
        verdict,
        beside: Beside::default(),
    };
    Ok((statement, changes))
}

/// A SELECT, INSERT, UPDATE or DELETE.
fn query(input: &Input<'_>, node: &Node, taint: Taint) -> Answer {
    let kind = plan::kind(node).unwrap_or("SELECT");
    let mut facts = Facts {
        kind,
        tables: taint.tables,
        quotes: taint.found.quotes_statements(),
        defines: taint.found.quotes_expressions(input.cx.names),
        calls: taint.found.calls(),
        writes: taint.found.writes(),
        effects: taint.effects,
        ..Facts::default()
    };
    facts.effects.by_functions = facts.effects.catalog;
    if let Some(NodeEnum::SelectStmt(select)) = &node.node {
        into(select, &mut facts);
    }
    let makes = facts.kind == "SELECT INTO" && !input.world.is_clear();
    let fired = || functions::event_trigger(input.world).filter(|_| makes);
    if let Some(refusal) = taint.refusal.or_else(fired) {
        let verdict = Verdict::Refusal(Arc::new(refusal));
        return Answer { facts, verdict };
    }
    if !taint.touched {
        let verdict = Verdict::Untouched;
        return Answer { facts, verdict };
    }
    let planned = plan::plan_returned(input.clone(), node);
    facts.touches = planned.touches;
    facts.effects.by_functions |= planned.effects.catalog && !facts.effects.catalog;
    facts.effects.catalog |= planned.effects.catalog;
    facts.effects.settings |= planned.effects.settings;
    facts.tables.extend(planned.tables);
    facts.tables.sort();
    facts.tables.dedup();
    let verdict = match planned.verdict {
        Verdict::Plan(plan) if facts.quotes && plan.outputs.is_some() => {
            let touches = facts.touches.iter_mut();
            touches.for_each(|t| t.shown = Shown::Refused);
            Verdict::Refusal(Arc::new(quotes_cells()))
        }
        verdict => verdict,
    };
    Answer { facts, verdict }
}

/// Its rows are opened by plan, and the texts beside them would show cells.
fn quotes_cells() -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message: "texts of statements cannot be selected beside encrypted columns".into(),
        detail: None,
        hint: Some("Select them in a statement of their own.".into()),
        position: None,
    }
}

/// SELECT INTO makes a table.
fn into(select: &SelectStmt, facts: &mut Facts) {
    let mut first = select;
    while let Some(left) = first.larg.as_deref() {
        first = left;
    }
    if let Some(relation) = first.into_clause.as_deref().and_then(|i| i.rel.as_ref()) {
        facts.kind = "SELECT INTO";
        facts.effects.catalog = true;
        facts.effects.by_functions = false;
        let name = Arc::from(relation.relname.as_str());
        facts.effects.reshapes = Reshapes::Relations([name].into());
        if relation.relpersistence == "t" {
            facts
                .effects
                .creates_temporary
                .push(Arc::from(relation.relname.as_str()));
        }
    }
}

/// From its first token to its last, without the `;`.
fn range_of(raw: &RawStmt, text: &str, tokens: &Tokens) -> Option<Range<usize>> {
    let start = usize::try_from(raw.stmt_location).ok()?;
    let end = match usize::try_from(raw.stmt_len).ok()? {
        0 => text.len(),
        len => start + len,
    };
    tokens.span(start..end)
}

fn unparsable(error: ParseError) -> Refusal {
    Refusal {
        sqlstate: error.sqlstate,
        message: error.message,
        detail: None,
        hint: error.hint.map(Into::into),
        position: error.position,
    }
}

fn too_deep() -> Refusal {
    Refusal {
        sqlstate: "54001",
        message: "the statement is nested too deeply".into(),
        detail: None,
        hint: None,
        position: None,
    }
}
