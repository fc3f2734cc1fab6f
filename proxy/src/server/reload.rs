//! SIGHUP: the files behind logins and TLS are read anew, all or none.
//!
//! What was taken up holds for connections from then on; sessions go on as they are. It must never take up one
//! file without the others, nor a policy: verdicts of running sessions hang on the one they began with.

use super::{House, Running};
use crate::auth::DoorError;
use crate::config::{Config, ConfigErrors};
use crate::tls::{Acceptor, TlsError};
use std::sync::PoisonError;

/// Why everything stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration as it stands now.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// Certificates and keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Verifiers.
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// What a reload has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Everything that has changed is taken up, as far as a reload does.
    Whole,
    /// The policy has changed too, which takes a restart.
    PolicyWaits,
}

impl Running {
    /// Reads certificates, keys and userlist anew.
    pub fn reload(&self) -> Result<Reloaded, ReloadError> {
        self.house.reload()
    }
}

impl House {
    fn reload(&self) -> Result<Reloaded, ReloadError> {
        let now = Config::load(&self.config.file)?;
        // the files that the running configuration names: another configuration takes a restart
        let acceptor = Acceptor::new(&self.config.listen.tls)?;
        let upstream = self.connector.read(&self.config.upstream)?;
        let verifiers = self.door.read()?;
        *self
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner) = acceptor;
        upstream.into_iter().for_each(|r| self.connector.replace(r));
        verifiers.into_iter().for_each(|r| self.door.replace(r));
        match now.policy.hash == self.config.policy.hash {
            true => Ok(Reloaded::Whole),
            false => Ok(Reloaded::PolicyWaits),
        }
    }
}
