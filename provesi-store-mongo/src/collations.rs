//! The collations by which MongoDB compares texts, and whether a server knows them.

use mongodb::bson::{Document, doc};
use mongodb::options::{Collation, CollationStrength};

/// The order of `provesi_core::name_key`: Spanish, letters first, then accents, then letter case.
///
/// `normalization`, since ICU leaves it out where it is not asked for, and names come as they were typed: `é` may be one
/// character or two.
pub(crate) fn names() -> Collation {
    Collation::builder().locale("es").strength(CollationStrength::Tertiary).normalization(true).build()
}

/// Letter case makes no difference, accents do. The rules of English, which are those of the root: no letter is another
/// one's equal because a language says so.
pub(crate) fn emails() -> Collation {
    Collation::builder().locale("en").strength(CollationStrength::Secondary).normalization(true).build()
}

/// Texts in their order, each step of which is one that a server without ICU takes wrongly. No more than what every
/// release of CLDR agrees on.
const IN_ORDER: [&str; 10] = ["🚚", "1", "abeja", "Abeja", "abéja", "ana", "nz", "ñ", "o", "漢"];

/// The field of [`probe`]'s documents.
const TEXT: &str = "text";

/// An aggregation, to be run with [`names`], that does what a page does, a range and a sort, to texts that it brings
/// along: [`knows_names`] tells from what comes back whether the server compares as it should.
///
/// `$facet` is what gives a document though there may be none in the collection.
pub(crate) fn probe() -> Vec<Document> {
    let texts: Vec<&str> = IN_ORDER.into_iter().rev().collect();
    vec![
        doc! { "$limit": 1 },
        doc! { "$facet": { "any": [{ "$limit": 1 }] } },
        doc! { "$project": { TEXT: { "$literal": texts } } },
        doc! { "$unwind": format!("${TEXT}") },
        doc! { "$match": { TEXT: { "$gte": IN_ORDER[0] } } },
        doc! { "$sort": { TEXT: 1 } },
    ]
}

/// What the documents of [`probe`] say.
pub(crate) fn knows_names(answer: &[Document]) -> bool {
    answer.iter().map(|document| document.get_str(TEXT).unwrap_or_default()).eq(IN_ORDER)
}

#[cfg(test)]
mod tests {
    use provesi_core::name_key;

    use super::*;

    #[test]
    fn the_texts_are_in_the_order_of_the_domain() {
        let keys: Vec<_> = IN_ORDER.into_iter().map(name_key).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        let answer = |texts: &[&str]| texts.iter().map(|text| doc! { TEXT: text }).collect::<Vec<_>>();
        assert!(knows_names(&answer(&IN_ORDER)));
        assert!(!knows_names(&answer(&IN_ORDER[1..])) && !knows_names(&[]));
    }
}
