//! Proof that answers differ by the ids of their calls alone: the same text, with the id of each
//! call at the same places.

use super::volatile_text::{TextPart, is_whole};

/// A text of an answer, and the ids in the path of its call.
pub(super) struct IdentifiedText<'t> {
    pub(super) text: &'t str,
    pub(super) ids: Vec<&'t str>,
}

/// Returns the text that all answers have in common, with an expression for each id; `None` if they
/// differ in anything else. `names` are the names of the path variables.
pub(super) fn common_text(all: &[IdentifiedText<'_>], names: &[String]) -> Option<Vec<TextPart>> {
    let first = all.first()?;
    let mut at = vec![0; all.len()];
    let mut parts = Vec::new();
    let mut literal = String::new();
    let is_id = |at: &[usize], variable: usize| {
        all.iter().zip(at).all(|(one, at)| {
            let id = one.ids[variable];
            one.text[*at..].starts_with(id) && is_whole(one.text, *at, id.len())
        })
    };
    while at[0] < first.text.len() {
        if let Some(variable) = (0..names.len()).find(|variable| is_id(&at, *variable)) {
            if !literal.is_empty() {
                parts.push(TextPart::Literal(std::mem::take(&mut literal)));
            }
            parts.push(TextPart::Volatile(format!("{{{{request.path.{}}}}}", names[variable])));
            at.iter_mut().zip(all).for_each(|(at, one)| *at += one.ids[variable].len());
            continue;
        }
        let next = first.text[at[0]..].chars().next()?;
        if !all.iter().zip(&at).all(|(one, at)| one.text[*at..].starts_with(next)) {
            return None;
        }
        literal.push(next);
        for at in &mut at {
            *at += next.len_utf8();
        }
    }
    if !literal.is_empty() {
        parts.push(TextPart::Literal(literal));
    }
    let is_whole_text = all.iter().zip(&at).all(|(one, at)| *at == one.text.len());
    is_whole_text.then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::volatile_text::template;

    fn common(all: &[(&'static str, &[&'static str])]) -> Option<String> {
        let all: Vec<_> = all.iter().map(|(text, ids)| IdentifiedText { text, ids: ids.to_vec() }).collect();
        common_text(&all, &["id".to_owned(), "id2".to_owned()][..all[0].ids.len()]).map(|parts| template(&parts))
    }

    #[test]
    fn answers_that_differ_by_their_id_alone_have_a_common_text() {
        let expected = "{\"id\":{{request.path.id}},\"n\":1}";
        let alike: [(&str, &[&str]); 2] = [("{\"id\":1,\"n\":1}", &["1"]), ("{\"id\":22,\"n\":1}", &["22"])];
        assert_eq!(common(&alike).as_deref(), Some(expected));
        let two: [(&str, &[&str]); 2] = [("5 of 7", &["7", "5"]), ("a of b", &["b", "a"])];
        assert_eq!(common(&two).as_deref(), Some("{{request.path.id2}} of {{request.path.id}}"));
        for unlike in [["ann 1", "bob 2"], ["1 and more", "2"], ["1", "2 and more"], ["x11", "x12"]] {
            assert_eq!(common(&[(unlike[0], &["1"]), (unlike[1], &["2"])]), None, "{unlike:?}");
        }
        assert_eq!(common(&[("same", &["1"]), ("same", &["2"])]).as_deref(), Some("same"));
    }
}
