//! `standin check`: reports all defects of stubs and profiles, and stubs that are never reached.
//! For CI.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure, print_diagnostics, print_line};
use standin_files::regular_file::MAX_BYTES;
use standin_model::profile;
use standin_stub::load;
use standin_stub::overlap;
use standin_stub::stub_folder::StubFolder;
use standin_text::counted;

/// Lint stubs and profiles: every defect at once, hidden and duplicate stubs; exits 1 if there are
/// any
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The stub folder (it has `mappings/`), or a folder of such folders
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// The longest mapping file or profile, as for `serve`
    #[arg(long, value_name = "BYTES", default_value_t = MAX_BYTES)]
    max_file_bytes: u64,
}

impl CheckArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let dir = self.dir.display();
        let mut services = StubFolder::find_all(&self.dir).map_err(|error| {
            Failure::of_reading(format!("cannot read `{dir}`: {error}"), &error)
                .help("give a folder that has `mappings/` or `profiles/`")
        })?;
        for service in &mut services {
            service.max_file_bytes = self.max_file_bytes;
        }
        let mut loaded = load::load(&services);
        loaded.defects.extend(overlap::overlaps(&loaded.stubs));
        let mut profiles = 0_u64;
        for service in &services {
            let found = profile::load_up_to(&service.root, service.max_file_bytes);
            profiles += found.profiles.len() as u64;
            loaded.defects.extend(found.defects);
        }
        print_diagnostics(&loaded.defects);
        let stubs = counted(loaded.stubs.len() as u64, "stub");
        let checked = match profiles {
            0 => stubs,
            _ => format!("{stubs} and {}", counted(profiles, "profile")),
        };
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let names = names.join(", ");
        if loaded.defects.is_empty() {
            print_line(&format!("standin: {checked} of {names}: no defects"));
            return Ok(Exit::Success);
        }
        let errors = loaded.defects.iter().filter(|defect| defect.is_error()).count();
        let warnings = loaded.defects.len() - errors;
        let (errors, warnings) = (counted(errors as u64, "error"), counted(warnings as u64, "warning"));
        print_line(&format!("standin: {checked} of {names}: {errors}, {warnings}"));
        Ok(Exit::CheckFailed)
    }
}
