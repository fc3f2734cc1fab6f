//! The shortest session that still fails: steps are dropped while it does. It must never report one that was not seen
//! to fail.

use super::session::{Plant, deck, listing, play};

/// Sessions tried for one failure.
const TRIES: usize = 24;

/// Cards that still make `failing` fail when they are played alone; `None` when the failure did not come again.
pub fn shrink(seed: u64, before: &[usize], failing: usize, plant: Plant) -> Option<Vec<usize>> {
    let fails = |cards: &[usize]| {
        let with: Vec<usize> = cards.iter().copied().chain([failing]).collect();
        let session = play(seed, &with, plant);
        session.played.last().is_some_and(|p| p.failure.is_some())
    };
    if fails(&[]) {
        return Some(vec![failing]);
    }
    if !fails(before) {
        return None;
    }
    let mut kept = before.to_vec();
    let mut size = kept.len().div_ceil(2);
    let mut tries = TRIES;
    while size > 0 && tries > 0 {
        let mut at = 0;
        while at < kept.len() && tries > 0 {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + size).min(kept.len()));
            tries -= 1;
            match fails(&fewer) {
                true => kept = fewer,
                false => at += size,
            }
        }
        size /= 2;
    }
    kept.push(failing);
    Some(kept)
}

/// How to see it again.
pub fn replayable(seed: u64, cards: &[usize]) -> String {
    let deck = deck();
    let numbers: Vec<String> = cards.iter().map(ToString::to_string).collect();
    let names: Vec<String> = cards
        .iter()
        .map(|c| format!("{} ({})", deck[*c].construct.name, deck[*c].mode.name()))
        .collect();
    format!(
        "HIPPOCRYPT_TWIN_REPLAY={seed}:{} cargo test -p hippocrypt-e2e --test e2e -- generated::replay --nocapture\n\
         steps: {}\n{}",
        numbers.join(","),
        names.join("; "),
        listing(seed, cards)
    )
}
