//! The arguments of EXECUTE: those of sealed parameters become cells, in the order that the server's statement has.
//!
//! It must never write an argument into the text twice that is computed, nor leave one in clear that the prepared
//! statement seals.

use super::flow::{Cast, Flow, Leaf, What, string};
use super::refuse::{Judged, malformed, refusal, with_hint};
use super::{Planner, check, literal, params};
use crate::analyse::Input;
use crate::scan::Kind;
use crate::verdict::{Edit, HashPart, Literal, Made, Plan, Refusal, Replacement, Seal};
use pg_query::NodeEnum;
use pg_query::protobuf::{ExecuteStmt, Node, a_const};
use std::ops::Range;

/// An argument as the client wrote it.
struct Argument {
    range: Range<usize>,
    given: Given,
}

/// What it is.
enum Given {
    Null,
    Constant(Literal),
    /// `$n`: PostgreSQL has no parameters there.
    Parameter(u16),
    Computed,
}

/// The edits of an EXECUTE of a statement with this plan.
pub(crate) fn execute(input: Input<'_>, stmt: &Node, target: &Plan) -> Judged<Vec<Edit>> {
    let bad = || malformed("EXECUTE");
    let executed = executed(stmt).ok_or_else(bad)?;
    let ranges = ranges(&input, stmt).ok_or_else(bad)?;
    if ranges.len() != executed.params.len() {
        return Err(bad());
    }
    if ranges.len() != target.client_params.len() {
        return Err(wrong_number(executed, target));
    }
    let mut planner = Planner::new(input.clone());
    let mut arguments = Vec::with_capacity(ranges.len());
    for (range, node) in ranges.into_iter().zip(&executed.params) {
        let given = planner.argument(node)?;
        arguments.push(Argument { range, given });
    }
    let edits = edits(&input, target, &arguments)?;
    let plan = Plan {
        edits,
        ..Plan::default()
    };
    check::executed(&input, stmt, &plan, target)?;
    Ok(plan.edits)
}

/// The EXECUTE that a statement is or holds.
pub(super) fn executed(stmt: &Node) -> Option<&ExecuteStmt> {
    match stmt.node.as_ref()? {
        NodeEnum::ExecuteStmt(s) => Some(s),
        NodeEnum::ExplainStmt(s) => executed(s.query.as_deref()?),
        NodeEnum::CreateTableAsStmt(s) => executed(s.query.as_deref()?),
        _ => None,
    }
}

/// The constant that an argument is, from 0; `None` for any other.
pub(crate) fn argument(stmt: &Node, client: u16) -> Option<Literal> {
    let value = executed(stmt)?.params.get(usize::from(client))?;
    let Some(NodeEnum::AConst(constant)) = &value.node else {
        return None;
    };
    match constant.val.as_ref()? {
        a_const::Val::Sval(text) => Some(Literal::String {
            value: string(&text.sval),
            cast: 0,
        }),
        a_const::Val::Ival(n) => Some(Literal::Number(string(&n.ival.to_string()))),
        a_const::Val::Fval(n) => Some(Literal::Number(string(&n.fval))),
        a_const::Val::Boolval(_) | a_const::Val::Bsval(_) => None,
    }
}

/// Bytes of each argument.
fn ranges(input: &Input<'_>, stmt: &Node) -> Option<Vec<Range<usize>>> {
    let tokens = input.tokens;
    let (first, end) = (tokens.from(input.range.start), tokens.from(input.range.end));
    let is_made = matches!(stmt.node, Some(NodeEnum::CreateTableAsStmt(_)));
    // EXECUTE is a word that may be a name too: a table of that name stands before AS
    let word = (first..end).find(|&ix| {
        tokens.kind(ix) == Some(Kind::Execute)
            && (!is_made || ix.checked_sub(1).and_then(|ix| tokens.kind(ix)) == Some(Kind::As))
    })?;
    let open = word + 2;
    if open >= end || tokens.kind(open)? != Kind::Ascii40 {
        return Some(Vec::new());
    }
    input.listed(open + 1, tokens.closing(open)?)
}

fn wrong_number(stmt: &ExecuteStmt, target: &Plan) -> Box<Refusal> {
    let mut refusal = refusal(
        "42601",
        format!(
            "wrong number of parameters for prepared statement \"{}\"",
            stmt.name
        ),
        -1,
    );
    refusal.detail = Some(format!(
        "Expected {} parameters but got {}.",
        target.client_params.len(),
        stmt.params.len()
    ));
    refusal
}

fn edits(input: &Input<'_>, target: &Plan, arguments: &[Argument]) -> Judged<Vec<Edit>> {
    let bad = || malformed("EXECUTE");
    let mut edits = Vec::new();
    let end = arguments.last().map(|a| a.range.end);
    for (ix, param) in target.params.iter().enumerate() {
        let client = usize::from(param.client);
        let own = ix < arguments.len() && param.made.is_none();
        if own && ix != client {
            return Err(bad());
        }
        if let (Some(Made::Hash(parts)), Some(seal)) = (&param.made, &param.seal) {
            let end = end.ok_or_else(bad)?;
            let comma = Replacement::Text(", ".to_owned());
            let with = hashed(parts, seal, arguments, target)?;
            edits.extend([comma, with].map(|with| Edit {
                range: end..end,
                with,
            }));
            continue;
        }
        let argument = arguments.get(client).ok_or_else(bad)?;
        let with = match &param.seal {
            Some(seal) => Some(sealed(argument, param.client, seal, target)?),
            None if own => None,
            None => Some(copied(input, argument)?),
        };
        let Some(with) = with else { continue };
        if own {
            let range = argument.range.clone();
            edits.push(Edit { range, with });
        } else {
            let end = end.ok_or_else(bad)?;
            let comma = Replacement::Text(", ".to_owned());
            edits.extend([comma, with].map(|with| Edit {
                range: end..end,
                with,
            }));
        }
    }
    Ok(edits)
}

/// The hash of arguments, and of constants of the prepared statement, which were read when it was prepared.
fn hashed(
    parts: &[Option<HashPart>],
    seal: &Seal,
    arguments: &[Argument],
    target: &Plan,
) -> Judged<Replacement> {
    let bad = || malformed("EXECUTE");
    let part = |part: &Option<HashPart>| match part {
        Some(HashPart::Param { client, seal }) => {
            let argument = arguments.get(usize::from(*client)).ok_or_else(bad)?;
            match sealed(argument, *client, seal, target)? {
                Replacement::Argument { literal, oid, seal } => {
                    Ok(Some(HashPart::Argument { literal, oid, seal }))
                }
                _ => Ok(None),
            }
        }
        Some(HashPart::Constant { .. } | HashPart::Argument { .. }) => Err(bad()),
        read => Ok(read.clone()),
    };
    Ok(Replacement::Hash {
        seal: seal.clone(),
        parts: parts.iter().map(part).collect::<Judged<_>>()?,
    })
}

fn sealed(argument: &Argument, client: u16, seal: &Seal, target: &Plan) -> Judged<Replacement> {
    let client = usize::from(client);
    let oid = target.client_params.get(client).and_then(|p| p.oid);
    let oid = oid.ok_or_else(|| malformed("EXECUTE"))?;
    let at = i32::try_from(argument.range.start).unwrap_or(-1);
    match &argument.given {
        Given::Null => Ok(Replacement::Text("NULL".to_owned())),
        Given::Constant(literal) => Ok(Replacement::Argument {
            literal: literal.clone(),
            oid,
            seal: seal.clone(),
        }),
        Given::Parameter(number) => Err(refusal(
            "42P02",
            format!("there is no parameter ${number}"),
            at,
        )),
        Given::Computed => {
            let message = format!(
                "argument {} of EXECUTE is for an encrypted column: it must be a constant or NULL",
                client + 1
            );
            Err(with_hint(
                refusal("0A000", message, at),
                "Compute the value in the application.",
            ))
        }
    }
}

/// The clear use of an argument that is sealed elsewhere.
fn copied(input: &Input<'_>, argument: &Argument) -> Judged<Replacement> {
    let text = input.text.get(argument.range.clone());
    match (&argument.given, text) {
        (Given::Null | Given::Constant(_), Some(text)) => Ok(Replacement::Text(text.to_owned())),
        _ => Err(malformed("argument of EXECUTE")),
    }
}

impl Planner<'_> {
    fn argument(&mut self, node: &Node) -> Judged<Given> {
        let leaf = match self.infer(node)? {
            Flow::Open(leaves) if literal::is_leaf(node) => {
                leaves.first().and_then(|ix| self.leaves.get(ix.0)).cloned()
            }
            Flow::Open(_) | Flow::Clear => None,
            Flow::Cell(_) | Flow::Shown(..) => return Err(malformed("argument of EXECUTE")),
        };
        Ok(match leaf {
            None => Given::Computed,
            Some(Leaf {
                what: What::Null, ..
            }) => Given::Null,
            Some(Leaf {
                what: What::Param(number, _),
                ..
            }) => Given::Parameter(number),
            Some(Leaf {
                what: What::Constant(literal),
                cast,
                ..
            }) => typed(literal, &cast).map_or(Given::Computed, Given::Constant),
        })
    }
}

/// The constant with its cast; `None` where that would have to be computed.
fn typed(literal: Literal, cast: &Cast) -> Option<Literal> {
    match cast {
        Cast::None => Some(literal),
        Cast::Opaque => None,
        Cast::To(oid, modifiers) => params::cast_constant(&literal, *oid, modifiers),
    }
}
