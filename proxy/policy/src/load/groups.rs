//! `group:`: which columns share keys.
//!
//! Two columns of a group can be joined because equal values give equal cells. A group must never mix
//! kinds or type families: such joins would be silently empty.

use super::hash::{self, Of};
use crate::names::parse_name;
use crate::yaml::{Node, Reader, nearest};
use crate::{Column, ColumnRef, DeclaredType, Group, GroupIx, Protect, TableRef};
use std::collections::HashMap;
use std::sync::Arc;

/// A column while the database is read.
pub(super) struct Drafted {
    /// The column; where it is not sound, with stand-ins for what could not be read.
    pub column: Column,
    /// Its `group:`.
    pub wish: Option<Wish>,
    /// Its `of:`.
    pub of: Option<Of>,
    /// Type and kind were read.
    pub sound: bool,
}

/// A `group:` as written.
pub(super) struct Wish {
    /// The column that gives the group its name.
    pub of: ColumnRef,
    /// Where it is written.
    pub line: usize,
}

/// `schema.table.column`, also where a role names a column.
pub(super) fn parse_column(text: &str) -> Result<ColumnRef, String> {
    parse_name::<3>(text, "schema.table.column, as in public.patients.ssn")
        .map(|[schema, table, column]| ColumnRef {
            table: TableRef { schema, table },
            column,
        })
        .map_err(|error| error.to_string())
}

pub(super) fn read_group(reader: &Reader, name: &ColumnRef, node: &Node) -> Option<Wish> {
    let what = format!("column {name}: group");
    let scalar = reader.scalar(node, &what, "a column of this policy, schema.table.column")?;
    match parse_column(&scalar.text) {
        Ok(of) => Some(Wish {
            of,
            line: node.line,
        }),
        Err(error) => {
            reader.problem(node.line, format!("{what}: {error}"));
            None
        }
    }
}

/// `was:`, the name before a rename.
pub(super) fn read_was(reader: &Reader, name: &ColumnRef, node: &Node) -> Option<ColumnRef> {
    let what = format!("column {name}: was");
    let scalar = reader.scalar(node, &what, "the column's former name, schema.table.column")?;
    parse_column(&scalar.text)
        .map_err(|error| reader.problem(node.line, format!("{what}: {error}")))
        .ok()
}

/// A former name belongs to one column, and to none of today's.
fn check_former_names(reader: &Reader, drafts: &[Drafted]) {
    let mut taken: HashMap<&ColumnRef, &ColumnRef> = HashMap::new();
    for draft in drafts {
        let Column {
            name,
            protect,
            place,
            ..
        } = &draft.column;
        let Some(was) = &draft.column.was else {
            continue;
        };
        let of_hash = drafts
            .iter()
            .filter_map(|d| Some((&d.column, d.of.as_ref()?)));
        let hash = of_hash
            .filter(|(hash, of)| hash.name.table == name.table && of.names(&name.column))
            .map(|(hash, _)| &hash.name)
            .next();
        let why = if drafts.iter().any(|other| other.column.name == *was) {
            "it is still a column of this policy".to_string()
        } else if let Some(other) = taken.insert(was, name) {
            format!("{other} has been that, too")
        } else if *protect == Protect::None {
            "a column with protect: none has no keys that would go by its name".to_string()
        } else if draft.of.is_some() {
            "the keys of a hash go by its name and those of its columns: it cannot be renamed"
                .to_string()
        } else if let Some(hash) = hash {
            format!(
                "the keys of the hash {hash} go by the names of its columns: they cannot be renamed"
            )
        } else {
            continue;
        };
        reader.problem(place.line, format!("column {name}: was {was}: {why}"));
    }
}

/// Gives every encrypted column its group.
pub(super) fn resolve(reader: &Reader, drafts: &mut [Drafted]) -> Vec<Group> {
    check_former_names(reader, drafts);
    let mut groups = Vec::new();
    let mut founded: HashMap<ColumnRef, GroupIx> = HashMap::new();
    for draft in drafts.iter().filter(|draft| draft.founds()) {
        let column = &draft.column;
        let ix = GroupIx(u32::try_from(groups.len()).unwrap_or(u32::MAX));
        founded.insert(column.name.clone(), ix);
        groups.push(Group {
            name: match &draft.of {
                Some(of) => hash::group_name(&column.name, of),
                None => Arc::from(
                    draft
                        .column
                        .was
                        .as_ref()
                        .unwrap_or(&column.name)
                        .to_string(),
                ),
            },
            deterministic: matches!(column.protect, Protect::Deterministic | Protect::Hash(_)),
        });
    }
    let chosen: Vec<Option<GroupIx>> = drafts
        .iter()
        .map(|draft| match &draft.wish {
            _ if draft.column.protect == Protect::None => None,
            Some(wish) if !draft.founds() => {
                let founder = founder(reader, drafts, draft, wish)?;
                founded.get(&founder.column.name).copied()
            }
            _ => founded.get(&draft.column.name).copied(),
        })
        .collect();
    for (draft, group) in drafts.iter_mut().zip(chosen) {
        draft.column.group = group;
    }
    groups
}

impl Drafted {
    /// Whether it gives its own name to a group.
    fn founds(&self) -> bool {
        let joins = |wish: &Wish| wish.of != self.column.name;
        self.column.protect != Protect::None && !self.wish.as_ref().is_some_and(joins)
    }
}

/// The column whose group `draft` joins; every reason why it cannot is a problem.
fn founder<'d>(
    reader: &Reader,
    drafts: &'d [Drafted],
    draft: &Drafted,
    wish: &Wish,
) -> Option<&'d Drafted> {
    let column = &draft.column;
    let what = format!("column {}: group {}", column.name, wish.of);
    let named = |other: &&Drafted| {
        other.column.name == wish.of || other.column.was.as_ref() == Some(&wish.of)
    };
    let Some(founder) = drafts.iter().find(named) else {
        let names: Vec<String> = drafts.iter().map(|d| d.column.name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let near = nearest(&wish.of.to_string(), &names)
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        reader.problem(
            wish.line,
            format!("{what} is no column of this database's policy{near}"),
        );
        return None;
    };
    if !draft.sound || !founder.sound {
        return None;
    }
    let other = &founder.column;
    let why = if other.protect == Protect::None {
        "it is not encrypted and has no keys to share".to_string()
    } else if !founder.founds() {
        "it is itself in another group; name that group's own column".to_string()
    } else if let Protect::Hash(_) = other.protect {
        "a hash shares its keys with no column".to_string()
    } else if other.protect != column.protect {
        format!(
            "a group has one kind of protection: {} there, {} here",
            kind(&other.protect),
            kind(&column.protect)
        )
    } else if other.declared.family() != column.declared.family() {
        format!(
            "a group has one family of types: {} there, {} here",
            family(other.declared),
            family(column.declared)
        )
    } else {
        return Some(founder);
    };
    reader.problem(wish.line, format!("{what}: {why}"));
    None
}

fn kind(protect: &Protect) -> &'static str {
    match protect {
        Protect::Random => "random",
        Protect::Deterministic => "deterministic",
        Protect::Hash(_) => "hash",
        Protect::None => "none",
    }
}

fn family(declared: DeclaredType) -> String {
    format!("{declared} ({})", declared.family())
}
