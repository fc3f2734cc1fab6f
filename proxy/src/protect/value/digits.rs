//! Digits of dates and times, written without allocation.

use bytes::{BufMut, BytesMut};

/// Two digits.
pub(super) fn two(n: u8, out: &mut BytesMut) {
    out.put_u8(b'0' + n / 10 % 10);
    out.put_u8(b'0' + n % 10);
}

/// At least four digits.
pub(super) fn year(n: u32, out: &mut BytesMut) {
    for unit in [1000, 100, 10] {
        if n < unit {
            out.put_u8(b'0');
        }
    }
    super::integer::write_text(i64::from(n), out);
}

/// `.5`, `.123456`, nothing for 0: trailing zeros are not written.
pub(super) fn micros(n: u32, out: &mut BytesMut) {
    if n == 0 {
        return;
    }
    out.put_u8(b'.');
    let mut unit = 100_000;
    let mut rest = n;
    while rest > 0 && unit > 0 {
        out.put_u8(b'0' + u8::try_from(rest / unit % 10).unwrap_or(0));
        rest %= unit;
        unit /= 10;
    }
}
