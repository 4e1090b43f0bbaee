//! Translation of patterns from ECMA-262, including annex B, into the syntax of the `regex` and `fancy-regex` crates.
//!
//! The flag `u` is assumed where it has a meaning (`\u{1F600}`, `\p{L}`, surrogate pairs), and not assumed where it
//! would make the pattern invalid (`{` and `]` as characters, `[\w-.]`, `\_`). Strings are matched by characters, not
//! by UTF-16 units: a class of leading surrogates followed by a class of trailing surrogates stands for the characters
//! that such pairs encode.

use super::class::{self, Set};

/// The maximum product of all repetition counts for a pattern that is certainly small.
const MAX_COUNTS: u64 = 1_000;

/// A translated pattern.
#[derive(Debug, Default)]
pub(super) struct Translation {
    pub(super) regex: String,
    /// True if an engine that reads only the syntax of the flag `u` rejects the pattern or reads it differently.
    pub(super) differs: bool,
    /// True if it has look-around or backreferences, which need a backtracking engine.
    pub(super) backtracks: bool,
    /// True if the engine may reject it: it may be large, or names a Unicode property.
    pub(super) is_doubtful: bool,
}

/// Translates a pattern; `None` if it is invalid in ECMA-262.
pub(super) fn translate(pattern: &str) -> Option<Translation> {
    let first = Reader::new(pattern, false).read()?;
    let has_boundaries = pattern.contains("\\b") || pattern.contains("\\B");
    if first.backtracks && has_boundaries {
        return Reader::new(pattern, true).read();
    }
    Some(first)
}

/// Reads a pattern and writes its translation.
pub(super) struct Reader {
    chars: Vec<char>,
    at: usize,
    pub(super) output: Translation,
    open: Vec<Group>,
    /// The number of capturing groups that were opened.
    opened: usize,
    /// The numbers of the capturing groups that were closed.
    closed: Vec<usize>,
    /// The number of capturing groups in the whole pattern, and their names.
    total: usize,
    names: Vec<(String, usize)>,
    counts: u64,
    /// True if the previous token closed a look-ahead.
    follows_look_ahead: bool,
    /// True if the minimum of a repetition is greater than its maximum.
    has_invalid_count: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Group {
    Plain,
    Capturing(usize),
    LookAhead,
    LookBehind,
}

impl Reader {
    fn new(pattern: &str, backtracks: bool) -> Self {
        let chars: Vec<char> = pattern.chars().collect();
        let (total, names) = groups(&chars);
        Self {
            chars,
            at: 0,
            output: Translation {
                backtracks,
                ..Translation::default()
            },
            open: Vec::new(),
            opened: 0,
            closed: Vec::new(),
            total,
            names,
            counts: 1,
            follows_look_ahead: false,
            has_invalid_count: false,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let count = text.chars().count();
        let is_next = rest.len() >= count && rest.iter().zip(text.chars()).all(|(a, b)| *a == b);
        if is_next {
            self.at += count;
        }
        is_next
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn go_back_to(&mut self, position: usize) {
        self.at = position;
    }

    fn read(mut self) -> Option<Translation> {
        while let Some(next) = self.next() {
            self.follows_look_ahead = false;
            let may_repeat = match next {
                '|' | '^' | '$' => {
                    self.output.regex.push(next);
                    false
                }
                '(' => self.open()?,
                ')' => self.close()?,
                '*' | '+' | '?' => return None,
                '.' => {
                    let text = class::written(&class::line_ends(), true);
                    self.output.regex.push_str(&text);
                    true
                }
                '[' => {
                    let class = class::read(&mut self)?;
                    self.class(class)
                }
                '\\' => self.escape()?,
                '{' if self.count().is_some() => return None,
                '{' | '}' | ']' => {
                    self.output.differs = true;
                    self.literal(next.into());
                    true
                }
                _ => {
                    self.literal(next.into());
                    true
                }
            };
            self.quantifier(may_repeat)?;
        }
        if !self.open.is_empty() || self.has_invalid_count {
            return None;
        }
        self.output.is_doubtful |= self.counts > MAX_COUNTS;
        Some(self.output)
    }

    /// Reads the start of a group. Returns `false`, because a quantifier can't follow it.
    fn open(&mut self) -> Option<bool> {
        let (group, text) = if !self.eat("?") {
            (self.capturing(), "(")
        } else if self.eat(":") {
            (Group::Plain, "(?:")
        } else if self.eat("=") {
            (Group::LookAhead, "(?:(?=")
        } else if self.eat("!") {
            (Group::LookAhead, "(?:(?!")
        } else if self.eat("<=") {
            (Group::LookBehind, "(?<=")
        } else if self.eat("<!") {
            (Group::LookBehind, "(?<!")
        } else if self.eat("<") {
            self.name()?;
            (self.capturing(), "(")
        } else if self.eat("i:") {
            (Group::Plain, "(?i:")
        } else if self.eat("-i:") {
            (Group::Plain, "(?-i:")
        } else {
            return None;
        };
        self.output.backtracks |= matches!(group, Group::LookAhead | Group::LookBehind);
        self.open.push(group);
        self.output.regex.push_str(text);
        Some(false)
    }

    fn capturing(&mut self) -> Group {
        self.opened += 1;
        Group::Capturing(self.opened)
    }

    fn close(&mut self) -> Option<bool> {
        let group = self.open.pop()?;
        if let Group::Capturing(number) = group {
            self.closed.push(number);
        }
        self.follows_look_ahead = group == Group::LookAhead;
        self.output
            .regex
            .push_str(if self.follows_look_ahead { "))" } else { ")" });
        Some(group != Group::LookBehind)
    }

    /// Reads the name of a group up to its `>`.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            match self.next()? {
                '>' if name.is_empty() => return None,
                '>' => return Some(name),
                letter if letter.is_alphanumeric() || matches!(letter, '_' | '$') => {
                    name.push(letter);
                }
                _ => return None,
            }
        }
    }

    fn quantifier(&mut self, may_repeat: bool) -> Option<()> {
        let text = match self.peek() {
            Some(sign @ ('*' | '+' | '?')) => {
                self.at += 1;
                sign.to_string()
            }
            Some('{') => {
                let before = self.at;
                self.at += 1;
                let Some((text, count)) = self.count() else {
                    self.at = before;
                    return Some(());
                };
                self.counts = self.counts.saturating_mul(count.max(1));
                text
            }
            _ => return Some(()),
        };
        if !may_repeat {
            // No quantifier is allowed after `(`, `^`, `$` and `|`.
            return None;
        }
        let is_lazy = self.eat("?");
        if self.follows_look_ahead {
            // Annex B: a repeated look-ahead matches once, and an optional one need not match.
            if text.starts_with(['*', '?']) || text.starts_with("{0") {
                self.output.regex.pop();
                self.output.regex.push_str("|)");
            }
            return Some(());
        }
        self.output.regex.push_str(&text);
        if is_lazy {
            self.output.regex.push('?');
        }
        Some(())
    }

    /// Reads `n}`, `n,}` or `n,m}` after a brace, and returns it with the larger number; reads nothing if it is none of
    /// them.
    fn count(&mut self) -> Option<(String, u64)> {
        let before = self.at;
        let found = self.braces();
        if found.is_none() {
            self.at = before;
        }
        found
    }

    fn braces(&mut self) -> Option<(String, u64)> {
        let least = self.digits()?;
        if self.eat("}") {
            return Some((format!("{{{least}}}"), least));
        }
        self.eat(",").then_some(())?;
        if self.eat("}") {
            return Some((format!("{{{least},}}"), least));
        }
        let most = self.digits()?;
        self.eat("}").then_some(())?;
        self.has_invalid_count |= least > most;
        Some((format!("{{{least},{most}}}"), most))
    }

    fn digits(&mut self) -> Option<u64> {
        let mut text = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            text.push(digit);
            self.at += 1;
        }
        text.parse().ok()
    }

    /// Reads an escape outside a class. Returns whether a quantifier may follow.
    fn escape(&mut self) -> Option<bool> {
        let before = self.at;
        match self.next()? {
            boundary @ ('b' | 'B') => {
                self.boundary(boundary == 'B');
                return Some(false);
            }
            // Anchors of Python and other languages, which ECMA-262 has not.
            'A' => self.output.regex.push_str("\\A"),
            'z' | 'Z' => {
                self.output.differs = true;
                self.output.regex.push_str("\\z");
            }
            'k' if !self.names.is_empty() => {
                self.eat("<").then_some(())?;
                let name = self.name()?;
                let (_, number) = self.names.iter().find(|(known, _)| *known == name)?;
                self.back_to(*number);
            }
            '1'..='9' => {
                self.at = before;
                let number = self
                    .digits()
                    .and_then(|number| usize::try_from(number).ok());
                let Some(number) = number.filter(|number| *number <= self.total) else {
                    self.at = before;
                    return self.escaped();
                };
                self.back_to(number);
            }
            _ => {
                self.at = before;
                return self.escaped();
            }
        }
        Some(true)
    }

    /// Reads an escape that stands for characters.
    fn escaped(&mut self) -> Option<bool> {
        let set = class::escape(self, false)?;
        Some(match set.only() {
            Some(code) if !class::is_surrogate(code) => {
                self.literal(code);
                true
            }
            _ => self.class((set, false)),
        })
    }

    /// Writes a class, merged with the next one if they are the halves of surrogate pairs.
    fn class(&mut self, (mut set, is_negated): (Set, bool)) -> bool {
        self.output.differs |= set.names_surrogates() || set.is_empty();
        if !is_negated && set.is_within(class::LEADING) {
            let before = self.at;
            match self.trailing() {
                Some(trailing) => set = class::pairs(&set, &trailing),
                None => self.at = before,
            }
        }
        self.output
            .regex
            .push_str(&class::written(&set, is_negated));
        true
    }

    fn trailing(&mut self) -> Option<Set> {
        let (set, is_negated) = if self.eat("[") {
            class::read(self)?
        } else if self.eat("\\u") {
            self.at -= 1;
            (class::escape(self, false)?, false)
        } else {
            return None;
        };
        (!is_negated && set.is_within(class::TRAILING)).then_some(set)
    }

    fn literal(&mut self, code: u32) {
        let Some(letter) = char::from_u32(code) else {
            return;
        };
        let text = regex_syntax::escape(letter.encode_utf8(&mut [0; 4]));
        self.output.regex.push_str(&text);
    }

    /// Writes a word boundary. Words consist of ASCII characters.
    fn boundary(&mut self, is_negated: bool) {
        const INSIDE: &str =
            "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))";
        const AT: &str = "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))";
        self.output
            .regex
            .push_str(match (self.output.backtracks, is_negated) {
                (true, true) => INSIDE,
                (true, false) => AT,
                (false, true) => "(?-u:\\B)",
                (false, false) => "(?-u:\\b)",
            });
    }

    /// Writes a backreference, which matches nothing if its group is not closed or did not take part in the match.
    fn back_to(&mut self, number: usize) {
        self.output.backtracks = true;
        let text = if self.closed.contains(&number) {
            format!("(?:(?({number})\\{number}|))")
        } else {
            "(?:)".to_owned()
        };
        self.output.regex.push_str(&text);
    }
}

/// Returns the number of capturing groups in a pattern, and their names.
fn groups(chars: &[char]) -> (usize, Vec<(String, usize)>) {
    let (mut total, mut names, mut in_class) = (0, Vec::new(), false);
    let mut rest = chars;
    while let Some((next, after)) = rest.split_first() {
        rest = after;
        match (next, after) {
            ('\\', _) => rest = after.get(1..).unwrap_or_default(),
            ('[', _) => in_class = true,
            (']', _) => in_class = false,
            ('(', ['?', '<', first, ..]) if !in_class && !matches!(first, '=' | '!') => {
                total += 1;
                let name = after.iter().skip(2).take_while(|letter| **letter != '>');
                names.push((name.collect(), total));
            }
            ('(', ['?', ..]) => {}
            ('(', _) if !in_class => total += 1,
            _ => {}
        }
    }
    (total, names)
}
