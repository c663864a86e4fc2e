//! Headers in one allocation: cloning hyper's map costs a worker more than the rest of recording.

use std::borrow::Cow;

use http::HeaderMap;

use standin_stub::call::latin_or_utf8;

/// Header names and values in their order. Neither can contain the separators.
#[derive(Clone, Debug, Default)]
pub(super) struct HeaderBlock {
    bytes: Vec<u8>,
}

impl HeaderBlock {
    /// Copies the headers of a message.
    pub(super) fn of(map: &HeaderMap) -> Self {
        let size = map.iter().map(|(name, value)| name.as_str().len() + value.len() + 2).sum();
        let mut bytes = Vec::with_capacity(size);
        for (name, value) in map {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.push(VALUE_SEPARATOR);
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(LINE_SEPARATOR);
        }
        Self { bytes }
    }

    /// Returns the names in lower case, and the values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.bytes.split(|byte| *byte == LINE_SEPARATOR).filter_map(|line| {
            let between = line.iter().position(|byte| *byte == VALUE_SEPARATOR)?;
            let name = std::str::from_utf8(&line[..between]).ok()?;
            Some((name, latin_or_utf8(&line[between + 1..])))
        })
    }
}

const VALUE_SEPARATOR: u8 = 0;
const LINE_SEPARATOR: u8 = b'\n';

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_out_as_they_went_in(pairs in prop::collection::vec(("[a-z][a-z0-9-]{0,9}", "[\t -~\u{80}-\u{ff}]{0,20}"), 0..20)) {
            let mut map = HeaderMap::new();
            for (name, value) in &pairs {
                map.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let headers = HeaderBlock::of(&map);
            let out: Vec<(String, String)> = headers.iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
            let expected: Vec<(String, String)> =
                map.iter().map(|(name, value)| (name.to_string(), latin_or_utf8(value.as_bytes()).into_owned())).collect();
            prop_assert_eq!(&out, &expected);
        }
    }
}
