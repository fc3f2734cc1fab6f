//! Reading typed values out of a tree, collecting every problem instead of stopping at the first.
//!
//! A method that returns `None` has reported why. A reader must never report a value as read that it
//! had a problem with.

use super::build::build;
use super::{Entry, Node, Problem, Problems, Scalar, Value};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::sync::Arc;

/// A file being read.
pub struct Reader {
    file: Arc<str>,
    text: String,
    used: Vec<(usize, String, String)>,
    problems: RefCell<Vec<Problem>>,
}

/// The keys that one kind of mapping may have.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Where it stands, for messages: `listen.tls`.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [&'static str],
}

/// A mapping whose keys are all known.
pub struct Map<'r> {
    reader: &'r Reader,
    section: Section,
    line: usize,
    entries: &'r [Entry],
}

impl Reader {
    /// Builds the tree; `None` for the root where there is none to read.
    pub fn parse(
        file: &str,
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> (Self, Option<Node>) {
        let file = Arc::from(file);
        let built = build(&file, text, env);
        let reader = Self {
            file,
            text: text.to_string(),
            used: built.used,
            problems: RefCell::new(built.problems),
        };
        (reader, built.root)
    }

    /// The file as the user named it.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Notes a problem on a line.
    pub fn problem(&self, line: usize, text: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            file: Arc::clone(&self.file),
            line: Some(line),
            text: text.into(),
        });
    }

    /// Notes the problems of another file that belongs to this one.
    pub fn include(&self, others: Problems) {
        self.problems.borrow_mut().extend(others.into_list());
    }

    /// The value, if nothing was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Problems> {
        match (Problems::from_list(self.problems.into_inner()), value) {
            (None, Some(value)) => Ok(value),
            (Some(problems), _) => Err(problems),
            (None, None) => Err(Problems::of_file(
                &self.file,
                "could not be read (no reason was noted: a defect of hippocrypt)",
            )),
        }
    }

    /// A mapping with these keys and no others.
    pub fn map<'r>(&'r self, node: &'r Node, section: Section) -> Option<Map<'r>> {
        let Value::Mapping(entries) = &node.value else {
            self.problem(
                node.line,
                format!(
                    "{}: expected a mapping with {}, found {}",
                    section.name,
                    alternatives(section.keys, "and"),
                    node.describe()
                ),
            );
            return None;
        };
        for entry in entries {
            if !section.keys.contains(&entry.key.as_str()) {
                self.unknown_key(entry, section);
            }
        }
        Some(Map {
            reader: self,
            section,
            line: node.line,
            entries,
        })
    }

    fn unknown_key(&self, entry: &Entry, section: Section) {
        let way_out = match nearest(&entry.key, section.keys) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("expected {}", alternatives(section.keys, "or")),
        };
        self.problem(
            entry.line,
            format!("{}: unknown key {:?}; {way_out}", section.name, entry.key),
        );
    }

    /// The entries of a mapping whose keys are names that the user chose.
    pub fn entries<'r>(&'r self, node: &'r Node, what: &str, of: &str) -> Option<&'r [Entry]> {
        match &node.value {
            Value::Mapping(entries) => Some(entries),
            _ => {
                self.problem(
                    node.line,
                    format!(
                        "{what}: expected a mapping of {of}, found {}",
                        node.describe()
                    ),
                );
                None
            }
        }
    }

    /// The items of a list.
    pub fn list<'r>(&'r self, node: &'r Node, what: &str, of: &str) -> Option<&'r [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.problem(
                    node.line,
                    format!(
                        "{what}: expected a list of {of}, [a, b], found {}",
                        node.describe()
                    ),
                );
                None
            }
        }
    }

    /// A scalar that is not nothing.
    pub fn scalar<'r>(&'r self, node: &'r Node, what: &str, expected: &str) -> Option<&'r Scalar> {
        match &node.value {
            Value::Scalar(scalar) if !scalar.is_nothing() => Some(scalar),
            _ => {
                self.problem(
                    node.line,
                    format!("{what}: expected {expected}, found {}", node.describe()),
                );
                None
            }
        }
    }

    /// A scalar that `parse` takes.
    pub fn parsed<T>(
        &self,
        node: &Node,
        what: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let scalar = self.scalar(node, what, expected)?;
        let parsed = parse(&scalar.text);
        if parsed.is_none() {
            self.problem(
                node.line,
                format!("{what}: expected {expected}, found {}", node.describe()),
            );
        }
        parsed
    }

    /// One of these words.
    pub fn choice<T: Copy>(&self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let expected = alternatives(&names, "or");
        let scalar = self.scalar(node, what, &expected)?;
        let found = words.iter().find(|(name, _)| *name == scalar.text);
        if found.is_none() {
            let near = nearest(&scalar.raw, &names)
                .map(|near| format!("; did you mean {near:?}?"))
                .unwrap_or_default();
            self.problem(
                node.line,
                format!(
                    "{what}: expected {expected}, found {}{near}",
                    node.describe()
                ),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// SHA-256, hex, of the node's own text, and of the environment variables that it used, if any: `NAME=value`
    /// lines after a line feed. For a file that uses none it is what `sha256sum` prints.
    pub fn fingerprint(&self, node: Option<&Node>) -> Arc<str> {
        let mut hash = Sha256::new();
        match node {
            None => hash.update(self.text.as_bytes()),
            Some(node) => {
                let text: String = self
                    .text
                    .chars()
                    .skip(node.span.start)
                    .take(node.span.len())
                    .collect();
                hash.update(text.trim_end().as_bytes());
            }
        }
        for (at, name, value) in &self.used {
            if node.is_none_or(|node| node.span.contains(at)) {
                hash.update(format!("\n{name}={value}").as_bytes());
            }
        }
        let hex: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Arc::from(hex)
    }
}

impl<'r> Map<'r> {
    /// The value of a key, where the file has one. `key:` with nothing after it counts as a value.
    pub fn get(&self, key: &str) -> Option<&'r Node> {
        debug_assert!(self.section.keys.contains(&key), "{key} is no known key");
        self.entries.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// The value of a key that must be there.
    pub fn require(&self, key: &str) -> Option<&'r Node> {
        let found = self.get(key);
        if found.is_none() {
            self.reader.problem(
                self.line,
                format!("{}: {key} is missing", self.section.name),
            );
        }
        found
    }

    /// Line the mapping begins on.
    pub fn line(&self) -> usize {
        self.line
    }
}

/// The candidate that a misspelt word most likely meant.
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .iter()
        .map(|c| (strsim::osa_distance(&word.to_lowercase(), c), *c))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `a, b or c`
fn alternatives(words: &[&str], last: &str) -> String {
    match words {
        [] => "nothing".to_string(),
        [one] => (*one).to_string(),
        [front @ .., end] => format!("{} {last} {end}", front.join(", ")),
    }
}
