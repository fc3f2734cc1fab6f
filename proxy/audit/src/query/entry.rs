//! A record as a reader sees it: the line itself, and the members that people ask about.

use super::Ending;
use serde::Deserialize;

/// A record that passed the filter.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line as it stands in the log.
    pub line: String,
    /// Its members.
    pub view: View,
    /// How it ended.
    pub ending: Ending,
}

/// The members of a record that people ask about; a type that lacks one has it empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct View {
    /// Sequence number.
    pub seq: u64,
    /// When.
    pub ts: String,
    /// The record's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Session.
    pub session: Option<String>,
    /// Number of the statement in its session.
    pub stmt: u64,
    /// Database user.
    pub user: Option<String>,
    /// The person behind it.
    pub end_user: Option<String>,
    /// Client's address.
    pub client: Option<String>,
    /// `application_name`
    pub app: Option<String>,
    /// Database.
    pub db: Option<String>,
    /// What kind of statement.
    #[serde(rename = "kind")]
    pub command: Option<String>,
    /// Its normalised text.
    pub sql: Option<String>,
    /// Relations.
    pub tables: Vec<String>,
    /// Protected columns.
    pub columns: Vec<Touched>,
    /// `forwarded`, `refused`
    pub decision: Option<String>,
    /// The rule that matched.
    pub rule: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What the client was told.
    pub sqlstate: Option<String>,
    /// What was done, of `policy`, `keys`, `admin`.
    pub action: Option<String>,
    /// To what.
    pub target: Option<String>,
    /// By whom.
    pub actor: Option<String>,
    /// In words.
    pub detail: Option<String>,
    /// Method, of `session_start`.
    pub auth: Option<String>,
    /// Program version, of `start`.
    pub version: Option<String>,
    /// Address, of `start`.
    pub listen: Option<String>,
    /// Bytes, of `recovery`.
    pub cut_bytes: Option<u64>,
}

/// A protected column of a statement.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Touched {
    /// `schema.table.column`
    pub column: String,
    /// `read`, `filter`, `write`
    #[serde(rename = "use")]
    pub usage: String,
    /// `clear`, `masked`, `refused`, `not`
    pub shown: String,
}

/// A statement's outcome.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// The line as it stands in the log.
    #[serde(skip)]
    pub line: String,
    /// Session.
    pub session: String,
    /// Number of the statement in it.
    pub stmt: u64,
    /// Rows returned or changed.
    pub rows: u64,
    /// Bytes of rows and copy data.
    pub bytes: u64,
    /// Milliseconds.
    pub ms: f64,
    /// The error.
    pub sqlstate: Option<String>,
}

impl View {
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

impl Outcome {
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut outcome: Self = serde_json::from_slice(line).ok()?;
        std::str::from_utf8(line)
            .ok()?
            .clone_into(&mut outcome.line);
        Some(outcome)
    }
}

impl Entry {
    /// Of a line that is no outcome.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let view = View::read(line)?;
        let forwarded = view.kind == "statement" && view.decision.as_deref() == Some("forwarded");
        Some(Self {
            line: std::str::from_utf8(line).ok()?.to_owned(),
            view,
            ending: if forwarded {
                Ending::Unknown
            } else {
                Ending::None
            },
        })
    }

    /// What its outcome is found by.
    pub(super) fn key(&self) -> (String, u64) {
        let session = self.view.session.clone().unwrap_or_default();
        (session, self.view.stmt)
    }

    /// The line with its outcome's line as one more member, `outcome`.
    pub fn json(&self) -> String {
        match (&self.ending, self.line.strip_suffix('}')) {
            (Ending::Known(outcome), Some(open)) => {
                format!("{open},\"outcome\":{}}}", outcome.line)
            }
            _ => self.line.clone(),
        }
    }
}
