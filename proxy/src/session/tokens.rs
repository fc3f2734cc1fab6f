//! Tokens on their way through: each is a credential, and none goes upstream.
//!
//! In place of one that SET gives, the server gets its SHA-256 and the person, `<64 hex> <sub>`; what `hippocrypt.token`
//! is at any later time is read back as that, and only one that this session has shown stands for anything. One in a
//! comment is blotted out. It must never let a token reach the server, nor take its stand-in from a client for one.

use super::attribution::bad_token;
use super::judge::{Refusal, refuse};
use super::machine::Machine;
use crate::config::Source;
use hippocrypt_sql::comment;
use hippocrypt_sql::verdict::{
    Attribute, Attribution, Constant, Edit, Plan, Replacement, Statement, Verdict,
};
use hippocrypt_wire::{ErrorReport, Severity};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

impl Machine {
    /// Verifies the token of each `SET hippocrypt.token`, and has its stand-in sent instead.
    pub(super) fn take_tokens(
        &mut self,
        text: &str,
        statements: &mut [Statement],
    ) -> Result<(), Box<Refusal>> {
        for at in 0..statements.len() {
            let Some(statement) = statements.get_mut(at) else {
                continue;
            };
            let passes = !matches!(statement.verdict, Verdict::Refusal(_));
            let Attribution::Set(Attribute::Token, constant) = &statement.facts.effects.attribution
            else {
                continue;
            };
            if !passes || constant.value.is_empty() {
                continue;
            }
            let Constant { value, range } = constant.clone();
            match self.stand_in(&value) {
                Ok(stands) => swap(statement, &stands, range),
                Err(report) => return Err(refuse(report, self.asked(text, statements))),
            }
        }
        Ok(())
    }

    /// The text without the tokens in its comments.
    pub(super) fn without_tokens(&self, text: &str) -> Option<String> {
        let rules = &self.attribution.rules;
        if !rules.from.contains(&Source::Token) || !text.contains("/*") {
            return None;
        }
        let scs = self.known.names.standard_conforming_strings;
        comment::without(text, scs, &rules.token_key)
    }

    fn stand_in(&mut self, token: &str) -> Result<Arc<str>, ErrorReport> {
        if !self.attribution.rules.from.contains(&Source::Token) {
            let words = "this proxy takes no tokens";
            let report = ErrorReport::new(Severity::Error, "0A000", words);
            return Err(report.hint("Its configuration names their keys: attribution.tokens."));
        }
        let claims = self.attribution.vouched(token).map_err(bad_token)?;
        let mut stands = String::with_capacity(65 + claims.user.len());
        for byte in Sha256::digest(token.as_bytes()) {
            // a String takes everything
            let _ = write!(stands, "{byte:02x}");
        }
        stands.push(' ');
        stands.push_str(&claims.user);
        let stands: Arc<str> = stands.into();
        self.known
            .tracked
            .show(Arc::clone(&stands), Arc::new(claims));
        Ok(stands)
    }
}

fn swap(statement: &mut Statement, stands: &str, range: std::ops::Range<usize>) {
    let facts = Arc::make_mut(&mut statement.facts);
    let constant = Constant {
        value: stands.to_owned().into(),
        range: range.clone(),
    };
    facts.effects.attribution = Attribution::Set(Attribute::Token, constant);
    // valid under standard_conforming_strings on and off
    let quoted = stands.replace('\\', r"\\").replace('\'', "''");
    let with = Replacement::Text(format!(" E'{quoted}'"));
    statement.verdict = Verdict::Plan(Arc::new(Plan {
        edits: vec![Edit { range, with }],
        ..Plan::default()
    }));
}
