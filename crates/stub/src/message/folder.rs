//! Loading of message stubs from the folder `message-mappings`.

use std::path::Path;
use std::sync::Arc;

use super::format::message_stub;
use super::stub::MessageStub;
use crate::defect::Defect;
use crate::source::{Node, Reader};
use crate::stub_folder::{StubFolder, is_mapping_file};
use standin_files::regular_file;

/// The message stubs of a folder, with the defects of their files.
#[derive(Debug, Default)]
pub struct MessageFolder {
    /// Stubs without errors.
    pub stubs: Vec<Arc<MessageStub>>,
    /// Errors and warnings.
    pub defects: Vec<Defect>,
}

/// Reads the message stubs of a stub folder. A folder without `message-mappings` has none.
pub fn load_message_stubs(folder: &StubFolder) -> MessageFolder {
    let mut loaded = MessageFolder::default();
    let mut files = Vec::new();
    let mut folders = vec![(folder.root.join("message-mappings"), 0)];
    while let Some((path, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&path) else { continue };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
            } else if is_mapping_file(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    for path in files {
        read_file(&path, folder, &mut loaded);
    }
    loaded
}

fn read_file(path: &Path, folder: &StubFolder, loaded: &mut MessageFolder) {
    let name = path.display().to_string();
    let text = regular_file::read(path, folder.max_file_bytes).map_err(|error| error.to_string());
    let text = match text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())) {
        Ok(text) => text,
        Err(why) => {
            let defect = Defect::error(format!("cannot read `{name}`: {why}"));
            loaded.defects.push(defect.help("correct the file, or move it out of `message-mappings`"));
            return;
        }
    };
    let mut reader = Reader::of_file(&name, text.as_str().into());
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let tree = if is_json { reader.parse(&text) } else { reader.parse_yaml(&text) };
    if let Some(tree) = tree {
        let nodes = match tree.get("messageMappings") {
            Some(list) => list.items().iter().collect(),
            None if tree.items().is_empty() => vec![&tree],
            None => tree.items().iter().collect::<Vec<&Node>>(),
        };
        for node in nodes {
            let stub = message_stub(node, &folder.files(), &mut reader);
            loaded.stubs.extend(stub.map(|stub| Arc::new(MessageStub { is_of_file: true, ..stub })));
        }
    }
    loaded.defects.extend(reader.into_defects());
}

/// Maximum depth of folders below `message-mappings`.
const MAX_DEPTH: usize = 64;
