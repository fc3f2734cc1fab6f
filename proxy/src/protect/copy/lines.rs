//! Lines of text and CSV data in pieces of any size: copyfromparse.c, CopyReadLineText.
//!
//! ```text
//!   piece ─► buffer ─ scan ─► line end found ──────────► a row
//!                        ├──► `\.` alone on a line ────► the end, whatever follows
//!                        └──► not decidable yet ───────► waits, the scan keeps its place
//! ```
//!
//! It must never end a line where the server would not: a row would then be two, and a protected field a
//! clear one.

use super::{LONGEST_ROW, bad_format, too_long};
use crate::protect::ValueError;
use std::ops::Range;

/// How lines end, which the first one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Unknown,
    Newline,
    Return,
    ReturnNewline,
}

/// What quotes mean to the end of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoting {
    quote: u8,
    /// `None` where it is the quote itself.
    escape: Option<u8>,
    inside: bool,
    after_escape: bool,
}

impl Quoting {
    pub(super) fn new(quote: u8, escape: u8) -> Self {
        Self {
            quote,
            escape: (escape != quote).then_some(escape),
            inside: false,
            after_escape: false,
        }
    }

    fn see(&mut self, byte: u8) {
        let escapes = self.escape == Some(byte);
        if self.inside && escapes {
            self.after_escape = !self.after_escape;
        }
        if byte == self.quote && !self.after_escape {
            self.inside = !self.inside;
        }
        if !escapes {
            self.after_escape = false;
        }
    }
}

/// What the buffer has next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line: its bytes, and those that end it (none at the end of the data).
    Line(Range<usize>, Range<usize>),
    /// The end-of-data marker: nothing behind it counts.
    End,
    /// More data is wanted.
    More,
}

/// Whether there will be more data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Open,
    Finished,
}

/// Data that has not become rows yet.
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Where the line at hand begins, and how far it has been looked at.
    start: usize,
    at: usize,
    end: LineEnd,
    /// `None`: text, where a backslash makes the next byte an ordinary one.
    quoting: Option<Quoting>,
    /// Lines so far, as PostgreSQL counts them.
    pub(super) number: u64,
}

/// A step of the scan.
enum Step {
    /// On to this place.
    To(usize),
    /// The line ends before the byte at hand, and the next begins here.
    Ends(usize),
    Marker,
    Wait,
}

impl Lines {
    pub(super) fn new(quoting: Option<Quoting>) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            at: 0,
            end: LineEnd::Unknown,
            quoting,
            number: 0,
        }
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, data: &[u8]) -> Result<(), ValueError> {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        if self.buffer.len() > LONGEST_ROW {
            return Err(too_long());
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    /// The bytes of a range that `next` gave.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// How lines end, as far as that is known.
    pub(super) fn line_end(&self) -> &'static [u8] {
        match self.end {
            LineEnd::Unknown | LineEnd::Newline => b"\n",
            LineEnd::Return => b"\r",
            LineEnd::ReturnNewline => b"\r\n",
        }
    }

    /// The next line. Ranges hold until the next `push`.
    pub(super) fn next(&mut self, input: Input) -> Result<Next, ValueError> {
        while let Some(&byte) = self.buffer.get(self.at) {
            match self.step(byte, input)? {
                Step::To(at) => self.at = at,
                Step::Ends(next) => return Ok(self.take(self.at, next)),
                Step::Marker => return Ok(Next::End),
                Step::Wait => return Ok(Next::More),
            }
        }
        match input {
            Input::Finished if self.at > self.start => Ok(self.take(self.at, self.at)),
            Input::Finished | Input::Open => Ok(Next::More),
        }
    }

    fn take(&mut self, end: usize, next: usize) -> Next {
        let line = self.start..end;
        self.start = next;
        self.at = next;
        self.number += 1;
        if let Some(quoting) = &mut self.quoting {
            quoting.inside = false;
            quoting.after_escape = false;
        }
        Next::Line(line, end..next)
    }

    fn step(&mut self, byte: u8, input: Input) -> Result<Step, ValueError> {
        let at = self.at;
        let next = self.buffer.get(at + 1).copied();
        let unknown = next.is_none() && input == Input::Open;
        let mut quoted = false;
        if let Some(quoting) = &mut self.quoting {
            if matches!(byte, b'\\' | b'\r') && unknown {
                return Ok(Step::Wait);
            }
            quoting.see(byte);
            quoted = quoting.inside;
            let counted = match self.end {
                LineEnd::Newline => b'\n',
                _ => b'\r',
            };
            self.number += u64::from(quoted && byte == counted);
        }
        match byte {
            b'\r' if !quoted => self.carriage_return(next, unknown),
            b'\n' if !quoted => {
                if matches!(self.end, LineEnd::Return | LineEnd::ReturnNewline) {
                    return Err(self.literal("newline", "\\n"));
                }
                self.end = LineEnd::Newline;
                Ok(Step::Ends(at + 1))
            }
            b'\\' if self.quoting.is_none() => self.backslash(next, input),
            b'\\' if at == self.start && next == Some(b'.') => self.marker(input),
            _ => Ok(Step::To(at + 1)),
        }
    }

    fn carriage_return(&mut self, next: Option<u8>, unknown: bool) -> Result<Step, ValueError> {
        match self.end {
            LineEnd::Newline => Err(self.literal("carriage return", "\\r")),
            LineEnd::Return => Ok(Step::Ends(self.at + 1)),
            LineEnd::Unknown | LineEnd::ReturnNewline if unknown => Ok(Step::Wait),
            LineEnd::Unknown | LineEnd::ReturnNewline if next == Some(b'\n') => {
                self.end = LineEnd::ReturnNewline;
                Ok(Step::Ends(self.at + 2))
            }
            LineEnd::ReturnNewline => Err(self.literal("carriage return", "\\r")),
            LineEnd::Unknown => {
                self.end = LineEnd::Return;
                Ok(Step::Ends(self.at + 1))
            }
        }
    }

    /// Of text: the next byte is an ordinary one, unless it is the dot of the marker.
    fn backslash(&self, next: Option<u8>, input: Input) -> Result<Step, ValueError> {
        match next {
            Some(b'.') => self.marker(input),
            Some(_) => Ok(Step::To(self.at + 2)),
            None if input == Input::Open => Ok(Step::Wait),
            None => Ok(Step::To(self.at + 1)),
        }
    }

    /// `\.` and what has to follow it.
    fn marker(&self, input: Input) -> Result<Step, ValueError> {
        let is_csv = self.quoting.is_some();
        let corrupt = |message: &str| match is_csv {
            true => Ok(Step::To(self.at + 1)),
            false => Err(bad_format(message)),
        };
        let other = "end-of-copy marker does not match previous newline style";
        let broken = "end-of-copy marker corrupt";
        let mut at = self.at + 2;
        let mut byte = self.buffer.get(at).copied();
        if self.end == LineEnd::ReturnNewline && byte.is_some() {
            match byte {
                Some(b'\r') => {}
                Some(b'\n') => return corrupt(other),
                _ => return corrupt(broken),
            }
            at += 1;
            byte = self.buffer.get(at).copied();
        }
        match byte {
            None if input == Input::Open => return Ok(Step::Wait),
            Some(b'\r' | b'\n') => {}
            _ => return corrupt(broken),
        }
        let fits = match self.end {
            LineEnd::Unknown => true,
            LineEnd::Newline | LineEnd::ReturnNewline => byte == Some(b'\n'),
            LineEnd::Return => byte == Some(b'\r'),
        };
        if !fits {
            return Err(bad_format(other));
        }
        // older servers take what stands before it for a row, newer ones refuse it
        match self.at == self.start {
            true => Ok(Step::Marker),
            false => Err(bad_format("end-of-copy marker is not alone on its line")),
        }
    }

    fn literal(&self, what: &str, escape: &str) -> ValueError {
        match self.quoting {
            None => bad_format(format!("literal {what} found in data"))
                .hint(format!("Use \"{escape}\" to represent {what}.")),
            Some(_) => bad_format(format!("unquoted {what} found in data"))
                .hint(format!("Use quoted CSV field to represent {what}.")),
        }
    }
}
