//! The file of the next seal's key: one line of fixed length, written over in place.
//!
//! It must never be longer or shorter than before, or an older key would be left behind its end.

use super::{Last, SealError};
use crate::line;
use crate::log::disk::sync_directory;
use crate::log::error::OpenError;
use crate::seal::SealKey;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Its name in the log's directory, unless it is to lie elsewhere.
pub const KEPT: &str = "sealing.key";

/// What the file holds.
pub struct Kept {
    /// Of the next seal.
    pub index: u64,
    /// Its key.
    pub key: SealKey,
    /// The one that will be in its place, while the auditors change.
    pub fresh: Option<SealKey>,
}

/// What went wrong with it.
#[derive(Debug)]
pub enum KeptError {
    Io(PathBuf, io::Error),
    Seal(SealError),
}

impl KeptError {
    /// Said of the log in `dir`.
    pub fn of(self, dir: &Path) -> OpenError {
        match self {
            Self::Io(path, source) => OpenError::Io { path, source },
            Self::Seal(what) => OpenError::Seal(dir.to_owned(), what),
        }
    }
}

impl Kept {
    /// For a log that has no seals: makes it, or takes up what a crash left before the first.
    pub fn begin(path: &Path, log: &str) -> Result<Self, KeptError> {
        match Self::read(path, log) {
            Ok(Some(kept)) if kept.index == 0 => return Ok(kept),
            Ok(Some(_)) => return Err(KeptError::Seal(SealError::Cut("seals"))),
            Ok(None) => {}
            // Of a log that did not come to its first segment, and took its name with it.
            Err(KeptError::Seal(SealError::OtherKey(_))) if has_sealed_nothing(path) => {}
            Err(other) => return Err(other),
        }
        let fresh = SealKey::fresh().ok_or(KeptError::Seal(SealError::CannotSeal))?;
        let kept = Self {
            index: 0,
            key: fresh,
            fresh: None,
        };
        // Whole or not at all: a name that is there has a key in it.
        let new = path.with_extension("key.new");
        let write = || -> io::Result<()> {
            match fs::remove_file(&new) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(kept.line(log).as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            sync_directory(path.parent().unwrap_or(Path::new("/")))
        };
        write().map_err(|e| KeptError::Io(path.to_owned(), e))?;
        Ok(kept)
    }

    /// What is there; `None`: no file.
    pub fn read(path: &Path, log: &str) -> Result<Option<Self>, KeptError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(KeptError::Io(path.to_owned(), e)),
        };
        let about = fs::metadata(path).map_err(|e| KeptError::Io(path.to_owned(), e))?;
        let mode = about.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeptError::Seal(SealError::Mode(path.to_owned(), mode)));
        }
        let kept = Self::parse(&text, log);
        kept.map(Some)
            .ok_or_else(|| KeptError::Seal(SealError::OtherKey(path.to_owned())))
    }

    fn parse(text: &str, log: &str) -> Option<Self> {
        let rest = text.strip_suffix('\n')?.strip_prefix(log)?;
        let mut fields = rest.strip_prefix(' ')?.split(' ');
        let (index, key, fresh) = (fields.next()?, fields.next()?, fields.next()?);
        let kept = Self {
            index: index.parse().ok()?,
            key: key_of(key)?,
            fresh: match fresh.bytes().all(|b| b == b'-') {
                true => None,
                false => Some(key_of(fresh)?),
            },
        };
        (*kept.line(log) == *text).then_some(kept)
    }

    /// The line, always as long.
    pub fn line(&self, log: &str) -> Zeroizing<String> {
        let hex = |key: &SealKey| Zeroizing::new(line::hex(key.expose()).map(char::from));
        let text = |key: &SealKey| Zeroizing::new(hex(key).iter().collect::<String>());
        let key = text(&self.key);
        let fresh = match &self.fresh {
            Some(fresh) => text(fresh),
            None => Zeroizing::new("-".repeat(64)),
        };
        Zeroizing::new(format!("{log} {:020} {} {}\n", self.index, *key, *fresh))
    }

    /// The key of the next seal that the files tell of.
    pub fn forward(mut self, last: &Last, path: &Path) -> Result<Self, SealError> {
        if self.index > last.next {
            return Err(SealError::Cut("seals"));
        }
        // The change of auditors came as far as its lines.
        let given = last.given;
        let fresh = self.fresh.take();
        if let Some(fresh) = fresh.filter(|f| f.commitment() == given.commitment) {
            self.key = fresh;
        }
        loop {
            if self.index == given.index && self.key.commitment() != given.commitment {
                return Err(SealError::OtherKey(path.to_owned()));
            }
            if self.index == last.next {
                return Ok(self);
            }
            self.key.advance();
            self.index += 1;
        }
    }
}

/// Whether the file's index is 0, whichever log it is of.
fn has_sealed_nothing(path: &Path) -> bool {
    let text = Zeroizing::new(fs::read_to_string(path).unwrap_or_default());
    text.split(' ')
        .nth(1)
        .is_some_and(|index| index == "0".repeat(20))
}

fn key_of(hex: &str) -> Option<SealKey> {
    let mut key = Zeroizing::new([0; 32]);
    let digits = |at: usize| hex.get(2 * at..2 * at + 2);
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits(at)?, 16).ok()?;
    }
    (hex.len() == 64).then(|| SealKey::of(key))
}
