//! Character classes: ranges, unions and intersections as the JVM reads them.
//!
//! The right side of `&&` reaches to the next `&&` or the end. Single characters of a class form
//! one set that keeps growing after it took part in an intersection, as in the JVM: `[abc&&[b]&x]`
//! holds `a`.

use super::cursor::error;
use super::escape::EscapedItem;
use super::parse::RegexParser;
use super::tree::CharSet;
use super::{Flags, fold};
use crate::SyntaxError;

/// A class that is being read.
#[derive(Debug, Default)]
struct ClassBuilder {
    /// Single characters of the class, as ranges of code points.
    own: Vec<(u32, u32)>,
    /// True if some of the single characters are not yet part of `sets`.
    has_own: bool,
    sets: Option<CharSet>,
    /// The set that was read last, or the right side of the last `&&`.
    last: Option<CharSet>,
}

impl RegexParser {
    /// Reads a class, the cursor being at its `[`; it ends behind the `]`.
    pub(super) fn class(&mut self) -> Result<CharSet, SyntaxError> {
        self.deeper(|parser| parser.class_up_to_bracket(true))
    }

    /// Reads a class, the cursor being before its first character. The right side of `&&` leaves
    /// the `]` to its class.
    fn class_up_to_bracket(&mut self, takes_bracket: bool) -> Result<CharSet, SyntaxError> {
        let open = self.cursor.at();
        let mut class = ClassBuilder::default();
        let mut c = self.cursor.advance();
        let negated = c == '^' && self.cursor.before() == Some('[');
        if negated {
            c = self.cursor.advance();
        }
        loop {
            match c {
                '[' => {
                    class.add(Some(self.class()?));
                    c = self.cursor.peek();
                    continue;
                }
                '&' if self.cursor.advance() == '&' => {
                    self.cursor.advance();
                    let right = self.right_side()?;
                    if class.intersect(right).is_none() {
                        return error(open, "`&&` has nothing on one of its sides", "write `\\&` for the character");
                    }
                    c = self.cursor.peek();
                    continue;
                }
                '&' => self.cursor.unread(),
                '\0' if self.cursor.is_over() => {
                    let help = "add `]`, or write `\\[` for the character";
                    return error(open, "the character class that begins here is not closed", help);
                }
                ']' if class.has_own || class.sets.is_some() => {
                    if takes_bracket {
                        self.cursor.advance();
                    }
                    return Ok(class.finish().negated_if(negated));
                }
                _ => {}
            }
            let item = self.class_item(&mut class.own)?;
            class.add(item);
            c = self.cursor.peek();
        }
    }

    /// Reads what stands on the right of `&&`.
    fn right_side(&mut self) -> Result<Option<CharSet>, SyntaxError> {
        let mut right: Option<CharSet> = None;
        loop {
            let part = match self.cursor.peek() {
                ']' | '&' => return Ok(right),
                '[' => self.class()?,
                _ => {
                    self.cursor.unread();
                    self.deeper(|parser| parser.class_up_to_bracket(false))?
                }
            };
            right = Some(match right {
                Some(sets) => sets.or(part),
                None => part,
            });
        }
    }

    /// Reads a character, a range or an escape. A single character goes to `own`.
    fn class_item(&mut self, own: &mut Vec<(u32, u32)>) -> Result<Option<CharSet>, SyntaxError> {
        let low = if self.cursor.peek() == '\\' {
            match self.escape(true, self.cursor.raw(2) == '-')? {
                EscapedItem::Code(code) => code,
                EscapedItem::Set(set) => return Ok(Some(set)),
                EscapedItem::Node(_) => return Ok(Some(CharSet::none())),
            }
        } else {
            self.cursor.read().into()
        };
        let flags = self.cursor.flags;
        if self.cursor.peek() == '-' && !matches!(self.cursor.raw(1), '[' | ']') {
            let at = self.cursor.at();
            self.cursor.advance();
            let high = self.range_end()?.filter(|high| low <= *high);
            let Some(high) = high else {
                return error(
                    at,
                    "`-` makes no range here",
                    "put the lower end first, or write `\\-` for the character",
                );
            };
            return Ok(Some(CharSet::Spans(fold::range(low, high, flags))));
        }
        let variants = fold::variants(low, flags);
        if low < 256 && (!flags.has(Flags::UNICODE_CASE) || variants.iter().all(|&(_, high)| high < 256)) {
            own.extend(variants);
            return Ok(None);
        }
        Ok(Some(CharSet::Spans(variants)))
    }

    fn range_end(&mut self) -> Result<Option<u32>, SyntaxError> {
        if self.cursor.peek() != '\\' {
            return Ok(Some(self.cursor.read().into()));
        }
        Ok(match self.escape(true, true)? {
            EscapedItem::Code(code) => Some(code),
            _ => None,
        })
    }
}

impl ClassBuilder {
    /// Adds what was read; `None` stands for a single character.
    fn add(&mut self, item: Option<CharSet>) {
        self.last.clone_from(&item);
        match (item, self.sets.take()) {
            (None, sets) => {
                self.has_own = true;
                self.sets = sets;
            }
            (Some(item), Some(sets)) => self.sets = Some(sets.or(item)),
            (Some(item), None) => self.sets = Some(item),
        }
    }

    /// Keeps what is also in `right`; without one, what was read last. `None` where there is
    /// nothing to intersect.
    fn intersect(&mut self, right: Option<CharSet>) -> Option<()> {
        if std::mem::take(&mut self.has_own) {
            if self.sets.is_none() {
                self.last = Some(CharSet::Own);
            }
            self.sets = Some(self.sets.take().map_or(CharSet::Own, |sets| sets.or(CharSet::Own)));
        }
        if right.is_some() {
            self.last = right;
        }
        let last = self.last.clone()?;
        self.sets = Some(match self.sets.take() {
            Some(sets) => sets.and(last),
            None => last,
        });
        Some(())
    }

    fn finish(self) -> CharSet {
        let own = self.has_own.then_some(CharSet::Own);
        let set = match (self.sets, own) {
            (Some(sets), Some(own)) => sets.or(own),
            (sets, own) => sets.or(own).unwrap_or(CharSet::Own),
        };
        set.resolved(&self.own)
    }
}
