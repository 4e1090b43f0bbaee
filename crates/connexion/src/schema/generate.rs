//! Values made from a schema: valid ones, valid ones at the bounds, and ones that break exactly one keyword.
//!
//! A value is guessed from the keywords, and handed out only if the schema's own validator agrees. So what is not
//! understood here (a pattern that looks around, `not`, a format of the application) costs values, but never makes a
//! wrong one; what is left out is reported.
//!
//! As hypothesis-jsonschema does, `$ref` and `allOf` are joined before anything is made ([`View`]); as schemathesis does
//! in its coverage phase, one property at a time departs from a small valid value, so a value shows one thing. Everything
//! is bounded: the depth, the number of values, and the number of schemas that are looked at.

mod compound;
mod number;
mod pattern;
mod text;
mod view;
mod wrong;

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

/// Valid values that are handed out.
const MAX_VALUES: usize = 500;

/// Random valid values among them.
const RANDOM: usize = 8;

/// Values of an `enum` that are tried.
const MAX_OPTIONS: usize = 250;

/// How often a base is changed until it is valid.
const MAX_REPAIRS: usize = 64;

/// Values that are tried to find invalid ones.
const MAX_TRIED: usize = 1_000;

/// Schemas that are looked at for one schema's values.
const MAX_STEPS: usize = 20_000;

/// Values in an object or array that has everything; beyond it is as small as it can be.
const MAX_FULL: usize = 500;

/// How deep values lie within one another.
const MAX_DEPTH: usize = 12;

/// So deep optional properties and items are there; what lies deeper is as small as it can be.
const MAX_FULL_DEPTH: usize = 3;

/// What [`Validator::generate`](crate::Validator::generate) returns.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Generated {
    /// Values that the schema allows: the smallest, the one with every property, the largest, then values that depart
    /// from the smallest in one place each, then random ones.
    pub valid: Vec<Value>,
    /// Values that break one keyword each.
    pub invalid: Vec<Invalid>,
    /// JSON Pointers into the value of the properties and items for which no valid value was found. The empty one means
    /// that there is no valid value at all.
    pub left_out: Vec<String>,
}

/// A value that breaks exactly one keyword of its schema.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Invalid {
    /// The value.
    pub value: Value,
    /// The keyword that it breaks, such as `maxLength`.
    pub keyword: Cow<'static, str>,
    /// The JSON Pointer to the location in the value.
    pub pointer: String,
}

/// Valid values of schemas, each schema's made once: most operations share a few schemas.
#[derive(Debug, Default)]
pub(crate) struct ValidValues {
    known: HashMap<*const Schema, Rc<[Value]>>,
}

impl ValidValues {
    /// The values of a schema, the plainest first; the same in every program.
    pub(crate) fn of(&mut self, schema: &Arc<Schema>) -> Rc<[Value]> {
        let values = self.known.entry(Arc::as_ptr(schema));
        Rc::clone(values.or_insert_with(|| valid(schema, 0).0.into()))
    }
}

/// Returns the values that the schema allows, and the pointers of what is left out.
pub(super) fn valid(schema: &Schema, seed: u64) -> (Vec<Value>, Vec<String>) {
    let (generator, top) = Generator::of(schema, seed);
    let mut kept = Kept::default();
    // The full one first: what makes it valid makes the smaller ones valid, too.
    let full = generator.base(schema, &top, Mode::Full);
    let small = generator.base(schema, &top, Mode::Small);
    let large = generator.whole(&top, Mode::Large);
    for value in [small, full, large].into_iter().flatten() {
        kept.add(schema, value);
    }
    generator.vary(&top, Spot::top(Mode::Small), MAX_VALUES, &mut |value| {
        kept.add(schema, value);
    });
    for _ in 0..RANDOM {
        if let Some(value) = generator.whole(&top, Mode::Random) {
            kept.add(schema, value);
        }
    }
    let mut left_out = generator.described.take();
    left_out.retain(|pointer| {
        kept.values
            .iter()
            .all(|value| value.pointer(pointer).is_none())
    });
    (kept.values, left_out.into_iter().collect())
}

/// Returns values that break one keyword each: of every keyword at every location the first that was found.
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
struct Kept {
    values: Vec<Value>,
    texts: HashSet<String>,
}

impl Kept {
    fn add(&mut self, schema: &Schema, value: Value) {
        if self.values.len() < MAX_VALUES
            && self.texts.insert(value.to_string())
            && schema.is_valid(&value)
        {
            self.values.push(value);
        }
    }
}

/// How large a value is to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// Only what is required, and the plainest of it.
    Small,
    /// Everything, and the plainest of it.
    Full,
    /// Everything, and the largest of it.
    Large,
    Random,
}

/// Where a value is made, and how large it is to be.
#[derive(Clone, Copy, Debug)]
struct Spot<'a> {
    /// The JSON Pointer of the location in the whole value.
    at: &'a str,
    /// How many values hold it.
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

    /// The spot of what stands under a key; `at` holds its pointer.
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

/// A list of schemas by their addresses: all of them stand in one document.
type Key = Vec<*const Value>;

struct Generator<'s> {
    root: &'s Value,
    rng: RefCell<Rng>,
    /// How many schemas may still be looked at.
    steps: Cell<usize>,
    /// How many values the full value that is being made may still have.
    room: Cell<usize>,
    views: RefCell<HashMap<Key, Rc<Vec<View<'s>>>>>,
    /// By the location how many alternatives there were when a value was last made for it.
    sizes: RefCell<HashMap<String, usize>>,
    /// By the location which of the alternatives is taken, if it is not the first.
    taken: RefCell<BTreeMap<String, usize>>,
    /// Optional properties that no valid value can have.
    banned: RefCell<HashSet<String>>,
    /// The locations that the document describes, as far as values were made for them.
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
            sizes: RefCell::default(),
            taken: RefCell::default(),
            banned: RefCell::default(),
            described: RefCell::default(),
        };
        (generator, top)
    }

    /// A valid value; what makes it invalid is replaced by the next alternative until none is left.
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

    /// Takes the next alternative at a location, or near it.
    fn replace(&self, mut pointer: &str) -> Option<()> {
        loop {
            let size = self.sizes.borrow().get(pointer).copied().unwrap_or(0);
            let mut taken = self.taken.borrow_mut();
            let next = taken.get(pointer).map_or(1, |last| last + 1);
            if next < size {
                taken.insert(pointer.to_owned(), next);
                return Some(());
            }
            taken.remove(pointer);
            if size > 0
                && !pointer.is_empty()
                && self.banned.borrow_mut().insert(pointer.to_owned())
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
        let key: Key = schemas
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

    /// A value that the schemas probably allow; `None` if none was found in the given bounds.
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
            // Whatever recurs ends with the smallest.
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
        self.sizes
            .borrow_mut()
            .insert(spot.at.to_owned(), all.len());
        let taken = self.taken.borrow().get(spot.at).copied().unwrap_or(0);
        let mut left = all.into_iter().skip(taken);
        left.find_map(|(view, choice)| match choice {
            Choice::Given(value) => Some(value),
            Choice::Object => self.object(view, spot),
            Choice::Array => self.array(view, spot),
        })
    }

    /// What a value can be, the plainest first.
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
                            let random = (kind == "string").then(|| text::random(view, &mut rng));
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

    /// The strings, numbers and so on that are tried, the plainest first and the largest last.
    fn scalars(&self, view: &View<'s>, kind: &str) -> Vec<Value> {
        match kind {
            "string" => {
                let made = view
                    .strings
                    .get_or_init(|| text::candidates(view, &mut self.rng.borrow_mut()));
                made.clone()
            }
            "number" | "integer" => number::candidates(view),
            "boolean" => vec![json!(false), json!(true)],
            "null" => vec![Value::Null],
            _ => Vec::new(),
        }
    }

    /// Shows `emit` every value that is tried for the schemas: each is as small as it can be but in one place.
    ///
    /// `allowance` is about how many values are wanted; it is shared among the properties.
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

/// What a value can be.
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
