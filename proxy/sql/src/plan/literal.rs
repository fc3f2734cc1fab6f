//! Literals, parameters and the casts around them.
//!
//! A leaf's range must be exactly the bytes of the constant with its casts: an edit replaces them whole.

use super::Planner;
use super::flow::{Cast, Cell, Fate, Flow, Leaf, LeafIx, What, string};
use super::params::read_as;
use super::refuse::{Construct, Judged, malformed, refusal, unsupported, with_hint};
use super::types::{self, BuiltIn};
use crate::scan::Kind;
use crate::verdict::Literal;
use pg_query::NodeEnum;
use pg_query::protobuf::{AConst, Node, ParamRef, TypeCast, a_const};
use std::ops::Range;

mod array;

impl Planner<'_> {
    /// A constant.
    pub(super) fn constant(&mut self, constant: &AConst) -> Judged<Flow> {
        let Some(range) = self.constant_range(constant.location) else {
            return Ok(Flow::Clear);
        };
        let text = self.input.text.get(range.clone()).unwrap_or_default();
        let what = match &constant.val {
            _ if constant.isnull => What::Null,
            Some(a_const::Val::Sval(s)) => What::Constant(Literal::String {
                value: string(&s.sval),
                cast: 0,
            }),
            Some(a_const::Val::Ival(_) | a_const::Val::Fval(_)) => {
                What::Constant(Literal::Number(string(text)))
            }
            Some(a_const::Val::Boolval(b)) => What::Constant(Literal::Bool(b.boolval)),
            Some(a_const::Val::Bsval(_)) | None => return Ok(Flow::Clear),
        };
        Ok(self.leaf(Leaf {
            what,
            range,
            cast: Cast::None,
            fate: Fate::Undecided,
            each: false,
            read: None,
            references: 0,
            null_if: None,
        }))
    }

    /// A number may have its sign as a token of its own (gram.y, doNegate). `None` for a constant that is
    /// not in the text (`FETCH FIRST ROW`) or whose end cannot be told (`-(5)`): it can only be clear.
    fn constant_range(&self, location: i32) -> Option<Range<usize>> {
        let tokens = self.input.tokens;
        let start = usize::try_from(location).ok()?;
        let mut last = tokens.at(start)?;
        while matches!(tokens.kind(last), Some(Kind::Ascii45 | Kind::Ascii43)) {
            last += 1;
        }
        let token = tokens.get(last).filter(|t| t.kind != Kind::Ascii40)?;
        Some(start..token.range.end)
    }

    /// `$n`
    pub(super) fn param(&mut self, param: &ParamRef) -> Judged<Flow> {
        let number = u16::try_from(param.number)
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| {
                let message = format!("there is no parameter ${}", param.number);
                refusal("42P02", message, param.location)
            })?;
        let range = self.token_range(param.location)?;
        Ok(self.leaf(Leaf {
            what: What::Param(number, range.clone()),
            range,
            cast: Cast::None,
            fate: Fate::Undecided,
            each: false,
            read: None,
            references: 0,
            null_if: None,
        }))
    }

    /// The bytes of the token at a node's location.
    pub(super) fn token_range(&self, location: i32) -> Judged<Range<usize>> {
        let start = usize::try_from(location).map_err(|_| malformed("location"))?;
        let end = self.input.tokens.end_of(start);
        end.map(|end| start..end)
            .ok_or_else(|| malformed("location"))
    }

    /// `x::t`, `CAST(x AS t)`, `t 'x'`.
    pub(super) fn type_cast(&mut self, cast: &TypeCast) -> Judged<Flow> {
        let arg = cast.arg.as_deref().ok_or_else(|| malformed("cast"))?;
        let built_in = cast.type_name.as_ref().and_then(|t| self.stored_type(t));
        if let Some(array) = self.array_cast(cast, arg, built_in.as_ref()) {
            return array;
        }
        let flow = self.infer(arg)?;
        match flow {
            Flow::Clear => Ok(Flow::Clear),
            Flow::Cell(cell) if self.stored => self.cast_stored(cell, cast, built_in.as_ref()),
            Flow::Cell(cell) => self.cast_cell(&cell, cast, built_in),
            Flow::Shown(cell, _) => {
                Err(self.impossible(Construct::Other("a cast of a cast"), &cell, cast.location))
            }
            Flow::Open(leaves) => {
                if !is_leaf(arg) {
                    return self.cast_column(leaves, arg, cast, built_in);
                }
                for ix in &leaves {
                    let inner = self
                        .leaves
                        .get(ix.0)
                        .map(|l| l.range.clone())
                        .unwrap_or_default();
                    let range = self.cast_range(cast, inner);
                    if let Some(leaf) = self.leaves.get_mut(ix.0) {
                        leaf.cast = match (&range, &built_in) {
                            (Some(_), Some(to)) => cast_after(&leaf.cast, to),
                            _ => Cast::Opaque,
                        };
                        leaf.range = range.unwrap_or_else(|| leaf.range.clone());
                    }
                }
                Ok(Flow::Open(leaves))
            }
        }
    }

    /// Whether values that are one are text: each is, or has no type.
    fn of_text(&self, leaves: &[LeafIx]) -> bool {
        let mut leaves = leaves.iter().filter_map(|ix| self.leaves.get(ix.0));
        leaves.all(|leaf| self.type_of(leaf).is_none() || self.is_text(leaf))
    }

    /// Whether a cast of the whole is the cast of each: exact numbers or one declared type, nothing cast yet.
    fn of_one_type(&self, leaves: &[LeafIx]) -> bool {
        const UNKNOWN: u32 = 705;
        let number = |oid| matches!(oid, 20 | 21 | 23 | 1700);
        let oid_of = |leaf: &Leaf| match &leaf.what {
            What::Null => None,
            What::Constant(Literal::String { .. }) => Some(UNKNOWN),
            What::Constant(Literal::Number(_)) => Some(1700),
            What::Constant(Literal::Bool(_)) => Some(16),
            What::Constant(Literal::Cast { to, .. }) => Some(to.oid()),
            What::Param(client, _) => Some(self.declared_oid(*client).map_or(
                0,
                |oid| match number(oid) {
                    true => 1700,
                    false => oid,
                },
            )),
        };
        let leaves = leaves.iter().filter_map(|ix| self.leaves.get(ix.0));
        let plain = leaves.clone().all(|leaf| leaf.cast == Cast::None);
        let mut oids = leaves.filter_map(oid_of);
        let first = oids.next().unwrap_or(UNKNOWN);
        plain && first != 0 && oids.all(|oid| oid == first)
    }

    /// `v.s::text`, a column of VALUES: dropped if its constants become cells. `(CASE … END)::text`: said of each value.
    fn cast_column(
        &mut self,
        leaves: Vec<LeafIx>,
        arg: &Node,
        cast: &TypeCast,
        to: Option<BuiltIn>,
    ) -> Judged<Flow> {
        let tokens = self.input.tokens;
        let start = usize::try_from(cast.location).unwrap_or(usize::MAX);
        let operator = tokens
            .at(start)
            .filter(|ix| tokens.kind(*ix) == Some(Kind::Typecast));
        let end = operator.and_then(|ix| self.type_end(ix + 1));
        match (&arg.node, end, to) {
            (Some(NodeEnum::ColumnRef(_)), Some(end), Some(to)) => {
                self.column_casts.push((leaves.clone(), start..end, to));
                Ok(Flow::Open(leaves))
            }
            (Some(NodeEnum::CaseExpr(_) | NodeEnum::CoalesceExpr(_)), Some(end), Some(to))
                if self.of_text(&leaves) =>
            {
                self.unknown_is_text(&leaves);
                for ix in &leaves {
                    if let Some(leaf) = self.leaves.get_mut(ix.0) {
                        read_as(leaf, true, &to);
                    }
                }
                self.case_casts.push((leaves.clone(), start..end));
                Ok(Flow::Open(leaves))
            }
            (Some(NodeEnum::CaseExpr(_) | NodeEnum::CoalesceExpr(_)), Some(end), Some(to))
                if self.of_one_type(&leaves) =>
            {
                for ix in &leaves {
                    if let Some(leaf) = self.leaves.get_mut(ix.0) {
                        leaf.cast = cast_after(&leaf.cast, &to);
                    }
                }
                self.case_casts.push((leaves.clone(), start..end));
                Ok(Flow::Open(leaves))
            }
            _ => {
                self.settle(&leaves, &Fate::Clear)?;
                Ok(Flow::Clear)
            }
        }
    }

    /// A cast of cells that the server makes: the bytes stay what they are in bytea and its domain only.
    fn cast_stored(&self, cell: Cell, cast: &TypeCast, to: Option<&BuiltIn>) -> Judged<Flow> {
        match to {
            Some(BuiltIn { oid: 17, modifiers }) if modifiers.is_empty() => Ok(Flow::Cell(cell)),
            _ => Err(self.impossible(Construct::Other("this cast"), &cell, cast.location)),
        }
    }

    /// A cast of cells: dropped where it changes nothing but the type's name.
    fn cast_cell(&mut self, cell: &Cell, cast: &TypeCast, to: Option<BuiltIn>) -> Judged<Flow> {
        let at = cast.location;
        let after = to.and_then(|to| {
            let after = types::after_cast(cell, &to).map(Flow::Cell);
            let shown = || Some(Flow::Shown(cell.clone(), types::shown_as(cell, &to)?));
            after.or_else(shown)
        });
        let Some(after) = after else {
            let refused = self.impossible(Construct::Other("this cast"), cell, at);
            return Err(with_hint(
                refused,
                "A cast to the column's own type is possible, and to text, shorter text, another number or date of what is only shown.",
            ));
        };
        let start = usize::try_from(at).map_err(|_| malformed("cast"))?;
        let tokens = self.input.tokens;
        let operator = tokens.at(start).ok_or_else(|| malformed("cast"))?;
        match tokens.kind(operator) {
            Some(Kind::Typecast) => {
                let end = self
                    .type_end(operator + 1)
                    .ok_or_else(|| malformed("cast"))?;
                self.edits.text(start..end, "");
            }
            Some(Kind::Cast) => self.drop_cast_call(operator)?,
            _ => return Err(unsupported("this form of cast of an encrypted column", at)),
        }
        Ok(after)
    }

    /// `CAST(x AS t)` becomes `(x)`.
    fn drop_cast_call(&mut self, cast: usize) -> Judged<()> {
        let tokens = self.input.tokens;
        let bad = || malformed("cast");
        let open = cast + 1;
        let close = tokens.closing(open).ok_or_else(bad)?;
        let word = tokens.until(open + 1, close, &[Kind::As]);
        let range = |ix: usize| tokens.get(ix).map(|t| t.range.clone()).ok_or_else(bad);
        self.edits.text(range(cast)?, "");
        self.edits.text(range(word)?.start..range(close)?.start, "");
        Ok(())
    }

    /// The bytes of a leaf with this cast around it; `None` where they cannot be told.
    pub(super) fn cast_range(&self, cast: &TypeCast, inner: Range<usize>) -> Option<Range<usize>> {
        let tokens = self.input.tokens;
        // the grammar gives `date '2020-01-01'` no location but its type's (gram.y, makeStringConstCast)
        let name = cast.type_name.as_ref().map_or(-1, |t| t.location);
        let location = if cast.location < 0 {
            name
        } else {
            cast.location
        };
        let at = usize::try_from(location).ok()?;
        let first = tokens.at(at)?;
        let inner = self.in_parentheses(inner);
        match tokens.kind(first)? {
            Kind::Typecast => {
                let touching = tokens.from(inner.end) == first;
                let end = self.type_end(first + 1)?;
                touching.then_some(inner.start..end)
            }
            Kind::Cast => {
                let open = first + 1;
                let close = tokens.closing(open)?;
                let starts = tokens.get(open + 1)?.range.start == inner.start;
                let word = tokens.kind(tokens.from(inner.end))? == Kind::As;
                (starts && word).then_some(at..tokens.get(close)?.range.end)
            }
            // `date '2020-01-01'`: the type name, then the constant
            _ if at < inner.start => {
                let end = self.type_end(first)?;
                (tokens.from(end) == tokens.from(inner.start)).then_some(at..inner.end)
            }
            _ => None,
        }
    }

    /// The bytes with the parentheses that stand around them: `('x'::text)::varchar`.
    fn in_parentheses(&self, inner: Range<usize>) -> Range<usize> {
        let tokens = self.input.tokens;
        let (mut start, mut end) = (tokens.from(inner.start), tokens.from(inner.end));
        let mut range = inner;
        while let Some(before) = start.checked_sub(1) {
            let opens = tokens.kind(before) == Some(Kind::Ascii40);
            let outer = match (tokens.get(before), tokens.get(end)) {
                (Some(open), Some(close)) if opens && close.kind == Kind::Ascii41 => {
                    open.range.start..close.range.end
                }
                _ => break,
            };
            (start, end, range) = (before, end + 1, outer);
        }
        range
    }

    /// End of the type name that begins at token `first`: a name, one of gram.y's phrases, modifiers.
    pub(super) fn type_end(&self, first: usize) -> Option<usize> {
        let tokens = self.input.tokens;
        let last = match tokens.kind(first)? {
            Kind::DoubleP | Kind::National => first + 1,
            _ => first,
        };
        let mut next = tokens.name_end(last) + 1;
        if tokens.kind(next) == Some(Kind::Varying) {
            next += 1;
        }
        if tokens.kind(next) == Some(Kind::Ascii40) {
            next = tokens.closing(next)? + 1;
        }
        let zone = matches!(
            tokens.kind(next),
            Some(Kind::With | Kind::WithLa | Kind::Without | Kind::WithoutLa)
        );
        if zone
            && tokens.kind(next + 1) == Some(Kind::Time)
            && tokens.kind(next + 2) == Some(Kind::Zone)
        {
            next += 3;
        }
        if tokens.kind(next) == Some(Kind::Array) {
            next += 1;
        }
        while tokens.kind(next) == Some(Kind::Ascii91) {
            next = tokens.closing(next)? + 1;
        }
        tokens.get(next.checked_sub(1)?).map(|t| t.range.end)
    }
}

/// A constant or parameter with nothing but casts around it.
pub(super) fn is_leaf(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::AConst(_) | NodeEnum::ParamRef(_)) => true,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_leaf),
        Some(NodeEnum::AArrayExpr(array)) => array::is_constant_array(array),
        _ => false,
    }
}

/// A constant with nothing but casts around it.
fn is_constant(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::AConst(_)) => true,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_constant),
        _ => false,
    }
}

/// Two casts in a row: only text to text is known to be the last one alone.
pub(super) fn cast_after(before: &Cast, to: &BuiltIn) -> Cast {
    match before {
        Cast::None => Cast::To(to.oid, to.modifiers.clone()),
        Cast::To(oid, modifiers)
            if modifiers.is_empty()
                && to.modifiers.is_empty()
                && (*oid == to.oid || both_text(*oid, to.oid)) =>
        {
            Cast::To(to.oid, Vec::new())
        }
        Cast::To(..) | Cast::Opaque => Cast::Opaque,
    }
}

/// text and varchar, or arrays of them.
fn both_text(before: u32, to: u32) -> bool {
    let element = hippocrypt_policy::element_of;
    match (element(before), element(to)) {
        (Some(before), Some(to)) => types::is_text_oid(before) && types::is_text_oid(to),
        (None, None) => types::is_text_oid(before) && types::is_text_oid(to),
        _ => false,
    }
}
