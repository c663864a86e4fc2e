//! Formats that are built in, and which of them a log has.

use super::format::LineFormat;

/// A format that is built in.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPreset {
    /// Name for `--kind`.
    pub(super) name: &'static str,
    /// Name for people.
    pub(super) words: &'static str,
    /// Format, with names of nginx where they say the same.
    format: &'static str,
    /// Text up to which a line is skipped, such as the head of syslog.
    skips_to: Option<&'static str>,
}

/// All formats, those with more fields first.
pub(super) const PRESETS: &[LogPreset] = &[
    LogPreset {
        name: "alb",
        words: "AWS ALB",
        format: "$type $end_iso $elb $client $target $before_seconds $target_seconds $after_seconds $status \
                 $target_status $received $bytes_sent \"$request\" $rest",
        skips_to: None,
    },
    LogPreset {
        name: "envoy",
        words: "Envoy, with response code details",
        format: "[$start_iso] \"$request\" $status $flags $details $termination \"$failure\" $received $bytes_sent \
                 $duration_ms $upstream_ms \"$rest",
        skips_to: None,
    },
    LogPreset {
        name: "envoy",
        words: "Envoy",
        format: "[$start_iso] \"$request\" $status $flags $received $bytes_sent $duration_ms $upstream_ms \"$rest",
        skips_to: None,
    },
    LogPreset {
        name: "haproxy",
        words: "HAProxy",
        format: "$client [$start_local] $frontend $backend $before_ms/${before_ms}/${before_ms}/$first_byte_ms/$total_ms \
                 $status $bytes_sent $request_cookie $response_cookie $termination $counts $queues $captures\"$request\"",
        skips_to: Some("]: "),
    },
    LogPreset {
        name: "nginx",
        words: "nginx",
        format: "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
                 \"$http_user_agent\" $tail_times",
        skips_to: None,
    },
];

impl LogPreset {
    /// Returns the format. Line breaks in the source are no part of it.
    pub(super) fn line_format(&self) -> LineFormat {
        LineFormat::parse(self.format).expect("the formats that are built in have fields")
    }

    /// Returns the part of a line that the format is about.
    pub(super) fn trim<'l>(&self, line: &'l str) -> &'l str {
        // `haproxy[123]: ` comes before the stamp in brackets
        let skipped = self.skips_to.and_then(|mark| line.split_once(mark));
        skipped.map_or(line, |(_, rest)| rest)
    }
}
