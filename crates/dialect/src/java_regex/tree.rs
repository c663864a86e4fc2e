//! A Java pattern as a tree: what the grammar reads and the engines' syntax is written from.
//!
//! Flags are resolved while reading, so that no node depends on them any more.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RegexNode {
    /// A place, not a character.
    Anchor(Anchor),
    /// `(?>x)`: once matched, never reconsidered.
    Atomic(Box<RegexNode>),
    /// A back-reference: the text that a group matched, in any case of its letters where `folded`.
    Back { group: usize, folded: bool },
    /// `(x)`; numbered by the order of their opening.
    Capture(Box<RegexNode>),
    /// Alternatives, such as `x|y`.
    Choice(Vec<RegexNode>),
    /// One character of a set.
    Class(CharSet),
    /// The empty pattern, which matches anywhere.
    Empty,
    /// `\X`: what a reader takes for one character.
    Grapheme,
    /// `\R`: a line break, CR LF being one.
    LineBreak,
    /// A single character that stands for itself.
    Literal(char),
    /// A look-ahead or look-behind, such as `(?=x)` or `(?<!x)`.
    Look { behind: bool, negative: bool, inner: Box<RegexNode> },
    /// Matches nowhere: half a surrogate pair, a group that does not exist.
    Never,
    /// A repetition: `x{least,most}`, `x*`, `x+` or `x?`.
    Repeat { inner: Box<RegexNode>, least: u32, most: Option<u32>, greed: Greediness },
    /// One after the other.
    Sequence(Vec<RegexNode>),
}

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// `\G`: where the match before ended.
    LastEnd,
    /// Beginning of a line: `^` with `(?m)`.
    LineStart { unix: bool },
    /// End of a line: `$` with `(?m)`.
    LineEnd { unix: bool },
    /// `$` and `\Z`: the end, or before the line terminator that ends the text.
    TextEnd { unix: bool },
    /// Beginning of the text: `^` and `\A`.
    Start,
    /// End of the text without a line terminator: `\z`.
    VeryEnd,
    /// Edge of a word: `\b`.
    WordEdge,
    /// Place that is no edge of a word: `\B`.
    NoWordEdge,
}

/// The amount of text that a repetition takes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greediness {
    /// As much as it can.
    Greedy,
    /// As little as it can.
    Lazy,
    /// As much as it can, and gives nothing back.
    Possessive,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CharSet {
    /// Intersection of two sets.
    Both(Box<CharSet>, Box<CharSet>),
    /// Characters not in it.
    Not(Box<CharSet>),
    /// The single characters of the class that is being read, those yet to come included.
    Own,
    /// A property of Unicode, as both engines spell it.
    Property(String),
    /// Code points from and to, both included.
    Spans(Vec<(u32, u32)>),
    /// Union of some sets.
    Union(Vec<CharSet>),
}

/// The greatest length of a part, as Java sums it up: what follows a choice is summed up on its
/// own.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    settled: i32,
    running: i32,
}

impl Length {
    fn plus(self, length: i32) -> Self {
        Self { running: self.running.wrapping_add(length), ..self }
    }

    fn settled(self) -> Self {
        Self { settled: self.total(), running: 0 }
    }

    fn total(self) -> i32 {
        self.settled.wrapping_add(self.running)
    }
}

impl RegexNode {
    /// Returns true if Java sees a greatest length, as it demands inside a look-behind.
    ///
    /// Java sees none at back-references and at repeated groups that can match in more than one
    /// way. No upper bound is as good as the greatest integer: what counts is whether the sum
    /// overflows in the places where Java looks.
    pub(super) fn has_greatest_length(&self) -> bool {
        self.greatest_length(Length::default()).is_some()
    }

    /// Returns the greatest length with what comes `before`, wrapping around as Java's integers do.
    fn greatest_length(&self, before: Length) -> Option<Length> {
        match self {
            Self::Back { .. } => None,
            Self::Class(_) | Self::Literal(_) | Self::Never => Some(before.plus(1)),
            Self::LineBreak => Some(before.plus(2)),
            Self::Sequence(nodes) => nodes.iter().try_fold(before, |length, node| node.greatest_length(length)),
            Self::Choice(nodes) => {
                let length = nodes.iter().map(|node| node.greatest_length(Length::default()).map(Length::total));
                let longest = length.reduce(|one, other| Some(one?.max(other?)))??;
                Some(before.plus(longest).settled())
            }
            Self::Capture(inner) | Self::Atomic(inner) => inner.greatest_length(before),
            Self::Repeat { inner, least: 0, most: Some(1), .. } if inner.is_character() => Some(before.plus(1)),
            Self::Repeat { inner, least: 0, most: Some(1), .. } => {
                let length = inner.greatest_length(Length::default())?.total();
                Some(before.plus(length.max(0)).settled())
            }
            Self::Repeat { inner, most: None, greed: Greediness::Greedy, .. } if inner.is_character() => {
                Some(before.plus(i32::MAX))
            }
            Self::Repeat { inner, most, greed, .. } => {
                let goes_back = *greed != Greediness::Possessive && !matches!(**inner, Self::Atomic(_));
                if goes_back && !inner.is_deterministic() {
                    return None;
                }
                let times = most.map_or(i32::MAX, u32::cast_signed);
                let length = inner.greatest_length(Length::default())?.total().wrapping_mul(times);
                let after = before.plus(length);
                (after.running >= before.running).then_some(after)
            }
            // Java takes no account of a grapheme's length
            Self::Anchor(_) | Self::Empty | Self::Grapheme | Self::Look { .. } => Some(before),
        }
    }

    fn is_character(&self) -> bool {
        matches!(self, Self::Class(_) | Self::Literal(_) | Self::Never)
    }

    /// Returns true if there is only one way to match.
    fn is_deterministic(&self) -> bool {
        match self {
            Self::Choice(_) => false,
            Self::Sequence(nodes) => nodes.iter().all(Self::is_deterministic),
            Self::Capture(inner) | Self::Atomic(inner) => inner.is_deterministic(),
            Self::Repeat { inner, least, most, .. } => Some(*least) == *most && inner.is_deterministic(),
            _ => true,
        }
    }

    /// Returns true if the node holds a `\R` that Java, while it repeats the node, never takes for
    /// a lone CR once it took CR LF.
    pub(super) fn is_settled_line_break(&self) -> bool {
        self.is_deterministic() && self.breaks_line()
    }

    fn breaks_line(&self) -> bool {
        match self {
            Self::LineBreak => true,
            Self::Sequence(nodes) => nodes.iter().any(Self::breaks_line),
            Self::Capture(inner) | Self::Repeat { inner, .. } => inner.breaks_line(),
            _ => false,
        }
    }

    /// Returns true if the node takes no character, wherever it matches.
    pub(super) fn is_zero_width(&self) -> bool {
        match self {
            Self::Anchor(_) | Self::Empty | Self::Look { .. } => true,
            Self::Choice(nodes) | Self::Sequence(nodes) => nodes.iter().all(Self::is_zero_width),
            Self::Capture(inner) | Self::Atomic(inner) | Self::Repeat { inner, .. } => inner.is_zero_width(),
            _ => false,
        }
    }

    /// Returns true if the node contains `^` or another anchor.
    pub(super) fn is_anchored(&self) -> bool {
        match self {
            Self::Anchor(_) => true,
            Self::Sequence(nodes) => nodes.iter().any(Self::is_anchored),
            Self::Capture(inner) | Self::Atomic(inner) => inner.is_anchored(),
            _ => false,
        }
    }

    /// Returns true if the node contains a numbered group.
    pub(super) fn captures(&self) -> bool {
        match self {
            Self::Capture(_) => true,
            Self::Choice(nodes) | Self::Sequence(nodes) => nodes.iter().any(Self::captures),
            Self::Atomic(inner) | Self::Look { inner, .. } | Self::Repeat { inner, .. } => inner.captures(),
            _ => false,
        }
    }

    /// Returns the text that begins every match of the whole, and true if it is the only match.
    pub(super) fn prefix(&self) -> (String, bool) {
        let mut text = String::new();
        let complete = match self {
            // where the whole text is matched, its end is no further condition
            Self::Sequence(nodes) => {
                let ends = nodes.iter().rposition(|node| !node.is_end()).map_or(0, |last| last + 1);
                nodes[..ends].iter().all(|node| node.grow_prefix(&mut text))
            }
            node => node.grow_prefix(&mut text),
        };
        (text, complete)
    }

    /// Returns the longest text that every match of the whole contains, in any case of its ASCII
    /// letters; empty if there is none.
    pub(super) fn required(&self) -> String {
        let mut runs = Runs::default();
        self.run_through(&mut runs);
        runs.end();
        runs.longest
    }

    fn run_through(&self, runs: &mut Runs) {
        match self {
            Self::Literal(c) => runs.current.push(*c),
            Self::Class(set) if let Some(letter) = set.letter() => runs.current.push(letter),
            Self::Sequence(nodes) => nodes.iter().for_each(|node| node.run_through(runs)),
            Self::Capture(inner) | Self::Atomic(inner) => inner.run_through(runs),
            Self::Anchor(_) | Self::Empty | Self::Look { .. } => {}
            Self::Repeat { inner, least, most, .. } => {
                if *least > 0 {
                    inner.run_through(runs);
                }
                // what comes next may be another turn
                if *most != Some(1) || *least == 0 {
                    runs.end();
                }
            }
            _ => runs.end(),
        }
    }

    fn is_end(&self) -> bool {
        matches!(self, Self::Anchor(Anchor::TextEnd { .. } | Anchor::LineEnd { .. } | Anchor::VeryEnd))
    }

    fn grow_prefix(&self, text: &mut String) -> bool {
        match self {
            Self::Literal(c) => {
                text.push(*c);
                true
            }
            Self::Empty => true,
            Self::Anchor(Anchor::Start) if text.is_empty() => true,
            Self::Sequence(nodes) => nodes.iter().all(|node| node.grow_prefix(text)),
            Self::Capture(inner) | Self::Atomic(inner) => inner.grow_prefix(text),
            Self::Repeat { inner, least, .. } => {
                if *least > 0 {
                    inner.grow_prefix(text);
                }
                false
            }
            Self::Choice(nodes) => {
                let prefixes = nodes.iter().map(|node| node.prefix().0);
                text.push_str(&prefixes.reduce(|one, other| common_prefix(one, &other)).unwrap_or_default());
                false
            }
            _ => false,
        }
    }
}

/// Texts that a pattern demands character by character.
#[derive(Default)]
struct Runs {
    current: String,
    longest: String,
}

impl Runs {
    /// Ends the current run of characters: whatever follows is unknown.
    fn end(&mut self) {
        let run = std::mem::take(&mut self.current);
        if run.len() > self.longest.len() {
            self.longest = run;
        }
    }
}

impl CharSet {
    /// Returns the set of all characters.
    pub(super) fn all() -> Self {
        Self::Spans(vec![(0, 0x10_FFFF)])
    }

    /// Returns the empty set.
    pub(super) fn none() -> Self {
        Self::Spans(Vec::new())
    }

    /// Returns the set of a property of Unicode by its name.
    pub(super) fn property(name: &str) -> Self {
        Self::Property(name.to_owned())
    }

    /// Returns the complement of the set.
    pub(super) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Returns the complement of the set if `negated` is true, the set otherwise.
    pub(super) fn negated_if(self, negated: bool) -> Self {
        if negated { self.negated() } else { self }
    }

    /// Returns the intersection with another set.
    pub(super) fn and(self, other: Self) -> Self {
        Self::Both(Box::new(self), Box::new(other))
    }

    /// Returns the union with another set.
    pub(super) fn or(self, other: Self) -> Self {
        match self {
            Self::Union(mut sets) => {
                sets.push(other);
                Self::Union(sets)
            }
            set => Self::Union(vec![set, other]),
        }
    }

    /// Returns the ASCII letter, in lower case, if the set holds one letter in one case or both and
    /// nothing else.
    fn letter(&self) -> Option<char> {
        let Self::Spans(spans) = self else { return None };
        let mut letters = spans.iter().map(|&(low, high)| {
            let c = char::from_u32(low).filter(char::is_ascii_alphabetic)?;
            (low == high).then(|| c.to_ascii_lowercase())
        });
        let first = letters.next()??;
        letters.all(|letter| letter == Some(first)).then_some(first)
    }

    /// Returns the set with `own` in place of [`CharSet::Own`].
    pub(super) fn resolved(self, own: &[(u32, u32)]) -> Self {
        match self {
            Self::Own => Self::Spans(own.to_vec()),
            Self::Both(left, right) => left.resolved(own).and(right.resolved(own)),
            Self::Not(inner) => inner.resolved(own).negated(),
            Self::Union(sets) => Self::Union(sets.into_iter().map(|set| set.resolved(own)).collect()),
            set => set,
        }
    }
}

fn common_prefix(mut left: String, right: &str) -> String {
    let common = left.chars().zip(right.chars()).take_while(|(one, other)| one == other);
    let length = common.map(|(c, _)| c.len_utf8()).sum();
    left.truncate(length);
    left
}
