//! Cells: what a database that is not to be trusted gives back.
//!
//! Nothing opens but what was sealed; that opens as it was, and not with one bit changed.

use hippocrypt_crypto::{
    DataKey, DatabaseUuid, Epoch, GroupCodec, GroupId, Header, Padding, Suite, TypeCode,
};
use std::sync::OnceLock;

const TYPE: TypeCode = TypeCode(1);

/// Rare: bytes that begin with the header of a deterministic cell of the group.
pub(crate) fn open(data: &[u8]) -> bool {
    let codec = codec();
    let header = Header::parse(data);
    for suite in [Suite::Random, Suite::Deterministic, Suite::Hash] {
        // the keys are in no corpus: whatever opens was forged
        assert!(
            codec.open(data, TYPE, suite).is_err(),
            "a forged cell opens"
        );
    }
    header.is_ok_and(|h| {
        h.group == codec.group() && h.suite == Suite::Deterministic && h.type_code == TYPE
    })
}

/// The bytes as a value. Rare: one of more than 64 bytes, deterministic and padded.
pub(crate) fn seal(data: &[u8]) -> bool {
    let codec = codec();
    let (suite, padding) = match data.first().copied().unwrap_or_default() % 4 {
        0 => (Suite::Random, Padding::No),
        1 => (Suite::Random, Padding::Yes),
        2 => (Suite::Deterministic, Padding::No),
        _ => (Suite::Deterministic, Padding::Yes),
    };
    let mut cell = Vec::new();
    if codec.seal(suite, TYPE, padding, data, &mut cell).is_err() {
        return false;
    }
    let opened = codec
        .open(&cell, TYPE, suite)
        .expect("what was sealed opens");
    assert_eq!(opened.expose(), data);
    let at = data.iter().map(|b| usize::from(*b)).sum::<usize>() % cell.len();
    cell[at] ^= 1 << (data.len() % 8);
    assert!(codec.open(&cell, TYPE, suite).is_err(), "byte {at} is free");
    data.len() > 64 && suite == Suite::Deterministic && padding == Padding::Yes
}

fn codec() -> &'static GroupCodec {
    static CODEC: OnceLock<GroupCodec> = OnceLock::new();
    CODEC.get_or_init(|| {
        let key = DataKey::copied_from(&[9; 32]);
        GroupCodec::new(
            DatabaseUuid([7; 16]),
            GroupId(17),
            Epoch(1),
            [(Epoch(1), &key)],
        )
        .unwrap()
    })
}
