//! Warnings about profiles whose recordings are old: the service may have changed since.

use std::path::Path;
use std::time::{Duration, SystemTime};

use standin_model::profile::CompiledProfile;
use standin_stub::defect::Defect;
use standin_stub::source::rule::Rule;

/// Returns a warning for each service of a profile in `dir` whose recording is older than `limit`.
/// Profiles without the time of a recording, such as those written by hand, are left out.
pub(super) fn in_profiles(dir: &Path, profiles: &[CompiledProfile], limit: Duration) -> Vec<Defect> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut defects = Vec::new();
    for profile in profiles {
        let recorded = profile.services.iter().filter_map(|service| service.valid.recorded).max();
        let age = recorded.map(|recorded| now.saturating_sub(Duration::from_secs(recorded)));
        let Some(age) = age.filter(|age| *age > limit) else { continue };
        let message = format!(
            "the profile `{}` of `{}` was recorded {} ago, and --stale allows {}",
            profile.name,
            dir.display(),
            in_days(age),
            in_days(limit)
        );
        let help = format!(
            "see whether the service has changed: record it again and run `standin gap {}`, then `standin fit`",
            dir.display()
        );
        defects.push(Defect::warning(message).help(help).rule(&Rule::STALE));
    }
    defects
}

/// Parses an age: a number of days such as `30d`, or a shorter time with its unit.
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d') {
        Some(days) => match days.parse::<f64>() {
            Ok(days) if days.is_finite() && (0.0..=MAX_DAYS).contains(&days) => {
                Ok(Duration::from_secs_f64(days * DAY_SECONDS))
            }
            _ => Err(format!("`{text}` is no number of days; write it as in `30d`")),
        },
        None => crate::cli::parse_time(text),
    }
}

fn in_days(time: Duration) -> String {
    let days = time.as_secs_f64() / DAY_SECONDS;
    if days < 2.0 { format!("{:.0} h", days * 24.0) } else { format!("{:.0} days", days.floor()) }
}

const DAY_SECONDS: f64 = 86_400.0;
/// Maximum age: a thousand years.
const MAX_DAYS: f64 = 365_250.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_days() {
        assert_eq!(parse_age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_age("90m"), Ok(Duration::from_secs(5_400)));
        assert!(parse_age("d").is_err() && parse_age("-1d").is_err() && parse_age("infd").is_err());
        assert_eq!(
            (in_days(Duration::from_secs(7_200)), in_days(Duration::from_secs(200_000))),
            ("2 h".to_owned(), "2 days".to_owned())
        );
    }
}
