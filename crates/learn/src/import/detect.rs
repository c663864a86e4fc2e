//! Detection of the format of a file by its beginning.

use super::ImportFormat;
use super::import_error::ImportError;

/// Returns the format of a file by its beginning.
pub(super) fn format(head: &[u8]) -> Result<ImportFormat, ImportError> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    match text.chars().next() {
        None => Err(ImportError::new(0, "is empty", "give a file with results")),
        Some('<') => Err(ImportError::new(
            1,
            "is XML, which is not read",
            "have JMeter write CSV: `jmeter -Jjmeter.save.saveservice.output_format=csv`",
        )),
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

fn csv(first: &str) -> Result<ImportFormat, ImportError> {
    let fields: Vec<&str> = first.split([',', ';', '\t']).map(|field| field.trim_matches(['"', ' '])).collect();
    let has = |name: &str| fields.iter().any(|field| field.eq_ignore_ascii_case(name));
    if has("elapsed") && (has("timeStamp") || has("label")) {
        return Ok(ImportFormat::Jmeter);
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
            "give a CSV table, JMeter's .jtl, k6's JSON, a HAR, Prometheus' text or OTLP JSON; `standin import --help` shows each",
        ));
    }
    Ok(ImportFormat::Table)
}
