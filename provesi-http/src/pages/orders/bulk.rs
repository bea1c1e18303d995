//! `/orders/` as a form: what is done with the orders that were chosen in the list.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{App, AppError, Caller, Expected, OrderNumber, OrderStatus, ReturnReason, Version};

use super::list::{self, Filters};
use super::print::Sheet;
use super::status::{change_to, fault};
use super::{Row, order_path};
use crate::caller::By;
use crate::error;
use crate::failure::Failure;
use crate::pages::input::{Badge, Faults};
use crate::pages::posted::Posted;
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::{Pages, paging, words};
use crate::query::Params;

/// What was chosen in a list, as it was filled in.
#[derive(Debug, Default)]
pub(super) struct Choice {
    chosen: Vec<Chosen>,
    /// The name of the status that they are to go to.
    status: String,
    pub(super) reason: String,
    pub(super) faults: Faults,
}

impl Choice {
    /// The order of this number, if it was chosen: as it stood when it was.
    pub(super) fn of(&self, number: &str) -> Option<&Chosen> {
        self.chosen.iter().find(|chosen| chosen.number.as_str() == number)
    }

    /// Those that are not among the rows any more.
    pub(super) fn elsewhere<'a>(&'a self, rows: &[Row]) -> Vec<&'a Chosen> {
        let is_there = |chosen: &Chosen| rows.iter().any(|row| row.number == chosen.number.as_str());
        self.chosen.iter().filter(|chosen| !is_there(chosen)).collect()
    }

    pub(super) fn is_status(&self, status: &OrderStatus) -> bool {
        self.status == status.as_str()
    }
}

/// An order that was chosen, as it stood in the list.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) number: OrderNumber,
    pub(super) version: Version,
}

impl Chosen {
    /// Reads `NUMBER VERSION`.
    fn parse(text: &str) -> Option<Self> {
        let (number, version) = text.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, version: version.parse().ok()? })
    }

    /// What [`parse`](Self::parse) reads.
    pub(super) fn value(&self) -> String {
        format!("{} {}", self.number, self.version)
    }
}

/// What became of the orders of one form.
#[derive(Debug)]
struct Report {
    status: OrderStatus,
    rows: Vec<Moved>,
}

impl Report {
    fn done(&self) -> usize {
        self.rows.iter().filter(|row| row.is_done).count()
    }
}

/// What became of one of them.
#[derive(Debug)]
struct Moved {
    number: OrderNumber,
    /// Where it is now, if that is known.
    status: Option<OrderStatus>,
    /// Whether it is where it was to go.
    is_done: bool,
    text: String,
}

#[derive(Template)]
#[template(path = "orders/bulk.html")]
struct Results<'a> {
    l: Layout,
    report: &'a Report,
    done: usize,
    back: String,
}

impl Moved {
    fn path(&self) -> String {
        order_path(&self.number)
    }

    fn badge(&self) -> Option<Badge> {
        self.status.map(Badge::from)
    }
}

pub(crate) async fn bulk(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
    posted: Posted,
) -> Result<Response, Failure> {
    let chosen: Option<Vec<Chosen>> = posted.all("order").map(Chosen::parse).collect();
    let chosen = chosen.filter(|chosen| chosen.len() <= paging::rows().get()).ok_or(Failure::BadForm)?;
    let mut choice = Choice {
        chosen: chosen.clone(),
        status: posted.line("status"),
        reason: posted.text("return_reason"),
        faults: Faults::default(),
    };
    let numbers = || chosen.iter().map(|chosen| &chosen.number);
    let sheet = match posted.get("action") {
        Some("labels") => Some(Sheet::Labels),
        Some("picks") => Some(Sheet::Picks),
        _ => None,
    };
    let status: Option<OrderStatus> = choice.status.parse().ok();
    if chosen.is_empty() {
        choice.faults.add("order", words::CHOOSE_ORDERS);
    }
    match (sheet, status) {
        (Some(sheet), _) if choice.faults.is_empty() => return Ok(visit.redirect(&sheet.path(numbers()))),
        (None, None) => choice.faults.add("status", words::UNKNOWN_STATUS),
        (None, Some(OrderStatus::Returned)) => {
            if let Err(invalid) = ReturnReason::parse(choice.reason.as_str()) {
                choice.faults.add("return_reason", words::refused(invalid));
            }
        }
        _ => {}
    }
    let Some(status) = status.filter(|_| choice.faults.is_empty()) else {
        return list::show(&pages, &visit, &caller, &params, &choice).await;
    };
    let (by, reason) = (posted.by(&caller), choice.reason.clone());
    let done = pages.write(move |api| async move {
        let rows = move_all(&api.app, &by, &chosen, status, &reason).await?;
        Ok(Report { status, rows })
    });
    match done.await? {
        Ok(report) => {
            let (done, back) = (report.done(), Filters::read(&params).url(None));
            let l = visit.layout("Cambio de estado", Section::Orders);
            Ok(visit::html(StatusCode::OK, &Results { l, report: &report, done, back }))
        }
        Err(error) => {
            choice.faults = Faults::failed(error.into());
            list::show(&pages, &visit, &caller, &params, &choice).await
        }
    }
}

/// Moves one after the other. Where a store fails at the first of them nothing is done; where it fails later the rest is
/// left as it is.
async fn move_all(
    app: &App,
    caller: &Caller,
    chosen: &[Chosen],
    status: OrderStatus,
    reason: &str,
) -> Result<Vec<Moved>, AppError> {
    let change = change_to(status, reason);
    let mut rows = Vec::with_capacity(chosen.len());
    for Chosen { number, version } in chosen {
        let caller = caller.for_part(number.as_str());
        let moved = app.edit_order(&caller, number, &change, Expected::Version(*version)).await;
        let is_fault = moved.as_ref().is_err_and(|error| fault(error).is_none() && error.is_fault());
        let (now, is_done, text) = match moved {
            Ok(view) if view.order.version() == *version => {
                (Some(status), true, format!("Ya estaba en {}.", status.label()))
            }
            Ok(_) => (Some(status), true, format!("Pasó a {}.", status.label())),
            Err(AppError::OrderChanged { current }) => {
                (current.row.status().ok(), false, "Cambió mientras tanto; no se tocó.".to_owned())
            }
            Err(AppError::OrderNotFound) => (None, false, "Ya no existe.".to_owned()),
            Err(error) if is_fault && rows.is_empty() => return Err(error),
            Err(error) => {
                let fault = fault(&error).and_then(|faults| Some(faults.list().first()?.1.clone()));
                let text = fault.unwrap_or_else(|| {
                    error::log(&error);
                    let text = if error.is_outcome_unknown() {
                        "No se sabe si quedó guardada: la base de datos no respondió. Revísela."
                    } else {
                        "No se guardó: la base de datos no respondió."
                    };
                    text.to_owned()
                });
                (None, false, text)
            }
        };
        rows.push(Moved { number: number.clone(), status: now, is_done, text });
        if is_fault {
            break;
        }
    }
    let left = chosen.iter().skip(rows.len()).map(|chosen| Moved {
        number: chosen.number.clone(),
        status: None,
        is_done: false,
        text: "No se intentó: la base de datos no responde.".to_owned(),
    });
    let left: Vec<_> = left.collect();
    rows.extend(left);
    Ok(rows)
}
