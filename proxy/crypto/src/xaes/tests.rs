//! The specification's own vectors, and ring as a second opinion on AES-256-GCM.

use super::*;
use sha3::Shake128;
use sha3::digest::{ExtendableOutput, Update, XofReader};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
        .collect()
}

fn halves(nonce: &[u8; 24]) -> ([u8; 12], [u8; 12]) {
    (
        nonce[..12].try_into().unwrap(),
        nonce[12..].try_into().unwrap(),
    )
}

fn seal(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], text: &[u8]) -> Vec<u8> {
    let (prefix, tail) = halves(nonce);
    let mut out = text.to_vec();
    let cipher = PrefixKey::derive(key, &prefix);
    let tag = cipher.seal(&tail, aad, &mut out).unwrap();
    let mut back = out.clone();
    cipher.open(&tail, aad, &mut back, &tag).unwrap();
    assert_eq!(back, text);
    out.extend(tag);
    out
}

/// `zeroize` is no default feature of these crates: losing it in Cargo.toml would lose the wiping.
#[test]
fn expanded_keys_wipe_themselves() {
    fn wipes<T: zeroize::ZeroizeOnDrop>() {}
    wipes::<Aes256>();
    wipes::<Aes256Gcm>();
    // HMAC holds two SHA-256 states and lets them wipe themselves.
    wipes::<sha2::Sha256>();
}

#[test]
fn known_answers_of_the_specification() {
    let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
    let cases = [
        (
            [0x01; 32],
            "c8612c9ed53fe43e8e005b828a1631a0bbcb6ab2f46514ec4f439fcfd0fa969b",
            &b""[..],
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271",
        ),
        (
            [0x03; 32],
            "e9c621d4cdd9b11b00a6427ad7e559aeedd66b3857646677748f8ca796cb3fd8",
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ];
    for (key, derived, aad, sealed) in cases {
        assert_eq!(derived_key(&key, &halves(nonce).0).to_vec(), hex(derived));
        assert_eq!(seal(&key, nonce, aad, b"XAES-256-GCM"), hex(sealed));
    }
}

#[test]
fn ten_thousand_accumulated() {
    let mut seed = Shake128::default().finalize_xof();
    let mut digest = Shake128::default();
    for _ in 0..10_000 {
        let (mut key, mut nonce, mut len) = ([0; 32], [0; 24], [0; 1]);
        seed.read(&mut key);
        seed.read(&mut nonce);
        seed.read(&mut len);
        let mut text = vec![0; usize::from(len[0])];
        seed.read(&mut text);
        seed.read(&mut len);
        let mut aad = vec![0; usize::from(len[0])];
        seed.read(&mut aad);
        digest.update(&seal(&key, &nonce, &aad, &text));
    }
    let mut got = [0; 32];
    digest.finalize_xof().read(&mut got);
    let want = "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939";
    assert_eq!(got.to_vec(), hex(want));
}

#[test]
fn ring_seals_the_same_bytes() {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let mut seed = Shake128::default().finalize_xof();
    for len in (0..600).chain([4095, 4096, 70_001]) {
        let (mut key, mut nonce, mut aad) = ([0; 32], [0; 24], [0; 53]);
        seed.read(&mut key);
        seed.read(&mut nonce);
        seed.read(&mut aad);
        let mut text = vec![0; len];
        seed.read(&mut text);
        let ours = seal(&key, &nonce, &aad, &text);
        let (prefix, tail) = halves(&nonce);
        let derived = derived_key(&key, &prefix);
        let theirs = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*derived).unwrap());
        let nonce = Nonce::assume_unique_for_key(tail);
        theirs
            .seal_in_place_append_tag(nonce, Aad::from(aad), &mut text)
            .unwrap();
        assert_eq!(ours, text, "{len} bytes");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_nothing_is_decrypted() {
    let cipher = PrefixKey::derive(&[7; 32], &[8; 12]);
    let mut text = *b"XAES-256-GCM";
    let tag = cipher.seal(&[9; 12], b"aad", &mut text).unwrap();
    for bit in 0..text.len() * 8 {
        let mut bad = text;
        bad[bit / 8] ^= 1 << (bit % 8);
        let before = bad;
        assert_eq!(
            cipher.open(&[9; 12], b"aad", &mut bad, &tag),
            Err(NotAuthentic)
        );
        assert_eq!(bad, before);
    }
    for bit in 0..128 {
        let mut bad = tag;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(cipher.open(&[9; 12], b"aad", &mut text, &bad).is_err());
    }
    assert!(cipher.open(&[9; 12], b"aae", &mut text, &tag).is_err());
    assert!(cipher.open(&[8; 12], b"aad", &mut text, &tag).is_err());
}
