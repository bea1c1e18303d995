//! The order of client names, for stores that sort by themselves.

use std::sync::LazyLock;

use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed};
use icu_locale_core::locale;

static SPANISH: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    Collator::try_new(locale!("es").into(), CollatorOptions::default())
        .expect("the data for Spanish are compiled into icu_collator")
});

/// A sort key: names in the order of their keys, compared byte by byte, are in the order of CLDR's collation for
/// Spanish at its default (tertiary) strength: letters first, then accents, then letter case; ñ after n. Names that
/// the collation holds to be equal have the same key.
#[must_use]
pub fn name_key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() * 2);
    // Writing to a Vec cannot fail.
    let Ok(()) = SPANISH.write_sort_key_to(name, &mut key);
    key
}
