//! What the server is asked for a search: a filter that lets through every client that matches, and few others.
//!
//! The rule is [`ClientQuery::matches`], which MongoDB cannot say: it compares folded texts, and the collection holds
//! none. So the server leaves out what surely does not match, and the rule decides on the rest, here.

use std::collections::HashMap;
use std::sync::LazyLock;

use mongodb::bson::{Document, doc};
use provesi_core::{ClientQuery, fold};

/// MongoDB takes patterns of 32,764 bytes.
const MAX_PATTERN: usize = 16_000;

/// A filter that every client passes that matches `query`.
pub(super) fn filter(query: &ClientQuery) -> Document {
    let text = PLAIN.pattern(query.folded());
    let digits = query.digits().map(digits_pattern);
    if text.len().max(digits.as_ref().map_or(0, String::len)) > MAX_PATTERN {
        return doc! {};
    }
    let mut any = vec![doc! { "name": { "$regex": &text } }, doc! { "email": { "$regex": &text } }];
    any.extend(digits.map(|digits| doc! { "phone": { "$regex": digits } }));
    doc! { "$or": any }
}

static PLAIN: LazyLock<Plain> = LazyLock::new(Plain::new);

/// The characters that a pattern can fold: those up to the end of Latin Extended-A (U+017F), all that Spanish and its
/// neighbours are written with, of which each folds to one character whatever stands beside it.
struct Plain {
    /// The inside of a character class for each folded character.
    classes: HashMap<char, String>,
    /// A pattern for any other character. A text that has one may match in ways that no pattern says.
    others: String,
}

impl Plain {
    fn new() -> Self {
        let (mut classes, mut all) = (HashMap::<char, String>::new(), String::new());
        for character in ' '..='\u{17f}' {
            let folded = fold(character.encode_utf8(&mut [0; 4]));
            let mut folded = folded.chars();
            if let (Some(folded), None) = (folded.next(), folded.next()) {
                push_escaped(classes.entry(folded).or_default(), character);
                push_escaped(&mut all, character);
            }
        }
        Self { classes, others: format!("[^{all}]") }
    }

    /// A pattern for texts that may contain `folded` once they are folded themselves.
    fn pattern(&self, folded: &str) -> String {
        let classes: Option<Vec<String>> =
            folded.chars().map(|character| Some(format!("[{}]", self.classes.get(&character)?))).collect();
        match classes {
            Some(classes) => format!("{}|{}", classes.concat(), self.others),
            // No plain character folds to one of these.
            None => self.others.clone(),
        }
    }
}

/// Punctuation means itself behind a backslash, inside a class too; letters and digits mean something there.
fn push_escaped(class: &mut String, character: char) {
    if character.is_ascii_punctuation() {
        class.push('\\');
    }
    class.push(character);
}

/// A pattern for phones whose digits contain `digits`. A country code that the rule leaves out stays in, which lets
/// more through and never less.
fn digits_pattern(digits: &str) -> String {
    let digits: Vec<String> = digits.chars().map(|digit| digit.to_string()).collect();
    digits.join("[^0-9]*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_looked_for_with_all_its_marks() {
        let pattern = PLAIN.pattern("ñ");
        assert_eq!(pattern, PLAIN.others, "a folded text has no ñ, so only what is not plain may");
        let pattern = PLAIN.pattern(&fold("Ñ."));
        assert!(pattern.starts_with("[NnÑñŃńŅņŇň][\\.]|[^\\ \\!") || pattern.starts_with("[NnÑñŃńŅņŇň][\\.]|[^ \\!"));
    }

    #[test]
    fn what_folds_to_several_characters_is_not_plain() {
        for character in ['ŉ', 'ĳ', '½', '\u{301}', 'ﬁ', '漢', '🚚', '\t', '\u{a0}'] {
            let folded = fold(&character.to_string());
            let class = folded.chars().next().and_then(|first| PLAIN.classes.get(&first));
            let is_plain = class.is_some_and(|class| class.contains(character));
            assert_eq!(is_plain, character == '\u{a0}', "{character:?}");
        }
    }
}
