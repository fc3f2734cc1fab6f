//! The `serde` side of the walk: every field of every node becomes a call on [`Walk`].
//!
//! It must never ignore a part: each kind of value that `serde` knows either recurses or is a leaf.

use super::{TooDeep, Walk};
use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::fmt::{self, Display};

/// Walks `value`.
pub(super) fn drive<T: Serialize + ?Sized>(value: &T, walk: &mut Walk) -> Result<(), Stop> {
    value.serialize(Visitor { walk })
}

/// The walk went too deep.
#[derive(Debug)]
pub(super) struct Stop;

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tree is too deep")
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl From<TooDeep> for Stop {
    fn from(_: TooDeep) -> Self {
        Self
    }
}

struct Visitor<'w> {
    walk: &'w mut Walk,
}

/// The parts of a struct; leaves it at the end.
struct Fields<'w> {
    walk: &'w mut Walk,
    /// `Node` is a wrapper without a meaning: it gets no frame.
    framed: bool,
}

macro_rules! leaves {
    ($($method:ident: $type:ty => $call:ident as $as:ty),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<(), Stop> {
            self.walk.$call(<$as>::from(value));
            Ok(())
        })*
    };
}

macro_rules! nothing {
    ($($method:ident($($type:ty),*)),* $(,)?) => {
        $(fn $method(self $(, _: $type)*) -> Result<(), Stop> { Ok(()) })*
    };
}

impl<'w> Serializer for Visitor<'w> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Fields<'w>;
    type SerializeStructVariant = Fields<'w>;

    leaves! {
        serialize_i8: i8 => int as i64,
        serialize_i16: i16 => int as i64,
        serialize_i32: i32 => int as i64,
        serialize_i64: i64 => int as i64,
        serialize_u8: u8 => int as i64,
        serialize_u16: u16 => int as i64,
        serialize_u32: u32 => int as i64,
        serialize_bool: bool => flag as bool,
    }

    nothing! {
        serialize_u64(u64), serialize_f32(f32), serialize_f64(f64), serialize_char(char),
        serialize_bytes(&[u8]), serialize_none(), serialize_unit(), serialize_unit_struct(&'static str),
        serialize_unit_variant(&'static str, u32, &'static str),
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.walk.string(value);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'w>, Stop> {
        if name != "Node" {
            self.walk.enter(name)?;
        }
        Ok(Fields {
            walk: self.walk,
            framed: name != "Node",
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'w>, Stop> {
        self.serialize_struct(variant, len)
    }
}

macro_rules! items {
    ($($trait:ident::$method:ident),* $(,)?) => {
        $(impl $trait for Visitor<'_> {
            type Ok = ();
            type Error = Stop;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.walk.item();
                drive(value, self.walk)
            }
            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })*
    };
}

items! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

impl SerializeMap for Visitor<'_> {
    type Ok = ();
    type Error = Stop;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        drive(key, self.walk)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        drive(value, self.walk)
    }
    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

macro_rules! fields {
    ($($trait:ident),* $(,)?) => {
        $(impl $trait for Fields<'_> {
            type Ok = ();
            type Error = Stop;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Stop> {
                if self.framed {
                    self.walk.field(key);
                }
                drive(value, self.walk)
            }
            fn end(self) -> Result<(), Stop> {
                if self.framed {
                    self.walk.leave();
                }
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);
