//! Reads JSON as `CPython`'s decoder does: takes what it takes (`NaN`, halves of surrogate pairs), and says of a fault
//! the same words and the same place. Slower than `serde_json`, so it reads only what `serde_json` refuses.
//!
//! The rules are those of `CPython`'s `json` (`Modules/_json.c`, 3.11), found by asking it: the tests hold its answers.

use crate::encoding::{CodePoint, is_surrogate};
use crate::json::{Json, Object, Unread};

/// How deep arrays and objects may be nested; Python gives up somewhere below 1,000.
const MAX_DEPTH: usize = 500;

/// How many digits an integer may have (`sys.int_info.default_max_str_digits`).
const MAX_INTEGER_DIGITS: usize = 4_300;

/// Reads a JSON text.
pub(crate) fn scan(text: &[CodePoint]) -> Result<Json, Unread> {
    let scanner = Scanner { text };
    let (value, end) = scanner.value(scanner.blanks(0), 0)?;
    let end = scanner.blanks(end);
    if end < text.len() { fault("Extra data", end) } else { Ok(value) }
}

fn fault<T>(what: &'static str, at: usize) -> Result<T, Unread> {
    Err(Unread::Syntax { at, what })
}

/// What was read, and the place after it.
type Scanned<T> = Result<(T, usize), Unread>;

struct Scanner<'a> {
    text: &'a [CodePoint],
}

impl Scanner<'_> {
    /// The character at a place; none past the end, and none for a surrogate, which is part of no token.
    fn at(&self, place: usize) -> Option<char> {
        self.text.get(place).copied().and_then(char::from_u32)
    }

    fn is_digit(&self, place: usize) -> bool {
        self.at(place).is_some_and(|c| c.is_ascii_digit())
    }

    fn skip(&self, from: usize, passes: impl Fn(char) -> bool) -> usize {
        (from..self.text.len()).find(|&place| !self.at(place).is_some_and(&passes)).unwrap_or(self.text.len())
    }

    fn blanks(&self, from: usize) -> usize {
        self.skip(from, |c| matches!(c, ' ' | '\t' | '\n' | '\r'))
    }

    fn digits(&self, from: usize) -> usize {
        self.skip(from, |c| c.is_ascii_digit())
    }

    fn starts_with(&self, from: usize, word: &str) -> bool {
        word.chars().enumerate().all(|(at, c)| self.at(from + at) == Some(c))
    }

    fn value(&self, from: usize, depth: usize) -> Scanned<Json> {
        match self.at(from) {
            Some('"') => {
                let (text, end) = self.string(from)?;
                Ok((text_of(&text), end))
            }
            Some('{' | '[') if depth >= MAX_DEPTH => Err(Unread::Unreadable),
            Some('{') => self.object(from + 1, depth + 1),
            Some('[') => self.array(from + 1, depth + 1),
            _ => self.word(from).map_or_else(|| self.number(from), Ok),
        }
    }

    fn word(&self, from: usize) -> Option<(Json, usize)> {
        const WORDS: [(&str, Json); 6] = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("NaN", Json::NotFinite),
            ("Infinity", Json::NotFinite),
            ("-Infinity", Json::NotFinite),
        ];
        let (word, value) = WORDS.into_iter().find(|(word, _)| self.starts_with(from, word))?;
        Some((value, from + word.len()))
    }

    fn object(&self, from: usize, depth: usize) -> Scanned<Json> {
        let mut members = Object::new();
        let mut place = self.blanks(from);
        if self.at(place) == Some('}') {
            return Ok((Json::Object(members), place + 1));
        }
        loop {
            if self.at(place) != Some('"') {
                return fault("Expecting property name enclosed in double quotes", place);
            }
            let (name, end) = self.string(place)?;
            place = self.blanks(end);
            if self.at(place) != Some(':') {
                return fault("Expecting ':' delimiter", place);
            }
            let (value, end) = self.value(self.blanks(place + 1), depth)?;
            members.insert(lossy(&name), value);
            place = self.blanks(end);
            match self.at(place) {
                Some('}') => return Ok((Json::Object(members), place + 1)),
                Some(',') => place = self.blanks(place + 1),
                _ => return fault("Expecting ',' delimiter", place),
            }
        }
    }

    fn array(&self, from: usize, depth: usize) -> Scanned<Json> {
        let mut items = Vec::new();
        let mut place = self.blanks(from);
        if self.at(place) == Some(']') {
            return Ok((Json::Array(items), place + 1));
        }
        loop {
            let (item, end) = self.value(place, depth)?;
            items.push(item);
            place = self.blanks(end);
            match self.at(place) {
                Some(']') => return Ok((Json::Array(items), place + 1)),
                Some(',') => place = self.blanks(place + 1),
                _ => return fault("Expecting ',' delimiter", place),
            }
        }
    }

    /// The string whose opening quote is at `from`.
    fn string(&self, from: usize) -> Scanned<Vec<CodePoint>> {
        let mut text = Vec::new();
        let mut place = from + 1;
        loop {
            let Some(&point) = self.text.get(place) else { return fault("Unterminated string starting at", from) };
            match char::from_u32(point) {
                Some('"') => return Ok((text, place + 1)),
                Some('\\') => {
                    let (point, end) = self.escape(from, place + 1)?;
                    text.push(point);
                    place = end;
                }
                Some('\0'..='\x1f') => return fault("Invalid control character at", place),
                _ => {
                    text.push(point);
                    place += 1;
                }
            }
        }
    }

    /// The escape whose backslash is before `from`, in the string that opened at `opened`.
    fn escape(&self, opened: usize, from: usize) -> Scanned<CodePoint> {
        let Some(&point) = self.text.get(from) else { return fault("Unterminated string starting at", opened) };
        let plain = match char::from_u32(point) {
            Some('u') => return self.unicode_escape(from),
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            _ => return fault("Invalid \\escape", from - 1),
        };
        Ok((plain.into(), from + 1))
    }

    /// The escape whose `u` is at `from`, with the low half of a surrogate pair where one follows.
    fn unicode_escape(&self, from: usize) -> Scanned<CodePoint> {
        let (high, end) = self.four_digits(from)?;
        // A text that ends right after is unterminated anyway, and CPython does not look for the second half then.
        if (0xd800..0xdc00).contains(&high) && end + 6 < self.text.len() && self.starts_with(end, "\\u") {
            let (low, end_of_low) = self.four_digits(end + 1)?;
            if (0xdc00..0xe000).contains(&low) {
                return Ok((0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), end_of_low));
            }
        }
        Ok((high, end))
    }

    fn four_digits(&self, from: usize) -> Scanned<CodePoint> {
        let end = from + 5;
        let refused = || fault("Invalid \\uXXXX escape", from);
        // The closing quote must follow somewhere.
        if end >= self.text.len() {
            return refused();
        }
        let mut value = 0;
        for place in from + 1..end {
            let Some(digit) = self.at(place).and_then(|c| c.to_digit(16)) else { return refused() };
            value = value << 4 | digit;
        }
        Ok((value, end))
    }

    fn number(&self, from: usize) -> Scanned<Json> {
        let first = if self.at(from) == Some('-') { from + 1 } else { from };
        let mut end = match self.at(first) {
            Some('0') => first + 1,
            Some('1'..='9') => self.digits(first),
            _ => return fault("Expecting value", from),
        };
        if end - first > MAX_INTEGER_DIGITS && !matches!(self.at(end), Some('.' | 'e' | 'E')) {
            return Err(Unread::Unreadable);
        }
        if self.at(end) == Some('.') && self.is_digit(end + 1) {
            end = self.digits(end + 1);
        }
        if matches!(self.at(end), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.at(end + 1), Some('+' | '-')));
            if self.is_digit(end + 1 + sign) {
                end = self.digits(end + 1 + sign);
            }
        }
        let text = lossy(&self.text[from..end]);
        // What serde_json cannot hold is out of a double's range.
        Ok((text.parse().map_or(Json::NotFinite, Json::Number), end))
    }
}

fn text_of(points: &[CodePoint]) -> Json {
    let text = lossy(points);
    if points.iter().any(|&point| is_surrogate(point)) { Json::BrokenText(text) } else { Json::Text(text) }
}

fn lossy(points: &[CodePoint]) -> String {
    points.iter().map(|&point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
#[path = "json_scan/tests.rs"]
mod tests;
