//! Enumerations and counts within a sentence.

/// Returns the items as an enumeration, with `conjunction` before the last one: `a, b and c`. Empty
/// without items.
pub fn list<T: AsRef<str>>(items: &[T], conjunction: &str) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} {conjunction} {last}", before.join(", ")),
        _ => items.concat(),
    }
}

/// Returns names between backticks as an enumeration, with `conjunction` before the last one: ``
/// `a`, `b` and `c` ``.
pub fn list_quoted<T: AsRef<str>>(names: &[T], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    list(&quoted, conjunction)
}

/// Returns a number with its noun in the singular or the plural: `1 call`, `2 calls`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_item_has_the_conjunction() {
        assert_eq!(list::<&str>(&[], "and"), "");
        assert_eq!(list(&["a"], "and"), "a");
        assert_eq!(list(&["a", "b", "c"], "or"), "a, b or c");
        assert_eq!(list_quoted(&["a", "b"], "and"), "`a` and `b`");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "call")), ["0 calls", "1 call", "2 calls"]);
    }
}
