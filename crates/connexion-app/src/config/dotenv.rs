//! The file `.env`, read as python-dotenv 1.2 reads it, which the legacy service used: an unquoted value ends before
//! ` #` or with its line, a quoted one may have escapes and several lines, `${NAME}` and `${NAME:-default}` stand for
//! other values. `tests/it/dotenv.rs` compares the two.

use std::collections::HashMap;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct DotEnv {
    /// `None` is a name without `=`.
    values: HashMap<String, (Option<String>, usize)>,
    /// The lines that can't be read, each with the name that it would set, if there is one.
    pub(super) broken: Vec<(usize, Option<String>)>,
}

impl DotEnv {
    /// Reads the text of a file. A name in `environment` goes before one of the file in `${NAME}`.
    pub(super) fn parse(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Python's text mode does this, in quoted values too.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut reader = Reader { rest: &text };
        let mut file = Self::default();
        loop {
            reader.skip(is_space);
            if reader.rest.is_empty() {
                return file;
            }
            let line = 1 + text[..text.len() - reader.rest.len()].matches('\n').count();
            let mut key = None;
            if let Some(value) = reader.statement(&mut key) {
                file.set(line, key, value, environment);
            } else {
                reader.skip(|c| c != '\n');
                file.broken.push((line, key.map(str::to_owned)));
            }
        }
    }

    /// The value of a name, and its line.
    pub(super) fn get(&self, name: &str) -> Option<(&str, usize)> {
        let (value, line) = self.values.get(name)?;
        Some((value.as_deref()?, *line))
    }

    /// The names, each with its line.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let values = self.values.iter();
        values.map(|(name, (_, line))| (name.as_str(), *line))
    }

    /// The last line that has a name counts.
    fn set(
        &mut self,
        line: usize,
        key: Option<&str>,
        value: Option<String>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) {
        let Some(key) = key else { return };
        let lookup = |name: &str| {
            let (value, _) = self.values.get(name)?;
            Some(value.clone().unwrap_or_default())
        };
        let lookup = |name: &str| environment(name).or_else(|| lookup(name));
        let value = value.map(|value| interpolated(&value, lookup));
        self.values.insert(key.to_owned(), (value, line));
    }
}

/// What of a text has not been read.
struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// Reads one statement to the end of its line: its key, unless it is a comment, and its value, if it has one. `None`
    /// if it can't be read.
    #[expect(
        clippy::option_option,
        reason = "the outer one is whether it can be read"
    )]
    fn statement(&mut self, key: &mut Option<&'t str>) -> Option<Option<String>> {
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with(is_blank)
        {
            self.rest = after.trim_start_matches(is_blank);
        }
        *key = match self.rest.chars().next() {
            Some('#') => None,
            Some('\'') => {
                let (key, rest) = self.rest.strip_prefix('\'')?.split_once('\'')?;
                self.rest = rest;
                Some(key)
            }
            _ => Some(self.skip(|c| !is_space(c) && c != '=' && c != '#')),
        };
        if *key == Some("") {
            return None;
        }
        self.skip(is_blank);
        let value = if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest;
            Some(self.value()?)
        } else {
            None
        };
        self.skip(is_blank);
        if self.rest.starts_with('#') {
            self.skip(|c| c != '\n');
        }
        (self.rest.is_empty() || self.rest.starts_with('\n')).then_some(value)
    }

    fn value(&mut self) -> Option<String> {
        let has_blank = !self.skip(is_blank).is_empty();
        match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            Some('#') if has_blank => Some(String::new()),
            _ => {
                let line = self.skip(|c| c != '\n');
                let comment = line.match_indices('#').map(|(at, _)| &line[..at]);
                let mut comment = comment.filter(|before| before.ends_with(is_space));
                let value = comment.next().unwrap_or(line);
                Some(value.trim_end_matches(is_space).to_owned())
            }
        }
    }

    /// A value up to its closing quote. A backslash belongs to the character after it, known or not.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    let (_, escaped) = chars.next()?;
                    match unescaped(escaped, quote) {
                        Some(c) => value.push(c),
                        None => value.extend([c, escaped]),
                    }
                }
                c if c == quote => {
                    self.rest = &self.rest[1 + at + 1..];
                    return Some(value);
                }
                c => value.push(c),
            }
        }
        None
    }

    /// Reads as long as characters are accepted.
    fn skip(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (read, rest) = self.rest.split_at(end);
        self.rest = rest;
        read
    }
}

/// The character that an escape stands for, which between single quotes only quotes and backslashes have.
fn unescaped(c: char, quote: char) -> Option<char> {
    match c {
        '\\' | '\'' => Some(c),
        _ if quote == '\'' => None,
        '"' => Some('"'),
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        _ => None,
    }
}

/// Puts the values of `${NAME}` in their places; a name without a value has its default, or is empty.
fn interpolated(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let (mut value, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, default, left)) = variable(after) else {
            value.push_str(before);
            value.push_str("${");
            rest = after;
            continue;
        };
        value.push_str(before);
        value.push_str(&lookup(name).unwrap_or_else(|| default.to_owned()));
        rest = left;
    }
    value + rest
}

/// Splits `NAME}…` or `NAME:-DEFAULT}…` into name, default and rest.
fn variable(text: &str) -> Option<(&str, &str, &str)> {
    let (inside, rest) = text.split_once('}')?;
    match inside.split_once(':') {
        None => Some((inside, "", rest)),
        Some((name, default)) => Some((name, default.strip_prefix('-')?, rest)),
    }
}

/// What Python takes for white space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// White space within a line.
fn is_blank(c: char) -> bool {
    is_space(c) && c != '\n'
}
