//! Equal requests with different responses: scenarios that give the responses in their order.

use std::collections::HashMap;

use super::Draft;

/// Puts the stubs of equal requests in scenarios. The newest stub comes first.
pub(super) fn put_repeats_in_scenarios(drafts: &mut [Draft]) {
    let mut order = Vec::new();
    let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        let key = draft.request_key();
        let group = groups.entry(key.clone()).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(place);
    }
    let repeated = order.iter().map(|key| &groups[key]).filter(|group| group.len() > 1);
    for (number, group) in repeated.enumerate() {
        let parts: Vec<&str> = drafts[group[0]].path.split('/').filter(|part| !part.is_empty()).collect();
        let name = format!("scenario-{}-{}", number + 1, parts.join("-"));
        let state = |count: usize| if count == 1 { "Started".to_owned() } else { format!("{name}-{count}") };
        for (count, place) in (1..).zip(group.iter().rev()) {
            let next = (count < group.len()).then(|| state(count + 1));
            drafts[*place].scenario = Some((name.clone(), state(count), next));
        }
    }
}
