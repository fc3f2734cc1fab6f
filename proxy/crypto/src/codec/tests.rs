//! Round trips, hostile bytes, epochs, threads. The frozen vectors are in `vectors`.

mod vectors;

use super::*;
use proptest::prelude::*;

const TYPE: TypeCode = TypeCode(2);

fn data_key(byte: u8) -> DataKey {
    DataKey::copied_from(&[byte; 32])
}

fn codec() -> GroupCodec {
    let key = data_key(1);
    GroupCodec::new(
        DatabaseUuid([2; 16]),
        GroupId(3),
        Epoch(4),
        [(Epoch(4), &key)],
    )
    .unwrap()
}

fn sealed(codec: &GroupCodec, suite: Suite, pad: Padding, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    codec.seal(suite, TYPE, pad, text, &mut out).unwrap();
    out
}

fn suites() -> impl Strategy<Value = Suite> {
    prop_oneof![Just(Suite::Random), Just(Suite::Deterministic)]
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        proptest::collection::vec(prop_oneof![Just(0u8), Just(0x80)], 0..80),
        proptest::collection::vec(any::<u8>(), 0..3000),
    ]
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_itself(suite in suites(), pad: bool, code in 0u8..128, text in texts()) {
        let (codec, ty) = (codec(), TypeCode(code));
        let pad = if pad { Padding::Yes } else { Padding::No };
        let mut out = b"before".to_vec();
        let done = codec.seal(suite, ty, pad, &text, &mut out);
        if text.is_empty() && pad == Padding::No {
            prop_assert_eq!(done, Err(SealError::Empty));
            prop_assert_eq!(&out[..], b"before");
            return Ok(());
        }
        prop_assert_eq!(done, Ok(()));
        prop_assert_eq!(&out[..6], b"before");
        let cell = &out[6..];
        let padded = if pad == Padding::Yes { padded_len(text.len()).unwrap() } else { text.len() };
        prop_assert_eq!(cell.len(), 58 + padded);
        let opened = codec.open(cell, ty, suite).unwrap();
        prop_assert_eq!(opened.expose(), &text[..]);
        let header = Header::parse(cell).unwrap();
        prop_assert_eq!(header.padded, pad == Padding::Yes);
        prop_assert_eq!((header.suite, header.type_code), (suite, ty));
    }

    #[test]
    fn any_change_of_any_byte_is_found(
        suite in suites(), pad: bool, text in proptest::collection::vec(any::<u8>(), 1..100),
        at: prop::sample::Index, change in 1u8..=255,
    ) {
        let codec = codec();
        let pad = if pad { Padding::Yes } else { Padding::No };
        let mut cell = sealed(&codec, suite, pad, &text);
        let at = at.index(cell.len());
        cell[at] ^= change;
        prop_assert!(codec.open(&cell, TYPE, suite).is_err(), "byte {at}");
    }

    #[test]
    fn bytes_that_are_no_cell_are_refused_without_a_panic(
        suite in suites(), mut bytes in proptest::collection::vec(any::<u8>(), 0..200), headed: bool,
    ) {
        let codec = codec();
        if headed {
            let real = sealed(&codec, suite, Padding::Yes, b"text");
            for (to, from) in bytes.iter_mut().zip(&real[..HEADER_LEN]) {
                *to = *from;
            }
        }
        prop_assert!(codec.open(&bytes, TYPE, suite).is_err());
        prop_assert!(codec.open(&bytes, TYPE, Suite::Hash).is_err());
        let _ = Header::parse(&bytes);
    }

    #[test]
    fn deterministic_cells_are_equal_exactly_when_the_texts_are(a in texts(), b in texts()) {
        let codec = codec();
        for suite in [Suite::Deterministic, Suite::Hash] {
            let (x, y) = (sealed(&codec, suite, Padding::Yes, &a), sealed(&codec, suite, Padding::Yes, &b));
            prop_assert_eq!(x == y, a == b);
            prop_assert_eq!(sealed(&codec, suite, Padding::Yes, &a), x);
        }
    }

    #[test]
    fn random_cells_of_one_text_share_nothing_but_header_and_prefix(text in texts()) {
        let codec = codec();
        let (x, y) = (
            sealed(&codec, Suite::Random, Padding::Yes, &text),
            sealed(&codec, Suite::Random, Padding::Yes, &text),
        );
        prop_assert_eq!(&x[..16], &y[..16]);
        prop_assert_ne!(&x[16..28], &y[16..28]);
        prop_assert_eq!(&x[28..42], &y[28..42]);
        prop_assert_ne!(&x[42..58], &y[42..58]);
    }
}

#[test]
fn a_type_code_of_eight_bits_would_be_the_padding_bit() {
    let mut out = Vec::new();
    let done = codec().seal(Suite::Random, TypeCode(0x80), Padding::No, b"x", &mut out);
    assert_eq!(done, Err(SealError::TypeCode(0x80)));
    assert!(out.is_empty());
}

#[test]
fn the_padding_choice_is_part_of_a_deterministic_cell() {
    let codec = codec();
    let padded = sealed(&codec, Suite::Deterministic, Padding::Yes, &[0x80; 15]);
    let mut text = vec![0x80; 15];
    text.push(0x80);
    let plain = sealed(&codec, Suite::Deterministic, Padding::No, &text);
    assert_eq!(padded.len(), plain.len());
    assert_ne!(padded[4..28], plain[4..28]);
}

#[test]
fn old_epochs_open_and_the_writing_one_writes() {
    let (old, new) = (data_key(1), data_key(2));
    let at = |write, keys: &[(Epoch, &DataKey)]| {
        GroupCodec::new(
            DatabaseUuid([2; 16]),
            GroupId(3),
            write,
            keys.iter().copied(),
        )
    };
    let before = at(Epoch(1), &[(Epoch(1), &old)]).unwrap();
    let after = at(Epoch(2), &[(Epoch(1), &old), (Epoch(2), &new)]).unwrap();
    for suite in [Suite::Random, Suite::Deterministic] {
        let first = sealed(&before, suite, Padding::Yes, b"900-11-0001");
        let second = sealed(&after, suite, Padding::Yes, b"900-11-0001");
        assert_eq!(Header::parse(&second).unwrap().epoch, Epoch(2));
        for cell in [&first, &second] {
            let opened = after.open(cell, TYPE, suite).unwrap();
            assert_eq!(opened.expose(), b"900-11-0001");
        }
        let refused = before.open(&second, TYPE, suite).map(drop);
        assert_eq!(refused, Err(OpenError::Epoch(Epoch(2))));
    }
    assert_eq!(after.write_epoch(), Epoch(2));
    let none = at(Epoch(3), &[(Epoch(1), &old)]).map(drop);
    assert_eq!(none, Err(CodecError::NoWritingKey(Epoch(3))));
    let twice = at(Epoch(1), &[(Epoch(1), &old), (Epoch(1), &new)]).map(drop);
    assert_eq!(twice, Err(CodecError::TwoKeys(Epoch(1))));
}

#[test]
fn forged_prefixes_do_not_fill_the_cache() {
    let codec = codec();
    let real = sealed(&codec, Suite::Random, Padding::Yes, b"text");
    for n in 0..1000u32 {
        let mut forged = real.clone();
        forged[4..8].copy_from_slice(&n.to_be_bytes());
        let refused = codec.open(&forged, TYPE, Suite::Random).map(drop);
        assert_eq!(refused, Err(OpenError::NotAuthentic));
        assert!(
            codec
                .opening
                .get(Epoch(4), forged[4..16].try_into().unwrap())
                .is_none()
        );
    }
    codec.open(&real, TYPE, Suite::Random).unwrap();
    assert!(
        codec
            .opening
            .get(Epoch(4), real[4..16].try_into().unwrap())
            .is_some()
    );
}

#[test]
fn threads_share_a_codec() {
    let codec = codec();
    let cells: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|n| {
                let codec = &codec;
                scope.spawn(move || {
                    (0..500)
                        .map(|_| sealed(codec, Suite::Random, Padding::Yes, &[n; 11]))
                        .inspect(|cell| {
                            let opened = codec.open(cell, TYPE, Suite::Random).unwrap();
                            assert_eq!(opened.expose(), [n; 11]);
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    let mut nonces: Vec<_> = cells.iter().map(|cell| &cell[4..28]).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 4000);
    assert!(
        cells.iter().all(|cell| cell[4..16] == cells[0][4..16]),
        "one prefix"
    );
}

#[test]
fn errors_and_debug_carry_no_value() {
    let codec = codec();
    let mut cell = sealed(&codec, Suite::Deterministic, Padding::No, b"AAAAAAAA");
    *cell.last_mut().unwrap() ^= 1;
    let refused = codec.open(&cell, TYPE, Suite::Deterministic).unwrap_err();
    assert_eq!(refused.to_string(), "the cell does not authenticate");
    let shown = format!("{codec:?}");
    assert_eq!(
        shown,
        "GroupCodec { group: GroupId(3), write_epoch: Epoch(4), .. }"
    );
}
