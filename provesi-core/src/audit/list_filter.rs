//! Which records a list asked for, as a log may tell it.

use std::collections::BTreeSet;
use std::fmt;

use crate::{ClientFilter, ClientId, OrderFilter, OrderStatus, Period, ReasonQuery};

/// The filter of a list, without the text that a person typed, which may hold personal data.
///
/// The text form has only letters, digits and `=,:-_. `: `status=returned,shipped q_len=12`. Without a filter it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListFilter {
    /// See [`OrderFilter::statuses`].
    pub statuses: BTreeSet<OrderStatus>,
    /// See [`OrderFilter::client_id`].
    pub client_id: Option<ClientId>,
    /// See [`OrderFilter::returned`].
    pub returned: Period,
    /// The number of characters of the text that was searched for.
    pub query_len: Option<usize>,
}

impl ListFilter {
    /// With a search in the reasons of returns.
    #[must_use]
    pub fn with_reason(self, reason: &ReasonQuery) -> Self {
        Self { query_len: Some(reason.as_str().chars().count()), ..self }
    }
}

impl From<&OrderFilter> for ListFilter {
    fn from(filter: &OrderFilter) -> Self {
        let query_len = filter.number_part.as_ref().map(|part| part.as_str().chars().count());
        Self { statuses: filter.statuses.clone(), client_id: filter.client_id, returned: filter.returned, query_len }
    }
}

impl From<&ClientFilter> for ListFilter {
    fn from(filter: &ClientFilter) -> Self {
        let query_len = filter.query.as_ref().map(|query| query.as_str().chars().count());
        Self { query_len, ..Self::default() }
    }
}

impl fmt::Display for ListFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statuses, client_id, returned, query_len } = self;
        let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        let parts = [
            (!statuses.is_empty()).then(|| format!("status={}", statuses.join(","))),
            client_id.map(|id| format!("client_id={id}")),
            returned.from.map(|from| format!("returned_from={from}")),
            returned.until.map(|until| format!("returned_until={until}")),
            query_len.map(|len| format!("q_len={len}")),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientQuery, NumberPart};

    #[test]
    fn a_filter_tells_all_but_what_was_typed() {
        assert_eq!(ListFilter::default().to_string(), "");
        let orders = OrderFilter {
            statuses: [OrderStatus::Returned, OrderStatus::Shipped].into(),
            client_id: Some("6b050af58b3059b0f61239f2".parse().unwrap()),
            number_part: Some(NumberPart::parse("ORD-1").unwrap()),
            returned: Period {
                from: Some("2026-11-01T05:00:00Z".parse().unwrap()),
                until: Some("2026-11-08T05:00:00Z".parse().unwrap()),
            },
        };
        assert_eq!(
            ListFilter::from(&orders).to_string(),
            "status=shipped,returned client_id=6b050af58b3059b0f61239f2 returned_from=2026-11-01T05:00:00.000Z \
             returned_until=2026-11-08T05:00:00.000Z q_len=5"
        );
        let clients = ClientFilter { query: Some(ClientQuery::parse("Peña").unwrap()) };
        assert_eq!(ListFilter::from(&clients).to_string(), "q_len=4");
    }
}
