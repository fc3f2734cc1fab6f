//! The tree against the definition of RFC 6962, and its paths from every start.

use super::{Edge, Hash, Path, leaf, node, root_by_path};
use sha2::{Digest, Sha256};

/// MTH of section 2.1, as it stands there.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        many => {
            let k = many.len().next_power_of_two() / 2;
            node(&mth(&many[..k]), &mth(&many[k..]))
        }
    }
}

/// PATH of section 2.1.1, as it stands there.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (mut path, other) = if m < k {
        (path(m, &leaves[..k]), mth(&leaves[k..]))
    } else {
        (path(m - k, &leaves[k..]), mth(&leaves[..k]))
    };
    path.push(other);
    path
}

fn leaves(n: usize) -> Vec<Hash> {
    (0..n).map(|i| leaf(&i.to_be_bytes())).collect()
}

fn edge(leaves: &[Hash]) -> Edge {
    let mut edge = Edge::default();
    leaves.iter().for_each(|leaf| edge.push(*leaf));
    edge
}

#[test]
fn roots_are_those_of_the_rfc() {
    let leaves = leaves(130);
    for n in 0..=leaves.len() {
        let edge = edge(&leaves[..n]);
        assert_eq!(edge.root(), mth(&leaves[..n]), "{n}");
        let read = Edge::parse(n as u64, &edge.text());
        assert_eq!(read.as_ref(), Some(&edge), "{n}");
        assert_eq!(Edge::parse(n as u64 ^ 1, &edge.text()), None, "{n}");
    }
}

/// The known answers that certificate transparency's implementations share.
#[test]
fn known_answers() {
    let hex = |hash: Hash| {
        crate::line::hex(&hash)
            .map(char::from)
            .iter()
            .collect::<String>()
    };
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex(Edge::default().root()), empty);
    let one = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(hex(leaf(b"")), one);
}

#[test]
fn paths_are_those_of_the_rfc_wherever_the_reading_begins() {
    let leaves = leaves(70);
    for n in [1, 2, 3, 7, 8, 33, 64, 70] {
        let root = mth(&leaves[..n]);
        for index in 0..n {
            let expected = path(index, &leaves[..n]);
            for start in 0..=index {
                let mut gathered = Path::new(index as u64, n as u64, edge(&leaves[..start]));
                leaves[start..n]
                    .iter()
                    .for_each(|leaf| gathered.push(*leaf));
                assert_eq!(
                    gathered.hashes(),
                    Some(expected.clone()),
                    "{index} {n} {start}"
                );
            }
            let climb = |index: usize, path: &[Hash]| {
                root_by_path(index as u64, n as u64, leaves[index % n], path)
            };
            assert_eq!(climb(index, &expected), Some(root));
            for other in (0..n + 2).filter(|i| *i != index) {
                assert_ne!(
                    climb(other, &expected),
                    Some(root),
                    "{other} for {index} of {n}"
                );
            }
            let mut longer = expected.clone();
            longer.push(root);
            assert_ne!(climb(index, &longer), Some(root));
        }
    }
}
