//! Compiles shapes from schemas.

use serde_json::Value;

use super::{ArrayShape, ObjectShape, PropertyShape, Shape};
use crate::{
    document::{
        cursor::Cursor,
        node::{Kind, Node},
    },
    operation::parameter::schema_types::{MAX_PARTS, all_types, has, parts},
    schema::Pattern,
};

/// The maximum nesting depth of values in the style `deepObject`. Deeper values are read as strings.
const MAX_NESTED: usize = 8;

impl Shape {
    /// Returns the shape of a schema's values; `None` if they may be both arrays and objects, which no string
    /// distinguishes.
    pub(crate) fn of(schema: &Cursor<'_>) -> Option<Self> {
        Self::within(schema, MAX_NESTED)
    }

    /// Returns the shapes of objects for the branches of `oneOf` and `anyOf`, in which a property may have different types;
    /// none if there is only one branch.
    pub(in crate::operation::parameter) fn branches(schema: &Cursor<'_>) -> Vec<Self> {
        let mut shared = vec![schema.clone()];
        for part in schema.get("allOf").iter().flat_map(Cursor::items) {
            shared.extend(parts(&part, MAX_PARTS));
        }
        let mut branches = Vec::new();
        for keyword in ["oneOf", "anyOf"] {
            for branch in schema.get(keyword).iter().flat_map(Cursor::items) {
                let all = [parts(&branch, MAX_PARTS), shared.clone()].concat();
                branches.extend(ObjectShape::of_parts(&all, MAX_NESTED).map(Self::Object));
            }
        }
        if branches.len() > 1 {
            branches
        } else {
            Vec::new()
        }
    }

    fn within(schema: &Cursor<'_>, depth: usize) -> Option<Self> {
        let types = all_types(schema);
        match (has(&types, "object"), has(&types, "array")) {
            (true, true) => None,
            (false, false) => Some(Self::Single(types)),
            _ if depth == 0 => Some(Self::Single(types)),
            (true, false) => ObjectShape::of(schema, depth - 1).map(Self::Object),
            (false, true) => ArrayShape::of(schema, depth - 1).map(Self::Array),
        }
    }

    /// Returns the shape of a single value or an array of single values; `None` for others.
    pub(crate) fn flat(schema: &Cursor<'_>) -> Option<Self> {
        Self::of(schema).filter(|shape| match shape {
            Self::Object(_) => false,
            shape => shape.is_simple(),
        })
    }
}

impl ArrayShape {
    fn of(schema: &Cursor<'_>, depth: usize) -> Option<Self> {
        let parts = parts(schema, MAX_PARTS);
        let first = parts.iter().find_map(|part| part.get("prefixItems"));
        let first = first.iter().flat_map(Cursor::items);
        let first: Vec<_> = first
            .map(|item| Shape::within(&item, depth))
            .collect::<Option<_>>()?;
        let schemas: Vec<_> = parts.iter().filter_map(|part| part.get("items")).collect();
        let mut others = Shape::Single(Vec::new());
        for items in &schemas {
            let shape = Shape::within(items, depth)?;
            others = match (others, shape) {
                // Items of several types.
                (Shape::Single(mut known), Shape::Single(more)) => {
                    known.extend(more);
                    Shape::Single(known)
                }
                (_, shape) => shape,
            };
        }
        let is_listed = |items: &Cursor<'_>| items.node.get("enum").is_some_and(has_no_comma);
        Some(Self {
            are_listed_without_commas: first.is_empty()
                && !schemas.is_empty()
                && schemas.iter().all(is_listed),
            first,
            others: Box::new(others),
        })
    }
}

impl ObjectShape {
    fn of(schema: &Cursor<'_>, depth: usize) -> Option<Self> {
        Self::of_parts(&parts(schema, MAX_PARTS), depth)
    }

    fn of_parts(parts: &[Cursor<'_>], depth: usize) -> Option<Self> {
        let mut known: Vec<PropertyShape> = Vec::new();
        let (mut others, mut is_unspecified, mut patterns) = (None, true, Vec::new());
        for part in parts {
            for (name, place) in part.get("properties").iter().flat_map(Cursor::members) {
                if !known.iter().any(|other| other.name == name) {
                    known.push(PropertyShape {
                        name: name.to_owned(),
                        shape: Shape::within(&place, depth)?,
                        default: place.node.get("default").map(Value::from),
                    });
                }
            }
            for (pattern, place) in part
                .get("patternProperties")
                .iter()
                .flat_map(Cursor::members)
            {
                // The schema also checks patterns that are not supported here.
                if let Some(pattern) = Pattern::compile(pattern) {
                    patterns.push((pattern, Shape::within(&place, depth)?));
                }
            }
            let additional = part
                .get("additionalProperties")
                .or_else(|| part.get("unevaluatedProperties"));
            is_unspecified &= additional.is_none();
            if let Some(additional) = additional.filter(|it| it.node.kind != Kind::Bool(false)) {
                others = Some(Box::new(Shape::within(&additional, depth)?));
            }
        }
        if known.is_empty() && patterns.is_empty() && is_unspecified {
            others = Some(Box::new(Shape::Single(Vec::new())));
        }
        Some(Self {
            known,
            patterns,
            others,
        })
    }

    /// Returns the shape of a schema's objects.
    pub(crate) fn of_schema(schema: &Cursor<'_>) -> Option<Self> {
        Self::of(schema, MAX_NESTED)
    }
}

fn has_no_comma(listed: &Node) -> bool {
    let mut strings = listed.items().iter().filter_map(Node::as_str);
    !strings.any(|string| string.contains(','))
}
