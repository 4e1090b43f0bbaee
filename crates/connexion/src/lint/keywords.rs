//! The keywords of OpenAPI and JSON Schema, and suggestions for misspelt ones.
//!
//! Unknown keywords are ignored: `minimun` does not limit anything. Most unknown keywords are not misspelt, so only those
//! similar to a known keyword are reported.

/// The keywords of schemas: JSON Schema 2020-12, OpenAPI and older drafts.
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

/// The fields of the other objects of OpenAPI.
const FIELDS: &[&str] = &[
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

/// The fields that affect how requests are read.
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

/// The fields that do not affect how requests are read.
const DOCUMENTATION: &[&str] = &[
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

/// Returns the keys of an object of documentation by the field that holds it; `None` for other fields.
pub(crate) fn of_documentation(holder: &str) -> Option<&'static [&'static str]> {
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

/// Suggests a keyword of schemas.
pub(crate) fn meant_in_schema(key: &str) -> Option<&'static str> {
    meant(key, SCHEMA.iter().copied())
}

/// Suggests a key of security schemes.
pub(crate) fn meant_in_security_scheme(key: &str) -> Option<&'static str> {
    meant(key, SECURITY_SCHEME.iter().copied())
}

/// Suggests a field among those for which `is_known` returns `true`.
pub(crate) fn meant_field(key: &str, is_known: impl Fn(&str) -> bool) -> Option<&'static str> {
    meant(key, FIELDS.iter().copied().filter(|known| is_known(known)))
}

/// Returns whether an unknown key, or the known one that is probably meant, affects how requests are read.
pub(crate) fn is_effective(key: &str, meant: Option<&str>) -> bool {
    match meant {
        Some(meant) => !DOCUMENTATION.contains(&meant),
        None => EFFECTIVE.contains(&key),
    }
}

/// Returns the most similar of the known keywords; `None` if `key` is known itself or similar to none.
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
        // Short words are similar by chance: `id` is not a misspelt `if`.
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

/// Normalizes spellings such as `max_length`, `ref` and `readonly`.
fn bare(word: &str) -> Vec<char> {
    let letters = word.chars().filter(|c| !matches!(c, '_' | '-' | '$' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns the optimal string alignment distance: insertions, deletions, replacements and swaps of adjacent letters.
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
    fn known_keyword_is_suggested_for_a_misspelt_one() {
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
    fn other_words_have_no_suggestion() {
        for key in [
            "type", "x-tpye", "id", "ui", "name", "unit", "hint", "order", "label", "sortable",
            "faker", "optional", "group", "in", "value", "links", "media", "index", "count",
        ] {
            assert_eq!(meant_in_schema(key), None, "{key}");
        }
    }
}
