//! `nullable`, `items` as an array, and lists of names.

use super::{VERSIONS, messages, response_verdict, thing};
use crate::support::body_verdict;

#[test]
fn nullable_applies_to_the_type_beside_it_only() {
    let reference = "{$ref: '#/components/schemas/A'}";
    for (version, schema, is_null_valid, warning) in [
        ("3.0", "{type: string, nullable: true}".to_owned(), true, ""),
        (
            "3.0",
            "{type: string, nullable: true, enum: [a]}".to_owned(),
            false,
            "`nullable` has no effect here: null is not allowed unless the `enum` lists it",
        ),
        (
            "3.0",
            "{type: string, nullable: true, enum: [a, null]}".to_owned(),
            true,
            "",
        ),
        (
            "3.0",
            format!("{{nullable: true, allOf: [{reference}]}}"),
            false,
            "`nullable` has no effect without a `type` beside it: null is not allowed by it",
        ),
        (
            "3.0",
            "{nullable: true, enum: [a]}".to_owned(),
            false,
            "`nullable` has no effect without a `type` beside it: null is not allowed by it",
        ),
        ("3.0", "{nullable: true}".to_owned(), true, ""),
        (
            "3.1",
            "{type: string, nullable: true}".to_owned(),
            false,
            "`nullable` does not belong to this version of OpenAPI; it has no effect; write `type: […, 'null']`",
        ),
        (
            "2.0",
            "{type: string, x-nullable: true, enum: [a]}".to_owned(),
            true,
            "",
        ),
    ] {
        let schemas = format!("Thing: {{properties: {{a: {schema}}}}}, A: {{type: object}}");
        let reported = messages(version, &schemas);
        assert_eq!(reported.join("\n"), warning, "{version} {schema}");
        let verdict = body_verdict(&thing(version, &schemas), r#"{"a": null}"#);
        assert_eq!(
            verdict.starts_with("ok"),
            is_null_valid,
            "{version} {schema}: {verdict}"
        );
    }
}

#[test]
fn items_as_an_array_is_read_by_position() {
    for (version, rest) in [
        ("2.0", ""),
        ("3.0", ""),
        ("3.1", ""),
        ("2.0", ", additionalItems: false"),
    ] {
        let schemas = format!(
            "Thing: {{type: array, items: [{{type: integer}}, {{$ref: '#/components/schemas/A'}}]{rest}}}, A: {{type: string}}"
        );
        let reported = messages(version, &schemas);
        assert!(
            reported.len() == 1 && reported[0].starts_with("a list under `items`"),
            "{reported:?}"
        );
        let service = thing(version, &schemas);
        assert!(body_verdict(&service, r#"[1, "a"]"#).starts_with("ok"));
        assert!(body_verdict(&service, r#"["a"]"#).starts_with("Body /0 type"));
        assert!(body_verdict(&service, r"[1, 2]").starts_with("Body /1 type"));
        let longer = body_verdict(&service, r#"[1, "a", null]"#);
        assert_eq!(longer.starts_with("ok"), rest.is_empty(), "{longer}");
        assert_eq!(response_verdict(&service, r#"[1, "a"]"#), "ok");
    }
}

#[test]
fn duplicate_name_in_required_is_a_warning() {
    for version in VERSIONS {
        let schemas = "Thing: {type: object, required: [a, a]}";
        assert_eq!(
            messages(version, schemas),
            ["`a` is listed twice in `required`"]
        );
        let verdict = body_verdict(&thing(version, schemas), "{}");
        assert_eq!(verdict, "Body /a required: \"a\" is a required property");
    }
}
