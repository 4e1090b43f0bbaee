//! `pattern`: ECMA-262 syntax and bounded time.

use connexion::{Api, Body};
use serde::Serialize;
use serde_json::json;

use super::{VERSIONS, parsed, thing};
use crate::support::{body_verdict, build, post};

#[test]
fn slow_pattern_is_given_up_soon() {
    let long = "a".repeat(500_000);
    for (pattern, text) in [
        ("(a+)+$", format!("{long}!")),
        ("^(?=.*\\d)(a+)+$", format!("{long}!")),
        ("^(?!b)(a|a)*(?<!c)$", "a".repeat(4_000) + "!"),
        ("(a*)*\\1b", long.clone()),
        ("(?=.*x)(?=.*y)z", long),
        ("(?=.*x)(?=.*y)z", "a".repeat(4_000)),
    ] {
        for version in VERSIONS {
            let schema = format!("Thing: {{type: string, pattern: '{pattern}'}}");
            let service = thing(version, &schema);
            let start = std::time::Instant::now();
            let verdict = body_verdict(&service, &json!(text).to_string());
            let end: String = verdict.chars().skip(verdict.chars().count() - 40).collect();
            assert!(
                verdict.starts_with("Body  pattern: \"aaa"),
                "{pattern} {end}"
            );
            assert!(
                start.elapsed().as_secs() < 5,
                "{pattern} {:?}",
                start.elapsed()
            );
        }
    }
}

#[test]
fn pattern_with_lookahead_or_backreference_is_supported() {
    let schema =
        "Thing: {type: string, minLength: 4, pattern: '^(?=.*[A-Z])(?=.*[0-9]).+$', maxLength: 9}";
    for version in VERSIONS {
        let service = thing(version, schema);
        for (body, expected) in [
            ("\"Abc1\"", "ok {} \"Abc1\""),
            ("5", "Body  type: 5 is not of type \"string\""),
            (
                "\"abc\"",
                "Body  minLength: \"abc\" is too short\n\
                 Body  pattern: \"abc\" does not match \"^(?=.*[A-Z])(?=.*[0-9]).+$\"",
            ),
        ] {
            assert_eq!(body_verdict(&service, body), expected, "{version}");
        }
    }
    let service = thing("3.1", "Thing: {type: string, pattern: '^(a|b)\\1$'}");
    assert_eq!(body_verdict(&service, "\"aa\""), "ok {} \"aa\"");
    assert!(body_verdict(&service, "\"ab\"").starts_with("Body  pattern"));
}

#[tokio::test]
async fn typed_response_is_validated_against_a_pattern_with_lookahead() {
    #[derive(Clone, Serialize)]
    struct Word {
        word: &'static str,
    }
    let schema = "Thing: {type: object, properties: {word: {type: string, pattern: '^(?!x)'}}}";
    for (word, status) in [("a", 200), ("x", 500)] {
        let api = Api::from_document(parsed("3.1", schema));
        let service = build(api.operation("test", async move || Body(Word { word })));
        assert_eq!(post(&service, "{}").send().await.status.as_u16(), status);
    }
}

#[test]
fn string_that_is_too_long_for_a_slow_pattern_is_rejected() {
    let service = thing("3.1", "Thing: {pattern: '^(?!x)a+$'}");
    let right = format!("\"{}\"", "a".repeat(4_000));
    assert!(body_verdict(&service, &right).starts_with("ok"));
    let long = format!("\"{}\"", "a".repeat(5_000));
    let verdict = body_verdict(&service, &long);
    assert!(
        verdict.ends_with("is too long to be matched against its pattern"),
        "{verdict}"
    );
}
