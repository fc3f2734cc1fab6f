//! Closed segments as Zstandard frames: docs/formats/audit-log.md, "Compressed segments".
//!
//! The plain file goes last: after the compressed one was read back, is on disk, and is on record.

use super::{KeepError, record, remove, sync};
use crate::log::Log;
use crate::record::Body;
use crate::segment::{self, Listing, Segment};
use crate::verify::hash_of;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zstd::Encoder;

/// Lines of one log repeat each other: what looks further takes longer and finds less (docs/decisions/audit-checkpoints.md).
const LEVEL: i32 = 1;

/// Compresses every closed segment that is not.
pub fn compress(dir: &Path, listing: &Listing, log: &Log, shipped: u64) -> Result<(), KeepError> {
    let ends = listing.segments.iter().skip(1).map(|next| next.first_seq);
    for (segment, end) in listing.segments.iter().zip(ends) {
        if !segment.is_compressed() && end <= shipped {
            one(dir, segment, log)?;
        }
    }
    Ok(())
}

fn one(dir: &Path, segment: &Segment, log: &Log) -> Result<(), KeepError> {
    let path = dir.join(segment::compressed_name(segment.first_seq));
    let fresh = path.with_extension("zst.new");
    write(&segment.path, &fresh).map_err(KeepError::io(&fresh))?;
    if !same(&segment.path, &fresh).map_err(KeepError::io(&fresh))? {
        return Err(KeepError::ReadBack(fresh));
    }
    fs::rename(&fresh, &path).map_err(KeepError::io(&path))?;
    sync(dir)?;
    let (sha256, bytes) = hash_of(&path).map_err(KeepError::io(&path))?;
    let body = Body::Compressed {
        segment: segment.first_seq,
        bytes,
        sha256: sha256.into(),
    };
    record(log, body)?;
    remove(&segment.path)?;
    sync(dir)
}

fn write(from: &Path, to: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o640);
    let compressed = BufWriter::new(options.open(to)?);
    let compressed = frame(File::open(from)?, compressed)?;
    compressed.into_inner()?.sync_all()
}

fn frame<W: Write>(mut plain: impl Read, compressed: W) -> io::Result<W> {
    let mut encoder = Encoder::new(compressed, LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut plain, &mut encoder)?;
    encoder.finish()
}

/// Whether the compressed file is exactly the plain one.
fn same(plain: &Path, compressed: &Path) -> io::Result<bool> {
    let mut plain = BufReader::new(File::open(plain)?);
    let mut opened = segment::decoder(File::open(compressed)?)?;
    loop {
        let (ours, theirs) = (opened.fill_buf()?, plain.fill_buf()?);
        let n = ours.len().min(theirs.len());
        if n == 0 {
            return Ok(ours.is_empty() && theirs.is_empty());
        }
        if ours.get(..n) != theirs.get(..n) {
            return Ok(false);
        }
        opened.consume(n);
        plain.consume(n);
    }
}

#[cfg(test)]
mod tests {
    use super::{frame, write};
    use std::fs;
    use std::io::{self, Read, Write};

    /// Gives so many bytes, or takes them, and fails then.
    struct Failing(usize);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.0.min(buffer.len());
            self.0 -= n;
            match n {
                0 => Err(io::Error::other("the disk is gone")),
                n => Ok(n),
            }
        }
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = self.0.min(bytes.len());
            self.0 -= n;
            match n {
                0 => Err(io::Error::other("the disk is full")),
                n => Ok(n),
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failing_file_is_an_error_and_no_defect() {
        assert!(frame(Failing(300_000), io::sink()).is_err());
        let noise: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
        assert!(frame(noise.as_slice(), Failing(1_000)).is_err());
    }

    #[test]
    fn what_was_compressed_is_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, compressed) = (dir.path().join("plain"), dir.path().join("compressed"));
        let line = b"{\"v\":1,\"seq\":7,\"type\":\"heartbeat\"}\n";
        for lines in [0, 1, 20_000] {
            fs::write(&plain, line.repeat(lines)).unwrap();
            write(&plain, &compressed).unwrap();
            assert!(super::same(&plain, &compressed).unwrap(), "{lines}");
        }
        assert!(write(&dir.path().join("missing"), &compressed).is_err());
        assert!(write(&plain, dir.path()).is_err());
    }
}
