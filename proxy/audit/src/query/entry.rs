//! A record as a reader sees it: the line itself, and the members that people ask about.

use super::Ending;
use super::join::Slot;
use serde::Deserialize;

/// A record that passed the filter.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The line as it stands in the log.
    pub line: String,
    /// Its members.
    pub view: View,
    /// How it ended.
    pub ending: Ending,
    /// Its `subjects` records as they stand in the log.
    pub subjects_lines: Vec<String>,
    /// Whose records they name.
    pub more_subjects: Vec<String>,
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
    /// Which proxy.
    pub node: Option<String>,
    /// Session.
    pub session: Option<String>,
    /// Number of the statement in its session.
    pub stmt: u64,
    /// PID of the server's process.
    pub backend_pid: Option<i64>,
    /// Database user.
    pub user: Option<String>,
    /// The person behind it.
    pub end_user: Option<String>,
    /// Where that name came from: `token`, `setting`, `comment`, `application_name`.
    pub end_user_source: Option<String>,
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
    /// Equal for statements that differ in constants only.
    pub fingerprint: Option<String>,
    /// Relations.
    pub tables: Vec<String>,
    /// Protected columns.
    pub columns: Vec<Touched>,
    /// `forwarded`, `refused`
    pub decision: Option<String>,
    /// The rule that matched.
    pub rule: Option<String>,
    /// Hash of the policy in force.
    pub policy: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where that came from.
    pub reason_source: Option<String>,
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
    /// Number of the first record kept, of `retention`.
    pub first_kept: Option<u64>,
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
    /// Cells opened.
    pub opened: Vec<OpenedCells>,
    /// Whose records, those of `subjects` records left out.
    pub subjects: Vec<String>,
    /// `all`, `more`, `unknown`; none where no table of the statement has a subject.
    pub subjects_state: Option<String>,
}

/// Cells opened of a column.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OpenedCells {
    /// `schema.table.column`; `*` where several are summed up.
    pub column: String,
    /// How many.
    pub cells: u64,
}

impl Outcome {
    fn read(line: Vec<u8>) -> Option<Self> {
        let mut outcome: Self = serde_json::from_slice(&line).ok()?;
        outcome.line = String::from_utf8(line).ok()?;
        Some(outcome)
    }
}

/// A `subjects` record, as far as it is read.
#[derive(Debug, Deserialize)]
struct MoreSubjects {
    subjects: Vec<String>,
}

impl Entry {
    /// Of a line that is no outcome, and what came after it.
    pub(super) fn read(slot: Slot) -> Option<Self> {
        let view: View = serde_json::from_slice(&slot.line).ok()?;
        let ending = match slot.outcome {
            Some(line) => Ending::Known(Outcome::read(line)?),
            None if view.kind == "statement" && view.decision.as_deref() == Some("forwarded") => {
                Ending::Unknown
            }
            None => Ending::None,
        };
        let mut more_subjects = Vec::new();
        let mut subjects_lines = Vec::new();
        for line in slot.subjects {
            let more: MoreSubjects = serde_json::from_slice(&line).ok()?;
            more_subjects.extend(more.subjects);
            subjects_lines.push(String::from_utf8(line).ok()?);
        }
        Some(Self {
            line: String::from_utf8(slot.line).ok()?,
            view,
            ending,
            subjects_lines,
            more_subjects,
        })
    }

    /// The record's hash, which names it among all records of all logs.
    pub fn hash(&self) -> &str {
        let end = self.line.len().saturating_sub(2);
        self.line
            .get(end.saturating_sub(64)..end)
            .unwrap_or_default()
    }

    /// Its outcome, where there is one.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.ending {
            Ending::Known(outcome) => Some(outcome),
            Ending::None | Ending::Unknown => None,
        }
    }

    /// Whose records it returned or wrote, as far as that is on record.
    pub fn subjects(&self) -> impl Iterator<Item = &String> {
        let own = self.outcome().map_or(&[][..], |o| &o.subjects);
        own.iter().chain(&self.more_subjects)
    }

    /// The line with its outcome's line as one more member, `outcome`, and those of its `subjects` records as another.
    pub fn json(&self) -> String {
        let Some(open) = self.line.strip_suffix('}') else {
            return self.line.clone();
        };
        let mut out = open.to_owned();
        if !self.subjects_lines.is_empty() {
            out.push_str(",\"subjects_records\":[");
            out.push_str(&self.subjects_lines.join(","));
            out.push(']');
        }
        if let Some(outcome) = self.outcome() {
            out.push_str(",\"outcome\":");
            out.push_str(&outcome.line);
        }
        out.push('}');
        out
    }
}
