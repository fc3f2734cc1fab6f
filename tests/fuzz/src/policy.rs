//! Policies: the DBA's file, to its last key understood or refused.
//!
//! Every problem names a line of the text.

use hippocrypt_policy::{Mask, Policy};

/// Rare: a mask that leaves other than four characters at the end.
pub(crate) fn parse(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let policy = match Policy::parse("policy.yaml", text, &|_| None) {
        Ok(policy) => policy,
        Err(problems) => {
            assert!(!problems.to_string().is_empty(), "refused without a word");
            return false;
        }
    };
    for database in policy.databases.values() {
        for user in ["app", "", "*"] {
            let _ = policy.rights(&database.name, user);
        }
    }
    let mut columns = policy.databases.values().flat_map(|d| &d.columns);
    columns.any(|c| matches!(c.mask, Mask::Last(n) if n != 4))
}
