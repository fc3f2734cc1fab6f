//! Which records are asked for. All conditions must hold.

use super::View;
use crate::line::Stamp;
use jiff::Timestamp;

/// See the module. The default takes everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Database user.
    pub user: Option<String>,
    /// Person behind the database user.
    pub end_user: Option<String>,
    /// `table` or `schema.table`.
    pub table: Option<String>,
    /// `column`, `table.column` or `schema.table.column`, of those that the policy names.
    pub column: Option<String>,
    /// Session id.
    pub session: Option<String>,
    /// Record type.
    pub kind: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// What was refused: statements and logins.
    pub refused: Refused,
    /// Text in the statement, without regard to case.
    pub text: Option<String>,
}

/// Whether only what was refused is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refused {
    /// Also what was not.
    #[default]
    Too,
    /// Only.
    Only,
}

impl Filter {
    /// By everything but type and time, which [`Range`] has looked at.
    pub(super) fn takes(&self, view: &View) -> bool {
        equal(&self.user, &view.user)
            && equal(&self.end_user, &view.end_user)
            && equal(&self.session, &view.session)
            && named(&self.table, view.tables.iter().map(String::as_str))
            && named(&self.column, view.columns.iter().map(|c| c.column.as_str()))
            && (self.refused == Refused::Too || is_refusal(view))
            && self
                .text
                .as_ref()
                .is_none_or(|text| contains(view.sql.as_deref(), text))
    }
}

/// A filter's type and times, as they stand at a line's beginning: most lines need not be read further.
#[derive(Debug)]
pub(super) struct Range {
    kind: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

impl Range {
    pub(super) fn of(filter: &Filter) -> Self {
        let text = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        Self {
            kind: filter.kind.clone(),
            since: filter.since.map(text),
            until: filter.until.map(text),
        }
    }

    /// Times are of one shape, so they compare as text.
    pub(super) fn takes(&self, stamp: &Stamp<'_>) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind == stamp.kind)
            && self
                .since
                .as_ref()
                .is_none_or(|since| stamp.ts >= since.as_str())
            && self
                .until
                .as_ref()
                .is_none_or(|until| stamp.ts < until.as_str())
    }
}

fn equal(asked: &Option<String>, is: &Option<String>) -> bool {
    asked.is_none() || asked == is
}

/// `patients` asks for `public.patients`, `patients.ssn` for `public.patients.ssn`.
fn named<'a>(asked: &Option<String>, mut names: impl Iterator<Item = &'a str>) -> bool {
    let Some(asked) = asked else {
        return true;
    };
    names.any(|name| {
        name.strip_suffix(asked.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

fn is_refusal(view: &View) -> bool {
    view.decision.as_deref() == Some("refused") || view.kind == "auth_failure"
}

fn contains(sql: Option<&str>, text: &str) -> bool {
    sql.is_some_and(|sql| sql.to_lowercase().contains(&text.to_lowercase()))
}
