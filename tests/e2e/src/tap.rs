//! A TCP forwarder that remembers what goes from client to server: the wire as an eavesdropper sees it.
//!
//! It must never change or delay a byte, or tests would look at another program.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A tap in front of one address.
#[derive(Debug, Clone)]
pub struct Tap {
    port: u16,
    seen: Arc<Mutex<Vec<u8>>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Tap {
    /// Listens on a free port and forwards to `port` on 127.0.0.1.
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the tap");
        let tap = Self {
            port: listener.local_addr().expect("the tap's address").port(),
            seen: Arc::default(),
            open: Arc::default(),
        };
        let (seen, open) = (Arc::clone(&tap.seen), Arc::clone(&tap.open));
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else {
                    continue;
                };
                let both = [&client, &server].map(|s| s.try_clone().expect("a handle of it"));
                open.lock().expect("the tap's lock").extend(both);
                forward(client, server, &seen);
            }
        });
        tap
    }

    /// Where to connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection that goes through it without a word, as a network does.
    pub fn cut(&self) {
        for stream in self.open.lock().expect("the tap's lock").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Everything clients sent to the server until now, all connections together.
    pub fn seen(&self) -> Vec<u8> {
        self.seen.lock().expect("the tap's lock").clone()
    }

    /// Forgets it.
    pub fn forget(&self) {
        self.seen.lock().expect("the tap's lock").clear();
    }

    /// Whether these bytes went by in one piece.
    pub fn saw(&self, needle: &[u8]) -> bool {
        contains(&self.seen(), needle)
    }
}

fn forward(client: TcpStream, server: TcpStream, seen: &Arc<Mutex<Vec<u8>>>) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("TCP_NODELAY");
    }
    let (client2, server2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let seen = Arc::clone(seen);
    thread::spawn(move || pump(client, server, |bytes| seen.lock().unwrap().extend(bytes)));
    thread::spawn(move || pump(server2, client2, |_| ()));
}

fn pump(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        look(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

/// Whether `needle` is in `hay`.
pub fn contains(hay: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && hay.windows(needle.len()).any(|w| w == needle)
}
