//! Verdicts: kept ones, first sights, and what grows with what. A `@` in a text is a number that no text had before.

use crate::clinic::Clinic;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use hippocrypt_sql::normalise;
use std::cell::LazyCell;
use std::hint::black_box;

/// Names, the text, and what it goes on with, so many times.
const SHAPES: [(&str, &str, &str, usize); 6] = [
    (
        "clear, constant",
        "SELECT id AS a@, a FROM plain WHERE id = 4711",
        "",
        0,
    ),
    (
        "clear, parameter",
        "SELECT id AS a@, a FROM plain WHERE id = $1",
        "",
        0,
    ),
    (
        "protected, constant",
        "SELECT id AS a@, name FROM patients WHERE ssn = '123-45-6789'",
        "",
        0,
    ),
    (
        "protected, parameter",
        "SELECT id AS a@, name FROM patients WHERE ssn = $1",
        "",
        0,
    ),
    (
        "clear, long",
        "SELECT id AS a@, a FROM plain WHERE id = 4711",
        " OR b = 'abcdefgh' AND a <> 'ijklmnop'",
        21,
    ),
    (
        "protected, long",
        "SELECT id AS a@, name FROM patients WHERE city = '123-45-6789'",
        " OR ssn = '123-45-6789' AND city <> 'ijklmnop'",
        17,
    ),
];

fn text(of: (&str, &str, usize)) -> String {
    format!("{}{}", of.0, of.1.repeat(of.2))
}

/// Numbers of nine digits, each once.
#[derive(Default)]
struct Fresh(u64);

impl Fresh {
    fn text(&mut self, shape: &str) -> String {
        self.0 += 1;
        shape.replace('@', &(100_000_000 + self.0).to_string())
    }
}

pub fn verdicts(criterion: &mut Criterion) {
    let clinic = Clinic::new(0, 0);
    let cx = clinic.context();
    let mut fresh = Fresh::default();
    let mut group = criterion.benchmark_group("verdict");
    for (name, first, more, times) in SHAPES {
        let shape = text((first, more, times));
        let known = fresh.text(&shape);
        for _ in 0..3 {
            drop(clinic.analyser.analyse(&known, &cx));
        }
        group.throughput(Throughput::Bytes(known.len() as u64));
        group.bench_function(BenchmarkId::new("hit", name), |b| {
            b.iter(|| black_box(clinic.analyser.analyse(&known, &cx)));
        });
        group.bench_function(BenchmarkId::new("miss", name), |b| {
            let miss = |text: String| black_box(clinic.analyser.analyse(&text, &cx));
            b.iter_batched(|| fresh.text(&shape), miss, BatchSize::SmallInput);
        });
    }
    for times in [1, 4, 16, 64] {
        let shape = text((
            "SELECT id AS a@ FROM patients WHERE ssn = $1",
            " OR ssn = $1 AND city <> 'ijklmnop'",
            times,
        ));
        let id = BenchmarkId::new("miss by length", shape.len());
        group.throughput(Throughput::Bytes(shape.len() as u64));
        group.bench_function(id, |b| {
            let miss = |text: String| black_box(clinic.analyser.analyse(&text, &cx));
            b.iter_batched(|| fresh.text(&shape), miss, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// The same statements where the catalog has 10^5 columns and the policy 10^4.
pub fn worlds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("world");
    for (size, columns, protected) in [("small", 0, 0), ("large", 90_000, 10_000)] {
        // made when it is wanted: it takes a while
        let clinic = LazyCell::new(|| Clinic::new(columns, protected));
        let mut fresh = Fresh::default();
        let shape = "SELECT id AS a@, name FROM patients WHERE ssn = $1";
        group.bench_function(BenchmarkId::new("hit", size), |b| {
            let (cx, known) = (clinic.context(), fresh.text(shape));
            b.iter(|| black_box(clinic.analyser.analyse(&known, &cx)));
        });
        group.bench_function(BenchmarkId::new("miss", size), |b| {
            let cx = clinic.context();
            let miss = |text: String| black_box(clinic.analyser.analyse(&text, &cx));
            b.iter_batched(|| fresh.text(shape), miss, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// What the audit log's record of a text costs.
pub fn normalised(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("normalise");
    for (name, first, more, times) in SHAPES {
        let text = text((first, more, times)).replace('@', "");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| black_box(normalise(&text, true))));
    }
    group.finish();
}
