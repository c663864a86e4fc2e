//! WireMock's path templates: `/contacts/{id}`. Most are told by their segments, without a regular
//! expression.

use regex::Regex;

/// A path with variables: `/contacts/{id}`. A variable is one or more characters but `/`; `**` is
/// anything.
#[derive(Clone, Debug)]
pub struct PathTemplate {
    text: String,
    segments: Vec<TemplateSegment>,
    /// Set when the segments alone do not tell: `**`, or text beside a variable.
    pattern: Option<Regex>,
    names: Vec<String>,
}

/// A part of a template between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSegment {
    /// A segment that matches itself.
    Literal(String),
    /// A segment that matches any text.
    Variable,
    /// Text and variables mixed, or `**`.
    Mixed,
}

enum TemplateToken {
    /// A segment that matches itself.
    Literal(String),
    Variable(String),
    Wildcard,
}

impl PathTemplate {
    /// Compiles a template. Every text is a template: an unclosed `{` stands for itself.
    pub fn new(text: &str) -> Self {
        let tokens = tokens(text);
        let mut names = Vec::new();
        let mut wildcards = 0;
        let mut pattern = String::from("^(?s:");
        for token in &tokens {
            match token {
                TemplateToken::Literal(literal) => pattern.push_str(&regex::escape(literal)),
                TemplateToken::Variable(name) => {
                    names.push(name.clone());
                    pattern.push_str("([^/]+)");
                }
                TemplateToken::Wildcard => {
                    names.push(wildcards.to_string());
                    wildcards += 1;
                    pattern.push_str("(.*?)");
                }
            }
        }
        pattern.push_str(")$");
        let segments: Vec<TemplateSegment> = text.split('/').map(segment).collect();
        let mixed = segments.contains(&TemplateSegment::Mixed);
        Self { text: text.to_owned(), segments, pattern: mixed.then(|| Regex::new(&pattern).ok()).flatten(), names }
    }

    /// Returns the template as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the template with `_` for each variable, from which WireMock measures the distance
    /// of a path.
    pub fn sample(&self) -> String {
        let part = |token| match token {
            TemplateToken::Literal(literal) => literal,
            TemplateToken::Variable(_) | TemplateToken::Wildcard => "_".to_owned(),
        };
        tokens(&self.text).into_iter().map(part).collect()
    }

    /// Returns the names of the variables, in the order of the template.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns true if a whole path has this form.
    pub fn matches(&self, path: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(path),
            None => self.variables_by_segment(path, |_| {}),
        }
    }

    /// Returns the value of a variable in a path of this form, without decoding it. Of two
    /// variables with one name, the last counts.
    pub fn variable<'p>(&self, name: &str, path: &'p str) -> Option<&'p str> {
        let place = self.names.iter().rposition(|known| known == name)?;
        if let Some(pattern) = &self.pattern {
            return pattern.captures(path)?.get(place + 1).map(|found| found.as_str());
        }
        let mut values = Vec::new();
        self.variables_by_segment(path, |value| values.push(value)).then(|| values.get(place).copied())?
    }

    /// Returns the segments of the template, in order.
    pub fn segments(&self) -> &[TemplateSegment] {
        &self.segments
    }

    fn variables_by_segment<'p>(&self, path: &'p str, mut found: impl FnMut(&'p str)) -> bool {
        let mut parts = path.split('/');
        for segment in &self.segments {
            match (segment, parts.next()) {
                (TemplateSegment::Literal(literal), Some(part)) if literal == part => {}
                (TemplateSegment::Variable, Some(part)) if !part.is_empty() => found(part),
                _ => return false,
            }
        }
        parts.next().is_none()
    }
}

fn segment(text: &str) -> TemplateSegment {
    match tokens(text).as_slice() {
        [] => TemplateSegment::Literal(String::new()),
        [TemplateToken::Literal(literal)] => TemplateSegment::Literal(literal.clone()),
        [TemplateToken::Variable(_)] => TemplateSegment::Variable,
        _ => TemplateSegment::Mixed,
    }
}

fn tokens(text: &str) -> Vec<TemplateToken> {
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let variable = rest
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .filter(|(name, _)| !name.is_empty() && !name.contains(['/', '{']));
        if let Some((name, after)) = variable {
            flush(&mut literal, &mut tokens);
            tokens.push(TemplateToken::Variable(name.replace(['.', ';', '*'], "")));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            flush(&mut literal, &mut tokens);
            tokens.push(TemplateToken::Wildcard);
            rest = after;
        } else {
            literal.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    flush(&mut literal, &mut tokens);
    tokens
}

fn flush(literal: &mut String, tokens: &mut Vec<TemplateToken>) {
    if !literal.is_empty() {
        tokens.push(TemplateToken::Literal(std::mem::take(literal)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_matches_whole_paths() {
        for (template, path, expected) in [
            ("/contacts/{id}", "/contacts/123", true),
            ("/contacts/{id}", "/contacts/", false),
            ("/contacts/{id}", "/contacts/1/2", false),
            ("/{tenant}/home", "/acme/home", true),
            ("/{tenant}/home", "/home", false),
            ("/a/{b", "/a/{b", true),
            ("/a/{b", "/a/1", false),
            ("/files/**", "/files/a/b", true),
            ("/files/**/end", "/files/a/b/end", true),
            ("/files/{name}.json", "/files/x.json", true),
            ("/files/{name}.json", "/files/x/y.json", false),
            ("/a.c/{x}", "/abc/1", false),
        ] {
            assert_eq!(PathTemplate::new(template).matches(path), expected, "{template} against {path}");
        }
    }

    #[test]
    fn variables_are_found_by_name() {
        let template = PathTemplate::new("/v1/{a}/x/{b}");
        assert_eq!(template.variable("b", "/v1/one/x/two"), Some("two"));
        assert_eq!(template.variable("c", "/v1/one/x/two"), None);
        let mixed = PathTemplate::new("/f/{name}.{kind}/**");
        assert_eq!(mixed.variable("kind", "/f/a.json/x/y"), Some("json"));
        assert_eq!(mixed.variable("0", "/f/a.json/x/y"), Some("x/y"));
    }

    proptest::proptest! {
        #[test]
        fn every_template_matches_its_sample(text in "[ab/{}*.;]{0,16}|\\PC{0,16}") {
            let template = PathTemplate::new(&text);
            let sample = template.sample();
            proptest::prop_assert!(template.matches(&sample), "{}", sample);
            for name in template.names() {
                proptest::prop_assert!(template.variable(name, &sample).is_some(), "{}", name);
            }
        }
    }
}
