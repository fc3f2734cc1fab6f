//! inet and cidr (network.c, inet_net_pton.c, inet_net_ntop.c). Canonical plaintext: 18 bytes, 4 or 6, the
//! length of the mask, and 16 bytes of address, an IPv4 one in the first four.
//!
//! It must never widen or narrow a mask: addresses of different masks are different.

use crate::protect::ValueError;
use bytes::{BufMut, BytesMut};
use std::fmt::Write;
use std::net::Ipv6Addr;

/// `PGSQL_AF_INET` on the wire; IPv6 is one more.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 3;

/// An address with its mask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::protect) struct Network {
    v6: bool,
    bits: u8,
    address: [u8; 16],
}

impl Network {
    fn max(self) -> u8 {
        if self.v6 { 128 } else { 32 }
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.push(if self.v6 { 6 } else { 4 });
        out.push(self.bits);
        out.extend_from_slice(&self.address);
    }

    /// `None` where it is none that [`Network::encode`] writes.
    pub(super) fn read(plaintext: &[u8]) -> Option<Self> {
        let (&[family, bits], address) = plaintext.split_first_chunk::<2>()?;
        let this = Self {
            v6: match family {
                4 => false,
                6 => true,
                _ => return None,
            },
            bits,
            address: address.try_into().ok()?,
        };
        (bits <= this.max()).then_some(this)
    }

    /// No bit to the right of the mask: what cidr holds.
    pub(in crate::protect) fn is_network(self) -> bool {
        self.network() == self
    }

    /// Without the bits to the right of the mask (inet_to_cidr).
    pub(in crate::protect) fn network(self) -> Self {
        let mask = match self.bits {
            0 => 0,
            bits => u128::MAX << (128 - u32::from(bits)),
        };
        let address = (u128::from_be_bytes(self.address) & mask).to_be_bytes();
        Self { address, ..self }
    }
}

/// 0.0.0.0/0
pub(in crate::protect) const ANYWHERE: Network = Network {
    v6: false,
    bits: 0,
    address: [0; 16],
};
/// 0.0.0.0
pub(in crate::protect) const NOBODY: Network = Network {
    bits: 32,
    ..ANYWHERE
};

/// inet_in.
///
/// # Errors
/// 22P02.
pub(in crate::protect) fn parse_inet(text: &str) -> Result<Network, ValueError> {
    read(text, Kind::Inet).ok_or_else(|| syntax(text, "inet"))
}

/// cidr_in.
///
/// # Errors
/// 22P02; 0A000 for classful forms and hexadecimal ones.
pub(in crate::protect) fn parse_cidr(text: &str) -> Result<Network, ValueError> {
    let network = read(text, Kind::Cidr).ok_or_else(|| syntax(text, "cidr"))?;
    match network.is_network() {
        true => Ok(network),
        false => Err(ValueError::new("22P02", "invalid cidr value")
            .detail("Value has bits set to right of mask.")),
    }
}

/// 22P02; 0A000 for two forms that PostgreSQL may read: hexadecimal ones, and an IPv4 tail that is cut short.
fn syntax(text: &str, name: &str) -> ValueError {
    let hex = text.starts_with("0x") || text.starts_with("0X");
    if hex || (text.contains(':') && text.contains('.')) {
        let message = format!("this form of a value of type {name} is not read by the proxy");
        return ValueError::new("0A000", message).hint("Write it in full: 192.168.0.0/16 or ::/0.");
    }
    ValueError::new("22P02", format!("invalid input syntax for type {name}"))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Inet,
    Cidr,
}

fn read(text: &str, kind: Kind) -> Option<Network> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    if text.contains(':') {
        let bits = mask.map_or(Some(128), |mask| {
            let canonical = mask == "0" || !mask.starts_with('0');
            number(mask).filter(|n| *n <= 128 && canonical)
        })?;
        return Some(Network {
            v6: true,
            bits: u8::try_from(bits).ok()?,
            address: address.parse::<Ipv6Addr>().ok()?.octets(),
        });
    }
    let mut network = Network {
        v6: false,
        bits: 32,
        address: [0; 16],
    };
    let mut octets = 0;
    for part in address.split('.') {
        let octet = number(part).and_then(|n| u8::try_from(n).ok())?;
        *network.address.get_mut(..4)?.get_mut(octets)? = octet;
        octets += 1;
    }
    let bits = match (mask, kind) {
        (Some(mask), _) => number(mask).filter(|n| *n <= 32)?,
        (None, Kind::Inet) if octets < 4 => return None,
        (None, Kind::Inet) => 32,
        (None, Kind::Cidr) => classful(*network.address.first()?, octets),
    };
    network.bits = u8::try_from(bits).ok()?;
    Some(network)
}

/// The mask of an IPv4 network without one: its class, or the octets that are written.
fn classful(first: u8, octets: usize) -> u32 {
    let written = u32::try_from(octets * 8).unwrap_or(32);
    let class = match first {
        240.. => 32,
        224.. => 8,
        192.. => 24,
        128.. => 16,
        _ => 8,
    };
    match class.max(written) {
        8 if first == 224 => 4,
        bits => bits,
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// inet_recv, cidr_recv.
///
/// # Errors
/// 22P03, 08P01.
pub(in crate::protect) fn receive(bytes: &[u8], name: &str) -> Result<Network, ValueError> {
    let invalid = |what: &str| {
        ValueError::new(
            "22P03",
            format!("invalid {what} in external \"{name}\" value"),
        )
    };
    let short = || ValueError::new("08P01", "insufficient data left in message");
    let (&[family, bits, _is_cidr, length], rest) =
        bytes.split_first_chunk::<4>().ok_or_else(short)?;
    let v6 = match family {
        AF_INET => false,
        AF_INET6 => true,
        _ => return Err(invalid("address family")),
    };
    let mut network = Network {
        v6,
        bits,
        address: [0; 16],
    };
    if bits > network.max() {
        return Err(invalid("bits"));
    }
    let wanted = if v6 { 16 } else { 4 };
    if usize::from(length) != wanted {
        return Err(invalid("length"));
    }
    if rest.len() < wanted {
        return Err(short());
    }
    if rest.len() > wanted {
        return Err(ValueError::new("22P03", "incorrect binary data format"));
    }
    for (to, from) in network.address.iter_mut().zip(rest) {
        *to = *from;
    }
    if name == "cidr" && !network.is_network() {
        return Err(ValueError::new("22P03", "invalid external \"cidr\" value")
            .detail("Value has bits set to right of mask."));
    }
    Ok(network)
}

/// inet_send, cidr_send.
pub(in crate::protect) fn send(network: Network, is_cidr: bool, out: &mut BytesMut) {
    let length = if network.v6 { 16 } else { 4 };
    out.put_u8(if network.v6 { AF_INET6 } else { AF_INET });
    out.put_u8(network.bits);
    out.put_u8(u8::from(is_cidr));
    out.put_u8(length);
    out.put_slice(
        network
            .address
            .get(..usize::from(length))
            .unwrap_or_default(),
    );
}

/// inet_out; `with_mask` always writes the mask, as cidr_out and the casts to text do.
pub(in crate::protect) fn write_text(network: Network, with_mask: bool, out: &mut BytesMut) {
    // writing to memory does not fail
    if network.v6 {
        write_v6(network.address, out);
    } else {
        let [a, b, c, d, ..] = network.address;
        let _ = write!(out, "{a}.{b}.{c}.{d}");
    }
    if with_mask || network.bits != network.max() {
        let _ = write!(out, "/{}", network.bits);
    }
}

/// The longest run of zero words, if of two or more, is `::`; addresses that hold an IPv4 one show it so.
fn write_v6(address: [u8; 16], out: &mut BytesMut) {
    let words: Vec<u16> = address
        .chunks_exact(2)
        .map(|w| w.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
        .collect();
    let (start, length) = longest_zeros(&words);
    let fifth = words.get(5).copied();
    let embeds = start == 0 && (length == 6 || (length == 5 && fifth == Some(0xffff)));
    for (at, word) in words.iter().enumerate() {
        if length > 0 && (start..start + length).contains(&at) {
            if at == start {
                out.put_u8(b':');
            }
            continue;
        }
        if at > 0 {
            out.put_u8(b':');
        }
        if let (true, 6, [.., a, b, c, d]) = (embeds, at, address) {
            let _ = write!(out, "{a}.{b}.{c}.{d}");
            return;
        }
        let _ = write!(out, "{word:x}");
    }
    if length > 0 && start + length == words.len() {
        out.put_u8(b':');
    }
}

fn longest_zeros(words: &[u16]) -> (usize, usize) {
    let mut best = (0, 0);
    let mut run = (0, 0);
    for (at, word) in words.iter().enumerate() {
        run = match (*word, run) {
            (0, (_, 0)) => (at, 1),
            (0, (start, length)) => (start, length + 1),
            _ => (0, 0),
        };
        if run.1 > best.1 {
            best = run;
        }
    }
    if best.1 < 2 { (0, 0) } else { best }
}
