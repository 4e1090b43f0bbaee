//! `format`: which strings and numbers are valid.

use connexion::Api;
use serde_json::json;

use super::{VERSIONS, parsed, thing};
use crate::support::{body_verdict, build};

/// For each format of strings: a valid value, and invalid ones.
const FORMATS: [(&str, &str, &[&str]); 13] = [
    (
        "uuid",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        &[
            "f81d4fae7dec11d0a76500a0c91e6bf6",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
            "",
        ],
    ),
    (
        "date",
        "2024-02-29",
        &["2023-02-29", "2024-2-29", "2024-02-29T00:00:00Z"],
    ),
    (
        "date-time",
        "2024-02-29T12:00:00.5+01:00",
        &[
            "2024-02-29",
            "2024-02-29 12:00",
            "2024-02-29T25:00:00Z",
            "2024-02-29T12:00:00",
        ],
    ),
    ("time", "12:00:00Z", &["12:00", "25:00:00Z"]),
    ("duration", "P1DT12H", &["P", "1D", "PT"]),
    (
        "email",
        "a.b+c@example.com",
        &["a", "a@", "@b.c", "a b@example.com"],
    ),
    (
        "hostname",
        "a-1.example.com",
        &["-a.example", "a..b", "a_b"],
    ),
    ("ipv4", "127.0.0.1", &["127.0.0", "256.0.0.1", "127.0.0.01"]),
    ("ipv6", "::ffff:127.0.0.1", &["127.0.0.1", ":::", "1::2::3"]),
    (
        "uri",
        "https://example.com/a?b#c",
        &["/a", "a b:c", "https://exa mple.com"],
    ),
    ("uri-reference", "../a?b#c", &["a b", "%zz"]),
    ("byte", "aGVsbG8=", &["aGVsbG8", "a-_=", "aGVsb G8="]),
    ("regex", "^(a|b)*$", &["(", "[z-a]"]),
];

#[test]
fn strings_are_validated_against_formats() {
    for (format, right, wrong) in FORMATS {
        for version in VERSIONS {
            let service = thing(
                version,
                &format!("Thing: {{type: string, format: {format}}}"),
            );
            let verdict = body_verdict(&service, &json!(right).to_string());
            assert_eq!(
                verdict,
                format!("ok {{}} {}", json!(right)),
                "{version} {format}"
            );
            for wrong in wrong {
                let verdict = body_verdict(&service, &json!(wrong).to_string());
                let expected = format!("Body  format: \"{wrong}\" is not a \"{format}\"");
                assert_eq!(verdict, expected, "{version}");
            }
        }
    }
}

#[test]
fn numbers_are_validated_against_formats() {
    for version in VERSIONS {
        for (schema, right, wrong) in [
            (
                "{type: integer, format: int32}",
                &["2147483647", "-2147483648"][..],
                &[
                    ("2147483648", "format"),
                    ("-2147483649", "format"),
                    ("1.5", "type"),
                ][..],
            ),
            (
                "{type: integer, format: int64}",
                &["9223372036854775807"],
                &[("9223372036854775808", "format")],
            ),
            (
                "{type: number, format: float}",
                &["3.4e38", "3.4028235e38", "-0.1", "7"],
                &[("3.5e38", "format"), ("-1e39", "format")],
            ),
            (
                "{type: number, format: double}",
                &["1.7e308", "-7"],
                &[("1e309", "json"), ("'1'", "json")],
            ),
        ] {
            let service = thing(version, &format!("Thing: {schema}"));
            for right in right {
                let verdict = body_verdict(&service, right);
                assert!(
                    verdict.starts_with("ok"),
                    "{version} {schema} {right}: {verdict}"
                );
            }
            for (wrong, keyword) in wrong {
                let verdict = body_verdict(&service, wrong);
                let start = format!("Body  {keyword}: ");
                assert!(
                    verdict.starts_with(&start),
                    "{version} {schema} {wrong}: {verdict}"
                );
            }
        }
        let float = thing(version, "Thing: {type: number, format: float}");
        let expected = "Body  format: 1e39 is not a \"float\"";
        assert_eq!(body_verdict(&float, "1e39"), expected);
    }
}

#[test]
fn unknown_format_is_ignored_and_a_custom_one_replaces_a_known_one() {
    let service = thing("3.0", "Thing: {type: string, format: passphrase}");
    assert_eq!(body_verdict(&service, "\"x\""), "ok {} \"x\"");
    let schema = "Thing: {type: string, format: byte}";
    let api = Api::from_document(parsed("3.1", schema)).format("byte", |text| text == "!");
    let service = build(api.operation("test", async || ()));
    assert_eq!(body_verdict(&service, "\"!\""), "ok {} \"!\"");
    assert!(body_verdict(&service, "\"aGVsbG8=\"").contains("is not a \"byte\""));
}
