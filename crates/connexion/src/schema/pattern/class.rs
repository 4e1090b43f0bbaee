//! Sets of characters in patterns: classes, and escapes that stand for characters.

use std::fmt::Write as _;

use super::ecma::Reader;

/// An inclusive range of code points.
pub(super) type Range = (u32, u32);

/// The first and the second halves of surrogate pairs in UTF-16.
pub(super) const LEADING: Range = (0xd800, 0xdbff);
pub(super) const TRAILING: Range = (0xdc00, 0xdfff);

const LAST: u32 = 0x10_ffff;

/// The characters that `.` does not match.
const LINE_ENDS: &[Range] = &[(0x0a, 0x0a), (0x0d, 0x0d), (0x2028, 0x2029)];

const DIGIT: &[Range] = &[(0x30, 0x39)];
const WORD: &[Range] = &[(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)];
/// `WhiteSpace` and `LineTerminator` of ECMA-262.
const SPACE: &[Range] = &[
    (0x09, 0x0d),
    (0x20, 0x20),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
    (0xfeff, 0xfeff),
];

/// The classes of Java and POSIX that have other names in Unicode.
const POSIX: [(&str, &[Range]); 9] = [
    ("XDigit", &[(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)]),
    ("Alnum", &[(0x30, 0x39), (0x41, 0x5a), (0x61, 0x7a)]),
    ("Digit", DIGIT),
    (
        "Punct",
        &[(0x21, 0x2f), (0x3a, 0x40), (0x5b, 0x60), (0x7b, 0x7e)],
    ),
    ("Graph", &[(0x21, 0x7e)]),
    ("Print", &[(0x20, 0x7e)]),
    ("Blank", &[(0x09, 0x09), (0x20, 0x20)]),
    ("Cntrl", &[(0x00, 0x1f), (0x7f, 0x7f)]),
    ("Space", &[(0x09, 0x0d), (0x20, 0x20)]),
];

/// A set of characters.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    ranges: Vec<Range>,
    /// Unicode properties, in the syntax of the pattern.
    properties: Vec<String>,
}

impl Set {
    fn of(ranges: &[Range]) -> Self {
        Self {
            ranges: ranges.to_vec(),
            properties: Vec::new(),
        }
    }

    fn one(code: u32) -> Self {
        Self::of(&[(code, code)])
    }

    fn add(&mut self, other: Self) {
        self.ranges.extend(other.ranges);
        self.properties.extend(other.properties);
    }

    /// Returns the code point of a set with one element.
    pub(super) fn only(&self) -> Option<u32> {
        match self.ranges.as_slice() {
            [(first, last)] if first == last && self.properties.is_empty() => Some(*first),
            _ => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.properties.is_empty()
    }

    /// Returns whether the set is not empty and within a range.
    pub(super) fn is_within(&self, (first, last): Range) -> bool {
        let is_in = |(from, to): &Range| *from >= first && *to <= last;
        self.properties.is_empty() && !self.ranges.is_empty() && self.ranges.iter().all(is_in)
    }

    /// Returns whether a surrogate is the end of a range. No string contains one.
    pub(super) fn names_surrogates(&self) -> bool {
        let names_one = |(from, to): &Range| is_surrogate(*from) || is_surrogate(*to);
        self.ranges.iter().any(names_one)
    }
}

pub(super) fn is_surrogate(code: u32) -> bool {
    (LEADING.0..=TRAILING.1).contains(&code)
}

pub(super) fn line_ends() -> Set {
    Set::of(LINE_ENDS)
}

/// Returns the code points outside the ranges.
fn complement(ranges: &[Range]) -> Vec<Range> {
    let mut others = Vec::new();
    let mut from = 0;
    for (first, last) in ranges {
        if *first > from {
            others.push((from, first - 1));
        }
        from = last + 1;
    }
    others.push((from, LAST));
    others
}

/// Returns the characters that surrogate pairs of these halves encode.
pub(super) fn pairs(leading: &Set, trailing: &Set) -> Set {
    let code = |lead: u32, trail: u32| 0x1_0000 + ((lead - LEADING.0) << 10) + (trail - TRAILING.0);
    let mut ranges = Vec::new();
    for (first, last) in &leading.ranges {
        for (from, to) in &trailing.ranges {
            if (*from, *to) == TRAILING {
                ranges.push((code(*first, *from), code(*last, *to)));
            } else {
                ranges.extend((*first..=*last).map(|lead| (code(lead, *from), code(lead, *to))));
            }
        }
    }
    Set::of(&ranges)
}

/// Returns the class that matches the set, or its complement. Surrogates are omitted, because no string contains them.
pub(super) fn written(set: &Set, is_negated: bool) -> String {
    let mut items = String::new();
    for (first, last) in &set.ranges {
        let below = (*first, (*last).min(LEADING.0 - 1));
        let above = ((*first).max(TRAILING.1 + 1), *last);
        for (from, to) in [below, above] {
            if from <= to {
                let _ = write!(items, "\\u{{{from:x}}}-\\u{{{to:x}}}");
            }
        }
    }
    for property in &set.properties {
        items.push_str(property);
    }
    match (items.is_empty(), is_negated) {
        // Nothing, or everything.
        (true, false) => "[^\\u{0}-\\u{10ffff}]".to_owned(),
        (true, true) => "[\\u{0}-\\u{10ffff}]".to_owned(),
        (false, false) => format!("[{items}]"),
        (false, true) => format!("[^{items}]"),
    }
}

/// Reads a class after its opening bracket. Returns the set, and whether it is negated.
pub(super) fn read(reader: &mut Reader) -> Option<(Set, bool)> {
    let is_negated = reader.eat("^");
    let mut set = Set::default();
    while !reader.eat("]") {
        let first = atom(reader)?;
        let position = reader.position();
        if !reader.eat("-") || reader.peek() == Some(']') {
            reader.go_back_to(position);
            set.add(first);
            continue;
        }
        let last = atom(reader)?;
        match (first.only(), last.only()) {
            (Some(from), Some(to)) if from <= to => set.ranges.push((from, to)),
            (Some(_), Some(_)) => return None,
            // Annex B: beside a class, the dash is a character.
            _ => {
                reader.output.differs = true;
                set.add(first);
                set.add(Set::one('-'.into()));
                set.add(last);
            }
        }
    }
    if set.is_empty() {
        reader.output.differs = true;
    }
    Some((set, is_negated))
}

fn atom(reader: &mut Reader) -> Option<Set> {
    match reader.next()? {
        '\\' => escape(reader, true),
        letter => Some(Set::one(letter.into())),
    }
}

/// Reads an escape after its backslash, in a class or outside one.
pub(super) fn escape(reader: &mut Reader, in_class: bool) -> Option<Set> {
    let ranges = match reader.next()? {
        'd' => DIGIT.to_vec(),
        'D' => complement(DIGIT),
        'w' => WORD.to_vec(),
        'W' => complement(WORD),
        's' => SPACE.to_vec(),
        'S' => complement(SPACE),
        letter @ ('p' | 'P') => {
            if let Some(set) = property(reader, letter == 'P') {
                return Some(set);
            }
            reader.output.differs = true;
            return Some(Set::one(letter.into()));
        }
        letter => return Some(Set::one(character(reader, letter, in_class))),
    };
    Some(Set::of(&ranges))
}

/// Reads `{Name}` or `{Name=Value}`; reads nothing if it is neither.
fn property(reader: &mut Reader, is_negated: bool) -> Option<Set> {
    let before = reader.position();
    let mut name = String::new();
    let is_one = reader.eat("{") && {
        while let Some(letter) = reader.peek() {
            if !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '=')) {
                break;
            }
            name.push(letter);
            reader.next();
        }
        !name.is_empty() && reader.eat("}")
    };
    if !is_one {
        reader.go_back_to(before);
        return None;
    }
    if let Some((_, ranges)) = POSIX.iter().find(|(known, _)| *known == name) {
        reader.output.differs = true;
        return Some(if is_negated {
            Set::of(&complement(ranges))
        } else {
            Set::of(ranges)
        });
    }
    reader.output.is_doubtful = true;
    let letter = if is_negated { 'P' } else { 'p' };
    Some(Set {
        ranges: Vec::new(),
        properties: vec![format!("\\{letter}{{{name}}}")],
    })
}

/// Returns the code point of an escape that stands for one.
fn character(reader: &mut Reader, letter: char, in_class: bool) -> u32 {
    match letter {
        't' => 0x09,
        'n' => 0x0a,
        'v' => 0x0b,
        'f' => 0x0c,
        'r' => 0x0d,
        'b' if in_class => 0x08,
        'x' => hex(reader, 2).unwrap_or_else(|| itself(reader, 'x')),
        'u' => unicode(reader).unwrap_or_else(|| itself(reader, 'u')),
        'c' => control(reader, in_class),
        '0'..='7' => octal(reader, letter),
        letter if letter.is_ascii_punctuation() && !matches!(letter, '<' | '>' | '_') => {
            letter.into()
        }
        letter => itself(reader, letter),
    }
}

/// Annex B: the backslash is ignored if the letter has no meaning as an escape.
fn itself(reader: &mut Reader, letter: char) -> u32 {
    reader.output.differs = true;
    letter.into()
}

fn hex(reader: &mut Reader, digits: usize) -> Option<u32> {
    let before = reader.position();
    let mut code = 0;
    for _ in 0..digits {
        let Some(digit) = reader.peek().and_then(|letter| letter.to_digit(16)) else {
            reader.go_back_to(before);
            return None;
        };
        reader.next();
        code = code * 16 + digit;
    }
    Some(code)
}

/// Reads the rest of `\u0041`, `\u{41}` or a surrogate pair; reads nothing if it is none of them.
fn unicode(reader: &mut Reader) -> Option<u32> {
    let before = reader.position();
    if reader.eat("{") {
        let mut digits = String::new();
        while let Some(digit) = reader.peek().filter(char::is_ascii_hexdigit) {
            digits.push(digit);
            reader.next();
        }
        let code = u32::from_str_radix(&digits, 16).ok();
        let code = code.filter(|code| *code <= LAST && reader.eat("}"));
        if code.is_none() {
            reader.go_back_to(before);
        }
        return code;
    }
    let lead = hex(reader, 4)?;
    let after = reader.position();
    if (LEADING.0..=LEADING.1).contains(&lead) && reader.eat("\\u") {
        let trail = hex(reader, 4).filter(|code| (TRAILING.0..=TRAILING.1).contains(code));
        if let Some(trail) = trail {
            reader.output.differs = true;
            return Some(0x1_0000 + ((lead - LEADING.0) << 10) + (trail - TRAILING.0));
        }
        reader.go_back_to(after);
    }
    Some(lead)
}

/// Reads the rest of `\cA`. Without a letter, the backslash is a character.
fn control(reader: &mut Reader, in_class: bool) -> u32 {
    reader.output.differs = true;
    let is_control = |letter: &char| {
        letter.is_ascii_alphabetic() || in_class && (letter.is_ascii_digit() || *letter == '_')
    };
    if let Some(letter) = reader.peek().filter(is_control) {
        reader.next();
        return u32::from(letter) % 32;
    }
    reader.go_back_to(reader.position() - 1);
    '\\'.into()
}

/// Reads up to three octal digits, at most `\377`.
fn octal(reader: &mut Reader, first: char) -> u32 {
    reader.output.differs = true;
    let mut code = first.to_digit(8).unwrap_or_default();
    while let Some(digit) = reader.peek().and_then(|letter| letter.to_digit(8)) {
        if code * 8 + digit > 0o377 {
            break;
        }
        reader.next();
        code = code * 8 + digit;
    }
    code
}
