//! A question: which report, over which records.

use hippocrypt_audit::query::Filter;
use hippocrypt_audit::verify::Known;
use jiff::{SignedDuration, Timestamp};

/// The reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Access history of one patient: an accounting of disclosures.
    Patient,
    /// What one user did.
    User,
    /// Statements that returned or changed much.
    Bulk,
    /// What was refused and what failed.
    Refused,
    /// Dormant, woken, shared accounts; statements without a person.
    Accounts,
    /// Emergency access.
    BreakGlass,
    /// Access out of each person's own pattern.
    Pattern,
    /// Changes to policy, keys, logging, grants.
    Changes,
    /// What a breach reached.
    Breach,
    /// Whether the log is whole.
    Integrity,
    /// What rows held before and after they were changed: [`crate::rows`] makes it, of a database and the log.
    Rows,
}

impl Name {
    /// Those of the log alone, in the order of docs/audit.md.
    pub const ALL: [Self; 10] = [
        Self::Patient,
        Self::User,
        Self::Bulk,
        Self::Refused,
        Self::Accounts,
        Self::BreakGlass,
        Self::Pattern,
        Self::Changes,
        Self::Breach,
        Self::Integrity,
    ];

    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::Bulk => "bulk",
            Self::Refused => "refused",
            Self::Accounts => "accounts",
            Self::BreakGlass => "break-glass",
            Self::Pattern => "pattern",
            Self::Changes => "changes",
            Self::Breach => "breach",
            Self::Integrity => "integrity",
            Self::Rows => "rows",
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Patient => "Patient access history",
            Self::User => "User activity",
            Self::Bulk => "Bulk reads and exports",
            Self::Refused => "Refused and failed",
            Self::Accounts => "Dormant and unattributed accounts",
            Self::BreakGlass => "Break-glass access",
            Self::Pattern => "Access out of pattern",
            Self::Changes => "Changes to policy, keys and logging",
            Self::Breach => "Breach scope",
            Self::Integrity => "Integrity of the log",
            Self::Rows => "Changes of rows",
        }
    }

    /// What it answers.
    pub fn question(self) -> &'static str {
        match self {
            Self::Patient => {
                "Who saw or changed this patient's records, when, from where, in clear or masked, and why?"
            }
            Self::User => {
                "What did this user do: which tables, which protected columns, whose records, when?"
            }
            Self::Bulk => {
                "Which statements returned or changed unusually many rows or patients, or were exports?"
            }
            Self::Refused => "Which statements and logins were refused, and which failed?",
            Self::Accounts => {
                "Which accounts are dormant, came back after a long silence, or are shared, and which statements have no person?"
            }
            Self::BreakGlass => "Who used emergency access, why, and what was read under it?",
            Self::Pattern => {
                "Who worked at other hours, on other tables, from other places or in other volumes than they themselves did before?"
            }
            Self::Changes => {
                "Who changed policy, keys, logging, grants or tables, and which policy was in force when?"
            }
            Self::Breach => {
                "If these credentials were in wrong hands: whose records and which data could be obtained, and in clear, masked or not at all?"
            }
            Self::Integrity => "Is the log complete and unaltered, and where was it silent?",
            Self::Rows => {
                "Who changed these rows, when, from what to what, why, and did any change go around the proxy?"
            }
        }
    }
}

/// A question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which report.
    pub name: Name,
    /// Over which records.
    pub filter: Filter,
    /// The same in words, for the heading: what was typed.
    pub asked: Vec<(String, String)>,
    /// `bulk`: so many rows or patients are much.
    pub bulk: u64,
    /// `accounts`: silence that makes an account dormant.
    pub dormant: SignedDuration,
    /// `pattern`: how long before the period a person's own history begins.
    pub history: SignedDuration,
    /// Rows that a list keeps; the rest is counted.
    pub limit: usize,
    /// Whether the log is verified, and held to what is known from elsewhere; `None`: it is not.
    pub held_to: Option<Known>,
    /// When the question was asked.
    pub now: Timestamp,
}

impl Ask {
    /// With the numbers that docs/audit.md names, over everything.
    pub fn new(name: Name, now: Timestamp) -> Self {
        Self {
            name,
            filter: Filter::default(),
            asked: Vec::new(),
            bulk: 1000,
            dormant: SignedDuration::from_hours(30 * 24),
            history: SignedDuration::from_hours(30 * 24),
            limit: 1000,
            held_to: Some(Known::default()),
            now,
        }
    }

    /// What is missing or too much, in words.
    ///
    /// # Errors
    /// The report cannot be made of this.
    pub fn check(&self) -> Result<(), &'static str> {
        let filter = &self.filter;
        match self.name {
            Name::Patient if filter.subjects.is_empty() => Err("report patient needs --subject"),
            Name::User if filter.user.is_none() && filter.end_user.is_none() => {
                Err("report user needs --user or --end-user")
            }
            Name::Integrity
                if !self.asked.is_empty() || filter.since.is_some() || filter.until.is_some() =>
            {
                Err("report integrity is of the whole log and takes no filter")
            }
            _ if filter.kind.is_some() => Err("a report takes no --type"),
            _ => Ok(()),
        }
    }
}
