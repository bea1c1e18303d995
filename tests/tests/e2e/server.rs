//! A server process over a place of its own, and the few calls that the tests make of it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::place::Place;

/// A running server. The process is ended, and what it kept is removed, when this is dropped.
pub(crate) struct Server {
    place: Place,
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
    client: Client,
    /// The lines of standard error so far.
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// A server over this place, whose tables are brought up to date.
    pub(crate) async fn start(place: Place) -> Self {
        Self::start_with(place, &[]).await
    }

    /// As [`start`](Self::start), with further arguments.
    pub(crate) async fn start_with(place: Place, arguments: &[&str]) -> Self {
        let migrated = command(&place).arg("migrate").output().await.expect("the program runs");
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        Self::serve(place, arguments).await
    }

    async fn serve(place: Place, arguments: &[&str]) -> Self {
        let mut process = command(&place)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut stderr = BufReader::new(process.stderr.take().expect("its log is piped")).lines();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                kept.lock().expect("no test panics with it").push(line);
            }
        });
        let mut lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
        let address = loop {
            let line = lines.next_line().await.expect("its output is text").expect("it says where it listens");
            if let Some(address) = line.split("http://").nth(1) {
                break address.trim().trim_end_matches('/').parse().expect("an address");
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        // With `provesi-http`'s client in the same build, reqwest wants to be told whose cryptography it is to use. Whoever
        // comes first tells it.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
        Self { place, process, address, client, log }
    }

    /// Ends the process at once, if it still runs, and starts another over the same place.
    pub(crate) async fn kill_and_restart(self) -> Self {
        self.kill_and_restart_with(&[]).await
    }

    /// As [`kill_and_restart`](Self::kill_and_restart), with further arguments.
    pub(crate) async fn kill_and_restart_with(self, arguments: &[&str]) -> Self {
        let Self { place, mut process, .. } = self;
        process.kill().await.expect("the process can be ended");
        Self::serve(place, arguments).await
    }

    /// Another process over the same place, which has to live as long as this one.
    pub(crate) async fn beside(&self) -> Self {
        let mut place = Place::behind(&self.place.clients, &self.place.orders, Vec::new());
        place.variables.clone_from(&self.place.variables);
        Self::serve(place, &[]).await
    }

    /// The place, to lead the next process somewhere else.
    pub(crate) fn place_mut(&mut self) -> &mut Place {
        &mut self.place
    }

    /// The lines of the log so far that contain `text`.
    pub(crate) fn logged_so_far(&self, text: &str) -> Vec<String> {
        let log = self.log.lock().expect("no test panics with it");
        log.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) async fn logged(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(line) = self.logged_so_far(text).into_iter().next() {
                return line;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "not logged: {text}; but {:?}", self.logged_so_far(""));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// As [`run`](Self::run), without one of the variables.
    pub(crate) async fn run_without(&self, variable: &str, arguments: &[&str]) -> (Option<i32>, String) {
        output_of(command(&self.place).env_remove(variable).args(arguments)).await
    }

    /// Runs a sub-command over the server's place, and answers its exit code and what it printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        run_in(&self.place, arguments).await
    }

    /// A request, with the JSON of `body` unless that is null.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        self.try_call(method, path, body).await.expect("the server answers")
    }

    /// As [`call`](Self::call), where the server may be gone.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<(StatusCode, Value), reqwest::Error> {
        let response = self.request(method, path, body).send().await?;
        let status = response.status();
        Ok((status, response.json().await?))
    }

    /// As [`call`](Self::call), with further headers; answers all there is.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> reqwest::Response {
        let request = self.request(method, path, body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("the server answers")
    }

    fn request(&self, method: Method, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        if body.is_null() { request } else { request.json(body) }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.call(Method::PUT, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::DELETE, path, &Value::Null).await
    }

    /// Makes a client, and answers its id.
    pub(crate) async fn client(&self, email: &str) -> String {
        let (status, body) = self.post("/api/clients/", &serde_json::json!({"name": "Ana", "email": email})).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["data"]["id"].as_str().expect("an id").to_owned()
    }
}

/// Runs a sub-command over this place, and answers its exit code and what it printed.
pub(crate) async fn run_in(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    output_of(command(place).args(arguments)).await
}

async fn output_of(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().await.expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("its output is text"))
}

fn command(place: &Place) -> Command {
    let mut command = Command::new(provesi_tests::tested_server());
    command.env("PROVESI_CLIENTS_URL", &place.clients).env("PROVESI_ORDERS_URL", &place.orders).stdin(Stdio::null());
    command.envs(place.variables.iter().map(|(name, value)| (*name, value)));
    command
}
