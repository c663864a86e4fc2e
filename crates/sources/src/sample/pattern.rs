//! Texts for the regular expressions of schemas (ECMA-262), as far as they are regular.

use std::ops::RangeInclusive;

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};

/// Returns the `place`-th text for the first pattern that the others and a length allow.
pub(super) fn sample(patterns: &[&str], lengths: RangeInclusive<usize>, place: usize) -> Option<String> {
    let others: Vec<regex::Regex> = patterns.iter().filter_map(|pattern| regex::Regex::new(pattern).ok()).collect();
    let parsed: Vec<Hir> = patterns.iter().filter_map(|pattern| parse(pattern)).collect();
    let candidates = parsed.iter().flat_map(|hir| {
        let ends_open = !hir.properties().look_set_suffix().contains_anchor();
        // one repetition looks better than none
        [1, 0].into_iter().chain(2..=MAX_MORE).filter_map(move |more| {
            let mut writer = TextWriter { more, place, text: String::new() };
            writer.write(hir)?;
            if place > 0 && ends_open {
                writer.text.push(char::from(b'a' + (place % 26) as u8));
            }
            Some((writer.text, ends_open))
        })
    });
    candidates
        .map(|(text, ends_open)| if ends_open { padded(text, *lengths.start()) } else { text })
        .find(|text| lengths.contains(&text.chars().count()) && others.iter().all(|other| other.is_match(text)))
}

/// Returns the pattern as a tree; without its look-around if it has some.
fn parse(pattern: &str) -> Option<Hir> {
    let parse = |pattern: &str| regex_syntax::Parser::new().parse(pattern).ok();
    parse(pattern).or_else(|| parse(&without_look_around(pattern)))
}

/// Removes groups such as `(?=…)`, which do not consume anything.
fn without_look_around(pattern: &str) -> String {
    let (mut kept, mut rest) = (String::new(), pattern);
    while let Some(start) = ["(?=", "(?!", "(?<=", "(?<!"].iter().filter_map(|open| rest.find(open)).min() {
        kept.push_str(&rest[..start]);
        let (mut depth, mut is_escaped) = (0_usize, false);
        let end = rest[start..].char_indices().find(|(_, c)| {
            match c {
                _ if is_escaped => {}
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            is_escaped = *c == '\\' && !is_escaped;
            depth == 0
        });
        rest = end.map_or("", |(at, _)| &rest[start + at + 1..]);
    }
    kept + rest
}

/// Makes a text longer.
fn padded(mut text: String, least: usize) -> String {
    let missing = least.saturating_sub(text.chars().count());
    let last = text.chars().next_back().unwrap_or('a');
    text.extend(std::iter::repeat_n(last, missing));
    text
}

/// Writes a text that a pattern matches.
struct TextWriter {
    /// Repetitions beyond the least number.
    more: u32,
    /// Number of the text among those that must differ.
    place: usize,
    text: String,
}

impl TextWriter {
    fn write(&mut self, hir: &Hir) -> Option<()> {
        if self.text.len() > MAX_BYTES {
            return None;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.text.push_str(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(class) => self.text.push(character(class, self.place)?),
            HirKind::Repetition(repetition) => {
                let most = repetition.max.unwrap_or(u32::MAX);
                for _ in 0..repetition.min.saturating_add(self.more).min(most) {
                    self.write(&repetition.sub)?;
                }
            }
            HirKind::Capture(group) => self.write(&group.sub)?,
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.write(part))?,
            HirKind::Alternation(choices) => self.write(&choices[self.place % choices.len()])?,
        }
        Some(())
    }
}

/// Returns the `place`-th character of a class: a letter or digit if it has some.
fn character(class: &Class, place: usize) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let has = |c: char| class.iter().any(|range| (range.start()..=range.end()).contains(&c));
    let common: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').filter(|c| has(*c)).collect();
    if !common.is_empty() {
        return common.get(place % common.len()).copied();
    }
    let shown = (' '..='~').find(|c| has(*c));
    shown.or_else(|| class.iter().next().map(ClassUnicodeRange::start))
}

/// Maximum number of repetitions beyond the least.
const MAX_MORE: u32 = 300;

/// Maximum size of a sample text.
const MAX_BYTES: usize = 1 << 20;
