//! The floor for a proxy on tokio: cuts the stream into messages and copies them.
//!
//! `relay LISTEN UPSTREAM`, ports on 127.0.0.1; two workers. It understands nothing but the length word.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn main() -> anyhow::Result<()> {
    let mut ports = std::env::args().skip(1);
    let mut port = || anyhow::Ok(ports.next().unwrap_or_default().parse::<u16>()?);
    let (listen, upstream) = (port()?, port()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", listen)).await?;
        loop {
            let (client, _) = listener.accept().await?;
            tokio::spawn(async move {
                // a session that breaks is the client's to notice
                let _ = session(client, upstream).await;
            });
        }
    })
}

async fn session(mut client: TcpStream, upstream: u16) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    // the start-up packet has no tag, which a copy need not know: it is the first read
    tokio::select! {
        done = copy(&mut from_client, &mut to_server, 4) => done,
        done = copy(&mut from_server, &mut to_client, 5) => done,
    }
}

async fn copy(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    first_head: usize,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut head, mut filled) = (first_head, 0);
    loop {
        let read = from
            .read(buffer.get_mut(filled..).unwrap_or_default())
            .await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut whole = 0;
        while let Some(word) = buffer
            .get(whole + head - 4..whole + head)
            .filter(|_| whole + head <= filled)
        {
            let length = u32::from_be_bytes(word.try_into().unwrap_or_default());
            let end = whole + head - 4 + usize::try_from(length).unwrap_or(usize::MAX);
            if end > filled {
                break;
            }
            (whole, head) = (end, 5);
        }
        to.write_all(buffer.get(..whole).unwrap_or_default())
            .await?;
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
    }
}
