//! Whose records a statement concerns: the people that its rows, parameters and constants name, each once, as the
//! pseudonyms that go into the audit log.
//!
//! It must never give out what a pseudonym stands for, nor call all told what it could not read.

mod text;

use crate::protect::describe::format_of;
use crate::protect::{Settings, Vault};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hippocrypt_audit::{Outcome, SubjectsState};
use hippocrypt_crypto::Pseudonyms;
use hippocrypt_sql::verdict::{At, Literal, Source, Subjects};
use hippocrypt_wire::Format;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use text::{Value, elements, value};
use zeroize::Zeroizing;

/// A record of subjects has at most so many.
const RECORD_MAX: usize = 1000;

/// A client's parameter.
#[derive(Clone, Copy)]
pub struct Parameter<'a> {
    /// OID of its type, 0 where it is not known.
    pub oid: u32,
    /// How it is written.
    pub format: Format,
    /// `None` for NULL.
    pub bytes: Option<&'a [u8]>,
}

/// Whom the parameters of a portal name.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    named: Vec<Arc<str>>,
    /// One of them could not be read.
    unread: bool,
}

/// The people whom a statement that runs concerns.
pub struct Whose {
    subjects: Arc<Subjects>,
    makers: Makers,
    seen: HashSet<Tag>,
    max: usize,
    state: SubjectsState,
    /// For the outcome.
    kept: Vec<Arc<str>>,
    /// Bytes that `kept` takes there.
    kept_bytes: usize,
    /// For records before the outcome.
    waiting: Vec<Arc<str>>,
}

/// What tells one pseudonym from another: its synthetic IV and its kind.
type Tag = (u8, [u8; 16]);

/// Makes pseudonyms of the kinds that a statement has.
struct Makers {
    kinds: Vec<(Arc<str>, Pseudonyms)>,
    text: Zeroizing<Vec<u8>>,
    pseudonym: Vec<u8>,
}

impl Makers {
    fn of(subjects: &Subjects, vault: &Vault) -> Self {
        let mut kinds: Vec<(Arc<str>, Pseudonyms)> = Vec::new();
        for source in &subjects.sources {
            if kinds.iter().all(|(kind, _)| *kind != source.kind) {
                let maker = vault.subjects().pseudonyms(&source.kind);
                kinds.push((Arc::clone(&source.kind), maker));
            }
        }
        Self {
            kinds,
            text: Zeroizing::new(Vec::new()),
            pseudonym: Vec::new(),
        }
    }

    /// Makes the pseudonym of what `text` holds; its tag.
    fn make(&mut self, kind: &str) -> Option<Tag> {
        let place = self.kinds.iter().position(|(known, _)| **known == *kind)?;
        let (_, maker) = self.kinds.get_mut(place)?;
        maker.write(&self.text, &mut self.pseudonym);
        let tag = self.pseudonym.get(1..17)?.first_chunk::<16>()?;
        Some((u8::try_from(place).unwrap_or(u8::MAX), *tag))
    }

    fn written(&self, kind: &str) -> Arc<str> {
        let text = URL_SAFE_NO_PAD.encode(&self.pseudonym);
        Arc::from(format!("{kind}:{text}"))
    }
}

impl Whose {
    /// Of a statement; `max` is how many are told apart at most.
    pub fn new(
        subjects: &Arc<Subjects>,
        asked: Option<&Asked>,
        vault: &Vault,
        settings: &Settings,
        max: usize,
    ) -> Self {
        let told = subjects.told && max > 0;
        let mut whose = Self {
            makers: Makers::of(subjects, vault),
            subjects: Arc::clone(subjects),
            seen: HashSet::new(),
            max,
            state: match told {
                true => SubjectsState::All,
                false => SubjectsState::Unknown,
            },
            kept: Vec::new(),
            kept_bytes: 0,
            waiting: Vec::new(),
        };
        if max > 0 {
            whose.by_constants(vault, settings);
            whose.by_parameters(asked);
        }
        whose
    }

    fn by_constants(&mut self, vault: &Vault, settings: &Settings) {
        let subjects = Arc::clone(&self.subjects);
        for source in &subjects.sources {
            let reading = Reading {
                source,
                vault,
                settings,
            };
            let read = match &source.at {
                At::Literal(literal) => reading.constant(literal, &mut self.makers.text, false),
                At::Array(literal) => reading.constant(literal, &mut self.makers.text, true),
                At::Row(_) | At::Parameter { .. } => continue,
            };
            match read {
                Some(texts) => texts.iter().for_each(|text| self.add(&source.kind, text)),
                None => self.unread(),
            }
        }
    }

    fn by_parameters(&mut self, asked: Option<&Asked>) {
        let wants = |s: &Source| matches!(s.at, At::Parameter { .. });
        match asked {
            Some(asked) => {
                if asked.unread {
                    self.unread();
                }
                for named in &asked.named {
                    self.add_named(named);
                }
            }
            None if self.subjects.sources.iter().any(wants) => self.unread(),
            None => {}
        }
    }

    /// Takes a row as the server has sent it.
    pub fn row<'v>(
        &mut self,
        vault: &Vault,
        formats: &[i16],
        values: impl Iterator<Item = Option<&'v [u8]>>,
    ) {
        for (ix, bytes) in values.enumerate() {
            let Some(bytes) = bytes.filter(|_| self.wants(ix)) else {
                continue;
            };
            match format_of(formats, ix).and_then(Format::from_code) {
                Some(format) => self.sent(ix, format, bytes, vault),
                None => self.unread(),
            }
        }
    }

    /// Whether the column of the rows, or the field of a COPY, says whose they are.
    pub fn wants(&self, column: usize) -> bool {
        let is_it = |s: &Source| s.at == At::Row(column);
        self.max > 0 && self.subjects.sources.iter().any(is_it)
    }

    /// Takes a value of that column, as the server has sent it.
    pub fn sent(&mut self, column: usize, format: Format, bytes: &[u8], vault: &Vault) {
        let subjects = Arc::clone(&self.subjects);
        let own = |s: &&Source| s.at == At::Row(column);
        for source in subjects.sources.iter().filter(own) {
            match text::of_row(source.form, vault, format, bytes, &mut self.makers.text) {
                Some(()) => self.add_text(&source.kind),
                None => self.unread(),
            }
        }
    }

    /// Takes a value of that column, as a client has given it.
    pub fn given(
        &mut self,
        column: usize,
        format: Format,
        bytes: &[u8],
        vault: &Vault,
        settings: &Settings,
    ) {
        let subjects = Arc::clone(&self.subjects);
        let own = |s: &&Source| s.at == At::Row(column);
        for source in subjects.sources.iter().filter(own) {
            let given = text::Value {
                oid: 0,
                format,
                bytes,
            };
            match text::value(source.form, given, vault, settings) {
                Some(text) => self.add(&source.kind, &text),
                None => self.unread(),
            }
        }
    }

    fn unread(&mut self) {
        self.state = SubjectsState::Unknown;
    }

    fn add(&mut self, kind: &str, text: &[u8]) {
        self.makers.text.clear();
        self.makers.text.extend_from_slice(text);
        self.add_text(kind);
    }

    /// What is in the makers' `text`.
    fn add_text(&mut self, kind: &str) {
        let Some(tag) = self.makers.make(kind) else {
            return;
        };
        if self.is_new(tag) {
            let written = self.makers.written(kind);
            self.keep(written);
        }
    }

    /// One that was made at Bind.
    fn add_named(&mut self, named: &Arc<str>) {
        let Some((kind, text)) = named.split_once(':') else {
            return;
        };
        let place = self.makers.kinds.iter().position(|(k, _)| **k == *kind);
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let tag = bytes.get(1..17).and_then(<[u8]>::first_chunk::<16>);
        if let (Some(place), Some(tag)) = (place, tag)
            && self.is_new((u8::try_from(place).unwrap_or(u8::MAX), *tag))
        {
            self.keep(Arc::clone(named));
        }
    }

    fn is_new(&mut self, tag: Tag) -> bool {
        if self.seen.contains(&tag) {
            return false;
        }
        if self.seen.len() >= self.max {
            if self.state == SubjectsState::All {
                self.state = SubjectsState::More;
            }
            return false;
        }
        self.seen.insert(tag)
    }

    fn keep(&mut self, written: Arc<str>) {
        // quotes and a comma
        let bytes = written.len() + 3;
        if self.kept_bytes + bytes <= Outcome::SUBJECTS_MAX {
            self.kept_bytes += bytes;
            self.kept.push(written);
        } else {
            self.waiting.push(written);
        }
    }

    /// Whether some have to be on record before their rows go.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether they fill a record.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= RECORD_MAX
    }

    /// What has to be on record before its rows go, a record's worth at a time.
    pub fn take_waiting(&mut self) -> Vec<Arc<str>> {
        let many = self.waiting.len().min(RECORD_MAX);
        self.waiting.drain(..many).collect()
    }

    /// The log does not take them.
    pub fn lose_waiting(&mut self) {
        self.waiting.clear();
        if self.state == SubjectsState::All {
            self.state = SubjectsState::More;
        }
    }

    /// What is left for the outcome.
    pub fn finish(&mut self) -> (Vec<Arc<str>>, SubjectsState) {
        (std::mem::take(&mut self.kept), self.state)
    }
}

impl fmt::Debug for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whose")
            .field("seen", &self.seen.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Whom a Bind names; `given` are the client's parameters.
pub fn asked<'p>(
    subjects: &Subjects,
    vault: &Vault,
    settings: &Settings,
    given: impl Fn(u16) -> Option<Parameter<'p>>,
) -> Option<Asked> {
    let wants = |s: &Source| matches!(s.at, At::Parameter { .. });
    if !subjects.sources.iter().any(wants) {
        return None;
    }
    let mut makers = Makers::of(subjects, vault);
    let mut asked = Asked::default();
    for source in &subjects.sources {
        let At::Parameter { client, cast, each } = source.at else {
            continue;
        };
        let reading = Reading {
            source,
            vault,
            settings,
        };
        let Some(mut parameter) = given(client) else {
            asked.unread = true;
            continue;
        };
        if cast != 0 {
            parameter.oid = cast;
        }
        let Some(texts) = reading.parameter(parameter, each) else {
            asked.unread = true;
            continue;
        };
        for text in texts {
            makers.text.clear();
            makers.text.extend_from_slice(&text);
            if makers.make(&source.kind).is_some() {
                let written = makers.written(&source.kind);
                asked.named.push(written);
            }
        }
    }
    Some(asked)
}

/// Reads a constant or parameter of one source.
struct Reading<'a> {
    source: &'a Source,
    vault: &'a Vault,
    settings: &'a Settings,
}

/// Canonical texts.
type Texts = Vec<Zeroizing<Vec<u8>>>;

impl Reading<'_> {
    fn constant(&self, literal: &Literal, scratch: &mut Vec<u8>, each: bool) -> Option<Texts> {
        scratch.clear();
        let (oid, text) = match literal {
            Literal::String { value, cast } => (*cast, value.as_str()),
            Literal::Number(text) => (0, text.as_str()),
            Literal::Bool(_) | Literal::Cast { .. } => return None,
        };
        let parameter = Parameter {
            oid,
            format: Format::Text,
            bytes: Some(text.as_bytes()),
        };
        self.parameter(parameter, each)
    }

    /// `None`: it cannot be read as what it is compared as.
    fn parameter(&self, parameter: Parameter<'_>, each: bool) -> Option<Texts> {
        let Some(bytes) = parameter.bytes else {
            return Some(Vec::new());
        };
        let one = Value {
            oid: parameter.oid,
            format: parameter.format,
            bytes,
        };
        let mut texts = Vec::new();
        let mut take = |one: Value<'_>| {
            let text = value(self.source.form, one, self.vault, self.settings)?;
            texts.push(text);
            Some(())
        };
        match each {
            true => elements(self.source.form, one, self.vault, &mut take)?,
            false => take(one)?,
        }
        Some(texts)
    }
}
