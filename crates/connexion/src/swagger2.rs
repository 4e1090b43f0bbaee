//! Swagger 2.0, lowered to the model of OpenAPI 3.1 once at load; nothing after this knows 2.0.
//!
//! Every new node stands where the one it was made from stood, so faults point at what the author wrote.
//! `formData` parameters are left as they are and reported as unknown by whoever meets them.

use indexmap::IndexMap;

use crate::node::{Kind, Node, Position};

/// Where the reusable parts went.
const MOVED: [(&str, &str); 3] = [
    ("#/definitions/", "#/components/schemas/"),
    ("#/parameters/", "#/components/parameters/"),
    ("#/responses/", "#/components/responses/"),
];

/// Members of a parameter or header that are about it, not about its value.
const ABOUT: [&str; 6] = [
    "name",
    "in",
    "description",
    "required",
    "allowEmptyValue",
    "collectionFormat",
];

/// Lowers a whole document.
pub(crate) fn lower(source: &Node) -> Node {
    let lowering = Lowering {
        source,
        consumes: types(source, "consumes"),
        produces: types(source, "produces"),
    };
    let mut root = object(source.at);
    root.put("openapi", Node::string(source.at, "3.1.0"));
    for (key, member) in source.members() {
        match key {
            "paths" => root.put("paths", member.map(|item| lowering.path_item(item))),
            "basePath" => {
                let mut server = object(member.at);
                server.put("url", member.clone());
                root.put("servers", Node::new(member.at, Kind::Array(vec![server])));
            }
            "swagger"
            | "host"
            | "schemes"
            | "consumes"
            | "produces"
            | "definitions"
            | "parameters"
            | "responses"
            | "securityDefinitions" => {}
            _ => root.put(key, member.clone()),
        }
    }
    root.put("components", lowering.components());
    references(&mut root);
    root
}

struct Lowering<'s> {
    source: &'s Node,
    consumes: Option<Vec<Node>>,
    produces: Option<Vec<Node>>,
}

impl Lowering<'_> {
    fn components(&self) -> Node {
        let mut components = object(self.source.at);
        if let Some(definitions) = self.source.get("definitions") {
            components.put("schemas", definitions.clone());
        }
        if let Some(parameters) = self.source.get("parameters") {
            components.put("parameters", parameters.map(parameter));
        }
        if let Some(responses) = self.source.get("responses") {
            components.put(
                "responses",
                responses.map(|answer| response(answer, self.produces.as_deref())),
            );
        }
        components
    }

    fn path_item(&self, item: &Node) -> Node {
        item.map_named(|key, member| match key {
            "parameters" => list(member, inline),
            _ if key.starts_with("x-") || key == "$ref" => member.clone(),
            _ => self.operation(member),
        })
    }

    fn operation(&self, operation: &Node) -> Node {
        let consumes = types(operation, "consumes").or_else(|| self.consumes.clone());
        let produces = types(operation, "produces").or_else(|| self.produces.clone());
        let mut lowered = object(operation.at);
        for (key, member) in operation.members() {
            match key {
                "parameters" => {
                    let is_body = |item: &&Node| {
                        self.follow(item).get("in").and_then(Node::as_str) == Some("body")
                    };
                    let (bodies, others): (Vec<_>, Vec<_>) =
                        member.items().iter().partition(is_body);
                    let others = others.into_iter().map(inline).collect();
                    lowered.put("parameters", Node::new(member.at, Kind::Array(others)));
                    if let Some(body) = bodies.first() {
                        lowered.put(
                            "requestBody",
                            request_body(self.follow(body), consumes.as_deref()),
                        );
                    }
                }
                "responses" => lowered.put(
                    key,
                    member.map(|answer| response(answer, produces.as_deref())),
                ),
                "consumes" | "produces" | "schemes" => {}
                _ => lowered.put(key, member.clone()),
            }
        }
        lowered
    }

    /// What a reference names, or the node itself.
    fn follow<'n>(&'n self, node: &'n Node) -> &'n Node {
        let pointer = node
            .get("$ref")
            .and_then(Node::as_str)
            .and_then(|reference| reference.strip_prefix('#'));
        pointer
            .and_then(|pointer| self.source.at_pointer(pointer))
            .unwrap_or(node)
    }
}

/// A parameter of an operation; a reference stays one.
fn inline(item: &Node) -> Node {
    if item.get("$ref").is_some() {
        item.clone()
    } else {
        parameter(item)
    }
}

fn parameter(node: &Node) -> Node {
    let mut lowered = described(node);
    let (style, explode) = match node.get("collectionFormat").and_then(Node::as_str) {
        Some("multi") => ("form", true),
        Some("ssv") => ("spaceDelimited", false),
        Some("pipes") => ("pipeDelimited", false),
        _ => ("", false),
    };
    if !style.is_empty() {
        lowered.put("style", Node::string(node.at, style));
    }
    if node.get("type").and_then(Node::as_str) == Some("array") {
        lowered.put("explode", Node::new(node.at, Kind::Bool(explode)));
    }
    lowered
}

/// A parameter or header whose value's keywords stand beside its name: they move into a `schema`.
fn described(node: &Node) -> Node {
    let mut lowered = object(node.at);
    let mut schema = object(node.at);
    for (key, member) in node.members() {
        if ABOUT.contains(&key) || key.starts_with("x-") && key != "x-nullable" {
            lowered.put(key, member.clone());
        } else {
            schema.put(key, member.clone());
        }
    }
    lowered.put("schema", schema);
    lowered
}

fn request_body(parameter: &Node, consumes: Option<&[Node]>) -> Node {
    let mut body = object(parameter.at);
    for key in ["description", "required"] {
        if let Some(member) = parameter.get(key) {
            body.put(key, member.clone());
        }
    }
    body.put("content", content(parameter, consumes));
    body
}

fn response(node: &Node, produces: Option<&[Node]>) -> Node {
    let mut lowered = object(node.at);
    for (key, member) in node.members() {
        match key {
            "schema" => lowered.put("content", content(node, produces)),
            "headers" => lowered.put(key, member.map(described)),
            "examples" => {}
            _ => lowered.put(key, member.clone()),
        }
    }
    lowered
}

/// The `content` with one entry for each media type, all with the schema of `node`.
fn content(node: &Node, types: Option<&[Node]>) -> Node {
    let mut content = object(node.at);
    let json = [Node::string(node.at, "application/json")];
    for name in types.unwrap_or(&json).iter().filter_map(Node::as_str) {
        let mut media = object(node.at);
        if let Some(schema) = node.get("schema") {
            media.put("schema", schema.clone());
        }
        content.put(name, media);
    }
    content
}

fn types(node: &Node, key: &str) -> Option<Vec<Node>> {
    node.get(key).map(|types| types.items().to_vec())
}

fn references(node: &mut Node) {
    match &mut node.kind {
        Kind::Array(items) => items.iter_mut().for_each(references),
        Kind::Object(members) => {
            for (key, member) in members {
                if let (Kind::String(text), "$ref") = (&mut member.kind, key.as_str()) {
                    for (from, to) in MOVED {
                        if let Some(rest) = text.strip_prefix(from) {
                            *text = format!("{to}{rest}");
                        }
                    }
                } else {
                    references(member);
                }
            }
        }
        _ => {}
    }
}

fn object(at: Position) -> Node {
    Node::new(at, Kind::Object(IndexMap::new()))
}

fn list(node: &Node, change: impl Fn(&Node) -> Node) -> Node {
    Node::new(
        node.at,
        Kind::Array(node.items().iter().map(change).collect()),
    )
}

impl Node {
    /// Sets a member of an object.
    fn put(&mut self, key: &str, value: Self) {
        if let Kind::Object(members) = &mut self.kind {
            members.insert(key.to_owned(), value);
        }
    }

    /// The object with each member changed; anything but an object stays as it is. References stay.
    fn map(&self, change: impl Fn(&Self) -> Self) -> Self {
        self.map_named(|key, member| {
            if key.starts_with("x-") || member.get("$ref").is_some() {
                member.clone()
            } else {
                change(member)
            }
        })
    }

    fn map_named(&self, change: impl Fn(&str, &Self) -> Self) -> Self {
        let Some(members) = self.as_object() else {
            return self.clone();
        };
        let members = members
            .iter()
            .map(|(key, member)| (key.clone(), change(key, member)));
        Self::new(self.at, Kind::Object(members.collect()))
    }
}
