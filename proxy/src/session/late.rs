//! A row that cannot be shown after others were: DESIGN §3 rule 5, postgres-facts §2 "Late failure".
//!
//! ```text
//!   row does not open ─► error to the client, the rest of the Sync group is swallowed, then
//!     Sync not sent yet ─► stand-in, Sync ─────────────► Z(I) or Z(E) passes: all rolled back
//!     Z(E) ───────────────────────────────────────────► passes
//!     Z(T), nothing behind it ─► stand-in, Sync ───────► Z(E) passes
//!     Z(T), messages behind it ────────────────────────► FATAL: the server rolls back as we leave
//!     Z(I), nothing was written ───────────────────────► passes
//!     Z(I), something was written ─────────────────────► FATAL: committed, and said so
//! ```
//!
//! It must never show ciphertext, NULL or fewer rows as if they were the answer.

use super::Fault;
use super::inflight::{Expect, Refused};
use super::machine::{Machine, REFUSED_NAME, STAND_IN};
use hippocrypt_wire::backend::TransactionStatus;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Frame, Severity};
use std::time::Instant;

/// How far a late failure has come.
#[derive(Debug)]
pub(super) struct Late {
    report: ErrorReport,
    /// The server has failed the group, or its stand-in is on its way.
    aborted: bool,
}

impl Late {
    pub(super) fn wants_abort(&self) -> bool {
        !self.aborted
    }

    pub(super) fn server_failed(&mut self) {
        self.aborted = true;
    }
}

impl Machine {
    /// The row at hand does not open.
    pub(super) fn fail_late(&mut self, report: ErrorReport, now: Instant) -> Result<(), Fault> {
        self.record_subjects(now)?;
        if self.late.is_some() {
            return Ok(());
        }
        self.tally.rejected += 1;
        report.write(&mut self.to_client)?;
        let database = self.database();
        let run = match self.inflight.head() {
            Some(Expect::Execute(run)) => Some(&mut **run),
            Some(Expect::Query(query)) => query.running.front_mut(),
            _ => None,
        };
        if let Some(run) = run {
            self.recorder
                .outcome(run, Some(&report.sqlstate), database.as_deref(), now)?;
        }
        if self.unsynced {
            self.skipping = true;
        }
        self.late = Some(Late {
            report,
            aborted: false,
        });
        Ok(())
    }

    /// ReadyForQuery at the end of a group that has failed late. `true`: it passes.
    pub(super) fn late_ready(&mut self, status: TransactionStatus) -> Result<bool, Fault> {
        let Some(late) = self.late.take() else {
            return Ok(true);
        };
        match status {
            TransactionStatus::InBlock if !late.aborted => {
                if !self.inflight.is_empty() {
                    return Err(gone(&late.report, "The transaction was rolled back."));
                }
                let mut out = Writer::new(&mut self.to_server);
                out.parse(REFUSED_NAME, STAND_IN, std::iter::empty())?;
                out.bare(b'S')?;
                let refused = Refused {
                    report: None,
                    replaces: "42P02",
                    undo: Vec::new(),
                };
                self.inflight.push(Expect::Refused(Box::new(refused)));
                self.inflight.push(Expect::Sync);
                self.late = Some(Late {
                    aborted: true,
                    ..late
                });
                Ok(false)
            }
            TransactionStatus::Idle if !late.aborted && self.group_wrote => Err(gone(
                &late.report,
                "The statement's changes were committed before its answer could be shown.",
            )),
            TransactionStatus::Idle | TransactionStatus::InBlock | TransactionStatus::Failed => {
                Ok(true)
            }
        }
    }

    /// Passes a ReadyForQuery whatever has failed.
    pub(super) fn pass_ready(&mut self, frame: &Frame) {
        self.to_client.extend_from_slice(frame.as_bytes());
    }
}

fn gone(report: &ErrorReport, detail: &str) -> Fault {
    let fatal = ErrorReport {
        severity: Severity::Fatal,
        ..report.clone()
    };
    Fault::Committed(Box::new(fatal.detail(detail)))
}
