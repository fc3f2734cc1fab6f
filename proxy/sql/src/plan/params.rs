//! What becomes of literals and parameters: edits, the upstream's parameters, the client's types.
//!
//! A parameter that is sealed in one place and clear in another is two parameters upstream; its value must
//! never go in clear where a cell is expected.

use super::Planner;
use super::flow::{Cast, Fate, Leaf, LeafIx, Sealed, What};
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::types::{self, BuiltIn};
use crate::verdict::{ClientParam, Coercion, Literal, Seal, Shape, UpstreamParam};
use hippocrypt_policy::DeclaredType;
use std::collections::BTreeMap;
use std::ops::Range;

mod casts;

use casts::{array_literal, cut, harmless, of_value, passes, rounds};
pub(super) use casts::{cast_constant, keeps_number, read_as};

/// OIDs of bytea and bytea[].
const BYTEA: u32 = 17;
const BYTEA_ARRAY: u32 = 1001;

/// The numbers that the uses of the client's parameters have upstream.
struct Slots {
    /// By the client's number: how it is sealed, and the number.
    by_client: BTreeMap<u16, Vec<(Option<Seal>, u16)>>,
    /// The highest number in use.
    highest: u16,
}

impl Slots {
    /// The number of one use: the first keeps the client's, the others come after all.
    fn number(&mut self, client: u16, seal: Option<Seal>) -> Judged<u16> {
        let uses = self.by_client.entry(client).or_default();
        if let Some((_, number)) = uses.iter().find(|(known, _)| *known == seal) {
            return Ok(*number);
        }
        let number = match uses.is_empty() {
            true => client,
            false => {
                self.highest = self
                    .highest
                    .checked_add(1)
                    .ok_or_else(|| malformed("parameter"))?;
                self.highest
            }
        };
        uses.push((seal, number));
        Ok(number)
    }
}

impl Planner<'_> {
    /// Edits for every leaf that became a cell, and the parameters of both sides.
    pub(super) fn finish_leaves(&mut self) -> Judged<(Vec<UpstreamParam>, Vec<ClientParam>)> {
        self.settle_rest();
        self.settle_tested();
        let mut leaves = std::mem::take(&mut self.leaves);
        self.drop_column_casts(&mut leaves)?;
        let made = self.finish_hashes(&leaves)?;
        self.keep_names(&leaves)?;
        let mut types: BTreeMap<u16, Option<u32>> = BTreeMap::new();
        let highest = self.highest(&leaves);
        let mut slots = Slots {
            by_client: BTreeMap::new(),
            highest,
        };
        for (ix, leaf) in leaves.iter().enumerate() {
            let written = !self.unwritten.contains(&LeafIx(ix));
            match (&leaf.what, &leaf.fate) {
                (What::Param(client, token), fate) => {
                    let sealed = match fate {
                        Fate::Sealed(sealed) => Some(sealed),
                        Fate::Clear | Fate::Tested | Fate::Undecided => None,
                    };
                    let seal = sealed.map(|s| self.param_sealed(*client, leaf, s));
                    let seal = seal.transpose()?;
                    let known = self.param_type(*client, leaf, sealed);
                    let known = *types.entry(*client).or_insert(known);
                    if leaf.read.is_none() {
                        one_shape(*client, known, sealed)?;
                    }
                    let number = slots.number(*client, seal)?;
                    if written {
                        self.renumber(leaf, token.clone(), sealed.is_some(), *client, number);
                    }
                }
                (What::Null, Fate::Sealed(_)) if leaf.cast != Cast::None && written => {
                    self.edits.text(leaf.range.clone(), "NULL::bytea");
                }
                (What::Constant(literal), Fate::Sealed(sealed)) if written => {
                    self.cell(leaf, literal, sealed)?
                }
                (What::Null | What::Constant(_), _) => {}
            }
        }
        let (mut params, client_params) = self.both_sides(&slots, &types, highest)?;
        self.number_hashes(made, &mut params)?;
        Ok((params, client_params))
    }

    /// `ssn = $1 OR $1 IS NULL`: the value must not go in clear for the sake of the test.
    fn settle_tested(&mut self) {
        let client = |leaf: &Leaf| match leaf.what {
            What::Param(client, _) => Some(client),
            What::Null | What::Constant(_) => None,
        };
        let mut sealed: BTreeMap<u16, Sealed> = BTreeMap::new();
        for leaf in &self.leaves {
            if let (Some(client), Fate::Sealed(how)) = (client(leaf), &leaf.fate) {
                sealed.entry(client).or_insert_with(|| how.clone());
            }
        }
        for leaf in &mut self.leaves {
            if leaf.fate == Fate::Tested {
                let how = client(leaf).and_then(|client| sealed.get(&client));
                leaf.fate = how.cloned().map_or(Fate::Clear, Fate::Sealed);
            }
        }
    }

    fn highest(&self, leaves: &[Leaf]) -> u16 {
        let used = leaves.iter().filter_map(|l| match l.what {
            What::Param(n, _) => Some(n),
            What::Null | What::Constant(_) => None,
        });
        let declared = u16::try_from(self.input.cx.declared_params.len()).unwrap_or(u16::MAX);
        used.max().unwrap_or(0).max(declared)
    }

    pub(super) fn declared_oid(&self, client: u16) -> Option<u32> {
        let ix = usize::from(client).checked_sub(1)?;
        self.input
            .cx
            .declared_params
            .get(ix)
            .copied()
            .filter(|oid| *oid != 0)
    }

    /// How a parameter is sealed: the cast around it says its type, or what is left of it.
    pub(super) fn param_sealed(&self, client: u16, leaf: &Leaf, sealed: &Sealed) -> Judged<Seal> {
        let declared = self.column_type(sealed)?;
        let refused = || self.cast_refused(leaf, sealed);
        let mut seal = sealed.seal.clone();
        seal.null_if.clone_from(&leaf.null_if);
        let (oid, modifiers) = match (&leaf.read, &leaf.cast) {
            (Some(read), _) => (read.oid, &read.modifiers),
            (None, Cast::None) => return Ok(seal),
            (None, Cast::Opaque) => return Err(refused()),
            (None, Cast::To(oid, modifiers)) => (*oid, modifiers),
        };
        let of_value = |oid| of_value(oid, seal.shape);
        let oid = of_value(oid).ok_or_else(refused)?;
        let both_text = |d| types::is_text_oid(d) && types::is_text_oid(oid);
        let alike = |d| of_value(d).is_some_and(|d| d == oid || both_text(d));
        let cut = cut(oid, modifiers, declared);
        let passes = |d| of_value(d).is_some_and(|d| passes(d, oid, declared, seal.coercion));
        let same = leaf.read.is_some()
            || self
                .declared_oid(client)
                .is_none_or(|d| alike(d) || passes(d));
        let own = rounds(oid, modifiers, declared);
        // what is shown has blanks up to its length too
        let cuts = cut.is_some() && seal.coercion != Coercion::Show;
        let known = modifiers.is_empty() || cuts || own;
        if !same || !known {
            return Err(refused());
        }
        seal.cut = cut;
        if own {
            seal.coercion = Coercion::Assign;
        }
        let reads = leaf.read.is_some() && !types::is_text_oid(oid);
        seal.read = reads.then_some(oid);
        Ok(seal)
    }

    fn column_type(&self, sealed: &Sealed) -> Judged<DeclaredType> {
        let declared = self.world().declared(sealed.seal.column);
        declared.ok_or_else(|| malformed("column"))
    }

    /// What the client's parameter is, by this use of it.
    fn param_type(&self, client: u16, leaf: &Leaf, sealed: Option<&Sealed>) -> Option<u32> {
        self.declared_oid(client).or(match (&leaf.cast, sealed) {
            (Cast::To(oid, _), _) => Some(*oid),
            (Cast::None | Cast::Opaque, Some(sealed)) => Some(sealed.oid),
            (Cast::None | Cast::Opaque, None) => None,
        })
    }

    fn renumber(
        &mut self,
        leaf: &Leaf,
        token: Range<usize>,
        sealed: bool,
        client: u16,
        number: u16,
    ) {
        let range = if sealed {
            leaf.range.clone()
        } else {
            token.clone()
        };
        if number != client || range != token {
            self.edits.text(range, &format!("${number}"));
        }
    }

    fn both_sides(
        &self,
        slots: &Slots,
        types: &BTreeMap<u16, Option<u32>>,
        highest: u16,
    ) -> Judged<(Vec<UpstreamParam>, Vec<ClientParam>)> {
        let mut clients = Vec::with_capacity(usize::from(highest));
        let mut upstream: BTreeMap<u16, UpstreamParam> = BTreeMap::new();
        for number in 1..=highest {
            let oid = self
                .declared_oid(number)
                .or(types.get(&number).copied().flatten());
            let uses = slots
                .by_client
                .get(&number)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let sealed = uses.iter().any(|(seal, _)| seal.is_some());
            if sealed && oid.is_none() {
                let message = format!(
                    "the type of parameter ${number} is not known: it is used both in clear and for an encrypted column"
                );
                return Err(with_hint(
                    refusal("0A000", message, -1),
                    "Declare its type, or give the value twice.",
                ));
            }
            // a parameter that is only clear is the server's own matter
            let oid = if sealed {
                oid
            } else {
                self.declared_oid(number)
            };
            clients.push(ClientParam { oid });
            let client = number - 1;
            let clear = UpstreamParam {
                client,
                seal: None,
                oid: oid.unwrap_or(0),
                made: None,
            };
            upstream.entry(number).or_insert(clear.clone());
            for (seal, number) in uses {
                let param = match seal {
                    Some(seal) => UpstreamParam {
                        client,
                        seal: Some(seal.clone()),
                        oid: match seal.shape {
                            Shape::One => BYTEA,
                            Shape::Each => BYTEA_ARRAY,
                        },
                        made: None,
                    },
                    None => clear.clone(),
                };
                upstream.insert(*number, param);
            }
        }
        Ok((upstream.into_values().collect(), clients))
    }

    /// A constant and how it is sealed, by the cast around it too.
    pub(super) fn sealed_constant(
        &self,
        leaf: &Leaf,
        literal: &Literal,
        sealed: &Sealed,
    ) -> Judged<(Literal, Seal)> {
        let literal = self.with_cast(leaf, literal, sealed)?;
        let mut seal = sealed.seal.clone();
        seal.null_if.clone_from(&leaf.null_if);
        if let (Shape::Each, Cast::To(oid, modifiers)) = (seal.shape, &leaf.cast) {
            let element = of_value(*oid, seal.shape);
            let declared = self.column_type(sealed)?;
            seal.cut = element.and_then(|oid| cut(oid, modifiers, declared));
            if element.is_some_and(|oid| rounds(oid, modifiers, declared)) {
                seal.coercion = Coercion::Assign;
            }
        }
        Ok((literal, seal))
    }

    fn cell(&mut self, leaf: &Leaf, literal: &Literal, sealed: &Sealed) -> Judged<()> {
        let (literal, seal) = self.sealed_constant(leaf, literal, sealed)?;
        let text = self.input.text;
        let touches = |c: Option<char>| {
            c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '"' | '\''))
        };
        let before = text
            .get(..leaf.range.start)
            .and_then(|t| t.chars().next_back());
        let after = text.get(leaf.range.end..).and_then(|t| t.chars().next());
        let (start, end) = (leaf.range.start, leaf.range.end);
        if touches(before) {
            self.edits.text(start..start, " ");
        }
        self.edits.cell(start..end, literal, seal);
        if touches(after) {
            self.edits.text(end..end, " ");
        }
        Ok(())
    }

    /// The literal as its casts make it.
    fn with_cast(&self, leaf: &Leaf, literal: &Literal, sealed: &Sealed) -> Judged<Literal> {
        let declared = self.column_type(sealed)?;
        let refused = || self.cast_refused(leaf, sealed);
        if sealed.seal.shape == Shape::Each {
            return array_literal(leaf, literal, declared).ok_or_else(refused);
        }
        match &leaf.cast {
            Cast::None => Ok(literal.clone()),
            Cast::To(oid, modifiers) => cast_constant(literal, *oid, modifiers).ok_or_else(refused),
            Cast::Opaque => Err(refused()),
        }
    }

    fn cast_refused(&self, leaf: &Leaf, sealed: &Sealed) -> Box<crate::verdict::Refusal> {
        let name = self.world().column_name(sealed.seal.column);
        let at = i32::try_from(leaf.range.start).unwrap_or(-1);
        let message =
            format!("this cast of a value for {name}, which is encrypted, is not possible");
        with_hint(
            refusal("0A000", message, at),
            "Leave the cast out, or cast to the column's own type.",
        )
    }

    /// Whether a parameter's declared type has the same value in the column with a cast to `to` as without it.
    fn declared_as(&self, leaf: &Leaf, to: u32, column: DeclaredType, sealed: &Sealed) -> bool {
        let What::Param(client, _) = leaf.what else {
            return true;
        };
        let both_text = |d| types::is_text_oid(d) && types::is_text_oid(to);
        let kept = |d| d == to || both_text(d) || passes(d, to, column, sealed.seal.coercion);
        self.declared_oid(client).is_none_or(kept)
    }

    /// Casts of columns that hold cells now.
    fn drop_column_casts(&mut self, leaves: &mut [Leaf]) -> Judged<()> {
        let casts = std::mem::take(&mut self.column_casts);
        let mut by_leaf: BTreeMap<LeafIx, Vec<&BuiltIn>> = BTreeMap::new();
        for (cast, _, to) in &casts {
            for ix in cast {
                by_leaf.entry(*ix).or_default().push(to);
            }
        }
        for (cast, range, to) in &casts {
            let mut fates = cast.iter().filter_map(|ix| leaves.get(ix.0));
            let sealed = fates.find_map(|leaf| match &leaf.fate {
                Fate::Sealed(sealed) => Some((leaf, sealed.clone())),
                Fate::Clear | Fate::Tested | Fate::Undecided => None,
            });
            let Some((leaf, sealed)) = sealed else {
                continue;
            };
            let refused = self.cast_refused(leaf, &sealed);
            let declared = self.column_type(&sealed)?;
            let harmless = harmless(to.oid, &to.modifiers, declared, sealed.seal.coercion);
            if harmless && (!self.is_text(leaf) || types::is_text(declared)) {
                let mut all = cast.iter().filter_map(|ix| leaves.get(ix.0));
                if !all.all(|leaf| self.declared_as(leaf, to.oid, declared, &sealed)) {
                    return Err(refused);
                }
                self.edits.text(range.clone(), "");
                continue;
            }
            // text that is cast wherever it is used is read as a constant of that type is
            let always = |ix: &LeafIx| {
                let uses = by_leaf.get(ix).map_or(&[][..], Vec::as_slice);
                let references = leaves.get(ix.0).map(|leaf| leaf.references);
                uses.iter().all(|use_of| *use_of == to) && references == Some(uses.len())
            };
            if !cast.iter().all(always) {
                return Err(refused);
            }
            for ix in cast {
                let text = leaves.get(ix.0).is_some_and(|leaf| self.is_text(leaf));
                let leaf = leaves.get_mut(ix.0).ok_or_else(|| malformed("cast"))?;
                if !read_as(leaf, text, to) {
                    return Err(refused);
                }
            }
            self.edits.text(range.clone(), "");
        }
        let sealed =
            |ix: &LeafIx| matches!(leaves.get(ix.0), Some(l) if matches!(l.fate, Fate::Sealed(_)));
        for (cast, range) in std::mem::take(&mut self.case_casts) {
            if cast.iter().any(sealed) {
                self.edits.text(range, "");
            }
        }
        Ok(())
    }

    /// Result columns keep the names of what the client wrote.
    fn keep_names(&mut self, leaves: &[Leaf]) -> Judged<()> {
        for (ix, name) in std::mem::take(&mut self.names) {
            let Some(leaf) = leaves.get(ix.0) else {
                return Err(unsupported("this constant", -1));
            };
            let edited = match leaf.what {
                What::Constant(_) => true,
                What::Null | What::Param(..) => leaf.cast != Cast::None,
            };
            if edited && matches!(leaf.fate, Fate::Sealed(_)) {
                let alias = format!(" AS {}", super::scope::quoted(&name));
                self.edits.text(leaf.range.end..leaf.range.end, &alias);
            }
        }
        Ok(())
    }
}

/// A parameter has one type: it is an array in all its uses or in none (the first one's word counts).
fn one_shape(client: u16, known: Option<u32>, sealed: Option<&Sealed>) -> Judged<()> {
    let is_array = |oid| hippocrypt_policy::element_of(oid).is_some();
    let (Some(known), Some(sealed)) = (known, sealed) else {
        return Ok(());
    };
    match is_array(known) == is_array(sealed.oid) {
        true => Ok(()),
        false => {
            let message = format!("parameter ${client} is used both as a value and as an array");
            Err(refusal("42804", message, -1))
        }
    }
}
