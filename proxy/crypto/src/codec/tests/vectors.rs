//! The frozen vectors of tests/vectors/cell-v1.json, made by a second implementation in Python.
//!
//! A difference here means that cells which exist in databases would no longer open, or that equal
//! values would no longer be equal. The vectors are never changed to suit the code.

use super::*;
use crate::CellError;
use crate::derive::{GroupKeys, Purpose};
use serde_json::Value;
use std::collections::BTreeMap;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../../tests/vectors/cell-v1.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap().as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.chunks(2).map(pair).collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn code(case: &Value) -> TypeCode {
    TypeCode(u8::try_from(number(&case["type"])).unwrap())
}

fn suite(case: &Value) -> Suite {
    match case["suite"].as_str().unwrap() {
        "random" => Suite::Random,
        "deterministic" => Suite::Deterministic,
        "hash" => Suite::Hash,
        other => panic!("suite {other}"),
    }
}

struct Given {
    key: DataKey,
    database: DatabaseUuid,
    group: GroupId,
    epoch: Epoch,
}

fn given(all: &Value) -> Given {
    let codec = &all["codec"];
    Given {
        key: DataKey::copied_from(&array(&codec["data_key"])),
        database: DatabaseUuid(array(&codec["database"])),
        group: GroupId(number(&codec["group"])),
        epoch: Epoch(u16::try_from(number(&codec["epoch"])).unwrap()),
    }
}

fn codec_of(all: &Value) -> GroupCodec {
    let g = given(all);
    GroupCodec::new(g.database, g.group, g.epoch, [(g.epoch, &g.key)]).unwrap()
}

fn error_name(error: OpenError) -> &'static str {
    match error {
        OpenError::Cell(CellError::Length(_)) => "length",
        OpenError::Cell(CellError::Magic) => "magic",
        OpenError::Cell(CellError::Suite(_)) => "suite unknown",
        OpenError::Cell(CellError::Hash) => "hash",
        OpenError::Group { .. } => "group",
        OpenError::Type { .. } => "type",
        OpenError::Suite { .. } => "suite",
        OpenError::Epoch(_) => "epoch",
        OpenError::Key(_) => "key",
        OpenError::NotAuthentic => "not authentic",
        OpenError::OneWay => "one way",
    }
}

#[test]
fn derived_keys_are_frozen() {
    let all = vectors();
    let g = given(&all);
    let keys = GroupKeys::new(&g.database, g.group, g.epoch, &g.key);
    let purposes = [
        ("cell random", Purpose::Random),
        ("cell deterministic", Purpose::Deterministic),
        ("cell deterministic prefix", Purpose::DeterministicPrefix),
        ("cell synthetic nonce", Purpose::SyntheticNonce),
        ("cell hash", Purpose::Hash),
        ("cell commitment", Purpose::Commitment),
    ];
    for (name, purpose) in purposes {
        let want = bytes(&all["derived"][name]);
        let mut got = vec![0; want.len()];
        keys.expand(purpose, &mut got);
        assert_eq!(got, want, "{name}");
    }
    assert_eq!(all["derived"].as_object().unwrap().len(), purposes.len());
}

#[test]
fn sealed_cells_are_frozen() {
    let all = vectors();
    let codec = codec_of(&all);
    let cases = all["sealed"].as_array().unwrap();
    assert_eq!(cases.len(), 42);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (text, want, suite) = (bytes(&case["plaintext"]), bytes(&case["cell"]), suite(case));
        let pad = if case["padded"].as_bool().unwrap() {
            Padding::Yes
        } else {
            Padding::No
        };
        let mut got = Vec::new();
        if suite == Suite::Random {
            let nonce: [u8; 24] = array(&case["nonce"]);
            let (prefix, tail) = nonce.split_first_chunk::<12>().unwrap();
            let key = codec.write_keys.prefix_key(prefix);
            let nonce = Nonce::new(*prefix, tail.try_into().unwrap());
            let plan = CellPlan::new(suite, pad, &text).unwrap();
            codec
                .seal_under(&key, nonce, code(case), &plan, &mut got)
                .unwrap();
        } else {
            codec.seal(suite, code(case), pad, &text, &mut got).unwrap();
        }
        assert_eq!(got, want, "{name}");
        let opened = codec.open(&want, code(case), suite);
        match suite {
            Suite::Hash => assert_eq!(opened.map(drop), Err(OpenError::OneWay), "{name}"),
            _ => assert_eq!(opened.unwrap().expose(), text, "{name}"),
        }
        // Truncated at every length.
        for len in 0..want.len() {
            assert!(
                codec.open(&want[..len], code(case), suite).is_err(),
                "{name} {len}"
            );
        }
    }
}

#[test]
fn hostile_cells_are_refused_for_what_is_wrong_with_them() {
    let all = vectors();
    let codec = codec_of(&all);
    let mut met = BTreeMap::new();
    for case in all["hostile"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let refused = codec.open(&bytes(&case["cell"]), code(case), suite(case));
        let error = error_name(refused.map(drop).expect_err(name));
        assert_eq!(error, case["error"].as_str().unwrap(), "{name}");
        *met.entry(error).or_insert(0) += 1;
    }
    assert_eq!(met.len(), 11, "every error is met: {met:?}");
    assert_eq!(met.values().sum::<i32>(), 233);
}
