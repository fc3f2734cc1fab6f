//! What the Rust programs write and must get back, and how they say it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use std::fmt::Debug;
use uuid::Uuid;

pub const COLUMNS: &str = "name, ssn, dob, age, big, cost, alive, seen, token, photo, tags, note";

#[derive(Clone, Debug, Default)]
pub struct Person {
    pub name: String,
    pub ssn: Option<String>,
    pub dob: Option<NaiveDate>,
    pub age: Option<i32>,
    pub big: Option<i64>,
    pub cost: Option<Decimal>,
    pub alive: Option<bool>,
    pub seen: Option<DateTime<Utc>>,
    pub token: Option<Uuid>,
    pub photo: Option<Vec<u8>>,
    pub tags: Option<Vec<Option<String>>>,
    pub note: Option<String>,
}

pub const GRACE: &str = "900-55-0001";
pub const ZOE: &str = "901-55-0002";

pub fn grace() -> Person {
    Person {
        name: "Grace Capybara".into(),
        ssn: Some(GRACE.into()),
        dob: NaiveDate::from_ymd_opt(1906, 12, 9),
        age: Some(85),
        big: Some(9_007_199_254_740_993),
        cost: Some(Decimal::new(1250, 2)),
        alive: Some(true),
        seen: DateTime::from_timestamp(1_709_210_096, 789_000_000),
        token: Some(Uuid::from_u128(0x6f1f_2b6e_0000_4000_8000_0000_0000_00aa)),
        photo: Some(vec![0, 1, 255, b'\\']),
        tags: Some(vec![
            Some("a,b".into()),
            Some(String::new()),
            None,
            Some("'Ω\"".into()),
        ]),
        note: Some("clear".into()),
    }
}

pub fn zoe() -> Person {
    Person {
        name: "Zoë O'Capybara \\ Ω".into(),
        ssn: Some(ZOE.into()),
        dob: NaiveDate::from_ymd_opt(2001, 1, 1),
        age: Some(-1),
        big: Some(0),
        cost: Some(Decimal::new(0, 2)),
        alive: Some(false),
        seen: DateTime::from_timestamp(-1, 0),
        token: Some(Uuid::from_u128(1)),
        photo: Some(Vec::new()),
        tags: Some(Vec::new()),
        note: None,
    }
}

pub fn say(what: &str, value: impl Debug) {
    println!("{what}: {value:?}");
}
