//! From a person to the pseudonyms of the log, and back, for whoever has the key.

use crate::config::Config;
use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hippocrypt_crypto::{Pseudonyms, SubjectKey};
use hippocrypt_keys::Keyring;
use hippocrypt_policy::Subject;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use zeroize::Zeroizing;

/// What `keys export` prints.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported {
    /// Version of this form.
    v: u32,
    /// The key of each database's subjects, base64.
    subject_keys: BTreeMap<String, String>,
}

/// The keys of all databases' subjects, and nothing else.
pub fn exported(keyring: &Keyring) -> String {
    let databases = keyring.databases().map(|(name, keys)| {
        let key = STANDARD.encode(keys.subjects().expose());
        (name.to_string(), key)
    });
    let exported = Exported {
        v: 1,
        subject_keys: databases.collect(),
    };
    let text = serde_json::to_string_pretty(&exported).unwrap_or_default();
    text + "\n"
}

/// Reads and makes pseudonyms.
pub struct Readers {
    keys: Vec<SubjectKey>,
    /// Kinds that the policy has; empty where no policy is at hand.
    kinds: BTreeSet<String>,
    /// By kind, one for each key.
    made: RefCell<BTreeMap<String, Vec<Pseudonyms>>>,
}

impl Readers {
    /// By an exported file, else by the configuration's keyring.
    pub fn open(exported: Option<&Path>, config: Option<&Config>) -> anyhow::Result<Self> {
        let mut kinds = BTreeSet::new();
        for database in config.iter().flat_map(|c| c.policy.databases.values()) {
            let subjects = database.tables.values().filter_map(|t| t.subject.as_ref());
            kinds.extend(subjects.map(|s| s.kind.to_string()));
        }
        let keys = match (exported, config) {
            (Some(file), _) => read(file)?,
            (None, Some(config)) => {
                let keyring = Keyring::load(&config.keys.keyring, &config.keys.provider)?;
                let databases = keyring.databases();
                databases
                    .map(|(_, keys)| SubjectKey::copied_from(keys.subjects().expose()))
                    .collect()
            }
            (None, None) => bail!("subjects are read with --config, or with --subject-keys"),
        };
        Ok(Self {
            keys,
            kinds,
            made: RefCell::default(),
        })
    }

    /// The pseudonyms of `42` of every kind, or of `patient:42` of that kind.
    pub fn pseudonyms(&self, who: &str) -> anyhow::Result<Vec<String>> {
        let word = |kind: &str| {
            let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            kind.starts_with(|c: char| c.is_ascii_lowercase()) && kind.chars().all(small)
        };
        let known = |kind: &str| match self.kinds.is_empty() {
            true => word(kind),
            false => self.kinds.contains(kind),
        };
        let (kinds, value) = match who.split_once(':').filter(|(kind, _)| known(kind)) {
            Some((kind, value)) => (vec![kind.to_owned()], value),
            None if self.kinds.is_empty() => (vec![Subject::KIND.to_owned()], who),
            None => (self.kinds.iter().cloned().collect(), who),
        };
        if value.is_empty() {
            bail!("--subject: expected a value, or kind:value");
        }
        let mut out = Vec::new();
        let mut pseudonym = Vec::new();
        for kind in kinds {
            self.with(&kind, |maker| {
                maker.write(value.as_bytes(), &mut pseudonym);
                out.push(format!("{kind}:{}", URL_SAFE_NO_PAD.encode(&pseudonym)));
                None::<()>
            });
        }
        Ok(out)
    }

    /// `patient:42`; the pseudonym itself where no key reads it.
    pub fn name(&self, pseudonym: &str) -> String {
        let read = self.read(pseudonym);
        read.unwrap_or_else(|| format!("{pseudonym} (not readable)"))
    }

    /// `patient:42`, of a pseudonym that a key reads.
    pub fn read(&self, pseudonym: &str) -> Option<String> {
        let (kind, text) = pseudonym.split_once(':')?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let read = self.with(kind, |maker| maker.read(&bytes))?;
        let value = String::from_utf8_lossy(read.expose()).into_owned();
        Some(format!("{kind}:{value}"))
    }

    fn with<T>(&self, kind: &str, each: impl FnMut(&mut Pseudonyms) -> Option<T>) -> Option<T> {
        let mut made = self.made.borrow_mut();
        let makers = made.entry(kind.to_owned()).or_insert_with(|| {
            let keys = self.keys.iter();
            keys.map(|key| key.pseudonyms(kind)).collect()
        });
        makers.iter_mut().find_map(each)
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<SubjectKey>> {
    let what = || format!("{} is not what `keys export` prints", file.display());
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let text = Zeroizing::new(text);
    let exported: Exported = serde_json::from_str(&text).with_context(what)?;
    if exported.v != 1 {
        bail!(what());
    }
    let mut keys = Vec::new();
    for key in exported.subject_keys.values() {
        let bytes = Zeroizing::new(STANDARD.decode(key.as_bytes()).with_context(what)?);
        let bytes: &[u8; 32] = bytes.as_slice().try_into().with_context(what)?;
        keys.push(SubjectKey::copied_from(bytes));
    }
    Ok(keys)
}
