//! Which records are asked for. All conditions must hold.

use super::{Ending, Entry, Touched, View};
use jiff::Timestamp;

/// See the module. The default takes everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Database user.
    pub user: Option<String>,
    /// Person behind the database user.
    pub end_user: Option<String>,
    /// Client's address, with or without its port.
    pub client: Option<String>,
    /// `application_name`
    pub app: Option<String>,
    /// Database.
    pub db: Option<String>,
    /// `table` or `schema.table`.
    pub table: Option<String>,
    /// `column`, `table.column` or `schema.table.column`, of those that the policy names.
    pub column: Option<String>,
    /// How a column was shown: `clear`, `masked`, `refused`, `not`; with `column`, that one.
    pub shown: Option<String>,
    /// Session id.
    pub session: Option<String>,
    /// Record type.
    pub kind: Option<String>,
    /// What kind of statement: `SELECT` …
    pub command: Option<String>,
    /// `forwarded`, `refused`
    pub decision: Option<String>,
    /// The rule of the policy that matched.
    pub rule: Option<String>,
    /// What the client was told, in place of the statement or at its end.
    pub sqlstate: Option<String>,
    /// At least so many rows returned or changed.
    pub min_rows: Option<u64>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// What was refused: statements and logins.
    pub refused: Refused,
    /// Text in the statement, without regard to case.
    pub text: Option<String>,
    /// Whose records, as `kind:pseudonym`: one of these; empty for anybody's.
    pub subjects: Vec<String>,
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
    /// By everything but type and time, which the sieve has looked at.
    pub(super) fn takes(&self, entry: &Entry) -> bool {
        let view = &entry.view;
        self.takes_who(view)
            && equal(&self.session, &view.session)
            && equal(&self.command, &view.command)
            && equal(&self.decision, &view.decision)
            && equal(&self.rule, &view.rule)
            && named(&self.table, view.tables.iter().map(String::as_str))
            && self.takes_columns(&view.columns)
            && (self.refused == Refused::Too || is_refusal(view))
            && self
                .text
                .as_ref()
                .is_none_or(|text| contains(view.sql.as_deref(), text))
            && self.takes_end(entry)
    }

    fn takes_who(&self, view: &View) -> bool {
        let client = |asked: &String| {
            let is = view.client.as_deref().unwrap_or_default();
            is == asked || is.rsplit_once(':').is_some_and(|(host, _)| host == asked)
        };
        equal(&self.user, &view.user)
            && equal(&self.end_user, &view.end_user)
            && equal(&self.app, &view.app)
            && equal(&self.db, &view.db)
            && self.client.as_ref().is_none_or(client)
    }

    /// A column that is asked for and how it was shown are of one and the same touch.
    fn takes_columns(&self, columns: &[Touched]) -> bool {
        let shown = |c: &&Touched| self.shown.as_ref().is_none_or(|shown| shown == &c.shown);
        let mut so_shown = columns.iter().filter(shown).peekable();
        (self.shown.is_none() || so_shown.peek().is_some())
            && named(&self.column, so_shown.map(|c| c.column.as_str()))
    }

    fn takes_end(&self, entry: &Entry) -> bool {
        let outcome = match &entry.ending {
            Ending::Known(outcome) => Some(outcome),
            Ending::None | Ending::Unknown => None,
        };
        let state = outcome.and_then(|o| o.sqlstate.as_ref());
        let told = |asked: &String| [entry.view.sqlstate.as_ref(), state].contains(&Some(asked));
        self.sqlstate.as_ref().is_none_or(told)
            && self
                .min_rows
                .is_none_or(|n| outcome.is_some_and(|o| o.rows >= n))
            && (self.subjects.is_empty() || entry.subjects().any(|is| self.subjects.contains(is)))
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
    names.any(|name| is_named(name, asked))
}

/// Whether the name is the one asked for, its front parts left out.
pub(super) fn is_named(name: &str, asked: &str) -> bool {
    name.strip_suffix(asked)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_refusal(view: &View) -> bool {
    view.decision.as_deref() == Some("refused") || view.kind == "auth_failure"
}

fn contains(sql: Option<&str>, text: &str) -> bool {
    sql.is_some_and(|sql| sql.to_lowercase().contains(&text.to_lowercase()))
}
