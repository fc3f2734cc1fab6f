//! SIGHUP: the policy and the files behind logins and TLS are read anew, all or none.
//!
//! Certificates and userlist hold for connections from then on, keys of tokens for every token; the policy also for
//! sessions that run, from where nothing of them does. It must never take up one without the others, nor any of them without its record.

use super::regime::{Regime, vaults};
use super::{House, OpenError, Running, ServeError};
use crate::attribution::TokenKeysError;
use crate::auth::DoorError;
use crate::config::{Config, ConfigErrors};
use crate::tls::{Acceptor, TlsError};
use hippocrypt_audit::{AppendError, Body};
use hippocrypt_policy::Policy;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// The server is asked for catalogs: no longer than this.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Who asked, in the records.
const ACTOR: &str = "SIGHUP";

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
    /// Keys of tokens.
    #[error(transparent)]
    Tokens(#[from] TokenKeysError),
    /// Keys of the new policy.
    #[error(transparent)]
    Keys(#[from] OpenError),
    /// Catalogs of the new policy.
    #[error(transparent)]
    Regime(#[from] ServeError),
    /// It could not be put on record.
    #[error("audit log: {0}")]
    Audit(#[from] AppendError),
    /// Too slow.
    #[error("it took longer than {TIMEOUT:?}")]
    Timeout,
}

/// What a reload has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Certificates and userlist were taken up; the policy is the same.
    Files,
    /// The policy too; its hash.
    Policy(Arc<str>),
}

impl Running {
    /// Reads policy, certificates, keys of TLS and userlist anew. One at a time.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let house = &self.house;
        let reloaded = tokio::time::timeout(TIMEOUT, house.reload()).await;
        let reloaded = reloaded.unwrap_or(Err(ReloadError::Timeout));
        if let Err(error) = &reloaded {
            let kept = Arc::clone(&house.regimes.current().policy.hash);
            let why = error.to_string().lines().next().unwrap_or_default().into();
            if let Err(error) = house.record_policy("refuse", kept, Some(why)) {
                tracing::error!(%error, "the refused reload could not be put on record");
            }
        }
        reloaded
    }
}

impl House {
    async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let now = Config::load(&self.config.file)?;
        // the files that the running configuration names: another configuration takes a restart
        let acceptor = Acceptor::new(&self.config.listen.tls)?;
        let upstream = self.connector.read(&self.config.upstream)?;
        let verifiers = self.door.read()?;
        let tokens = self.attribution.read()?;
        let former = self.regimes.current();
        let regime = match now.policy.hash == former.policy.hash {
            true => None,
            false => Some(self.regime(now.policy, &former).await?),
        };
        let hash = regime.as_ref().map(|r| Arc::clone(&r.policy.hash));
        match &hash {
            Some(hash) => self.record_policy("reload", Arc::clone(hash), None)?,
            None => self.record_files()?,
        }
        *self
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner) = acceptor;
        upstream.into_iter().for_each(|r| self.connector.replace(r));
        verifiers.into_iter().for_each(|r| self.door.replace(r));
        self.attribution.replace(tokens);
        regime.into_iter().for_each(|r| self.regimes.replace(r));
        Ok(hash.map_or(Reloaded::Files, Reloaded::Policy))
    }

    async fn regime(&self, policy: Arc<Policy>, former: &Regime) -> Result<Regime, ReloadError> {
        if let Some(regime) = former.under(&policy) {
            return Ok(regime);
        }
        let vaults = vaults(&self.config.keys, &policy)?;
        let (config, connector) = (&self.config, &self.connector);
        Ok(Regime::open(policy, vaults, config, connector, Some(former)).await?)
    }

    fn record_policy(
        &self,
        action: &str,
        policy: Arc<str>,
        detail: Option<Arc<str>>,
    ) -> Result<(), AppendError> {
        let source = self.config.policy_file.as_ref();
        let source = source.unwrap_or(&self.config.file).display().to_string();
        let record = Body::Policy {
            action: action.into(),
            policy,
            source: source.into(),
            actor: ACTOR.into(),
            detail,
        };
        self.services.log.append(&record.into()).map(|_| ())
    }

    fn record_files(&self) -> Result<(), AppendError> {
        let record = Body::Admin {
            action: "reload".into(),
            target: "certificates, userlist, keys of tokens".into(),
            actor: ACTOR.into(),
            detail: None,
        };
        self.services.log.append(&record.into()).map(|_| ())
    }
}
