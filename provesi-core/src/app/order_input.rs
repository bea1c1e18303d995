//! What callers want of an order, and what the rules make of it. Nothing here asks a store.

use std::fmt;

use crate::row::noted;
use crate::{
    ClientId, Field, Invalid, NewOrder, Order, OrderNumber, OrderRow, OrderState, OrderStatus, Refusal, ReturnInfo,
    ReturnReason, StatusFlow, Timestamp,
};

/// An order to be made. `Debug` shows how long the reason is, and not what it says.
#[derive(bon::Builder, Clone, PartialEq, Eq)]
#[builder(on(String, into))]
#[non_exhaustive]
pub struct OrderDraft {
    /// The number.
    pub number: String,
    /// The client's id; `None` for an order without a client.
    pub client_id: Option<String>,
    /// The status; [`OrderStatus::Received`] if none is given.
    #[builder(default = OrderStatus::Received)]
    pub status: OrderStatus,
    /// The reason, for a return; not kept in any other status.
    pub return_reason: Option<String>,
}

/// The client of an order in a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientChoice {
    /// The client stays.
    #[default]
    Keep,
    /// The order has no client any more.
    Detach,
    /// The client with this id.
    Attach(String),
}

/// A change of an order: what is `None` stays. `Debug` shows how long the reason is, and not what it says.
#[derive(bon::Builder, Clone, Default, PartialEq, Eq)]
#[builder(on(String, into))]
#[non_exhaustive]
pub struct OrderChange {
    /// The new number.
    pub number: Option<String>,
    /// The client.
    #[builder(default)]
    pub client: ClientChoice,
    /// The new status.
    pub status: Option<OrderStatus>,
    /// The reason, for a return; not kept in any other status.
    pub return_reason: Option<String>,
}

impl fmt::Debug for OrderDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, client_id, status, return_reason } = self;
        f.debug_struct("OrderDraft")
            .field("number", number)
            .field("client_id", client_id)
            .field("status", status)
            .field("return_reason_bytes", &return_reason.as_ref().map(String::len))
            .finish()
    }
}

impl fmt::Debug for OrderChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, client, status, return_reason } = self;
        f.debug_struct("OrderChange")
            .field("number", number)
            .field("client", client)
            .field("status", status)
            .field("return_reason_bytes", &return_reason.as_ref().map(String::len))
            .finish()
    }
}

impl OrderChange {
    pub(super) fn fields(&self) -> Vec<Field> {
        [
            (self.number.is_some(), Field::OrderNumber),
            (self.client != ClientChoice::Keep, Field::ClientId),
            (self.status.is_some(), Field::Status),
            (self.return_reason.is_some(), Field::ReturnReason),
        ]
        .into_iter()
        .filter_map(|(given, field)| given.then_some(field))
        .collect()
    }
}

impl OrderDraft {
    /// The order that this makes at `now`.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as it can be told without a store: [`Refusal::Invalid`] for number and reason,
    /// [`Refusal::ReasonRequired`], and [`Refusal::UnknownClient`] for a text that is no client id.
    pub fn check(&self, now: Timestamp) -> Result<NewOrder, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let number = noted(OrderNumber::parse(&self.number), &mut refusals);
        let reason = given_reason(self.status, self.return_reason.as_deref());
        let state = noted(reason.and_then(|reason| Ok(OrderState::new(self.status, reason, now)?)), &mut refusals);
        let client_id = noted(self.client_id.as_deref().map(named_client).transpose(), &mut refusals);
        match (number, state, client_id) {
            (Some(number), Some(state), Some(client_id)) => {
                Ok(NewOrder { number, client_id, state, created_at: now, updated_at: now })
            }
            _ => Err(refusals),
        }
    }
}

impl StatusFlow {
    /// What `change` makes of an order at `now`. `updated_at` stays: see [`Order::with_content`]. Of an irregular order the change
    /// has to give a value for each field that breaks a rule, and any status may follow an unknown one.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as it can be told without a store: [`Refusal::Invalid`],
    /// [`Refusal::TransitionRefused`], [`Refusal::ReasonRequired`], and [`Refusal::UnknownClient`] for a text that is no client id.
    pub fn edit(&self, order: &OrderRow, change: &OrderChange, now: Timestamp) -> Result<Order, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let number = OrderNumber::parse(change.number.as_deref().unwrap_or(&order.number));
        let number = noted(number, &mut refusals);
        let from = order.status();
        let state = noted(change.status.map_or(from, Ok), &mut refusals).and_then(|to| {
            if let Ok(from) = from
                && !self.allows(from, to)
            {
                refusals.push(Refusal::TransitionRefused { from, to });
            }
            noted(edited_state(order, to, change.return_reason.as_deref(), now), &mut refusals)
        });
        let client_id = match &change.client {
            ClientChoice::Keep => order.client_id().map_err(Refusal::from),
            ClientChoice::Detach => Ok(None),
            ClientChoice::Attach(id) => named_client(id).map(Some),
        };
        let client_id = noted(client_id, &mut refusals);
        match (number, state, client_id) {
            (Some(number), Some(state), Some(client_id)) if refusals.is_empty() => {
                let (id, created_at, updated_at) = (order.id, order.created_at, order.updated_at);
                Ok(Order { id, number, client_id, state, created_at, updated_at })
            }
            _ => Err(refusals),
        }
    }
}

/// The state of an order that is put in `to`, or left there.
fn edited_state(
    order: &OrderRow,
    to: OrderStatus,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<OrderState, Refusal> {
    let reason = given_reason(to, reason)?;
    Ok(match order.status() {
        Ok(from) => OrderState::restore(from, order.return_info()).edited(to, reason, now)?,
        // What it says of a return is kept if it becomes one.
        Err(_) => match (to, reason, order.return_info()) {
            (OrderStatus::Returned, None, Some(kept)) => OrderState::restore(to, Some(kept)),
            (OrderStatus::Returned, Some(reason), Some(kept)) => {
                OrderState::restore(to, Some(ReturnInfo { reason, ..kept }))
            }
            (to, reason, _) => OrderState::new(to, reason, now)?,
        },
    })
}

/// The reason that was given for `status`: none for any but a return, and a blank one is none at all, which a return
/// may not be left with.
fn given_reason(status: OrderStatus, reason: Option<&str>) -> Result<Option<ReturnReason>, Refusal> {
    match reason {
        Some(text) if status == OrderStatus::Returned => {
            Ok(Some(ReturnReason::parse_optional(text)?.ok_or(Refusal::ReasonRequired)?))
        }
        _ => Ok(None),
    }
}

fn named_client(id: &str) -> Result<ClientId, Refusal> {
    id.parse().map_err(|_: Invalid| Refusal::UnknownClient)
}
