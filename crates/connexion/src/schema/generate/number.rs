//! Generation of numbers: simplest first, greatest last.

use serde_json::{Number, Value};

use super::view::View;
use crate::schema::{dialect, integer};

/// The limits of the numbers that a view allows.
struct Bounds {
    /// For integers. Without a limit in the document, those of 64 bits, because handlers read no others.
    least: i128,
    greatest: i128,
    /// For numbers.
    low: f64,
    high: f64,
    steps: Vec<f64>,
}

/// Returns the integers to try, and numbers with a fraction if the view allows them.
pub(super) fn candidates(view: &View<'_>) -> Vec<Value> {
    let bounds = Bounds::of(view);
    let mut found = Vec::new();
    let mut add = |number: Option<Number>| {
        let value = number.map(Value::Number);
        found.extend(value.filter(|value| !found.contains(value)));
    };
    let (least, greatest) = (bounds.least, bounds.greatest);
    let mut fractions = Vec::new();
    if view.may_be("number") {
        let (low, high) = (bounds.low, bounds.high);
        fractions = vec![0.5, 1.25, low + 0.5, low / 2.0 + high / 2.0, low, high];
        fractions.retain(|number| (low..=high).contains(number));
    }
    if least <= greatest {
        for number in [1.clamp(least, greatest), 0, -1, least] {
            add(integer(bounds.whole(number)));
        }
    }
    for number in &fractions {
        add(Number::from_f64(bounds.fraction(*number)));
    }
    if least <= greatest {
        add(integer(bounds.whole(greatest)));
    }
    found
}

/// Returns numbers that are probably outside the limits.
pub(super) fn beyond(view: &View<'_>) -> Vec<Value> {
    let Bounds {
        least,
        greatest,
        low,
        high,
        steps,
    } = Bounds::of(view);
    let step = steps.first().map_or(1, |step| float_to_int(*step).max(1));
    let whole = [least - 1, greatest + 1, 0, 1, least - step, greatest + step];
    let whole = whole.map(integer);
    let near = [low - 1.0, high + 1.0, low + 0.5, low, high].map(Number::from_f64);
    let numbers = whole.into_iter().chain(near).flatten();
    numbers.map(Value::Number).collect()
}

impl Bounds {
    fn of(view: &View<'_>) -> Self {
        let mut bounds = Self {
            least: i64::MIN.into(),
            greatest: i64::MAX.into(),
            low: f64::MIN,
            high: f64::MAX,
            steps: Vec::new(),
        };
        let is_bounded = |end: &str| view.numbers.iter().any(|(key, _)| key.ends_with(end));
        // A limit beyond 64 bits replaces the default.
        if is_bounded("inimum") {
            bounds.least = i128::MIN / 4;
        }
        if is_bounded("aximum") {
            bounds.greatest = i128::MAX / 4;
        }
        for (key, value) in &view.numbers {
            bounds.meet(key, value);
        }
        bounds
    }

    fn meet(&mut self, key: &str, value: &Value) {
        let number = value.as_f64().unwrap_or_default();
        match key {
            "minimum" => {
                self.low = self.low.max(number);
                self.least = self.least.max(whole(value, number.ceil()));
            }
            "exclusiveMinimum" => {
                self.low = self.low.max(number.next_up());
                self.least = self.least.max(whole(value, number.floor()) + 1);
            }
            "maximum" => {
                self.high = self.high.min(number);
                self.greatest = self.greatest.min(whole(value, number.floor()));
            }
            "exclusiveMaximum" => {
                self.high = self.high.min(number.next_down());
                self.greatest = self.greatest.min(whole(value, number.ceil()) - 1);
            }
            "multipleOf" => self.steps.push(number),
            integer::INTEGER_RANGE => {
                let (least, greatest) = match value.as_str() {
                    Some("int32") => (i32::MIN.into(), i32::MAX.into()),
                    _ => (i64::MIN.into(), i64::MAX.into()),
                };
                self.least = self.least.max(least);
                self.greatest = self.greatest.min(greatest);
            }
            dialect::FLOAT_RANGE => {
                self.low = self.low.max(f32::MIN.into());
                self.high = self.high.min(f32::MAX.into());
            }
            _ => {}
        }
    }

    /// Returns the nearest multiple of `multipleOf` within the limits.
    fn whole(&self, number: i128) -> i128 {
        let steps = self.steps.iter().filter(|step| step.fract() == 0.0);
        let mut steps = steps
            .map(|step| float_to_int(*step))
            .filter(|step| *step > 0);
        let Some(step) = steps.next() else {
            return number;
        };
        let below = number.div_euclid(step) * step;
        if below < self.least {
            below + step
        } else {
            below
        }
    }

    fn fraction(&self, number: f64) -> f64 {
        let Some(step) = self.steps.first().filter(|step| **step > 0.0) else {
            return number;
        };
        let below = (number / step).floor() * step;
        if below < self.low {
            below + step
        } else {
            below
        }
    }
}

/// Returns the exact integer of a limit, or the rounded float.
fn whole(value: &Value, rounded: f64) -> i128 {
    let exact = value.as_i64().map(i128::from);
    let exact = exact.or_else(|| value.as_u64().map(i128::from));
    exact.unwrap_or_else(|| float_to_int(rounded))
}

/// Limited to half of the range, so that one can be added or subtracted.
#[expect(clippy::cast_possible_truncation, reason = "a float saturates")]
fn float_to_int(number: f64) -> i128 {
    (number as i128).clamp(i128::MIN / 2, i128::MAX / 2)
}

fn integer(number: i128) -> Option<Number> {
    let signed = i64::try_from(number).ok().map(Number::from);
    signed.or_else(|| u64::try_from(number).ok().map(Number::from))
}
