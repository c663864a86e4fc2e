//! Escapes: characters by their code, classes, anchors, references to groups.

use super::cursor::error;
use super::parse::RegexParser;
use super::tree::{Anchor, CharSet, RegexNode};
use super::{Flags, property};
use crate::SyntaxError;

/// The meaning of an escape.
#[derive(Debug)]
pub(super) enum EscapedItem {
    /// A code unit or code point, half a surrogate pair included.
    Code(u32),
    /// Something that is no character.
    Node(RegexNode),
    /// One of several characters.
    Set(CharSet),
}

impl RegexParser {
    /// Reads an escape, the cursor being at its backslash. At either end of a range `\v` is but the
    /// vertical tab.
    pub(super) fn escape(&mut self, in_class: bool, in_range: bool) -> Result<EscapedItem, SyntaxError> {
        let start = self.cursor.at();
        if self.cursor.raw(1) == '\0' && self.cursor.raw(2) == '\0' {
            self.cursor.advance_raw();
            if self.cursor.is_over() {
                return error(start, "the pattern ends with a single `\\`", "write `\\\\` for the character");
            }
            self.cursor.unread();
        }
        let c = self.cursor.skip();
        let code = match c {
            'a' => 0x7,
            'e' => 0x1b,
            'f' => 0xc,
            'n' => 0xa,
            'r' => 0xd,
            't' => 0x9,
            'v' if in_range => 0xb,
            '0' => self.octal(start)?,
            'x' => self.hexadecimal(start)?,
            'u' => self.utf16(start)?,
            'c' => self.control(start)?,
            'p' | 'P' => return self.property(c == 'P', start).map(EscapedItem::Set),
            'N' => {
                let help = "write the character itself, or `\\x{…}` with its code point";
                return error(start, "`\\N{…}` is not supported: there is no table of character names", help);
            }
            c if c.is_ascii_alphanumeric() => {
                if let Some(set) = property::shorthand(c, self.cursor.flags) {
                    return Ok(EscapedItem::Set(set));
                }
                let node = if in_class { None } else { self.escaped_node(c, start)? };
                let place = if in_class { " in a character class" } else { "" };
                return match node {
                    Some(node) => Ok(EscapedItem::Node(node)),
                    None => error(start, format!("`\\{c}` means nothing{place}"), format!("write `{c}` or `\\\\{c}`")),
                };
            }
            c => c.into(),
        };
        Ok(EscapedItem::Code(code))
    }

    fn escaped_node(&mut self, c: char, start: usize) -> Result<Option<RegexNode>, SyntaxError> {
        let node = match c {
            '1'..='9' => self.back_reference(c),
            'A' => RegexNode::Anchor(Anchor::Start),
            'B' => RegexNode::Anchor(Anchor::NoWordEdge),
            'b' if self.cursor.peek() == '{' && self.cursor.raw(1) == 'g' => {
                return error(start, "`\\b{g}` is not supported", "match the characters with `\\X`");
            }
            'b' => RegexNode::Anchor(Anchor::WordEdge),
            'G' => RegexNode::Anchor(Anchor::LastEnd),
            'k' => self.named_reference(start)?,
            'R' => RegexNode::LineBreak,
            'X' => RegexNode::Grapheme,
            'Z' => RegexNode::Anchor(Anchor::TextEnd { unix: self.cursor.flags.has(Flags::UNIX_LINES) }),
            'z' => RegexNode::Anchor(Anchor::VeryEnd),
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    /// Takes as many digits as name a group that has been opened, and at least one.
    fn back_reference(&mut self, first: char) -> RegexNode {
        let mut group = first as usize - '0' as usize;
        while let Some(digit) = self.cursor.peek().to_digit(10) {
            let longer = group * 10 + digit as usize;
            if longer > self.groups {
                break;
            }
            group = longer;
            self.cursor.read();
        }
        self.back(group)
    }

    fn named_reference(&mut self, start: usize) -> Result<RegexNode, SyntaxError> {
        if self.cursor.read() != '<' {
            return error(start, "`\\k` is not followed by `<`", "write `\\k<name>`");
        }
        let first = self.cursor.read();
        let name = self.group_name(first, start)?;
        match self.names.iter().find(|(known, _)| *known == name) {
            Some(&(_, group)) => Ok(self.back(group)),
            None => error(start, format!("no group before this is named `{name}`"), format!("name one `(?<{name}>…)`")),
        }
    }

    fn back(&self, group: usize) -> RegexNode {
        RegexNode::Back { group, folded: self.cursor.flags.has(Flags::CASE_INSENSITIVE) }
    }

    /// Reads the rest of `\0n`, `\0nn` or `\0mnn`, the last up to 377.
    fn octal(&mut self, start: usize) -> Result<u32, SyntaxError> {
        let Some(first) = self.cursor.read().to_digit(8) else {
            return error(start, "`\\0` is followed by no octal digit", "write `\\0n`, `\\0nn` or `\\0mnn`");
        };
        let Some(second) = self.cursor.read().to_digit(8) else {
            self.cursor.unread();
            return Ok(first);
        };
        match self.cursor.read().to_digit(8) {
            Some(third) if first <= 3 => Ok(first * 64 + second * 8 + third),
            _ => {
                self.cursor.unread();
                Ok(first * 8 + second)
            }
        }
    }

    /// Reads the rest of `\xhh` or `\x{h…h}`.
    fn hexadecimal(&mut self, start: usize) -> Result<u32, SyntaxError> {
        let first = self.cursor.read();
        if let Some(high) = first.to_digit(16) {
            if let Some(low) = self.cursor.read().to_digit(16) {
                return Ok(high * 16 + low);
            }
        } else if first == '{' && self.cursor.peek().is_ascii_hexdigit() {
            let mut code = 0;
            loop {
                let c = self.cursor.read();
                let Some(digit) = c.to_digit(16) else {
                    if c == '}' {
                        return Ok(code);
                    }
                    break;
                };
                code = code * 16 + digit;
                if code > char::MAX.into() {
                    return error(start, "the code point is beyond 10FFFF", "write a lower one");
                }
            }
        }
        error(start, "`\\x` is followed by no hexadecimal number", "write `\\xhh` or `\\x{h…h}`")
    }

    /// Reads the rest of `\uhhhh`, or of two of them that make a surrogate pair.
    fn utf16(&mut self, start: usize) -> Result<u32, SyntaxError> {
        let first = self.utf16_unit(start)?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(first);
        }
        let place = self.cursor.save();
        if self.cursor.read() == '\\' && self.cursor.read() == 'u' {
            let second = self.utf16_unit(start)?;
            if (0xdc00..0xe000).contains(&second) {
                return Ok(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
        }
        self.cursor.restore(place);
        Ok(first)
    }

    fn utf16_unit(&mut self, start: usize) -> Result<u32, SyntaxError> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.cursor.read().to_digit(16) else {
                return error(start, "`\\u` is not followed by four hexadecimal digits", "write `\\uhhhh`");
            };
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    fn control(&mut self, start: usize) -> Result<u32, SyntaxError> {
        if self.cursor.is_over() {
            return error(start, "`\\c` is followed by nothing", "write `\\cX`");
        }
        Ok(u32::from(self.cursor.read()) ^ 64)
    }

    /// Reads the rest of `\pL` or `\p{name}`.
    fn property(&mut self, negated: bool, start: usize) -> Result<CharSet, SyntaxError> {
        let name = if self.cursor.peek() == '{' {
            self.cursor.read();
            match self.cursor.until('}') {
                Some(name) => name,
                None => return error(start, "the name of the property is not closed", "add `}`"),
            }
        } else {
            self.cursor.read().to_string()
        };
        if let Some(set) = property::named(&name, self.cursor.flags) {
            return Ok(set.negated_if(negated));
        }
        let help = "use one that Java and Unicode know, such as `\\p{L}`, `\\p{Alpha}`, `\\p{IsLatin}`, `\\p{InGreek}`";
        error(start, format!("`{name}` is no known character property"), help)
    }
}
