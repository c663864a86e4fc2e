//! `standin schema`: JSON Schemas of the files that standin reads.

use clap::{Args, ValueEnum};

use super::{Exit, print_line};
use standin_model::profile::PROFILE_JSON_SCHEMA;
use standin_stub::format::STUB_JSON_SCHEMA;

/// Print the JSON Schema (2020-12) of stub files or of profiles, for editors
///
/// An editor that knows it completes keys, shows what they mean and marks what is wrong.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  standin schema stub > stub.schema.json
  standin schema profile > profile.schema.json

In the first line of a YAML file, for editors with the YAML language server:
  # yaml-language-server: $schema=../profile.schema.json
In a JSON file of one stub:
  \"$schema\": \"../stub.schema.json\"
docs/STUBS.md has the settings of VS Code.")]
pub(super) struct SchemaArgs {
    /// The kind of file
    #[arg(value_enum)]
    kind: SchemaKind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchemaKind {
    /// Files in `mappings/`
    Stub,
    /// Files in `profiles/`
    Profile,
}

impl SchemaArgs {
    pub(super) fn run(&self) -> Exit {
        let schema = match self.kind {
            SchemaKind::Stub => STUB_JSON_SCHEMA,
            SchemaKind::Profile => PROFILE_JSON_SCHEMA,
        };
        print_line(schema.trim_end());
        Exit::Success
    }
}
