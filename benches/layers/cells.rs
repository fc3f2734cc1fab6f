//! Values sealed as literals of an INSERT and opened as text, by type and by size.

use crate::clinic::{Clinic, KINDS};
use criterion::{BenchmarkId, Criterion};
use hippocrypt::protect::{Settings, open_cell, render};
use hippocrypt_policy::{ColumnRef, TableRef};
use std::hint::black_box;

pub fn cells(criterion: &mut Criterion) {
    let clinic = Clinic::new(0, 0);
    let (vault, cx, settings) = (clinic.vault(), clinic.context(), Settings::default());
    let texts = [16, 256, 4096].map(|size| ("t", format!("text of {size}"), "x".repeat(size)));
    let values = [
        ("i", "4711"),
        ("n", "1234.56"),
        ("d", "1970-01-01"),
        ("z", "2024-02-29 12:34:56.789+00"),
        ("u", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("j", r#"{"pulse": 61, "note": "at rest"}"#),
    ];
    let declared = |column| {
        KINDS
            .iter()
            .find(|(name, _)| *name == column)
            .map_or("", |(_, ty)| ty)
    };
    let values =
        values.map(|(column, value)| (column, declared(column).to_owned(), value.to_owned()));
    let database = clinic.policy.databases.get("clinic").expect("its database");
    let mut group = criterion.benchmark_group("cell");
    for (column, name, value) in values.into_iter().chain(texts) {
        let text = format!("INSERT INTO kinds ({column}) VALUES ('{value}')");
        let statements = clinic.analyser.analyse_anew(&text, &cx).expect("a verdict");
        let seal = || {
            render(&text, &statements, &vault, &settings)
                .expect("a cell")
                .text
        };
        let sealed = seal();
        // E'\\x…'
        let cell = sealed
            .split('\'')
            .nth(1)
            .and_then(|cell| cell.strip_prefix('\\'));
        let cell = cell.expect("a cell").to_owned();
        let named = ColumnRef {
            table: TableRef {
                schema: "public".into(),
                table: "kinds".into(),
            },
            column: column.into(),
        };
        let ix = database
            .columns
            .iter()
            .position(|column| column.name == named);
        let ix = hippocrypt_policy::ColumnIx(
            ix.and_then(|ix| u32::try_from(ix).ok()).expect("a column"),
        );
        let open = || open_cell(&vault, ix, None, &settings, &cell).expect("a value");
        assert!(!open().expose().is_empty());
        group.bench_function(BenchmarkId::new("seal", &name), |b| {
            b.iter(|| black_box(seal()))
        });
        group.bench_function(BenchmarkId::new("open", &name), |b| {
            b.iter(|| black_box(open()))
        });
    }
    group.finish();
}
