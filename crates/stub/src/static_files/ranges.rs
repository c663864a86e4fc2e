//! Byte ranges of a file, by the rules of Jetty.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::content_range;
use standin_files::regular_file;

/// Maximum number of ranges; a request for more is refused.
const MAX_RANGES: usize = 100;

/// Returns the ranges of a file that `Range` headers ask for, without those beyond its end.
/// Overlapping ranges are merged. There are none if a header is malformed.
pub(super) fn satisfiable(headers: &[&str], length: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for header in headers {
        let specs = header.strip_prefix("bytes=").unwrap_or(header);
        for spec in specs.split(',') {
            let Some(range) = parse(spec.trim(), length) else { return Vec::new() };
            if !range.is_empty() {
                merge(&mut ranges, range);
            }
            if ranges.len() > MAX_RANGES {
                return Vec::new();
            }
        }
    }
    ranges
}

/// Parses `FIRST-LAST`, `FIRST-` or `-COUNT`; the range is empty if the file has none of it.
fn parse(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    // a 64-bit number with a sign, as in Java
    let number = |text: &str| text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
    let range = match (first, last) {
        ("", count) => length.saturating_sub(number(count)?)..length,
        (first, "") => number(first)?..length,
        (first, last) => number(first)?..number(last)?.saturating_add(1).min(length),
    };
    Some(if range.start < range.end { range } else { 0..0 })
}

fn merge(ranges: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let mut at = None;
    let mut place = 0;
    ranges.retain(|known| {
        let overlaps = known.start < range.end && range.start < known.end;
        if overlaps {
            range = known.start.min(range.start)..known.end.max(range.end);
            at.get_or_insert(place);
        } else {
            place += 1;
        }
        !overlaps
    });
    ranges.insert(at.unwrap_or(ranges.len()), range);
}

/// Reads ranges of a file into a multipart body.
pub(super) fn multipart(
    path: &Path,
    ranges: &[Range<u64>],
    length: u64,
    media_type: &str,
    boundary: &str,
) -> io::Result<Vec<u8>> {
    let mut file = regular_file::open(path)?;
    let mut body = Vec::new();
    for range in ranges {
        let content_range = content_range(range, length);
        let head = format!("--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {content_range}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        file.seek(SeekFrom::Start(range.start))?;
        (&mut file).take(range.end - range.start).read_to_end(&mut body)?;
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::satisfiable;

    #[test]
    fn ranges_are_parsed_as_by_jetty() {
        for (header, expected) in [
            ("bytes=0-4", &[(0, 5)][..]),
            ("bytes= 0 - 4 ", &[(0, 5)][..]),
            ("0-4", &[(0, 5)][..]),
            ("bytes=5-", &[(5, 20)][..]),
            ("bytes=-5", &[(15, 20)][..]),
            ("bytes=-100", &[(0, 20)][..]),
            ("bytes=19-100", &[(19, 20)][..]),
            ("bytes=0-4,100-200", &[(0, 5)][..]),
            ("bytes=0-4,5-9", &[(0, 5), (5, 10)][..]),
            ("bytes=5-9,0-2", &[(5, 10), (0, 3)][..]),
            ("bytes=5-9,0-2,2-6", &[(0, 10)][..]),
        ] {
            let found: Vec<_> = satisfiable(&[header], 20).iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(found, expected, "{header}");
        }
        for header in ["bytes=100-200", "bytes=5-2", "bytes=-0", "bytes=abc", "lines=1-2", "bytes=0-4,x", "bytes=1-2-3"]
        {
            assert!(satisfiable(&[header], 20).is_empty(), "{header}");
        }
        assert_eq!(satisfiable(&["bytes=0-4", "bytes=6-7"], 20), [0..5, 6..8]);
        assert!(satisfiable(&["bytes=0-4"], 0).is_empty());
        assert!(satisfiable(&["bytes=0-99999999999999999999"], 20).is_empty());
    }
}
