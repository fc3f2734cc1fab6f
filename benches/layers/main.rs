//! What each layer costs by itself: `./run bench --layers [FILTER]`.
//!
//! Times are of one core that may have other work: compare within a run, or with a baseline of the same hour.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a measurement: what fails ends it"
)]

mod cells;
mod clinic;
mod frames;
mod records;
mod verdicts;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;

criterion_group! {
    name = layers;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = frames::frames, verdicts::verdicts, verdicts::worlds, verdicts::normalised, cells::cells, records::records
}
criterion_main!(layers);
