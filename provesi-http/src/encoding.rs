//! Which encoding a JSON text is in, and its characters: as Python's `json` guesses and decodes.

/// A character as Python counts them: a Unicode code point, surrogates among them.
pub(crate) type CodePoint = u32;

/// Whether a code point is a half of a surrogate pair.
pub(crate) const fn is_surrogate(point: CodePoint) -> bool {
    matches!(point, 0xd800..=0xdfff)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding<'a> {
    /// The bytes after the byte order mark, if there is one.
    Utf8 {
        text: &'a [u8],
    },
    Utf16 {
        text: &'a [u8],
        big_endian: bool,
    },
    Utf32 {
        text: &'a [u8],
        big_endian: bool,
    },
}

/// Guesses by the byte order mark, else by where the first bytes are zero: JSON starts with an ASCII character.
pub(crate) fn detect(bytes: &[u8]) -> Encoding<'_> {
    match bytes {
        [0x00, 0x00, 0xfe, 0xff, text @ ..] => Encoding::Utf32 { text, big_endian: true },
        [0xff, 0xfe, 0x00, 0x00, text @ ..] => Encoding::Utf32 { text, big_endian: false },
        [0xfe, 0xff, text @ ..] => Encoding::Utf16 { text, big_endian: true },
        [0xff, 0xfe, text @ ..] => Encoding::Utf16 { text, big_endian: false },
        [0xef, 0xbb, 0xbf, text @ ..] => Encoding::Utf8 { text },
        [0, 0, _, _, ..] => Encoding::Utf32 { text: bytes, big_endian: true },
        [0, _, _, _, ..] | [0, _] => Encoding::Utf16 { text: bytes, big_endian: true },
        [_, 0, 0, 0, ..] => Encoding::Utf32 { text: bytes, big_endian: false },
        [_, 0, _, _, ..] | [_, 0] => Encoding::Utf16 { text: bytes, big_endian: false },
        text => Encoding::Utf8 { text },
    }
}

/// The characters of a text, `None` where it is not in the encoding that it seems to be in. Lone surrogates pass, as
/// they do in Python (`surrogatepass`).
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<CodePoint>> {
    match detect(bytes) {
        Encoding::Utf8 { text } => utf8(text),
        Encoding::Utf16 { text, big_endian } => {
            let (units, rest) = text.as_chunks::<2>();
            let unit = |&pair: &[u8; 2]| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
            rest.is_empty().then(|| utf16(units.iter().map(unit)))
        }
        Encoding::Utf32 { text, big_endian } => {
            let (units, rest) = text.as_chunks::<4>();
            let unit = |&four: &[u8; 4]| if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
            let points: Vec<_> = units.iter().map(unit).collect();
            (rest.is_empty() && points.iter().all(|&point| point <= 0x10_ffff)).then_some(points)
        }
    }
}

fn utf8(mut text: &[u8]) -> Option<Vec<CodePoint>> {
    let mut points = Vec::with_capacity(text.len());
    loop {
        match std::str::from_utf8(text) {
            Ok(rest) => {
                points.extend(rest.chars().map(CodePoint::from));
                return Some(points);
            }
            Err(error) => {
                let (sound, rest) = text.split_at(error.valid_up_to());
                points.extend(String::from_utf8_lossy(sound).chars().map(CodePoint::from));
                let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..] = rest else { return None };
                points.push(0xd000 | (CodePoint::from(*second) & 0x3f) << 6 | (CodePoint::from(*third) & 0x3f));
                text = after;
            }
        }
    }
}

fn utf16(units: impl Iterator<Item = u16>) -> Vec<CodePoint> {
    char::decode_utf16(units)
        .map(|unit| unit.map_or_else(|lone| CodePoint::from(lone.unpaired_surrogate()), CodePoint::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(points: &[CodePoint]) -> String {
        points.iter().map(|&point| char::from_u32(point).unwrap_or('\u{fffd}')).collect()
    }

    #[test]
    fn every_encoding_of_python_is_read() {
        let json = "{\"ñ\":\"🚚\"}";
        let utf16 = |unit: fn(u16) -> [u8; 2]| json.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let utf32 = |unit: fn(u32) -> [u8; 4]| json.chars().flat_map(|c| unit(c.into())).collect::<Vec<u8>>();
        let with_mark = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
        for bytes in [
            json.as_bytes().to_vec(),
            with_mark(b"\xef\xbb\xbf", json.as_bytes().to_vec()),
            utf16(u16::to_be_bytes),
            utf16(u16::to_le_bytes),
            with_mark(b"\xfe\xff", utf16(u16::to_be_bytes)),
            with_mark(b"\xff\xfe", utf16(u16::to_le_bytes)),
            utf32(u32::to_be_bytes),
            utf32(u32::to_le_bytes),
            with_mark(b"\0\0\xfe\xff", utf32(u32::to_be_bytes)),
            with_mark(b"\xff\xfe\0\0", utf32(u32::to_le_bytes)),
        ] {
            assert_eq!(text(&decode(&bytes).unwrap()), json, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_in_its_encoding_is_no_text() {
        for bytes in [&b"\"\xff\""[..], b"\"\xed\xa0", b"\xc3", b"{\0\"\0\"", b"\0\0\xfe\xff\0\x11\0\0"] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
        assert_eq!(decode(b"1\xed\xa0\x80").unwrap(), [0x31, 0xd800]);
        assert_eq!(decode(b"\xff\xfe\x00\xd8").unwrap(), [0xd800]);
    }
}
