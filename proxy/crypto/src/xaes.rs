//! XAES-256-GCM (https://c2sp.org/XAES-256-GCM), composed of AES-256 blocks and AES-256-GCM.
//!
//! The GCM key depends on the first half of the nonce alone, so it can be kept: sealing or opening
//! many cells of one prefix costs one key derivation. Nothing here chooses a nonce.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::AeadInOut;
use zeroize::{Zeroize, Zeroizing};

/// AES-256-GCM under the key that XAES derives from one nonce prefix. Wipes itself.
pub(crate) struct PrefixKey(Aes256Gcm);

/// The bytes do not authenticate, or are more than GCM takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

impl PrefixKey {
    pub(crate) fn derive(key: &[u8; 32], prefix: &[u8; 12]) -> Self {
        let derived = derived_key(key, prefix);
        Self(Aes256Gcm::new(&Array::from(*derived)))
    }

    /// Encrypts in place and gives the tag.
    pub(crate) fn seal(
        &self,
        tail: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; 16], NotAuthentic> {
        self.0
            .encrypt_inout_detached(&Array::from(*tail), aad, text.into())
            .map(|tag| tag.0)
            .map_err(|_| NotAuthentic)
    }

    /// Decrypts in place; on an error `text` is as it was.
    pub(crate) fn open(
        &self,
        tail: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        self.0
            .decrypt_inout_detached(&Array::from(*tail), aad, text.into(), &Array::from(*tag))
            .map_err(|_| NotAuthentic)
    }
}

/// Steps 1 to 5 of the specification.
fn derived_key(key: &[u8; 32], prefix: &[u8; 12]) -> Zeroizing<[u8; 32]> {
    let aes = Aes256::new(&Array::from(*key));
    let mut subkey = Array::from([0u8; 16]);
    aes.encrypt_block(&mut subkey);
    let doubled = double(u128::from_be_bytes(subkey.0));
    subkey.0.zeroize();

    let mut low = [0u8; 16];
    for (to, from) in low.iter_mut().skip(4).zip(prefix) {
        *to = *from;
    }
    let context = u128::from_be_bytes(low);
    let block = |counter: u128| {
        // 00 0i 58 00 ‖ N[:12], xor K1
        let message = (counter << 112) | (0x58 << 104) | context;
        let mut block = Array::from((message ^ doubled).to_be_bytes());
        aes.encrypt_block(&mut block);
        block.0
    };
    let mut derived = Zeroizing::new([0u8; 32]);
    let (first, second) = (Zeroizing::new(block(1)), Zeroizing::new(block(2)));
    for (to, from) in derived.iter_mut().zip(first.iter().chain(second.iter())) {
        *to = *from;
    }
    derived
}

/// Doubling in GF(2^128) (SP 800-38B §6.1), without a branch on the secret bit.
fn double(block: u128) -> u128 {
    (block << 1) ^ ((block >> 127) * 0x87)
}

#[cfg(test)]
mod tests;
