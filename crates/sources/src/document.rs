//! Source files: their text as a tree, and their format.

use std::sync::Arc;

use standin_stub::defect::Defect;
use standin_stub::source::{Node, Reader};

/// Formats of source files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFormat {
    /// An OpenAPI description, 3.0 or later.
    OpenApi,
    /// An HTTP archive of a browser or a proxy.
    Har,
    /// A collection of Postman.
    Postman,
}

/// A source file that was read.
pub struct SourceDocument {
    /// The file as a tree.
    pub root: Node,
    /// The format of the file.
    pub format: SourceFormat,
    /// Collects the defects of the file.
    pub reader: Reader,
}

impl SourceDocument {
    /// Parses the text of a file, JSON or YAML; `file` is its name for messages. The error has the
    /// defects of a file that is not of a known format.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Defect>> {
        let text: Arc<str> = text.trim_start_matches('\u{feff}').into();
        let mut reader = Reader::of_file(file, Arc::clone(&text));
        let is_json = text.trim_start().starts_with(['{', '[']);
        let root = if is_json { reader.parse(&text) } else { reader.parse_yaml(&text) };
        let Some(root) = root else { return Err(reader.into_defects()) };
        match format_of(&root) {
            Ok(format) => Ok(Self { root, format, reader }),
            Err(defect) => {
                reader.report_here(*defect, &root);
                Err(reader.into_defects())
            }
        }
    }
}

fn format_of(root: &Node) -> Result<SourceFormat, Box<Defect>> {
    if root.get("openapi").is_some() {
        Ok(SourceFormat::OpenApi)
    } else if root.get("swagger").is_some() {
        let defect = Defect::error("this is a Swagger 2.0 description, which is not read");
        Err(Box::new(defect.help("convert it to OpenAPI 3 first, as `swagger2openapi` does")))
    } else if root.get("log").is_some_and(|log| log.get("entries").is_some()) {
        Ok(SourceFormat::Har)
    } else if root.get("info").is_some() && root.get("item").is_some() {
        Ok(SourceFormat::Postman)
    } else {
        let defect = Defect::error("this is neither an OpenAPI description nor a HAR file nor a Postman collection");
        Err(Box::new(defect.help("give a file with `openapi`, with `log` and `entries`, or with `info` and `item`")))
    }
}
