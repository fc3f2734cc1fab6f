//! A certificate authority and a server certificate, made by openssl when the tests begin.
//!
//! Nothing here may be kept: keys in a repository would be found and reported for ever.

use std::path::{Path, PathBuf};
use std::process::Command;

/// PEM files.
#[derive(Debug)]
pub struct Certificates {
    /// The authority's certificate.
    pub root: PathBuf,
    /// For `localhost` and 127.0.0.1.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificates {
    /// Made in a directory that somebody else removes.
    pub fn make(directory: &Path) -> Self {
        let at = |name: &str| directory.join(name);
        std::fs::write(
            at("server.cnf"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
        )
        .unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        let root = "-addext keyUsage=critical,keyCertSign,cRLSign"; // and CA:TRUE, by openssl's own default
        openssl(
            directory,
            &format!(
                "req -x509 {key} {root} -days 2 -subj /CN=test-root -keyout root.key -out root.crt"
            ),
        );
        openssl(
            directory,
            &format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"),
        );
        openssl(
            directory,
            "x509 -req -in server.csr -CA root.crt -CAkey root.key -CAcreateserial -days 2 -extfile server.cnf -out server.crt",
        );
        Self {
            root: at("root.crt"),
            certificate: at("server.crt"),
            key: at("server.key"),
        }
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(directory);
    crate::sql::succeed(&mut command);
}
