use super::*;
use crate::json::parse;

/// Texts, with the place and the words of the fault that Python 3.11 tells of each.
const FAULTS: &[(&str, usize, &str)] = &[
    ("", 0, "Expecting value"),
    ("  ", 2, "Expecting value"),
    ("{", 1, "Expecting property name enclosed in double quotes"),
    ("{\"a\"", 4, "Expecting ':' delimiter"),
    ("{\"a\":", 5, "Expecting value"),
    ("{\"a\":1", 6, "Expecting ',' delimiter"),
    ("{\"a\":1,", 7, "Expecting property name enclosed in double quotes"),
    ("{\"a\":1, ", 8, "Expecting property name enclosed in double quotes"),
    ("{\"a\":1,}", 7, "Expecting property name enclosed in double quotes"),
    ("[1,]", 3, "Expecting value"),
    ("[1", 2, "Expecting ',' delimiter"),
    ("[", 1, "Expecting value"),
    ("[ ", 2, "Expecting value"),
    ("[1,", 3, "Expecting value"),
    ("\"abc", 0, "Unterminated string starting at"),
    ("\"a\\", 0, "Unterminated string starting at"),
    ("\"a\\q\"", 2, "Invalid \\escape"),
    ("\"\\u12\"", 2, "Invalid \\uXXXX escape"),
    ("\"\\u12G4\"", 2, "Invalid \\uXXXX escape"),
    ("\"\\ud800\\u12G4xx\"", 8, "Invalid \\uXXXX escape"),
    ("\"\\ud800\\u1\"", 8, "Invalid \\uXXXX escape"),
    ("\"\\ud800\\u", 8, "Invalid \\uXXXX escape"),
    ("\"\\ud800\\u12", 8, "Invalid \\uXXXX escape"),
    ("a", 0, "Expecting value"),
    ("\"a\nb\"", 2, "Invalid control character at"),
    ("01", 1, "Extra data"),
    ("-01", 2, "Extra data"),
    ("-", 0, "Expecting value"),
    ("- 1", 0, "Expecting value"),
    ("-a", 0, "Expecting value"),
    ("1.", 1, "Extra data"),
    ("1e", 1, "Extra data"),
    ("1.e5", 1, "Extra data"),
    ("1e+", 1, "Extra data"),
    ("1e5x", 3, "Extra data"),
    ("1.5.2", 3, "Extra data"),
    ("nul", 0, "Expecting value"),
    ("-Inf", 0, "Expecting value"),
    ("{\"a\" 1}", 5, "Expecting ':' delimiter"),
    ("{1:2}", 1, "Expecting property name enclosed in double quotes"),
    ("{\"a\":1 \"b\"}", 7, "Expecting ',' delimiter"),
    ("{\"a\":1 ,\"b\" : x}", 14, "Expecting value"),
    ("ñ\"", 0, "Expecting value"),
    ("\"ñ", 0, "Unterminated string starting at"),
    ("{\"ñ\":x}", 5, "Expecting value"),
    ("{\"🚚\":x}", 5, "Expecting value"),
    ("+1", 0, "Expecting value"),
    ("[1 2]", 3, "Expecting ',' delimiter"),
    ("[1, 2 ,,]", 7, "Expecting value"),
    ("tru", 0, "Expecting value"),
    ("NaNx", 3, "Extra data"),
    ("Infinityy", 8, "Extra data"),
    ("\"\\u", 2, "Invalid \\uXXXX escape"),
    ("\"\\u1234", 2, "Invalid \\uXXXX escape"),
    ("{\"a\":\"\\u123\"}", 7, "Invalid \\uXXXX escape"),
    ("\u{b}1", 0, "Expecting value"),
    ("[}", 1, "Expecting value"),
    ("{]", 1, "Expecting property name enclosed in double quotes"),
    ("{}x", 2, "Extra data"),
    ("{} {}", 3, "Extra data"),
    ("\"\ta\"", 1, "Invalid control character at"),
    ("\"a\\\n\"", 2, "Invalid \\escape"),
    ("[[[1,2],[3,4]", 13, "Expecting ',' delimiter"),
    ("{\"a\":{\"b\":[}}", 11, "Expecting value"),
    ("{\"name\": \"x\", ", 14, "Expecting property name enclosed in double quotes"),
    ("{'name': 'x'}", 1, "Expecting property name enclosed in double quotes"),
    ("{\"name\":\"x\"} x", 13, "Extra data"),
    ("   ", 3, "Expecting value"),
    ("\u{a0}1", 0, "Expecting value"),
    ("1\u{a0}", 1, "Extra data"),
    ("[1]\r\n\t]", 6, "Extra data"),
    ("\"\\x41\"", 1, "Invalid \\escape"),
    ("{\"a\":1}}", 7, "Extra data"),
    ("\"a\"b\"", 3, "Extra data"),
    ("{,}", 1, "Expecting property name enclosed in double quotes"),
    ("[,]", 1, "Expecting value"),
    ("{\"a\"::1}", 5, "Expecting value"),
    ("\"\\ud800\\udc", 8, "Invalid \\uXXXX escape"),
    ("\"\\uD83D\\uDE9A", 8, "Invalid \\uXXXX escape"),
    (".5", 0, "Expecting value"),
    ("[.5]", 1, "Expecting value"),
    ("0x10", 1, "Extra data"),
    ("1_000", 1, "Extra data"),
    ("\"\\U1234\"", 1, "Invalid \\escape"),
    ("\u{feff}\u{feff}1", 0, "Expecting value"),
    ("nullnull", 4, "Extra data"),
    ("True", 0, "Expecting value"),
    ("None", 0, "Expecting value"),
];

fn read(text: &str) -> Result<Json, Unread> {
    scan(&text.chars().map(CodePoint::from).collect::<Vec<_>>())
}

#[test]
fn faults_are_told_in_the_words_and_at_the_place_of_cpython() {
    for &(text, at, what) in FAULTS {
        assert_eq!(parse(text.as_bytes()), Err(Unread::Syntax { at, what }), "{text:?}");
    }
}

#[test]
fn what_is_sound_reads_as_serde_json_reads_it() {
    for text in [
        "null",
        " true ",
        "[]",
        "{ }",
        "-0",
        "-1.5e-3",
        "1E2",
        "18446744073709551615",
        "-9223372036854775808",
        r#"{"a":[1,{"b":null}],"c":"\"\\\/\b\f\n\r\tñ\ud83d\ude9a🚚"}"#,
        r#"{"a":1,"a":2}"#,
        "[1 , 2\r\n,\t3]",
    ] {
        assert_eq!(read(text).unwrap(), serde_json::from_str::<serde_json::Value>(text).unwrap().into(), "{text}");
    }
}

#[test]
fn what_python_takes_besides_is_taken() {
    for text in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"] {
        assert_eq!(parse(text.as_bytes()), Ok(Json::NotFinite), "{text}");
    }
    assert_eq!(parse(br#""\ud800x""#), Ok(Json::BrokenText("\u{fffd}x".to_owned())));
    assert_eq!(parse(br#""\udc00\ud800""#), Ok(Json::BrokenText("\u{fffd}\u{fffd}".to_owned())));
    assert_eq!(parse(br#""\ud800\u0041""#), Ok(Json::BrokenText("\u{fffd}A".to_owned())));
}

#[test]
fn what_is_too_deep_or_too_long_is_unreadable() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(parse(nested(MAX_DEPTH + 1).as_bytes()), Err(Unread::Unreadable));
    assert_eq!(parse("[".repeat(60_000).as_bytes()), Err(Unread::Unreadable));
    assert_eq!(parse("9".repeat(MAX_INTEGER_DIGITS).as_bytes()), Ok(Json::NotFinite));
    assert_eq!(parse("9".repeat(MAX_INTEGER_DIGITS + 1).as_bytes()), Err(Unread::Unreadable));
    assert_eq!(parse(b"\"\xff\""), Err(Unread::Unreadable));
}
