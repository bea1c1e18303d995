//! Keyset pages that can be leafed through both ways, by cursors in the URL.

use std::str::FromStr;

use provesi_core::{Page, PageLimit, PageRequest, StoreError};

use crate::query::Params;

/// How many rows a page of a list has.
const ROWS: u32 = 50;

/// How many rows a page of a list has.
pub(crate) fn rows() -> PageLimit {
    PageLimit::new(ROWS).unwrap_or(PageLimit::MAX)
}

/// Which page of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place<C> {
    First,
    /// Those that follow a place.
    After(C),
    /// Those that come before it.
    Before(C),
}

/// A page of a list with the places around it.
#[derive(Debug)]
pub(crate) struct Sheet<T, C> {
    pub(crate) items: Vec<T>,
    pub(crate) before: Option<C>,
    pub(crate) after: Option<C>,
    /// Where to look on, where the store stopped looking before the page was full.
    pub(crate) go_on: Option<C>,
}

impl<T, C> Sheet<T, C> {
    /// The page of what cannot be asked for.
    pub(crate) const fn nothing() -> Self {
        Self { items: Vec::new(), before: None, after: None, go_on: None }
    }
}

impl<C: FromStr<Err = StoreError> + Clone> Place<C> {
    /// The place that a URL names.
    pub(crate) fn read(params: &Params) -> Result<Self, StoreError> {
        match (params.last("after"), params.last("before")) {
            (Some(cursor), _) => cursor.parse().map(Self::After),
            (None, Some(cursor)) => cursor.parse().map(Self::Before),
            (None, None) => Ok(Self::First),
        }
    }

    /// Whether the listing is read from its other end.
    pub(crate) const fn is_backwards(&self) -> bool {
        matches!(self, Self::Before(_))
    }

    /// The name of the parameter that goes on in the same direction.
    pub(crate) const fn onward(&self) -> &'static str {
        match self {
            Self::First | Self::After(_) => "after",
            Self::Before(_) => "before",
        }
    }

    pub(crate) fn request(&self, limit: PageLimit) -> PageRequest<C> {
        match self {
            Self::First => PageRequest::first(limit),
            Self::After(cursor) | Self::Before(cursor) => PageRequest::after(limit, cursor.clone()),
        }
    }

    /// Puts what was read in the order of the list. `None` where going back met the start of the list in the middle of a
    /// page: the first page is then the one to show.
    pub(crate) fn arrange<T>(&self, page: Page<T, C>, cursor: impl Fn(&T) -> C) -> Option<Sheet<T, C>> {
        let Page { mut items, next, stopped_early } = page;
        let go_on = next.clone().filter(|_| stopped_early);
        let at = |item: Option<&T>| item.map(&cursor);
        let (before, after) = match self {
            Self::First => (None, next),
            Self::After(_) => (at(items.first()), next),
            Self::Before(_) if next.is_none() => return None,
            Self::Before(_) => {
                items.reverse();
                (next, at(items.last()))
            }
        };
        Some(Sheet { items, before, after, go_on })
    }
}

/// A path with a query of those parameters that have a value.
pub(crate) fn url<'a>(path: &str, params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
