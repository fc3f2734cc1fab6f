//! The runtime in whose threads sessions are served.
//!
//! It must never have threads whose stack is smaller than they say.

use hippocrypt_sql::grammar;
use std::io;
use tokio::runtime::{Builder, Runtime};

/// As many threads as the machine has cores, with a stack on which all but the longest texts can be judged.
///
/// # Errors
/// No thread can be started.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(grammar::ROOMY_STACK)
        .on_thread_start(grammar::on_roomy_stack)
        .build()
}
