//! Who is behind the database user, and why: what a client tells by settings and comments
//! (docs/decisions/end-user.md).
//!
//! The settings live in the server, under its own rules of transactions; what it has is asked, never calculated.
//!
//! ```text
//!   Known ──SET, set_config, the end of a block with one──► stale ──SHOW──► Known
//! ```
//!
//! It must never name somebody whom the server no longer has: where a value cannot be known, nobody is named.

use super::Fault;
use super::inflight::Question;
use super::machine::Machine;
use crate::config::{Attribution, Source};
use hippocrypt_audit::{Described, Told};
use hippocrypt_policy::Required;
use hippocrypt_sql::comment::Tag;
use hippocrypt_sql::verdict::{Attribute, Attribution as Effect, Effects, Facts, Transaction};
use hippocrypt_wire::{ErrorReport, Severity};
use std::sync::Arc;

/// A statement as its records have it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What it is.
    pub(super) described: Arc<Described>,
    /// What its comments tell.
    pub(super) tags: Tags,
}

impl Asked {
    /// A statement without a text.
    pub(super) fn of(described: Described) -> Self {
        Self {
            described: Arc::new(described),
            tags: Tags::default(),
        }
    }
}

/// What the comments of a statement tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags {
    user: Option<Arc<str>>,
    reason: Option<Arc<str>>,
}

impl Tags {
    /// Comments that contradict each other tell nothing.
    pub(super) fn of(tags: &[Tag], rules: &Attribution) -> Self {
        let value = |key: &str| {
            let mut values = tags.iter().filter(|(k, _)| k == key).map(|(_, v)| v);
            let first = values.next()?;
            (!first.is_empty() && values.all(|v| v == first)).then(|| Arc::from(first.as_str()))
        };
        Self {
            user: value(&rules.user_key),
            reason: value(&rules.reason_key),
        }
    }
}

/// What the settings are.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    user: Option<Arc<str>>,
    reason: Option<Arc<str>>,
    /// One was changed in this transaction, whose end may undo it.
    unsettled: bool,
}

impl Attributes {
    fn set(&mut self, attribute: Attribute, value: &str) {
        let value = (!value.is_empty()).then(|| Arc::from(value));
        match attribute {
            Attribute::User => self.user = value,
            Attribute::Reason => self.reason = value,
            Attribute::Token => {}
        }
    }

    fn forget(&mut self) {
        *self = Self {
            unsettled: true,
            ..Self::default()
        };
    }

    /// As they are for what stands behind a statement in the same string, whose records come before it runs.
    pub(super) fn after(&mut self, effects: &Effects) {
        match &effects.attribution {
            Effect::Set(attribute, constant) => {
                self.set(*attribute, &constant.value);
                self.unsettled = true;
            }
            Effect::Changed => self.forget(),
            Effect::Kept if effects.settings => self.forget(),
            Effect::Kept => {}
        }
        let undoes = matches!(
            effects.transaction,
            Some(Transaction::Commit | Transaction::Rollback | Transaction::RollbackTo)
        );
        if undoes && self.unsettled {
            self.forget();
        }
    }
}

/// The settings, and whether that is still what the server has.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    attributes: Attributes,
    /// Which of them count.
    which: &'static [Attribute],
    /// The server knows their names.
    declared: bool,
    stale: bool,
}

impl Tracked {
    pub(super) fn new(rules: &Attribution) -> Self {
        let counts = rules.from.contains(&Source::Setting);
        Self {
            which: match counts {
                true => &[Attribute::User, Attribute::Reason],
                false => &[],
            },
            stale: counts,
            ..Self::default()
        }
    }

    /// What has to be asked before they are known.
    pub(super) fn questions(&self) -> Vec<Question> {
        if !self.stale {
            return Vec::new();
        }
        let declare = self.which.iter().filter(|_| !self.declared);
        let declare = declare.map(|attribute| Question::DeclareAttribute(*attribute));
        let show = self.which.iter().map(|a| Question::Attribute(*a));
        declare.chain(show).collect()
    }

    pub(super) fn answer(&mut self, attribute: Attribute, value: &str) {
        if self.which.contains(&attribute) {
            self.attributes.set(attribute, value);
        }
    }

    pub(super) fn complete(&mut self, attribute: Attribute) {
        if self.which.last() == Some(&attribute) {
            self.stale = false;
            self.declared = true;
        }
    }

    /// A statement is done. `in_block`: in a block that the client has opened, where SET LOCAL holds (elsewhere it is
    /// a warning) and a constant is what the server has now.
    pub(super) fn done(&mut self, effects: &Effects, in_block: bool) {
        match &effects.attribution {
            Effect::Kept if !effects.settings => return,
            Effect::Set(attribute, constant) if in_block && !self.stale => {
                self.answer(*attribute, &constant.value);
            }
            Effect::Kept | Effect::Set(..) | Effect::Changed => {
                self.stale = !self.which.is_empty();
            }
        }
        self.attributes.unsettled = true;
    }

    pub(super) fn rolled_back_to(&mut self) {
        self.stale |= self.attributes.unsettled && !self.which.is_empty();
    }

    pub(super) fn transaction_ended(&mut self) {
        self.rolled_back_to();
        self.attributes.unsettled = false;
    }
}

/// Who is behind a statement, and why, with where that is from.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributed {
    pub(super) end_user: Option<Arc<Told>>,
    pub(super) reason: Option<Arc<Told>>,
}

impl Machine {
    /// The settings as they are before what comes next.
    pub(super) fn attributes(&self) -> &Attributes {
        &self.known.tracked.attributes
    }

    /// Who is behind a statement with these tags that runs now.
    pub(super) fn attributed(&self, tags: &Tags) -> Attributed {
        self.attributed_by(self.attributes(), tags)
    }

    /// The same under other settings.
    pub(super) fn attributed_by(&self, attributes: &Attributes, tags: &Tags) -> Attributed {
        let find = |set: &Option<Arc<str>>, tag: &Option<Arc<str>>, app: Option<&str>| {
            self.attribution.from.iter().find_map(|&source| {
                let text = match source {
                    Source::Token => None,
                    Source::Setting => set.clone(),
                    Source::Comment => tag.clone(),
                    Source::ApplicationName => app.map(Arc::from),
                };
                text.map(|text| Arc::new(Told { text, source }))
            })
        };
        let app = Some(self.recorder.application()).filter(|app| !app.is_empty());
        Attributed {
            end_user: find(&attributes.user, &tags.user, app),
            reason: find(&attributes.reason, &tags.reason, None),
        }
    }

    /// The refusal of a statement that does not tell what the policy wants told with it.
    pub(super) fn lacks(&self, facts: &Facts, told: &Attributed) -> Option<ErrorReport> {
        let protected = self.protected.as_ref()?;
        let policy = &protected.database;
        let mut required = match facts.touches.is_empty() {
            true => Required::default(),
            false => protected.rights.required,
        };
        if policy
            .tables
            .values()
            .any(|t| t.required != Required::default())
        {
            let touched = facts.touches.iter().map(|t| &t.column.table);
            let analyser = self.known.analyser(protected);
            let behind = analyser.world().behind(facts.tables.iter().chain(touched));
            required = required.and(policy.required(&behind));
        }
        let report = |message: &str, hint: String| {
            ErrorReport::new(Severity::Error, "42501", message).hint(hint)
        };
        if required.end_user && told.end_user.is_none() {
            let message = "the policy wants to know the end user of this statement";
            let key = &self.attribution.user_key;
            return Some(report(message, self.ways("hippocrypt.user", key)));
        }
        if required.reason && told.reason.is_none() {
            let message = "the policy wants to know the reason of this statement";
            let key = &self.attribution.reason_key;
            return Some(report(message, self.ways("hippocrypt.reason", key)));
        }
        None
    }

    /// How a client can tell.
    fn ways(&self, setting: &str, key: &str) -> String {
        let way = |source: &Source| match source {
            Source::Token => "a token".to_owned(),
            Source::Setting => format!("SET LOCAL {setting} = '…' in a statement before"),
            Source::Comment => format!("the comment /*{key}='…'*/ behind the statement"),
            Source::ApplicationName => "application_name".to_owned(),
        };
        let counts = |s: &&Source| **s != Source::ApplicationName || setting == "hippocrypt.user";
        let ways: Vec<_> = self
            .attribution
            .from
            .iter()
            .filter(counts)
            .map(way)
            .collect();
        match ways.is_empty() {
            true => "The proxy's configuration lets nothing tell it: attribution.from.".to_owned(),
            false => format!("Tell it by {}.", ways.join(", or by ")),
        }
    }

    /// Before an Execute, whose portal may have been bound before they were changed.
    pub(super) fn admits_attributes(&mut self) -> Result<bool, Fault> {
        let questions = self.known.tracked.questions();
        if questions.is_empty() {
            return Ok(true);
        }
        if !self.inflight.is_empty() {
            return self.wait();
        }
        self.ask(&questions).map(|()| false)
    }
}
