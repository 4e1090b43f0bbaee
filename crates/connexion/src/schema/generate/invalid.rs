//! Generation of values that are invalid in one location.

use serde_json::{Map, Value, json};

use super::{Generator, MAX_DEPTH, compound::with, kind_of, number, string, view::View};

/// The maximum number of items that are added to make an array too long.
const MAX_LONGER: usize = 1_000;

impl<'s> Generator<'s> {
    /// Calls `emit` with copies of the value that have one change each. The validator decides whether a change is a
    /// violation, and of what keyword.
    pub(super) fn mutate(
        &self,
        schemas: &[&'s Value],
        value: &Value,
        depth: usize,
        emit: &mut dyn FnMut(Value),
    ) {
        if depth > MAX_DEPTH || self.step().is_none() {
            return;
        }
        for other in [
            json!(null),
            json!(true),
            json!("text"),
            json!(1),
            json!(1.5),
            json!([]),
            json!({}),
        ] {
            if kind_of(&other) != kind_of(value) {
                emit(other);
            }
        }
        let views = self.views(schemas);
        let fitting = views.iter().filter(|view| view.may_be(kind_of(value)));
        for view in fitting.take(4) {
            match value {
                Value::String(valid) => {
                    let candidates = string::invalid(view, valid, &mut self.rng.borrow_mut());
                    candidates.into_iter().for_each(&mut *emit);
                }
                Value::Number(_) => number::beyond(view).into_iter().for_each(&mut *emit),
                Value::Object(properties) => self.mutate_object(view, properties, depth, emit),
                Value::Array(items) => self.mutate_array(view, items, depth, emit),
                Value::Bool(valid) => emit(Value::Bool(!valid)),
                Value::Null => {}
            }
        }
    }

    fn mutate_object(
        &self,
        view: &View<'s>,
        properties: &Map<String, Value>,
        depth: usize,
        emit: &mut dyn FnMut(Value),
    ) {
        let object = &view.object;
        for name in properties.keys() {
            let mut less = properties.clone();
            less.shift_remove(name);
            emit(Value::Object(less));
        }
        let fewer = |count: usize| properties.clone().into_iter().take(count).collect();
        emit(Value::Object(fewer(object.min.saturating_sub(1))));
        if let Some(longer) = object.max.filter(|most| *most < MAX_LONGER) {
            let mut more = properties.clone();
            let names = (0..=longer).map(|i| format!("other{i}"));
            more.extend(names.map(|name| (name, json!("text"))));
            emit(Value::Object(more.into_iter().take(longer + 1).collect()));
        }
        for name in ["other", "!", ""] {
            emit(with(properties, name, json!("text")));
        }
        for (name, value) in properties {
            self.mutate(&object.property(name), value, depth + 1, &mut |value| {
                emit(with(properties, name, value));
            });
        }
    }

    fn mutate_array(
        &self,
        view: &View<'s>,
        items: &[Value],
        depth: usize,
        emit: &mut dyn FnMut(Value),
    ) {
        let array = &view.array;
        emit(
            items
                .iter()
                .take(array.min.saturating_sub(1))
                .cloned()
                .collect(),
        );
        emit(Value::Array(Vec::new()));
        if let Some(first) = items.first() {
            emit(items.iter().chain([first]).cloned().collect());
            if let Some(most) = array.max.filter(|most| *most < MAX_LONGER) {
                emit(items.iter().cycle().take(most + 1).cloned().collect());
            }
        }
        for (i, item) in items.iter().enumerate().take(array.first.len() + 1) {
            self.mutate(array.item(i), item, depth + 1, &mut |value| {
                let mut changed = items.to_vec();
                if let Some(item) = changed.get_mut(i) {
                    *item = value;
                }
                emit(Value::Array(changed));
            });
        }
    }
}
