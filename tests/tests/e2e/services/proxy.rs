//! Somebody between two services: sees what passes, changes it, keeps it back, and says it again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of what passes in one direction.
type Change = Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send>;

#[derive(Default)]
struct State {
    upstream: Option<SocketAddr>,
    passed: Vec<(Vec<u8>, Vec<u8>)>,
    change_question: Option<Change>,
    change_answer: Option<Change>,
}

/// Passes requests on, one connection each.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = serving.clone();
                // A side that hangs up ends the connection, and no more.
                tokio::spawn(async move { drop(proxy.pass(stream).await) });
            }
        });
        proxy
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leads to there, or nowhere.
    pub(crate) fn lead_to(&self, upstream: Option<SocketAddr>) {
        self.state(|state| state.upstream = upstream);
    }

    /// Changes questions on their way from now on.
    pub(crate) fn change_questions(&self, change: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) {
        self.state(|state| state.change_question = Some(Box::new(change)));
    }

    /// Changes answers on their way from now on.
    pub(crate) fn change_answers(&self, change: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) {
        self.state(|state| state.change_answer = Some(Box::new(change)));
    }

    /// Lets all pass as it is from now on.
    pub(crate) fn behave(&self) {
        self.state(|state| (state.change_question, state.change_answer) = (None, None));
    }

    /// The questions and answers that passed so far, as they were sent.
    pub(crate) fn passed(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.state(|state| state.passed.clone())
    }

    async fn pass(&self, mut stream: TcpStream) -> std::io::Result<()> {
        while let Some(question) = message(&mut stream).await? {
            let changed = self.state(|state| match &state.change_question {
                Some(change) => change(question.clone()),
                None => question.clone(),
            });
            let Some(upstream) = self.state(|state| state.upstream) else { return Ok(()) };
            let answer = say(upstream, &changed).await?;
            let changed = self.state(|state| {
                state.passed.push((question, answer.clone()));
                match &state.change_answer {
                    Some(change) => change(answer),
                    None => answer,
                }
            });
            stream.write_all(&changed).await?;
        }
        Ok(())
    }
}

/// Sends a request as it is, and gives the answer as it is.
pub(crate) async fn say(to: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(to).await?;
    upstream.write_all(question).await?;
    Ok(message(&mut upstream).await?.unwrap_or_default())
}

/// A request or an answer with its body; `None` at the end.
async fn message(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = head_end(&bytes)
            && bytes.len() >= at + content_length(&bytes[..at])
        {
            return Ok(Some(bytes));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Where the body starts.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    line.map_or(0, |length| length.trim().parse().expect("a number"))
}

/// The same message with another body.
pub(crate) fn with_body(message: &[u8], body: &[u8]) -> Vec<u8> {
    let at = head_end(message).expect("it has a head");
    let head = String::from_utf8_lossy(&message[..at]);
    let lines =
        head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:") && !line.is_empty());
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    [format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// The same message with another text in its head.
pub(crate) fn with_head(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = head_end(message).expect("it has a head");
    let head = String::from_utf8_lossy(&message[..at]);
    assert!(head.contains(from), "{head}");
    [head.replace(from, to).as_bytes(), &message[at..]].concat()
}
