//! A tree in the syntax of the engines, with everything spelled out so that neither engine's own
//! rules come into play.

use std::fmt::Write as _;

use super::parse::ParsedPattern;
use super::tree::{Anchor, CharSet, Greediness, RegexNode};

/// The extent of a text that a pattern is to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MatchExtent {
    /// Some part of a text.
    Part,
    /// The whole of it.
    Whole,
}

/// A pattern for an engine.
#[derive(Debug)]
pub(super) struct EngineSource {
    pub(super) text: String,
    /// True if only the backtracking engine can run the text.
    pub(super) backtracks: bool,
}

/// Translates a pattern into the syntax of the engines.
pub(super) fn write(pattern: &ParsedPattern, extent: MatchExtent) -> EngineSource {
    let mut writer = RegexWriter { text: String::new(), backtracks: false, extent, groups: pattern.groups };
    if extent == MatchExtent::Part {
        writer.node(&pattern.root, WriteContext::ALONE);
    } else {
        writer.text.push_str(r"\A");
        writer.node(&pattern.root, WriteContext { tight: Grouping::Sequence, last: true });
        writer.text.push_str(r"\z");
    }
    EngineSource { text: writer.text, backtracks: writer.backtracks }
}

#[derive(Debug)]
struct RegexWriter {
    text: String,
    backtracks: bool,
    extent: MatchExtent,
    groups: usize,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug)]
struct WriteContext {
    tight: Grouping,
    /// True if nothing that takes a character follows.
    last: bool,
}

/// The surroundings of a node, from which follows whether it needs a group of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grouping {
    Group,
    Sequence,
    Repeat,
}

impl WriteContext {
    /// In a group, with more after it.
    const GROUP: Self = Self { tight: Grouping::Group, last: false };
    /// A node that has nothing beside it.
    const ALONE: Self = Self { tight: Grouping::Group, last: true };
}

impl RegexWriter {
    fn node(&mut self, node: &RegexNode, place: WriteContext) {
        match node {
            RegexNode::Anchor(anchor) => self.anchor(*anchor, place.last),
            RegexNode::Atomic(inner) => self.enclosed("(?>", inner),
            RegexNode::Back { group, .. } if *group > self.groups => self.class(&CharSet::none()),
            RegexNode::Back { group, folded } => {
                self.backtracks = true;
                let flag = if *folded { "i" } else { "" };
                self.push(format_args!("(?{flag}:\\{group})"));
            }
            RegexNode::Capture(inner) => {
                self.text.push('(');
                self.node(inner, WriteContext { tight: Grouping::Group, ..place });
                self.text.push(')');
            }
            RegexNode::Choice(nodes) => self.grouped(place, Grouping::Sequence, |writer| {
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        writer.text.push('|');
                    }
                    writer.node(node, WriteContext { tight: Grouping::Group, ..place });
                }
            }),
            RegexNode::Class(set) => self.class(set),
            RegexNode::Empty => self.grouped(place, Grouping::Repeat, |_| {}),
            RegexNode::Grapheme => {
                self.backtracks = true;
                self.text.push_str(GRAPHEME);
            }
            RegexNode::LineBreak => {
                self.text.push_str(r"(?:\x{d}\x{a}|[\x{a}-\x{d}\x{85}\x{2028}\x{2029}])");
            }
            RegexNode::Literal(c) => self.literal(*c),
            RegexNode::Look { behind, negative, inner } => {
                let behind = if *behind { "<" } else { "" };
                let sign = if *negative { '!' } else { '=' };
                self.enclosed(&format!("(?{behind}{sign}"), inner);
            }
            RegexNode::Never => self.class(&CharSet::none()),
            RegexNode::Repeat { inner, least, most, greed } => self.repeat(inner, (*least, *most), *greed, place),
            RegexNode::Sequence(nodes) => self.grouped(place, Grouping::Repeat, |writer| {
                // all after the last node that takes a character stand at the end
                let ends = nodes.iter().rposition(|node| !node.is_zero_width()).unwrap_or(0);
                for (index, node) in nodes.iter().enumerate() {
                    writer.node(node, WriteContext { tight: Grouping::Sequence, last: place.last && index >= ends });
                }
            }),
        }
    }

    /// Writes in a group of its own where what surrounds it is as tight as `limit`.
    fn grouped(&mut self, place: WriteContext, limit: Grouping, write: impl FnOnce(&mut Self)) {
        if place.tight < limit {
            return write(self);
        }
        self.text.push_str("(?:");
        write(self);
        self.text.push(')');
    }

    /// Writes a group that is tried on its own, so that nothing in it relies on what follows.
    fn enclosed(&mut self, opening: &str, inner: &RegexNode) {
        self.backtracks = true;
        self.text.push_str(opening);
        self.node(inner, WriteContext::GROUP);
        self.text.push(')');
    }

    fn repeat(&mut self, inner: &RegexNode, counts: (u32, Option<u32>), greed: Greediness, place: WriteContext) {
        if inner.is_zero_width() || counts.1 == Some(0) && inner.captures() {
            return self.repeat_once(inner, counts, greed);
        }
        if greed == Greediness::Possessive {
            self.backtracks = true;
            self.text.push_str("(?>");
            // not even a single repetition is reconsidered
            if matches!(inner, RegexNode::Class(_) | RegexNode::Literal(_)) {
                self.node(inner, WriteContext { tight: Grouping::Repeat, last: false });
            } else {
                self.enclosed("(?>", inner);
            }
            self.counts(counts);
            self.text.push(')');
            return;
        }
        self.grouped(place, Grouping::Repeat, |writer| {
            let last = place.last && counts.1 == Some(1);
            if inner.is_settled_line_break() {
                writer.enclosed("(?>", inner);
            } else {
                writer.node(inner, WriteContext { tight: Grouping::Repeat, last });
            }
            writer.counts(counts);
            if greed == Greediness::Lazy {
                writer.text.push('?');
            }
        });
    }

    /// Writes a repeated look-around once: more is of no use, and neither engine can repeat it.
    fn repeat_once(&mut self, inner: &RegexNode, counts: (u32, Option<u32>), greed: Greediness) {
        let (before, after) = match (counts, greed) {
            ((1.., _), _) => return self.node(inner, WriteContext { tight: Grouping::Repeat, last: false }),
            // never tried, and yet its groups keep their numbers
            ((0, Some(0)), _) => (r"(?:[^\x{0}-\x{10ffff}]", "|)"),
            (_, Greediness::Lazy) => ("(?:|", ")"),
            (_, Greediness::Greedy) => ("(?:", "|)"),
            (_, Greediness::Possessive) => ("(?>", "|)"),
        };
        self.backtracks |= greed == Greediness::Possessive;
        self.text.push_str(before);
        self.node(inner, WriteContext { tight: Grouping::Sequence, last: false });
        self.text.push_str(after);
    }

    fn counts(&mut self, counts: (u32, Option<u32>)) {
        match counts {
            (0, Some(1)) => self.text.push('?'),
            (0, None) => self.text.push('*'),
            (1, None) => self.text.push('+'),
            (least, None) => self.push(format_args!("{{{least},}}")),
            (least, Some(most)) if least == most => self.push(format_args!("{{{least}}}")),
            (least, Some(most)) => self.push(format_args!("{{{least},{most}}}")),
        }
    }

    fn anchor(&mut self, anchor: Anchor, last: bool) {
        let at_end = last && self.extent == MatchExtent::Whole;
        let (text, backtracks) = match anchor {
            Anchor::Start => (r"\A", false),
            Anchor::VeryEnd => (r"\z", false),
            Anchor::WordEdge => (r"\b", false),
            Anchor::NoWordEdge => (r"\B", false),
            Anchor::LastEnd if self.extent == MatchExtent::Whole => (r"\A", false),
            Anchor::LastEnd => (r"\G", true),
            // nothing that follows takes a character, and yet the whole text is taken
            Anchor::TextEnd { .. } | Anchor::LineEnd { .. } if at_end => (r"\z", false),
            Anchor::TextEnd { unix: true } => (r"(?=\x{a}?\z)", true),
            Anchor::TextEnd { unix: false } => (TEXT_END, true),
            Anchor::LineEnd { unix: true } => (r"(?:\z|(?=\x{a}))", true),
            Anchor::LineEnd { unix: false } => (LINE_END, true),
            Anchor::LineStart { unix: true } => (r"(?:(?:\A|(?<=\x{a}))(?!\z))", true),
            Anchor::LineStart { unix: false } => (LINE_START, true),
        };
        self.text.push_str(text);
        self.backtracks |= backtracks;
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii_alphanumeric() || c == '/' || c == '_' {
            self.text.push(c);
        } else {
            self.push(format_args!("\\x{{{:x}}}", c as u32));
        }
    }

    fn class(&mut self, set: &CharSet) {
        if *set == CharSet::all() {
            self.text.push_str("(?s:.)");
            return;
        }
        self.text.push('[');
        self.set(set);
        self.text.push(']');
    }

    /// Writes the inside of the brackets of a class.
    fn set(&mut self, set: &CharSet) {
        match set {
            CharSet::Both(left, right) => {
                self.class_in_class(left);
                self.text.push_str("&&");
                self.class_in_class(right);
            }
            CharSet::Not(inner) => {
                self.text.push('^');
                self.class_in_class(inner);
            }
            CharSet::Own => {}
            CharSet::Property(name) => self.push(format_args!("\\p{{{name}}}")),
            CharSet::Spans(spans) => self.spans(spans),
            CharSet::Union(sets) => {
                for set in sets {
                    self.class_in_class(set);
                }
            }
        }
    }

    fn class_in_class(&mut self, set: &CharSet) {
        self.text.push('[');
        self.set(set);
        self.text.push(']');
    }

    fn spans(&mut self, spans: &[(u32, u32)]) {
        let before = self.text.len();
        for &(low, high) in spans {
            // halves of surrogate pairs are in no text
            for (low, high) in [(low, high.min(0xd7ff)), (low.max(0xe000), high)] {
                if low <= high {
                    self.push(format_args!("\\x{{{low:x}}}-\\x{{{high:x}}}"));
                }
            }
        }
        if self.text.len() == before {
            self.text.push_str(r"^\x{0}-\x{10ffff}");
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // writing to a string cannot fail
        let _ = self.text.write_fmt(text);
    }
}

/// `$`: never between CR and LF.
const TEXT_END: &str = r"(?:\z|(?=(?:\x{d}\x{a}?|[\x{85}\x{2028}\x{2029}])\z)|(?<!\x{d})(?=\x{a}\z))";

/// End of a line, `$` under `(?m)`, in the syntax of the engines.
const LINE_END: &str = r"(?:\z|(?=[\x{d}\x{85}\x{2028}\x{2029}])|(?<!\x{d})(?=\x{a}))";

/// `^` under `(?m)`: not after a terminator that ends the text, and never between CR and LF.
const LINE_START: &str = r"(?:(?:\A|(?<=[\x{a}\x{85}\x{2028}\x{2029}])|(?<=\x{d})(?!\x{a}))(?!\z))";

/// An extended grapheme cluster, by the expressions of table 1c in Unicode Standard Annex #29.
const GRAPHEME: &str = concat!(
    r"(?>\x{d}\x{a}|[\p{gcb=CN}\p{gcb=CR}\p{gcb=LF}]|\p{gcb=PP}*(?:",
    r"\p{gcb=L}*(?:\p{gcb=V}+|\p{gcb=LV}\p{gcb=V}*|\p{gcb=LVT})\p{gcb=T}*|\p{gcb=L}+|\p{gcb=T}+",
    r"|\p{gcb=RI}\p{gcb=RI}",
    r"|\p{Extended_Pictographic}(?:\p{gcb=EX}*\p{gcb=ZWJ}\p{Extended_Pictographic})*",
    r"|[^\p{gcb=CN}\p{gcb=CR}\p{gcb=LF}])[\p{gcb=EX}\p{gcb=ZWJ}\p{gcb=SM}]*|(?s:.))",
);
