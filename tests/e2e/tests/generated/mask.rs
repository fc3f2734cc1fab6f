//! Masks as the policy's document has them, worked out anew from a plain value as the twin shows it. It must never ask
//! the proxy's own code.

use super::types::Type;

/// What is shown in a value's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    Full,
    First(usize),
    Last(usize),
    Year,
}

/// Days from 1970 to 2000, where PostgreSQL's count begins.
const EPOCH: i64 = 10_957;
const DAY: i64 = 86_400_000_000;

impl Mask {
    /// As the policy writes it.
    pub fn name(self) -> String {
        match self {
            Self::Full => "full".to_owned(),
            Self::First(n) => format!("first {n}"),
            Self::Last(n) => format!("last {n}"),
            Self::Year => "year".to_owned(),
        }
    }

    /// The masks that fit a type.
    pub fn of(ty: &Type, n: usize) -> Vec<Self> {
        match base(ty) {
            "text" | "varchar" | "char" => vec![Self::Full, Self::First(n), Self::Last(n)],
            "date" | "timestamp" | "timestamptz" => vec![Self::Full, Self::Year],
            _ => vec![Self::Full],
        }
    }

    /// A value of a DataRow in text, under DateStyle ISO and TimeZone UTC.
    pub fn text(self, ty: &Type, value: &str) -> String {
        let time = match base(ty) {
            "date" => "",
            "timestamptz" => " 00:00:00+00",
            _ => " 00:00:00",
        };
        match base(ty) {
            "text" | "varchar" => self.stars(value),
            "char" => {
                let bare = value.trim_end_matches(' ');
                self.stars(bare) + &value[bare.len()..]
            }
            "date" | "timestamp" | "timestamptz" => match value.split_once('-') {
                // -infinity has no year either
                Some((year, rest)) if self == Self::Year && !year.is_empty() => {
                    let era = if rest.ends_with(" BC") { " BC" } else { "" };
                    format!("{year}-01-01{time}{era}")
                }
                _ => format!("1970-01-01{time}"),
            },
            "bool" => "f".to_owned(),
            "numeric" => match scale(ty) {
                0 => "0".to_owned(),
                scale => format!("0.{}", "0".repeat(scale)),
            },
            "time" | "interval" => "00:00:00".to_owned(),
            "uuid" => "00000000-0000-0000-0000-000000000000".to_owned(),
            "bytea" => "\\x".to_owned(),
            "json" | "jsonb" => "null".to_owned(),
            "inet" => "0.0.0.0".to_owned(),
            array if array.ends_with("[]") => "{}".to_owned(),
            _ => "0".to_owned(),
        }
    }

    /// The same in binary.
    pub fn binary(self, ty: &Type, value: &[u8]) -> Vec<u8> {
        match base(ty) {
            "text" | "varchar" | "char" => {
                let text = std::str::from_utf8(value).expect("text is UTF-8");
                self.text(ty, text).into_bytes()
            }
            "date" => {
                let days = i32::from_be_bytes(value.try_into().expect("four bytes"));
                let finite = days != i32::MAX && days != i32::MIN;
                let first = self.first_day(i64::from(days), finite);
                i32::try_from(first).unwrap().to_be_bytes().to_vec()
            }
            "timestamp" | "timestamptz" => {
                let micros = i64::from_be_bytes(value.try_into().expect("eight bytes"));
                let finite = micros != i64::MAX && micros != i64::MIN;
                let first = self.first_day(micros.div_euclid(DAY), finite);
                (first * DAY).to_be_bytes().to_vec()
            }
            // words, weight, sign; then the scale
            "numeric" => [
                &[0; 6],
                &u16::try_from(scale(ty)).unwrap().to_be_bytes()[..],
            ]
            .concat(),
            "bytea" => Vec::new(),
            "json" => b"null".to_vec(),
            "jsonb" => b"\x01null".to_vec(),
            // IPv4, 32 bits, no cidr, 4 bytes
            "inet" => vec![2, 32, 0, 4, 0, 0, 0, 0],
            array if array.ends_with("[]") => {
                // no dimensions, no NULLs, the element's type
                let element: u32 = if array == "int4[]" { 23 } else { 25 };
                [&[0; 8], &element.to_be_bytes()[..]].concat()
            }
            _ => vec![0; value.len()],
        }
    }

    fn stars(self, text: &str) -> String {
        let length = text.chars().count();
        let shown = match self {
            Self::First(n) if n < length => 0..n,
            Self::Last(n) if n < length => length - n..length,
            _ => 0..0,
        };
        let one = |(at, c)| if shown.contains(&at) { c } else { '*' };
        text.chars().enumerate().map(one).collect()
    }

    /// 1 January of a day's year, both counted from 2000-01-01.
    fn first_day(self, day: i64, finite: bool) -> i64 {
        if self != Self::Year || !finite {
            return -EPOCH;
        }
        // by leaps of whole cycles and then years: slow, and nothing like the proxy's
        let mut first = day.div_euclid(146_097) * 146_097;
        let mut year = 2000;
        let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
        while first + if leap(year) { 366 } else { 365 } <= day {
            first += if leap(year) { 366 } else { 365 };
            year += 1;
        }
        first
    }
}

/// A type's name without its modifier.
fn base(ty: &Type) -> &str {
    ty.name.split('(').next().unwrap_or_default()
}

fn scale(ty: &Type) -> usize {
    let modifier = ty.name.split_once(',');
    modifier.map_or(0, |(_, s)| s.trim_end_matches(')').parse().unwrap())
}

#[test]
fn masks_of_the_document() {
    let of = |name: &str| {
        let mut types = super::types::TYPES.iter();
        types.find(|t| t.name == name).expect("a type")
    };
    let masked = |mask: Mask, name, value| mask.text(of(name), value);
    assert_eq!(masked(Mask::First(1), "text", "900-11-0001"), "9**********");
    assert_eq!(
        masked(Mask::Last(4), "varchar(11)", "900-11-0001"),
        "*******0001"
    );
    assert_eq!(masked(Mask::Last(4), "text", "0001"), "****");
    assert_eq!(
        masked(Mask::Full, "char(12)", "ü b         "),
        "***         "
    );
    assert_eq!(masked(Mask::Year, "date", "1984-07-30"), "1984-01-01");
    assert_eq!(masked(Mask::Year, "date", "0044-03-15 BC"), "0044-01-01 BC");
    assert_eq!(masked(Mask::Year, "date", "-infinity"), "1970-01-01");
    assert_eq!(masked(Mask::Full, "numeric(12,2)", "7.50"), "0.00");
    for (days, first) in [
        (-5633_i32, -5844_i32),
        (0, 0),
        (365, 0),
        (366, 366),
        (-1, -365),
    ] {
        let shown = Mask::Year.binary(of("date"), &days.to_be_bytes());
        assert_eq!(shown, first.to_be_bytes(), "{days}");
    }
}
