//! What the server is asked for a search: a filter that lets through every client that matches, and few others.
//!
//! The rule is [`ClientQuery::matches`], which MongoDB cannot say: it compares folded texts, and the collection holds
//! none. So the server leaves out what surely does not match, and the rule decides on the rest, here.

use mongodb::bson::{Document, doc};
use provesi_core::ClientQuery;

use super::plain::{MAX_PATTERN, PLAIN};

/// A filter that every client passes that matches `query`.
pub(in crate::clients) fn filter(query: &ClientQuery) -> Document {
    let text = PLAIN.pattern(query.folded());
    let digits = query.digits().map(digits_pattern);
    if text.len().max(digits.as_ref().map_or(0, String::len)) > MAX_PATTERN {
        return doc! {};
    }
    let mut any = vec![doc! { "name": { "$regex": &text } }, doc! { "email": { "$regex": &text } }];
    any.extend(digits.map(|digits| doc! { "phone": { "$regex": digits } }));
    doc! { "$or": any }
}

/// A pattern for phones whose digits contain `digits`. A country code that the rule leaves out stays in, which lets
/// more through and never less.
fn digits_pattern(digits: &str) -> String {
    let digits: Vec<String> = digits.chars().map(|digit| digit.to_string()).collect();
    digits.join("[^0-9]*")
}
