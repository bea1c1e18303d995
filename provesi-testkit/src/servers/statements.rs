//! Counts the statements that a PostgreSQL server is sent, by standing between: whatever a driver or a process of its own
//! says of itself, what goes over the wire is what is run.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::background;
use super::url::{hosts, with_hosts};

/// The statements that went to a PostgreSQL database by [`url`](Self::url).
///
/// Each execution of a prepared statement is one, and so is each simple query; preparing one is none, and neither is what
/// asks whether the server still answers. Transactions count as the `BEGIN` and `COMMIT` that they are. The connection is
/// not encrypted, and the URL names one host.
#[derive(Debug)]
pub struct Statements {
    url: String,
    seen: Seen,
}

type Seen = Arc<Mutex<Vec<String>>>;

impl Statements {
    /// Stands between whoever connects to [`url`](Self::url) and the database at `url`, for as long as the process lives.
    ///
    /// # Panics
    /// Where no port can be had.
    pub async fn to(url: &str) -> Self {
        let (server, seen) = (hosts(url).to_owned(), Seen::default());
        let listener = background::run(TcpListener::bind(("127.0.0.1", 0))).await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let heard = Arc::clone(&seen);
        background::start(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, heard) = (server.clone(), Arc::clone(&heard));
                tokio::spawn(async move {
                    // It ends where one of the two does, which the other then sees.
                    let _ = stand_between(client, &server, &heard).await;
                });
            }
        });
        Self { url: with_hosts(url, &format!("127.0.0.1:{port}")), seen }
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The text of what was sent since this was last asked, in its order.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn stand_between(client: TcpStream, server: &str, seen: &Seen) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, mut to_client), (mut from_server, to_server)) = (client.into_split(), server.into_split());
    let answers = async { tokio::io::copy(&mut from_server, &mut to_client).await.map(drop) };
    tokio::select! {
        ended = requests(BufReader::new(from_client), to_server, seen) => ended,
        ended = answers => ended,
    }
}

/// The most that one message may be long. None of a test comes near.
const LONGEST: usize = 64 << 20;

/// Before the session there are messages without a type; the last of them asks for the session with this version.
const VERSION_3: [u8; 2] = [0, 3];

/// Hands on what the client says, message by message
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
async fn requests(mut client: BufReader<OwnedReadHalf>, mut server: OwnedWriteHalf, seen: &Seen) -> io::Result<()> {
    loop {
        let body = body(&mut client).await?;
        send(&mut server, None, &body).await?;
        if body.starts_with(&VERSION_3) {
            break;
        }
    }
    let (mut statements, mut portals) = (HashMap::new(), HashMap::new());
    loop {
        let kind = client.read_u8().await?;
        let body = body(&mut client).await?;
        let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut text = || texts.next().unwrap_or_default();
        let ran = match kind {
            b'Q' => Some(text()),
            b'P' => {
                statements.insert(text(), text());
                None
            }
            b'B' => {
                portals.insert(text(), text());
                None
            }
            b'E' => portals.get(&text()).and_then(|statement| statements.get(statement)).cloned(),
            _ => None,
        };
        seen.lock().unwrap_or_else(PoisonError::into_inner).extend(ran);
        send(&mut server, Some(kind), &body).await?;
    }
}

async fn body(client: &mut BufReader<OwnedReadHalf>) -> io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let length = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
    let length = length.filter(|length| *length <= LONGEST).ok_or(io::ErrorKind::InvalidData)?;
    let mut body = vec![0; length];
    client.read_exact(&mut body).await?;
    Ok(body)
}

async fn send(server: &mut OwnedWriteHalf, kind: Option<u8>, body: &[u8]) -> io::Result<()> {
    let mut message = Vec::with_capacity(body.len() + 5);
    message.extend(kind);
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    message.extend(length.to_be_bytes());
    message.extend(body);
    server.write_all(&message).await
}
