//! One thing that `check` has to say: where, how bad, what, and the way out.

use hippocrypt_policy::Place;
use serde::Serialize;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Statements are refused, or a promise does not hold. Exit code 1.
    Error,
    /// Worth knowing.
    Warning,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file that it is about.
    pub file: String,
    /// The line in it, from 1; `None` where the file as a whole is meant.
    pub line: Option<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub text: String,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// An error at a place of the policy.
    pub fn error(place: &Place, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, &place.file, Some(place.line), text)
    }

    /// A warning at a place of the policy.
    pub fn warning(place: &Place, text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, &place.file, Some(place.line), text)
    }

    /// About a file as a whole.
    pub fn of_file(severity: Severity, file: &str, text: impl Into<String>) -> Self {
        Self::new(severity, file, None, text)
    }

    fn new(severity: Severity, file: &str, line: Option<usize>, text: impl Into<String>) -> Self {
        Self {
            file: file.to_string(),
            line,
            severity,
            text: text.into(),
            hint: None,
        }
    }

    /// With the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// By file and line.
    pub fn order(&self) -> (&str, Option<usize>, bool) {
        (&self.file, self.line, self.severity == Severity::Warning)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.text)?;
        match &self.hint {
            Some(hint) => write!(f, "\n    hint: {hint}"),
            None => Ok(()),
        }
    }
}
