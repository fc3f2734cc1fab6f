//! Statements that are not queries: one rule for each that the grammar knows.
//!
//! It must never forward a statement that has no rule here.

use crate::analyse::{Answer, Input};
use crate::taint::Taint;
use crate::verdict::{Facts, Refusal, Verdict};
use pg_query::protobuf::RawStmt;
use std::sync::Arc;

/// The answer for a statement that is not SELECT, INSERT, UPDATE or DELETE.
///
/// `taint` is of this statement. The whole `RawStmt` is given for its location.
pub(crate) fn judge(input: &Input<'_>, stmt: &RawStmt, taint: Taint) -> Answer {
    let _ = (input, stmt);
    Answer {
        facts: Facts {
            kind: "UTILITY",
            tables: taint.tables,
            ..Facts::default()
        },
        verdict: Verdict::Refusal(Arc::new(Refusal {
            sqlstate: "0A000",
            message: "this statement is not supported yet".into(),
            detail: None,
            hint: None,
            position: None,
        })),
    }
}
