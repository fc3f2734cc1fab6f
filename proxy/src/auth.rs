//! Login: who the client is, and the same role's session at the server.
//!
//! `relay` passes the client's own exchange through: docs/decisions/relay-login.md. `scram` proves the client
//! here and logs in with what its proof has shown: docs/decisions/scram-login.md. In either the proxy holds no
//! password, and must never keep, log or print what could be one.

mod brake;
mod door;
mod leg;
mod probe;
mod proof;
mod relay;
mod scram;
mod upstream;
mod userlist;
mod verifiers;

pub use brake::{Brake, Network};
pub use door::{Door, DoorError, Knock, LoggedIn, Renewed};
pub use leg::Leg;
pub use scram::{Binding, EndPoint};

use hippocrypt_wire::startup::Startup;
use hippocrypt_wire::{ErrorReport, Frame, WireError};
use std::io;

/// The newest minor version of protocol 3 that is spoken with clients: 3.2, whose cancel keys are longer.
pub const NEWEST_MINOR: u16 = 2;

/// Why a login did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The proxy refused.
    #[error("{}", .report.message)]
    Denied {
        /// What the client is told.
        report: Box<ErrorReport>,
        /// What goes on record.
        reason: &'static str,
    },
    /// The server refused. The client is told once that is on record.
    #[error("the server refused the login ({sqlstate})")]
    Refused {
        /// The server's.
        sqlstate: String,
        /// The server's whole message.
        message: Frame,
    },
    /// The server asks for what the proxy cannot give.
    #[error("the server asks for {0}, with which the proxy cannot log in")]
    Method(&'static str),
    /// The server's verifier is not the one that the client was proved by.
    #[error("login at the server: {0}")]
    Verifier(scram::ScramError),
    /// A connection closed.
    #[error("{peer} closed the connection during login: {error}")]
    Closed {
        /// Whose.
        peer: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// Not the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Options that only a newer protocol knows. The server is not asked for them.
fn is_protocol_option(name: &[u8]) -> bool {
    name.starts_with(b"_pq_.")
}

/// The minor version that is spoken with this client.
pub fn minor(startup: &Startup) -> u16 {
    match startup.minor {
        NEWEST_MINOR.. => NEWEST_MINOR,
        _ => 0,
    }
}
