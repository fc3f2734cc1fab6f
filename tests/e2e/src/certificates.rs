//! A certificate authority and what it has signed, made by openssl when the tests begin.
//!
//! Nothing here may be kept: keys in a repository would be found and reported for ever.

use std::path::{Path, PathBuf};
use std::process::Command;

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// PEM files.
#[derive(Debug)]
pub struct Certificates {
    /// The authority's certificate.
    pub root: PathBuf,
    /// For `localhost` and 127.0.0.1.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The proxy's own, which the cluster takes for `carol`.
    pub proxy: Pair,
    /// A person's: CN `carol`, URI `spiffe://clinic/carol`.
    pub carol: Pair,
    /// Of the same names, by an authority that nobody trusts.
    pub impostor: Pair,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificates {
    /// Made in a directory that somebody else removes.
    pub fn make(directory: &Path) -> Self {
        let at = |name: &str| directory.join(name);
        authority(directory, "root");
        authority(directory, "elsewhere");
        let server = leaf(
            directory,
            "server",
            "root",
            "localhost",
            "DNS:localhost,IP:127.0.0.1",
        );
        let carol = "URI:spiffe://clinic/carol,email:carol@clinic.example";
        Self {
            root: at("root.crt"),
            certificate: server.certificate,
            key: server.key,
            proxy: leaf(
                directory,
                "proxy",
                "root",
                "hippocrypt-proxy",
                "DNS:proxy.clinic.example",
            ),
            carol: leaf(directory, "carol", "root", "carol", carol),
            impostor: leaf(directory, "impostor", "elsewhere", "carol", carol),
        }
    }
}

impl Certificates {
    /// The authority's list of revoked certificates, made in this directory.
    pub fn revoked(&self, directory: &Path, revoked: &[&Pair]) -> PathBuf {
        let settings = "[ca]\ndefault_ca = authority\n[authority]\ndatabase = index.txt\ncrlnumber = number\n\
            default_md = sha256\ndefault_crl_days = 2\ncrl_extensions = extensions\n\
            [extensions]\nauthorityKeyIdentifier = keyid:always\n";
        for (name, text) in [("ca.cnf", settings), ("index.txt", ""), ("number", "01\n")] {
            std::fs::write(directory.join(name), text).unwrap();
        }
        let key = self.root.with_extension("key");
        let authority = format!(
            "ca -config ca.cnf -cert {} -keyfile {}",
            self.root.display(),
            key.display()
        );
        for pair in revoked {
            let certificate = pair.certificate.display();
            openssl(directory, &format!("{authority} -revoke {certificate}"));
        }
        openssl(directory, &format!("{authority} -gencrl -out revoked.crl"));
        directory.join("revoked.crl")
    }
}

/// A server's certificate that nobody signed, with a key as `openssl req` takes it.
pub fn self_signed(directory: &Path, name: &str, key: &str) -> Pair {
    openssl(
        directory,
        &format!(
            "req -x509 {key} -nodes -days 2 -subj /CN=localhost -keyout {name}.key -out {name}.crt"
        ),
    );
    Pair {
        certificate: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    }
}

fn authority(directory: &Path, name: &str) {
    let usage = "-addext keyUsage=critical,keyCertSign,cRLSign"; // and CA:TRUE, by openssl's own default
    openssl(
        directory,
        &format!(
            "req -x509 {KEY} {usage} -days 2 -subj /CN=test-{name} -keyout {name}.key -out {name}.crt"
        ),
    );
}

fn leaf(directory: &Path, name: &str, authority: &str, common: &str, alternatives: &str) -> Pair {
    let extensions = format!("subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n");
    std::fs::write(directory.join(format!("{name}.cnf")), extensions).unwrap();
    openssl(
        directory,
        &format!("req {KEY} -subj /CN={common} -keyout {name}.key -out {name}.csr"),
    );
    openssl(
        directory,
        &format!(
            "x509 -req -in {name}.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial -days 2 \
             -extfile {name}.cnf -out {name}.crt"
        ),
    );
    Pair {
        certificate: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command
        .args(arguments.split_whitespace())
        .current_dir(directory);
    crate::sql::succeed(&mut command);
}
