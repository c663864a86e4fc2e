//! `standin check`: reports all defects of stubs and profiles, and stubs that are never reached.
//! For CI.

mod sarif;
mod secrets;
mod stale;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Exit, Failure, print_diagnostics, print_line};
use standin_files::regular_file::MAX_BYTES;
use standin_model::profile;
use standin_stub::defect::{Defect, Severity};
use standin_stub::files::Templating;
use standin_stub::load;
use standin_stub::message::load_message_stubs;
use standin_stub::overlap;
use standin_stub::stub_folder::StubFolder;
use standin_stub::unreachable;
use standin_text::counted;

/// Lint stubs and profiles: every defect at once, with its place and help; exits 1 if there are any
///
/// Errors: files and stubs that cannot be used, files that are no stubs, missing body files, ids
/// that stand twice. Warnings: urls that no request can have (`urlPath` with `?`, a regular
/// expression in `url`, an absolute url), stubs that others hide, scenario states that nothing
/// sets, names that stand twice in an object, `{{…}}` without the transformer, unknown transformers
/// and matchers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  standin check stubs                           all defects, each under its line
  standin check stubs --format sarif >out.sarif for code review tools
  standin check stubs --format json | jq '.defects[] | select(.rule == \"never-matches\")'

Say what `serve` will be told: with --global-response-templating every stub is a
template. docs/STUBS.md lists the rules.")]
pub(super) struct CheckArgs {
    /// The stub folder (it has `mappings/`), or a folder of such folders
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// Format of the report: for people, or on stdout for programs (SARIF 2.1.0)
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,

    /// Check every stub as a template, as `serve` does with this option
    #[arg(long)]
    global_response_templating: bool,

    /// Check no stub as a template, as `serve` does with this option
    #[arg(long, conflicts_with = "global_response_templating")]
    disable_response_templating: bool,

    /// Warn about profiles whose recording is older: `30d`, or `12h`
    #[arg(long, value_name = "AGE", value_parser = stale::parse_age)]
    stale: Option<Duration>,

    /// The longest mapping file or profile, as for `serve`
    #[arg(long, value_name = "BYTES", default_value_t = MAX_BYTES)]
    max_file_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Text,
    Json,
    Sarif,
}

/// The result of a check.
struct CheckReport {
    services: Vec<String>,
    stubs: usize,
    left_out: usize,
    message_stubs: usize,
    profiles: usize,
    defects: Vec<Defect>,
}

impl CheckArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let report = self.check()?;
        match self.format {
            ReportFormat::Text => {
                print_diagnostics(&report.defects);
                print_line(&report.summary());
            }
            ReportFormat::Json => print_line(&format!("{:#}", report.json())),
            ReportFormat::Sarif => print_line(&format!("{:#}", sarif::log(&report.defects, &self.dir))),
        }
        Ok(if report.defects.is_empty() { Exit::Success } else { Exit::CheckFailed })
    }

    fn check(&self) -> Result<CheckReport, Failure> {
        let dir = self.dir.display();
        let mut services = StubFolder::find_all(&self.dir).map_err(|error| {
            Failure::of_reading(format!("cannot read `{dir}`: {error}"), &error)
                .help("give a folder that has `mappings/` or `profiles/`")
        })?;
        for service in &mut services {
            service.max_file_bytes = self.max_file_bytes;
            service.rendering.templating =
                Templating::of_flags(self.global_response_templating, self.disable_response_templating);
        }
        let loaded = load::load(&services);
        let mut defects = loaded.defects;
        defects.extend(overlap::overlaps(&loaded.stubs));
        defects.extend(unreachable::unreachable_states(&loaded.stubs));
        defects.extend(secrets::in_stubs(&loaded.stubs));
        let (mut profiles, mut message_stubs) = (0, 0);
        for service in &services {
            let messages = load_message_stubs(service);
            message_stubs += messages.stubs.len();
            defects.extend(messages.defects);
            let found = profile::load_up_to(&service.root, service.max_file_bytes);
            profiles += found.profiles.len();
            if let Some(limit) = self.stale {
                defects.extend(stale::in_profiles(&service.root, &found.profiles, limit));
            }
            defects.extend(found.defects);
        }
        let (stubs, left_out) = (loaded.stubs.len(), loaded.left_out);
        let services = services.into_iter().map(|service| service.name).collect();
        Ok(CheckReport { services, stubs, left_out, message_stubs, profiles, defects })
    }
}

impl CheckReport {
    fn errors(&self) -> usize {
        self.defects.iter().filter(|defect| defect.is_error()).count()
    }

    /// Returns the last line of the report.
    fn summary(&self) -> String {
        let mut checked = counted(self.stubs as u64, "stub");
        if self.profiles > 0 {
            checked = format!("{checked} and {}", counted(self.profiles as u64, "profile"));
        }
        if self.message_stubs > 0 {
            checked = format!("{checked} and {}", counted(self.message_stubs as u64, "message stub"));
        }
        let names = self.services.join(", ");
        if self.defects.is_empty() {
            return format!("standin: {checked} of {names}: no defects");
        }
        let errors = self.errors();
        let warnings = self.defects.len() - errors;
        let left_out = if self.left_out > 0 { format!(", {} left out", self.left_out) } else { String::new() };
        let (errors, warnings) = (counted(errors as u64, "error"), counted(warnings as u64, "warning"));
        format!("standin: {checked} of {names}: {errors}, {warnings}{left_out}")
    }

    fn json(&self) -> Value {
        let errors = self.errors();
        json!({
            "services": self.services,
            "stubs": self.stubs,
            "leftOut": self.left_out,
            "messageStubs": self.message_stubs,
            "profiles": self.profiles,
            "errors": errors,
            "warnings": self.defects.len() - errors,
            "defects": self.defects.iter().map(defect_json).collect::<Vec<_>>(),
        })
    }
}

fn defect_json(defect: &Defect) -> Value {
    let place = defect.place.as_ref();
    json!({
        "rule": defect.rule.id,
        "severity": level(defect),
        "message": defect.message,
        "help": defect.help,
        "file": place.map(|place| &*place.file),
        "line": place.map(standin_stub::defect::SourcePlace::line),
        "column": place.map(standin_stub::defect::SourcePlace::column),
        "pointer": defect.pointer,
    })
}

fn level(defect: &Defect) -> &'static str {
    match defect.severity {
        Severity::Error | Severity::ServedError => "error",
        Severity::Warning => "warning",
    }
}
