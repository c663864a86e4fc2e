//! JSON as WireMock takes it: comments and single quotes are allowed, and what follows the value is not looked at.
//!
//! A name that stands twice has its last value. Everything else is as strict as JSON is.

use std::ops::Range;

use super::{MAX_DEPTH, Member, Node, SyntaxError, Value};

/// Reads one value.
pub fn read(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 }, path: Vec::new() };
    reader.skip_space()?;
    if reader.at == text.len() {
        return Err(reader.error(text.len()..text.len(), "there is no JSON here", "write an object: `{…}`"));
    }
    reader.value()
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// The names and places of the values that are open.
    path: Vec<String>,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.array()?,
            Some(b'"' | b'\'') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.word()?,
            Some(_) => return Err(self.unexpected("a value")),
            None => return Err(self.ended("a value")),
        };
        Ok(Node { span: start..self.at, value })
    }

    fn object(&mut self) -> Result<Value, SyntaxError> {
        let open = self.at;
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        self.skip_space()?;
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            let key_start = self.at;
            let key = match self.peek() {
                Some(b'"' | b'\'') => self.string()?,
                Some(b'}') => return Err(self.trailing_comma()),
                Some(c) if c.is_ascii_alphabetic() || c == b'_' => {
                    let end = self.word_end();
                    let name = &self.text[key_start..end];
                    let mend = format!("write `\"{name}\"`");
                    return Err(self.error(key_start..end, format!("the name `{name}` needs quotes"), mend));
                }
                Some(_) => return Err(self.unexpected("a name in quotes")),
                None => return Err(self.not_closed(open, '}')),
            };
            let key_span = key_start..self.at;
            self.skip_space()?;
            if !self.take(b':') {
                return Err(match self.peek() {
                    Some(_) => self.unexpected("`:` after this name"),
                    None => self.not_closed(open, '}'),
                });
            }
            self.skip_space()?;
            let value = self.inside(key.clone(), Self::value)?;
            match members.iter_mut().find(|member| member.key == key) {
                Some(member) => *member = Member { key, key_span, value },
                None => members.push(Member { key, key_span, value }),
            }
            self.skip_space()?;
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            self.comma(open, '}')?;
        }
    }

    fn array(&mut self) -> Result<Value, SyntaxError> {
        let open = self.at;
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space()?;
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            if self.peek() == Some(b']') {
                return Err(self.trailing_comma());
            }
            items.push(self.inside(items.len().to_string(), Self::value)?);
            self.skip_space()?;
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            self.comma(open, ']')?;
        }
    }

    fn comma(&mut self, open: usize, close: char) -> Result<(), SyntaxError> {
        if self.take(b',') {
            return self.skip_space();
        }
        Err(match self.peek() {
            Some(_) => self.unexpected(&format!("`,` or `{close}` after this value")),
            None => self.not_closed(open, close),
        })
    }

    /// Reads a value that stands in another, however deep that may be.
    fn inside(
        &mut self,
        step: String,
        read: impl FnOnce(&mut Self) -> Result<Node, SyntaxError>,
    ) -> Result<Node, SyntaxError> {
        if self.path.len() >= MAX_DEPTH {
            let what = format!("values stand more than {MAX_DEPTH} deep in each other");
            return Err(self.error(self.at..self.at + 1, what, "flatten the document"));
        }
        self.path.push(step);
        let node = read(self)?;
        self.path.pop();
        Ok(node)
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let quote = self.text.as_bytes()[start];
        self.at += 1;
        let mut string = String::new();
        let mut plain = self.at;
        loop {
            match self.peek() {
                None => {
                    let line = self.text[start..].find('\n').map_or(self.text.len(), |end| start + end);
                    return Err(self.error(
                        start..line,
                        "this string is not closed",
                        format!("end it with `{}`", quote as char),
                    ));
                }
                Some(c) if c == quote => {
                    string.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    string.push_str(&self.text[plain..self.at]);
                    string.push(self.escape()?);
                    plain = self.at;
                }
                Some(c) if c < 0x20 => {
                    let (what, mend) = match c {
                        b'\n' | b'\r' => ("a string cannot go over several lines", "close it, or write `\\n`"),
                        b'\t' => ("a string cannot have a tab in it", "write `\\t`"),
                        _ => ("a string cannot have a control character in it", "write it as `\\u00…`"),
                    };
                    return Err(self.error(self.at..self.at + 1, what, mend));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.peek() else { return Err(self.ended("an escape")) };
        self.at += 1;
        Ok(match c {
            b'"' | b'\'' | b'\\' | b'/' => char::from(c),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(start),
            _ => {
                let end = start + 1 + self.text[start + 1..].chars().next().map_or(1, char::len_utf8);
                return Err(self.error(start..end, "this is no escape", "write `\\\\` for a backslash"));
            }
        })
    }

    /// `\uXXXX`, or a pair of them; half a pair becomes U+FFFD.
    fn unicode(&mut self, start: usize) -> Result<char, SyntaxError> {
        let first = self.hex(start)?;
        if !(0xd800..0xdc00).contains(&first) || !self.text[self.at..].starts_with("\\u") {
            return Ok(char::from_u32(first).unwrap_or('\u{fffd}'));
        }
        let after = self.at;
        self.at += 2;
        let second = self.hex(after)?;
        if !(0xdc00..0xe000).contains(&second) {
            self.at = after;
            return Ok('\u{fffd}');
        }
        Ok(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).unwrap_or('\u{fffd}'))
    }

    fn hex(&mut self, start: usize) -> Result<u32, SyntaxError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()));
        let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return Err(self.error(start..self.at, "`\\u` needs four hexadecimal digits", "write `\\u00e9`, for one"));
        };
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits();
        let mut good = whole > 0 && (whole == 1 || self.text.as_bytes()[self.at - whole] != b'0');
        if self.take(b'.') {
            good &= self.digits() > 0;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            good &= self.digits() > 0;
        }
        if self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == b'.' || c == b'_') {
            self.at = self.word_end().max(self.at + 1);
            good = false;
        }
        if !good {
            let mend = "write digits such as 12, -0.5 or 1e3, or put it in quotes";
            return Err(self.error(start..self.at, format!("`{}` is no number", &self.text[start..self.at]), mend));
        }
        Ok(self.text[start..self.at].to_owned())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        let end = self.word_end();
        let value = match &self.text[start..end] {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            word => {
                let mend = format!("write `\"{word}\"`, or one of true, false and null");
                return Err(self.error(start..end, format!("`{word}` is no value"), mend));
            }
        };
        self.at = end;
        Ok(value)
    }

    fn word_end(&self) -> usize {
        let rest = &self.text[self.at..];
        self.at + rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len())
    }

    /// Passes over white space and comments.
    fn skip_space(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') => {
                    let rest = &self.text[self.at..];
                    if rest.starts_with("//") {
                        self.at += rest.find('\n').unwrap_or(rest.len());
                    } else if rest.starts_with("/*") {
                        let Some(end) = rest.find("*/") else {
                            return Err(self.error(
                                self.at..self.at + 2,
                                "this comment is not closed",
                                "end it with `*/`",
                            ));
                        };
                        self.at += end + 2;
                    } else {
                        return Err(self.unexpected("a comment (`//` or `/*`)"));
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let length = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        let found = &self.text[self.at..self.at + length];
        self.error(
            self.at..self.at + length,
            format!("expected {expected}, found `{found}`"),
            "correct this place, or the one before it",
        )
    }

    fn trailing_comma(&self) -> SyntaxError {
        let comma = self.text[..self.at].rfind(',').unwrap_or(self.at);
        self.error(comma..comma + 1, "trailing comma", "remove it")
    }

    fn not_closed(&self, open: usize, close: char) -> SyntaxError {
        self.error(
            open..open + 1,
            format!("this is not closed: the text ends before `{close}`"),
            format!("add `{close}`"),
        )
    }

    fn ended(&self, expected: &str) -> SyntaxError {
        let end = self.text.len();
        self.error(end..end, format!("the text ends where {expected} should stand"), "complete the document")
    }

    fn error(&self, span: Range<usize>, what: impl Into<String>, mend: impl Into<String>) -> SyntaxError {
        let pointer = self.path.iter().fold(String::new(), |pointer, step| pointer + "/" + step);
        SyntaxError { span, pointer, what: what.into(), mend: Some(mend.into()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_wiremock_takes_is_taken() {
        for (text, expected) in [
            ("{'a':'b\"c'}", json!({"a": "b\"c"})),
            ("{/* c */\"a\": 1 // d\n}", json!({"a": 1})),
            ("{\"a\":1,\"b\":2,\"a\":3}", json!({"a": 3, "b": 2})),
            ("\u{feff}[]", json!([])),
            ("{} and more", json!({})),
            (r#""\u00e9\ud83d\ude00\ud800x\n""#, json!("é😀\u{fffd}x\n")),
            ("[true,false,null,-0.5,1E+3]", serde_json::from_str("[true,false,null,-0.5,1E+3]").expect("JSON")),
        ] {
            assert_eq!(read(text).map(|node| node.to_json()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_where_it_is() {
        for (text, part, what) in [
            ("{\"a\":1,}", ",", "trailing comma"),
            ("[1,2,]", ",]", "trailing comma"),
            ("{a:1}", "a", "needs quotes"),
            ("{\"a\" 1}", "1", "expected `:`"),
            ("{\"a\":1 \"b\":2}", "\"b\"", "expected `,` or `}`"),
            ("{\"a\":01}", "01", "no number"),
            ("{\"a\":+1}", "+1", "expected a value"),
            ("{\"a\":NaN}", "NaN", "no value"),
            ("{\"a\":\"x\ny\"}", "\n", "several lines"),
            ("{\"a\":\"x", "\"x", "not closed"),
            ("{\"é\":\"\\q\"}", "\\q", "no escape"),
            ("{\"a\": [1", "[", "not closed"),
            ("# a", "#", "expected a value"),
            ("/* a", "/*", "not closed"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.what.contains(what), "{text}: {}", error.what);
            let start = if what == "trailing comma" { text.rfind(',') } else { text.find(part) };
            assert_eq!(Some(error.span.start), start, "{text}: {}", error.what);
            assert!(error.mend.is_some());
        }
        assert_eq!(read("{\"request\":{\"url\":\"/x\"").expect_err("open").pointer, "/request");
        assert!(read("").expect_err("empty").what.contains("no JSON"));
        assert!(read(&"[".repeat(100_000)).expect_err("deep").what.contains("deep"));
    }

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i64>().prop_map(|n| json!(n)),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| json!(n)),
            ".*".prop_map(|s| json!(s)),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| json!(items)),
                proptest::collection::hash_map(".{0,5}", inner, 0..6).prop_map(|members| json!(members)),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_json_is_read(value in json_value()) {
            prop_assert_eq!(read(&value.to_string()).map(|node| node.to_json()), Ok(value.clone()));
            let pretty = serde_json::to_string_pretty(&value).expect("JSON");
            prop_assert_eq!(read(&pretty).map(|node| node.to_json()), Ok(value));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,60}|[\\[\\]{}\"',:0-9a-z\\\\/* \n]{0,60}") {
            match read(&text) {
                Ok(node) => prop_assert!(text.get(node.span).is_some()),
                Err(error) => prop_assert!(text.get(error.span).is_some()),
            }
        }
    }
}
