//! `standin stubs`: stubs from descriptions and recordings of other tools.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::draft::{list_files, write_draft};
use super::{Exit, Failure, print_diagnostics, print_line, print_note};
use standin_files::regular_file::{self, MAX_BYTES};
use standin_learn::draft::{DEFAULT_MAX_STUBS, write};
use standin_sources::document::{SourceDocument, SourceFormat};
use standin_sources::openapi::{self, OpenApiOptions};
use standin_sources::recorded::SourceCalls;
use standin_sources::{har, postman};
use standin_text::{counted, list};

/// Make stubs of what you have: OpenAPI descriptions, HAR files, Postman collections
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct StubsArgs {
    #[command(subcommand)]
    command: StubsCommand,
}

#[derive(Debug, Subcommand)]
enum StubsCommand {
    From(Box<FromArgs>),
}

/// Make stubs of a file: OpenAPI 3.0 and 3.1 (JSON or YAML), HAR 1.2, Postman 2.1; its content
/// tells which
///
/// OpenAPI: each operation becomes stubs that ask what the description asks of requests. They
/// answer with its examples, or with samples that are valid by its schemas: the lowest 2xx response
/// by default, another one with the request header `Prefer: code=404`, an example by its name with
/// `Prefer: example=NAME`.
///
/// HAR and Postman: each request with its saved answer becomes a stub, as `standin draft` makes
/// them of tapes, with secrets replaced.
///
/// Files that you edited are left alone.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct FromArgs {
    /// The file
    file: PathBuf,

    /// The stub folder that is written to; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "stubs")]
    out: PathBuf,

    /// Path before all paths of an OpenAPI description [default: that of its first server]
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,

    /// Answer only requests with the credentials that an OpenAPI description requires; any are
    /// right
    #[arg(long)]
    security: bool,

    /// Only calls to this host, where a HAR file or a collection has several
    #[arg(long, value_name = "HOST[:PORT]")]
    host: Option<String>,

    /// Stubs that an operation may have, of a HAR file or a collection
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_STUBS)]
    max_stubs: usize,

    /// Remove stubs that the file does not give any more, unless you edited them
    #[arg(long)]
    prune: bool,

    /// The longest file
    #[arg(long, value_name = "BYTES", default_value_t = MAX_BYTES)]
    max_file_bytes: u64,

    /// The report on an OpenAPI description as JSON
    #[arg(long)]
    json: bool,
}

impl StubsArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            StubsCommand::From(from) => from.run(),
        }
    }
}

impl FromArgs {
    fn run(&self) -> Result<Exit, Failure> {
        let file = self.file.display().to_string();
        if self.out.exists() && !self.out.is_dir() {
            return Err(Failure::usage(format!("`{}` is no folder", self.out.display()))
                .help("name the stub folder with `--out`"));
        }
        let bytes = regular_file::read(&self.file, self.max_file_bytes)
            .map_err(|error| Failure::of_reading(format!("cannot read `{file}`: {error}"), &error))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| Failure::broken(format!("`{file}` is not UTF-8: {error}")).help("convert it to UTF-8"))?;
        let document = SourceDocument::parse(&file, &text).map_err(|defects| {
            print_diagnostics(&defects);
            Failure::broken(format!("`{file}` cannot be used"))
        })?;
        match document.format {
            SourceFormat::OpenApi => self.openapi(document),
            SourceFormat::Har => self.recorded(har::calls(&document.root), "har"),
            SourceFormat::Postman => self.recorded(postman::calls(&document.root), "postman"),
        }
    }

    /// Drafts stubs of calls into `mappings/BELOW`, as `standin draft` does of a tape.
    fn recorded(&self, mut calls: SourceCalls, below: &str) -> Result<Exit, Failure> {
        if self.base_path.is_some() || self.security || self.json {
            return Err(Failure::usage("`--base-path`, `--security` and `--json` are for OpenAPI descriptions"));
        }
        for (why, count, first) in &calls.left_out {
            print_note(&format!("left out: {count} {why} (the first: {first})"));
        }
        self.choose_host(&mut calls)?;
        if calls.calls.is_empty() {
            return Err(Failure::broken(format!("`{}` has no call with an answer", self.file.display()))
                .help("save a HAR file with contents, or responses as examples in Postman"));
        }
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let (draft, bodies) = calls.draft(&name, self.max_stubs);
        let exit = write_draft(&draft, &self.out, below, self.prune, |hash: &str| bodies.get(hash).cloned())?;
        self.print_next();
        Ok(exit)
    }

    /// Keeps the calls to one host: that of `--host`, or the only one.
    fn choose_host(&self, calls: &mut SourceCalls) -> Result<(), Failure> {
        let hosts = calls.hosts();
        let named: Vec<String> =
            hosts.iter().map(|(host, count)| format!("{host} ({})", counted(*count as u64, "call"))).collect();
        let Some(host) = &self.host else {
            if hosts.len() <= 1 {
                return Ok(());
            }
            let message = format!("`{}` has calls to {}", self.file.display(), list(&named, "and"));
            return Err(Failure::usage(message).help("choose one by `--host`; each has a stub folder of its own"));
        };
        let host = host.to_ascii_lowercase();
        if !hosts.iter().any(|(known, _)| *known == host) {
            let message = format!("`{}` has no call to `{host}`", self.file.display());
            return Err(Failure::usage(message).help(format!("it has calls to {}", list(&named, "and"))));
        }
        calls.calls.retain(|call| call.host == host);
        Ok(())
    }

    fn openapi(&self, document: SourceDocument) -> Result<Exit, Failure> {
        if self.host.is_some() {
            return Err(Failure::usage("`--host` is for HAR files and collections").help("use `--base-path`"));
        }
        let options = OpenApiOptions {
            base_path: self.base_path.as_deref().map(openapi::normalized_base),
            requires_security: self.security,
        };
        let made = openapi::stubs(document, &options);
        print_diagnostics(&made.defects);
        let written = write::write_files(&made.mappings, &self.out, OPENAPI_FOLDER, self.prune)
            .map_err(|error| Failure::broken(format!("cannot write below `{}`: {error}", self.out.display())))?;
        if self.json {
            print_line(&format!("{:#}", made.report.to_json()));
        } else {
            print_line(&format!("standin: {}: {}", self.out.display(), made.report));
            list_files(&written);
        }
        self.print_next();
        let is_whole = !made.defects.iter().any(standin_stub::defect::Defect::is_error);
        Ok(if is_whole { Exit::Success } else { Exit::CheckFailed })
    }

    fn print_next(&self) {
        print_note(&format!("serve them: standin serve {}", self.out.display()));
    }
}

/// Folder of stubs from descriptions, below `mappings/`.
const OPENAPI_FOLDER: &str = "openapi";

const EXAMPLES: &str = "\
Examples:
  standin stubs from openapi.yaml --out stubs/inventory
  standin serve stubs/inventory
  curl -H 'Prefer: code=404' http://localhost:8080/items/7
  standin stubs from session.har --host inventory:9000 --out stubs/inventory
  standin stubs from shop.postman_collection.json --out stubs/shop

Exits 1 if a part of the file is left out. Docs: docs/SOURCES.md";
