//! Plain schemas: objects of texts, numbers and enums, as most are. What conforms is found to do so sooner than by
//! `jsonschema`.
//!
//! A handler's typed value is checked without writing it as JSON and reading it again: it is walked once with serde, which
//! costs about a tenth of parsing. What is not plain (`oneOf`, unknown formats …) or does not conform is left to
//! [`Schema`](crate::schema::Schema): saying "no" here only costs time, so every case of doubt is a "no", and a "yes" must be
//! certain.

mod compile;
mod walk;

use std::{collections::HashMap, sync::LazyLock};

use jsonschema::Validator;
use regex::Regex;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::walk::Walk;
use super::FormatCheck;

/// Formats of JSON Schema. How each is checked is the matter of `jsonschema` alone, so that no text is right here
/// and wrong there.
static STANDARD: LazyLock<HashMap<&str, Validator>> = LazyLock::new(|| {
    let options = jsonschema::draft202012::options().offline();
    let options = options.should_validate_formats(true);
    let formats = [
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "time",
        "uri",
        "uri-reference",
        "uuid",
    ];
    let validator = |name| Some((name, options.build(&json!({"format": name})).ok()?));
    formats.into_iter().filter_map(validator).collect()
});

/// A plain schema.
#[derive(Debug)]
pub(super) struct Plain {
    kind: Kind,
    may_be_null: bool,
}

/// What a value that is not null must be.
#[derive(Debug)]
enum Kind {
    /// Nothing is right.
    Never,
    Boolean,
    Integer {
        least: i64,
        greatest: i64,
        options: Option<Vec<i64>>,
    },
    Number {
        least: f64,
        greatest: f64,
    },
    Text(Text),
    Array(Box<Plain>),
    Object(Object),
}

/// A plain schema of texts.
#[derive(Debug)]
pub(super) struct Text {
    min_length: usize,
    max_length: Option<usize>,
    options: Option<Vec<String>>,
    format: Option<Format>,
    pattern: Option<Pattern>,
}

#[derive(Debug)]
enum Pattern {
    /// All that is said is which bytes a text may have, of which there may be none: far quicker to see than by a regular
    /// expression.
    Bytes {
        allowed: Box<[bool; 256]>,
        may_be_empty: bool,
    },
    Regex(Regex),
}

#[derive(Debug)]
enum Format {
    Own(FormatCheck),
    /// One of JSON Schema's.
    Standard(&'static Validator),
}

#[derive(Debug)]
pub(super) struct Object {
    properties: Vec<Property>,
    /// Whether members that it does not describe are wrong.
    is_closed: bool,
}

#[derive(Debug)]
pub(super) struct Property {
    name: String,
    /// The name as it stands in JSON, with the colon.
    key: Vec<u8>,
    required: bool,
    schema: Plain,
}

impl Plain {
    /// Whether `value` certainly conforms.
    pub(super) fn admits<T: Serialize + ?Sized>(&self, value: &T) -> bool {
        value.serialize(Walk(self, &mut ())).is_ok()
    }

    /// The same for a value that was read from JSON.
    pub(super) fn admits_json(&self, value: &Value) -> bool {
        match (&self.kind, value) {
            (Kind::Array(items), Value::Array(values)) => {
                values.iter().all(|value| items.admits_json(value))
            }
            (Kind::Object(object), Value::Object(members)) => object.admits_json(members),
            // Those of texts, numbers and the like have no map in them.
            _ => self.admits(value),
        }
    }

    /// Adds `value` as JSON if it certainly conforms; otherwise nothing.
    pub(super) fn write<T: Serialize + ?Sized>(&self, value: &T, json: &mut Vec<u8>) -> bool {
        let begin = json.len();
        let is_right = value.serialize(Walk(self, json)).is_ok();
        if !is_right {
            json.truncate(begin);
        }
        is_right
    }
}

impl Kind {
    /// Whether every number is right.
    fn is_any_number(&self) -> bool {
        matches!(self, Self::Number { least, greatest } if least.is_infinite() && greatest.is_infinite())
    }
}

impl Object {
    fn admits_json(&self, members: &Map<String, Value>) -> bool {
        let mut described = 0;
        let are_right = self.properties.iter().all(|property| {
            let Some(value) = members.get(&property.name) else {
                return !property.required;
            };
            described += 1;
            property.schema.admits_json(value)
        });
        are_right && (described == members.len() || !self.is_closed)
    }
}

impl Text {
    fn admits(&self, text: &str) -> bool {
        let fits = |limit: usize| text.len() <= limit || text.chars().count() <= limit;
        let is_long = self.min_length == 0 || text.chars().nth(self.min_length - 1).is_some();
        is_long
            && self.max_length.is_none_or(fits)
            && self
                .options
                .as_ref()
                .is_none_or(|options| options.iter().any(|option| option == text))
            && self
                .format
                .as_ref()
                .is_none_or(|format| format.admits(text))
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.admits(text))
    }
}

impl Pattern {
    fn admits(&self, text: &str) -> bool {
        match self {
            Self::Bytes {
                allowed,
                may_be_empty,
            } => {
                (*may_be_empty || !text.is_empty())
                    && text
                        .bytes()
                        .all(|byte| allowed.get(usize::from(byte)) == Some(&true))
            }
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Format {
    fn admits(&self, text: &str) -> bool {
        match self {
            Self::Own(check) => check.is_valid(text),
            Self::Standard(validator) => validator.is_valid(&Value::String(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn a_typed_value_is_admitted_only_if_it_conforms() {
        let plain = compile(&schema()).unwrap();
        let right = Thing {
            text: "äöü".to_owned(),
            kind: Kind::Big,
            count: 7,
            share: 0.5,
            tags: vec!["a", "b", "a"],
            note: None,
            extra: (),
        };
        assert!(plain.admits(&right));
        let mut json = Vec::new();
        assert!(plain.write(&right, &mut json));
        assert_eq!(json, serde_json::to_vec(&right).unwrap());
        assert!(plain.admits(&Thing {
            note: Some(true),
            ..right.clone()
        }));
        for wrong in [
            Thing {
                text: "four".to_owned(),
                ..right.clone()
            },
            Thing {
                text: "\0".to_owned(),
                ..right.clone()
            },
            Thing {
                kind: Kind::Small,
                ..right.clone()
            },
            Thing {
                count: -1,
                ..right.clone()
            },
            Thing {
                count: 1 << 31,
                ..right.clone()
            },
            Thing {
                share: f64::NAN,
                ..right.clone()
            },
            Thing {
                tags: vec!["a", "c"],
                ..right
            },
        ] {
            assert!(!plain.admits(&wrong), "{}", json!(wrong));
        }
        assert!(
            !plain.admits(&Less { kind: Kind::Big }),
            "a member is missing"
        );
        assert!(!plain.admits(&[1]));
    }

    /// Whether the value is admitted by the schema, which must be plain. What is admitted must be right as JSON.
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
    fn every_kind_of_value_is_held_against_its_type() {
        #[derive(Serialize)]
        struct Unit;
        #[derive(Serialize)]
        struct Member {
            a: u8,
        }
        #[derive(Serialize)]
        struct New(u8);
        #[derive(Serialize)]
        struct Pair(u8, i8);
        #[derive(Serialize)]
        enum Choice {
            Tuple(u8, u8),
            New(u8),
            Struct { a: u8 },
        }

        let whole = json!({"type": "integer", "minimum": 0, "maximum": 100});
        assert!(admits(&whole, 7_u8) && admits(&whole, 7_u16) && admits(&whole, 7_u32));
        assert!(admits(&whole, 7_u64) && admits(&whole, 7_i8) && admits(&whole, 7_i16));
        assert!(admits(&whole, 7_i32) && admits(&whole, Some(7)) && admits(&whole, New(7)));
        assert!(!admits(&whole, u64::MAX) && !admits(&whole, 101) && !admits(&whole, 7.0));
        assert!(!admits(&whole, "7") && !admits(&whole, ()) && !admits(&whole, [7]));

        let number = json!({"type": "number"});
        assert!(admits(&number, 7) && admits(&number, 0.5_f32) && admits(&number, 0.5));
        assert!(!admits(&number, f64::INFINITY) && !admits(&number, true));

        let text = json!({"type": "string", "maxLength": 1});
        assert!(admits(&text, 'ä') && admits(&text, "ä") && !admits(&text, "ab"));
        assert!(!admits(&text, serde_json::value::RawValue::NULL) && !admits(&text, None::<u8>));

        let text = json!({"type": "string", "minLength": 2, "format": "date"});
        assert!(admits(&text, "2026-11-25") && !admits(&text, "2026-11-31"));
        let text = json!({"type": "string", "minLength": 2});
        assert!(admits(&text, "äö") && !admits(&text, "ä") && !admits(&text, ""));

        let number = json!({"type": "number", "minimum": 0.1, "maximum": 7});
        assert!(admits(&number, 0.1) && admits(&number, 7) && admits(&number, 7.0));
        assert!(!admits(&number, 0.099) && !admits(&number, 8) && !admits(&number, 7.001));
        assert!(
            !admits(&number, 0.5_f32) && !admits(&number, i64::MAX),
            "not held exactly"
        );

        let null = json!({"type": "null"});
        assert!(admits(&null, ()) && admits(&null, None::<u8>) && admits(&null, Unit));
        assert!(!admits(&null, false) && admits(&json!({"type": "boolean"}), false));

        let list = json!({"type": "array", "items": {"type": "integer"}});
        assert!(admits(&list, vec![1, 2]) && admits(&list, (1, 2)) && admits(&list, Pair(1, 2)));
        assert!(!admits(&list, vec!["1"]) && !admits(&list, Choice::Tuple(1, 2)));

        let object = json!({"type": "object", "properties": {"b": {"type": "integer"}}});
        let closed = json!({"type": "object", "properties": {"b": {"type": "integer"}}, "additionalProperties": false});
        assert!(admits(&object, Member { a: 1 }) && !admits(&closed, Member { a: 1 }));
        let closed = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false});
        assert!(admits(&closed, Member { a: 1 }));

        let object = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        assert!(!admits(&object, Choice::New(1)) && !admits(&object, Choice::Struct { a: 1 }));
        assert!(
            !admits(&object, json!({"a": 1})),
            "a map is left to the other way"
        );
    }

    #[test]
    fn null_and_options_are_right_where_the_schema_names_them() {
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
    fn a_value_that_was_read_from_json_is_admitted_only_if_it_conforms() {
        let plain = compile(&schema()).unwrap();
        let right = json!({"text": "äöü", "kind": "big", "count": 7, "share": 1, "tags": ["a", "b"], "x": [{}]});
        assert!(plain.admits_json(&right));
        let mut closed = schema();
        let keywords = closed.as_object_mut().unwrap();
        keywords.insert("additionalProperties".to_owned(), json!(false));
        assert!(!compile(&closed).unwrap().admits_json(&right));
        let fewest = json!({"kind": "big", "text": ""});
        assert!(compile(&closed).unwrap().admits_json(&fewest));
        for (member, wrong) in [
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
            let mut value = right.clone();
            let members = value.as_object_mut().unwrap();
            members.insert(member.to_owned(), wrong);
            assert!(!plain.admits_json(&value), "{value}");
        }
        for missing in ["text", "kind"] {
            let mut value = right.clone();
            value.as_object_mut().unwrap().remove(missing);
            assert!(!plain.admits_json(&value), "{value}");
        }
        assert!(!plain.admits_json(&json!([right])));
    }

    #[test]
    fn patterns_of_single_characters_mean_the_same_as_the_regular_expression() {
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
    fn what_is_not_plain_is_left_to_the_other_way() {
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
    fn extensions_beside_a_reference_leave_a_schema_plain() {
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
}
