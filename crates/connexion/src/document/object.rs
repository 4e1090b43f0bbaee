//! The kinds of objects that a document is made of, and what may stand in each (OpenAPI 3.1, section 4.8).

use crate::document::node::unescape;

/// A kind of object in a document.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Part {
    Document,
    Info,
    Server,
    Components,
    Paths,
    PathItem,
    Operation,
    Parameter,
    Header,
    RequestBody,
    Media,
    Encoding,
    Responses,
    Response,
    Example,
    Link,
    Callback,
    SecurityScheme,
    Schema,
}

/// What a member must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Data or prose, of no meaning here.
    Any,
    Text,
    Flag,
    One(Part),
    List(Part),
    /// An object whose keys are names.
    Map(Part),
    /// Described by OpenAPI, but not done here.
    Refused,
}

impl Rule {
    pub(crate) fn is_unserved(self) -> bool {
        match self {
            Self::One(part) | Self::List(part) | Self::Map(part) => part.is_unserved(),
            Self::Any | Self::Text | Self::Flag | Self::Refused => false,
        }
    }
}

/// What the specification has at a pointer.
enum Place {
    Part,
    /// What holds parts by their names, or in a list.
    Collection,
}

impl Part {
    /// What the member called `key` must be; `None` if there is none.
    pub(crate) fn rule(self, key: &str) -> Option<Rule> {
        use Part as P;
        use Rule::{Any, Flag, List, Map, One, Text};
        Some(match (self, key) {
            (P::Paths | P::Responses | P::Callback, key) if key.starts_with("x-") => Any,
            (P::Paths | P::Callback, _) => One(P::PathItem),
            (P::Responses, _) => One(P::Response),
            (P::SecurityScheme, _) => Any,
            (P::Schema, _) => return schema_rule(key),

            (P::Document, "openapi" | "tags" | "externalDocs" | "jsonSchemaDialect")
            | (
                P::Info,
                "summary" | "description" | "termsOfService" | "contact" | "license" | "version",
            )
            | (P::Server, "description" | "variables")
            | (P::Document | P::Operation, "security")
            | (P::PathItem | P::Operation, "summary" | "description")
            | (P::Operation, "tags" | "externalDocs")
            | (P::Parameter | P::Header | P::RequestBody | P::Response | P::Link, "description")
            | (P::Parameter | P::Header | P::Media, "example")
            | (P::Example, "summary" | "description" | "value" | "externalValue")
            | (P::Link, "operationRef" | "operationId" | "parameters" | "requestBody" | "server") => {
                Any
            }

            (P::Info, "title")
            | (P::Server, "url")
            | (P::Operation, "operationId")
            | (P::Parameter, "name" | "in")
            | (P::Encoding, "contentType")
            | (P::Parameter | P::Header | P::Encoding, "style") => Text,

            (P::Operation | P::Parameter | P::Header, "deprecated")
            | (P::Parameter | P::Header | P::Encoding, "explode")
            | (P::Parameter | P::Header | P::RequestBody, "required")
            | (P::Parameter | P::Encoding, "allowReserved")
            | (P::Parameter, "allowEmptyValue") => Flag,

            (P::Document, "info") => One(P::Info),
            (P::Document, "paths") => One(P::Paths),
            (P::Document, "components") => One(P::Components),
            (P::Operation, "requestBody") => One(P::RequestBody),
            (P::Operation, "responses") => One(P::Responses),
            (P::Parameter | P::Header | P::Media, "schema") => One(P::Schema),
            (
                P::PathItem,
                "get" | "put" | "post" | "delete" | "options" | "head" | "patch" | "trace",
            ) => One(P::Operation),

            (P::Document | P::PathItem | P::Operation, "servers") => List(P::Server),
            (P::PathItem | P::Operation, "parameters") => List(P::Parameter),

            (P::Document, "webhooks") | (P::Components, "pathItems") => Map(P::PathItem),
            (P::Components, "securitySchemes") => Map(P::SecurityScheme),
            (P::Components, "schemas") => Map(P::Schema),
            (P::Components, "responses") => Map(P::Response),
            (P::Components, "parameters") => Map(P::Parameter),
            (P::Components, "requestBodies") => Map(P::RequestBody),
            (P::Components | P::Response | P::Encoding, "headers") => Map(P::Header),
            (P::Media, "encoding") => Map(P::Encoding),
            (P::Components | P::Response, "links") => Map(P::Link),
            (P::Components | P::Operation, "callbacks") => Map(P::Callback),
            (P::Components | P::Parameter | P::Header | P::Media, "examples") => Map(P::Example),
            (P::Parameter | P::Header | P::RequestBody | P::Response, "content") => Map(P::Media),
            _ => return None,
        })
    }

    /// Whether OpenAPI 3.1 has added this member.
    pub(crate) fn has_since_3_1(self, key: &str) -> bool {
        use Part as P;
        matches!(
            (self, key),
            (P::Document, "webhooks" | "jsonSchemaDialect")
                | (P::Info, "summary")
                | (P::Components, "pathItems")
                | (
                    P::Schema,
                    "$anchor"
                        | "$comment"
                        | "$defs"
                        | "$schema"
                        | "const"
                        | "contains"
                        | "contentEncoding"
                        | "contentMediaType"
                        | "contentSchema"
                        | "dependentRequired"
                        | "dependentSchemas"
                        | "else"
                        | "examples"
                        | "if"
                        | "maxContains"
                        | "minContains"
                        | "patternProperties"
                        | "prefixItems"
                        | "propertyNames"
                        | "then"
                        | "unevaluatedItems"
                        | "unevaluatedProperties"
                )
        )
    }

    /// Whether OpenAPI 3.2 has added this member.
    pub(crate) fn has_in_3_2(self, key: &str) -> bool {
        use Part as P;
        matches!(
            (self, key),
            (P::Document, "$self")
                | (P::Server, "name")
                | (P::PathItem, "query" | "additionalOperations")
                | (P::Components, "mediaTypes")
                | (
                    P::Media,
                    "$ref" | "description" | "itemSchema" | "itemEncoding" | "prefixEncoding"
                )
                | (P::Encoding, "encoding" | "itemEncoding" | "prefixEncoding")
                | (P::Response, "summary")
                | (P::Example, "dataValue" | "serializedValue")
        )
    }

    /// Whether no request or response depends on it: callbacks are not called, links not followed.
    fn is_unserved(self) -> bool {
        matches!(self, Self::Example | Self::Link | Self::Callback)
    }

    pub(crate) fn may_be_reference(self) -> bool {
        use Part as P;
        !matches!(
            self,
            P::Document
                | P::Info
                | P::Server
                | P::Components
                | P::Paths
                | P::Media
                | P::Encoding
                | P::Responses
        )
    }

    /// Whether a pointer leads to what holds parts by their names or in a list, but is none itself.
    pub(crate) fn is_collection(pointer: &str) -> bool {
        matches!(Self::at(pointer), Some(Place::Collection))
    }

    /// Whether the specification has a part at a pointer into a document.
    pub(crate) fn is_at(pointer: &str) -> bool {
        matches!(Self::at(pointer), Some(Place::Part))
    }

    fn at(pointer: &str) -> Option<Place> {
        let mut part = Self::Document;
        let mut tokens = pointer.split('/').skip(1);
        while let Some(token) = tokens.next() {
            part = match part.rule(&unescape(token))? {
                Rule::One(part) => part,
                Rule::List(part) | Rule::Map(part) => match tokens.next() {
                    Some(_) => part,
                    None => return Some(Place::Collection),
                },
                Rule::Any | Rule::Text | Rule::Flag | Rule::Refused => return None,
            };
        }
        Some(Place::Part)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Document => "a document",
            Self::Info => "`info`",
            Self::Server => "a server",
            Self::Components => "`components`",
            Self::Paths => "`paths`",
            Self::PathItem => "a path item",
            Self::Operation => "an operation",
            Self::Parameter => "a parameter",
            Self::Header => "a header",
            Self::RequestBody => "a request body",
            Self::Media => "a media type",
            Self::Encoding => "an encoding",
            Self::Responses => "`responses`",
            Self::Response => "a response",
            Self::Example => "an example",
            Self::Link => "a link",
            Self::Callback => "a callback",
            Self::SecurityScheme => "a security scheme",
            Self::Schema => "a schema",
        }
    }
}

/// Whether a member that is new in OpenAPI 3.2 is for people only, so nothing is lost without it.
pub(crate) fn is_remark_in_3_2(key: &str) -> bool {
    matches!(
        key,
        "name" | "summary" | "description" | "dataValue" | "serializedValue"
    )
}

/// The keywords that hold schemas, and those that are not supported; others are checked when the schema is.
fn schema_rule(keyword: &str) -> Option<Rule> {
    let schema = Part::Schema;
    Some(match keyword {
        "items"
        | "contains"
        | "additionalProperties"
        | "additionalItems"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contentSchema"
        | "not"
        | "if"
        | "then"
        | "else" => Rule::One(schema),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Rule::List(schema),
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => {
            Rule::Map(schema)
        }
        "discriminator" => Rule::Any,
        // References by name have become pointers; what is called by an address is not.
        "$anchor" => Rule::Text,
        "$id" | "$dynamicAnchor" | "$dynamicRef" => Rule::Refused,
        _ => return None,
    })
}
