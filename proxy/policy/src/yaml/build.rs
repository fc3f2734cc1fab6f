//! From parser events to the tree.
//!
//! The parser knows all of YAML 1.2; what this lets through is mappings with plain string keys, lists and
//! scalars. It must never follow an alias, and must never recurse deeper than [`MAX_DEPTH`].

use super::expand::expand;
use super::{Entry, MAX_BYTES, MAX_DEPTH, Node, Problem, Scalar, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use std::collections::HashMap;
use std::sync::Arc;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What building a tree yields.
pub(crate) struct Built {
    /// The document; `None` where the text is no YAML, or too large, or too deep.
    pub root: Option<Node>,
    /// What is wrong so far.
    pub problems: Vec<Problem>,
    /// Variables used: character offset of the scalar, name, value.
    pub used: Vec<(usize, String, String)>,
}

/// Builds the tree of one document.
pub(crate) fn build(file: &Arc<str>, text: &str, env: Env<'_>) -> Built {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        env,
        built: Built {
            root: None,
            problems: Vec::new(),
            used: Vec::new(),
        },
        file: Arc::clone(file),
    };
    if text.len() > MAX_BYTES {
        builder.problem(1, format!("longer than {MAX_BYTES} bytes"));
    } else if let Ok(root) = builder.document() {
        builder.built.root = Some(root);
    }
    builder.built
}

/// Building cannot go on; why is among the problems.
struct Stop;

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    env: Env<'a>,
    built: Built,
    file: Arc<str>,
}

impl<'a> Builder<'a> {
    fn problem(&mut self, line: usize, text: impl Into<String>) {
        self.built.problems.push(Problem {
            file: Arc::clone(&self.file),
            line: Some(line.max(1)),
            text: text.into(),
        });
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                self.not_yaml(&error);
                Err(Stop)
            }
            None => Err(Stop),
        }
    }

    fn not_yaml(&mut self, error: &ScanError) {
        let info = error.info();
        let hint = if info.contains("anchor") || info.contains("alias") {
            " (a value that begins with * or & wants quotes: \"*\")"
        } else {
            ""
        };
        self.problem(
            error.marker().line(),
            format!(
                "not YAML: {info} at column {}{hint}",
                error.marker().col() + 1
            ),
        );
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(_) if root.is_some() => {
                    self.problem(span.start.line(), "a second document: expected one");
                    return Err(Stop);
                }
                Event::DocumentStart(_) => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(root.unwrap_or(Node {
            line: 1,
            value: Value::Scalar(Scalar {
                raw: String::new(),
                text: String::new(),
                plain: true,
            }),
            span: 0..0,
        }))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        let line = span.start.line();
        let start = span.start.index();
        if depth > MAX_DEPTH {
            self.problem(line, format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(Stop);
        }
        let (value, end) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.no_decoration(line, anchor, tag.map(|t| t.to_string()));
                let plain = style == ScalarStyle::Plain;
                let scalar = self.scalar(text.into_owned(), plain, line, start);
                (Value::Scalar(scalar), span.end.index())
            }
            Event::SequenceStart(anchor, tag) => {
                self.no_decoration(line, anchor, tag.map(|t| t.to_string()));
                self.list(depth)?
            }
            Event::MappingStart(anchor, tag) => {
                self.no_decoration(line, anchor, tag.map(|t| t.to_string()));
                self.mapping(depth)?
            }
            Event::Alias(_) => {
                self.problem(
                    line,
                    "an alias: expected the value itself (a value that begins with * wants quotes: \"*\")",
                );
                return Err(Stop);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                self.problem(line, "not YAML: a value is missing");
                return Err(Stop);
            }
        };
        Ok(Node {
            line,
            value,
            span: start..end,
        })
    }

    fn no_decoration(&mut self, line: usize, anchor: usize, tag: Option<String>) {
        if anchor != 0 {
            self.problem(
                line,
                "an anchor: expected a value written out (a value that begins with & wants quotes)",
            );
        }
        if let Some(tag) = tag {
            self.problem(
                line,
                format!(
                    "tag {tag}: expected a value without one (a value that begins with ! wants quotes)"
                ),
            );
        }
    }

    fn scalar(&mut self, raw: String, plain: bool, line: usize, start: usize) -> Scalar {
        match expand(&raw, self.env) {
            Ok(expanded) => {
                for (name, value) in expanded.used {
                    self.built.used.push((start, name, value));
                }
                Scalar {
                    raw,
                    text: expanded.text,
                    plain,
                }
            }
            Err(why) => {
                self.problem(line, why);
                let text = raw.clone();
                Scalar { raw, text, plain }
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<(Value, usize), Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((Value::List(items), span.end.index()));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<(Value, usize), Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok((Value::Mapping(entries), span.end.index()));
            }
            let line = span.start.line();
            let key = self.key(event, line)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if let Some(first) = seen.get(&key) {
                let text = format!("key {key:?} a second time (the first is on line {first})");
                self.problem(line, text);
                continue;
            }
            seen.insert(key.clone(), line);
            entries.push(Entry { key, line, value });
        }
    }

    /// Keys are text as it stands: `${NAME}` is not expanded in them.
    fn key(&mut self, event: Event<'a>, line: usize) -> Result<String, Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.no_decoration(line, anchor, tag.map(|t| t.to_string()));
                if style == ScalarStyle::Plain && text == "<<" {
                    self.problem(line, "a merge key: expected the keys themselves");
                }
                Ok(text.into_owned())
            }
            Event::Alias(_) => {
                self.problem(
                    line,
                    "an alias as key: expected text (a key that begins with * wants quotes: \"*\")",
                );
                Err(Stop)
            }
            _ => {
                self.problem(line, "a list or mapping as key: expected text");
                Err(Stop)
            }
        }
    }
}
