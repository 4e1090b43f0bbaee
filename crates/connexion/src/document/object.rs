//! The kinds of objects in a document, and the fields of each (OpenAPI 3.1, section 4.8).

use crate::document::node::unescape;

/// A kind of object in a document.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum ObjectKind {
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

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldType {
    /// Data or text that this library does not read.
    Any,
    String,
    Boolean,
    One(ObjectKind),
    List(ObjectKind),
    /// An object whose keys are names.
    Map(ObjectKind),
    /// Defined by the specification, but not supported.
    Unsupported,
}

impl FieldType {
    /// Returns whether no request or response depends on the field.
    pub(crate) fn is_unserved(self) -> bool {
        match self {
            Self::One(kind) | Self::List(kind) | Self::Map(kind) => kind.is_unserved(),
            Self::Any | Self::String | Self::Boolean | Self::Unsupported => false,
        }
    }
}

/// The meaning of a JSON Pointer into a document.
enum Target {
    Object,
    /// A list or map of objects.
    Collection,
}

impl ObjectKind {
    /// Returns the type of the field `key`; `None` if the specification has no such field.
    pub(crate) fn field(self, key: &str) -> Option<FieldType> {
        use FieldType::{Any, One};
        use ObjectKind as P;
        match (self, key) {
            (P::Paths | P::Responses | P::Callback, key) if key.starts_with("x-") => Some(Any),
            (P::Paths | P::Callback, _) => Some(One(P::PathItem)),
            (P::Responses, _) => Some(One(P::Response)),
            (P::SecurityScheme, _) => Some(Any),
            (P::Schema, _) => schema_field(key),
            _ => self.value_field(key).or_else(|| self.object_field(key)),
        }
    }

    /// Returns the type of a field that holds no object of the specification.
    fn value_field(self, key: &str) -> Option<FieldType> {
        use FieldType::{Any, Boolean, String};
        use ObjectKind as P;
        Some(match (self, key) {
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
            | (P::Parameter | P::Header | P::Encoding, "style") => String,

            (P::Operation | P::Parameter | P::Header, "deprecated")
            | (P::Parameter | P::Header | P::Encoding, "explode")
            | (P::Parameter | P::Header | P::RequestBody, "required")
            | (P::Parameter | P::Encoding, "allowReserved")
            | (P::Parameter, "allowEmptyValue") => Boolean,
            _ => return None,
        })
    }

    /// Returns the type of a field that holds objects of the specification.
    fn object_field(self, key: &str) -> Option<FieldType> {
        use FieldType::{List, Map, One};
        use ObjectKind as P;
        Some(match (self, key) {
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

    /// Returns whether the field is new in OpenAPI 3.1.
    pub(crate) fn is_new_in_3_1(self, key: &str) -> bool {
        use ObjectKind as P;
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

    /// Returns whether the field is new in OpenAPI 3.2.
    pub(crate) fn is_new_in_3_2(self, key: &str) -> bool {
        use ObjectKind as P;
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

    /// Returns whether no request or response depends on the object: callbacks are not called, links not followed.
    fn is_unserved(self) -> bool {
        matches!(self, Self::Example | Self::Link | Self::Callback)
    }

    /// Returns whether the specification allows a Reference Object instead.
    pub(crate) fn may_be_reference(self) -> bool {
        use ObjectKind as P;
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

    /// Returns whether a pointer leads to a list or map of objects.
    pub(crate) fn is_collection(pointer: &str) -> bool {
        matches!(Self::at(pointer), Some(Target::Collection))
    }

    /// Returns whether a pointer leads to an object of the specification.
    pub(crate) fn is_at(pointer: &str) -> bool {
        matches!(Self::at(pointer), Some(Target::Object))
    }

    fn at(pointer: &str) -> Option<Target> {
        let mut kind = Self::Document;
        let mut tokens = pointer.split('/').skip(1);
        while let Some(token) = tokens.next() {
            kind = match kind.field(&unescape(token))? {
                FieldType::One(kind) => kind,
                FieldType::List(kind) | FieldType::Map(kind) => match tokens.next() {
                    Some(_) => kind,
                    None => return Some(Target::Collection),
                },
                FieldType::Any
                | FieldType::String
                | FieldType::Boolean
                | FieldType::Unsupported => return None,
            };
        }
        Some(Target::Object)
    }

    /// Returns the name of the object in messages, with its article.
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

/// Returns whether a field that is new in OpenAPI 3.2 is documentation only, so that it can be ignored without a warning.
pub(crate) fn is_annotation_in_3_2(key: &str) -> bool {
    matches!(
        key,
        "name" | "summary" | "description" | "dataValue" | "serializedValue"
    )
}

/// Returns the type of a keyword that holds schemas or is not supported. Other keywords are checked when the schema is
/// compiled.
fn schema_field(keyword: &str) -> Option<FieldType> {
    let schema = ObjectKind::Schema;
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
        | "else" => FieldType::One(schema),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => FieldType::List(schema),
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => {
            FieldType::Map(schema)
        }
        "discriminator" => FieldType::Any,
        // References to anchors have become pointers; those to other `$id`s have not.
        "$anchor" => FieldType::String,
        "$id" | "$dynamicAnchor" | "$dynamicRef" => FieldType::Unsupported,
        _ => return None,
    })
}
