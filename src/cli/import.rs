//! `standin import`: converts load test results, percentile tables and histograms to a profile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::operation_args::OperationArgs;
use super::profile_file::{self, Author};
use super::{Exit, Failure, print_line, print_note};
use standin_learn::import::{
    self, Collected, ImportError, ImportErrors, ImportFormat, ImportOptions, ImportedProfile, OperationTarget, TimeUnit,
};
use standin_model::station::{Capacity, Queue};

/// Make a performance profile of what you have: JMeter, k6, Gatling, Locust, vegeta, hey, wrk2, HAR,
/// Prometheus, OpenTelemetry, CSV
///
/// Takes latencies as demands of a service that is `unlimited`: nothing in such data says how calls
/// queue. The report says at which load they were measured, what was assumed and what was left out.
/// To learn the queue, use `standin record` and `standin fit`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportArgs {
    /// The files, gzipped or not; several files become one profile
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The stub folder whose `profiles/` is written to; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "stubs")]
    to: PathBuf,

    /// The name of the profile that is written
    #[arg(long, value_name = "NAME", default_value = "imported")]
    profile: String,

    /// The name of the service [default: that of the folder]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// The format, if its content does not tell it
    #[arg(long, value_parser = PossibleValuesParser::new(ImportFormat::NAMES.iter().map(|(name, _)| *name)))]
    format: Option<String>,

    /// The unit of times, where the file does not name it: ns, us, ms or s
    #[arg(long, value_parser = unit)]
    unit: Option<TimeUnit>,

    /// The method and path of a name that does not tell them; any number of times
    #[arg(long, value_name = "NAME=METHOD PATH", value_parser = mapping)]
    map: Vec<(String, String)>,

    /// The metric, where a file has several
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,

    /// The labels or attributes that tell operations apart, for histograms
    #[arg(long, value_name = "LABEL,...", value_delimiter = ',')]
    by: Vec<String>,

    /// Only calls of this host, where urls name several
    #[arg(long, value_name = "HOST[:PORT]")]
    host: Option<String>,

    /// Give the service so many workers, by hand; times may hold waiting already, which is then
    /// served twice
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroU32>,

    /// Queue discipline of the workers that are given by hand
    #[arg(long, value_name = "KIND", requires = "workers", default_value = "fifo")]
    discipline: DisciplineArg,

    /// Overwrite a profile that was edited by hand
    #[arg(long)]
    force: bool,

    /// The report as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    operations: OperationArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DisciplineArg {
    /// One call at a time each, first come, first served
    Fifo,
    /// All calls at once, each the slower the more there are
    Sharing,
}

impl ImportArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        profile_file::check_name(&self.profile)?;
        if self.to.exists() && !self.to.is_dir() {
            return Err(Failure::usage(format!("`{}` is no folder", self.to.display()))
                .help("name the stub folder with `--to`"));
        }
        if self.service.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(Failure::usage("`--service` is empty")
                .help("name the service, or leave it out: it is called as its folder then"));
        }
        let imported = self.import(&self.options()?)?;
        let path = profile_file::path(&self.to, &self.profile);
        // a stub folder as `record` makes it, so that later commands find one
        let made = if self.to.exists() { Ok(()) } else { fs::create_dir_all(self.to.join("mappings")) };
        made.map_err(|error| Failure::broken(format!("cannot write `{}`: {error}", self.to.display())))?;
        let text = imported.profile().to_yaml(&imported.to_string());
        profile_file::keep_edited(&path, Author::Import, self.force)?;
        profile_file::write(&path, Author::Import, &text)?;
        if self.json {
            print_line(&serde_json::to_string_pretty(&imported.to_json()).expect("a report is plain data"));
        } else {
            print_line(imported.to_string().trim_end());
        }
        print_note(&format!("written to {}; serve it with --profile {}", path.display(), self.profile));
        Ok(Exit::Success)
    }

    fn options(&self) -> Result<ImportOptions, Failure> {
        let format = self.format.as_deref();
        Ok(ImportOptions {
            format: ImportFormat::NAMES.iter().find(|(name, _)| Some(*name) == format).map(|(_, format)| *format),
            unit: self.unit,
            map: self.map.iter().cloned().collect::<BTreeMap<_, _>>(),
            metric: self.metric.clone(),
            by: self.by.clone(),
            host: self.host.clone(),
            rules: self.operations.rules()?,
        })
    }

    /// Reads all files. The failure has the errors of all of them.
    fn import(&self, options: &ImportOptions) -> Result<ImportedProfile, Failure> {
        let mut all: Option<Collected> = None;
        let (mut sources, mut messages, mut exit_code) = (Vec::new(), Vec::new(), Exit::Broken);
        for path in &self.files {
            let file = path.display().to_string();
            let input = match File::open(path) {
                Ok(input) => input,
                Err(error) => {
                    let unreadable = Failure::of_reading(format!("cannot read `{file}`: {error}"), &error);
                    messages.push(unreadable.to_string());
                    exit_code = exit_code.max(unreadable.exit_code());
                    continue;
                }
            };
            let merged = import::read(input, options).and_then(|read| {
                let name = path.file_name().map_or(file.as_str().into(), |name| name.to_string_lossy());
                sources.push(read.source(&name));
                match &mut all {
                    None => all = Some(read),
                    Some(all) => all.merge(read)?,
                }
                Ok(())
            });
            if let Err(problems) = merged {
                messages.extend(error_lines(&file, problems));
            }
        }
        let Some(all) = all.filter(|_| messages.is_empty()) else {
            return Err(Failure::new(exit_code, messages.join("\n")));
        };
        let left_out = all.skipped.clone();
        let service = self.service.clone().unwrap_or_else(|| profile_file::service(&self.to));
        ImportedProfile::new(all, options, &service, sources, self.capacity()).map_err(|problem| {
            let left_out =
                left_out.iter().map(|(why, count, first)| format!("left out: {count} {why} (the first: {first})"));
            let file = self.files[0].display().to_string();
            Failure::broken(
                left_out.chain([ImportError { file, ..problem }.to_string()]).collect::<Vec<String>>().join("\n"),
            )
        })
    }

    fn capacity(&self) -> Capacity {
        let queue = Queue::Unbounded;
        match (self.workers, self.discipline) {
            (None, _) => Capacity::Unlimited,
            (Some(workers), DisciplineArg::Fifo) => Capacity::Fifo { workers, queue },
            (Some(workers), DisciplineArg::Sharing) => Capacity::Sharing { workers, queue },
        }
    }
}

/// Returns the first errors of a file, a line each, and the number of the others.
fn error_lines(file: &str, problems: ImportErrors) -> Vec<String> {
    let count = problems.count;
    let mut lines: Vec<String> = problems
        .first
        .into_iter()
        .map(|problem| ImportError { file: file.to_owned(), ..problem }.to_string())
        .collect();
    if count > lines.len() as u64 {
        lines.push(format!("`{file}`: and {} more defects", count - lines.len() as u64));
    }
    lines
}

fn unit(text: &str) -> Result<TimeUnit, String> {
    TimeUnit::of(text).ok_or_else(|| "use ns, us, ms or s".to_owned())
}

/// Parses a pair of a name and a target, such as `Home page=GET /`.
fn mapping(text: &str) -> Result<(String, String), String> {
    // names may have `=` in them, paths that follow have none
    let (name, target) = text.rsplit_once('=').ok_or("write it as `NAME=GET /path`")?;
    OperationTarget::of(target).ok_or("write a method and a path behind the `=`, as in `Home page=GET /`")?;
    Ok((name.to_owned(), target.trim().to_owned()))
}

const EXAMPLES: &str = "\
Examples:
  standin import results.jtl --to stubs/inventory            JMeter's results (CSV or XML)
  standin import simulation.log --map \"Home=GET /\"          Gatling's log (text, before 3.13)
  vegeta encode results.bin > results.json; standin import results.json
  hey -o csv URL > hey.csv; standin import hey.csv --map \"hey=GET /items/{id}\"
  wrk -L -R 500 URL > wrk2.txt; standin import wrk2.txt       a distribution only
  standin import locust_stats.csv --to stubs/inventory       Locust's statistics
  k6 run --out json=points.json script.js; standin import points.json
  curl -s http://inventory:9000/metrics > scrape.txt; standin import scrape.txt --by method,uri
  standin import metrics.json --metric http.server.request.duration    OpenTelemetry (OTLP JSON)
  standin import session.har --host inventory:9000           what a browser saw
  standin import table.csv --unit ms --map \"Home page=GET /\"

A table of one's own has a column of operations and columns of percentiles:
  operation,p50_ms,p90_ms,p99_ms
  GET /inventory/{id},3.2,7,31

Docs: docs/IMPORT.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mapped_to_a_method_and_a_path() {
        assert_eq!(mapping("a=b=GET /x"), Ok(("a=b".to_owned(), "GET /x".to_owned())));
        assert!(mapping("Home").is_err());
        assert!(mapping("Home=page").is_err());
    }
}
