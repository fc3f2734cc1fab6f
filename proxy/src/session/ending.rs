//! Why sessions end, in the words of the record and of the client's last message.
//!
//! It must never tell a client more of a fault than `fault.rs` lets out.

use super::Fault;
use super::machine::Rest;
use hippocrypt_wire::{ErrorReport, Severity};

/// Why a session ended.
#[derive(Debug)]
pub enum Ending {
    /// The client said Terminate.
    Terminate,
    /// The client's connection closed.
    ClientClosed,
    /// The server's connection closed.
    ServerClosed,
    /// `sessions.idle_timeout`, `sessions.idle_in_transaction_timeout`
    IdleTimeout(Rest),
    /// The proxy stops.
    Shutdown,
    /// The session cannot go on under the new policy.
    PolicyChanged,
    /// A fault.
    Fault(Fault),
}

impl Ending {
    /// The words of the record.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Terminate => "terminate",
            Self::ClientClosed => "client closed",
            Self::ServerClosed => "server closed",
            Self::IdleTimeout(Rest::Idle) => "idle timeout",
            Self::IdleTimeout(Rest::InTransaction) => "idle in transaction timeout",
            Self::Shutdown => "shutdown",
            Self::PolicyChanged => "policy changed",
            Self::Fault(Fault::Client(_) | Fault::ClientWire(_)) => "client protocol error",
            Self::Fault(Fault::Server(_) | Fault::Wire(_)) => "server protocol error",
            Self::Fault(Fault::Audit(_)) => "audit failure",
            Self::Fault(Fault::Committed(_)) => "cell did not open",
            Self::Fault(Fault::Fatal(_)) => "refused",
        }
    }

    pub(super) fn last_words(&self) -> Option<ErrorReport> {
        let fatal = |code, words: &str| Some(ErrorReport::new(Severity::Fatal, code, words));
        match self {
            Self::Terminate | Self::ClientClosed | Self::ServerClosed => None,
            Self::IdleTimeout(Rest::Idle) => fatal(
                "57P05",
                "terminating connection due to idle-session timeout",
            ),
            Self::IdleTimeout(Rest::InTransaction) => fatal(
                "25P03",
                "terminating connection due to idle-in-transaction timeout",
            ),
            Self::Shutdown => fatal(
                "57P01",
                "terminating connection due to administrator command",
            ),
            Self::PolicyChanged => fatal(
                "57P01",
                "terminating connection because the proxy's policy for this database has changed",
            ),
            Self::Fault(fault) => Some(fault.report()),
        }
    }
}
