//! Detection of the format of a file by its beginning.

use super::ImportFormat;
use super::import_error::ImportError;
use super::vegeta;

/// Returns the format of a file by its beginning.
pub(super) fn format(head: &[u8]) -> Result<ImportFormat, ImportError> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    match text.chars().next() {
        None => Err(ImportError::new(0, "is empty", "give a file with results")),
        Some('<') if text.contains("<testResults") => Ok(ImportFormat::JmeterXml),
        Some('<') => {
            Err(ImportError::new(1, "is XML, but not of JMeter (`testResults`)", "say what it is with `--format`"))
        }
        _ if head.starts_with(&[0]) => Err(ImportError::new(
            0,
            "is binary; Gatling's `simulation.log` is so from version 3.13 on, which is not read",
            "give the table of its report as CSV, or record with `standin record`",
        )),
        _ if has_vegeta_gob(head) => Err(ImportError::new(
            0,
            "is vegeta's binary form, which is not read",
            "convert it: `vegeta encode results.bin > results.json`",
        )),
        Some('R' | 'U' | 'A') if first.split('\t').count() > 2 && is_gatling(first) => Ok(ImportFormat::Gatling),
        Some('{') if first.contains("\"latency\"") && first.contains("\"code\"") => Ok(ImportFormat::Vegeta),
        Some('{') if has("latencies") && has("50th") => Err(ImportError::new(
            1,
            "is vegeta's report, which has no operations",
            "give the results: `vegeta encode results.bin > results.json`",
        )),
        _ if text.contains("1/(1-Percentile)") => Ok(ImportFormat::Wrk2),
        Some('{') if has("resourceMetrics") => Ok(ImportFormat::Otlp),
        Some('{') if first.contains("\"metric\"") && first.contains("\"type\"") && first.trim_end().ends_with('}') => {
            Ok(ImportFormat::K6)
        }
        Some('{') if has("log") && (has("entries") || has("creator") || has("version")) => Ok(ImportFormat::Har),
        Some('{') if has("metrics") || has("http_req_duration") || has("root_group") => Ok(ImportFormat::K6Summary),
        Some('{' | '[') => Err(ImportError::new(
            1,
            "is JSON of no kind that is known (HAR, k6, OTLP metrics)",
            "say which with `--format`, or write a CSV table",
        )),
        Some('#') => Ok(ImportFormat::Prometheus),
        Some(_) if text.contains("_bucket{") => Ok(ImportFormat::Prometheus),
        Some(_) => csv(first),
    }
}

/// Returns true if a first line is of Gatling's log, which has a kind before the first tab.
fn is_gatling(first: &str) -> bool {
    ["RUN\t", "USER\t", "ASSERTION\t", "REQUEST\t"].iter().any(|kind| first.starts_with(kind))
}

/// Returns true if a file is a stream of Go's `gob` with vegeta's results.
fn has_vegeta_gob(head: &[u8]) -> bool {
    memchr::memmem::find(&head[..head.len().min(512)], b"vegeta.Result").is_some()
        || (head.first().is_some_and(|byte| !byte.is_ascii_graphic() && !byte.is_ascii_whitespace())
            && memchr::memmem::find(&head[..head.len().min(512)], b"Result").is_some())
}

fn csv(first: &str) -> Result<ImportFormat, ImportError> {
    let fields: Vec<&str> = first.split([',', ';', '\t']).map(|field| field.trim_matches(['"', ' '])).collect();
    let has = |name: &str| fields.iter().any(|field| field.eq_ignore_ascii_case(name));
    if has("elapsed") && (has("timeStamp") || has("label")) {
        return Ok(ImportFormat::Jmeter);
    }
    if has("response-time") && has("Response-delay") {
        return Ok(ImportFormat::Hey);
    }
    if vegeta::is_csv(&fields) {
        return Ok(ImportFormat::VegetaCsv);
    }
    if has("metric_name") && has("metric_value") {
        return Err(ImportError::new(
            1,
            "is k6's CSV output, which is not read",
            "have k6 write `--out json=results.json`",
        ));
    }
    if fields.len() > 4 && fields.iter().take(2).all(|field| field.parse::<f64>().is_ok()) {
        return Err(ImportError::new(
            1,
            "begins with numbers, not with the names of its columns",
            "have JMeter write them: `-Jjmeter.save.saveservice.print_field_names=true`, or add a header row",
        ));
    }
    if fields.len() < 2 {
        return Err(ImportError::new(
            1,
            "is of no format that is known",
            "give a CSV table, JMeter's .jtl, k6's JSON, Gatling's log, vegeta's, hey's or wrk2's results, a HAR, Prometheus' text or OTLP JSON; `standin import --help` shows each",
        ));
    }
    Ok(ImportFormat::Table)
}
