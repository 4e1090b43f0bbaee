//! Generation of strings that match a pattern, by traversal of the parsed pattern.
//!
//! Look-around, backreferences and syntax that only ECMAScript has are not supported.

use fastrand::Rng;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

use crate::schema::pattern::translated;

/// The maximum number of alternatives that are tried one by one.
const MAX_ALTERNATIVES: usize = 16;

/// The maximum number of repetitions for the longest string.
const MAX_REPEATS: u32 = 256;

/// The approximate maximum length of a string.
const MAX_LENGTH: usize = 2_000;

/// The decisions by which a pattern becomes a string.
#[derive(Clone, Copy, Debug, Default)]
struct Recipe {
    /// The number of repetitions, within the limits of the pattern.
    repeats: u32,
    /// The index of the alternative, or the last one if there are fewer.
    alternative: usize,
    class: Pick,
}

/// The character that is taken from a class.
#[derive(Clone, Copy, Debug, Default)]
enum Pick {
    /// The simplest: a letter or digit, if the class has one.
    #[default]
    Plain,
    First,
    Last,
}

/// Returns strings that match `pattern` with `least` to `most` characters, simplest first and longest last; `None` if
/// the pattern is not supported.
pub(super) fn candidates(
    pattern: &str,
    least: usize,
    most: usize,
    rng: &mut Rng,
) -> Option<Vec<String>> {
    let hir = regex_syntax::Parser::new()
        .parse(&translated(pattern))
        .ok()?;
    let make = |recipe: Recipe| {
        let mut out = String::new();
        write(&hir, recipe, &mut out);
        let length = out.chars().count();
        (least..=most).contains(&length).then_some(out)
    };
    let with = |repeats| {
        make(Recipe {
            repeats,
            ..Recipe::default()
        })
    };
    let limit = u32::try_from(most).unwrap_or(MAX_REPEATS).min(MAX_REPEATS);
    let mut found = Vec::new();
    let mut add = |text: Option<String>| {
        found.extend(text.filter(|text| !found.contains(text)));
    };
    // The lowest number of repetitions for which the string is long enough.
    let enough = (1..=limit)
        .find(|repeats| with(*repeats).is_some())
        .unwrap_or(0);
    add(with(enough));
    add(with(0));
    for alternative in 1..MAX_ALTERNATIVES {
        add(make(Recipe {
            repeats: enough,
            alternative,
            ..Recipe::default()
        }));
    }
    for class in [Pick::First, Pick::Last] {
        add(make(Recipe {
            repeats: enough,
            class,
            ..Recipe::default()
        }));
    }
    add(with(rng.u32(enough..=limit)));
    add((0..=limit).rev().find_map(with));
    Some(found)
}

fn write(hir: &Hir, recipe: Recipe, out: &mut String) {
    if out.len() > MAX_LENGTH {
        return;
    }
    match hir.kind() {
        // An assertion adds no characters. The validator decides whether it holds.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => out.extend(pick(class, recipe)),
        HirKind::Class(Class::Bytes(class)) => {
            let ranges = class.ranges().iter();
            out.extend(ranges.map(|range| char::from(range.start())).next());
        }
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            let most = max.unwrap_or(u32::MAX);
            for _ in 0..recipe.repeats.max(*min).min(most) {
                if out.len() > MAX_LENGTH {
                    break;
                }
                write(sub, recipe, out);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, recipe, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, recipe, out)),
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(recipe.alternative).or(parts.last()) {
                write(part, recipe, out);
            }
        }
    }
}

fn pick(class: &ClassUnicode, recipe: Recipe) -> Option<char> {
    let ranges = class.ranges();
    match recipe.class {
        // A class of few characters is treated as alternatives: `a|b` is parsed as `[ab]`.
        Pick::Plain
            if recipe.alternative > 0
                && ranges.iter().map(ClassUnicodeRange::len).sum::<usize>() <= MAX_ALTERNATIVES =>
        {
            let mut all = ranges.iter().flat_map(|range| range.start()..=range.end());
            all.nth(recipe.alternative)
                .or(ranges.last().map(ClassUnicodeRange::end))
        }
        Pick::Plain => {
            let has = |one: &char| {
                let mut all = ranges.iter();
                all.any(|range| (range.start()..=range.end()).contains(one))
            };
            let plain = ('a'..='z')
                .chain('0'..='9')
                .chain('A'..='Z')
                .chain(' '..='~');
            plain
                .into_iter()
                .find(has)
                .or(ranges.first().map(ClassUnicodeRange::start))
        }
        Pick::First => ranges.first().map(ClassUnicodeRange::start),
        Pick::Last => ranges.last().map(ClassUnicodeRange::end),
    }
}
