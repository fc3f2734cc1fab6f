//! The function call message: one function, by its OID.
//!
//! It must never let an OID through that is not known for what it is: the snapshot has no functions of `pg_catalog`.

use super::{is_trusted, opaque};
use crate::verdict::{Effects, Facts};
use crate::world::World;

/// What drivers use of large objects (src/include/catalog/pg_proc.dat): a system function keeps its OID. Those that
/// read and write the server's files are not among them.
const LARGE_OBJECTS: [(u32, &str); 17] = [
    (715, "lo_create"),
    (952, "lo_open"),
    (953, "lo_close"),
    (954, "loread"),
    (955, "lowrite"),
    (956, "lo_lseek"),
    (957, "lo_creat"),
    (958, "lo_tell"),
    (964, "lo_unlink"),
    (1004, "lo_truncate"),
    (3170, "lo_lseek64"),
    (3171, "lo_tell64"),
    (3172, "lo_truncate64"),
    (3457, "lo_from_bytea"),
    (3458, "lo_get"),
    (3459, "lo_get"),
    (3460, "lo_put"),
];

impl World {
    /// The name of a function that may be called by its OID, and what the call may change; `None` where it may not.
    pub fn function_call(&self, oid: u32) -> Option<(String, Facts)> {
        let (name, effects) = match LARGE_OBJECTS.iter().find(|(known, _)| *known == oid) {
            Some((_, name)) => (format!("pg_catalog.{name}"), Effects::default()),
            None => (self.trusted_function(oid)?, opaque()),
        };
        let facts = Facts {
            kind: "FUNCTION CALL",
            calls: true,
            effects,
            ..Facts::default()
        };
        Some((name, facts))
    }

    fn trusted_function(&self, oid: u32) -> Option<String> {
        let all = self.catalog().functions.iter();
        let mut all = all.flat_map(|(name, all)| all.iter().map(move |f| (name, f)));
        let (name, function) = all.find(|(_, f)| f.oid == oid)?;
        is_trusted(function, name, self).then(|| format!("{}.{name}", function.schema))
    }
}
