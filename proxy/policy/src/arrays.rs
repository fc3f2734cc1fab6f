//! Which type of `pg_type` is the array of which: the pairs that a value of a protected column can come in.
//!
//! It must never answer for a type that is not listed: a type of a user's own has an array type that only the
//! catalog knows.

/// OID of the type, OID of its array type (pg_type.dat).
const PAIRS: [(u32, u32); 22] = [
    (16, 1000),
    (17, 1001),
    (19, 1003),
    (20, 1016),
    (21, 1005),
    (23, 1007),
    (25, 1009),
    (114, 199),
    (650, 651),
    (700, 1021),
    (701, 1022),
    (869, 1041),
    (1042, 1014),
    (1043, 1015),
    (1082, 1182),
    (1083, 1183),
    (1114, 1115),
    (1184, 1185),
    (1186, 1187),
    (1700, 1231),
    (2950, 2951),
    (3802, 3807),
];

/// The array type of an element type.
pub fn array_of(element: u32) -> Option<u32> {
    PAIRS
        .iter()
        .find(|(one, _)| *one == element)
        .map(|(_, array)| *array)
}

/// The element type of an array type.
pub fn element_of(array: u32) -> Option<u32> {
    PAIRS
        .iter()
        .find(|(_, many)| *many == array)
        .map(|(one, _)| *one)
}

#[cfg(test)]
mod tests {
    use super::{array_of, element_of};

    #[test]
    fn a_pair_is_found_from_both_sides_and_nothing_else_is() {
        assert_eq!(array_of(1043), Some(1015));
        assert_eq!(element_of(1009), Some(25));
        assert_eq!(array_of(1009), None);
        assert_eq!(element_of(25), None);
    }
}
