//! The keywords of OpenAPI and JSON Schema, and which of them a misspelt one probably means.
//!
//! A keyword that is not known is passed over: `minimun` does not limit anything. Most unknown keywords are not misspelt,
//! so only one that is similar to a known keyword is reported.

/// Those of schemas: JSON Schema 2020-12, and what OpenAPI and older drafts add.
const SCHEMA: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "discriminator",
    "else",
    "enum",
    "example",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "id",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
    "xml",
];

/// Those of the other objects, in all of OpenAPI.
const MEMBERS: &[&str] = &[
    "allowEmptyValue",
    "allowReserved",
    "callbacks",
    "components",
    "content",
    "contentType",
    "delete",
    "deprecated",
    "description",
    "encoding",
    "example",
    "examples",
    "explode",
    "externalDocs",
    "externalValue",
    "head",
    "headers",
    "info",
    "jsonSchemaDialect",
    "links",
    "name",
    "openapi",
    "operationId",
    "operationRef",
    "options",
    "parameters",
    "patch",
    "pathItems",
    "paths",
    "post",
    "requestBodies",
    "requestBody",
    "required",
    "responses",
    "schema",
    "schemas",
    "security",
    "securitySchemes",
    "server",
    "servers",
    "style",
    "summary",
    "tags",
    "termsOfService",
    "title",
    "trace",
    "value",
    "variables",
    "version",
    "webhooks",
];

/// Those that decide how requests are read, wherever they belong.
const EFFECTIVE: &[&str] = &[
    "$ref",
    "content",
    "parameters",
    "requestBody",
    "required",
    "responses",
    "schema",
    "security",
    "securitySchemes",
    "servers",
];

/// Those that do not, though they are not misspelt.
const REMARKS: &[&str] = &[
    "callbacks",
    "deprecated",
    "description",
    "example",
    "examples",
    "externalDocs",
    "externalValue",
    "info",
    "jsonSchemaDialect",
    "links",
    "operationRef",
    "summary",
    "tags",
    "termsOfService",
    "title",
    "value",
    "version",
    "webhooks",
];

const SECURITY_SCHEME: &[&str] = &[
    "bearerFormat",
    "description",
    "flows",
    "in",
    "name",
    "openIdConnectUrl",
    "scheme",
    "type",
];

/// The keywords of an object that describes nothing which requests depend on, by the keyword that holds it.
pub(crate) fn of_remark(holder: &str) -> Option<&'static [&'static str]> {
    Some(match holder {
        "contact" => &["email", "name", "url"],
        "externalDocs" => &["description", "url"],
        "license" => &["identifier", "name", "url"],
        "tags" => &[
            "description",
            "externalDocs",
            "kind",
            "name",
            "parent",
            "summary",
        ],
        "variables" => &["default", "description", "enum"],
        "xml" => &[
            "attribute",
            "name",
            "namespace",
            "nodeType",
            "prefix",
            "wrapped",
        ],
        _ => return None,
    })
}

/// The keyword of schemas that a misspelt one means.
pub(crate) fn meant_in_schema(key: &str) -> Option<&'static str> {
    meant(key, SCHEMA.iter().copied())
}

/// The keyword of security schemes that a misspelt one means.
pub(crate) fn meant_in_security_scheme(key: &str) -> Option<&'static str> {
    meant(key, SECURITY_SCHEME.iter().copied())
}

/// The keyword that a misspelt one means in an object which has those that `is_known` accepts.
pub(crate) fn meant_member(key: &str, is_known: impl Fn(&str) -> bool) -> Option<&'static str> {
    meant(key, MEMBERS.iter().copied().filter(|known| is_known(known)))
}

/// Whether requests could be read otherwise than the author of this key thinks, who means the known keyword `meant`.
pub(crate) fn is_effective(key: &str, meant: Option<&str>) -> bool {
    match meant {
        Some(meant) => !REMARKS.contains(&meant),
        None => EFFECTIVE.contains(&key),
    }
}

/// The most similar of the known keywords, if one is similar and `key` is none of them.
pub(crate) fn meant(
    key: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Option<&'static str> {
    if key.starts_with("x-") || key.len() > 40 || known.clone().any(|known| known == key) {
        return None;
    }
    let bare = bare(key);
    let distance = |known: &'static str| {
        let target = self::bare(known);
        // `id` is no misspelt `if`: short words are similar by chance.
        let allowed = match target.len().min(bare.len()) {
            0..=3 => 0,
            4..=6 => 1,
            7..=10 => 2,
            _ => 3,
        };
        let distance = edits(&bare, &target);
        (distance <= allowed).then_some((distance, known))
    };
    let nearest = known
        .filter_map(distance)
        .min_by_key(|(distance, _)| *distance);
    nearest.map(|(_, known)| known)
}

/// A word without what spellings such as `max_length`, `ref` and `readonly` differ in.
fn bare(word: &str) -> Vec<char> {
    let letters = word.chars().filter(|c| !matches!(c, '_' | '-' | '$' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

/// How many letters are added, left out, replaced or swapped with the next one (the optimal string alignment distance).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut cost = at(&last, j) + usize::from(x != y);
            cost = cost.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let are_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if are_swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::{meant_in_schema, meant_in_security_scheme};

    #[test]
    fn misspelt_keyword_names_the_one_that_is_meant() {
        for (key, known) in [
            ("minimun", "minimum"),
            ("minLenght", "minLength"),
            ("minlength", "minLength"),
            ("max_length", "maxLength"),
            ("require", "required"),
            ("additionalProprties", "additionalProperties"),
            ("propertys", "properties"),
            ("ref", "$ref"),
            ("readonly", "readOnly"),
            ("tpye", "type"),
            ("oneof", "oneOf"),
            ("discription", "description"),
        ] {
            assert_eq!(meant_in_schema(key), Some(known), "{key}");
        }
        assert_eq!(meant_in_security_scheme("schema"), Some("scheme"));
    }

    #[test]
    fn other_words_are_not_misspelt_keywords() {
        for key in [
            "type", "x-tpye", "id", "ui", "name", "unit", "hint", "order", "label", "sortable",
            "faker", "optional", "group", "in", "value", "links", "media", "index", "count",
        ] {
            assert_eq!(meant_in_schema(key), None, "{key}");
        }
    }
}
