//! Which of the generated types the proxy under test can protect.

use crate::generated::types::{TYPES, Type};
use std::sync::OnceLock;

/// The types that the proxy under test declares: asked once, of the binary itself.
pub fn declared() -> &'static [&'static Type] {
    static DECLARED: OnceLock<Vec<&'static Type>> = OnceLock::new();
    DECLARED.get_or_init(|| {
        TYPES
            .iter()
            .copied()
            .filter(|t| is_declared(t.name))
            .collect()
    })
}

/// The others.
pub fn undeclared() -> Vec<&'static str> {
    let known = declared();
    let others = TYPES.iter().filter(|t| !known.contains(t));
    others.map(|t| t.name).collect()
}

fn is_declared(name: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let at = |file: &str| directory.path().join(file);
    let policy = format!(
        "databases:\n  d:\n    tables:\n      public.t:\n        columns:\n          \
         c: {{ type: \"{name}\", protect: random }}\ndefault: clear\n"
    );
    std::fs::write(at("policy.yaml"), policy).unwrap();
    std::fs::write(at("secret"), "x").unwrap();
    let text = "listen: { address: 127.0.0.1:0 }\nupstream:\n  address: 127.0.0.1:1\n  service: { user: u, \
                password_file: secret }\nkeys: { keyring: keyring.json, provider: { file: master.key } }\n\
                audit: { directory: audit/ }\npolicy: policy.yaml\n";
    std::fs::write(at("hippocrypt.yaml"), text).unwrap();
    let mut command = std::process::Command::new(hippocrypt_e2e::proxy::binary());
    command
        .args(["keys", "init", "--config"])
        .arg(at("hippocrypt.yaml"));
    let output = command.output().unwrap();
    let told = hippocrypt_e2e::sql::told(&output);
    assert!(
        output.status.success() || told.contains("cannot be protected"),
        "{name}: {told}"
    );
    output.status.success()
}
