//! Tests of the fast path: it admits only values that `jsonschema` finds valid.

use regex::Regex;
use serde::Serialize;
use serde_json::{Value, json};

use super::{FormatCheck, Pattern, Plain};

#[derive(Clone, Serialize)]
struct Thing {
    text: String,
    kind: Kind,
    count: i64,
    share: f64,
    tags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<bool>,
    extra: (),
}

#[derive(Serialize)]
struct Less {
    kind: Kind,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Big,
    Small,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["kind", "text"],
        "properties": {
            "text": {"type": "string", "maxLength": 3, "pattern": "^[^\\u0000]*$", "format": "short"},
            "kind": {"$ref": "#/kinds"},
            "count": {"type": "integer", "format": "int32", "minimum": 0},
            "share": {"type": "number", "format": "double"},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            "note": {"type": "boolean", "description": "optional"},
        },
        "kinds": {"type": "string", "enum": ["big"]},
    })
}

fn compile(schema: &Value) -> Option<Plain> {
    let mut inner = schema.clone();
    inner.as_object_mut().unwrap().remove("kinds");
    Plain::compile(
        schema,
        &inner,
        &[("short".to_owned(), FormatCheck::new(|text| text.len() < 10))],
    )
}

#[test]
fn a_typed_value_is_admitted_only_if_it_is_valid() {
    let plain = compile(&schema()).unwrap();
    let valid = Thing {
        text: "äöü".to_owned(),
        kind: Kind::Big,
        count: 7,
        share: 0.5,
        tags: vec!["a", "b", "a"],
        note: None,
        extra: (),
    };
    assert!(plain.admits(&valid));
    let mut json = Vec::new();
    assert!(plain.write(&valid, &mut json));
    assert_eq!(json, serde_json::to_vec(&valid).unwrap());
    assert!(plain.admits(&Thing {
        note: Some(true),
        ..valid.clone()
    }));
    for invalid in [
        Thing {
            text: "four".to_owned(),
            ..valid.clone()
        },
        Thing {
            text: "\0".to_owned(),
            ..valid.clone()
        },
        Thing {
            kind: Kind::Small,
            ..valid.clone()
        },
        Thing {
            count: -1,
            ..valid.clone()
        },
        Thing {
            count: 1 << 31,
            ..valid.clone()
        },
        Thing {
            share: f64::NAN,
            ..valid.clone()
        },
        Thing {
            tags: vec!["a", "c"],
            ..valid
        },
    ] {
        assert!(!plain.admits(&invalid), "{}", json!(invalid));
    }
    assert!(
        !plain.admits(&Less { kind: Kind::Big }),
        "a property is missing"
    );
    assert!(!plain.admits(&[1]));
}

/// Returns whether the value is admitted by the schema. An admitted value must be valid as JSON.
fn admits(schema: &Value, value: impl Serialize) -> bool {
    let plain = Plain::compile(schema, schema, &[]).unwrap();
    let admitted = plain.admits(&value);
    let mut written = b"[".to_vec();
    assert_eq!(plain.write(&value, &mut written), admitted);
    let expected = serde_json::to_string(&value).unwrap_or_default();
    let expected = if admitted { &*expected } else { "" };
    assert_eq!(str::from_utf8(&written).unwrap(), format!("[{expected}"));
    let json = json!(value);
    let admitted_as_json = plain.admits_json(&json);
    assert!(admitted_as_json || !admitted, "{schema} {json}");
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    let valid = options.build(schema).unwrap().is_valid(&json);
    assert!(valid || !admitted_as_json, "{schema} admits {json}");
    admitted
}

#[test]
fn integers_and_numbers_are_checked() {
    #[derive(Serialize)]
    struct New(u8);

    let integer = json!({"type": "integer", "minimum": 0, "maximum": 100});
    assert!(admits(&integer, 7_u8) && admits(&integer, 7_u16) && admits(&integer, 7_u32));
    assert!(admits(&integer, 7_u64) && admits(&integer, 7_i8) && admits(&integer, 7_i16));
    assert!(admits(&integer, 7_i32) && admits(&integer, Some(7)) && admits(&integer, New(7)));
    assert!(!admits(&integer, u64::MAX) && !admits(&integer, 101) && !admits(&integer, 7.0));
    assert!(!admits(&integer, "7") && !admits(&integer, ()) && !admits(&integer, [7]));

    let number = json!({"type": "number"});
    assert!(admits(&number, 7) && admits(&number, 0.5_f32) && admits(&number, 0.5));
    assert!(!admits(&number, f64::INFINITY) && !admits(&number, true));

    let number = json!({"type": "number", "minimum": 0.1, "maximum": 7});
    assert!(admits(&number, 0.1) && admits(&number, 7) && admits(&number, 7.0));
    assert!(!admits(&number, 0.099) && !admits(&number, 8) && !admits(&number, 7.001));
    assert!(
        !admits(&number, 0.5_f32) && !admits(&number, i64::MAX),
        "not represented exactly"
    );
}

#[test]
fn strings_and_null_are_checked() {
    #[derive(Serialize)]
    struct Unit;

    let string = json!({"type": "string", "maxLength": 1});
    assert!(admits(&string, 'ä') && admits(&string, "ä") && !admits(&string, "ab"));
    assert!(!admits(&string, serde_json::value::RawValue::NULL) && !admits(&string, None::<u8>));

    let string = json!({"type": "string", "minLength": 2, "format": "date"});
    assert!(admits(&string, "2026-11-25") && !admits(&string, "2026-11-31"));
    let string = json!({"type": "string", "minLength": 2});
    assert!(admits(&string, "äö") && !admits(&string, "ä") && !admits(&string, ""));

    let null = json!({"type": "null"});
    assert!(admits(&null, ()) && admits(&null, None::<u8>) && admits(&null, Unit));
    assert!(!admits(&null, false) && admits(&json!({"type": "boolean"}), false));
}

#[test]
fn arrays_and_objects_are_checked() {
    #[derive(Serialize)]
    struct Property {
        a: u8,
    }
    #[derive(Serialize)]
    struct Pair(u8, i8);
    #[derive(Serialize)]
    enum Choice {
        Tuple(u8, u8),
        New(u8),
        Struct { a: u8 },
    }

    let list = json!({"type": "array", "items": {"type": "integer"}});
    assert!(admits(&list, vec![1, 2]) && admits(&list, (1, 2)) && admits(&list, Pair(1, 2)));
    assert!(!admits(&list, vec!["1"]) && !admits(&list, Choice::Tuple(1, 2)));

    let object = json!({"type": "object", "properties": {"b": {"type": "integer"}}});
    let closed = json!({"type": "object", "properties": {"b": {"type": "integer"}}, "additionalProperties": false});
    assert!(admits(&object, Property { a: 1 }) && !admits(&closed, Property { a: 1 }));
    let closed = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false});
    assert!(admits(&closed, Property { a: 1 }));

    let object = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    assert!(!admits(&object, Choice::New(1)) && !admits(&object, Choice::Struct { a: 1 }));
    assert!(!admits(&object, json!({"a": 1})), "maps are not supported");
}

#[test]
fn null_and_enum_values_are_admitted_where_the_schema_lists_them() {
    let maybe = json!({"type": ["null", "integer"]});
    assert!(admits(&maybe, 7) && admits(&maybe, ()) && admits(&maybe, None::<u8>));
    assert!(!admits(&maybe, false) && !admits(&maybe, "7") && !admits(&maybe, [7]));
    let maybe = json!({"type": ["string", "null"], "minLength": 1});
    assert!(admits(&maybe, "a") && admits(&maybe, ()) && !admits(&maybe, ""));
    let named = json!({"type": ["string", "null"], "enum": ["a"]});
    assert!(admits(&named, "a") && !admits(&named, ()));

    let one = json!({"type": "integer", "enum": [0, 1]});
    assert!(admits(&one, 1) && admits(&one, 0_u8) && !admits(&one, 2) && !admits(&one, 1.0));
}

#[test]
fn a_parsed_value_is_admitted_only_if_it_is_valid() {
    let plain = compile(&schema()).unwrap();
    let valid = json!({"text": "äöü", "kind": "big", "count": 7, "share": 1, "tags": ["a", "b"], "x": [{}]});
    assert!(plain.admits_json(&valid));
    let mut closed = schema();
    let keywords = closed.as_object_mut().unwrap();
    keywords.insert("additionalProperties".to_owned(), json!(false));
    assert!(!compile(&closed).unwrap().admits_json(&valid));
    let fewest = json!({"kind": "big", "text": ""});
    assert!(compile(&closed).unwrap().admits_json(&fewest));
    for (name, invalid) in [
        ("text", json!("four")),
        ("text", json!(null)),
        ("kind", json!("small")),
        ("count", json!(-1)),
        ("count", json!(0.5)),
        ("count", json!(u64::MAX)),
        ("share", json!("1")),
        ("tags", json!(["a", "c"])),
        ("tags", json!({"a": "b"})),
        ("note", json!({})),
    ] {
        let mut value = valid.clone();
        let properties = value.as_object_mut().unwrap();
        properties.insert(name.to_owned(), invalid);
        assert!(!plain.admits_json(&value), "{value}");
    }
    for missing in ["text", "kind"] {
        let mut value = valid.clone();
        value.as_object_mut().unwrap().remove(missing);
        assert!(!plain.admits_json(&value), "{value}");
    }
    assert!(!plain.admits_json(&json!([valid])));
}

#[test]
fn byte_patterns_match_the_same_strings_as_regular_expressions() {
    let texts = [
        "",
        "a",
        "az",
        "a\0",
        "\0",
        "é",
        "aé",
        "é\u{10ffff}",
        "-",
        "a\n",
        "\u{80}",
    ];
    for (pattern, is_bytes) in [
        ("^[a-z]*$", true),
        ("^[a-z]+$", true),
        ("^[^\\u0000]*$", true),
        ("^[\\u0080-\\uffff]*$", false),
        ("^[é]*$", false),
        ("^[a-z]{2,}$", false),
        ("^[a-z]?$", false),
        ("[a-z]*$", false),
        ("^[a-z]*", false),
        ("^[a-z]*$|é", false),
    ] {
        let regex = Regex::new(pattern).unwrap();
        let pattern = Pattern::plain(pattern).unwrap();
        assert_eq!(
            matches!(pattern, Pattern::Bytes { .. }),
            is_bytes,
            "{pattern:?}"
        );
        for text in texts {
            assert_eq!(
                pattern.admits(text),
                regex.is_match(text),
                "{pattern:?} {text:?}"
            );
        }
    }
}

#[test]
fn schemas_with_unsupported_keywords_are_rejected() {
    for (keyword, value) in [
        ("type", json!(["object", "string"])),
        ("type", json!(["object", "null", "string"])),
        ("additionalProperties", json!({"type": "string"})),
        ("minProperties", json!(1)),
        ("required", json!(["unknown"])),
        ("oneOf", json!([])),
        (
            "properties",
            json!({"a": {"type": "string", "format": "regex"}}),
        ),
        (
            "properties",
            json!({"a": {"type": "string", "pattern": "^\\d"}}),
        ),
        (
            "properties",
            json!({"a": {"type": "string", "pattern": "."}}),
        ),
        (
            "properties",
            json!({"a": {"type": "number", "exclusiveMinimum": 1}}),
        ),
        (
            "properties",
            json!({"a": {"type": "number", "minimum": 9_007_199_254_740_993_i64}}),
        ),
        ("properties", json!({"a": {}})),
        (
            "properties",
            json!({"a": {"$ref": "#/kinds", "maxLength": 1}}),
        ),
    ] {
        let mut schema = schema();
        schema
            .as_object_mut()
            .unwrap()
            .insert(keyword.to_owned(), value);
        assert!(compile(&schema).is_none(), "{schema}");
    }
}

#[test]
fn extensions_beside_a_reference_are_ignored() {
    let root = json!({"b": {"type": "string"}, "a": {"$ref": "#/b", "maxLength": 2}});
    for (schema, is_plain) in [
        (
            json!({"$ref": "#/b", "x-any": 1, "description": "text"}),
            true,
        ),
        (json!({"$ref": "#/b", "maxLength": 2}), false),
        (json!({"$ref": "#/a"}), false),
    ] {
        assert_eq!(
            Plain::compile(&root, &schema, &[]).is_some(),
            is_plain,
            "{schema}"
        );
    }
}
