//! Stubs of the operations of an OpenAPI description.
//!
//! Each response of an operation becomes stubs. The lowest 2xx response answers by default; a
//! client asks for another one, or for an example by its name, with the header `Prefer`
//! (`prefer.rs`). Requests must meet what the description requires of them.

mod media;
mod operation;
mod parameter;
mod path;
mod prefer;
mod report;
mod request;
mod request_body;
mod response;
mod security;
mod stub;
mod text_matcher;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value as Json;
use standin_learn::draft::DraftMappingFile;
use standin_stub::defect::Defect;
use standin_stub::source::{Node, Reader};

pub use path::normalized_base;
pub use report::OpenApiReport;

use self::operation::Operation;
use self::path::OperationPath;
use crate::document::SourceDocument;
use crate::sample::{Sample, sample};
use crate::schema::{CompiledSchema, Direction, References, SchemaBundler};

/// Options of stubs from a description.
#[derive(Clone, Debug, Default)]
pub struct OpenApiOptions {
    /// Path before all paths, in place of that of the first server.
    pub base_path: Option<String>,
    /// True if requests need the credentials that the description requires.
    pub requires_security: bool,
}

/// The stubs of a description.
#[derive(Debug)]
pub struct OpenApiStubs {
    /// The mapping files, one for each operation.
    pub mappings: Vec<DraftMappingFile>,
    /// Counts of what was made, and of what.
    pub report: OpenApiReport,
    /// Defects of the description.
    pub defects: Vec<Defect>,
}

/// Returns the stubs of a description.
pub fn stubs(document: SourceDocument, options: &OpenApiOptions) -> OpenApiStubs {
    let SourceDocument { root, mut reader, .. } = document;
    let mut description = Description::new(&root, &mut reader);
    let mut mappings = Vec::new();
    let mut forms = HashSet::new();
    let operations = description.operations(options);
    for (path, levels) in &operations {
        if !forms.insert(path.name()) {
            let message = format!("another path has the same form as `{}`: it is left out", path.written);
            let defect = Defect::error(message).help("rename a variable, or remove one of them");
            description.reader.report_here(defect, path.operation);
            continue;
        }
        mappings.extend(Operation::new(&mut description, path, *levels).mapping_file(options));
    }
    let mut report = description.report;
    report.read_head(&root);
    report.operations = mappings.len();
    OpenApiStubs { mappings, report, defects: reader.into_defects() }
}

/// A description that is read, with what was made of its schemas so far.
pub(crate) struct Description<'d, 'r> {
    root: &'d Node,
    reader: &'r mut Reader,
    references: References<'d>,
    bundler: SchemaBundler,
    schemas: HashMap<(String, Direction), Rc<CompiledSchema>>,
    samples: HashMap<String, Rc<Sample>>,
    /// Places of examples that were reported.
    wrong_examples: HashSet<usize>,
    report: OpenApiReport,
}

impl<'d, 'r> Description<'d, 'r> {
    fn new(root: &'d Node, reader: &'r mut Reader) -> Self {
        let version = root.get("openapi").and_then(Node::as_str).unwrap_or_default();
        Self {
            root,
            reader,
            references: References::new(root),
            bundler: SchemaBundler::new(version.starts_with("3.0")),
            schemas: HashMap::new(),
            samples: HashMap::new(),
            wrong_examples: HashSet::new(),
            report: OpenApiReport::default(),
        }
    }

    /// Returns all operations, each with the number of more concrete paths that come before it.
    fn operations(&mut self, options: &OpenApiOptions) -> Vec<(OperationPath<'d>, usize)> {
        let mut found = Vec::new();
        for path in self.root.get("paths").map_or(&[][..], Node::members) {
            if path.key.starts_with("x-") {
                continue;
            }
            let Some(item) = self.resolve(&path.value) else { continue };
            for method in METHODS {
                let Some(operation) = item.get(&method.to_ascii_lowercase()) else { continue };
                let servers = [operation, item, self.root].into_iter().find_map(|node| node.get("servers"));
                let base = options.base_path.clone().unwrap_or_else(|| path::base_path(servers));
                match OperationPath::new(method, &base, &path.key, item, operation) {
                    Ok(path) => found.push(path),
                    Err(defect) => self.reader.report_here(*defect, &path.value),
                }
            }
        }
        for key in ["webhooks", "x-webhooks"] {
            self.report.webhooks += self.root.get(key).map_or(0, |hooks| hooks.members().len());
        }
        path::with_levels(found)
    }

    /// Returns the object that a node is or refers to.
    fn resolve(&mut self, node: &'d Node) -> Option<&'d Node> {
        self.references.resolve(node, self.reader)
    }

    /// Returns a schema that stands alone.
    fn schema(&mut self, node: &'d Node, direction: Direction) -> Rc<CompiledSchema> {
        // many messages refer to one schema
        let by_reference = node.get("$ref").filter(|_| node.members().len() == 1).and_then(Node::as_str);
        let key = by_reference.map(|reference| (reference.to_owned(), direction));
        if let Some(known) = key.as_ref().and_then(|key| self.schemas.get(key)) {
            return Rc::clone(known);
        }
        let json = self.bundler.bundle(node, direction, &mut self.references, self.reader);
        let compiled = Rc::new(CompiledSchema::new(json));
        if let Some(problem) = &compiled.problem {
            let defect = Defect::warning(format!("the schema cannot be evaluated: {problem}"))
                .help("correct it; until then nothing is asked of values, and samples are not checked");
            self.reader.report_here(defect, node);
        }
        if let Some(key) = key {
            self.schemas.insert(key, Rc::clone(&compiled));
        }
        compiled
    }

    /// Returns a sample of a schema, and reports a schema that has no valid one.
    fn sample(&mut self, schema: &CompiledSchema, place: &Node) -> Option<Json> {
        let key = schema.json.to_string();
        let found = match self.samples.get(&key) {
            Some(known) => Rc::clone(known),
            None => {
                let made = Rc::new(sample(schema));
                self.samples.insert(key, Rc::clone(&made));
                let message = match &*made {
                    Sample::Valid(_) => None,
                    _ if schema.problem.is_some() => None,
                    Sample::Invalid(_) => Some("no value that is valid by this schema was found"),
                    Sample::None => Some("this schema has no finite value"),
                };
                if let Some(message) = message {
                    let defect = Defect::warning(message).help("add an `example`, or correct the schema");
                    self.reader.report_here(defect, place);
                }
                made
            }
        };
        match &*found {
            Sample::Valid(value) | Sample::Invalid(value) => Some(value.clone()),
            Sample::None => None,
        }
    }

    fn warn(&mut self, place: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.reader.report_here(Defect::warning(message).help(help), place);
    }
}

/// Methods that a path may have, in the order of their stubs.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];
