//! The files of a log: names, order, and lines read one after the other with a bounded buffer.

use crate::line::LINE_MAX;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// `<first sequence number, 20 digits>.jsonl`
pub fn name(first_seq: u64) -> String {
    format!("{first_seq:020}.jsonl")
}

/// The same, compressed.
pub fn compressed_name(first_seq: u64) -> String {
    format!("{first_seq:020}.jsonl.zst")
}

/// The tree's edge where the segment begins.
pub fn edge_name(first_seq: u64) -> String {
    format!("{first_seq:020}.edge")
}

/// Checkpoints from the segment's beginning on.
pub fn checkpoints_name(first_seq: u64) -> String {
    format!("{first_seq:020}.checkpoints")
}

/// Seals from the segment's beginning on.
pub fn seals_name(first_seq: u64) -> String {
    format!("{first_seq:020}.seals")
}

/// The last segment that has seals beside it.
pub fn last_seals(dir: &Path) -> io::Result<Option<u64>> {
    let mut last = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".seals"));
        last = last.max(stem.and_then(|stem| stem.parse().ok()));
    }
    Ok(last)
}

/// A segment by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// Sequence number of its first record, by its name.
    pub first_seq: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl Segment {
    /// Whether this is the compressed form.
    pub fn is_compressed(&self) -> bool {
        self.path.extension().is_some_and(|ending| ending == "zst")
    }
}

/// What a directory holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// In order.
    pub segments: Vec<Segment>,
    /// Files that end as if they belonged to the log, and by their name do not.
    pub strangers: Vec<PathBuf>,
    /// Files beside a segment that is not there.
    pub beside: Vec<Segment>,
}

/// Lists a directory. One that is not there is an error.
pub fn list(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut compressed = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(file_name) = path.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        let Some((stem, ending)) = file_name.split_once('.') else {
            continue;
        };
        let first_seq = stem.parse().ok().filter(|seq| format!("{seq:020}") == stem);
        match (ending, first_seq) {
            ("jsonl", Some(first_seq)) => listing.segments.push(Segment { first_seq, path }),
            ("jsonl.zst", Some(first_seq)) => compressed.push(Segment { first_seq, path }),
            ("edge" | "checkpoints" | "seals", Some(first_seq)) => {
                listing.beside.push(Segment { first_seq, path });
            }
            (_, _) if ENDINGS.iter().any(|ending| file_name.ends_with(ending)) => {
                listing.strangers.push(path);
            }
            _ => {}
        }
    }
    let plain = |s: &Segment| listing.segments.iter().any(|t| t.first_seq == s.first_seq);
    // Where both are there, the plain one counts: the other was not finished.
    compressed.retain(|s| !plain(s));
    listing.segments.append(&mut compressed);
    listing.segments.sort();
    listing.strangers.sort();
    let there = |s: &Segment| listing.segments.iter().any(|t| t.first_seq == s.first_seq);
    listing.beside.retain(|s| !there(s));
    listing.beside.sort();
    Ok(listing)
}

/// How names of files end that are part of the log.
const ENDINGS: [&str; 5] = [".jsonl", ".jsonl.zst", ".edge", ".checkpoints", ".seals"];

/// The bytes of a segment, plain or out of their compressed form.
pub type Reader = Box<dyn BufRead + Send>;

/// Reads a segment line by line.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

/// What stood at the reader's place.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line, its line feed left out.
    Whole(&'a [u8]),
    /// Bytes up to the end of the file without a line feed.
    Torn(&'a [u8]),
    /// No line feed within the longest line there is; what follows is skipped up to the next one.
    Endless,
}

impl Lines<Reader> {
    /// From the beginning of a segment. One that was compressed since it was listed is found.
    pub fn open(segment: &Segment) -> io::Result<Self> {
        let compressed = segment.path.with_extension("jsonl.zst");
        match File::open(&segment.path) {
            Err(e) if e.kind() == ErrorKind::NotFound && !segment.is_compressed() => {
                Ok(Self::over(decoder(File::open(compressed)?)?))
            }
            file if segment.is_compressed() => Ok(Self::over(decoder(file?)?)),
            file => Ok(Self::over(Box::new(buffered(file?)))),
        }
    }
}

/// The bytes of a compressed segment.
pub fn decoder(file: File) -> io::Result<Reader> {
    let decoder = zstd::Decoder::with_buffer(buffered(file))?;
    Ok(Box::new(buffered(decoder.single_frame())))
}

fn buffered<R: Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(256 * 1024, reader)
}

impl<R: BufRead> Lines<R> {
    /// Over the bytes of a segment.
    pub fn over(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let limit = LINE_MAX as u64;
        self.reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return Ok(None);
        }
        if let Some(line) = self.line.strip_suffix(b"\n") {
            return Ok(Some(Line::Whole(line)));
        }
        if self.line.len() < LINE_MAX {
            return Ok(Some(Line::Torn(&self.line)));
        }
        self.reader.skip_until(b'\n')?;
        Ok(Some(Line::Endless))
    }

    /// After a torn line: what has become of it since.
    pub fn again(&mut self) -> io::Result<Line<'_>> {
        let limit = LINE_MAX.saturating_sub(self.line.len()) as u64;
        self.reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        Ok(match self.line.strip_suffix(b"\n") {
            Some(line) => Line::Whole(line),
            None => Line::Torn(&self.line),
        })
    }
}
