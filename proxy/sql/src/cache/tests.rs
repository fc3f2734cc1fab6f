//! What is kept, for how long, and what it weighs.

use super::{Cache, Named};
use crate::analyse::Context;
use crate::catalog::Names;
use crate::constants::spots;
use crate::template::Spotted;
use hippocrypt_policy::{Access, Rights};
use std::collections::BTreeSet;
use std::sync::Arc;

fn get(
    cache: &Cache<u32>,
    text: &str,
    names: &Names,
    rights: &Rights,
    params: &[u32],
    made: u32,
) -> u32 {
    let cx = Context {
        names,
        rights,
        declared_params: params,
        outside: true,
    };
    let key = cache.key(&Named::Text(text), &cx);
    cache.get(key).unwrap_or_else(|| {
        cache.put(key, made, 10);
        made
    })
}

#[test]
fn it_weighs_what_it_keeps() {
    let cache = Cache::new(1_000, 1 << 20);
    assert_eq!(cache.weight(), 0);
    let (names, rights) = (Names::default(), Rights::new("a", vec![Access::Clear]));
    for text in ["SELECT 1", "SELECT 2", "SELECT 1"] {
        get(&cache, text, &names, &rights, &[], 1);
    }
    assert_eq!(cache.weight(), 2 * (10 + super::OVERHEAD));
}

/// A mark becomes a template, whose weight counts.
#[test]
fn what_takes_the_place_of_something_lighter_is_weighed() {
    const SMALL: usize = 1 << 16;
    let cache = Cache::new(100_000, SMALL);
    let (names, rights) = (Names::default(), Rights::new("a", vec![Access::Clear]));
    let cx = Context {
        names: &names,
        rights: &rights,
        declared_params: &[],
        outside: true,
    };
    for n in 0..2_000 {
        let key = cache.key(&Named::Text(&n.to_string()), &cx);
        assert_eq!(cache.get_or_put(key, 1), None);
        assert_eq!(cache.get_or_put(key, 2), Some(1), "the first is kept");
        cache.put(key, 3, 500);
        assert_eq!(cache.get(key), Some(3));
        assert!(cache.weight() <= SMALL, "{}", cache.weight());
    }
}

#[test]
fn everything_a_verdict_depends_on_is_in_the_key() {
    let cache = Cache::new(1_000, 1 << 20);
    let names = |path: &[&str], temporary: &[&str], on| Names {
        search_path: path.iter().map(|s| Arc::from(*s)).collect(),
        temporary: temporary.iter().map(|s| Arc::from(*s)).collect(),
        standard_conforming_strings: on,
        ..Names::default()
    };
    let plain = names(&["public"], &[], true);
    let clear = Rights::new("a", vec![Access::Clear; 2]);
    let masked = Rights::new("a", vec![Access::Clear, Access::Mask]);
    let cases = [
        ("x", plain.clone(), clear.clone(), vec![]),
        ("y", plain.clone(), clear.clone(), vec![]),
        (
            "x",
            names(&["a", "public"], &[], true),
            clear.clone(),
            vec![],
        ),
        ("x", names(&["apublic"], &[], true), clear.clone(), vec![]),
        ("x", names(&[], &["public"], true), clear.clone(), vec![]),
        ("x", names(&["public"], &["t"], true), clear.clone(), vec![]),
        ("x", names(&["public"], &[], false), clear.clone(), vec![]),
        ("x", plain.clone(), masked, vec![]),
        (
            "x",
            plain.clone(),
            Rights::new("b", vec![Access::Clear; 2]),
            vec![],
        ),
        ("x", plain.clone(), clear.clone(), vec![25]),
        ("x", plain, clear, vec![25, 0]),
    ];
    for (n, (text, names, rights, params)) in (0_u32..).zip(&cases) {
        assert_eq!(get(&cache, text, names, rights, params, n), n);
    }
    for (n, (text, names, rights, params)) in (0_u32..).zip(&cases) {
        assert_eq!(
            get(&cache, text, names, rights, params, 99),
            n,
            "found again"
        );
    }
}

#[test]
fn it_stays_within_its_bounds_and_keeps_what_is_used() {
    let cache = Cache::new(320, 1 << 20);
    let names = Names::default();
    let rights = Rights::new("a", vec![]);
    for n in 0..10_000_u32 {
        get(&cache, &n.to_string(), &names, &rights, &[], n);
        assert_eq!(get(&cache, "used", &names, &rights, &[], 7), 7);
    }
    assert_eq!(get(&cache, "used", &names, &rights, &[], 8), 7);
    let held: usize = cache
        .shards
        .iter()
        .map(|s| s.lock().unwrap())
        .map(|s| s.young.len() + s.old.len())
        .sum();
    assert!(held <= 320, "{held}");
}

#[test]
fn what_weighs_too_much_is_not_kept() {
    let cache = Cache::new(1_000, 32_000);
    let (names, rights) = (Names::default(), Rights::new("a", vec![]));
    let key = cache.key(&Named::Text("x"), &context(&names, &rights));
    cache.put(key, 1, 1_000_000);
    assert_eq!(cache.get(key), None);
    cache.put(key, 1, 10);
    assert_eq!(cache.get(key), Some(1));
}

#[test]
fn a_template_is_named_by_what_is_between_its_constants() {
    let cache = Cache::<u32>::new(1_000, 1 << 20);
    let (names, rights) = (Names::default(), Rights::new("a", vec![]));
    let key = |text: &str, pinned: &[usize]| {
        let spots = spots(text).unwrap();
        let pinned: BTreeSet<_> = pinned.iter().copied().collect();
        let named = Named::Template(Spotted::new(text, &spots), &pinned);
        cache.key(&named, &context(&names, &rights))
    };
    let one = key("SELECT a FROM t WHERE b = 1 LIMIT 10", &[]);
    assert!(one == key("SELECT a FROM t WHERE b = 234 LIMIT 1", &[]));
    let pinned = key("SELECT a FROM t WHERE b = 1 LIMIT 10", &[1]);
    assert!(pinned == key("SELECT a FROM t WHERE b = 234 LIMIT 10", &[1]));
    for other in [
        key("SELECT a FROM t WHERE b = 3000000000 LIMIT 10", &[]),
        key("SELECT a FROM t WHERE b = '1' LIMIT 10", &[]),
        key("SELECT a FROM t WHERE b = -1 LIMIT 10", &[]),
        key("SELECT a FROM t WHERE b = 1  LIMIT 10", &[]),
        key("SELECT a FROM t WHERE b = 1 OFFSET 10", &[]),
        key("SELECT a FROM t WHERE b = 1 LIMIT 11", &[1]),
        key("SELECT a FROM t WHERE b = 1 LIMIT 10", &[0]),
        cache.key(
            &Named::Text("SELECT a FROM t WHERE b = 1 LIMIT 10"),
            &context(&names, &rights),
        ),
    ] {
        assert!(other != one && other != pinned);
    }
}

fn context<'a>(names: &'a Names, rights: &'a Rights) -> Context<'a> {
    Context {
        names,
        rights,
        declared_params: &[],
        outside: true,
    }
}
