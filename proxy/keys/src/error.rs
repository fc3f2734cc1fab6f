//! What can go wrong with keys, in the words of the person at the terminal: which file, what is
//! wrong with it, the way out. Never a byte of a key.

use std::path::PathBuf;

/// Why a keyring was not made, loaded or completed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Opening, reading, writing or locking failed.
    #[error("{}: {doing}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// No keyring where the configuration says.
    #[error("{}: there is no keyring; `hippocrypt keys init` makes one, or correct `keys.keyring`", .0.display())]
    NoKeyring(PathBuf),
    /// The master key file is missing.
    #[error("{}: there is no master key; restore it from its backup, or correct `keys.provider`: without it the keyring cannot be opened", .0.display())]
    NoMasterKey(PathBuf),
    /// `init` found the keyring but not the master key.
    #[error("{}: the keyring exists but its master key {} does not; restore the master key from its backup: a new one could not open the keyring, so none was made", keyring.display(), master.display())]
    MasterKeyMissing {
        /// The keyring.
        keyring: PathBuf,
        /// Where the master key ought to be.
        master: PathBuf,
    },
    /// `init` found the master key but not the keyring.
    #[error("{}: the master key exists but the keyring {} does not; restore the keyring from its backup, or, only if no keyring was ever made with this key, remove the master key and run `keys init` again", master.display(), keyring.display())]
    KeyringMissing {
        /// Where the keyring ought to be.
        keyring: PathBuf,
        /// The master key.
        master: PathBuf,
    },
    /// Others than the owner may read or write a secret file.
    #[error("{}: mode {mode:04o} lets others than its owner in; `chmod 600 {}`", path.display(), path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file, or absurdly large.
    #[error("{}: {what}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// The provider's variable is not set.
    #[error(
        "environment variable {0} is not set (or not UTF-8); it must hold the master key: 64 hexadecimal digits or 32 bytes in base64 (`openssl rand -hex 32` makes one)"
    )]
    NoVariable(String),
    /// The provider's text is not a key.
    #[error(
        "{source_name}: is not a master key: expected 64 hexadecimal digits or 32 bytes in base64"
    )]
    NotAMasterKey {
        /// File or variable.
        source_name: String,
    },
    /// The keyring's text is not understood.
    #[error("{}:{line}: not a keyring of this version: {what}; restore it from its backup, it is not to be edited by hand", path.display())]
    Format {
        /// The keyring.
        path: PathBuf,
        /// The line, from 1; 1 where the whole document is meant.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// No wrapped key opens under the master key.
    #[error("{}: does not open with the master key of {provider}; give the master key that this keyring was made with, or restore the keyring that belongs to it", path.display())]
    WrongMasterKey {
        /// The keyring.
        path: PathBuf,
        /// The provider's name.
        provider: String,
    },
    /// The master key is the right one, but the document was changed.
    #[error("{}: the keyring was changed outside hippocrypt (its MAC is wrong); restore it from its backup", .0.display())]
    Changed(PathBuf),
    /// Someone else holds the lock.
    #[error("{}: another `keys` command holds the lock; wait for it to end and try again", .0.display())]
    Locked(PathBuf),
    /// The same database or group was asked for twice.
    #[error("{0} is named twice")]
    NamedTwice(String),
    /// A name that the keyring's text cannot hold.
    #[error("{0:?} is not a name that a keyring can hold: empty, or longer than 1000 bytes")]
    BadName(String),
    /// A group without an id.
    #[error(
        "database {database}: column group {group} has no id in the keyring; `hippocrypt keys sync` gives it one"
    )]
    NoGroup {
        /// The database.
        database: String,
        /// The group.
        group: String,
    },
    /// The kernel gave no randomness.
    #[error("the kernel gave no random bytes ({0}); nothing was made")]
    Random(String),
}
