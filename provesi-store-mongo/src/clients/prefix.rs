//! What starts with a text, as ranges of the indexes of names and addresses by their collations.
//!
//! A collation compares letters first, of the whole text, and accents and letter case only then. So what starts with the
//! letters of a text, in any case and with any accents, is between the text without them, which sorts before all its
//! variants, and the text followed by U+FFFF, which sorts after any other character (UTS #35, part 5, 1.1.2). In Spanish
//! `ñ` is a letter by itself, which folds to `n` all the same: it has ranges of its own.

use mongodb::bson::{Document, doc};
use provesi_core::{ClientQuery, fold};

/// The character that sorts last.
const LAST: char = '\u{ffff}';

/// How many letters of a text may be `n` or `ñ`: each doubles the ranges, which end before the next one.
const MAX_ENES: usize = 3;

/// Accents, which no letter but `n` makes another letter of.
const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{328}';

/// Characters that a collation sorts elsewhere than what they fold to: accents by themselves, which fold to a blank, and
/// the dot of Catalan, which belongs to the `l` before it.
const ELSEWHERE: [char; 5] = ['´', '¨', '¯', '¸', '·'];

/// What a plain character folds to: one up to the end of Latin Extended-A (U+017F) that folds to one character, and sorts
/// where that one does.
fn fold_plain(character: char) -> Option<char> {
    let is_plain = (' '..='\u{17f}').contains(&character) && !ELSEWHERE.contains(&character);
    let folded = is_plain.then(|| fold(character.encode_utf8(&mut [0; 4])))?;
    let mut folded = folded.chars();
    folded.next().filter(|_| folded.next().is_none())
}

/// The start of names and addresses that are looked for.
pub(super) struct Prefix {
    folded: String,
}

impl Prefix {
    /// None where the text has characters of which no range is known, as those of other scripts than Latin.
    pub(super) fn new(query: &ClientQuery) -> Option<Self> {
        let folded = query.folded();
        folded.chars().all(|character| fold_plain(character).is_some()).then(|| Self { folded: folded.to_owned() })
    }

    /// Whether `text` starts with this in such a way that the ranges have it: in plain characters, with or without accents
    /// that are characters by themselves. A text that has the last character may be behind the end of its range.
    pub(super) fn covers(&self, text: &str) -> bool {
        let mut characters = text.chars().peekable();
        let starts = self.folded.chars().all(|wanted| {
            let character = characters.next();
            while characters.next_if(|character| MARKS.contains(character)).is_some() {}
            character.and_then(fold_plain) == Some(wanted)
        });
        starts && !text.contains(LAST)
    }

    /// Ranges that have all names that this covers, and a few more.
    pub(super) fn names(&self) -> Vec<Document> {
        let mut starts = vec![String::new()];
        let mut enes = 0;
        for character in self.folded.chars() {
            enes += usize::from(character == 'n');
            if enes > MAX_ENES {
                break;
            }
            let with_ene = if character == 'n' { starts.clone() } else { Vec::new() };
            starts.iter_mut().for_each(|start| start.push(character));
            starts.extend(with_ene.into_iter().map(|start| start + "ñ"));
        }
        starts.iter().map(|start| range("name", start)).collect()
    }

    /// A range that has all addresses that this covers: in their collation `ñ` is an `n`.
    pub(super) fn emails(&self) -> Document {
        range("email", &self.folded)
    }
}

fn range(field: &str, start: &str) -> Document {
    doc! { field: { "$gte": start, "$lt": format!("{start}{LAST}") } }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::collections::HashMap;

    use icu_collator::options::{CollatorOptions, Strength};
    use icu_collator::{Collator, CollatorBorrowed};
    use icu_locale_core::{Locale, locale};

    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::new(&ClientQuery::parse(text).unwrap()).unwrap()
    }

    fn collator(locale: Locale, strength: Strength) -> CollatorBorrowed<'static> {
        let mut options = CollatorOptions::default();
        options.strength = Some(strength);
        Collator::try_new(locale.into(), options).unwrap()
    }

    fn ends<'r>(range: &'r Document, field: &str) -> (&'r str, &'r str) {
        let range = range.get_document(field).unwrap();
        (range.get_str("$gte").unwrap(), range.get_str("$lt").unwrap())
    }

    fn has(collator: &CollatorBorrowed<'_>, range: &Document, field: &str, text: &str) -> bool {
        let (from, to) = ends(range, field);
        collator.compare(from, text) != Ordering::Greater && collator.compare(text, to) == Ordering::Less
    }

    #[test]
    fn each_n_may_be_an_ene() {
        let starts = |text: &str| -> Vec<String> {
            prefix(text).names().iter().map(|range| ends(range, "name").0.to_owned()).collect()
        };
        assert_eq!(starts("Ávila 7"), ["avila 7"]);
        assert_eq!(starts("Peña"), ["pena", "peña"]);
        assert_eq!(
            starts("nandu n"),
            ["nandu n", "ñandu n", "nañdu n", "ñañdu n", "nandu ñ", "ñandu ñ", "nañdu ñ", "ñañdu ñ"]
        );
        let cut = starts("nin ninguno");
        assert_eq!((cut.len(), &*cut[0], &*cut[7]), (8, "nin ni", "ñiñ ñi"), "what follows the fourth is left out");
        let range = prefix("O'Neil").emails();
        assert_eq!(ends(&range, "email"), ("o'neil", "o'neil\u{ffff}"));
    }

    #[test]
    fn only_texts_of_plain_characters_have_ranges() {
        for text in ["漢", "ana 漢", "αβγ", "я", "½", "a·b", "a\u{ffff}"] {
            assert!(Prefix::new(&ClientQuery::parse(text).unwrap()).is_none(), "{text}");
        }
        // Compatibility characters fold to plain ones.
        assert!(prefix("ﬁn").covers("Finca") && !prefix("fin").covers("ﬁnca"));
        assert!(prefix("o´neil").covers("o neil") && !prefix("o neil").covers("O´Neil"));
        assert!(prefix("nandu").covers("N\u{303}a\u{301}\u{323}NDÚ SAS"));
        assert!(
            !prefix("nandu").covers("Nandu\u{ffff}") && !prefix("nandu").covers("Nand") && !prefix("nandu").covers("")
        );
        assert!(!prefix("ana").covers("\u{301}Ana") && !prefix("ana").covers("Juana"));
    }

    /// Any two plain characters, and each with any accent: what pairs do, longer texts do, as no rule of these collations
    /// that begins with a plain character is longer.
    #[test]
    fn what_a_text_covers_is_in_its_ranges() {
        let names = collator(locale!("es"), Strength::Tertiary);
        let addresses = collator(locale!("en"), Strength::Secondary);
        let plain: Vec<char> = ('!'..='\u{17f}').filter(|&character| fold_plain(character).is_some()).collect();
        let mut starts: HashMap<String, Option<(Prefix, Vec<Document>)>> = HashMap::new();
        let mut texts = 0;
        let mut check = |text: &str| {
            let folded = fold(text);
            let start = starts.entry(folded).or_insert_with_key(|folded| {
                // A query is rid of the blanks at its ends.
                let start = Prefix::new(&ClientQuery::parse(folded).ok()?).filter(|start| start.folded == *folded)?;
                let names = start.names();
                Some((start, names))
            });
            let Some((start, ranges)) = start.as_ref().filter(|(start, _)| start.covers(text)) else { return };
            texts += 1;
            for text in [text.to_owned(), format!("{text}\u{10fffd}")] {
                let name = ranges.iter().any(|range| has(&names, range, "name", &text));
                let address = has(&addresses, &start.emails(), "email", &text);
                assert!(name && address, "{text:?} by {:?}: {name} {address}", start.folded);
            }
        };
        for &one in &plain {
            check(&one.to_string());
            for &two in plain.iter().chain(&[' ', '\u{a0}']) {
                check(&format!("{one}{two}"));
            }
            for mark in MARKS {
                check(&format!("{one}{mark}"));
                check(&format!("{one}{mark}o"));
            }
        }
        assert!(texts > 100_000, "{texts}");
    }
}
