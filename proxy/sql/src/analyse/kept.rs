//! Verdicts that are kept: of whole texts, and of templates that stand for many.
//!
//! It must never answer with what full analysis would not say, nor keep a constant of the client's.

use super::{Analyser, Context};
use crate::cache::Named;
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
        let found = spots.and_then(|spots| self.by_template(Spotted::new(text, &spots), cx));
        let Some(statement) = found else {
            return self.by_whole(text, cx);
        };
        // every test of a build with assertions is a test of this
        debug_assert_eq!(
            self.analyse_anew(text, cx).as_deref(),
            Ok([statement.clone()].as_slice()),
            "a template gives the verdict that the text has"
        );
        Ok(vec![statement])
    }

    /// The verdict that texts with other constants have, too; `None` where there is none yet.
    fn by_template(&self, spotted: Spotted<'_>, cx: &Context<'_>) -> Option<Statement> {
        let none = BTreeSet::new();
        let mut kept: Option<Arc<BTreeSet<usize>>> = None;
        for _ in 0..3 {
            let pinned = kept.as_deref().unwrap_or(&none);
            let key = self.cache.key(&Named::Template(spotted, pinned), cx);
            match self.cache.get(key) {
                // most texts that come once never come again
                None => {
                    self.cache.put(key, Kept::Seen, 0);
                    return None;
                }
                Some(Kept::Seen) => return self.learn(spotted, pinned, cx),
                Some(Kept::Pinned(more)) => kept = Some(more),
                Some(Kept::Template(template)) => return template.fill(spotted),
                Some(Kept::None | Kept::Whole(_)) => return None,
            }
        }
        None
    }

    /// Makes a template of a text, and keeps it if it says of this one what full analysis does.
    fn learn(
        &self,
        spotted: Spotted<'_>,
        named: &BTreeSet<usize>,
        cx: &Context<'_>,
    ) -> Option<Statement> {
        let key = |pinned| self.cache.key(&Named::Template(spotted, pinned), cx);
        let whole = self.by_whole(spotted.text, cx);
        let made = match whole.as_deref() {
            Ok([only]) => self.template(spotted, cx).filter(|(template, pinned)| {
                named.is_subset(pinned) && template.fill(spotted).as_ref() == Some(only)
            }),
            Ok(_) | Err(_) => None,
        };
        let Some((template, pinned)) = made else {
            self.cache.put(key(named), Kept::None, 0);
            return None;
        };
        let weight = cost(std::slice::from_ref(template.statement()), spotted.text);
        let filled = template.fill(spotted);
        if pinned != *named {
            let weight = pinned.len() * size_of::<usize>();
            let pinned = Kept::Pinned(Arc::new(pinned.clone()));
            self.cache.put(key(named), pinned, weight);
        }
        let template = Kept::Template(Arc::new(template));
        self.cache.put(key(&pinned), template, weight);
        filled
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
        if !statements.iter().any(holds_literal) {
            let weight = cost(&statements, text);
            let kept = Kept::Whole(Arc::from(statements.as_slice()));
            self.cache.put(key, kept, weight);
        }
        Ok(statements)
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
