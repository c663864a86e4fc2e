//! Prometheus' text exposition: cumulative counts by `le`, summed over what is not of the operation
//! (instances, exceptions).

use std::collections::BTreeMap;
use std::io::BufRead;

use super::buckets::Buckets;
use super::collect::Collected;
use super::import_error::{ImportError, ImportErrors};
use super::measurements::Measurements;
use super::series::{self, Labels};
use super::units::TimeUnit;
use super::{ImportOptions, lines};

/// Bounds and cumulative counts of one series, as they come.
type Cumulative = Vec<(f64, f64)>;

/// Cumulative buckets by histogram and labels, each series with the number of its first line.
type Families = BTreeMap<String, BTreeMap<Labels, (u64, Cumulative)>>;

/// Reads a scrape. Its counts are those since each process started.
pub(super) fn read(input: impl BufRead, options: &ImportOptions, read: &mut Collected) -> Result<(), ImportErrors> {
    let mut families = read_families(input)?;
    let with_paths = families.iter().map(|(name, all)| (name.clone(), all.keys().any(series::tells_path))).collect();
    let chosen = series::chosen(&with_paths, options)?;
    let unit = options.unit.or_else(|| chosen.rsplit('_').find_map(TimeUnit::of)).ok_or_else(|| {
        ImportError::new(0, format!("`{chosen}` does not name its unit"), "give it with `--unit s` or `--unit ms`")
    })?;
    for (name, all) in families.iter().filter(|(name, _)| **name != chosen) {
        read.skipped.add_many("series of other histograms; choose with `--metric`", name, all.len() as u64);
    }
    let mut errors = ImportErrors::default();
    let family = families.remove(&chosen).unwrap_or_default();
    series::has_labels(family.keys(), options)?;
    for (labels, (line, cumulative)) in family {
        let buckets = match buckets(cumulative, unit) {
            Ok(buckets) => buckets,
            Err(message) => {
                errors.add(ImportError::new(line, message, "scrape once more"));
                continue;
            }
        };
        let (key, status) = series::key(&labels, options);
        if buckets.count() == 0 {
            read.skipped.add("series without calls", key.label.as_deref().unwrap_or_default());
            continue;
        }
        if let Err(error) = read.summary(key, status, Measurements::Buckets(buckets), line) {
            errors.add(error);
        }
    }
    read.notes.push(
        "counts are those since the processes started, quiet hours and warm-up included; nothing tells at which load"
            .to_owned(),
    );
    errors.none()
}

/// Reads the buckets of all histograms.
fn read_families(input: impl BufRead) -> Result<Families, ImportErrors> {
    let mut errors = ImportErrors::default();
    let mut families = Families::new();
    let mut kept = 0;
    lines(input, |number, line| {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let Some((name, rest)) = line.split_once('{').filter(|(name, _)| name.trim().ends_with("_bucket")) else {
            return Ok(());
        };
        let help = "give the text that the service's metrics endpoint answers";
        let Some((mut labels, count)) = sample(rest) else {
            errors.add(ImportError::new(number, "is no sample of a bucket", help));
            return Ok(());
        };
        let Some(bound) = labels.remove("le").and_then(|bound| bound.parse::<f64>().ok()) else {
            errors.add(ImportError::new(number, "the bucket has no bound `le`", help));
            return Ok(());
        };
        kept += 1;
        if kept > MAX_SAMPLES {
            return Err(ImportError::new(
                number,
                format!("has more than {MAX_SAMPLES} buckets"),
                "import a part of it",
            ));
        }
        let family = name.trim().trim_end_matches("_bucket");
        if !families.contains_key(family) {
            families.insert(family.to_owned(), BTreeMap::new());
        }
        let series = families.get_mut(family).expect("inserted above").entry(labels).or_insert((number, Vec::new()));
        series.1.push((bound, count));
        Ok(())
    })?;
    errors.none()?;
    Ok(families)
}

/// Buckets with counts of their own, from cumulative ones.
fn buckets(mut cumulative: Cumulative, unit: TimeUnit) -> Result<Buckets, String> {
    cumulative.sort_by(|one, other| one.0.total_cmp(&other.0));
    if cumulative.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("the series has a bound twice: this is more than one scrape".to_owned());
    }
    let Some((f64::INFINITY, total)) = cumulative.pop() else {
        return Err("the series has no bucket `le=\"+Inf\"`".to_owned());
    };
    let mut seen = 0.0;
    let mut counts = Vec::with_capacity(cumulative.len());
    for (bound, count) in cumulative {
        if count < seen {
            return Err(format!("the counts fall at `le=\"{bound}\"`: they are not cumulative"));
        }
        let bound = unit.nanos(bound).filter(|bound| *bound > 0.0).ok_or(format!("`le=\"{bound}\"` is no time"))?;
        counts.push((bound, (count - seen) as u64));
        seen = count;
    }
    if total < seen {
        return Err("the counts fall at `le=\"+Inf\"`: they are not cumulative".to_owned());
    }
    if counts.is_empty() {
        return Err("the series has no finite bound".to_owned());
    }
    Ok(Buckets::new(0.0, counts, (total - seen) as u64, (None, None)))
}

/// Parses the text after the `{` of a sample: labels, `}` and the value. A timestamp after the
/// value is ignored.
fn sample(text: &str) -> Option<(Labels, f64)> {
    let mut labels = Labels::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            let value: f64 = after.split_whitespace().next()?.parse().ok()?;
            return (value >= 0.0 && value.is_finite()).then_some((labels, value));
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start().strip_prefix('"')?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    c => value.push(c),
                },
                (_, c) => value.push(c),
            }
        };
        labels.insert(name.trim().trim_matches('"').to_owned(), value);
        rest = &after[end + 1..];
    }
}

const MAX_SAMPLES: u64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_escapes_and_times() {
        let (labels, value) = sample(r#"uri="/a\"}\\x", le="0.5",} 12 1700000000"#).expect("a sample");
        assert_eq!((labels["uri"].as_str(), labels["le"].as_str(), value), ("/a\"}\\x", "0.5", 12.0));
        for broken in ["", "a=1} 2", "a=\"1\"", "a=\"1\"} x", "a=\"1\"} -1", "a=\"1\"} NaN"] {
            assert_eq!(sample(broken), None, "{broken}");
        }
    }

    #[test]
    fn counts_that_are_not_cumulative_are_refused() {
        let inf = f64::INFINITY;
        assert!(buckets(vec![(0.1, 5.0), (0.2, 4.0), (inf, 5.0)], TimeUnit::Seconds).is_err());
        assert!(buckets(vec![(0.1, 5.0)], TimeUnit::Seconds).is_err());
        assert!(buckets(vec![(inf, 5.0)], TimeUnit::Seconds).is_err());
        let good = buckets(vec![(0.1, 5.0), (inf, 7.0), (0.2, 6.0)], TimeUnit::Seconds).expect("good");
        assert_eq!((good.count(), good.cut_off()), (7, 1));
    }
}
