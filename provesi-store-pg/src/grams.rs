//! What parts of texts are looked up by: an index of their grams, see `provesi_grams` in `migrations/0002_grams.sql`.

/// How many characters a gram has, unless the text ends before.
const LENGTH: usize = 3;

/// A query (`tsquery`, as text) that finds every text with this part. It may find others too: who asks looks at the text
/// itself as well. `part` is not empty.
///
/// Grams that do not overlap say nearly as much as all of them, and each one less is a list less to read.
pub(crate) fn having(part: &str) -> String {
    let chars: Vec<char> = part.chars().collect();
    let Some(last) = chars.len().checked_sub(LENGTH) else {
        return format!("{}:*", quoted(&chars));
    };
    let starts = (0..last).step_by(LENGTH).chain([last]);
    let grams: Vec<String> = starts.map(|start| quoted(&chars[start..start + LENGTH])).collect();
    grams.join(" & ")
}

fn quoted(gram: &[char]) -> String {
    let mut quoted = String::from("'");
    for &c in gram {
        if matches!(c, '\'' | '\\') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_part_is_the_start_of_a_gram_and_a_long_one_has_grams_from_end_to_end() {
        for (part, query) in [
            ("z", "'z':*"),
            ("-9", "'-9':*"),
            ("ord", "'ord'"),
            ("ord-", "'ord' & 'rd-'"),
            ("ord-00", "'ord' & '-00'"),
            ("ñandú 1", "'ñan' & 'dú ' & 'ú 1'"),
            ("o'\\", "'o''\\\\'"),
        ] {
            assert_eq!(having(part), query);
        }
    }
}
