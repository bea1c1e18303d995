//! The form of an order: what was filled in, what is wrong with it, and how it is shown again.

mod choice;

pub(super) use choice::Choice;

use askama::Template;
use axum::response::Response;
use provesi_core::{
    AppError, ClientChoice, ClientLink, Field, Invalid, Order, OrderChange, OrderDraft, OrderId, OrderNumber, OrderRow,
    OrderStatus, OrderView, Refusal, StatusFlow, Stored, Timestamp,
};

use super::{Owner, base_path, key_of, key_path, order_path};
use crate::pages::input::{Faults, Input};
use crate::pages::posted::{Posted, same_text};
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::words;

/// What was filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    pub(super) number: String,
    /// The id of the client; empty for none.
    pub(super) client: String,
    pub(super) status: String,
    pub(super) reason: String,
}

/// The order that a form is about: none yet, or this one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    New,
    Order(&'a Stored<Order>),
    /// One that somebody else changed while the form was filled in; as it is now.
    Changed(&'a Stored<Order>, &'a Owner),
}

impl<'a> Of<'a> {
    fn order(self) -> Option<&'a Stored<Order>> {
        match self {
            Self::New => None,
            Self::Order(order) | Self::Changed(order, _) => Some(order),
        }
    }
}

/// A status to choose.
struct StatusOption {
    status: OrderStatus,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "orders/form.html")]
struct Form<'a> {
    l: Layout,
    number: Input<'a>,
    reason: Input<'a>,
    statuses: Vec<StatusOption>,
    /// Whether a status has to be chosen first: that of an irregular order is none.
    lacks_status: bool,
    /// What is wrong with an irregular order.
    irregular: Vec<String>,
    /// The status as the order has it now, where somebody else changed it.
    status_now: Option<OrderStatus>,
    /// The same where it is none of the statuses.
    unknown_status_now: Option<String>,
    choice: &'a Choice,
    /// The client as the order has it now, where somebody else changed it.
    owner_now: Option<&'a Owner>,
    faults: &'a Faults,
    /// Id of the order, the path that its pages are below, and its version.
    order: Option<(OrderId, String, String)>,
    changed: bool,
    back: String,
}

impl Filled {
    pub(super) fn of(order: &OrderRow) -> Self {
        Self {
            number: order.number.clone(),
            client: order.client_id().ok().flatten().map(|id| id.to_string()).unwrap_or_default(),
            status: order.status.clone(),
            reason: order.return_info().map(|info| info.reason.to_string()).unwrap_or_default(),
        }
    }

    pub(super) fn read(posted: &Posted, status: &str) -> Self {
        Self {
            number: posted.line("order_number"),
            client: posted.line("client"),
            status: posted.get("status").unwrap_or(status).to_owned(),
            reason: posted.text("return_reason"),
        }
    }

    /// What was filled in, with a reason that says the same as the order's put as the order has it.
    pub(super) fn kept(mut self, order: &OrderRow) -> Self {
        if let Some(info) = order.return_info()
            && same_text(&self.reason, info.reason.as_str())
        {
            self.reason = info.reason.to_string();
        }
        self
    }

    /// The order that the form makes.
    ///
    /// # Errors
    /// If the status is unknown: that, and everything else that is wrong as far as it can be told without a store.
    pub(super) fn draft(&self) -> Result<OrderDraft, Faults> {
        let status = self.status.parse();
        let draft = OrderDraft::builder()
            .number(self.number.clone())
            .maybe_client_id(Some(self.client.clone()).filter(|id| !id.is_empty()))
            .status(status.unwrap_or(OrderStatus::Received))
            .return_reason(self.reason.clone())
            .build();
        match status {
            Ok(_) => Ok(draft),
            Err(unknown) => Err(self.refused(unknown, draft.check(Timestamp::MIN).err())),
        }
    }

    /// What the form changes of an order. An unchanged reason is left out: it may come from the Python system, and break the rules
    /// of ours.
    ///
    /// # Errors
    /// As [`draft`](Self::draft).
    pub(super) fn change(&self, order: &OrderRow, flow: &StatusFlow) -> Result<OrderChange, Faults> {
        let now = Self::of(order);
        let status = if self.status == now.status { Ok(None) } else { self.status.parse().map(Some) };
        let change = OrderChange::builder()
            .number(self.number.clone())
            .client(match &*self.client {
                // An unchanged client is not looked up.
                id if id == now.client && order.client_id().is_ok() => ClientChoice::Keep,
                "" => ClientChoice::Detach,
                id => ClientChoice::Attach(id.to_owned()),
            })
            .maybe_status(status.unwrap_or_default())
            .maybe_return_reason(
                Some(self.reason.clone())
                    .filter(|reason| order.return_info().is_none_or(|info| info.reason.as_str() != reason)),
            )
            .build();
        match status {
            Ok(_) => Ok(change),
            Err(unknown) => Err(self.refused(unknown, flow.edit(order, &change, Timestamp::MIN).err())),
        }
    }

    fn refused(&self, unknown_status: Invalid, others: Option<Vec<Refusal>>) -> Faults {
        let others = others.unwrap_or_default().into_iter().filter(|refusal| refusal.field() != Field::Status);
        let refusals: Vec<_> = others.chain([unknown_status.into()]).collect();
        Faults::refused(&refusals, |refusal| self.own_text(refusal))
    }

    fn own_text(&self, refusal: &Refusal) -> Option<String> {
        match refusal {
            Refusal::NumberTaken => Some(words::number_taken(&self.number)),
            Refusal::Invalid(invalid) if invalid.field == Field::OrderNumber && self.number.is_empty() => {
                Some(words::NUMBER_NEEDED.to_owned())
            }
            _ => None,
        }
    }

    /// What the form says of a use case that refuses it.
    pub(super) fn faults(&self, error: AppError) -> Faults {
        let own = |refusal: &Refusal| self.own_text(refusal);
        match (error.refusals(), OrderNumber::parse(&self.number)) {
            ([], _) => Faults::failed(error.into()),
            (refusals, Ok(number)) if refusals.contains(&Refusal::NumberTaken) => {
                Faults::refused(refusals, own).with_way("Ver esa orden", order_path(&number))
            }
            (refusals, _) => Faults::refused(refusals, own),
        }
    }

    /// The form, filled in like this.
    pub(super) fn show(
        &self,
        visit: &Visit,
        of: Of<'_>,
        choice: &Choice,
        flow: &StatusFlow,
        faults: &Faults,
    ) -> Response {
        let order = of.order();
        let (now, owner) = match of {
            Of::Changed(order, owner) => (Some(Self::of(&order.row)), Some(owner)),
            Of::New | Of::Order(_) => (None, None),
        };
        let now = now.as_ref();
        let chosen = self.status.parse().ok();
        let may_be = |&status: &OrderStatus| {
            let from = order.and_then(|order| order.row.status().ok());
            from.is_none_or(|from| flow.allows(from, status)) || chosen == Some(status)
        };
        let title = order.map_or_else(
            || "Nueva orden".into(),
            |order| format!("Editar la orden {}", words::numbered(&order.row.number)),
        );
        let is_fresh = faults.is_empty() && now.is_none() && !choice.is_searched();
        let form = Form {
            l: visit.layout(title, Section::Orders),
            number: Input {
                name: "order_number",
                label: "Código",
                value: &self.number,
                required: true,
                hint: "Escanéelo o escríbalo: letras, números y guiones, máximo 32.",
                fault: faults.of("order_number"),
                now: now.map(|now| &*now.number).filter(|number| *number != self.number),
                // On a page that is there already, a scan without script is not to land in the number.
                autofocus: is_fresh && order.is_none(),
                scans: order.is_none(),
                ..Input::default()
            },
            reason: reason(
                &self.reason,
                faults.of("return_reason"),
                // Where the order is no return any more, its status says so.
                now.map(|now| &*now.reason).filter(|reason| !reason.is_empty() && *reason != self.reason),
            ),
            statuses: OrderStatus::ALL
                .into_iter()
                .filter(may_be)
                .map(|status| StatusOption { status, chosen: chosen == Some(status) })
                .collect(),
            lacks_status: chosen.is_none(),
            irregular: order.map(words::irregular_order).unwrap_or_default(),
            status_now: now.and_then(|now| now.status.parse().ok()).filter(|now| Some(*now) != chosen),
            unknown_status_now: now
                .map(|now| &*now.status)
                .filter(|now| *now != self.status && now.parse::<OrderStatus>().is_err())
                .map(words::in_status),
            choice,
            owner_now: owner.filter(|_| now.is_some_and(|now| now.client != self.client)),
            faults,
            order: order.map(|order| (order.row.id, base_path(&key_of(&order.row)), order.version().to_string())),
            changed: now.is_some(),
            back: order.map_or_else(|| "/orders/".into(), |order| key_path(&key_of(&order.row))),
        };
        faults.answer(form.changed, |status| visit::html(status, &form))
    }
}

/// The field of a reason.
pub(super) fn reason<'a>(value: &'a str, fault: Option<&'a str>, now: Option<&'a str>) -> Input<'a> {
    Input {
        name: "return_reason",
        label: "Razón de la devolución",
        rows: 3,
        value,
        hint: "Solo para el estado Devuelto; ahí es obligatoria. Queda en el historial.",
        fault,
        now,
        ..Input::default()
    }
}

/// The client of an order as the form knows it.
pub(super) fn choice_of(view: &OrderView) -> Choice {
    match &view.client {
        ClientLink::Nobody | ClientLink::Irregular => Choice::nobody(),
        ClientLink::Known(client) => Choice::of(client),
        ClientLink::Gone(id) => Choice::unnamed(*id, "Un cliente que ya no existe"),
        ClientLink::Unavailable(id) => Choice::unnamed(*id, "El cliente de antes (los clientes no responden)"),
    }
}
