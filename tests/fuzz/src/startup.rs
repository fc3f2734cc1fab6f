//! The first bytes of a connection, from whoever can reach the port.
//!
//! It must never wait for more than PostgreSQL would take: 10,000 bytes.

use bytes::BytesMut;
use hippocrypt_wire::startup::StartupPacket;

/// Rare: a start-up that names a user and asks for a newer minor version.
pub(crate) fn packet(data: &[u8]) -> bool {
    let mut buffer = BytesMut::from(data);
    let mut rare = false;
    loop {
        let before = buffer.len();
        match StartupPacket::next(&mut buffer) {
            Ok(Some(packet)) => {
                assert!(buffer.len() < before, "a packet of no bytes");
                if let StartupPacket::Startup(startup) = packet {
                    let _ = startup.iter().count();
                    rare |= startup.minor > 0 && startup.get("user").is_some();
                }
            }
            Ok(None) => {
                assert!(before < 10_004, "{before} bytes, and it waits for more");
                return rare;
            }
            Err(_) => return rare,
        }
    }
}
