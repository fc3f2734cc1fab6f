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
use super::asked::Tags;
use super::inflight::Question;
use super::machine::Machine;
use crate::attribution::{Claims, TokenError};
use crate::config::{self, Source};
use hippocrypt_audit::Told;
use hippocrypt_policy::Required;
use hippocrypt_sql::verdict::{Attribute, Attribution as Effect, Effects, Facts, Transaction};
use hippocrypt_wire::{ErrorReport, Severity};
use std::collections::VecDeque;
use std::sync::Arc;

/// How many tokens a session is remembered to have shown: those before a SET that is rolled back count again.
const SHOWN_MAX: usize = 64;

/// What the settings are.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    user: Option<Arc<str>>,
    reason: Option<Arc<str>>,
    /// What stands for a token.
    token: Option<Arc<str>>,
    /// One was changed in this transaction, whose end may undo it.
    unsettled: bool,
}

impl Attributes {
    fn set(&mut self, attribute: Attribute, value: &str) {
        let value = (!value.is_empty()).then(|| Arc::from(value));
        match attribute {
            Attribute::User => self.user = value,
            Attribute::Reason => self.reason = value,
            Attribute::Token => self.token = value,
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
    /// Tokens that this session has shown, by what stands for each; the latest last.
    shown: VecDeque<(Arc<str>, Arc<Claims>)>,
}

impl Tracked {
    pub(super) fn new(rules: &config::Attribution) -> Self {
        let counts = |source| rules.from.contains(&source);
        let which: &[Attribute] = match (counts(Source::Setting), counts(Source::Token)) {
            (true, true) => &[Attribute::User, Attribute::Reason, Attribute::Token],
            (true, false) => &[Attribute::User, Attribute::Reason],
            (false, true) => &[Attribute::Token],
            (false, false) => &[],
        };
        Self {
            which,
            stale: !which.is_empty(),
            ..Self::default()
        }
    }

    pub(super) fn show(&mut self, stands: Arc<str>, claims: Arc<Claims>) {
        self.shown.retain(|(known, _)| *known != stands);
        if self.shown.len() == SHOWN_MAX {
            self.shown.pop_front();
        }
        self.shown.push_back((stands, claims));
    }

    fn stands_for(&self, stands: &str) -> Option<&Arc<Claims>> {
        let mut shown = self.shown.iter();
        shown
            .find(|(known, _)| **known == *stands)
            .map(|(_, claims)| claims)
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
    /// A token that does not count.
    rejected: Option<Rejected>,
}

#[derive(Clone, Copy, Debug)]
struct Rejected {
    why: TokenError,
    /// It came with the statement; else by a setting, which may be taken back.
    with_statement: bool,
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
        let token = self.token(attributes, tags).transpose();
        let (claims, rejected) = match token {
            Ok(claims) => (claims, None),
            Err(rejected) => (None, Some(rejected)),
        };
        let find = |vouched: Option<&Arc<str>>,
                    set: &Option<Arc<str>>,
                    tag: &Option<Arc<str>>,
                    app: Option<&str>| {
            self.attribution.rules.from.iter().find_map(|&source| {
                let text = match source {
                    Source::Token => vouched.cloned(),
                    Source::Setting => set.clone(),
                    Source::Comment => tag.clone(),
                    Source::ApplicationName => app.map(Arc::from),
                };
                text.map(|text| Arc::new(Told { text, source }))
            })
        };
        let app = Some(self.recorder.application()).filter(|app| !app.is_empty());
        let user = claims.as_deref().map(|c| &c.user);
        let why = claims.as_deref().and_then(|c| c.reason.as_ref());
        Attributed {
            end_user: find(user, &attributes.user, &tags.user, app),
            reason: find(why, &attributes.reason, &tags.reason, None),
            rejected,
        }
    }

    /// The token that counts: one that comes with the statement before one that was set.
    fn token(&self, attributes: &Attributes, tags: &Tags) -> Option<Result<Arc<Claims>, Rejected>> {
        let with_statement = tags.token.is_some();
        let claims = match (&tags.token, &attributes.token) {
            (Some(token), _) => token.clone(),
            (None, Some(stands)) => {
                let shown = self.known.tracked.stands_for(stands);
                shown.cloned().ok_or(TokenError::Unknown)
            }
            (None, None) => return None,
        };
        let now = self.unix;
        let holds = claims.and_then(|c| {
            if c.hold(now) {
                Ok(c)
            } else {
                Err(TokenError::Expired)
            }
        });
        Some(holds.map_err(|why| Rejected {
            why,
            with_statement,
        }))
    }

    /// The refusal of a statement that does not tell what the policy wants told with it, or tells it by a token that
    /// does not count.
    pub(super) fn lacks(&self, facts: &Facts, told: &Attributed) -> Option<ErrorReport> {
        if let Some(rejected) = told.rejected
            && (rejected.with_statement || !facts.touches.is_empty())
        {
            return Some(bad_token(rejected.why));
        }
        let protected = self.protected.as_ref()?;
        let policy = &protected.database;
        let mut required = match facts.touches.is_empty() {
            true => Required::default(),
            false => protected.rights.required,
        };
        if protected.tables_require {
            let touched = facts.touches.iter().map(|t| &t.column.table);
            let analyser = self.known.analyser(protected);
            let behind = analyser.world().behind(facts.tables.iter().chain(touched));
            required = required.and(policy.required(&behind));
        }
        let rules = &self.attribution.rules;
        let report = |what: &str, setting: &str, key: &str| {
            let message = format!("the policy wants to know the {what} of this statement");
            ErrorReport::new(Severity::Error, "42501", message).hint(ways(rules, setting, key))
        };
        match told.rejected {
            Some(rejected) if required != Required::default() => Some(bad_token(rejected.why)),
            _ if required.end_user && told.end_user.is_none() => {
                Some(report("end user", "hippocrypt.user", &rules.user_key))
            }
            _ if required.reason && told.reason.is_none() => {
                Some(report("reason", "hippocrypt.reason", &rules.reason_key))
            }
            _ => None,
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

/// How a client can tell.
fn ways(rules: &config::Attribution, setting: &str, key: &str) -> String {
    let way = |source: &Source| match source {
        Source::Token => "SET LOCAL hippocrypt.token = '…' in a statement before".to_owned(),
        Source::Setting => format!("SET LOCAL {setting} = '…' in a statement before"),
        Source::Comment => format!("the comment /*{key}='…'*/ behind the statement"),
        Source::ApplicationName => "application_name".to_owned(),
    };
    let counts = |s: &&Source| **s != Source::ApplicationName || setting == "hippocrypt.user";
    let ways: Vec<_> = rules.from.iter().filter(counts).map(way).collect();
    match ways.is_empty() {
        true => "The proxy's configuration lets nothing tell it: attribution.from.".to_owned(),
        false => format!("Tell it by {}.", ways.join(", or by ")),
    }
}

/// The refusal for a token that does not count.
pub(super) fn bad_token(why: TokenError) -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "28000",
        format!("the token does not count: {why}"),
    )
}
