//! COPY's options, old and new syntax: copy.c, ProcessCopyOptions.
//!
//! An option that is not known here never goes on: it could change how rows are written.

use crate::plan::refuse::{Judged, refusal, unsupported};
use crate::verdict::{CopyForm, CopyHeader, Refusal};
use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, Node};
use std::sync::Arc;

/// The options of one COPY.
pub(super) struct Options {
    pub(super) form: CopyForm,
    pub(super) header: CopyHeader,
    pub(super) force_quote: Columns,
    pub(super) force_not_null: Columns,
    pub(super) force_null: Columns,
}

/// The columns that an option names.
#[derive(Default)]
pub(super) enum Columns {
    #[default]
    None,
    All,
    Listed(Vec<String>),
}

impl Columns {
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Listed(names) => names.iter().any(|n| n == name),
        }
    }

    pub(super) fn has_all(&self) -> bool {
        matches!(self, Self::All)
    }

    fn given(&self) -> bool {
        !matches!(self, Self::None)
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Text,
    Csv,
    Binary,
}

/// Options as they were written.
#[derive(Default)]
struct Written {
    format: Format,
    delimiter: Option<String>,
    null: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    header: Option<CopyHeader>,
    force_quote: Columns,
    force_not_null: Columns,
    force_null: Columns,
}

impl Options {
    /// Of a CopyStmt's list.
    pub(super) fn read(list: &[Node], is_from: bool) -> Judged<Self> {
        let mut written = Written::default();
        let mut seen: Vec<&str> = Vec::with_capacity(list.len());
        for node in list {
            let Some(NodeEnum::DefElem(option)) = &node.node else {
                return Err(crate::plan::refuse::malformed("COPY"));
            };
            if seen.contains(&option.defname.as_str()) {
                let message = "conflicting or redundant options";
                return Err(refusal("42601", message.into(), option.location));
            }
            seen.push(&option.defname);
            written.take(option, is_from)?;
        }
        written.conflicts(is_from).map_or(Ok(()), Err)?;
        written.checked()
    }
}

impl Written {
    fn take(&mut self, option: &DefElem, is_from: bool) -> Judged<()> {
        let name = option.defname.as_str();
        match name {
            "format" => {
                self.format = match string(option)?.as_str() {
                    "text" => Format::Text,
                    "csv" => Format::Csv,
                    "binary" => Format::Binary,
                    _ => return Err(wrong(option, "22023", "COPY format not recognized")),
                };
            }
            // it says how the server should freeze rows, and nothing of their form
            "freeze" => drop(boolean(option)?),
            "delimiter" => self.delimiter = Some(string(option)?),
            "null" => self.null = Some(string(option)?),
            "quote" => self.quote = Some(string(option)?),
            "escape" => self.escape = Some(string(option)?),
            "header" => self.header = Some(header(option, is_from)?),
            "force_quote" => self.force_quote = columns(option)?,
            "force_not_null" => self.force_not_null = columns(option)?,
            "force_null" => self.force_null = columns(option)?,
            "encoding" => encoding(option)?,
            "default" | "on_error" | "log_verbosity" | "reject_limit" => {
                let what = format!("COPY with the option {}", name.to_ascii_uppercase());
                return Err(unsupported(&what, option.location));
            }
            _ => {
                let message = format!("option \"{name}\" not recognized");
                return Err(refusal("42601", message, option.location));
            }
        }
        Ok(())
    }

    /// What ProcessCopyOptions refuses, in its order.
    fn conflicts(&self, is_from: bool) -> Option<Box<Refusal>> {
        let (csv, binary) = (self.format == Format::Csv, self.format == Format::Binary);
        let delimiter = self.delimiter.as_deref();
        let null = self.null.as_deref().unwrap_or_default();
        let line_end = |text: &str| text.contains(['\r', '\n']);
        let single = |text: Option<&str>| text.is_none_or(|t| t.len() == 1);
        let special = "\\.abcdefghijklmnopqrstuvwxyz0123456789";
        let separator = self.separator();
        let quote = self.quote.as_deref().unwrap_or("\"");
        let rules: [(bool, &'static str, &str); 19] = [
            (
                binary && delimiter.is_some(),
                "42601",
                "cannot specify DELIMITER in BINARY mode",
            ),
            (
                binary && self.null.is_some(),
                "42601",
                "cannot specify NULL in BINARY mode",
            ),
            (
                !single(delimiter),
                "0A000",
                "COPY delimiter must be a single one-byte character",
            ),
            (
                line_end(separator),
                "22023",
                "COPY delimiter cannot be newline or carriage return",
            ),
            (
                line_end(null),
                "22023",
                "COPY null representation cannot use newline or carriage return",
            ),
            (
                !csv && special.contains(separator),
                "22023",
                "COPY delimiter cannot be this character",
            ),
            (
                binary && self.header.is_some_and(|h| h != CopyHeader::None),
                "0A000",
                "cannot specify HEADER in BINARY mode",
            ),
            (
                !csv && self.quote.is_some(),
                "0A000",
                "COPY quote available only in CSV mode",
            ),
            (
                !single(self.quote.as_deref()),
                "0A000",
                "COPY quote must be a single one-byte character",
            ),
            (
                csv && separator == quote,
                "22023",
                "COPY delimiter and quote must be different",
            ),
            (
                !csv && self.escape.is_some(),
                "0A000",
                "COPY escape available only in CSV mode",
            ),
            (
                !single(self.escape.as_deref()),
                "0A000",
                "COPY escape must be a single one-byte character",
            ),
            (
                !csv && self.force_quote.given(),
                "0A000",
                "COPY force quote available only in CSV mode",
            ),
            (
                is_from && self.force_quote.given(),
                "0A000",
                "COPY force quote only available using COPY TO",
            ),
            (
                !csv && self.force_not_null.given(),
                "0A000",
                "COPY force not null available only in CSV mode",
            ),
            (
                !is_from && self.force_not_null.given(),
                "0A000",
                "COPY force not null only available using COPY FROM",
            ),
            (
                !csv && self.force_null.given(),
                "0A000",
                "COPY force null available only in CSV mode",
            ),
            (
                !is_from && self.force_null.given(),
                "0A000",
                "COPY force null only available using COPY FROM",
            ),
            (
                !binary && null.contains(separator),
                "0A000",
                "COPY delimiter must not appear in the NULL specification",
            ),
        ];
        let broken = rules.iter().find(|(broken, _, _)| *broken);
        if let Some((_, sqlstate, message)) = broken {
            return Some(refusal(sqlstate, (*message).into(), -1));
        }
        (csv && null.contains(quote)).then(|| {
            let message = "CSV quote character must not appear in the NULL specification";
            refusal("0A000", message.into(), -1)
        })
    }

    fn separator(&self) -> &str {
        let usual = match self.format {
            Format::Csv => ",",
            Format::Text | Format::Binary => "\t",
        };
        self.delimiter.as_deref().unwrap_or(usual)
    }

    fn checked(self) -> Judged<Options> {
        let bad = || crate::plan::refuse::malformed("COPY");
        let first = |text: &str| text.bytes().next().ok_or_else(bad);
        let delimiter = first(self.separator())?;
        let null = |usual: &str| Arc::from(self.null.as_deref().unwrap_or(usual));
        let form = match self.format {
            Format::Binary => CopyForm::Binary,
            Format::Text => CopyForm::Text {
                delimiter,
                null: null("\\N"),
            },
            Format::Csv => {
                let quote = first(self.quote.as_deref().unwrap_or("\""))?;
                CopyForm::Csv {
                    delimiter,
                    null: null(""),
                    quote,
                    escape: self.escape.as_deref().map_or(Ok(quote), first)?,
                }
            }
        };
        Ok(Options {
            form,
            header: self.header.unwrap_or(CopyHeader::None),
            force_quote: self.force_quote,
            force_not_null: self.force_not_null,
            force_null: self.force_null,
        })
    }
}

fn wrong(option: &DefElem, sqlstate: &'static str, message: &str) -> Box<Refusal> {
    refusal(sqlstate, message.to_owned(), option.location)
}

fn arg(option: &DefElem) -> Option<&NodeEnum> {
    option.arg.as_deref().and_then(|n| n.node.as_ref())
}

/// define.c, defGetString; the kinds of value that COPY's grammar makes.
fn string(option: &DefElem) -> Judged<String> {
    match arg(option) {
        Some(NodeEnum::String(s)) => Ok(s.sval.clone()),
        Some(NodeEnum::Integer(i)) => Ok(i.ival.to_string()),
        Some(NodeEnum::Float(f)) => Ok(f.fval.clone()),
        Some(NodeEnum::Boolean(b)) => Ok(b.boolval.to_string()),
        _ => {
            let message = format!("{} requires a parameter", option.defname);
            Err(wrong(option, "42601", &message))
        }
    }
}

/// define.c, defGetBoolean.
fn boolean(option: &DefElem) -> Judged<bool> {
    if option.arg.is_none() {
        return Ok(true);
    }
    match string(option)?.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" => Ok(true),
        "0" | "false" | "off" => Ok(false),
        _ => {
            let message = format!("{} requires a Boolean value", option.defname);
            Err(wrong(option, "42601", &message))
        }
    }
}

/// copy.c, defGetCopyHeaderChoice.
fn header(option: &DefElem, is_from: bool) -> Judged<CopyHeader> {
    let is_match = option.arg.is_some() && string(option)?.eq_ignore_ascii_case("match");
    match (is_match, is_from) {
        (true, true) => Ok(CopyHeader::Match),
        (true, false) => {
            let message = "cannot use \"match\" with HEADER in COPY TO";
            Err(wrong(option, "0A000", message))
        }
        (false, _) => Ok(match boolean(option)? {
            true => CopyHeader::Any,
            false => CopyHeader::None,
        }),
    }
}

fn columns(option: &DefElem) -> Judged<Columns> {
    let bad = || {
        let name = &option.defname;
        let message = format!("argument to option \"{name}\" must be a list of column names");
        wrong(option, "22023", &message)
    };
    match arg(option) {
        Some(NodeEnum::AStar(_)) => Ok(Columns::All),
        Some(NodeEnum::List(list)) => {
            let name = |node: &Node| match &node.node {
                Some(NodeEnum::String(s)) => Some(s.sval.clone()),
                _ => None,
            };
            let names: Option<Vec<_>> = list.items.iter().map(name).collect();
            names.map(Columns::Listed).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

/// encnames.c: letters and digits count, their case does not.
fn encoding(option: &DefElem) -> Judged<()> {
    let name = string(option)?;
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match plain.as_str() {
        "utf8" | "unicode" => Ok(()),
        _ => Err(unsupported(
            "COPY in an encoding other than UTF8",
            option.location,
        )),
    }
}
