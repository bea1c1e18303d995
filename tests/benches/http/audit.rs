//! What the audit and the boundary between services cost a request of somebody who is no service: the same server with both
//! and without, in turns.

use std::sync::Arc;

use crate::ask::json;
use crate::files::{self, bench_dir};
use crate::load::{CONNECTIONS, gets, in_turns, run};
use crate::process::Running;

/// Any two keys, and a token.
const AES_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const HMAC_KEY: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
const TOKENS: &str = "orders=a-token-for-the-benchmark-alone";

/// A file of 5,000 clients and 20,000 orders of its own for each side.
fn filled(name: &str) -> String {
    let file = bench_dir().join(name);
    let url = format!("sqlite:{}", file.display());
    if !file.exists() {
        files::run(&url, &["migrate"]);
        files::run(&url, &["seed", "--clients", "5000", "--orders", "20000"]);
    }
    url
}

/// What is measured with the boundary: `--audit` as this.
const AUDITS: [&str; 3] = ["off", "store", "strict"];

pub(crate) fn measure() {
    let (without, with) = (filled("audit-off.db"), filled("audit-store.db"));
    for audit in AUDITS {
        for round in 1..=2 {
            let sides = [
                Running::server_with(&with, &with, |command| {
                    command.args(["--audit", audit]);
                    command.env("MICROSERVICE_AES_KEY", AES_KEY).env("MICROSERVICE_HMAC_KEY", HMAC_KEY);
                    command.env("PROVESI_SERVICE_TOKENS", TOKENS);
                }),
                Running::server_with(&without, &without, |command| {
                    command.args(["--audit", "off"]);
                }),
            ];
            let list = json(sides[0].address, "/api/clients/?limit=1000");
            let ids = list["data"].as_array().expect("clients").iter().map(|client| &client["id"]);
            let paths: Vec<String> = ids.map(|id| format!("/api/clients/{}", id.as_str().expect("an id"))).collect();
            let requests = Arc::new(gets(&paths));
            let mut answers = [0, 0];
            let before = sides.each_ref().map(Running::processor_seconds);
            let [with, without] = in_turns([sides[0].address, sides[1].address], |side, address, time| {
                let turn = run(address, &requests, time);
                answers[side] += turn.answers;
                turn.per_second
            });
            let [own, bare] = [0, 1].map(|side| {
                let used = sides[side].processor_seconds() - before[side];
                1e6 * used / f64::from(answers[side])
            });
            println!(
                "GET /api/clients/{{id}}, {CONNECTIONS} connections, run {round}: with the boundary and --audit {audit} \
                 {with:.0}/s, without {without:.0}/s, {:.1} %; {own:.0} and {bare:.0} µs of the server's processor time for each",
                100.0 * with / without
            );
        }
    }
}
