//! The entity tags that a client sends in `If-Match` and `If-None-Match` (RFC 9110, section 8.8.3).

/// The value of `If-Match` or `If-None-Match`: `*`, or a list of entity tags (RFC 9110, sections 13.1.1 and 13.1.2).
///
/// ```
/// use connexion::EntityTags;
///
/// let tags = EntityTags::parse(r#""a,b", W/"c""#).ok_or("not a list of entity tags")?;
/// assert!(tags.match_strongly(r#""a,b""#) && tags.match_weakly(r#""c""#));
/// assert!(!tags.match_strongly(r#""c""#) && !tags.match_weakly(r#""a""#));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EntityTags<'t>(Tags<'t>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Tags<'t> {
    /// `*`: any representation.
    Any,
    /// Each with its quotes, and `W/` if it is weak.
    Listed(Vec<&'t str>),
}

impl<'t> EntityTags<'t> {
    /// Parses the value of one of the two headers. Returns `None` if it is neither `*` nor a list of entity tags.
    ///
    /// A `*` in a list is invalid, and within the quotes of a tag it is an ordinary character.
    pub fn parse(value: &'t str) -> Option<Self> {
        let value = value.trim_matches(WHITESPACE);
        if value == "*" {
            return Some(Self(Tags::Any));
        }
        let mut tags = Vec::new();
        let mut rest = value;
        loop {
            // Empty elements are allowed (section 5.6.1.2).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return (!tags.is_empty()).then_some(Self(Tags::Listed(tags)));
            }
            let (tag, after) = split_first_tag(rest)?;
            tags.push(tag);
            rest = after.trim_start_matches(WHITESPACE);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }

    /// Returns whether the value is `*`, which matches every representation.
    pub fn is_any(&self) -> bool {
        self.0 == Tags::Any
    }

    /// Compares as `If-Match` does: a weak tag on either side never matches (section 8.8.3.2).
    pub fn match_strongly(&self, etag: &str) -> bool {
        match &self.0 {
            Tags::Any => true,
            Tags::Listed(tags) => !etag.starts_with(WEAK) && tags.contains(&etag),
        }
    }

    /// Compares as `If-None-Match` does: it does not matter whether a tag is weak.
    pub fn match_weakly(&self, etag: &str) -> bool {
        match &self.0 {
            Tags::Any => true,
            Tags::Listed(tags) => tags.iter().any(|tag| opaque(tag) == opaque(etag)),
        }
    }
}

const WEAK: &str = "W/";

const WHITESPACE: [char; 2] = [' ', '\t'];

/// Returns the tag without `W/`.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix(WEAK).unwrap_or(tag)
}

/// Splits a list after its first tag.
fn split_first_tag(list: &str) -> Option<(&str, &str)> {
    let content = opaque(list).strip_prefix('"')?;
    let length = content.find('"')?;
    let is_allowed = |c: char| c != ' ' && !c.is_control();
    content
        .get(..length)
        .filter(|content| content.chars().all(is_allowed))?;
    let quotes_and_mark = list.len() - content.len() + 1;
    list.split_at_checked(quotes_and_mark + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_is_valid_only_alone() {
        assert!(EntityTags::parse(" * ").is_some_and(|tags| tags.is_any()));
        for text in [r#"*, "a""#, r#""a", *"#, "*,*", r"W/*"] {
            assert_eq!(EntityTags::parse(text), None, "{text}");
        }
        let quoted = EntityTags::parse(r#""x,*,y", "*""#).unwrap();
        assert!(!quoted.is_any() && quoted.match_strongly(r#""x,*,y""#));
        assert!(!quoted.match_strongly(r#""a""#) && !quoted.match_weakly(r#""y""#));
    }

    #[test]
    fn list_of_entity_tags_is_parsed_by_the_grammar_of_rfc_9110() {
        for text in [
            r#""a""#,
            r#","b",, "a" ,"#,
            "\t\"a\"\t,W/\"b\"",
            r#""\", "a""#,
            r#""é", "a""#,
            r#""", "a""#,
        ] {
            let tags = EntityTags::parse(text);
            assert!(
                tags.is_some_and(|tags| tags.match_strongly(r#""a""#)),
                "{text}"
            );
        }
        for text in [
            "",
            ",",
            "a",
            "'a'",
            r#""a"#,
            r#"a""#,
            r#""a" "b""#,
            r#""a";"b""#,
            r#"w/"a""#,
            r#"W/ "a""#,
            r#"W"a""#,
            r#""a b""#,
            "\"a\u{7f}\"",
        ] {
            assert_eq!(EntityTags::parse(text), None, "{text}");
        }
    }

    /// The table of section 8.8.3.2.
    #[test]
    fn weak_entity_tags_match_only_in_weak_comparison() {
        for (sent, own, strong, weak) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
            (r#""1""#, r#"W/"1""#, false, true),
        ] {
            let tags = EntityTags::parse(sent).unwrap();
            assert_eq!(tags.match_strongly(own), strong, "{sent} {own}");
            assert_eq!(tags.match_weakly(own), weak, "{sent} {own}");
        }
    }
}
