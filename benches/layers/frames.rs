//! Messages cut off a read buffer.

use bytes::{BufMut as _, BytesMut};
use criterion::{BatchSize, Criterion, Throughput};
use hippocrypt_wire::{Decoder, Peer};
use std::hint::black_box;

/// Messages of one buffer.
const MANY: usize = 100;

pub fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(MANY as u64));
    for (name, peer, tag, length) in [
        ("queries of 64 bytes", Peer::Frontend, b'Q', 64),
        ("rows of 100 bytes", Peer::Backend, b'D', 100),
        ("rows of 4 KiB", Peer::Backend, b'D', 4096),
    ] {
        let mut buffer = BytesMut::new();
        for _ in 0..MANY {
            buffer.put_u8(tag);
            buffer.put_u32(length + 4);
            buffer.put_bytes(b'x', length as usize);
        }
        let decoder = Decoder::new(peer);
        let cut = |mut buffer: BytesMut| {
            let mut cut = 0;
            while let Some(frame) = decoder.next(&mut buffer).expect("a frame") {
                cut += black_box(frame).len();
            }
            assert!(buffer.is_empty(), "all of it was cut");
            cut
        };
        group.bench_function(name, |b| {
            b.iter_batched(|| buffer.clone(), cut, BatchSize::SmallInput);
        });
    }
    group.finish();
}
