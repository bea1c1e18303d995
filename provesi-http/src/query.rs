//! Query strings: each parameter is looked at, and all that is wrong is told at once, in the order of the parameters.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use provesi_core::{EventId, Invalid, PageLimit, PageRequest, StoreError};

use crate::error::ApiError;
use crate::faults::{Fault, Faults, Place};

/// How many items a page has where nobody says.
const DEFAULT_LIMIT: u32 = 100;

/// The parameters of a query string. Of several with one name the last one counts; the unknown are ignored.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    faults: Faults,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        // Any query string is pairs of texts: what is no UTF-8 is replaced, as Python does.
        let pairs = Query::from_request_parts(parts, state).await.map(|Query(pairs)| pairs).unwrap_or_default();
        Ok(Self { pairs, faults: Faults::default() })
    }
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) enum Part<C> {
    /// All of it, in one answer.
    Whole,
    /// One page.
    Page(PageRequest<C>),
}

impl Params {
    /// The value of a parameter as it came.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter, as they came.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn parsed<T>(&mut self, name: &'static str, value: String, parse: fn(&str) -> Result<T, Invalid>) -> Option<T> {
        let fault = |invalid| Fault::broken_rule(Place::Query(name), (&*value).into(), invalid);
        parse(&value).map_err(|invalid| self.faults.push(|| fault(invalid))).ok()
    }

    /// The value of a parameter that keeps to a rule, if it is there.
    pub(crate) fn value<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, Invalid>) -> Option<T> {
        let value = self.last(name)?.to_owned();
        self.parsed(name, value, parse)
    }

    /// A text to search for; a blank one, as an empty form sends it, searches for nothing.
    pub(crate) fn search<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, Invalid>) -> Option<T> {
        let value = self.last(name).filter(|value| !value.trim().is_empty())?.to_owned();
        self.parsed(name, value, parse)
    }

    /// The values of a parameter that may be repeated.
    pub(crate) fn values<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, Invalid>) -> Vec<T> {
        let values: Vec<_> = self.all(name).map(str::to_owned).collect();
        values.into_iter().filter_map(|value| self.parsed(name, value, parse)).collect()
    }

    /// A whole number from `min` to `max`.
    fn number(&mut self, name: &'static str, min: i64, max: i64) -> Option<i64> {
        let text = self.last(name)?.to_owned();
        let place = Place::Query(name);
        let digits = text.trim();
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        let fault = if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            Fault::not_a_number(place, (&*text).into())
        } else {
            // What is too long for an integer is out of range on the side of its sign.
            let huge = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
            match digits.parse().unwrap_or(huge) {
                number if number < min => Fault::too_small(place, (&*text).into(), min),
                number if number > max => Fault::too_large(place, (&*text).into(), max),
                number => return Some(number),
            }
        };
        self.faults.push(|| fault);
        None
    }

    /// How large a page is to be, if anybody says.
    fn page_limit(&mut self) -> Option<PageLimit> {
        let max = i64::try_from(PageLimit::MAX.get()).unwrap_or(i64::MAX);
        let limit = self.number("limit", 1, max)?;
        u32::try_from(limit).ok().and_then(|limit| PageLimit::new(limit).ok())
    }

    /// How large a page is to be.
    pub(crate) fn limit(&mut self) -> PageLimit {
        self.page_limit().unwrap_or_else(default_limit)
    }

    /// The event after which to go on, if there is one.
    pub(crate) fn after(&mut self) -> Option<EventId> {
        self.number("after", 0, i64::MAX).map(EventId::new)
    }

    /// Which part of a list is asked for. Looks at what was refused so far before it looks at the cursor.
    pub(crate) fn part<C: FromStr<Err = StoreError>>(mut self) -> Result<Part<C>, ApiError> {
        let limit = self.page_limit();
        let cursor = self.last("cursor").map(str::to_owned);
        self.finish()?;
        let Some(cursor) = cursor else {
            return Ok(limit.map_or(Part::Whole, |limit| Part::Page(PageRequest::first(limit))));
        };
        let after = cursor.parse().map_err(|_| ApiError::Cursor)?;
        Ok(Part::Page(PageRequest::after(limit.unwrap_or_else(default_limit), after)))
    }

    /// Which page of a list is asked for that is never told as a whole.
    pub(crate) fn page<C: FromStr<Err = StoreError>>(self) -> Result<PageRequest<C>, ApiError> {
        Ok(match self.part()? {
            Part::Whole => PageRequest::first(default_limit()),
            Part::Page(request) => request,
        })
    }

    /// Tells what was refused.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.faults.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.faults)) }
    }
}

fn default_limit() -> PageLimit {
    PageLimit::new(DEFAULT_LIMIT).unwrap_or(PageLimit::MAX)
}
