//! Generation of objects and arrays.

use serde_json::{Map, Value};

use super::{Generator, MAX_FULL_DEPTH, Mode, Spot, view::View};

/// The maximum number of properties in an object.
const MAX_PROPERTIES: usize = 200;

/// The maximum number of items in an array without a smaller `maxItems`.
const MAX_ITEMS: usize = 32;

/// The maximum `minItems` that is supported.
const MAX_MIN_ITEMS: usize = 1_000;

/// The name of a property that the document does not describe.
const OTHER: &str = "other";

impl<'s> Generator<'s> {
    pub(super) fn object(&self, view: &View<'s>, spot: Spot<'_>) -> Option<Value> {
        let object = &view.object;
        let mut names = object.required.clone();
        object.complete(&mut names);
        let mut properties = Map::new();
        for name in &names {
            if !properties.contains_key(*name) {
                let value = self.property(view, name, spot)?;
                properties.insert((*name).to_owned(), value);
            }
        }
        for name in object.properties.keys() {
            let is_wanted = properties.len() < object.min
                || match spot.mode {
                    Mode::Small => false,
                    Mode::Full | Mode::Large => true,
                    Mode::Random => spot.depth <= MAX_FULL_DEPTH && self.rng.borrow_mut().bool(),
                };
            if is_wanted {
                self.add(&mut properties, view, name, spot);
            }
        }
        for i in 0..object
            .min
            .saturating_sub(properties.len())
            .min(MAX_PROPERTIES)
        {
            let name = self.other_name(view, i)?;
            let value = self.property(view, &name, spot.with(Mode::Small))?;
            properties.insert(name, value);
        }
        Some(Value::Object(properties))
    }

    /// Adds an optional property and those that it requires, if they have values.
    fn add(
        &self,
        properties: &mut Map<String, Value>,
        view: &View<'s>,
        name: &'s str,
        spot: Spot<'_>,
    ) {
        let (object, mut at) = (&view.object, String::new());
        if self
            .excluded
            .borrow()
            .contains(spot.below(name, &mut at).at)
        {
            return;
        }
        let mut names = vec![name];
        object.complete(&mut names);
        names.retain(|name| !properties.contains_key(*name));
        if properties.len() + names.len() > object.max.unwrap_or(MAX_PROPERTIES) {
            return;
        }
        let values = names
            .iter()
            .map(|name| Some(((*name).to_owned(), self.property(view, name, spot)?)));
        let values: Option<Vec<_>> = values.collect();
        properties.extend(values.into_iter().flatten());
    }

    fn property(&self, view: &View<'s>, name: &str, spot: Spot<'_>) -> Option<Value> {
        let schemas = view.object.property(name);
        self.build(&schemas, spot.below(name, &mut String::new()))
    }

    /// Returns the name of a property that is not described.
    fn other_name(&self, view: &View<'s>, i: usize) -> Option<String> {
        let object = &view.object;
        let patterns = object.patterns.iter().map(|(pattern, _)| *pattern);
        let mut names = Vec::new();
        if object.is_open() && object.names.is_empty() {
            names.push(if i == 0 {
                OTHER.to_owned()
            } else {
                format!("{OTHER}{i}")
            });
        }
        for pattern in patterns {
            let mut rng = self.rng.borrow_mut();
            let made = super::pattern::candidates(pattern, 0, 100, &mut rng);
            names.extend(made.into_iter().flatten().skip(i).take(1));
        }
        if !object.names.is_empty() {
            for view in self.views(&object.names).iter() {
                let texts = super::string::candidates(view, &mut self.rng.borrow_mut());
                let options = view.options.iter().flatten().copied().cloned();
                let all = options.chain(texts).skip(i).take(1);
                names.extend(all.filter_map(|name| name.as_str().map(str::to_owned)));
            }
        }
        let is_new = |name: &String| !object.properties.contains_key(name.as_str());
        names.into_iter().find(is_new)
    }

    pub(super) fn array(&self, view: &View<'s>, spot: Spot<'_>) -> Option<Value> {
        let array = &view.array;
        let most = array.max.unwrap_or(MAX_ITEMS);
        let least = array.min.max(array.contains.len());
        let wanted = match spot.mode {
            Mode::Small => least,
            Mode::Full => least.max(array.first.len()).max(1),
            Mode::Large if most <= MAX_ITEMS => most.min(least.max(MAX_ITEMS)),
            Mode::Large => least.max(3),
            Mode::Random => least + self.rng.borrow_mut().usize(0..3),
        };
        let length = wanted.min(most);
        if least > most || least > MAX_MIN_ITEMS {
            return None;
        }
        let mut items: Vec<Value> = Vec::new();
        for i in 0..length {
            let mut schemas = array.item(i).to_vec();
            schemas.extend(array.contains.get(i));
            let mut at = String::new();
            let item = self.build(&schemas, spot.below(&i.to_string(), &mut at));
            let item = match item {
                Some(item) if array.is_unique && items.contains(&item) => {
                    self.another(&schemas, &items, spot)
                }
                item => item,
            };
            match item {
                Some(item) => items.push(item),
                None if i < least => return None,
                None => break,
            }
        }
        Some(Value::Array(items))
    }

    /// Returns an item that is not among `items`.
    fn another(&self, schemas: &[&'s Value], items: &[Value], spot: Spot<'_>) -> Option<Value> {
        let mut at = String::new();
        let spot = spot.below("0", &mut at);
        let mut found = None;
        self.vary(schemas, spot, 0, &mut |value| {
            if found.is_none() && !items.contains(&value) {
                found = Some(value);
            }
        });
        let mut random = (0..8).filter_map(|_| self.build(schemas, spot.with(Mode::Random)));
        found.or_else(|| random.find(|value| !items.contains(value)))
    }

    pub(super) fn vary_object(
        &self,
        view: &View<'s>,
        spot: Spot<'_>,
        allowance: usize,
        emit: &mut dyn FnMut(Value),
    ) {
        let Some(Value::Object(small)) = self.object(view, spot.with(Mode::Small)) else {
            return;
        };
        emit(Value::Object(small.clone()));
        if allowance > 0 {
            self.room.set(allowance);
            self.object(view, spot.with(Mode::Full))
                .into_iter()
                .for_each(&mut *emit);
        }
        if let Some(name) = self.other_name(view, 0) {
            let (schemas, mut at) = (view.object.property(&name), String::new());
            if schemas.is_empty() {
                emit(with(&small, &name, Value::String(OTHER.to_owned())));
            } else {
                self.vary(&schemas, spot.below(&name, &mut at), 0, &mut |value| {
                    emit(with(&small, &name, value));
                });
            }
        }
        let share = allowance / view.object.properties.len().max(1);
        if allowance == 0 {
            return;
        }
        for name in view.object.properties.keys() {
            let mut base = small.clone();
            self.add(&mut base, view, name, spot);
            let (schemas, mut at) = (view.object.property(name), String::new());
            let spot = spot.below(name, &mut at);
            if self.excluded.borrow().contains(spot.at) {
                continue;
            }
            self.vary(&schemas, spot, share, &mut |value| {
                emit(with(&base, name, value));
            });
        }
    }

    pub(super) fn vary_array(
        &self,
        view: &View<'s>,
        spot: Spot<'_>,
        allowance: usize,
        emit: &mut dyn FnMut(Value),
    ) {
        let array = &view.array;
        self.room.set(allowance);
        for mode in [Mode::Small, Mode::Large] {
            self.array(view, spot.with(mode))
                .into_iter()
                .for_each(&mut *emit);
        }
        let Some(Value::Array(full)) = self.array(view, spot.with(Mode::Full)) else {
            return;
        };
        emit(Value::Array(full.clone()));
        for length in array.min..full.len() {
            emit(full.iter().take(length).cloned().collect());
        }
        let mut at = String::new();
        let next = spot.below(&full.len().to_string(), &mut at);
        let more = self.build(&array.items, next);
        if let Some(more) = more.filter(|_| !array.first.is_empty()) {
            emit(full.iter().cloned().chain([more]).collect());
        }
        if allowance == 0 {
            return;
        }
        // All items after the first ones have the same schema.
        let different = full.len().min(array.first.len().max(1));
        for i in 0..different {
            let mut schemas = array.item(i).to_vec();
            schemas.extend(array.contains.get(i));
            let (mut at, share) = (String::new(), allowance / different);
            let spot = spot.below(&i.to_string(), &mut at);
            self.vary(&schemas, spot, share, &mut |value| {
                let mut items = full.clone();
                if let Some(item) = items.get_mut(i) {
                    *item = value;
                }
                emit(Value::Array(items));
            });
        }
    }
}

/// Returns the object with a property added or replaced.
pub(super) fn with(object: &Map<String, Value>, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object.insert(name.to_owned(), value);
    Value::Object(object)
}
