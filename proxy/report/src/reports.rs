//! The reports, one file each: what they gather while the log is read, and what they make of it.

mod accounts;
mod breach;
mod breakglass;
mod bulk;
mod changes;
mod integrity;
mod patient;
mod pattern;
mod refused;
mod tally;
mod user;

use crate::ask::{Ask, Name};
use crate::reading::Read;
use crate::report::Found;
use std::io;
use std::path::Path;

/// Reads the log and answers.
pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    match ask.name {
        Name::Patient => patient::find(dir, ask),
        Name::User => user::find(dir, ask),
        Name::Bulk => bulk::find(dir, ask),
        Name::Refused => refused::find(dir, ask),
        Name::Accounts => accounts::find(dir, ask),
        Name::BreakGlass => breakglass::find(dir, ask),
        Name::Pattern => pattern::find(dir, ask),
        Name::Changes => changes::find(dir, ask),
        Name::Breach => breach::find(dir, ask),
        Name::Integrity => integrity::find(dir, ask),
        Name::Rows => Err(io::Error::other("is not made of the log alone")),
    }
}
