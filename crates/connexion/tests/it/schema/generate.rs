//! Values that are generated from schemas.

use connexion::{Api, Document, Generated, Validator};
use serde_json::{Value, json};

fn validator(schema: &str) -> Validator {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: Test, version: '1'}}\npaths: {{}}\ncomponents:\n  schemas:\n    Tree: {{type: \
         object, required: [name], properties: {{name: {{type: string}}, children: {{type: array, items: {{$ref: \
         '#/components/schemas/Tree'}}}}}}}}\n    Test: {schema}\n"
    );
    let document =
        Document::parse("test.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let api = Api::<()>::from_document(document).format("plate", |text| text.starts_with("B-"));
    api.validator("Test")
        .unwrap_or_else(|diagnostics| panic!("{schema}: {diagnostics}"))
}

/// Generates values, and checks that the valid ones are valid and the invalid ones are not.
#[track_caller]
fn generate(schema: &str) -> Generated {
    let validator = validator(schema);
    let generated = validator.generate(7);
    for value in &generated.valid {
        assert!(validator.check(value).is_ok(), "{schema}: {value}");
    }
    for one in &generated.invalid {
        let violations = validator.check(&one.value).unwrap_err();
        let [only] = &*violations else {
            panic!("{schema}: {one:?}: {violations:?}")
        };
        assert_eq!((&only.keyword, &only.pointer), (&one.keyword, &one.pointer));
    }
    generated
}

#[track_caller]
fn assert_valid(schema: &str, expected: &[Value]) {
    let valid = generate(schema).valid;
    for value in expected {
        assert!(
            valid.contains(value),
            "{schema}: {value} is not in {valid:?}"
        );
    }
}

#[test]
fn generated_values_are_at_the_bounds_of_the_schema() {
    assert_valid(
        "{type: integer, minimum: -3, maximum: 40}",
        &[json!(-3), json!(40), json!(0)],
    );
    assert_valid(
        "{type: integer, exclusiveMinimum: 1, multipleOf: 5, maximum: 21}",
        &[json!(5), json!(20)],
    );
    assert_valid(
        "{type: integer, format: int32}",
        &[json!(i32::MIN), json!(i32::MAX)],
    );
    assert_valid(
        "{type: integer}",
        &[json!(i64::MIN), json!(i64::MAX), json!(-1)],
    );
    assert_valid(
        "{type: integer, minimum: 0, maximum: 18446744073709551615}",
        &[json!(u64::MAX)],
    );
    assert_valid(
        "{type: number, maximum: 2}",
        &[json!(f64::MIN), json!(0.5), json!(1)],
    );
    assert_valid(
        "{type: string, minLength: 2, maxLength: 5}",
        &[json!("aa"), json!("aaaaa")],
    );
    assert_valid("{type: string}", &[json!("")]);
    assert_valid("{type: boolean}", &[json!(true), json!(false)]);
    assert_valid("{type: [string, 'null'], maxLength: 1}", &[json!(null)]);
    assert_valid(
        "{enum: [a, b, 3, null]}",
        &[json!("a"), json!("b"), json!(3), json!(null)],
    );
    assert_valid(
        "{type: array, items: {type: boolean}, maxItems: 2}",
        &[json!([]), json!([true]), json!([true, true])],
    );
    assert_valid(
        "{}",
        &[json!(null), json!([]), json!({}), json!(false), json!("")],
    );
}

#[test]
fn generated_objects_have_optional_properties_present_and_absent() {
    let schema = "{type: object, required: [a], properties: {a: {type: integer, minimum: 1, maximum: 1}, \
                  b: {type: [boolean, 'null']}}}";
    let expected = [
        json!({"a": 1}),
        json!({"a": 1, "b": false}),
        json!({"a": 1, "b": null}),
        json!({"a": 1, "other": {}}),
    ];
    assert_valid(schema, &expected[..3]);
    let valid = generate(schema).valid;
    assert!(
        valid.iter().any(|value| value.get("other").is_some()),
        "{valid:?}"
    );
    let closed = schema.replace(
        "type: object,",
        "type: object, additionalProperties: false,",
    );
    let valid = generate(&closed).valid;
    assert!(
        valid.iter().all(|value| value.get("other").is_none()),
        "{valid:?}"
    );
}

#[test]
fn generated_strings_match_patterns_and_formats() {
    for pattern in [
        "^[a-z]{2,5}$",
        "^(red|green|blue)$",
        r"^\\d{3}-[A-Z]+$",
        r"^[^\\u0000]*$",
        r"^\\+?[1-9]\\d{1,14}$",
        "x",
        r"^\\p{L}+$",
    ] {
        let generated = generate(&format!(
            "{{type: string, pattern: \"{pattern}\", maxLength: 12}}"
        ));
        assert!(!generated.valid.is_empty(), "{pattern}");
        assert!(generated.left_out.is_empty(), "{pattern}");
    }
    assert_valid(
        "{type: string, pattern: '^(red|green|blue)$'}",
        &[json!("red"), json!("green"), json!("blue")],
    );
    for format in [
        "byte",
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "idn-email",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "iri",
        "iri-reference",
        "json-pointer",
        "regex",
        "relative-json-pointer",
        "time",
        "uri",
        "uri-reference",
        "uri-template",
        "uuid",
    ] {
        let valid = generate(&format!("{{type: string, format: {format}}}")).valid;
        assert!(valid.len() > 1, "{format}: {valid:?}");
    }
    // A value that cannot be generated may be a default of the document.
    assert_valid(
        "{type: string, format: plate, default: B-XY 1}",
        &[json!("B-XY 1")],
    );
    assert_valid(
        "{type: string, pattern: '^(?=.*A)b', default: bA}",
        &[json!("bA")],
    );
}

#[test]
fn values_that_cannot_be_generated_are_listed() {
    let schema = "{type: object, properties: {a: {type: string, pattern: '^(?=Zq9)Z.{9}$'}, b: {type: boolean}}}";
    let generated = generate(schema);
    assert_eq!(generated.left_out, ["/a"]);
    assert!(
        generated.valid.contains(&json!({"b": true})),
        "{generated:?}"
    );
    let required = schema.replace("type: object,", "type: object, required: [a],");
    let generated = generate(&required);
    assert_eq!(generated.valid, [] as [Value; 0]);
    assert!(generated.left_out.contains(&String::new()));
}

#[test]
fn generated_values_take_each_branch_of_one_of_any_of_and_if() {
    let pets = "[{type: object, required: [meow], properties: {meow: {type: boolean}}, additionalProperties: false}, \
                {type: object, required: [bark], properties: {bark: {type: integer}}, additionalProperties: false}]";
    for keyword in ["oneOf", "anyOf"] {
        assert_valid(
            &format!("{{{keyword}: {pets}}}"),
            &[json!({"meow": true}), json!({"bark": 1})],
        );
    }
    let valid = generate(
        "{type: object, required: [kind], properties: {kind: {enum: [a, b]}}, \
         if: {properties: {kind: {const: a}}}, then: {required: [x], properties: {x: {type: boolean}}}, \
         else: {required: [y], properties: {y: {type: boolean}}}}",
    )
    .valid;
    for (kind, property) in [("a", "x"), ("b", "y")] {
        let fits = |value: &Value| value["kind"] == kind && value[property].is_boolean();
        assert!(valid.iter().any(fits), "{kind}: {valid:?}");
    }
    let all = "{allOf: [{type: object, required: [a], properties: {a: {type: integer, minimum: 3}}}, \
               {properties: {a: {maximum: 3}, b: {type: boolean}}}]}";
    assert_valid(all, &[json!({"a": 3}), json!({"a": 3, "b": true})]);
}

#[test]
fn generated_objects_satisfy_dependent_schemas() {
    assert_valid(
        "{type: object, properties: {card: {type: boolean}, address: {type: boolean}}, dependentRequired: {card: [address]}}",
        &[
            json!({}),
            json!({"card": true, "address": false}),
            json!({"address": true}),
        ],
    );
    let dependent = "{type: object, properties: {card: {type: boolean}}, \
                     dependentSchemas: {card: {required: [address], properties: {address: {type: boolean}}}}}";
    assert_valid(dependent, &[json!({"card": true, "address": false})]);
    let counted = generate(
        "{type: object, minProperties: 2, maxProperties: 3, additionalProperties: {type: boolean}}",
    );
    assert!(!counted.valid.is_empty());
    let named =
        generate("{type: object, minProperties: 1, propertyNames: {pattern: '^x-[a-z]+$'}}");
    assert!(!named.valid.is_empty());
    let closed = "{type: object, minProperties: 1, patternProperties: {'^x-[a-z]$': {type: boolean}}, additionalProperties: false}";
    assert!(!generate(closed).valid.is_empty());
}

#[test]
fn generated_arrays_satisfy_prefix_items_unique_items_and_contains() {
    let tuple =
        "{type: array, prefixItems: [{type: boolean}, {type: integer, maximum: 1, minimum: 1}]}";
    assert_valid(
        tuple,
        &[
            json!([]),
            json!([false]),
            json!([false, 1]),
            json!([true, 1]),
        ],
    );
    assert!(
        generate(tuple)
            .valid
            .iter()
            .any(|value| value.as_array().unwrap().len() == 3)
    );
    let unique = generate(
        "{type: array, minItems: 4, uniqueItems: true, items: {type: string, maxLength: 9}}",
    );
    assert!(!unique.valid.is_empty());
    let contains = generate("{type: array, contains: {const: 5}, items: {type: integer}}");
    assert!(!contains.valid.is_empty());
}

#[test]
fn values_of_recursive_schemas_are_finite() {
    let tree = generate("{$ref: '#/components/schemas/Tree'}");
    let is_deep = |value: &Value| value.pointer("/children/0/children/0/name").is_some();
    assert!(tree.valid.iter().any(is_deep), "{tree:?}");
    let expression = "{oneOf: [{type: object, required: [left, right], properties: {left: {$ref: \
                      '#/components/schemas/Test'}, right: {$ref: '#/components/schemas/Test'}}}, {type: integer}]}";
    assert_valid(expression, &[json!(1), json!({"left": 1, "right": 1})]);
    // Every valid value would be infinite.
    let endless =
        "{type: object, required: [next], properties: {next: {$ref: '#/components/schemas/Test'}}}";
    assert_eq!(generate(endless).valid, [] as [Value; 0]);
}

/// Schemas, and the keywords that their invalid values must violate.
const BROKEN: &[(&str, &[&str])] = &[
    (
        "{type: integer, minimum: 1, maximum: 9}",
        &["type", "minimum", "maximum"],
    ),
    (
        "{type: number, exclusiveMinimum: 1, exclusiveMaximum: 9}",
        &["type", "exclusiveMinimum", "exclusiveMaximum"],
    ),
    (
        "{type: integer, multipleOf: 4, minimum: -100}",
        &["multipleOf", "type", "minimum"],
    ),
    (
        "{type: string, minLength: 2, maxLength: 5}",
        &["type", "minLength", "maxLength"],
    ),
    (
        "{type: string, pattern: '^[a-z]+$', maxLength: 5}",
        &["type", "pattern", "maxLength"],
    ),
    ("{type: string, format: uuid}", &["type", "format"]),
    ("{enum: [a, b]}", &["enum"]),
    ("{const: 4}", &["const"]),
    (
        "{type: array, minItems: 2, maxItems: 3, items: {type: boolean}}",
        &["type", "minItems", "maxItems"],
    ),
    (
        "{type: array, uniqueItems: true, items: {type: boolean}}",
        &["type", "uniqueItems"],
    ),
    (
        "{type: object, minProperties: 1, maxProperties: 2}",
        &["type", "minProperties", "maxProperties"],
    ),
    (
        "{type: object, required: [a], additionalProperties: false, properties: {a: {type: boolean}}}",
        &["type", "required", "additionalProperties"],
    ),
    (
        "{type: object, properties: {a: {type: boolean}, b: {type: boolean}}, dependentRequired: {a: [b]}}",
        &["type", "required"],
    ),
    (
        "{type: object, propertyNames: {pattern: '^[a-z]+$'}}",
        &["type", "propertyNames"],
    ),
    ("{oneOf: [{type: boolean}, {type: integer}]}", &["oneOf"]),
    ("{not: {type: string}}", &["not"]),
];

#[test]
fn invalid_values_break_one_keyword_each() {
    for (schema, keywords) in BROKEN {
        let invalid = generate(schema).invalid;
        let found: Vec<&str> = invalid.iter().map(|one| &*one.keyword).collect();
        for keyword in *keywords {
            assert!(
                found.contains(keyword),
                "{schema}: {keyword} is not in {invalid:?}"
            );
        }
    }
    let nested = generate(
        "{type: object, properties: {a: {type: array, items: {type: string, maxLength: 2}}}}",
    );
    let deep = nested
        .invalid
        .iter()
        .find(|one| one.keyword == "maxLength")
        .unwrap();
    assert_eq!(deep.pointer, "/a/0");
}

#[test]
fn same_seed_generates_the_same_values() {
    let schema = "{type: object, required: [a], properties: {a: {type: string}, b: {type: integer}, c: {$ref: \
                  '#/components/schemas/Tree'}}}";
    let validator = validator(schema);
    let of = |seed| format!("{:?}", validator.generate(seed));
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn large_schemas_are_bounded_in_values_and_time() {
    let mut properties = String::new();
    for i in 0..60 {
        let one = format!("p{i}: {{$ref: '#/components/schemas/Test'}}, q{i}: {{type: string}}, ");
        properties.push_str(&one);
    }
    let wide = generate(&format!("{{type: object, properties: {{{properties}}}}}"));
    assert!(
        (2..=500).contains(&wide.valid.len()),
        "{}",
        wide.valid.len()
    );
    let long = generate("{type: string, minLength: 10000000}");
    assert_eq!(long.valid, [] as [Value; 0]);
    let many = generate("{type: array, minItems: 10000000, items: {}}");
    assert_eq!(many.valid, [] as [Value; 0]);
}
