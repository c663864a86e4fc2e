//! Names that stay: of an operation's files, and the ids of stubs. Each depends on the call alone,
//! so that a tape more renames nothing.

use uuid::Uuid;

use super::digest8;

/// Returns a file name for an operation: `get-inventory-id` for `GET /inventory/{id}`; with a hash
/// if another operation could have the same name.
pub fn slug(operation: &str) -> String {
    let lower = operation.to_ascii_lowercase();
    let mut parts = lower.split([' ', '/']).filter(|part| !part.is_empty());
    let is_plain = |part: &str| {
        let variable = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        variable.map_or_else(|| is_word(part) && !is_variable(part), is_variable)
    };
    let is_unique = lower.len() <= MAX_NAME_CHARS
        && parts.all(is_plain)
        && !lower.contains("//")
        && !lower.ends_with('/')
        && operation.split_once(' ').is_none_or(|(_, path)| !path.bytes().any(|byte| byte.is_ascii_uppercase()));
    let mut slug = String::new();
    for c in lower.chars().take(MAX_NAME_CHARS) {
        match c {
            c if c.is_ascii_alphanumeric() || c == '_' => slug.push(c),
            '{' | '}' => {}
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches('-');
    if is_unique { slug.to_owned() } else { format!("{slug}-{}", digest8(operation.as_bytes())) }
}

/// Returns the id of the stub that asks this.
pub(super) fn id(identity: &str) -> Uuid {
    Uuid::new_v5(&ID_NAMESPACE, identity.as_bytes())
}

/// Returns true if a path variable may have this name.
fn is_variable(part: &str) -> bool {
    ["id", "redacted"]
        .iter()
        .any(|name| part.strip_prefix(name).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())))
}

/// The name space of drafted stubs.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x2f0a_91c4_5be7_4d18_8c36_d1f7_09a2_6e5b);

/// Characters of an operation that its files are named by.
const MAX_NAME_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_names_that_no_other_has() {
        assert_eq!(slug("GET /inventory/{id}/parts"), "get-inventory-id-parts");
        let operations = [
            "GET /a/b",
            "GET /a-b",
            "GET /a/id",
            "GET /a/{id}",
            "GET /a/B",
            "GET /a/b/",
            "GET /a//b",
            "GET /",
            "GET //",
            "GET /a%2Fb",
            "POST /a/b",
            "GET /%C3%A4",
        ];
        let mut slugs: Vec<String> = operations.iter().map(|operation| slug(operation)).collect();
        assert!(slugs.iter().all(|slug| slug.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))));
        assert!(slug(&format!("GET /{}", "x".repeat(500))).len() < 100);
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), operations.len());
    }
}
