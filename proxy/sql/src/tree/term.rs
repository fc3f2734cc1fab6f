//! A node as a plain term: its name and its parts, wherever it stands.
//!
//! What an edited text parses to is compared as terms. A serializer makes them, as it does the walk, so that no field of
//! any node is forgotten. Parts that are empty (0, no text, an empty list) are left out: protobuf does not tell them
//! from absent ones. It must never make two nodes equal that differ in more than their places.

use serde::Serialize;
use serde::ser::{Impossible, SerializeSeq, SerializeStruct, Serializer};
use std::fmt;

/// Whether a field says where, not what.
pub(crate) fn is_place(field: &str) -> bool {
    matches!(
        field,
        "location"
            | "list_start"
            | "list_end"
            | "rexpr_list_start"
            | "rexpr_list_end"
            | "stmt_location"
            | "stmt_len"
            | "name_location"
    )
}

/// A path of nodes and their fields, from the outermost.
pub(crate) type Path = [(&'static str, &'static str)];

/// A node, or a part of one.
#[derive(Debug, PartialEq)]
pub(crate) enum Term {
    /// No part: what is left out of a node.
    Nothing,
    /// Whatever an edit may put there: no node of the grammar is this.
    Any,
    Int(i64),
    /// Sets of bits, and floating-point numbers.
    Bits(u64),
    Text(String),
    List(Vec<Self>),
    Node(Parts),
}

/// What a node is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    name: &'static str,
    /// Its `location`, which no comparison looks at.
    at: Option<i64>,
    fields: Vec<(&'static str, Term)>,
}

impl PartialEq for Parts {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.fields == other.fields
    }
}

impl Term {
    /// Of a node; `None` if it holds a kind of value that no node has.
    pub(crate) fn of(node: &impl Serialize) -> Option<Self> {
        Self::without(node, &[])
    }

    /// The same without the field at the end of this path.
    pub(crate) fn without(node: &impl Serialize, path: &Path) -> Option<Self> {
        node.serialize(Maker { path }).ok()
    }

    /// A node.
    pub(crate) fn node(name: &'static str, fields: Vec<(&'static str, Self)>) -> Self {
        let at = None;
        Self::Node(Parts { name, at, fields })
    }

    /// The node of this name that it is.
    pub(crate) fn as_node(&self, name: &str) -> Option<&Parts> {
        match self {
            Self::Node(parts) if parts.name == name => Some(parts),
            _ => None,
        }
    }

    /// This field of the node of this name that it is.
    pub(crate) fn of_node(&self, name: &str, field: &str) -> Option<&Self> {
        self.as_node(name)?.get(field)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name that a `String` node is.
    pub(crate) fn string(&self) -> Option<&str> {
        self.of_node("String", "sval")?.text()
    }

    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// What is listed; nothing is where it is no list.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Does `work` to each of its parts.
    pub(crate) fn within_mut(&mut self, work: &mut dyn FnMut(&mut Self)) {
        match self {
            Self::List(items) => items.iter_mut().for_each(work),
            Self::Node(parts) => parts.fields.iter_mut().for_each(|(_, value)| work(value)),
            _ => {}
        }
    }

    /// Takes it out of its place.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nothing)
    }

    /// Whether a node has no such field.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing | Self::Int(0) | Self::Bits(0) => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Any | Self::Int(_) | Self::Bits(_) | Self::Node(_) => false,
        }
    }
}

impl Parts {
    /// Of which kind it is.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Where it stands, if it has a location.
    pub(crate) fn at(&self) -> Option<i64> {
        self.at
    }

    /// A field that is not empty.
    pub(crate) fn get(&self, field: &str) -> Option<&Term> {
        let found = self.fields.iter().find(|(name, _)| *name == field);
        found.map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, field: &str) -> Option<&mut Term> {
        let found = self.fields.iter_mut().find(|(name, _)| *name == field);
        found.map(|(_, value)| value)
    }

    /// Its fields' values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Term> {
        self.fields.iter().map(|(_, value)| value)
    }

    /// Takes these fields out, and those that have become empty.
    pub(crate) fn strip(&mut self, fields: &[&str]) {
        let keep = |name: &str, value: &Term| !value.is_nothing() && !fields.contains(&name);
        self.fields.retain(|(name, value)| keep(name, value));
    }
}

struct Maker<'p> {
    /// What is still to go of the path to the field that is left out.
    path: &'p Path,
}

/// The fields of a struct so far.
struct Fields<'p> {
    parts: Parts,
    /// What a `Node` wraps.
    wrapped: Option<Term>,
    path: &'p Path,
}

/// Those of a list.
struct Items(Vec<Term>);

/// `Node` is a wrapper without a meaning; empty, it is an item that a list lacks.
const WRAPPER: &str = "Node";

macro_rules! leaves {
    ($($method:ident: $type:ty => $term:expr),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<Term, fmt::Error> { Ok($term(value)) })*
    };
}

macro_rules! in_no_node {
    ($($method:ident($($type:ty),*) -> $ok:ty),* $(,)?) => {
        $(fn $method(self $(, _: $type)*) -> Result<$ok, fmt::Error> { Err(fmt::Error) })*
    };
}

type No = Impossible<Term, fmt::Error>;

impl<'p> Serializer for Maker<'p> {
    type Ok = Term;
    type Error = fmt::Error;
    type SerializeSeq = Items;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = Fields<'p>;
    type SerializeStructVariant = No;

    leaves! {
        serialize_bool: bool => |value| Term::Int(i64::from(value)),
        serialize_i32: i32 => |value| Term::Int(i64::from(value)),
        serialize_i64: i64 => Term::Int,
        serialize_u32: u32 => |value| Term::Int(i64::from(value)),
        serialize_u64: u64 => Term::Bits,
        serialize_f64: f64 => |value: f64| Term::Bits(value.to_bits()),
        serialize_str: &str => |value: &str| Term::Text(value.to_owned()),
    }

    in_no_node! {
        serialize_i8(i8) -> Term, serialize_i16(i16) -> Term, serialize_u8(u8) -> Term, serialize_u16(u16) -> Term,
        serialize_f32(f32) -> Term, serialize_char(char) -> Term, serialize_bytes(&[u8]) -> Term,
        serialize_unit() -> Term, serialize_unit_struct(&'static str) -> Term,
        serialize_unit_variant(&'static str, u32, &'static str) -> Term,
        serialize_tuple(usize) -> No, serialize_tuple_struct(&'static str, usize) -> No,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No, serialize_map(Option<usize>) -> No,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No,
    }

    fn serialize_none(self) -> Result<Term, fmt::Error> {
        Ok(Term::Nothing)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Term, fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<Term, fmt::Error> {
        Err(fmt::Error)
    }

    /// One of several nodes that can stand there: the variant says which.
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Term, fmt::Error> {
        match value.serialize(self)? {
            Term::Node(parts) => Ok(Term::Node(Parts {
                name: variant,
                ..parts
            })),
            _ => Err(fmt::Error),
        }
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items, fmt::Error> {
        Ok(Items(Vec::with_capacity(len.unwrap_or_default())))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'p>, fmt::Error> {
        Ok(Fields {
            parts: Parts {
                name,
                at: None,
                fields: Vec::new(),
            },
            wrapped: None,
            path: self.path,
        })
    }
}

impl SerializeSeq for Items {
    type Ok = Term;
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.0.push(value.serialize(Maker { path: &[] })?);
        Ok(())
    }

    fn end(self) -> Result<Term, fmt::Error> {
        Ok(Term::List(self.0))
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = Term;
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        if self.parts.name == WRAPPER {
            let wrapped = value.serialize(Maker { path: self.path })?;
            self.wrapped = Some(wrapped).filter(|term| !term.is_nothing());
            return Ok(());
        }
        let path = match self.path {
            [step] if *step == (self.parts.name, key) => return Ok(()),
            [step, rest @ ..] if *step == (self.parts.name, key) => rest,
            _ => &[],
        };
        let term = value.serialize(Maker { path })?;
        if is_place(key) {
            if key == "location" {
                self.parts.at = term.int();
            }
        } else if !term.is_nothing() {
            self.parts.fields.push((key, term));
        }
        Ok(())
    }

    fn end(self) -> Result<Term, fmt::Error> {
        Ok(self.wrapped.unwrap_or(Term::Node(self.parts)))
    }
}
