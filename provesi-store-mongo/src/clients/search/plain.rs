//! The characters that most names are written with, and what they fold to.

use std::collections::HashMap;
use std::sync::LazyLock;

use provesi_core::fold;

/// MongoDB takes patterns of 32,764 bytes.
pub(super) const MAX_PATTERN: usize = 16_000;

pub(super) static PLAIN: LazyLock<Plain> = LazyLock::new(Plain::new);

/// The characters that a pattern can fold: those up to the end of Latin Extended-A (U+017F), all that Spanish and its
/// neighbours are written with, of which each folds to one character whatever stands beside it.
pub(super) struct Plain {
    /// What each of them folds to.
    folded: HashMap<char, char>,
    /// The inside of a character class for each folded character.
    classes: HashMap<char, String>,
    /// A pattern for any other character. A text that has one may match in ways that no pattern says.
    others: String,
}

impl Plain {
    fn new() -> Self {
        let (mut classes, mut all) = (HashMap::<char, String>::new(), String::new());
        let mut folded_of = HashMap::new();
        for character in ' '..='\u{17f}' {
            let folded = fold(character.encode_utf8(&mut [0; 4]));
            let mut folded = folded.chars();
            if let (Some(folded), None) = (folded.next(), folded.next()) {
                folded_of.insert(character, folded);
                push_escaped(classes.entry(folded).or_default(), character);
                push_escaped(&mut all, character);
            }
        }
        Self { folded: folded_of, classes, others: format!("[^{all}]") }
    }

    /// What `character` folds to, if it is plain.
    pub(super) fn fold(&self, character: char) -> Option<char> {
        self.folded.get(&character).copied()
    }

    /// For each character of `folded` the class of the plain ones that fold to it; none where one has no such.
    pub(super) fn classes(&self, folded: &str) -> Option<Vec<String>> {
        folded.chars().map(|character| Some(format!("[{}]", self.classes.get(&character)?))).collect()
    }

    /// A pattern for texts that may contain `folded` once they are folded themselves.
    pub(super) fn pattern(&self, folded: &str) -> String {
        match self.classes(folded) {
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
