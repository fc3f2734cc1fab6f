//! A verdict for a text that differs in its constants: the same with other places and other literals.
//!
//! Every field is named here, so that a new one cannot be forgotten. It must never carry over a place or a literal that
//! is not the new text's.

use super::{
    At, Edit, HashPart, Literal, Made, Plan, Refusal, Replacement, Seal, Source, Statement,
    Subjects, UpstreamParam, Verdict,
};
use std::ops::Range;
use std::sync::Arc;

/// What the other text has.
pub(crate) trait Fill {
    /// Where a place of the one text is in the other, both in bytes.
    fn place(&self, at: usize) -> Option<usize>;
    /// What stands there for a constant.
    fn literal(&self, literal: &Literal) -> Option<Literal>;

    /// Both ends of a stretch.
    fn range(&self, range: &Range<usize>) -> Option<Range<usize>> {
        Some(self.place(range.start)?..self.place(range.end)?)
    }
}

impl Statement {
    /// The same in the other text; `None` where that cannot be said.
    pub(crate) fn filled(&self, with: &impl Fill) -> Option<Self> {
        let Self {
            range,
            facts,
            verdict,
            beside,
        } = self;
        Some(Self {
            range: with.range(range)?,
            facts: Arc::clone(facts),
            verdict: match verdict {
                Verdict::Untouched => Verdict::Untouched,
                Verdict::Plan(plan) => Verdict::Plan(Arc::new(plan.filled(with)?)),
                Verdict::Refusal(refusal) => Verdict::Refusal(refused(refusal, with)?),
            },
            beside: beside.clone(),
        })
    }
}

impl Plan {
    fn filled(&self, with: &impl Fill) -> Option<Self> {
        let Self {
            edits,
            params,
            client_params,
            outputs,
            stands,
            binary,
            copy,
            guards,
            subjects,
        } = self;
        // of PREPARE, DECLARE, COPY and what makes a table
        if stands.is_some() || copy.is_some() || !guards.is_empty() {
            return None;
        }
        let edits = edits.iter().map(|Edit { range, with: new }| {
            Some(Edit {
                range: with.range(range)?,
                with: replacement(new, with)?,
            })
        });
        Some(Self {
            edits: edits.collect::<Option<_>>()?,
            params: params
                .iter()
                .map(|p| param(p, with))
                .collect::<Option<_>>()?,
            client_params: client_params.clone(),
            outputs: outputs.clone(),
            stands: None,
            binary: *binary,
            copy: None,
            guards: Vec::new(),
            subjects: match subjects {
                Some(subjects) => Some(told(subjects, with)?),
                None => None,
            },
        })
    }
}

fn refused(refusal: &Arc<Refusal>, with: &impl Fill) -> Option<Arc<Refusal>> {
    let Some(position) = refusal.position else {
        return Some(Arc::clone(refusal));
    };
    Some(Arc::new(Refusal {
        position: Some(with.place(position)?),
        ..refusal.as_ref().clone()
    }))
}

fn replacement(new: &Replacement, with: &impl Fill) -> Option<Replacement> {
    Some(match new {
        Replacement::Text(_)
        | Replacement::GroupId(_)
        | Replacement::Default { .. }
        | Replacement::Made(_) => new.clone(),
        Replacement::Cell { literal, seal } => Replacement::Cell {
            literal: with.literal(literal)?,
            seal: sealed(seal, with)?,
        },
        Replacement::Hash { seal, parts } => Replacement::Hash {
            seal: seal.clone(),
            parts: hash(parts, with)?,
        },
        // of EXECUTE
        Replacement::Argument { .. } => return None,
    })
}

fn sealed(seal: &Seal, with: &impl Fill) -> Option<Seal> {
    let Seal {
        column,
        coercion,
        shape,
        cut,
        read,
        null_if,
    } = seal;
    Some(Seal {
        column: *column,
        coercion: *coercion,
        shape: *shape,
        cut: *cut,
        read: *read,
        null_if: match null_if {
            Some(literal) => Some(with.literal(literal)?),
            None => None,
        },
    })
}

fn hash(parts: &[Option<HashPart>], with: &impl Fill) -> Option<Vec<Option<HashPart>>> {
    let filled = parts.iter().map(|part| {
        Some(match part {
            None => None,
            Some(HashPart::Constant { literal, seal }) => Some(HashPart::Constant {
                literal: with.literal(literal)?,
                seal: sealed(seal, with)?,
            }),
            Some(part @ HashPart::Param { .. }) => Some(part.clone()),
            // of EXECUTE, and of a statement that has been rendered
            Some(HashPart::Argument { .. } | HashPart::Read { .. }) => return None,
        })
    });
    filled.collect()
}

fn param(param: &UpstreamParam, with: &impl Fill) -> Option<UpstreamParam> {
    let UpstreamParam {
        client,
        seal,
        oid,
        made,
    } = param;
    Some(UpstreamParam {
        client: *client,
        seal: match seal {
            Some(seal) => Some(sealed(seal, with)?),
            None => None,
        },
        oid: *oid,
        made: match made {
            Some(Made::Hash(parts)) => Some(Made::Hash(hash(parts, with)?)),
            Some(Made::Default(_)) | None => made.clone(),
        },
    })
}

fn told(subjects: &Arc<Subjects>, with: &impl Fill) -> Option<Arc<Subjects>> {
    if !subjects.has_literals() {
        return Some(Arc::clone(subjects));
    }
    let Subjects {
        sources,
        told,
        width,
        added,
        silent,
    } = subjects.as_ref();
    let sources = sources.iter().map(|Source { kind, form, at }| {
        Some(Source {
            kind: Arc::clone(kind),
            form: *form,
            at: match at {
                At::Literal(literal) => At::Literal(with.literal(literal)?),
                At::Array(literal) => At::Array(with.literal(literal)?),
                At::Row(_) | At::Parameter { .. } => at.clone(),
            },
        })
    });
    Some(Arc::new(Subjects {
        sources: sources.collect::<Option<_>>()?,
        told: *told,
        width: *width,
        added: added.clone(),
        silent: *silent,
    }))
}
