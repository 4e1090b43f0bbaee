//! Recursive and deep schemas and values: bounded in stack, time and memory.

use connexion::PathValues;
use serde_json::json;

use super::{VERSIONS, messages, thing};
use crate::support::{body_verdict, headers, only};

#[test]
fn schema_that_refers_to_itself_is_reported() {
    for version in VERSIONS {
        let prefix = if version == "2.0" {
            "#/definitions"
        } else {
            "#/components/schemas"
        };
        for (schemas, expected) in [
            (
                "Thing: {allOf: [{$ref: '#/components/schemas/Thing'}]}",
                "Thing",
            ),
            (
                "Thing: {allOf: [{type: object}, {allOf: [{$ref: '#/components/schemas/B'}]}], default: {}}, \
                 B: {allOf: [{$ref: '#/components/schemas/Thing'}]}",
                "Thing",
            ),
            (
                "Thing: {not: {$ref: '#/components/schemas/Thing'}}",
                "Thing",
            ),
        ] {
            let expected = format!("`{prefix}/{expected}` leads back to itself");
            assert_eq!(
                messages(version, schemas),
                [expected],
                "{version} {schemas}"
            );
        }
        let both =
            "Thing: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/Thing'}";
        // The operation refers to the same cycle.
        assert_eq!(messages(version, both).len(), 4, "{version}");
        let tree = "Thing: {allOf: [{properties: {child: {$ref: '#/components/schemas/Thing'}}}], \
                    additionalProperties: {$ref: '#/components/schemas/Thing'}}";
        let verdict = body_verdict(&thing(version, tree), r#"{"child":{"a":{"child":{}}}}"#);
        assert!(verdict.starts_with("ok"), "{verdict}");
    }
    let one_of =
        "Thing: {oneOf: [{type: string}, {anyOf: [{$ref: '#/components/schemas/Thing'}]}]}";
    assert_eq!(messages("3.1", one_of).len(), 1);
}

#[test]
fn long_chain_of_schemas_does_not_overflow_the_stack() {
    let chain = |link: &str| {
        let links = (0..5_000).map(|i| {
            let next = link.replace(
                "NEXT",
                &format!("{{$ref: '#/components/schemas/S{}'}}", i + 1),
            );
            format!("S{i}: {next}")
        });
        let links = links.collect::<Vec<_>>().join(", ");
        format!("Thing: {{$ref: '#/components/schemas/S0'}}, {links}, S5000: {{}}")
    };
    let reported = messages("3.1", &chain("{allOf: [NEXT]}"));
    assert!(
        reported
            .iter()
            .all(|line| line.ends_with("starts a chain of too many references")),
        "{reported:?}"
    );
    assert!(!reported.is_empty());
    let nested = chain("{properties: {a: NEXT}}");
    assert_eq!(messages("3.1", &nested), [""; 0]);
    assert_eq!(
        body_verdict(&thing("3.1", &nested), r#"{"a":{"a":{}}}"#),
        r#"ok {} {"a":{"a":{}}}"#
    );
}

#[test]
fn one_of_that_refers_to_itself_is_reported() {
    // Without a discriminator no schema is chosen.
    let both = "Thing: {oneOf: [{$ref: '#/components/schemas/Cat'}]}, \
                Cat: {allOf: [{$ref: '#/components/schemas/Thing'}]}";
    let reported = messages("3.0", both);
    assert!(
        reported
            .iter()
            .all(|line| line.ends_with("leads back to itself"))
            && !reported.is_empty(),
        "{reported:?}"
    );
}

#[test]
fn deeply_nested_body_is_rejected() {
    let tree = "Thing: {type: object, properties: {a: {$ref: '#/components/schemas/Thing'}}}";
    for version in VERSIONS {
        let service = thing(version, tree);
        let nested = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        let expected = "Body  json: Request body is not valid JSON";
        assert_eq!(body_verdict(&service, &nested(100_000)), expected);
        let verdict = body_verdict(&service, &nested(100));
        assert!(verdict.starts_with("Body /a/a/a"), "{verdict}");
    }
}

#[test]
fn exponential_validation_of_a_tree_is_given_up_soon() {
    let branch = |name: &str| {
        format!("{{properties: {{a: {{$ref: '#/components/schemas/Thing'}}}}, required: [{name}]}}")
    };
    let alternatives = format!("[{}, {}]", branch("a"), branch("b"));
    for (keyword, version) in [("anyOf", "3.1"), ("oneOf", "3.1"), ("allOf", "3.0")] {
        let service = thing(version, &format!("Thing: {{{keyword}: {alternatives}}}"));
        let deep = |levels| r#"{"a":"#.repeat(levels) + "{}" + &"}".repeat(levels);
        // Without a limit this takes years.
        let begin = std::time::Instant::now();
        let said = body_verdict(&service, &deep(60));
        assert_eq!(
            said,
            "Body  $ref: the value is nested too deeply for its schema"
        );
        assert!(
            begin.elapsed().as_secs() < 60,
            "{keyword} took {:?}",
            begin.elapsed()
        );
        // Earlier siblings do not count as depth.
        let said = body_verdict(&service, &deep(2));
        assert!(!said.contains("too deeply"), "{said}");
    }
}

#[test]
fn long_value_of_a_recursive_schema_is_not_deep() {
    let schemas = "Thing: {type: object, required: [name], properties: {name: {type: string}, below: {type: array, \
                   items: {$ref: '#/components/schemas/Thing'}}}}";
    let service = thing("3.1", schemas);
    let items = vec![r#"{"name":"a","below":[]}"#; 30_000].join(",");
    let body = format!(r#"{{"name":"a","below":[{items}]}}"#);
    assert!(body_verdict(&service, &body).starts_with("ok"));
}

#[test]
fn validation_of_a_deep_value_is_linear_or_limited() {
    let again = "$ref: '#/components/schemas/Thing'";
    for schema in [
        format!("properties: {{a: {{{again}}}, b: {{{again}}}}}"),
        format!("additionalProperties: {{{again}}}"),
        format!("properties: {{a: {{{again}}}}}, patternProperties: {{'^a': {{{again}}}}}"),
        format!("anyOf: [{{properties: {{a: {{{again}}}}}}}], unevaluatedProperties: false"),
        format!("properties: {{a: {{{again}, properties: {{a: {{{again}}}}}}}}}"),
        format!("not: {{not: {{properties: {{a: {{{again}}}}}}}}}"),
    ] {
        let service = thing("3.1", &format!("Thing: {{type: object, {schema}}}"));
        let begin = std::time::Instant::now();
        let said = body_verdict(&service, &(r#"{"a":"#.repeat(100) + "1" + &"}".repeat(100)));
        assert!(said.starts_with("Body"), "{schema}: {said}");
        assert!(
            begin.elapsed().as_secs() < 60,
            "{schema}: {:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn violations_of_a_body_have_a_size_limit() {
    // A long `enum` in a thousand messages took a hundred megabytes.
    let names: Vec<_> = (0..5_000).map(|i| format!("name-{i}")).collect();
    let schema = format!("Thing: {{type: array, items: {{enum: {names:?}}}}}");
    let service = thing("3.1", &schema);
    let body = json!(vec!["x"; 1_000]).to_string();
    let headers = headers(&[("content-type", "application/json")]);
    let found = only(&service)
        .validate_request(&PathValues::default(), None, &headers, body.as_bytes())
        .unwrap_err();
    assert_eq!(found.len(), 1_000);
    let reported: usize = found.iter().map(|one| one.detail.len()).sum();
    assert!(reported < 1_500_000, "{reported}");
    assert!(found.iter().all(|one| one.expected.is_none()));
}

#[test]
fn mutually_referring_schemas_are_compiled_once() {
    // Forty schemas that all refer to each other.
    let schemas: Vec<_> = (0..40)
        .map(|i| {
            let (next, other) = ((i + 1) % 40, (i * 7 + 3) % 40);
            format!(
                "S{i}: {{type: object, required: [n], properties: {{n: {{type: integer, maximum: {i}}}, \
                 next: {{$ref: '#/components/schemas/S{next}'}}, \
                 list: {{type: array, items: {{$ref: '#/components/schemas/S{other}'}}}}, \
                 either: {{oneOf: [{{$ref: '#/components/schemas/S{other}'}}, {{type: string}}]}}}}}}"
            )
        })
        .collect();
    let schemas = format!(
        "Thing: {{$ref: '#/components/schemas/S0'}}, {}",
        schemas.join(", ")
    );
    let service = thing("3.1", &schemas);
    let right = r#"{"n":0,"next":{"n":1,"next":{"n":2}},"list":[{"n":3},{"n":-1,"either":"x"}]}"#;
    assert_eq!(body_verdict(&service, right), format!("ok {{}} {right}"));
    let wrong = r#"{"n": 1, "next": {"next": {"n": "x", "next": {"n": 4}}}, "list": [{"n": 3}, {"n": 4}, 5], "either": {"n": 4}}"#;
    assert_eq!(
        body_verdict(&service, wrong),
        "Body /n maximum: 1 is greater than the maximum of 0 at /n\n\
         Body /next/n required: \"n\" is a required property at /next\n\
         Body /next/next/n type: \"x\" is not of type \"integer\" at /next/next/n\n\
         Body /next/next/next/n maximum: 4 is greater than the maximum of 3 at /next/next/next/n\n\
         Body /list/1/n maximum: 4 is greater than the maximum of 3 at /list/1/n\n\
         Body /list/2 type: 5 is not of type \"object\" at /list/2\n\
         Body /either oneOf: {\"n\": 4} is not valid under any of the given schemas at /either"
    );
}
