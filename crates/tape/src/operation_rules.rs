//! Rules of a user for operations: segments of paths that are ids or names, and query parameters
//! that tell operations apart.

use std::fmt;

/// Paths whose segments are ids or names whatever they look like, and query parameters that tell
/// operations apart or do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationRules {
    ids: Vec<PathPattern>,
    names: Vec<PathPattern>,
    query_keys: Vec<String>,
    no_query_keys: Vec<String>,
}

/// A path whose segments in braces stand for any segment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PathPattern(Vec<PatternSegment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternSegment {
    Any,
    Literal(String),
}

/// A kind of segment that a user has stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// The segment is an id.
    Id,
    /// The segment is a name.
    Name,
}

/// A rule that states nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRule(&'static str);

impl fmt::Display for InvalidRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl std::error::Error for InvalidRule {}

impl OperationRules {
    /// States that the segments in braces of a path are ids, as in `/products/{slug}`.
    pub fn add_ids(&mut self, path: &str) -> Result<(), InvalidRule> {
        let pattern = PathPattern::parse(path)?;
        if !pattern.0.contains(&PatternSegment::Any) {
            return Err(InvalidRule("the path has no segment in braces; write it as `/products/{id}`"));
        }
        self.ids.push(pattern);
        Ok(())
    }

    /// States that the last segment of a path is a name, as in `/reports/2026` or `/{any}/42`.
    pub fn add_name(&mut self, path: &str) -> Result<(), InvalidRule> {
        let pattern = PathPattern::parse(path)?;
        if matches!(pattern.0.last(), Some(PatternSegment::Any) | None) {
            return Err(InvalidRule("the last segment of the path must be the name; write it as `/reports/2026`"));
        }
        self.names.push(pattern);
        Ok(())
    }

    /// States that calls with different values of a query parameter are different operations.
    pub fn add_query_key(&mut self, key: &str) -> Result<(), InvalidRule> {
        self.query_keys.push(query_key(key)?);
        Ok(())
    }

    /// States that a query parameter tells no operations apart.
    pub fn add_no_query_key(&mut self, key: &str) -> Result<(), InvalidRule> {
        self.no_query_keys.push(query_key(key)?);
        Ok(())
    }

    pub(crate) fn is_query_key(&self, key: &str) -> bool {
        self.query_keys.iter().any(|known| known == key)
    }

    pub(crate) fn is_no_query_key(&self, key: &str) -> bool {
        self.no_query_keys.iter().any(|known| known == key)
    }

    /// Returns what is stated of a segment after these segments.
    pub(crate) fn kind(&self, before: &[&str], segment: &str) -> Option<SegmentKind> {
        let depth = before.len();
        let is_name = self.names.iter().any(|rule| rule.0.len() == depth + 1 && rule.begins(before, segment));
        if is_name {
            return Some(SegmentKind::Name);
        }
        let is_id =
            |rule: &&PathPattern| rule.0.get(depth) == Some(&PatternSegment::Any) && rule.begins(before, segment);
        self.ids.iter().any(|rule| is_id(&rule)).then_some(SegmentKind::Id)
    }

    /// Returns true if nothing is stated.
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.names.is_empty()
    }
}

fn query_key(key: &str) -> Result<String, InvalidRule> {
    if key.is_empty() || key.contains(['=', '&', '?', '/']) {
        return Err(InvalidRule("give the name of a query parameter alone, as in `action`"));
    }
    Ok(key.to_owned())
}

impl PathPattern {
    fn parse(path: &str) -> Result<Self, InvalidRule> {
        let Some(path) = path.strip_prefix('/').filter(|path| !path.is_empty()) else {
            return Err(InvalidRule("a path begins with `/` and has at least one segment"));
        };
        let segments = path.split('/').map(|segment| {
            if segment.starts_with('{') && segment.ends_with('}') {
                PatternSegment::Any
            } else {
                PatternSegment::Literal(segment.to_owned())
            }
        });
        Ok(Self(segments.collect()))
    }

    /// Returns true if the pattern begins with these segments.
    fn begins(&self, before: &[&str], segment: &str) -> bool {
        let all = before.iter().copied().chain(std::iter::once(segment));
        self.0.len() > before.len()
            && self.0.iter().zip(all).all(|(rule, segment)| match rule {
                PatternSegment::Any => true,
                PatternSegment::Literal(literal) => literal == segment,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_state_the_kind_of_a_segment() {
        let mut rules = OperationRules::default();
        rules.add_ids("/products/{slug}").unwrap();
        rules.add_ids("/a/{x}/b/{y}").unwrap();
        rules.add_name("/products/42").unwrap();
        assert_eq!(rules.kind(&["products"], "mug"), Some(SegmentKind::Id));
        assert_eq!(rules.kind(&["products"], "42"), Some(SegmentKind::Name));
        assert_eq!(rules.kind(&[], "products"), None);
        assert_eq!(rules.kind(&["a", "1", "b"], "z"), Some(SegmentKind::Id));
        assert_eq!(rules.kind(&["a", "1", "c"], "z"), None);
        assert!(
            rules.add_ids("/products").is_err() && rules.add_name("/a/{b}").is_err() && rules.add_ids("x").is_err()
        );
    }
}
