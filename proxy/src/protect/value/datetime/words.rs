//! The words of dates and times (datetktbl of datetime.c). Time zone abbreviations are in `zone`.

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A month, 1 to 12.
    Month(u8),
    /// A day of the week: says nothing.
    Weekday,
    /// `am`
    Am,
    /// `pm`
    Pm,
    /// `ad`
    Ad,
    /// `bc`
    Bc,
    /// `at`, `on`: passed over.
    Filler,
    /// `t`: a time follows.
    T,
    /// `infinity`
    Infinity,
    /// `-infinity`
    MinusInfinity,
    /// `epoch`
    Epoch,
    /// Depends on the server's clock.
    Clock,
    /// Known to PostgreSQL, not read here.
    Other,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The meaning of a word in any case.
pub(super) fn word(text: &str) -> Option<Word> {
    let mut buffer = [0u8; 10];
    let lower = buffer.get_mut(..text.len())?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    let text = std::str::from_utf8(lower).ok()?;
    month(text).map(Word::Month).or_else(|| other(text))
}

/// Whether PostgreSQL's table of words, abbreviations left out, has it.
pub(super) fn is_core(text: &str) -> bool {
    word(text).is_some()
}

fn month(text: &str) -> Option<u8> {
    let at = MONTHS
        .iter()
        .position(|m| *m == text || m.get(..3) == Some(text))
        .or((text == "sept").then_some(8))?;
    u8::try_from(at + 1).ok()
}

fn other(text: &str) -> Option<Word> {
    Some(match text {
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds"
        | "wednesday" | "thu" | "thur" | "thurs" | "thursday" | "fri" | "friday" | "sat"
        | "saturday" => Word::Weekday,
        "am" => Word::Am,
        "pm" => Word::Pm,
        "ad" => Word::Ad,
        "bc" => Word::Bc,
        "at" | "on" => Word::Filler,
        "t" => Word::T,
        "infinity" => Word::Infinity,
        "-infinity" => Word::MinusInfinity,
        "epoch" => Word::Epoch,
        "now" | "today" | "tomorrow" | "yesterday" => Word::Clock,
        "allballs" | "d" | "dow" | "doy" | "dst" | "h" | "isodow" | "isoyear" | "j" | "jd"
        | "julian" | "m" | "mm" | "s" | "y" | "+infinity" => Word::Other,
        _ => return None,
    })
}
