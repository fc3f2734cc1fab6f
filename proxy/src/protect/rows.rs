//! DataRow: cells opened by plan, the rest copied.
//!
//! It must never decide by looking at a value what it is: the plan says where cells are, and under which
//! columns' groups, types and suites they open. On any doubt the row does not leave.

use crate::protect::coerce;
use crate::protect::describe::format_of;
use crate::protect::mask::{self, Masked};
use crate::protect::value::{self, Canonical, Restore, Shown, bytea};
use crate::protect::vault::{Held, Keys};
use crate::protect::{OpenFault, Settings, ValueError, Vault};
use bytes::BytesMut;
use hippocrypt_crypto::{Header, Plaintext};
use hippocrypt_policy::{ColumnRef, DeclaredType};
use hippocrypt_sql::verdict::{CellOutput, Output};
use hippocrypt_wire::Format;
use hippocrypt_wire::write::Writer;
use zeroize::Zeroizing;

/// Writes the DataRow for the client, a whole frame (tag and length too), to `out`, and says how many
/// cells were opened. `body` is the payload of the server's DataRow. Formats are as in Bind: none (all
/// text), one for all, or one each; both empty in the simple protocol.
///
/// # Errors
/// `out` is as it was then.
pub fn open_row(
    outputs: &[Output],
    vault: &Vault,
    settings: &Settings,
    upstream_formats: &[i16],
    client_formats: &[i16],
    body: &[u8],
    out: &mut BytesMut,
) -> Result<u32, OpenFault> {
    let mut values = Values::of(body, outputs.len())?;
    let mut opened = 0;
    Writer::new(out).data_row::<OpenFault>(outputs.len(), |row| {
        for (index, output) in outputs.iter().enumerate() {
            let value = values.next()?;
            let (Output::Cell(cell), Some(bytes)) = (output, value) else {
                row.value(value)?;
                continue;
            };
            let shape = || OpenFault::Shape("a result column has no format");
            let format = |codes| format_of(codes, index).and_then(Format::from_code);
            let opening = Opening {
                cell,
                vault,
                settings,
                upstream: format(upstream_formats).ok_or_else(shape)?,
                client: format(client_formats).ok_or_else(shape)?,
            };
            row.value_with(|out| {
                opened += opening.open(bytes, out)?;
                Ok::<_, OpenFault>(())
            })?;
        }
        match values.rest {
            [] => Ok(()),
            _ => Err(OpenFault::Shape("bytes follow the last value of a row")),
        }
    })?;
    Ok(opened)
}

/// The values of a row, checked as they are taken.
struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    fn of(body: &'a [u8], columns: usize) -> Result<Self, OpenFault> {
        let cut = OpenFault::Shape("a row of the server is cut short");
        let (count, rest) = body.split_first_chunk::<2>().ok_or(cut)?;
        if usize::from(u16::from_be_bytes(*count)) != columns {
            return Err(OpenFault::Shape(
                "a row has another number of columns than the plan",
            ));
        }
        Ok(Self { rest })
    }

    fn next(&mut self) -> Result<Option<&'a [u8]>, OpenFault> {
        let cut = || OpenFault::Shape("a row of the server is cut short");
        let (length, rest) = self.rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            self.rest = rest;
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| cut())?;
        let (value, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(Some(value))
    }
}

/// One value that the plan opens.
pub(in crate::protect) struct Opening<'a> {
    /// What it may be, and how it is shown.
    pub(in crate::protect) cell: &'a CellOutput,
    /// The keys.
    pub(in crate::protect) vault: &'a Vault,
    /// By which values are written as text.
    pub(in crate::protect) settings: &'a Settings,
    /// As the server sends it.
    pub(in crate::protect) upstream: Format,
    /// As the client gets it.
    pub(in crate::protect) client: Format,
}

impl Opening<'_> {
    /// Appends the value as the client gets it; how many cells were opened.
    pub(in crate::protect) fn open(
        &self,
        bytes: &[u8],
        out: &mut BytesMut,
    ) -> Result<u32, OpenFault> {
        let columns = || {
            self.cell
                .columns
                .iter()
                .filter_map(|ix| self.vault.held(*ix))
        };
        let first = columns()
            .next()
            .ok_or(OpenFault::Shape("the plan is of another policy"))?;
        if columns().all(|held| held.keys.is_none()) {
            self.watched(first, bytes, out)?;
            return Ok(0);
        }
        let decoded;
        let cell = match self.upstream {
            Format::Binary => bytes,
            Format::Text => {
                decoded =
                    bytea::decode(bytes).ok_or_else(|| OpenFault::Cell(first.name.clone()))?;
                &decoded
            }
        };
        let (held, keys) = self.keys_of(columns(), first, cell)?;
        let (plaintext, restore) = self.plaintext(held, keys, cell)?;
        self.write(&held.name, restore, plaintext.expose(), out)?;
        Ok(1)
    }

    /// The keys of the one listed column whose group the cell carries.
    fn keys_of<'h>(
        &self,
        columns: impl Iterator<Item = &'h Held>,
        first: &Held,
        cell: &[u8],
    ) -> Result<(&'h Held, &'h Keys), OpenFault> {
        let fault = || OpenFault::Cell(first.name.clone());
        let group = Header::parse(cell).map_err(|_| fault())?.group;
        columns
            .filter_map(|held| Some((held, held.keys.as_ref()?)))
            .find(|(_, keys)| keys.group() == group)
            .ok_or_else(fault)
    }

    /// What a cell holds, and what of it the column says.
    fn plaintext(
        &self,
        held: &Held,
        keys: &Keys,
        cell: &[u8],
    ) -> Result<(Plaintext, Option<Restore>), OpenFault> {
        let closed = |_| OpenFault::Cell(held.name.clone());
        if held.declared.family() != self.cell.declared.family() && !both_numeric(held, self.cell) {
            return Err(OpenFault::Value(held.name.clone()));
        }
        if self.cell.given
            && let Some(shown) = keys.open_shown(cell)
        {
            return Ok((shown.map_err(closed)?, None));
        }
        // of a numeric the plan has seen to it
        let numeric = matches!(held.declared, DeclaredType::Numeric(_));
        let same = self.cell.stored || self.cell.typmod == held.declared.typmod();
        if keys.restore.is_some() && !numeric && !same {
            return Err(OpenFault::Settings(modifier_lost().of(&held.name)));
        }
        Ok((keys.open(cell).map_err(closed)?, keys.restore))
    }

    /// A column that the policy only watches: its value comes as it is, and leaves through its mask.
    fn watched(&self, held: &Held, bytes: &[u8], out: &mut BytesMut) -> Result<(), OpenFault> {
        let value = || OpenFault::Value(held.name.clone());
        let parsed = value::from_server(self.cell.declared, self.upstream, bytes, self.settings)
            .map_err(OpenFault::Settings)?;
        let mut plaintext = Zeroizing::new(Vec::new());
        parsed
            .encode(Canonical::Exact, &mut plaintext)
            .map_err(|_| value())?;
        self.write(&held.name, None, &plaintext, out)
    }

    fn write(
        &self,
        name: &ColumnRef,
        restore: Option<Restore>,
        plaintext: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), OpenFault> {
        let declared = self.cell.declared;
        let fault = || OpenFault::Value(name.clone());
        let shown = Shown::read(declared, restore, plaintext).ok_or_else(fault)?;
        if let Some(to) = self.cell.cast {
            return self.cast(name, &shown, to, out);
        }
        let masked = match self.cell.mask {
            None => Masked::Value(shown),
            Some(mask) => mask::apply(mask, declared, &shown).ok_or_else(fault)?,
        };
        match (masked, self.cell.mask) {
            (Masked::Text(text, blanks), Some(mask)) => mask::write_text(mask, text, blanks, out),
            (Masked::Text(..), None) => return Err(fault()),
            (Masked::Value(shown), _) => shown
                .write(self.client, self.settings, out)
                .map_err(OpenFault::Settings)?,
        }
        Ok(())
    }
}

impl Opening<'_> {
    /// Writes the value as the statement casts it.
    fn cast(
        &self,
        name: &ColumnRef,
        shown: &Shown<'_>,
        to: DeclaredType,
        out: &mut BytesMut,
    ) -> Result<(), OpenFault> {
        if self.cell.mask.is_some() {
            return Err(OpenFault::Value(name.clone()));
        }
        let plaintext = coerce::cast(name, shown, self.cell.declared, to, self.settings)
            .map_err(|e| OpenFault::Settings(e.of(name)))?;
        let shown = Shown::read(to, None, &plaintext);
        let shown = shown.ok_or_else(|| OpenFault::Value(name.clone()))?;
        shown
            .write(self.client, self.settings, out)
            .map_err(OpenFault::Settings)
    }
}

/// numeric of one scale is shown as numeric without one where an expression loses the modifier.
fn both_numeric(held: &Held, cell: &CellOutput) -> bool {
    use DeclaredType::{Array, Numeric};
    match (held.declared, cell.declared) {
        (Numeric(_), Numeric(_)) => true,
        (Array(held), Array(shown)) => {
            matches!(
                (held.declared(), shown.declared()),
                (Numeric(_), Numeric(_))
            )
        }
        _ => false,
    }
}

/// `COALESCE(price, 5)` shows 5 where `price` shows 5.00: a deterministic cell does not keep which, nor how
/// many blanks a char(n) has.
fn modifier_lost() -> ValueError {
    ValueError::new(
        "0A000",
        "the scale or length of an encrypted deterministic value is not known in this expression",
    )
    .hint("Select the column itself, or cast what stands beside it to the column's type.")
}
