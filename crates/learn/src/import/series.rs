//! Histograms by their labels: which of them tell the method, the path and the status.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::CallKey;
use super::operation_name::OperationTarget;
use super::{ImportOptions, import_error::ImportError, list_first};

/// Labels and their values.
pub(super) type Labels = BTreeMap<String, String>;

/// Returns the operation and status that labels tell.
pub(super) fn key(labels: &Labels, options: &ImportOptions) -> (CallKey, Option<u16>) {
    let find = |names: &[&str]| names.iter().find_map(|name| labels.get(*name)).filter(|value| !value.is_empty());
    let status = find(STATUS_LABELS).and_then(|value| status(value));
    let method = find(METHOD_LABELS).map(|method| method.to_ascii_uppercase());
    if !options.by.is_empty() {
        let values: Vec<&str> = options.by.iter().filter_map(|name| labels.get(name)).map(String::as_str).collect();
        let by_method = options.by.iter().any(|name| METHOD_LABELS.contains(&name.as_str()));
        let label = values.join(" ");
        let label = if by_method { label } else { with_slash(&label) };
        return (CallKey { method: method.filter(|_| by_method), url: None, label: Some(label) }, status);
    }
    let label = find(PATH_LABELS).map(|path| with_slash(path));
    (CallKey { method, url: None, label }, status)
}

/// Checks that the file has all labels of `--by`: a mistyped one would merge all calls into one
/// operation.
pub(super) fn has_labels<'l>(
    series: impl Iterator<Item = &'l Labels>,
    options: &ImportOptions,
) -> Result<(), ImportError> {
    if options.by.is_empty() {
        return Ok(());
    }
    let names: BTreeSet<String> = series.flat_map(BTreeMap::keys).cloned().collect();
    let missing = options.by.iter().find(|name| !names.contains(*name));
    missing.map_or(Ok(()), |name| {
        Err(ImportError::new(
            0,
            format!("has no label `{name}` to tell operations apart by"),
            format!("it has {}", list_first(&names)),
        ))
    })
}

/// Returns true if a label holds the path.
pub(super) fn tells_path(labels: &Labels) -> bool {
    PATH_LABELS.iter().any(|name| labels.contains_key(*name))
}

/// Returns the histogram to read: the one that was asked for, or the only one about calls by path.
pub(super) fn chosen(families: &BTreeMap<String, bool>, options: &ImportOptions) -> Result<String, ImportError> {
    if let Some(wanted) = &options.metric {
        let wanted = wanted.strip_suffix("_bucket").unwrap_or(wanted);
        if families.contains_key(wanted) {
            return Ok(wanted.to_owned());
        }
    }
    let names: BTreeSet<String> = families.keys().cloned().collect();
    let by_path: Vec<&String> = families.iter().filter(|(_, path)| **path).map(|(name, _)| name).collect();
    let times: Vec<&&String> =
        by_path.iter().filter(|name| !name.contains("size") && !name.contains("bytes")).collect();
    let servers: Vec<&&&String> = times.iter().filter(|name| name.contains("server")).collect();
    match (names.len(), times.as_slice(), servers.as_slice()) {
        _ if options.metric.is_some() && !names.is_empty() => {
            Err(ImportError::new(0, "has no histogram of that name", format!("it has {}", list_first(&names))))
        }
        (0, ..) => Err(ImportError::new(
            0,
            "has no histograms",
            "classic histograms are needed (`…_bucket{le=…}`, `explicitBounds` or exponential ones), no summaries and gauges",
        )),
        (_, [one], _) => Ok((**one).clone()),
        (_, _, [one]) => Ok((***one).clone()),
        (1, ..) => Ok(names.into_iter().next().unwrap_or_default()),
        _ => Err(ImportError::new(
            0,
            format!("has several histograms: {}", list_first(&names)),
            "choose one with `--metric NAME`, and with `--by LABEL,…` what tells operations apart",
        )),
    }
}

/// Routes of some frameworks begin without a slash; what is no route (`UNKNOWN`) stays as it is.
fn with_slash(path: &str) -> String {
    let is_route = path.contains('/') && OperationTarget::of(path).is_none() && !path.contains([' ', '*']);
    if is_route { format!("/{path}") } else { path.to_owned() }
}

/// Parses a status label such as `200` or `5xx`.
fn status(value: &str) -> Option<u16> {
    let lower = value.to_ascii_lowercase();
    match lower.strip_suffix("xx") {
        Some(class) => class.parse::<u16>().ok().filter(|class| (1..6).contains(class)).map(|class| class * 100),
        None => super::status(value),
    }
}

const METHOD_LABELS: &[&str] =
    &["method", "http_method", "http_request_method", "http.request.method", "http.method", "verb"];
const PATH_LABELS: &[&str] = &[
    "http_route",
    "http.route",
    "route",
    "uri",
    "path",
    "handler",
    "endpoint",
    "url",
    "url_path",
    "url.path",
    "url.template",
    "http_target",
    "http.target",
    "resource",
];
const STATUS_LABELS: &[&str] = &[
    "status",
    "status_code",
    "code",
    "http_status",
    "http_status_code",
    "http.status_code",
    "http_response_status_code",
    "http.response.status_code",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn labels_of_many_frameworks_tell_the_operation() {
        let options = ImportOptions::default();
        let (spring, status) = key(&labels(&[("method", "GET"), ("uri", "/items/{id}"), ("status", "200")]), &options);
        assert_eq!(
            (spring.method.as_deref(), spring.label.as_deref(), status),
            (Some("GET"), Some("/items/{id}"), Some(200))
        );
        let (otel, status) =
            key(&labels(&[("http.request.method", "POST"), ("http.route", "api/items"), ("code", "5xx")]), &options);
        assert_eq!((otel.label.as_deref(), status), (Some("/api/items"), Some(500)));
        let by = ImportOptions { by: vec!["verb".to_owned(), "op".to_owned()], ..ImportOptions::default() };
        assert_eq!(key(&labels(&[("verb", "GET"), ("op", "/x")]), &by).0.label.as_deref(), Some("GET /x"));
    }

    #[test]
    fn one_family_is_chosen_or_all_are_named() {
        let options = ImportOptions::default();
        let of = |names: &[(&str, bool)]| {
            chosen(&names.iter().map(|(name, path)| ((*name).to_owned(), *path)).collect(), &options)
        };
        assert_eq!(of(&[("gc_seconds", false), ("http_seconds", true)]).as_deref(), Ok("http_seconds"));
        assert!(
            of(&[("a_seconds", true), ("b_seconds", true)])
                .expect_err("two")
                .message
                .contains("`a_seconds` and `b_seconds`")
        );
        assert!(of(&[]).is_err());
    }
}
