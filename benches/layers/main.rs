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

use criterion::{Criterion, criterion_group};
use hippocrypt_sql::grammar;
use std::thread;
use std::time::Duration;

criterion_group! {
    name = layers;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = frames::frames, verdicts::verdicts, verdicts::worlds, verdicts::normalised, cells::cells, records::records
}

/// In a thread as the proxy's runtime has them: the main thread has less stack.
fn main() {
    let measure = || {
        grammar::on_roomy_stack();
        layers();
        Criterion::default().configure_from_args().final_summary();
    };
    let thread = thread::Builder::new().stack_size(grammar::ROOMY_STACK);
    let thread = thread.spawn(measure).expect("a thread");
    thread.join().expect("the measurements");
}
