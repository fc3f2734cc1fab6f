//! How long a message may be: PostgreSQL's own numbers, one table per direction.
//!
//! Frontend: `SocketBackend` in src/backend/tcop/postgres.c with the limits of
//! src/include/libpq/libpq.h, and src/backend/libpq/auth.c for `p`. Backend: what the server can
//! send (src/common/stringinfo.c), cut to the shape of the message where it has one; libpq's
//! `VALID_LONG_MESSAGE_TYPE` (src/interfaces/libpq/fe-protocol3.c) names the long ones.

/// `PQ_SMALL_MESSAGE_LIMIT`, src/include/libpq/libpq.h.
pub const SMALL_MESSAGE_LIMIT: u32 = 10_000;
/// `PQ_LARGE_MESSAGE_LIMIT`, `MaxAllocSize - 1`, src/include/libpq/libpq.h and src/include/utils/memutils.h.
pub const LARGE_MESSAGE_LIMIT: u32 = 0x3fff_ffff - 1;
/// `MAX_STARTUP_PACKET_LENGTH`, src/include/libpq/pqcomm.h.
pub const MAX_STARTUP_PACKET_LENGTH: u32 = 10_000;
/// `PG_MAX_AUTH_TOKEN_LENGTH`, src/include/libpq/auth.h: the longest of the `p` family.
const MAX_AUTH_TOKEN_LENGTH: u32 = 65_535;
/// libpq's bound on backend messages that are not long (src/interfaces/libpq/fe-protocol3.c).
const SMALL_BACKEND_LIMIT: u32 = 30_000;
/// 65 535 parameters of four bytes, the count and the length word.
const PARAMETER_DESCRIPTION_LIMIT: u32 = 4 + 2 + 4 * 65_535;

/// The greatest length word of a client's message, or `None` where there is no such message.
pub(crate) fn frontend(tag: u8) -> Option<u32> {
    Some(match tag {
        b'Q' | b'P' | b'B' | b'F' | b'd' => LARGE_MESSAGE_LIMIT,
        b'E' | b'D' | b'C' | b'H' | b'S' | b'X' | b'c' | b'f' => SMALL_MESSAGE_LIMIT,
        b'p' => MAX_AUTH_TOKEN_LENGTH,
        _ => return None,
    })
}

/// The greatest length word of a server's message, or `None` where there is no such message.
pub(crate) fn backend(tag: u8) -> Option<u32> {
    Some(match tag {
        b'T' | b'D' | b'd' | b'V' | b'E' | b'N' | b'A' | b'S' | b'C' => LARGE_MESSAGE_LIMIT,
        b't' => PARAMETER_DESCRIPTION_LIMIT,
        b'R' => MAX_AUTH_TOKEN_LENGTH,
        b'1' | b'2' | b'3' | b'I' | b'K' | b'Z' | b'n' | b's' | b'c' | b'G' | b'H' | b'W'
        | b'v' => SMALL_BACKEND_LIMIT,
        _ => return None,
    })
}
