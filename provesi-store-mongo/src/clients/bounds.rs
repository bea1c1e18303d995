//! Parts of the order of names, as ranges of the index `provesi_name`: what a page or a slice is read from.
//!
//! No command has a hint of that index. No other has its collation, so no other can serve, one that does the same may
//! have another name, and before the migration there is none.

use mongodb::bson::{Document, doc};
use provesi_core::{ClientPosition, Direction};

use crate::documents::object_id;

/// The order of names, then ids.
pub(super) fn order(direction: Direction) -> Document {
    let direction = match direction {
        Direction::Ascending => 1,
        Direction::Descending => -1,
    };
    doc! { "name": direction, "_id": direction }
}

/// What comes after `place`: all after its name, and who has its name and comes after its id.
pub(super) fn after(place: &ClientPosition, direction: Direction) -> [Document; 2] {
    let (name, comparison) = (place.name.as_str(), after_word(direction));
    [
        doc! { "name": { (comparison): name } },
        doc! { "name": { "$eq": name }, "_id": { (comparison): object_id(place.id) } },
    ]
}

/// What comes after `place` and not after the name `last`, with all who have that name.
pub(super) fn slice(place: Option<&ClientPosition>, last: Option<&str>, direction: Direction) -> Vec<Document> {
    let mut ranges = match place {
        Some(place) => after(place, direction).to_vec(),
        // A name that is no text is no client's, and comes before or after all that are.
        None => vec![doc! { "name": { "$gte": "" } }],
    };
    let until = match direction {
        Direction::Ascending => "$lte",
        Direction::Descending => "$gte",
    };
    if let (Some(last), Ok(names)) = (last, ranges[0].get_document_mut("name")) {
        names.insert(until, last);
    }
    ranges
}

/// What of `ranges`, which are ranges of names, comes after `place`.
pub(super) fn ranges_after(
    ranges: Vec<Document>,
    place: Option<&ClientPosition>,
    direction: Direction,
) -> Vec<Document> {
    let Some(place) = place else { return ranges };
    let [later_name, same_name] = after(place, direction);
    let rest = ranges.into_iter().map(|range| all_of([range, later_name.clone()]));
    // Who has the name of the place is in one of the ranges as the place is.
    rest.chain([same_name]).collect()
}

const fn after_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "$gt",
        Direction::Descending => "$lt",
    }
}

/// Those of `ranges` that pass `filter`: the alternatives stay the outermost, since the server then plans each by
/// itself and merges them in their order.
pub(super) fn passing(ranges: Vec<Document>, filter: &Document) -> Document {
    let mut ranges: Vec<Document> = ranges.into_iter().map(|range| all_of([range, filter.clone()])).collect();
    match ranges.len() {
        1 => ranges.remove(0),
        _ => doc! { "$or": ranges },
    }
}

/// Not `$and` of one: simpler to read in a server's log, and no question to its planner.
pub(super) fn all_of(parts: impl IntoIterator<Item = Document>) -> Document {
    let mut parts: Vec<Document> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    match parts.len() {
        0 => doc! {},
        1 => parts.remove(0),
        _ => doc! { "$and": parts },
    }
}

#[cfg(test)]
mod tests {
    use provesi_core::ClientId;

    use super::*;

    fn place(name: &str) -> ClientPosition {
        ClientPosition { rank: None, name: name.to_owned(), id: ClientId::from_bytes([7; 12]) }
    }

    #[test]
    fn a_range_keeps_both_its_ends_on_either_side_of_a_place() {
        let range = doc! { "name": { "$gte": "pena", "$lt": "pena\u{ffff}" } };
        for (direction, word) in [(Direction::Ascending, "$gt"), (Direction::Descending, "$lt")] {
            let ranges = ranges_after(vec![range.clone()], Some(&place("Peña 7")), direction);
            let id = object_id(place("").id);
            assert_eq!(
                ranges,
                [
                    doc! { "$and": [range.clone(), { "name": { (word): "Peña 7" } }] },
                    doc! { "name": { "$eq": "Peña 7" }, "_id": { (word): id } },
                ]
            );
            assert_eq!(ranges_after(vec![range.clone()], None, direction), vec![range.clone()]);
        }
    }

    #[test]
    fn a_slice_has_the_rest_of_its_first_name_and_all_of_its_last() {
        let id = object_id(place("").id);
        assert_eq!(
            slice(Some(&place("b")), Some("d"), Direction::Ascending),
            [doc! { "name": { "$gt": "b", "$lte": "d" } }, doc! { "name": { "$eq": "b" }, "_id": { "$gt": id } },]
        );
        assert_eq!(
            slice(Some(&place("d")), Some("b"), Direction::Descending),
            [doc! { "name": { "$lt": "d", "$gte": "b" } }, doc! { "name": { "$eq": "d" }, "_id": { "$lt": id } },]
        );
        assert_eq!(slice(None, Some("b"), Direction::Ascending), [doc! { "name": { "$gte": "", "$lte": "b" } }]);
        assert_eq!(slice(None, Some("b"), Direction::Descending), [doc! { "name": { "$gte": "b" } }]);
        assert_eq!(slice(None, None, Direction::Descending), [doc! { "name": { "$gte": "" } }]);
    }
}
