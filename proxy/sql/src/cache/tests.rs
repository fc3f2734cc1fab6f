use super::Cache;
use crate::analyse::Context;
use crate::catalog::Names;
use hippocrypt_policy::{Access, Rights};
use std::convert::Infallible;
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
    let key = cache.key(text, &cx);
    cache
        .get_or_try_insert_with(key, || Ok::<_, Infallible>((made, Some(10))))
        .unwrap()
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
fn what_has_no_weight_or_too_much_is_not_kept() {
    let cache = Cache::new(1_000, 32_000);
    let names = Names::default();
    let rights = Rights::new("a", vec![]);
    let cx = Context {
        names: &names,
        rights: &rights,
        declared_params: &[],
        outside: true,
    };
    for weight in [None, Some(1_000_000)] {
        let key = cache.key("x", &cx);
        for n in 0..3 {
            let made = cache.get_or_try_insert_with(key, || Ok::<_, Infallible>((n, weight)));
            assert_eq!(made, Ok(n));
        }
    }
    let failed = cache.get_or_try_insert_with(cache.key("y", &cx), || Err::<(i32, _), _>("no"));
    assert_eq!(failed, Err("no"));
}
