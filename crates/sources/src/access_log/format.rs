//! Formats of log lines, as nginx (`$name`) and Apache (`%D`) write them in their configuration.

/// A format: fields with the texts between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineFormat {
    /// Text before the first field.
    prefix: String,
    /// Fields, each with the text behind it.
    fields: Vec<(String, String)>,
}

impl LineFormat {
    /// Parses a format. Names of nginx' variables are given without `$`, Apache's with their `%`.
    /// The error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_apache = !has_variable(text) && text.contains('%');
        let mut format = Self { prefix: String::new(), fields: Vec::new() };
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let field = if is_apache { apache_field(rest)? } else { nginx_field(rest)? };
            match field {
                Some((Token::Field(name), length)) => {
                    if format.fields.last().is_some_and(|(_, behind)| behind.is_empty()) {
                        return Err(format!("`{name}` follows another field without any text between them"));
                    }
                    // Apache writes `%t` in brackets
                    let is_bracketed = name == "%t";
                    if is_bracketed {
                        format.push_text("[");
                    }
                    format.fields.push((name, String::new()));
                    if is_bracketed {
                        format.push_text("]");
                    }
                    rest = &rest[length..];
                }
                Some((Token::Percent, length)) => {
                    format.push_text("%");
                    rest = &rest[length..];
                }
                None => {
                    format.push_text(letter.encode_utf8(&mut [0; 4]));
                    rest = &rest[letter.len_utf8()..];
                }
            }
        }
        if format.fields.is_empty() {
            return Err("it has no fields; write it as in the server's configuration, with `$name` or `%D`".to_owned());
        }
        Ok(format)
    }

    /// Returns the names of the fields, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Splits a line into the values of the fields. `None` if it is not of this format.
    pub(super) fn split<'l>(&self, line: &'l str) -> Option<Vec<&'l str>> {
        let mut rest = line.strip_prefix(self.prefix.as_str())?;
        let mut values = Vec::with_capacity(self.fields.len());
        for (number, (_, behind)) in self.fields.iter().enumerate() {
            let is_last = number + 1 == self.fields.len();
            let end = match behind.as_str() {
                "" => rest.len(),
                behind if is_last => rest
                    .len()
                    .checked_sub(behind.len())
                    .filter(|at| rest.ends_with(behind) && rest.is_char_boundary(*at))?,
                behind if behind.starts_with('"') => quoted_end(rest, behind)?,
                behind => rest.find(behind)?,
            };
            values.push(&rest[..end]);
            rest = &rest[end + behind.len()..];
        }
        Some(values)
    }

    fn push_text(&mut self, text: &str) {
        match self.fields.last_mut() {
            Some((_, behind)) => behind.push_str(text),
            None => self.prefix.push_str(text),
        }
    }
}

/// Returns where `behind` begins, whose first quote is not escaped.
fn quoted_end(text: &str, behind: &str) -> Option<usize> {
    let is_escaped = |at: usize| text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    text.match_indices(behind).map(|(at, _)| at).find(|at| !is_escaped(*at))
}

enum Token {
    Field(String),
    /// An escaped `%`.
    Percent,
}

fn has_variable(text: &str) -> bool {
    text.split('$').skip(1).any(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '{'))
}

fn nginx_field(text: &str) -> Result<Option<(Token, usize)>, String> {
    let Some(rest) = text.strip_prefix('$') else { return Ok(None) };
    if let Some(braced) = rest.strip_prefix('{') {
        let end = braced.find('}').ok_or_else(|| format!("`{text}` has no `}}`"))?;
        return Ok(Some((Token::Field(braced[..end].to_owned()), end + 3)));
    }
    let length = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
    Ok((length > 0).then(|| (Token::Field(rest[..length].to_owned()), length + 1)))
}

fn apache_field(text: &str) -> Result<Option<(Token, usize)>, String> {
    let Some(rest) = text.strip_prefix('%') else { return Ok(None) };
    if rest.starts_with('%') {
        return Ok(Some((Token::Percent, 2)));
    }
    // conditions on the status, and the choice of the first or the last request
    let argument =
        rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '!' | ',' | '<' | '>'));
    let (braces, directive) = match argument.strip_prefix('{') {
        Some(inside) => {
            let end = inside.find('}').ok_or_else(|| format!("`{text}` has no `}}`"))?;
            (&argument[..end + 2], &inside[end + 1..])
        }
        None => ("", argument),
    };
    let length = usize::from(directive.starts_with('^')) * 2 + 1;
    let name = directive.get(..length).filter(|name| name.ends_with(|last: char| last.is_ascii_alphabetic()));
    let name = name.ok_or_else(|| format!("`{text}` does not begin with a directive"))?;
    let whole = text.len() - directive.len() + length;
    let of_first = rest.starts_with('<');
    let mark = if of_first { "<" } else { "" };
    Ok(Some((Token::Field(format!("%{mark}{braces}{name}")), whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_nginx_and_apache_split_lines() {
        let nginx = LineFormat::parse(r#"$remote_addr [$time_local] "$request" ${status} $request_time"#).unwrap();
        assert_eq!(
            nginx.names().collect::<Vec<_>>(),
            ["remote_addr", "time_local", "request", "status", "request_time"]
        );
        let line = r#"::1 [10/Oct/2026:13:55:36 +0000] "GET /a b HTTP/1.1" 200 0.012"#;
        assert_eq!(nginx.split(line).unwrap()[2..], ["GET /a b HTTP/1.1", "200", "0.012"]);
        assert_eq!(nginx.split("other"), None);

        let apache = LineFormat::parse(r#"%h %l %u %t "%r" %>s %b "%{Referer}i" %{ms}T %% %D"#).unwrap();
        let names = ["%h", "%l", "%u", "%t", "%r", "%s", "%b", "%{Referer}i", "%{ms}T", "%D"];
        assert_eq!(apache.names().collect::<Vec<_>>(), names);
        let line = r#"::1 - - [10/Oct/2026:13:55:36 +0000] "GET /\" HTTP/1.1" 200 7 "-" 3 % 3141"#;
        let values = apache.split(line).unwrap();
        assert_eq!((values[3], values[4], values[9]), ("10/Oct/2026:13:55:36 +0000", r#"GET /\" HTTP/1.1"#, "3141"));
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for (wrong, why) in
            [("$a$b", "without any text"), ("plain", "no fields"), ("%{a", "no `}`"), ("%", "directive")]
        {
            assert!(LineFormat::parse(wrong).unwrap_err().contains(why), "{wrong}");
        }
    }
}
