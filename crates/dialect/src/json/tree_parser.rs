//! Parses a JSON text into the nodes of a [`JsonTree`](super::JsonTree), as strictly as
//! `serde_json` does.

use std::borrow::Cow;

use super::tree_node::{TreeKind, TreeNode};

/// Returns the nodes of a JSON text; `None` if it is not JSON, or is longer than 4 GiB.
pub(super) fn parse(text: &str) -> Option<Box<[TreeNode]>> {
    u32::try_from(text.len()).ok()?;
    let nodes = Vec::with_capacity(max_nodes(text.as_bytes()));
    let mut parser = TreeParser { text, at: 0, nodes };
    parser.skip_blanks();
    parser.value(MAX_DEPTH)?;
    parser.skip_blanks();
    (parser.at == text.len()).then(|| parser.nodes.into_boxed_slice())
}

/// Returns an upper bound of the number of nodes: each follows one of these marks, or is the first.
pub(super) fn max_nodes(text: &[u8]) -> usize {
    let marks = memchr::memchr3_iter(b',', b':', b'[', text).count() + memchr::memchr_iter(b'{', text).count();
    (marks + 1).min(text.len())
}

/// Returns the text of a string with its escapes replaced. The string has been checked.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (c, length) = escaped(&rest.as_bytes()[at..]).unwrap_or((char::REPLACEMENT_CHARACTER, 2));
        out.push(c);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// Returns the character of the escape that `bytes` begin with, and the length of the escape;
/// `None` if it is invalid.
fn escaped(bytes: &[u8]) -> Option<(char, usize)> {
    let plain = match bytes.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        b'u' => return escaped_unit(bytes),
        _ => return None,
    };
    Some((plain, 2))
}

/// Returns the character of a `\u` escape, or of two that are a surrogate pair.
fn escaped_unit(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = unit(bytes)?;
    if let Some(c) = char::from_u32(unit) {
        return Some((c, 6));
    }
    let low = bytes.get(6..).filter(|rest| rest.starts_with(b"\\u")).and_then(self::unit)?;
    if !(0xD800..0xDC00).contains(&unit) || !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00))?, 12))
}

/// Returns the UTF-16 unit of a `\u` escape.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(2..6).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

struct TreeParser<'t> {
    text: &'t str,
    at: usize,
    nodes: Vec<TreeNode>,
}

impl TreeParser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Adds a node; the parser has gone past its text already, except where it is a container.
    fn push(&mut self, start: usize, extent: usize) {
        // no text is longer than 4 GiB
        self.nodes.push(TreeNode { start: start as u32, extent: extent as u32 });
    }

    /// Parses a value whose containers may nest `levels` deep.
    fn value(&mut self, levels: usize) -> Option<()> {
        let start = self.at;
        match TreeKind::of(self.peek()?) {
            TreeKind::Null => self.word("null"),
            TreeKind::False => self.word("false"),
            TreeKind::True => self.word("true"),
            TreeKind::String => self.string(),
            TreeKind::Array => self.array(levels.checked_sub(1)?),
            TreeKind::Object => self.object(levels.checked_sub(1)?),
            TreeKind::Number => {
                self.number()?;
                self.push(start, self.at - start);
                Some(())
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(word.as_bytes()).then_some(())?;
        self.push(self.at, word.len());
        self.at += word.len();
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _has_sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Some(())
    }

    /// Skips one digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += escaped(&self.text.as_bytes()[self.at..])?.1,
                0..b' ' => return None,
                _ => self.at += 1,
            }
        }
        self.push(start, self.at - start - 1);
        self.at += 1;
        Some(())
    }

    fn array(&mut self, levels: usize) -> Option<()> {
        let node = self.open();
        if !self.take(b']') {
            loop {
                self.value(levels)?;
                self.skip_blanks();
                if self.take(b']') {
                    break;
                }
                self.separator()?;
            }
        }
        self.close(node);
        Some(())
    }

    fn object(&mut self, levels: usize) -> Option<()> {
        let node = self.open();
        if !self.take(b'}') {
            loop {
                (self.peek()? == b'"').then_some(())?;
                self.string()?;
                self.skip_blanks();
                self.take(b':').then_some(())?;
                self.skip_blanks();
                self.value(levels)?;
                self.skip_blanks();
                if self.take(b'}') {
                    break;
                }
                self.separator()?;
            }
        }
        self.close(node);
        self.remove_repeated_names(node);
        Some(())
    }

    /// Adds the node of a container and goes to its first child.
    fn open(&mut self) -> usize {
        let node = self.nodes.len();
        self.push(self.at, 1);
        self.at += 1;
        self.skip_blanks();
        node
    }

    fn close(&mut self, node: usize) {
        self.nodes[node].extent = (self.nodes.len() - node) as u32;
    }

    fn separator(&mut self) -> Option<()> {
        self.take(b',').then_some(())?;
        self.skip_blanks();
        Some(())
    }

    /// Keeps, of the members of an object with one name, the last value at the place of the first.
    /// The object is the last container that was closed.
    fn remove_repeated_names(&mut self, object: usize) {
        let mut keys: Vec<u32> = Vec::new();
        let mut key = object + 1;
        while key < self.nodes.len() {
            keys.push(key as u32);
            key = self.after(key + 1);
        }
        keys.sort_unstable_by(|one, other| self.name(*one).cmp(&self.name(*other)).then(one.cmp(other)));
        let is_repeated = |pair: &[u32]| self.name(pair[0]) == self.name(pair[1]);
        if !keys.windows(2).any(is_repeated) {
            return;
        }
        // the first and the last member of each name
        let same_names = keys.chunk_by(|one, other| self.name(*one) == self.name(*other));
        let mut members: Vec<(u32, u32)> = same_names.map(|same| (same[0], same[same.len() - 1])).collect();
        members.sort_unstable();
        let mut kept = Vec::new();
        for (first, last) in members {
            kept.push(self.nodes[first as usize]);
            let value = last as usize + 1;
            kept.extend_from_slice(&self.nodes[value..self.after(value)]);
        }
        self.nodes.truncate(object + 1);
        self.nodes.append(&mut kept);
        self.close(object);
    }

    /// Returns the index of the node after a value.
    fn after(&self, value: usize) -> usize {
        let TreeNode { start, extent } = self.nodes[value];
        let is_container = TreeKind::of(self.text.as_bytes()[start as usize]).is_container();
        value + if is_container { extent as usize } else { 1 }
    }

    /// Returns the name of a member from its node.
    fn name(&self, key: u32) -> Cow<'_, str> {
        let TreeNode { start, extent } = self.nodes[key as usize];
        let text = &self.text[start as usize + 1..][..extent as usize];
        if text.contains('\\') { Cow::Owned(unescaped(text)) } else { Cow::Borrowed(text) }
    }
}

/// Levels of nested containers that `serde_json` reads.
const MAX_DEPTH: usize = 127;
