//! A tree in the syntax of the engines, with everything spelled out so that neither engine's own rules come into play.

use std::fmt::Write as _;

use super::parse::Pattern;
use super::tree::{Anchor, Greed, Node, Set};

/// What a pattern is to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Some part of a text.
    Part,
    /// The whole of it.
    Whole,
}

/// A pattern for an engine.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: String,
    /// Whether only the backtracking engine can run it.
    pub(super) backtracks: bool,
}

/// Writes a pattern.
pub(super) fn write(pattern: &Pattern, extent: Extent) -> Written {
    let mut writer = Writer { text: String::new(), backtracks: false, extent, groups: pattern.groups };
    if extent == Extent::Part {
        writer.node(&pattern.root, Place::ALONE);
    } else {
        writer.text.push_str(r"\A");
        writer.node(&pattern.root, Place { tight: Tight::Sequence, last: true });
        writer.text.push_str(r"\z");
    }
    Written { text: writer.text, backtracks: writer.backtracks }
}

#[derive(Debug)]
struct Writer {
    text: String,
    backtracks: bool,
    extent: Extent,
    groups: usize,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    tight: Tight,
    /// Whether nothing that takes a character comes after it.
    last: bool,
}

/// What surrounds a node, and so whether it needs a group of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tight {
    Group,
    Sequence,
    Repeat,
}

impl Place {
    /// In a group, with more after it.
    const GROUP: Self = Self { tight: Tight::Group, last: false };
    /// On its own.
    const ALONE: Self = Self { tight: Tight::Group, last: true };
}

impl Writer {
    fn node(&mut self, node: &Node, place: Place) {
        match node {
            Node::Anchor(anchor) => self.anchor(*anchor, place.last),
            Node::Atomic(inner) => self.enclosed("(?>", inner),
            Node::Back { group, .. } if *group > self.groups => self.class(&Set::none()),
            Node::Back { group, folded } => {
                self.backtracks = true;
                let flag = if *folded { "i" } else { "" };
                self.push(format_args!("(?{flag}:\\{group})"));
            }
            Node::Capture(inner) => {
                self.text.push('(');
                self.node(inner, Place { tight: Tight::Group, ..place });
                self.text.push(')');
            }
            Node::Choice(nodes) => self.grouped(place, Tight::Sequence, |writer| {
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        writer.text.push('|');
                    }
                    writer.node(node, Place { tight: Tight::Group, ..place });
                }
            }),
            Node::Class(set) => self.class(set),
            Node::Empty => self.grouped(place, Tight::Repeat, |_| {}),
            Node::Grapheme => {
                self.backtracks = true;
                self.text.push_str(GRAPHEME);
            }
            Node::LineBreak => {
                self.text.push_str(r"(?:\x{d}\x{a}|[\x{a}-\x{d}\x{85}\x{2028}\x{2029}])");
            }
            Node::Literal(c) => self.literal(*c),
            Node::Look { behind, negative, inner } => {
                let behind = if *behind { "<" } else { "" };
                let sign = if *negative { '!' } else { '=' };
                self.enclosed(&format!("(?{behind}{sign}"), inner);
            }
            Node::Never => self.class(&Set::none()),
            Node::Repeat { inner, least, most, greed } => self.repeat(inner, (*least, *most), *greed, place),
            Node::Sequence(nodes) => self.grouped(place, Tight::Repeat, |writer| {
                // all after the last node that takes a character stand at the end
                let ends = nodes.iter().rposition(|node| !node.is_zero_width()).unwrap_or(0);
                for (index, node) in nodes.iter().enumerate() {
                    writer.node(node, Place { tight: Tight::Sequence, last: place.last && index >= ends });
                }
            }),
        }
    }

    /// Writes in a group of its own where what surrounds it is as tight as `limit`.
    fn grouped(&mut self, place: Place, limit: Tight, write: impl FnOnce(&mut Self)) {
        if place.tight < limit {
            return write(self);
        }
        self.text.push_str("(?:");
        write(self);
        self.text.push(')');
    }

    /// A group that is tried on its own, so that nothing in it may rely on what comes after.
    fn enclosed(&mut self, opening: &str, inner: &Node) {
        self.backtracks = true;
        self.text.push_str(opening);
        self.node(inner, Place::GROUP);
        self.text.push(')');
    }

    fn repeat(&mut self, inner: &Node, counts: (u32, Option<u32>), greed: Greed, place: Place) {
        if inner.is_zero_width() || counts.1 == Some(0) && inner.captures() {
            return self.repeat_once(inner, counts, greed);
        }
        if greed == Greed::Possessive {
            self.backtracks = true;
            self.text.push_str("(?>");
            // not even a single repetition is reconsidered
            if matches!(inner, Node::Class(_) | Node::Literal(_)) {
                self.node(inner, Place { tight: Tight::Repeat, last: false });
            } else {
                self.enclosed("(?>", inner);
            }
            self.counts(counts);
            self.text.push(')');
            return;
        }
        self.grouped(place, Tight::Repeat, |writer| {
            let last = place.last && counts.1 == Some(1);
            if inner.is_settled_line_break() {
                writer.enclosed("(?>", inner);
            } else {
                writer.node(inner, Place { tight: Tight::Repeat, last });
            }
            writer.counts(counts);
            if greed == Greed::Lazy {
                writer.text.push('?');
            }
        });
    }

    /// Looking around more than once is of no use, and neither engine can do it.
    fn repeat_once(&mut self, inner: &Node, counts: (u32, Option<u32>), greed: Greed) {
        let (before, after) = match (counts, greed) {
            ((1.., _), _) => return self.node(inner, Place { tight: Tight::Repeat, last: false }),
            // never tried, and yet its groups keep their numbers
            ((0, Some(0)), _) => (r"(?:[^\x{0}-\x{10ffff}]", "|)"),
            (_, Greed::Lazy) => ("(?:|", ")"),
            (_, Greed::Greedy) => ("(?:", "|)"),
            (_, Greed::Possessive) => ("(?>", "|)"),
        };
        self.backtracks |= greed == Greed::Possessive;
        self.text.push_str(before);
        self.node(inner, Place { tight: Tight::Sequence, last: false });
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
        let at_end = last && self.extent == Extent::Whole;
        let (text, backtracks) = match anchor {
            Anchor::Start => (r"\A", false),
            Anchor::VeryEnd => (r"\z", false),
            Anchor::WordEdge => (r"\b", false),
            Anchor::NoWordEdge => (r"\B", false),
            Anchor::LastEnd if self.extent == Extent::Whole => (r"\A", false),
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

    fn class(&mut self, set: &Set) {
        if *set == Set::all() {
            self.text.push_str("(?s:.)");
            return;
        }
        self.text.push('[');
        self.set(set);
        self.text.push(']');
    }

    /// What stands in the brackets.
    fn set(&mut self, set: &Set) {
        match set {
            Set::Both(left, right) => {
                self.class_in_class(left);
                self.text.push_str("&&");
                self.class_in_class(right);
            }
            Set::Not(inner) => {
                self.text.push('^');
                self.class_in_class(inner);
            }
            Set::Own => {}
            Set::Property(name) => self.push(format_args!("\\p{{{name}}}")),
            Set::Spans(spans) => self.spans(spans),
            Set::Union(sets) => {
                for set in sets {
                    self.class_in_class(set);
                }
            }
        }
    }

    fn class_in_class(&mut self, set: &Set) {
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

/// `$` under `(?m)`.
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
