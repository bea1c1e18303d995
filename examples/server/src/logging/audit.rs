//! Audit records as lines of the log.

use std::fmt::{self, Write};
use std::ops::Range;

use async_trait::async_trait;
use provesi_core::{AuditRecord, AuditSink, StoreError, Subject};

use super::AUDIT;

/// The most subjects of a line of [`LogAudit::Summary`].
const MAX_SUBJECTS: usize = 20;

/// Writes each record as an event of the target `provesi::audit`: ids, numbers and names of fields, never the value of a
/// field. Every text is a quoted string, in which quotes, control characters and bidirectional overrides are escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LogAudit {
    /// A list has its filter and how many records it showed; other records have up to 20 subjects.
    Summary,
    /// Records that a store should have kept, with all that it would have.
    Complete,
}

impl LogAudit {
    const fn max_subjects(self, record: &AuditRecord) -> usize {
        match self {
            Self::Complete => usize::MAX,
            Self::Summary if record.list.is_some() => 0,
            Self::Summary => MAX_SUBJECTS,
        }
    }
}

#[async_trait]
impl AuditSink for LogAudit {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        let mut different: Vec<&Subject> = record.subjects.iter().collect();
        different.sort_unstable();
        different.dedup();
        let orders =
            different.iter().filter(|subject| matches!(subject, Subject::Order(_) | Subject::OrderId(_))).count();
        // A string is quoted in the text format; what has a `Display` would stand there as it is.
        let mut texts = Texts::default();
        let at = texts.add([record.at]);
        let actor = texts.add([&record.caller.actor]);
        let address = record.caller.address.map(|address| texts.add([address]));
        let filter = record.list.as_ref().map(|list| texts.add([list]));
        let subjects = texts.add(record.subjects.iter().take(self.max_subjects(&record)));
        let fields = texts.add(&record.fields);
        tracing::info!(
            target: AUDIT,
            at = texts.get(at),
            actor = texts.get(actor),
            address = address.map(|address| texts.get(address)),
            request_id = record.caller.request_id.as_deref(),
            action = record.action.as_str(),
            outcome = record.outcome.as_str(),
            filter = filter.map(|filter| texts.get(filter)),
            orders,
            clients = different.len() - orders,
            subjects = texts.get(subjects),
            fields = texts.get(fields),
        );
        Ok(())
    }
}

/// Several texts in one buffer, since every request has a record.
#[derive(Default)]
struct Texts(String);

impl Texts {
    /// Adds words with spaces between them.
    fn add(&mut self, words: impl IntoIterator<Item = impl fmt::Display>) -> Range<usize> {
        let start = self.0.len();
        for word in words {
            let space = if self.0.len() == start { "" } else { " " };
            // Memory takes all of it.
            let _ = write!(self.0, "{space}{word}");
        }
        start..self.0.len()
    }

    fn get(&self, text: Range<usize>) -> &str {
        &self.0[text]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::{Arc, Mutex};

    use provesi_core::{Actor, ActorName, AuditAction, Caller, Field, ListFilter, OrderFilter, OrderStatus, Outcome};

    use super::*;
    use crate::logging::subscriber;
    use crate::settings::LogSettings;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written at this level while `work` runs.
    fn logged(level: &str, json: bool, work: impl Future) -> String {
        let written = Written::default();
        let (log, audit) = (written.clone(), written.clone());
        let settings = LogSettings { filter: level.parse().unwrap(), json };
        let subscriber = subscriber(settings, move || log.clone(), move || audit.clone(), false);
        tracing::subscriber::with_default(subscriber, || {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
        });
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    fn record(actor: Actor, request_id: &str) -> AuditRecord {
        AuditRecord::builder()
            .at("2026-11-24T03:56:37.613Z".parse().unwrap())
            .caller(Caller {
                actor,
                address: Some([192, 0, 2, 7].into()),
                request_id: Some(request_id.into()),
                ..Caller::default()
            })
            .action(AuditAction::OrderUpdate)
            .subjects(vec!["order:ord-1".parse().unwrap(), "client:6b050af58b3059b0f61239f2".parse().unwrap()])
            .outcome(Outcome::Done)
            .fields(vec![Field::Status, Field::ReturnReason])
            .build()
    }

    fn list(rows: u32, filter: OrderFilter) -> AuditRecord {
        let subjects = (0..rows).flat_map(|row| {
            [format!("order:ord-{row}"), "client:6b050af58b3059b0f61239f2".to_owned()].map(|text| text.parse().unwrap())
        });
        let mut record = record(Actor::Anonymous, "r-1");
        record.action = AuditAction::OrderList;
        record.subjects = subjects.collect();
        record.fields = Vec::new();
        record.list = Some(Box::new(ListFilter::from(&filter)));
        record
    }

    /// The fields of a line in the text format: `NAME=NUMBER` or `NAME="TEXT"`, with the escapes of Rust.
    fn fields(line: &str) -> BTreeMap<String, String> {
        let (_, mut rest) = line.split_once("INFO provesi::audit: ").expect("a record");
        let mut fields = BTreeMap::new();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').expect("NAME=");
            let mut value = String::new();
            let mut chars = after.chars();
            if after.starts_with('"') {
                chars.next();
                loop {
                    match chars.next().expect("a closing quote") {
                        '"' => break,
                        '\\' => match chars.next().unwrap() {
                            'n' => value.push('\n'),
                            'r' => value.push('\r'),
                            't' => value.push('\t'),
                            '0' => value.push('\0'),
                            'u' => {
                                let digits: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                                value.push(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
                            }
                            plain => value.push(plain),
                        },
                        c => value.push(c),
                    }
                }
                rest = chars.as_str().strip_prefix(' ').unwrap_or(chars.as_str());
            } else {
                let (number, after) = after.split_once(' ').unwrap_or((after, ""));
                value = number.parse::<u64>().expect("a number").to_string();
                rest = after;
            }
            assert!(fields.insert(name.to_owned(), value).is_none(), "{name} is there twice: {line}");
        }
        fields
    }

    const NAMES: [&str; 10] =
        ["at", "actor", "address", "request_id", "action", "outcome", "orders", "clients", "subjects", "fields"];

    #[test]
    fn each_text_reads_back_as_one_field_whatever_is_in_it() {
        let hostile = [
            "ana actor=service:orders address=6.6.6.6",
            "ana\" actor=\"service:orders\" x=\"",
            "back\\slash\\\" actor=\"service:orders",
            "Ana Peña 漢字 🚚",
            "right-to-left \u{202e}sredro:ecivres=rotca\u{2066}\u{200f}",
            "line \u{2028} separator and no-break\u{a0}space",
        ];
        let controls = ["r\n2026-11-24T03:56:37Z  INFO provesi::audit: at=\"x\"", "r\r\t\u{1b}[31m\u{7f}\u{9b}\0"];
        for name in hostile {
            for request_id in hostile.into_iter().chain(controls) {
                let actor = Actor::User(ActorName::parse(name).unwrap());
                let record = record(actor, request_id);
                let text = logged("info", false, LogAudit::Summary.record(record.clone()));
                let line = text.strip_suffix('\n').unwrap();
                assert!(!line.contains(char::is_control), "{line:?}");
                assert!(!line.contains(['\u{202e}', '\u{2066}', '\u{200f}', '\u{2028}']), "{line:?}");
                let fields = fields(line);
                let json = logged("info", true, LogAudit::Summary.record(record));
                assert_eq!(json.lines().count(), 1);
                let json: serde_json::Value = serde_json::from_str(&json).unwrap();
                assert_eq!(json["target"], "provesi::audit");
                for (field, value) in [
                    ("at", "2026-11-24T03:56:37.613Z"),
                    ("actor", &*format!("user:{name}")),
                    ("address", "192.0.2.7"),
                    ("request_id", request_id),
                    ("action", "order_update"),
                    ("outcome", "done"),
                    ("subjects", "order:ord-1 client:6b050af58b3059b0f61239f2"),
                    ("fields", "status return_reason"),
                ] {
                    assert_eq!(fields[field], value, "{line}");
                    assert_eq!(json["fields"][field], value, "{json}");
                }
                assert!(fields.keys().all(|name| NAMES.contains(&&**name)), "{fields:?}");
            }
        }
    }

    #[test]
    fn a_list_is_one_short_line_with_its_filter_and_how_much_it_showed() {
        let filter = OrderFilter { statuses: [OrderStatus::Shipped].into(), ..OrderFilter::default() };
        let text = logged("info", false, LogAudit::Summary.record(list(1_000, filter.clone())));
        assert!(text.len() < 400, "{} bytes: {text}", text.len());
        let line = fields(text.trim_end());
        assert_eq!((&*line["filter"], &*line["orders"], &*line["clients"]), ("status=shipped", "1000", "1"));
        assert_eq!(line["subjects"], "");
        // A record that the store should have has all of them.
        let text = logged("info", false, LogAudit::Complete.record(list(1_000, filter)));
        assert_eq!(fields(text.trim_end())["subjects"].split(' ').count(), 2_000);
    }

    #[test]
    fn no_level_and_no_directive_switches_the_audit_off() {
        for level in ["off", "error", "warn", "debug", "off,provesi::audit=off", "provesi=error"] {
            for json in [false, true] {
                let work = async {
                    LogAudit::Summary.record(record(Actor::Anonymous, "r-1")).await.unwrap();
                    tracing::info!(target: "provesi_http", "a line like others");
                };
                let text = logged(level, json, work);
                assert_eq!(text.matches("order_update").count(), 1, "{level}: {text}");
                assert_eq!(text.contains("a line like others"), level == "debug", "{level}: {text}");
            }
        }
    }
}
