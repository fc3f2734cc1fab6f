//! Values as parameters: PostgreSQL's binary formats for what the generator makes. It must never guess: what has no
//! rule here goes as text, and the Bind says so.

/// Binary form of a value's text under the type the server told; `None`: send it as text.
pub fn binary(text: &str, oid: u32) -> Option<Vec<u8>> {
    Some(match oid {
        16 => match text {
            "t" | "true" => vec![1],
            "f" => vec![0],
            _ => return None,
        },
        21 => text.parse::<i16>().ok()?.to_be_bytes().to_vec(),
        23 => text.parse::<i32>().ok()?.to_be_bytes().to_vec(),
        20 => text.parse::<i64>().ok()?.to_be_bytes().to_vec(),
        700 => text.parse::<f32>().ok()?.to_be_bytes().to_vec(),
        701 => text.parse::<f64>().ok()?.to_be_bytes().to_vec(),
        25 | 1043 | 1042 | 114 => text.as_bytes().to_vec(),
        3802 => [&[1], text.as_bytes()].concat(),
        17 => unhex(text.strip_prefix("\\x")?)?,
        2950 => unhex(&text.replace('-', "")).filter(|b| b.len() == 16)?,
        1082 => i32::try_from(days(text)?).ok()?.to_be_bytes().to_vec(),
        1114 => timestamp(text)?.to_be_bytes().to_vec(),
        1184 => timestamp(text.strip_suffix("+00")?)?.to_be_bytes().to_vec(),
        1700 => numeric(text)?,
        1007 | 1009 | 1015 | 1016 | 1182 | 2951 => array(text, oid)?,
        _ => return None,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if bytes.len() % 2 == 1 || !text.is_ascii() {
        return None;
    }
    bytes
        .chunks(2)
        .map(|c| u8::from_str_radix(std::str::from_utf8(c).ok()?, 16).ok())
        .collect()
}

/// Days since 2000-01-01 of `YYYY-MM-DD`.
fn days(text: &str) -> Option<i64> {
    if text.len() != 10 {
        return None;
    }
    let part = |at: std::ops::Range<usize>| text.get(at)?.parse::<i64>().ok();
    let (y, m, d) = (part(0..4)?, part(5..7)?, part(8..10)?);
    if !(1..=12).contains(&m) || !(1..=28).contains(&d) {
        return None;
    }
    // Howard Hinnant's days_from_civil, from 2000-01-01
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    Some(era * 146_097 + doe - 719_468 - 10_957)
}

/// Microseconds since 2000-01-01 of `YYYY-MM-DD HH:MM:SS.f`.
fn timestamp(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let (whole, fraction) = time.split_once('.')?;
    let part = |at: std::ops::Range<usize>| whole.get(at)?.parse::<i64>().ok();
    let seconds = part(0..2)? * 3600 + part(3..5)? * 60 + part(6..8)?;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some((days(date)? * 86_400 + seconds) * 1_000_000 + micros)
}

/// Plain decimals with a point.
fn numeric(text: &str) -> Option<Vec<u8>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let whole = whole.trim_start_matches('-');
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !(fraction.is_empty() || digits(fraction)) {
        return None;
    }
    let pad = (4 - whole.len() % 4) % 4;
    let all = format!("{}{whole}{fraction}", "0".repeat(pad));
    let all = format!("{all:0<width$}", width = all.len().div_ceil(4) * 4);
    let mut groups: Vec<u16> = all
        .as_bytes()
        .chunks(4)
        .map(|c| std::str::from_utf8(c).unwrap().parse().unwrap())
        .collect();
    let mut weight = i16::try_from((whole.len() + pad) / 4).ok()? - 1;
    while groups.first() == Some(&0) {
        groups.remove(0);
        weight -= 1;
    }
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    let sign = if negative && !groups.is_empty() {
        0x4000_u16
    } else {
        0
    };
    let mut out = u16::try_from(groups.len()).ok()?.to_be_bytes().to_vec();
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(u16::try_from(fraction.len()).ok()?.to_be_bytes());
    groups.iter().for_each(|g| out.extend(g.to_be_bytes()));
    Some(out)
}

/// `{a,b,NULL}` with elements that need no quotes, or quoted without escapes.
fn array(text: &str, oid: u32) -> Option<Vec<u8>> {
    let element = match oid {
        1007 => 23,
        1016 => 20,
        1182 => 1082,
        2951 => 2950,
        1015 => 1043,
        _ => 25,
    };
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    if inside.is_empty() || inside.contains('\\') || inside.contains('{') {
        return None;
    }
    let mut body = Vec::new();
    let mut nulls = 0_i32;
    let items: Vec<&str> = inside.split(',').collect();
    for item in &items {
        if *item == "NULL" {
            nulls = 1;
            body.extend((-1_i32).to_be_bytes());
            continue;
        }
        if item.matches('"').count() % 2 == 1 {
            return None;
        }
        let value = binary(item.trim_matches('"'), element)?;
        body.extend(i32::try_from(value.len()).ok()?.to_be_bytes());
        body.extend(value);
    }
    let mut out = Vec::new();
    for head in [
        1,
        nulls,
        element as i32,
        i32::try_from(items.len()).ok()?,
        1,
    ] {
        out.extend(head.to_be_bytes());
    }
    out.extend(body);
    Some(out)
}

#[test]
fn known_binary_forms() {
    assert_eq!(binary("2000-01-01", 1082), Some(vec![0; 4]));
    assert_eq!(
        binary("1999-12-28", 1082),
        Some((-4_i32).to_be_bytes().to_vec())
    );
    assert_eq!(
        binary("12345.5", 1700),
        Some(vec![0, 3, 0, 1, 0, 0, 0, 1, 0, 1, 9, 41, 19, 136])
    );
    assert_eq!(
        binary("2000-01-01 00:00:01.5+00", 1184),
        Some(1_500_000_i64.to_be_bytes().to_vec())
    );
}
