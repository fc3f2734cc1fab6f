//! From YAML to [`Policy`]. A policy that it does not understand to the last key does not load.

use crate::Policy;
use crate::yaml::Problems;
use std::path::Path;

impl Policy {
    /// Reads and checks a policy file, `${NAME}` expanded from the process environment.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Problems::of_file(&name, format!("cannot be read: {e}")))?;
        Self::parse(&name, &text, &|variable| std::env::var(variable).ok())
    }

    /// Checks a policy's text; `file_name` is what problems name, `env` answers `${NAME}`.
    pub fn parse(
        file_name: &str,
        _text: &str,
        _env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Err(Problems::of_file(
            file_name,
            "reading a policy is being built",
        ))
    }
}
