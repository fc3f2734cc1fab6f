//! Verdicts that are kept: of whole texts, and of templates that stand for many.
//!
//! It must never answer with what full analysis would not say, nor keep a constant of the client's.

use super::{Analyser, Context};
use crate::cache::{Key, Named};
use crate::constants;
use crate::grammar;
use crate::scan;
use crate::template::{Sample, Spotted, Template};
use crate::tree;
use crate::verdict::{Attribution, Refusal, Replacement, Statement, Verdict};
use crate::watch::{self, Watch};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the cache keeps.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// Of a text: its statements.
    Whole(Arc<[Statement]>),
    /// Of a template: a text with this name was seen.
    Seen,
    /// These of its constants are part of its full name.
    Pinned(Arc<BTreeSet<usize>>),
    /// Its verdict.
    Template(Arc<Template>),
    /// It has none: each text is judged by itself.
    None,
}

impl Analyser {
    pub(super) fn named_by(&self, text: &str, cx: &Context<'_>) -> Result<Vec<Statement>, Refusal> {
        let spots = constants::spots(text).filter(|spots| !spots.is_empty());
        match spots {
            Some(spots) => self.by_template(Spotted::new(text, &spots), cx),
            None => self.by_whole(text, cx),
        }
    }

    /// By the verdict that texts with other constants have, too, where there is one.
    fn by_template(
        &self,
        spotted: Spotted<'_>,
        cx: &Context<'_>,
    ) -> Result<Vec<Statement>, Refusal> {
        let none = BTreeSet::new();
        let mut kept: Option<Arc<BTreeSet<usize>>> = None;
        for _ in 0..3 {
            let pinned = kept.as_deref().unwrap_or(&none);
            let key = self.cache.key(&Named::Template(spotted, pinned), cx);
            match self.cache.get_or_put(key, Kept::Seen) {
                // most texts that come once never come again: nothing but the mark is kept of them
                None => return self.analyse_anew(spotted.text, cx),
                Some(Kept::Seen) => return self.learn(spotted, pinned, cx),
                Some(Kept::Pinned(more)) => kept = Some(more),
                Some(Kept::Template(template)) => match template.fill(spotted) {
                    Some(statement) => return Ok(vec![self.compared(statement, spotted, cx)]),
                    None => break,
                },
                Some(Kept::None | Kept::Whole(_)) => break,
            }
        }
        self.by_whole(spotted.text, cx)
    }

    /// Every test of a build with assertions is a test of this.
    fn compared(&self, filled: Statement, spotted: Spotted<'_>, cx: &Context<'_>) -> Statement {
        debug_assert_eq!(
            self.analyse_anew(spotted.text, cx).as_deref(),
            Ok(std::slice::from_ref(&filled)),
            "a template gives the verdict that the text has"
        );
        filled
    }

    /// Judges a text, and makes a template of it, which is kept if it says of this one what full analysis does.
    fn learn(
        &self,
        spotted: Spotted<'_>,
        named: &BTreeSet<usize>,
        cx: &Context<'_>,
    ) -> Result<Vec<Statement>, Refusal> {
        let key = |pinned| self.cache.key(&Named::Template(spotted, pinned), cx);
        let whole = self.analyse_anew(spotted.text, cx);
        let made = match whole.as_deref() {
            Ok([only]) => self.template(spotted, cx).and_then(|(template, pinned)| {
                let filled = template.fill(spotted)?;
                let is_right = named.is_subset(&pinned) && filled == *only;
                is_right.then_some((template, pinned, filled))
            }),
            Ok(_) | Err(_) => None,
        };
        let Some((template, pinned, filled)) = made else {
            self.cache.put(key(named), Kept::None, 0);
            let key = self.cache.key(&Named::Text(spotted.text), cx);
            return whole.inspect(|whole| self.keep_whole(key, spotted.text, whole));
        };
        let weight = cost(std::slice::from_ref(template.statement()), spotted.text);
        if pinned != *named {
            let weight = pinned.len() * size_of::<usize>();
            let pinned = Kept::Pinned(Arc::new(pinned.clone()));
            self.cache.put(key(named), pinned, weight);
        }
        let template = Kept::Template(Arc::new(template));
        self.cache.put(key(&pinned), template, weight);
        Ok(vec![filled])
    }

    /// The verdict with sample constants, and which constants are none of them; `None` where all are pinned.
    fn template(
        &self,
        spotted: Spotted<'_>,
        cx: &Context<'_>,
    ) -> Option<(Template, BTreeSet<usize>)> {
        let scs = cx.names.standard_conforming_strings;
        let sample = Sample::of(spotted.text)?;
        let mut pinned = spotted.pinned(&values(spotted.text, scs)?);
        // once for what is read of all, once more for what is read only then
        for _ in 0..3 {
            if pinned.len() == spotted.spots.len() {
                return None;
            }
            let (text, ranges) = spotted.sampled(&sample, &pinned)?;
            let watch = Watch::over(sample.clone());
            let judged = watch::under(Some(Arc::clone(&watch)), || self.analyse_anew(&text, cx));
            let read = watch.read();
            if read.all {
                return None;
            }
            if read.constants.is_subset(&pinned) {
                let [statement] = <[Statement; 1]>::try_from(judged.ok()?).ok()?;
                return Some((Template::new(sample, statement, ranges), pinned));
            }
            pinned.extend(read.constants);
        }
        None
    }

    fn by_whole(&self, text: &str, cx: &Context<'_>) -> Result<Vec<Statement>, Refusal> {
        let key = self.cache.key(&Named::Text(text), cx);
        if let Some(Kept::Whole(found)) = self.cache.get(key) {
            return Ok(found.to_vec());
        }
        let statements = self.analyse_anew(text, cx)?;
        self.keep_whole(key, text, &statements);
        Ok(statements)
    }

    fn keep_whole(&self, key: Key, text: &str, statements: &[Statement]) {
        if !statements.iter().any(holds_literal) {
            let weight = cost(statements, text);
            self.cache
                .put(key, Kept::Whole(Arc::from(statements)), weight);
        }
    }
}

/// Where the constants of a text stand that are nothing but values.
fn values(text: &str, standard_conforming_strings: bool) -> Option<BTreeSet<usize>> {
    let tokens = scan::scan(text, standard_conforming_strings).ok()?;
    let work = || {
        let parsed = grammar::parse(text, standard_conforming_strings).ok()?;
        match parsed.stmts.as_slice() {
            [only] => Some(tree::names(only.stmt.as_deref()?).ok()?.values),
            _ => None,
        }
    };
    grammar::with_stack_for(tokens.len(), work)?
}

/// Whether it holds a constant of the client's, which is not kept.
fn holds_literal(statement: &Statement) -> bool {
    let set = matches!(statement.facts.effects.attribution, Attribution::Set(..));
    let planned = match &statement.verdict {
        Verdict::Plan(plan) => plan.has_literals(),
        Verdict::Untouched | Verdict::Refusal(_) => false,
    };
    set || planned
}

/// What keeping the verdicts costs, in bytes; what is kept beside them is about as long as the text.
fn cost(statements: &[Statement], text: &str) -> usize {
    let mut cost = text.len() * 2;
    for statement in statements {
        cost += 512;
        if let Verdict::Plan(plan) = &statement.verdict {
            let edits = plan.edits.iter().map(|e| match &e.with {
                Replacement::Text(text) => text.len() + 64,
                Replacement::Cell { .. }
                | Replacement::Argument { .. }
                | Replacement::GroupId(_)
                | Replacement::Default { .. }
                | Replacement::Hash { .. }
                | Replacement::Made(_) => 64,
            });
            cost += edits.sum::<usize>();
        }
    }
    cost
}
