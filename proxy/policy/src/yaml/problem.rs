//! What is wrong with a file: every problem of one reading, in the order of its lines.
//!
//! A problem's text quotes what stands in the file. It must never quote what an environment variable
//! expanded to: that may be a password.

use std::fmt;
use std::sync::Arc;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// The line, from 1; `None` where the file as a whole is meant.
    pub line: Option<usize>,
    /// What is wrong and what was expected.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.text),
            None => write!(f, "{}: {}", self.file, self.text),
        }
    }
}

/// Everything that is wrong, at least one problem; `Display` is one `file:line: text` per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// A single problem with a whole file.
    pub fn of_file(file: &str, text: impl Into<String>) -> Self {
        Self(vec![Problem {
            file: Arc::from(file),
            line: None,
            text: text.into(),
        }])
    }

    /// The problems, each file's in the order of its lines; `None` where there are none.
    pub fn from_list(mut list: Vec<Problem>) -> Option<Self> {
        list.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        (!list.is_empty()).then_some(Self(list))
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Out of the list.
    pub fn into_list(self) -> Vec<Problem> {
        self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
