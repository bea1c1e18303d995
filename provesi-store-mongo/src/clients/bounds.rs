//! Parts of the order of names, as filters that the server answers from ranges of the index `provesi_name`.
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

/// The documents that are in one of `ranges` and come after `place`. The alternatives are outermost, since the server then
/// plans each by itself and merges them in their order.
pub(super) fn within(ranges: &[Document], place: Option<&ClientPosition>, direction: Direction) -> Document {
    let later = place.map_or_else(|| vec![doc! {}], |place| after(place, direction).to_vec());
    let all_of = |range: &Document, later: &Document| match (range.is_empty(), later.is_empty()) {
        (_, true) => range.clone(),
        (true, _) => later.clone(),
        _ => doc! { "$and": [range.clone(), later.clone()] },
    };
    let mut parts: Vec<_> = ranges.iter().flat_map(|range| later.iter().map(|later| all_of(range, later))).collect();
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        doc! { "$or": parts }
    }
}

/// All later names, and the same name with a later id.
fn after(place: &ClientPosition, direction: Direction) -> [Document; 2] {
    let name = place.name.as_str();
    let comparison = match direction {
        Direction::Ascending => "$gt",
        Direction::Descending => "$lt",
    };
    [
        doc! { "name": { (comparison): name } },
        doc! { "name": { "$eq": name }, "_id": { (comparison): object_id(place.id) } },
    ]
}

#[cfg(test)]
mod tests {
    use provesi_core::ClientId;

    use super::*;

    #[test]
    fn each_range_goes_on_after_the_place_in_either_direction() {
        let place = ClientPosition { rank: None, name: "Peña 7".to_owned(), id: ClientId::from_bytes([7; 12]) };
        let ranges =
            ["pena", "peña"].map(|start| doc! { "name": { "$gte": start, "$lt": format!("{start}\u{ffff}") } });
        for (direction, word) in [(Direction::Ascending, "$gt"), (Direction::Descending, "$lt")] {
            let later = doc! { "name": { (word): "Peña 7" } };
            let same = doc! { "name": { "$eq": "Peña 7" }, "_id": { (word): object_id(place.id) } };
            assert_eq!(within(&[doc! {}], Some(&place), direction), doc! { "$or": [later.clone(), same.clone()] });
            let parts = ranges.iter().flat_map(|range| [&later, &same].map(|part| doc! { "$and": [range, part] }));
            assert_eq!(within(&ranges, Some(&place), direction), doc! { "$or": parts.collect::<Vec<_>>() });
            assert_eq!(within(&ranges, None, direction), doc! { "$or": ranges.to_vec() });
            assert_eq!(within(&ranges[..1], None, direction), ranges[0]);
            assert_eq!(within(&[doc! {}], None, direction), doc! {});
        }
    }
}
