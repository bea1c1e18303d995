//! What the audit costs a request of somebody who is no service: the server with each kind of audit against the same without.

use crate::ask::json;
use crate::compare::{CONNECTIONS, Side, compare, print_head};
use crate::files::{server_with, small};
use crate::load::Requests;

/// Any two keys, and a token: with them the boundary between services is there.
const AES_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const HMAC_KEY: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
const TOKENS: &str = "orders=a-token-for-the-benchmark-alone";

/// The kinds of audit, the names of their sides, and how many times the answers without each is to give.
const AUDITS: [(&str, &str, f64); 3] = [
    ("log", "the server, `--audit log`", 0.95),
    ("store", "the server, `--audit store`", 0.9),
    ("strict", "the server, `--audit strict`", 0.65),
];

pub(crate) fn measure() {
    print_head();
    for (audit, name, wanted) in AUDITS {
        // Each side has a file of its own.
        let [with, without] = [audit, "off"].map(|audit| {
            server_with(&small(&format!("audit-{audit}.db")), |command| {
                command.args(["--audit", audit]);
                command.env("MICROSERVICE_AES_KEY", AES_KEY).env("MICROSERVICE_HMAC_KEY", HMAC_KEY);
                command.env("PROVESI_SERVICE_TOKENS", TOKENS);
            })
        });
        let requests = [&with, &without].map(|side| {
            let list = json(side.address, "/api/clients/?limit=1000");
            let ids = list["data"].as_array().expect("clients").iter().map(|client| &client["id"]);
            Requests::get(ids.map(|id| format!("/api/clients/{}", id.as_str().expect("an id"))))
        });
        compare(
            "`GET` of a client with its orders",
            CONNECTIONS,
            &[
                Side::new(name, &with, &requests[0]),
                Side::new("the server, `--audit off`", &without, &requests[1]).wanted(wanted),
            ],
        );
    }
}
