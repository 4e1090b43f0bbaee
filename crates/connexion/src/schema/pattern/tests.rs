//! Tests of the translation. The expectations are those of a browser with the flag `u`, or without it where the flag
//! would make the pattern invalid.

use super::{Matcher, Pattern, matcher};

#[track_caller]
fn assert_matches(pattern: &str, matching: &[&str], others: &[&str]) {
    let compiled = Pattern::compile(pattern).unwrap_or_else(|| panic!("{pattern}"));
    for text in matching {
        assert!(compiled.is_match(text), "{pattern} {text:?} {compiled:?}");
    }
    for text in others {
        assert!(!compiled.is_match(text), "{pattern} {text:?} {compiled:?}");
    }
}

#[test]
fn unbalanced_braces_and_brackets_are_characters() {
    assert_matches("^{[a-z]+}$", &["{ab}"], &["ab", "{}"]);
    assert_matches("^a{,3}$", &["a{,3}"], &["aaa", ""]);
    assert_matches("^a{$", &["a{"], &["a"]);
    assert_matches("^a{x}]}$", &["a{x}]}"], &["ax"]);
    assert_matches("^a{2}b{1,}c{0,1}?$", &["aabb", "aabc"], &["ab", "aab{"]);
    assert_matches("^\\${[a-z]*}$", &["${a}", "${}"], &["$a"]);
}

#[test]
fn a_class_may_be_empty_or_have_a_dash_beside_another_class() {
    assert_matches("^[^]$", &["a", "\n", "😀"], &["", "ab"]);
    assert_matches("^[]$|^a$", &["a"], &["", "b", "[]"]);
    assert_matches("^[\\w-.]+$", &["b-c.d_"], &["!", "a b"]);
    assert_matches("^[a-\\d]+$", &["a-7"], &["b"]);
    assert_matches("^[[a]&&b]$", &["[&&b]", "a&&b]"], &["a"]);
    assert_matches("^[+--]$", &["+", ",", "-"], &["."]);
    assert!(Pattern::compile("[z-a]").is_none());
}

#[test]
fn an_unknown_escape_is_its_character() {
    assert_matches("^\\_\\'\\<\\>\\@\\ \\é$", &["_'<>@ é"], &["_'"]);
    assert_matches("^[\\s\\w\\_\\'\\<\\>\\:\\é]+$", &["a _'<>:é"], &["#"]);
    assert_matches("^\\a\\y\\i$", &["ayi"], &["\u{7}"]);
    assert_matches("^\\k<x>$", &["k<x>"], &["x"]);
    assert_matches("^\\pL\\p{a b}$", &["pLp{a b}"], &["a"]);
    assert_matches("^\\x4\\u12\\u{}$", &["x4u12u{}"], &["\u{4}"]);
    assert_matches(
        "^\\c1[\\c1\\cA]\\cJ$",
        &["\\c1\u{11}\n", "\\c1\u{1}\n"],
        &["c1"],
    );
    assert_matches("^\\101\\0\\8[\\7]$", &["A\0\u{38}\u{7}"], &["1018"]);
    assert!(Pattern::compile("a\\").is_none());
}

#[test]
fn surrogate_pairs_match_the_characters_that_they_encode() {
    assert_matches("^\\uD83D\\uDE00$", &["😀"], &["a", "😁"]);
    assert_matches("^[\\uD83D\\uDE00]$", &["😀"], &["a", "😁"]);
    assert_matches("^[\\uD83D\\uDE00-\\uD83D\\uDE02]$", &["😀", "😂"], &["😃"]);
    assert_matches("^[a\\uD800\\uDC00-\\uDBFF\\uDFFF]+$", &["a😀"], &["b"]);
    assert_matches("^\\uD83D[\\uDE00-\\uDE4F]$", &["😀"], &["🚀"]);
    assert_matches(
        "^(?:[\\u0000-\\uD7FF\\uE000-\\uFFFF]|[\\uD800-\\uDBFF][\\uDC00-\\uDFFF])*$",
        &["", "aé😀\u{ffff}\u{10ffff}"],
        &[],
    );
    // The end of the range is the pair in the middle.
    assert_matches("^[\\uD83C-\\uDBFF\\uDC00-\\uDFFF]$", &["😀", "-"], &["a"]);
    assert_matches("^[^\\uD800-\\uDFFF]+$", &["aé"], &[]);
    assert_matches("^\\u{1F600}$", &["😀"], &["u"]);
}

#[test]
fn look_around_and_backreferences_are_supported() {
    assert_matches("^(?<x>a|b)\\k<x>$", &["aa", "bb"], &["ab", "ak<x>"]);
    assert_matches("^(?<$q>a)(b)?\\2c$", &["ac", "abbc"], &["abc"]);
    assert_matches("^(?=a)*b$", &["b"], &["ab"]);
    assert_matches(
        "^(?=.*\\d)(?!.*\\s)(?<!x).{2,}$",
        &["a1"],
        &["ab", "a 1", "a٣"],
    );
    assert_matches("^(?=a\\b).+$", &["a", "a b", "aé"], &["ab"]);
    assert_matches("\\bé", &["aé"], &["é"]);
    assert_matches("^\\1(a)$", &["a"], &["aa"]);
    for pattern in ["(", "a)", "*a", "(?<n>a)\\k"] {
        assert_eq!(matcher(pattern), Matcher::Unsupported, "{pattern}");
    }
}

#[test]
fn character_properties_have_the_names_of_unicode_and_java() {
    assert_matches("^\\p{L}\\P{Lu}$", &["Éé"], &["1a", "aA"]);
    assert_matches("^\\p{Script=Greek}+$", &["αβ"], &["a"]);
    assert_matches("^\\p{XDigit}+\\P{XDigit}$", &["0aFg"], &["0g0"]);
    assert_matches("^[\\p{Alnum}\\p{Punct}]+$", &["a1!"], &["é", " "]);
    assert_eq!(matcher("^\\p{InNowhere}$"), Matcher::Unsupported);
}

#[test]
fn syntax_of_other_engines_is_supported() {
    assert_matches("(?i)^abc$", &["ABC"], &["abcd"]);
    assert_matches("^(?P<x>a)$", &["a"], &["b"]);
    assert_matches("\\Aab\\Z", &["ab"], &["xab", "abx"]);
    assert_matches("^(?i:a)b$", &["Ab"], &["AB"]);
}

#[test]
fn a_pattern_that_needs_no_translation_is_not_changed() {
    for pattern in [
        "^[a-z0-9]+(?:-[a-z0-9]+)*$",
        "^\\d{3}-\\d{4}$",
        "^[^\\u0000]*$",
        "^\\+?[1-9]\\d{1,14}$",
        "^[\\w.+-]+@[\\w-]+\\.[\\w.-]+$",
        "^.{1,65535}$",
        "^\\p{L}+$",
    ] {
        assert_eq!(matcher(pattern), Matcher::Jsonschema, "{pattern}");
    }
}

#[test]
fn a_pattern_that_is_too_large_is_not_supported() {
    assert_eq!(matcher("^((a{1000}){1000}){1000}$"), Matcher::Unsupported);
}
