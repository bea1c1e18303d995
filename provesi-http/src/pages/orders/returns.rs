//! `/orders/returns/`: what came back, each with its reason in full, the latest return first; of some days, or with some
//! words in the reason.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{Datelike, NaiveDate};
use provesi_core::{AppError, OrderListing, ReasonQuery, StoreError};

use super::{Owner, Row};
use crate::caller::By;
use crate::failure::Failure;
use crate::pages::paging::{self, Place, Sheet};
use crate::pages::visit::{self, Layout, Section, Visit};
use crate::pages::weeks::Bar;
use crate::pages::{Pages, when, words};
use crate::query::Params;

const PATH: &str = "/orders/returns/";

/// The years that a date may be of.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9998;

/// Which returns are asked for, as it was filled in.
#[derive(Debug)]
struct Filters {
    /// The first day and the last one, `2026-11-24`.
    from: String,
    to: String,
    /// Some words of the reason.
    q: String,
}

impl Filters {
    fn read(params: &Params) -> Self {
        let text = |name| params.last(name).unwrap_or_default().trim().to_owned();
        Self { from: text("from"), to: text("to"), q: text("q") }
    }

    fn url(&self, cursor: Option<(&str, &str)>) -> String {
        let given = [("from", &*self.from), ("to", &*self.to), ("q", &*self.q)];
        let given = given.map(|(name, value)| (name, Some(value).filter(|value| !value.is_empty())));
        paging::url(PATH, given.into_iter().chain(cursor.map(|(name, cursor)| (name, Some(cursor)))))
    }

    /// The returns of a week, with these words.
    fn of_week(&self, bar: &Bar) -> String {
        Self { from: bar.from.to_string(), to: bar.to.to_string(), q: self.q.clone() }.url(None)
    }

    fn is_whole(&self) -> bool {
        self.from.is_empty() && self.to.is_empty() && self.q.is_empty()
    }

    /// The listing that they ask for, and the words; or the field that is wrong, with what is wrong with it.
    fn parse(&self) -> Result<(OrderListing, Option<ReasonQuery>), (&'static str, String)> {
        let day = |field, text: &str| match text {
            "" => Ok(None),
            text => {
                let date: Option<NaiveDate> = text.parse().ok();
                date.filter(|date| YEARS.contains(&date.year())).map(Some).ok_or((field, words::DATE.to_owned()))
            }
        };
        let (from, to) = (day("from", &self.from)?, day("to", &self.to)?);
        if matches!((from, to), (Some(from), Some(to)) if from > to) {
            return Err(("to", words::DATES_SWAPPED.to_owned()));
        }
        let reason = match &*self.q {
            "" => None,
            text => Some(ReasonQuery::parse(text).map_err(|invalid| ("q", words::refused(invalid)))?),
        };
        let mut listing = OrderListing::returns();
        listing.filter.returned = when::days(from, to);
        Ok((listing, reason))
    }
}

#[derive(Template)]
#[template(path = "orders/returns.html")]
struct Returns {
    l: Layout,
    filters: Filters,
    /// The field that is wrong, and what is wrong with it.
    fault: Option<(&'static str, String)>,
    bars: Vec<Bar>,
    rows: Vec<Row>,
    before: Option<String>,
    after: Option<String>,
    /// Where the search goes on, if it stopped early; and where it began, if nothing was found from here on.
    go_on: Option<String>,
    start: Option<String>,
    lacks_clients: bool,
}

impl Returns {
    fn fault_of(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }
}

pub(crate) async fn returns(
    State(pages): State<Pages>,
    visit: Visit,
    By(caller): By,
    params: Params,
) -> Result<Response, Failure> {
    let filters = Filters::read(&params);
    let first = || Ok(visit.redirect(&filters.url(None)));
    let Ok(place) = Place::read(&params) else { return first() };
    let (weeks, sheet, fault, period) = match filters.parse() {
        Ok((listing, reason)) => {
            let read = if place.is_backwards() { listing.reversed() } else { listing.clone() };
            let request = place.request(paging::rows());
            let app = &pages.api.app;
            let page = async {
                match &reason {
                    Some(reason) => app.search_reasons(&caller, &read, reason, &request).await,
                    None => app.list_orders(&caller, &read, &request).await,
                }
            };
            let (weeks, page) = futures_util::future::join(pages.weeks.get(), page).await;
            let page = match page {
                Err(AppError::Orders(StoreError::InvalidCursor)) => return first(),
                page => page?,
            };
            let Some(sheet) = place.arrange(page, |view| listing.cursor_at(&view.order.row)) else { return first() };
            (weeks, sheet, None, listing.filter.returned)
        }
        Err(fault) => (pages.weeks.get().await, Sheet::nothing(), Some(fault), when::days(None, None)),
    };
    let Sheet { items, before, after, go_on } = sheet;
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Returns {
        l: visit.layout("Devoluciones", Section::Returns),
        fault,
        bars: weeks.map(|weeks| weeks.bars(period)).unwrap_or_default(),
        lacks_clients: items.iter().any(|view| view.client.is_unavailable()),
        rows: items.into_iter().map(|view| Row::new(view, visit.now())).collect(),
        before: before.map(|cursor| filters.url(Some(("before", &cursor.to_string())))),
        after: after.map(|cursor| filters.url(Some(("after", &cursor.to_string())))),
        go_on: go_on.map(|cursor| filters.url(Some((place.onward(), &cursor.to_string())))),
        start: (place != Place::First).then(|| filters.url(None)),
        filters,
    };
    Ok(visit::html(status, &page))
}
