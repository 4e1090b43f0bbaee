//! Defaults of properties, added to valid values.
//!
//! A default is added only where its schema certainly applies: below `properties`, `items`, `additionalProperties`,
//! `allOf` and `$ref`, and in the only alternative of `anyOf` or `oneOf` that is not `null`. Among several alternatives
//! none is selected. A default that is invalid against its own schema is not added; the document gets a warning.
//!
//! All bodies share one graph, because the schemas of a document refer to one another. A node is a set of schemas that
//! apply to the same value.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::{
    document::{
        decoded,
        node::{push, value_at},
    },
    schema::json::{Room, count},
};

/// The maximum number of nodes for one document.
const MAX_NODES: usize = 100_000;

/// The maximum number of schemas that apply to one value.
const MAX_PARTS: usize = 100;

/// The maximum number of values in a default, including the defaults of its own properties.
const MAX_VALUES: usize = 10_000;

/// The maximum nesting of defaults within defaults.
const MAX_DEPTH: usize = 3;

/// The defaults of a value.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    graph: Arc<OnceLock<Graph>>,
    node: usize,
    /// The default of the value itself.
    own: Option<Value>,
}

impl Defaults {
    /// Returns the default of a value that is absent, with the defaults of its properties.
    pub(crate) fn of_absent(&self, room: &Room) -> Option<Value> {
        let mut value = self.own.clone()?;
        room.take(count(&value)).then_some(())?;
        self.fill(&mut value, room);
        Some(value)
    }

    /// Adds the defaults of absent properties, up to the limit of `room`.
    pub(crate) fn fill(&self, value: &mut Value, room: &Room) {
        if let Some(graph) = self.graph.get() {
            graph.fill(self.node, value, room);
        }
    }
}

/// The nodes of a document.
#[derive(Debug, Default)]
struct Graph(Vec<Node>);

/// The defaults of values with certain schemas. Nodes are referred to by index.
#[derive(Debug, Default)]
struct Node {
    properties: Vec<Property>,
    /// The node of the items of an array.
    items: Option<usize>,
    others: Option<Others>,
}

#[derive(Debug)]
struct Property {
    name: String,
    default: Option<Value>,
    /// The number of values in the default.
    values: usize,
    node: Option<usize>,
}

/// The properties that are not described by name.
#[derive(Debug)]
struct Others {
    described: BTreeSet<String>,
    node: usize,
}

impl Graph {
    fn fill(&self, node: usize, value: &mut Value, room: &Room) {
        let Some(node) = self.0.get(node) else {
            return;
        };
        match value {
            Value::Object(object) => self.fill_object(node, object, room),
            Value::Array(items) => {
                for item in items.iter_mut().filter(|_| node.items.is_some()) {
                    node.items
                        .iter()
                        .for_each(|node| self.fill(*node, item, room));
                }
            }
            _ => {}
        }
    }

    fn fill_object(&self, node: &Node, object: &mut Map<String, Value>, room: &Room) {
        if let Some(others) = &node.others {
            let values = object.iter_mut();
            for (_, value) in values.filter(|(name, _)| !others.described.contains(*name)) {
                self.fill(others.node, value, room);
            }
        }
        for property in &node.properties {
            match (object.get_mut(&property.name), &property.default) {
                (Some(value), _) => {
                    let node = property.node.iter();
                    node.for_each(|node| self.fill(*node, value, room));
                }
                (None, Some(default)) if room.take(property.values) => {
                    object.insert(property.name.clone(), default.clone());
                }
                (None, _) => {}
            }
        }
    }

    /// Removes nodes that lead to no default, and adds to each default the defaults of its own properties.
    fn finish(mut self) -> Self {
        let mut leads = vec![false; self.0.len()];
        let mut has_changed = true;
        while has_changed {
            has_changed = false;
            // Backwards, because the target of a reference mostly has a higher index.
            for (i, node) in self.0.iter().enumerate().rev() {
                let is_useful = |node: usize| leads.get(node) == Some(&true);
                if !is_useful(i) && node.leads_to(is_useful) {
                    leads.get_mut(i).into_iter().for_each(|lead| *lead = true);
                    has_changed = true;
                }
            }
        }
        for node in &mut self.0 {
            node.keep(|node| leads.get(node) == Some(&true));
        }
        (0..MAX_DEPTH).for_each(|_| self.deepen());
        self
    }

    fn deepen(&mut self) {
        let filled = |property: &Property| {
            let mut value = property.default.clone()?;
            let room = Room::of(MAX_VALUES);
            self.fill(property.node?, &mut value, &room);
            (!room.is_exceeded()).then_some(value)
        };
        let properties = self.0.iter().map(|node| &node.properties);
        let filled: Vec<Vec<_>> = properties
            .map(|all| all.iter().map(filled).collect())
            .collect();
        for (node, filled) in self.0.iter_mut().zip(filled) {
            for (property, filled) in node.properties.iter_mut().zip(filled) {
                if let Some(value) = filled {
                    property.values = count(&value);
                    property.default = Some(value);
                }
            }
        }
    }
}

impl Node {
    fn leads_to(&self, is_useful: impl Fn(usize) -> bool) -> bool {
        let mut properties = self.properties.iter();
        properties.any(|one| one.default.is_some() || one.node.is_some_and(&is_useful))
            || self.items.is_some_and(&is_useful)
            || self.others.as_ref().is_some_and(|one| is_useful(one.node))
    }

    fn keep(&mut self, is_useful: impl Fn(usize) -> bool) {
        for property in &mut self.properties {
            property.node = property.node.filter(|node| is_useful(*node));
        }
        self.properties
            .retain(|one| one.default.is_some() || one.node.is_some());
        self.items = self.items.filter(|node| is_useful(*node));
        self.others = self.others.take().filter(|others| is_useful(others.node));
    }
}

/// Builds the graph of a document.
#[derive(Debug, Default)]
pub(super) struct Builder {
    graph: Arc<OnceLock<Graph>>,
    nodes: Vec<Node>,
    by_schemas: HashMap<Vec<String>, usize>,
    /// The nodes whose schemas are not read yet.
    pending: Vec<(usize, Vec<String>)>,
}

impl Builder {
    /// Returns the defaults of the schema at a JSON Pointer. They are available after [`Self::finish`].
    ///
    /// `is_valid` returns whether a value is valid against the schema at a pointer.
    pub(super) fn defaults(
        &mut self,
        root: &Value,
        pointer: &str,
        is_valid: &impl Fn(&str, &Value) -> bool,
    ) -> Defaults {
        let own = default_of(root, pointer, MAX_PARTS).filter(|value| is_valid(pointer, value));
        let node = self.node(vec![pointer.to_owned()]);
        while let Some((number, pointers)) = self.pending.pop() {
            let node = self.read(root, &pointers, is_valid);
            if let Some(known) = self.nodes.get_mut(number) {
                *known = node;
            }
        }
        Defaults {
            graph: Arc::clone(&self.graph),
            node,
            own: own.cloned(),
        }
    }

    pub(super) fn finish(self) {
        // Not set before: `finish` consumes the builder.
        let _ = self.graph.set(Graph(self.nodes).finish());
    }

    /// Returns the node of a set of schemas, or an index without a node if there are too many.
    fn node(&mut self, pointers: Vec<String>) -> usize {
        if let Some(known) = self.by_schemas.get(&pointers) {
            return *known;
        }
        let number = self.nodes.len();
        if number == MAX_NODES {
            return usize::MAX;
        }
        self.nodes.push(Node::default());
        self.by_schemas.insert(pointers.clone(), number);
        self.pending.push((number, pointers));
        number
    }

    fn read(
        &mut self,
        root: &Value,
        pointers: &[String],
        is_valid: &impl Fn(&str, &Value) -> bool,
    ) -> Node {
        let mut parts = Vec::new();
        for pointer in pointers {
            collect(root, pointer, &mut parts);
        }
        let mut properties: IndexMap<&str, Vec<String>> = IndexMap::new();
        let (mut items, mut others) = (Vec::new(), Vec::new());
        for (pointer, part) in &parts {
            for (name, _) in described(part) {
                let mut pointer = format!("{pointer}/properties");
                push(&mut pointer, name);
                properties.entry(name).or_default().push(pointer);
            }
            if part.get("items").is_some_and(Value::is_object) {
                items.push(format!("{pointer}/items"));
            }
            let is_open = part
                .get("additionalProperties")
                .is_some_and(Value::is_object);
            if is_open && !part.contains_key("patternProperties") {
                others.push(format!("{pointer}/additionalProperties"));
            }
        }
        let has_tuples = parts
            .iter()
            .any(|(_, part)| part.contains_key("prefixItems"));
        let described = properties.keys().map(|name| (*name).to_owned()).collect();
        Node {
            items: (!items.is_empty() && !has_tuples).then(|| self.node(items)),
            // With several, it is uncertain which properties each applies to.
            others: (others.len() == 1).then(|| Others {
                described,
                node: self.node(others),
            }),
            properties: properties
                .into_iter()
                .map(|(name, pointers)| self.property(root, name, pointers, is_valid))
                .collect(),
        }
    }

    fn property(
        &mut self,
        root: &Value,
        name: &str,
        pointers: Vec<String>,
        is_valid: &impl Fn(&str, &Value) -> bool,
    ) -> Property {
        let mut all = pointers.iter();
        let default = all.find_map(|pointer| default_of(root, pointer, MAX_PARTS));
        let default =
            default.filter(|value| pointers.iter().all(|pointer| is_valid(pointer, value)));
        let has_more = |pointer: &String| value_at(root, pointer).is_some_and(leads_on);
        Property {
            name: name.to_owned(),
            values: default.map_or(0, count),
            default: default.cloned(),
            node: pointers.iter().any(has_more).then(|| self.node(pointers)),
        }
    }
}

fn described(schema: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    properties.map(|(name, below)| (name.as_str(), below))
}

/// Returns whether a schema may describe parts of a value.
fn leads_on(schema: &Value) -> bool {
    const KEYWORDS: [&str; 7] = [
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "properties",
        "items",
        "additionalProperties",
    ];
    KEYWORDS.iter().any(|keyword| schema.get(keyword).is_some())
}

/// Adds all schemas that apply to every value of the schema at `pointer`.
fn collect<'v>(root: &'v Value, pointer: &str, parts: &mut Vec<(String, &'v Map<String, Value>)>) {
    let mut left = vec![pointer.to_owned()];
    while let Some(pointer) = left.pop() {
        let Some(Value::Object(schema)) = value_at(root, &pointer) else {
            continue;
        };
        if parts.len() == MAX_PARTS || parts.iter().any(|(known, _)| *known == pointer) {
            continue;
        }
        left.extend(sure_parts(schema, &pointer).rev());
        for keyword in ["anyOf", "oneOf"] {
            let branches = schema.get(keyword).and_then(Value::as_array);
            let branches = branches.into_iter().flatten().enumerate();
            let mut real = branches.filter(|(_, branch)| !is_null(branch));
            if let (Some((i, _)), None) = (real.next(), real.next()) {
                left.push(format!("{pointer}/{keyword}/{i}"));
            }
        }
        parts.push((pointer, schema));
    }
}

/// Returns the schemas that apply to every value of a schema: the target of its reference and its `allOf`.
fn sure_parts(
    schema: &Map<String, Value>,
    pointer: &str,
) -> impl DoubleEndedIterator<Item = String> {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let target = reference.map(|reference| decoded(reference).into_owned());
    let parts = schema.get("allOf").and_then(Value::as_array);
    let parts = (0..parts.map_or(0, Vec::len)).map(move |i| format!("{pointer}/allOf/{i}"));
    target
        .into_iter()
        .chain(parts)
        .collect::<Vec<_>>()
        .into_iter()
}

/// Returns whether a schema allows only `null`.
fn is_null(schema: &Value) -> bool {
    let is_null_type = |types: &Value| *types == "null" || *types == serde_json::json!(["null"]);
    schema.get("type").is_some_and(is_null_type)
        || schema.get("const").is_some_and(Value::is_null)
        || schema
            .get("enum")
            .is_some_and(|all| *all == serde_json::json!([null]))
}

/// Returns the default of a schema: its own, or that of the target of its reference or of its `allOf`.
fn default_of<'v>(root: &'v Value, pointer: &str, left: usize) -> Option<&'v Value> {
    let left = left.checked_sub(1)?;
    let schema = value_at(root, pointer)?.as_object()?;
    let mut parts = sure_parts(schema, pointer);
    schema
        .get("default")
        .or_else(|| parts.find_map(|part| default_of(root, &part, left)))
}
