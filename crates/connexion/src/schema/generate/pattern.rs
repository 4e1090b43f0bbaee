//! Strings that match a pattern: by walking the pattern itself.
//!
//! Whatever looks around or refers back is not understood here, nor is what only ECMAScript has: there is no string then.

use fastrand::Rng;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

use crate::schema::pattern::translated;

/// More alternatives of a pattern than this are not tried one by one.
const MAX_ALTERNATIVES: usize = 16;

/// Repetitions that are tried for the longest string.
const MAX_REPEATS: u32 = 256;

/// A string of more characters is not finished.
const MAX_LENGTH: usize = 2_000;

/// How a pattern becomes a string.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// What is repeated is repeated as often, if it may.
    repeats: u32,
    /// Which alternative is taken; the last one, if there are not as many.
    alternative: usize,
    class: Pick,
}

/// Which character of a class is taken.
#[derive(Clone, Copy, Debug, Default)]
enum Pick {
    /// The plainest: a letter or digit, if there is one.
    #[default]
    Plain,
    First,
    Last,
}

/// Strings that match `pattern`, with so many characters, the plainest first and the longest last; `None` if the pattern
/// is not understood.
pub(super) fn candidates(
    pattern: &str,
    least: usize,
    most: usize,
    rng: &mut Rng,
) -> Option<Vec<String>> {
    let hir = regex_syntax::Parser::new()
        .parse(&translated(pattern))
        .ok()?;
    let make = |way: Way| {
        let mut out = String::new();
        write(&hir, way, &mut out);
        let length = out.chars().count();
        (least..=most).contains(&length).then_some(out)
    };
    let with = |repeats| {
        make(Way {
            repeats,
            ..Way::default()
        })
    };
    let limit = u32::try_from(most).unwrap_or(MAX_REPEATS).min(MAX_REPEATS);
    let mut found = Vec::new();
    let mut add = |text: Option<String>| {
        found.extend(text.filter(|text| !found.contains(text)));
    };
    // The least number of repetitions that makes the string long enough.
    let enough = (1..=limit)
        .find(|repeats| with(*repeats).is_some())
        .unwrap_or(0);
    add(with(enough));
    add(with(0));
    for alternative in 1..MAX_ALTERNATIVES {
        add(make(Way {
            repeats: enough,
            alternative,
            ..Way::default()
        }));
    }
    for class in [Pick::First, Pick::Last] {
        add(make(Way {
            repeats: enough,
            class,
            ..Way::default()
        }));
    }
    add(with(rng.u32(enough..=limit)));
    add((0..=limit).rev().find_map(with));
    Some(found)
}

fn write(hir: &Hir, way: Way, out: &mut String) {
    if out.len() > MAX_LENGTH {
        return;
    }
    match hir.kind() {
        // A boundary has no characters; whether it is there is for the validator to say.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => out.extend(pick(class, way)),
        HirKind::Class(Class::Bytes(class)) => {
            let ranges = class.ranges().iter();
            out.extend(ranges.map(|range| char::from(range.start())).next());
        }
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            let most = max.unwrap_or(u32::MAX);
            for _ in 0..way.repeats.max(*min).min(most) {
                if out.len() > MAX_LENGTH {
                    break;
                }
                write(sub, way, out);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, way, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, way, out)),
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(way.alternative).or(parts.last()) {
                write(part, way, out);
            }
        }
    }
}

fn pick(class: &ClassUnicode, way: Way) -> Option<char> {
    let ranges = class.ranges();
    match way.class {
        // A class of few characters stands for alternatives: `a|b` is read as `[ab]`.
        Pick::Plain
            if way.alternative > 0
                && ranges.iter().map(ClassUnicodeRange::len).sum::<usize>() <= MAX_ALTERNATIVES =>
        {
            let mut all = ranges.iter().flat_map(|range| range.start()..=range.end());
            all.nth(way.alternative)
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
