//! Whether the log that a report is made of is whole, and what that was held to.

use crate::ask::Ask;
use crate::words;
use hippocrypt_audit::verify::{Finding, Verified, verify_against};
use std::path::Path;

/// What verification found.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// Nothing was verified: that was asked for.
    NotVerified,
    /// It is whole.
    Whole(Box<Verified>, KeyFrom),
    /// It is not.
    Broken(Vec<Finding>),
}

/// Where the key came from that signatures were verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFrom {
    /// The log's own directory.
    Log,
    /// Whoever asked.
    Elsewhere,
}

/// Verifies the log, unless that is not asked for.
pub fn of(dir: &Path, ask: &Ask) -> Evidence {
    let Some(known) = &ask.held_to else {
        return Evidence::NotVerified;
    };
    let key = match known.key {
        Some(_) => KeyFrom::Elsewhere,
        None => KeyFrom::Log,
    };
    match verify_against(dir, known) {
        Ok(verified) => Evidence::Whole(Box::new(verified), key),
        Err(findings) => Evidence::Broken(findings),
    }
}

impl Evidence {
    /// Whether the log was found changed.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    /// How many of the records up to this one were not verified; `None`: all were, or none at all.
    pub(crate) fn unverified(&self, last: u64) -> Option<u64> {
        match self {
            Self::Whole(v, _) => (last + 1)
                .checked_sub(v.first_seq + v.records)
                .filter(|n| *n > 0),
            Self::NotVerified | Self::Broken(_) => None,
        }
    }

    /// In a sentence.
    pub(crate) fn answer(&self) -> &'static str {
        match self {
            Self::NotVerified => "Whether the log is whole was not looked at.",
            Self::Broken(_) => "The log is not whole.",
            Self::Whole(..) => {
                "The log is whole: no record was changed, removed, moved or added, as far as its checkpoints reach."
            }
        }
    }

    /// Lines of the head.
    pub(crate) fn head(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotVerified => vec![("Evidence", "NOT VERIFIED, as asked".to_owned())],
            Self::Broken(findings) => {
                let findings = words::count(findings.len(), "finding");
                vec![("Evidence", format!("THE LOG IS NOT WHOLE: {findings}"))]
            }
            Self::Whole(v, key) => {
                let kept = match v.kept {
                    0 => "none kept elsewhere were given".to_owned(),
                    1 => "1 kept elsewhere holds".to_owned(),
                    n => format!("{} kept elsewhere hold", words::grouped(n)),
                };
                let key = match key {
                    KeyFrom::Log => "the key in the log's directory",
                    KeyFrom::Elsewhere => "a key given from elsewhere",
                };
                let last = (v.first_seq + v.records).saturating_sub(1);
                let mut head = vec![
                    (
                        "Evidence",
                        format!(
                            "the log is whole: {} verified, {} to {}; {}, the last over {}, {kept}; signed by {key}",
                            words::count(v.records, "record"),
                            v.first.as_deref().map(words::time).unwrap_or_default(),
                            v.last.as_deref().map(words::time).unwrap_or_default(),
                            words::count(v.checkpoints, "checkpoint"),
                            words::count(v.signed, "record"),
                        ),
                    ),
                    ("Last hash", format!("{} (record {last})", v.head)),
                    ("Key", v.key.clone()),
                ];
                head.extend(seals(v).map(|told| ("Seals", told)));
                head
            }
        }
    }

    /// What its reader must know before anything else.
    pub(crate) fn caution(&self) -> Option<String> {
        match self {
            Self::Broken(findings) => {
                let first = findings.first().map(ToString::to_string);
                Some(format!(
                    "The log is not whole, so nothing below is evidence. First finding: {}. Run `hippocrypt audit verify`.",
                    first.unwrap_or_default()
                ))
            }
            Self::NotVerified => Some("The log was not verified.".to_owned()),
            Self::Whole(..) => None,
        }
    }
}

/// What seals show, where there are any.
fn seals(v: &Verified) -> Option<String> {
    let count = words::count(v.seals, "seal");
    let Some(proven) = &v.sealed else {
        let unchecked = format!("{count}; their MACs were not checked (--identity)");
        return (v.seals > 0).then_some(unchecked);
    };
    let bound = match proven.anchored {
        Some(records) => format!(
            "bound by the kept checkpoint over {}",
            words::count(records, "record")
        ),
        None => "bound by no kept checkpoint".to_owned(),
    };
    let others = match proven.others {
        Some(records) => format!(
            "; sealed for other auditors from {} on",
            words::count(records, "record")
        ),
        None => String::new(),
    };
    Some(format!(
        "{} hold, {} to {}, the last over {}; {bound}{others}",
        words::count(proven.seals, "seal"),
        proven.from.as_deref().map(words::time).unwrap_or_default(),
        proven.to.as_deref().map(words::time).unwrap_or_default(),
        words::count(proven.records, "record"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_came_meanwhile_are_told() {
        let verified = Verified {
            first_seq: 100,
            records: 50,
            ..Verified::default()
        };
        let whole = Evidence::Whole(Box::new(verified), KeyFrom::Log);
        assert_eq!(whole.unverified(149), None);
        assert_eq!(whole.unverified(152), Some(3));
        assert_eq!(Evidence::NotVerified.unverified(152), None);
    }
}
