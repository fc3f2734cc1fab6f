//! Tokens: JSON Web Tokens (RFC 7519) in the compact form of RFC 7515, signed with HS256 or EdDSA.
//!
//! Own code over `ring`, which is here anyway: the crates for it bring RSA and a second SHA-2. It must never let the
//! token say how it is verified: the algorithm is the key's.

use super::keys::{Key, TokenKeys, Verifies};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Deserialize;
use std::sync::Arc;

/// Longest token that is looked at, in bytes.
const TOKEN_MAX: usize = 8 * 1024;
/// Longest `sub` in bytes: what a record keeps of a name.
const SUBJECT_MAX: usize = 256;

/// Why a token does not count. Nothing here holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token.
    #[error("it is not a JSON Web Token signed with HS256 or EdDSA")]
    Malformed,
    /// No key has signed it.
    #[error("its signature is not that of a key of the proxy's")]
    Signature,
    /// It says too little.
    #[error("it lacks sub or exp, or has them in another form")]
    Claims,
    /// Too late, or too early.
    #[error("it has expired, or does not hold yet")]
    Expired,
    /// Two that say different things, or one that this session has not shown.
    #[error("it is not one that this session has shown")]
    Unknown,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// `sub`: the end user.
    pub user: Arc<str>,
    /// `reason`
    pub reason: Option<Arc<str>>,
    not_before: f64,
    expires: f64,
}

impl Claims {
    /// Whether it holds at this time, in seconds since 1970.
    pub fn hold(&self, now: f64) -> bool {
        self.not_before <= now && now < self.expires
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Body {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    reason: Option<String>,
}

/// What the token says, if one of the keys has signed it; not whether it holds now.
pub(super) fn verify(token: &str, keys: &TokenKeys) -> Result<Claims, TokenError> {
    if token.len() > TOKEN_MAX {
        return Err(TokenError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, body) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let header: Header =
        serde_json::from_slice(&decoded(header)?).map_err(|_| TokenError::Malformed)?;
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let signature = decoded(signature)?;
    let signs = |key: &&Key| {
        let asked = header.kid.is_none() || key.id == header.kid;
        asked
            && key
                .verifies
                .takes(&header.alg, signed.as_bytes(), &signature)
    };
    keys.0.iter().find(signs).ok_or(TokenError::Signature)?;
    let body: Body = serde_json::from_slice(&decoded(body)?).map_err(|_| TokenError::Claims)?;
    let plain = !body.sub.is_empty() && body.sub.len() <= SUBJECT_MAX && !body.sub.contains('\0');
    if !plain {
        return Err(TokenError::Claims);
    }
    Ok(Claims {
        user: body.sub.into(),
        reason: body.reason.filter(|r| !r.is_empty()).map(Arc::from),
        not_before: body.nbf.unwrap_or(f64::MIN),
        expires: body.exp,
    })
}

fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

impl Verifies {
    fn takes(&self, alg: &str, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hs256(key) => alg == "HS256" && hmac::verify(key, signed, signature).is_ok(),
            Self::EdDsa(key) => alg == "EdDSA" && key.verify(signed, signature).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenError, TokenKeys, URL_SAFE_NO_PAD, verify};
    use base64::Engine as _;
    use ring::hmac;

    /// RFC 7515 appendix A.1: its key, and its token, whose claims are another application's.
    const RFC_KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const RFC_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    /// RFC 8037 appendix A.4, whose payload is no JSON.
    const ED_KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const ED_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn keys() -> TokenKeys {
        TokenKeys::parse(&format!(
            r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{RFC_KEY}"}},{{"kty":"OKP","crv":"Ed25519","x":"{ED_KEY}"}}]}}"#
        ))
        .unwrap()
    }

    fn signed(header: &str, body: &str) -> String {
        let secret = URL_SAFE_NO_PAD.decode(RFC_KEY).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let text = format!("{}.{}", part(header), part(body));
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
        format!("{text}.{tag}")
    }

    #[test]
    fn the_signatures_of_the_standards_verify_and_their_claims_are_not_ours() {
        assert_eq!(verify(RFC_TOKEN, &keys()), Err(TokenError::Claims));
        assert_eq!(verify(ED_TOKEN, &keys()), Err(TokenError::Claims));
        for token in [RFC_TOKEN, ED_TOKEN] {
            let middle = token.find('.').unwrap() + 3;
            for at in [middle, token.len() - 4] {
                let mut forged = token.to_owned();
                let other = if &token[at..=at] == "A" { "B" } else { "A" };
                forged.replace_range(at..=at, other);
                assert_eq!(
                    verify(&forged, &keys()),
                    Err(TokenError::Signature),
                    "{forged}"
                );
            }
        }
    }

    #[test]
    fn a_token_says_who_and_until_when() {
        let body = r#"{"sub":"dr_grey","exp":1000,"nbf":10,"reason":"T-1"}"#;
        let claims = verify(&signed(r#"{"alg":"HS256","kid":"a"}"#, body), &keys()).unwrap();
        assert_eq!(
            (&*claims.user, claims.reason.as_deref()),
            ("dr_grey", Some("T-1"))
        );
        assert_eq!(
            [9.0, 10.0, 999.9, 1000.0].map(|at| claims.hold(at)),
            [false, true, true, false]
        );
    }

    #[test]
    fn what_is_not_signed_by_the_keys_own_algorithm_does_not_count() {
        let body = r#"{"sub":"a","exp":1}"#;
        for (header, expected) in [
            (r#"{"alg":"none"}"#, TokenError::Signature),
            (r#"{"alg":"HS512"}"#, TokenError::Signature),
            (r#"{"alg":"EdDSA"}"#, TokenError::Signature),
            (r#"{"alg":"HS256","kid":"b"}"#, TokenError::Signature),
            (r#"{"alg":"HS256","crit":["exp"]}"#, TokenError::Malformed),
            ("{}", TokenError::Malformed),
        ] {
            assert_eq!(
                verify(&signed(header, body), &keys()),
                Err(expected),
                "{header}"
            );
        }
        for body in [
            r#"{"sub":"a"}"#,
            r#"{"exp":1}"#,
            r#"{"sub":"","exp":1}"#,
            r#"{"sub":1,"exp":1}"#,
        ] {
            let token = signed(r#"{"alg":"HS256"}"#, body);
            assert_eq!(verify(&token, &keys()), Err(TokenError::Claims), "{body}");
        }
        for token in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(verify(token, &keys()).is_err(), "{token}");
        }
    }

    #[test]
    fn a_set_of_keys_is_understood_to_its_last_key() {
        for (set, words) in [
            ("{}", "no JSON Web Key Set"),
            (r#"{"keys":[]}"#, "no key"),
            (r#"{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}"#, "32 bytes"),
            (r#"{"keys":[{"kty":"RSA"}]}"#, "key 1: expected"),
            (
                r#"{"keys":[{"kty":"oct","alg":"HS512","k":"c2hvcnQ"}]}"#,
                "expected",
            ),
            (
                r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#,
                "32 bytes",
            ),
        ] {
            let error = TokenKeys::parse(set).unwrap_err();
            assert!(error.contains(words), "{set}: {error}");
        }
    }
}
