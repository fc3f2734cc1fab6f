//! What a certificate says: its names, and the hash that channels are bound to (RFC 5929 §4).
//!
//! It must never find a name in a certificate that it cannot read whole, and never guess a hash: where the two
//! ends could disagree on one, nothing is bound.

use crate::auth::{Binding, EndPoint};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The certificate's `tls-server-end-point`.
pub(super) fn binding(certificate: &CertificateDer<'_>) -> Binding {
    let Ok(parsed) = Certificate::from_der(certificate) else {
        return Binding::Impossible;
    };
    // RFC 3279 §2.2, RFC 4055 §5, RFC 5758 §3. MD5 and SHA-1 count as SHA-256. RSASSA-PSS has its hash in
    // parameters and Ed25519 none: libpq before 16 and OpenSSL know none for them either.
    let hash = match parsed.signature_algorithm().oid.to_string().as_str() {
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10045.4.1"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.3.2" => Sha256::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => Sha224::digest(certificate).to_vec(),
        _ => return Binding::Impossible,
    };
    Binding::EndPoint(EndPoint(hash))
}

/// The names in a certificate, `kind:name`: the subject's CN where it has exactly one, and what its
/// subjectAltName holds of DNS names, addresses of mail and URIs.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    read_names(certificate).unwrap_or_default()
}

fn read_names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let body = parsed.tbs_certificate();
    let common = x509_cert::der::oid::db::rfc4519::COMMON_NAME;
    let mut names = Vec::new();
    if body.subject().iter().filter(|a| a.oid == common).count() == 1 {
        let name = body.subject().common_name().ok()??;
        names.push(format!("cn:{}", name.value()));
    }
    let alternatives = body.get_extension::<SubjectAltName>().ok()?;
    for name in alternatives.into_iter().flat_map(|(_, names)| names.0) {
        match name {
            GeneralName::DnsName(name) => names.push(format!("dns:{}", name.as_str())),
            GeneralName::Rfc822Name(name) => names.push(format!("email:{}", name.as_str())),
            GeneralName::UniformResourceIdentifier(name) => {
                names.push(format!("uri:{}", name.as_str()));
            }
            _ => {}
        }
    }
    // a zero byte ends a name for others (CVE-2009-4034)
    (!names.iter().any(|name| name.contains('\0'))).then_some(names)
}
