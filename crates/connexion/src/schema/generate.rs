//! Generation of values from a schema: valid ones, valid ones at the limits, and ones that violate exactly one keyword.
//!
//! Values are guessed from the keywords and returned only if the schema's validator confirms them. A keyword that is
//! not supported here (a pattern with look-around, `not`, a format of the application) results in fewer values, never
//! in wrong ones. Locations without values are reported.
//!
//! As in hypothesis-jsonschema, `$ref` and `allOf` are merged first ([`View`]). As in the coverage phase of
//! schemathesis, each value differs from a small valid one in one property. Depth, number of values and number of
//! visited schemas are limited.

mod compound;
mod invalid;
mod number;
mod pattern;
mod string;
mod view;

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

use fastrand::Rng;
use serde_json::{Value, json};

use self::view::View;
use super::Schema;
use crate::document::node::{push, value_at};

/// The maximum number of valid values, and of invalid ones.
const MAX_VALUES: usize = 500;

/// The number of random values among the valid ones.
const RANDOM: usize = 8;

/// The maximum number of `enum` values that are tried.
const MAX_OPTIONS: usize = 250;

/// The maximum number of attempts to repair a base value.
const MAX_REPAIRS: usize = 64;

/// The maximum number of values that are tried to find invalid ones.
const MAX_TRIED: usize = 1_000;

/// The maximum number of schemas that are visited.
const MAX_STEPS: usize = 20_000;

/// The maximum number of values in a full object or array. Beyond it, parts are as small as possible.
const MAX_FULL: usize = 500;

/// The maximum nesting of a value.
const MAX_DEPTH: usize = 12;

/// The maximum nesting of optional properties and items. Deeper parts are as small as possible.
const MAX_FULL_DEPTH: usize = 3;

/// The values that [`Validator::generate`](crate::Validator::generate) returns.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Generated {
    /// Valid values: the smallest, the one with every property, the largest, those that differ from the smallest in one
    /// location each, and random ones.
    pub valid: Vec<Value>,
    /// Values that violate one keyword each.
    pub invalid: Vec<Invalid>,
    /// JSON Pointers of the properties and items for which no valid value was found. An empty pointer means that no
    /// valid value was found at all.
    pub left_out: Vec<String>,
}

/// A value that violates exactly one keyword of its schema.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Invalid {
    /// The value.
    pub value: Value,
    /// The violated keyword, such as `maxLength`.
    pub keyword: Cow<'static, str>,
    /// The JSON Pointer of the violation.
    pub pointer: String,
}

/// The valid values of schemas. Those of each schema are generated once, because most operations share a few schemas.
#[derive(Debug, Default)]
pub(crate) struct ValidValues {
    known: HashMap<*const Schema, Rc<[Value]>>,
}

impl ValidValues {
    /// Returns the values of a schema, simplest first. They are the same in every process.
    pub(crate) fn of(&mut self, schema: &Arc<Schema>) -> Rc<[Value]> {
        let values = self.known.entry(Arc::as_ptr(schema));
        Rc::clone(values.or_insert_with(|| valid(schema, 0).0.into()))
    }
}

/// Returns valid values, and the pointers of the locations without values.
pub(super) fn valid(schema: &Schema, seed: u64) -> (Vec<Value>, Vec<String>) {
    let (generator, top) = Generator::of(schema, seed);
    let mut set = ValidSet::default();
    // The full value first: the alternatives that make it valid make the smaller ones valid, too.
    let full = generator.base(schema, &top, Mode::Full);
    let small = generator.base(schema, &top, Mode::Small);
    let large = generator.whole(&top, Mode::Large);
    for value in [small, full, large].into_iter().flatten() {
        set.add(schema, value);
    }
    generator.vary(&top, Spot::top(Mode::Small), MAX_VALUES, &mut |value| {
        set.add(schema, value);
    });
    for _ in 0..RANDOM {
        if let Some(value) = generator.whole(&top, Mode::Random) {
            set.add(schema, value);
        }
    }
    let mut left_out = generator.described.take();
    left_out.retain(|pointer| {
        set.values
            .iter()
            .all(|value| value.pointer(pointer).is_none())
    });
    (set.values, left_out.into_iter().collect())
}

/// Returns values that violate one keyword each: the first one for each keyword at each location.
pub(super) fn invalid(schema: &Schema, seed: u64) -> Vec<Invalid> {
    let (generator, top) = Generator::of(schema, seed);
    let bases = [Mode::Full, Mode::Small].map(|mode| generator.base(schema, &top, mode));
    let mut found: Vec<Invalid> = Vec::new();
    let mut left = MAX_TRIED;
    for base in bases.into_iter().flatten() {
        generator.mutate(&top, &base, 0, &mut |value| {
            left = left.saturating_sub(1);
            if left == 0 || found.len() >= MAX_VALUES || schema.is_valid(&value) {
                return;
            }
            let mut violations = schema.body_violations(&value, None).into_iter();
            let (Some(only), None) = (violations.next(), violations.next()) else {
                return;
            };
            let mut known = found.iter();
            if !known.any(|one| one.keyword == only.keyword && one.pointer == only.pointer) {
                let (keyword, pointer) = (only.keyword, only.pointer);
                found.push(Invalid {
                    value,
                    keyword,
                    pointer,
                });
            }
        });
    }
    found
}

/// The valid values so far.
#[derive(Default)]
struct ValidSet {
    values: Vec<Value>,
    texts: HashSet<String>,
}

impl ValidSet {
    fn add(&mut self, schema: &Schema, value: Value) {
        if self.values.len() < MAX_VALUES
            && self.texts.insert(value.to_string())
            && schema.is_valid(&value)
        {
            self.values.push(value);
        }
    }
}

/// The size of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// Only required parts, each as simple as possible.
    Small,
    /// All parts, each as simple as possible.
    Full,
    /// All parts, each as large as possible.
    Large,
    Random,
}

/// The location and size of a value that is generated.
#[derive(Clone, Copy, Debug)]
struct Spot<'a> {
    /// The JSON Pointer of the location.
    at: &'a str,
    /// The number of values that contain the location.
    depth: usize,
    mode: Mode,
}

impl Spot<'_> {
    fn top(mode: Mode) -> Self {
        Self {
            at: "",
            depth: 0,
            mode,
        }
    }

    fn with(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Returns the spot for a key. `at` is the buffer of its pointer.
    fn below<'b>(self, key: &str, at: &'b mut String) -> Spot<'b> {
        self.at.clone_into(at);
        push(at, key);
        Spot {
            at,
            depth: self.depth + 1,
            mode: self.mode,
        }
    }
}

/// The addresses of schemas, all in one document.
type SchemaAddresses = Vec<*const Value>;

struct Generator<'s> {
    root: &'s Value,
    rng: RefCell<Rng>,
    /// The number of schemas that may still be visited.
    steps: Cell<usize>,
    /// The number of values that the current full value may still contain.
    room: Cell<usize>,
    views: RefCell<HashMap<SchemaAddresses, Rc<Vec<View<'s>>>>>,
    /// By location: the number of alternatives when a value was last generated.
    alternatives: RefCell<HashMap<String, usize>>,
    /// By location: the index of the alternative to use, if it is not the first.
    selected: RefCell<BTreeMap<String, usize>>,
    /// Optional properties without a valid value.
    excluded: RefCell<HashSet<String>>,
    /// The described locations for which generation was attempted.
    described: RefCell<BTreeSet<String>>,
}

impl<'s> Generator<'s> {
    fn of(schema: &'s Schema, seed: u64) -> (Self, Vec<&'s Value>) {
        let root = &*schema.root;
        let top = value_at(root, &schema.pointer).into_iter().collect();
        let generator = Self {
            root,
            rng: RefCell::new(Rng::with_seed(seed)),
            steps: Cell::new(MAX_STEPS),
            room: Cell::new(MAX_FULL),
            views: RefCell::default(),
            alternatives: RefCell::default(),
            selected: RefCell::default(),
            excluded: RefCell::default(),
            described: RefCell::default(),
        };
        (generator, top)
    }

    /// Returns a valid value. The part with a violation is replaced by its next alternative until none is left.
    fn base(&self, schema: &Schema, top: &[&'s Value], mode: Mode) -> Option<Value> {
        for _ in 0..MAX_REPAIRS {
            let value = self.whole(top, mode)?;
            if schema.is_valid(&value) {
                return Some(value);
            }
            let violations = schema.body_violations(&value, None);
            self.replace(violations.first()?.pointer.as_str())?;
        }
        None
    }

    /// Selects the next alternative at a location, or at the nearest one that contains it.
    fn replace(&self, mut pointer: &str) -> Option<()> {
        loop {
            let size = self
                .alternatives
                .borrow()
                .get(pointer)
                .copied()
                .unwrap_or(0);
            let mut selected = self.selected.borrow_mut();
            let next = selected.get(pointer).map_or(1, |last| last + 1);
            if next < size {
                selected.insert(pointer.to_owned(), next);
                return Some(());
            }
            selected.remove(pointer);
            if size > 0
                && !pointer.is_empty()
                && self.excluded.borrow_mut().insert(pointer.to_owned())
            {
                return Some(());
            }
            (pointer, _) = pointer.rsplit_once('/')?;
        }
    }

    fn step(&self) -> Option<()> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        Some(())
    }

    fn views(&self, schemas: &[&'s Value]) -> Rc<Vec<View<'s>>> {
        let key: SchemaAddresses = schemas
            .iter()
            .map(|schema| std::ptr::from_ref(*schema))
            .collect();
        if let Some(views) = self.views.borrow().get(&key) {
            return Rc::clone(views);
        }
        let views = Rc::new(View::all(self.root, schemas));
        self.views.borrow_mut().insert(key, Rc::clone(&views));
        views
    }

    fn whole(&self, top: &[&'s Value], mode: Mode) -> Option<Value> {
        self.room.set(MAX_FULL);
        self.build(top, Spot::top(mode))
    }

    /// Builds a value that is probably valid; `None` if none was found within the limits.
    fn build(&self, schemas: &[&'s Value], spot: Spot<'_>) -> Option<Value> {
        self.step()?;
        if spot.depth > MAX_DEPTH {
            return None;
        }
        let spot = match spot.mode {
            Mode::Full | Mode::Large if spot.depth > MAX_FULL_DEPTH => spot.with(Mode::Small),
            _ if self.room.get() == 0 => spot.with(Mode::Small),
            _ => spot,
        };
        self.room.set(self.room.get().saturating_sub(1));
        let views = self.views(schemas);
        let mut views: Vec<&View<'s>> = views.iter().collect();
        match spot.mode {
            // The smallest first, so that recursion ends.
            Mode::Small => views.sort_by_key(|view| view.least_size()),
            Mode::Random => self.rng.borrow_mut().shuffle(&mut views),
            Mode::Full | Mode::Large => {}
        }
        let all = views.iter().flat_map(|view| {
            let choices = self.choices(view, spot.mode).into_iter();
            choices.map(move |choice| (view, choice))
        });
        let all: Vec<_> = all.collect();
        if all.is_empty() {
            return None;
        }
        self.described.borrow_mut().insert(spot.at.to_owned());
        self.alternatives
            .borrow_mut()
            .insert(spot.at.to_owned(), all.len());
        let index = self.selected.borrow().get(spot.at).copied().unwrap_or(0);
        let mut left = all.into_iter().skip(index);
        left.find_map(|(view, choice)| match choice {
            Choice::Given(value) => Some(value),
            Choice::Object => self.object(view, spot),
            Choice::Array => self.array(view, spot),
        })
    }

    /// Returns the alternatives for a value, simplest first.
    fn choices(&self, view: &View<'s>, mode: Mode) -> Vec<Choice> {
        if let Some(options) = &view.options {
            let fits = |value: &&&Value| view.may_be(kind_of(value));
            let options = options.iter().filter(fits).take(MAX_OPTIONS);
            return options
                .map(|value| Choice::Given((*value).clone()))
                .collect();
        }
        let mut choices = Vec::new();
        for kind in view.kinds() {
            match kind {
                "object" => choices.push(Choice::Object),
                "array" => choices.push(Choice::Array),
                _ => {
                    let mut values = self.scalars(view, kind);
                    match mode {
                        Mode::Large => values.reverse(),
                        Mode::Random => {
                            let mut rng = self.rng.borrow_mut();
                            rng.shuffle(&mut values);
                            let random = (kind == "string").then(|| string::random(view, &mut rng));
                            values.splice(0..0, random.flatten());
                        }
                        Mode::Small | Mode::Full => {}
                    }
                    choices.extend(values.into_iter().map(Choice::Given));
                }
            }
        }
        choices
    }

    /// Returns the candidates of a scalar type, simplest first and largest last.
    fn scalars(&self, view: &View<'s>, kind: &str) -> Vec<Value> {
        match kind {
            "string" => {
                let made = view
                    .strings
                    .get_or_init(|| string::candidates(view, &mut self.rng.borrow_mut()));
                made.clone()
            }
            "number" | "integer" => number::candidates(view),
            "boolean" => vec![json!(false), json!(true)],
            "null" => vec![Value::Null],
            _ => Vec::new(),
        }
    }

    /// Calls `emit` with every candidate for the schemas. Each is as small as possible except in one location.
    ///
    /// `allowance` is the approximate number of values; the properties share it.
    fn vary(
        &self,
        schemas: &[&'s Value],
        spot: Spot<'_>,
        allowance: usize,
        emit: &mut dyn FnMut(Value),
    ) {
        if spot.depth > MAX_DEPTH || self.step().is_none() {
            return;
        }
        let views = self.views(schemas);
        if !views.is_empty() {
            self.described.borrow_mut().insert(spot.at.to_owned());
        }
        let allowance = allowance / views.len().max(1);
        for view in views.iter() {
            for choice in self.choices(view, Mode::Small) {
                if self.step().is_none() {
                    return;
                }
                match choice {
                    Choice::Given(value) => emit(value),
                    Choice::Object => self.vary_object(view, spot, allowance, emit),
                    Choice::Array => self.vary_array(view, spot, allowance, emit),
                }
            }
            view.samples
                .iter()
                .for_each(|sample| emit((*sample).clone()));
        }
    }
}

/// An alternative for a value.
enum Choice {
    Given(Value),
    Object,
    Array,
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
