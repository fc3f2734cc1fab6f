//! The pass that finds a statement's constants, against PostgreSQL's scanner.
//!
//! Where it has an answer and the text scans, its constants are the scanner's; and with others of their kinds in their
//! place the scanner sees the same tokens.

use hippocrypt_sql::constants::{Kind, Spot, spots};
use hippocrypt_sql::scan::{self, scan};

/// Rare: a constant of each kind.
pub(crate) fn find(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Some(spots) = spots(text) else {
        return false;
    };
    let Ok(tokens) = scan(text, true) else {
        return false;
    };
    let constants = tokens.all().iter().filter_map(|t| {
        let constant = matches!(
            t.kind,
            scan::Kind::Sconst
                | scan::Kind::Usconst
                | scan::Kind::Bconst
                | scan::Kind::Xconst
                | scan::Kind::Iconst
                | scan::Kind::Fconst
        );
        constant.then(|| (t.range.clone(), t.kind))
    });
    let expected = spots.iter().map(|s| (s.range.clone(), kind_of(s.kind)));
    assert!(constants.eq(expected), "{text:?}: {spots:?}");
    assert!(tokens.comments().is_empty(), "{text:?}");
    let other = with_others(text, &spots);
    let others = scan(&other, true).expect("what scans does so with other constants");
    let kinds = |tokens: &scan::Tokens| tokens.all().iter().map(|t| t.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&tokens), kinds(&others), "{text:?}");
    let each = [
        Kind::String,
        Kind::Int4,
        Kind::Int8,
        Kind::Integer,
        Kind::Decimal,
    ];
    each.iter()
        .all(|kind| spots.iter().any(|s| s.kind == *kind))
}

fn kind_of(kind: Kind) -> scan::Kind {
    match kind {
        Kind::String => scan::Kind::Sconst,
        Kind::Int4 => scan::Kind::Iconst,
        Kind::Int8 | Kind::Integer | Kind::Decimal => scan::Kind::Fconst,
    }
}

fn with_others(text: &str, spots: &[Spot]) -> String {
    let mut other = String::new();
    let mut done = 0;
    for spot in spots {
        other.push_str(&text[done..spot.range.start]);
        other.push_str(match spot.kind {
            Kind::String => "'it''s -- /* \" $$ ; é'",
            Kind::Int4 => "2147483647",
            Kind::Int8 => "2147483649",
            Kind::Integer => "9223372036854775809",
            Kind::Decimal => "0.0",
        });
        done = spot.range.end;
    }
    other.push_str(&text[done..]);
    other
}
