//! Where policy, keys, cells and PostgreSQL's value formats meet: sealing what goes up, opening what
//! comes down. Pure: no tokio, no files, no clock.
//!
//! It must never put a plaintext of a protected column into an error, a log or `Debug`; never open a
//! cell that the plan does not list; never guess what a value means: what PostgreSQL's input function
//! would read differently is refused, not approximated.

mod bind;
mod cell;
mod coerce;
mod copy;
mod definitions;
mod describe;
mod elements;
mod explain;
mod fault;
mod hash;
mod mask;
mod render;
mod rows;
mod settings;
mod subjects;
mod value;
mod vault;
mod zones;

#[cfg(test)]
pub(crate) mod tests;

pub use bind::{BindParts, bind, result_formats};
pub use cell::{Shown, open_cell};
pub use copy::{CopyFault, CopyIn, CopyOut};
pub use definitions::{Reader, with_constants};
pub use describe::{FieldParts, parameter_description, row_description};
pub use explain::without_cells;
pub use fault::{BindError, Drift, OpenFault, ValueError, VaultError};
pub use hash::read_constants;
pub use render::{PositionMap, Rendered, render, render_pieces};
pub use rows::open_row;
pub use settings::{ByteaOutput, DateOrder, DateStyle, IntervalStyle, Settings};
pub use subjects::{Asked, Parameter, Whose, asked};
pub use vault::Vault;
pub use zones::{Point, Points, Run, Zones, points};
