//! From YAML nodes to [`Config`]. It must never fill in a value that the file has, but wrongly.

use super::{Config, ConfigErrors};
use std::path::Path;

impl Config {
    /// Reads the file, its policy and its password file, expanding `${NAME}` from the environment.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Err(ConfigErrors::of_file(
            &path.display().to_string(),
            "reading a configuration is being built",
        ))
    }
}
