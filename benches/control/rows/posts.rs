//! What a stub costs that is posted alone, against one of an import; each in a fresh process.
//!
//! Every single post is a call of its own. What a call to the admin API costs that does next to
//! nothing is told, so that HTTP's part can be taken off.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::client::{Connection, get, post};
use super::super::options::Options;
use super::super::pairs::scratch;
use super::super::report::{Report, number};
use super::super::statistics::Spread;
use super::super::stubs;
use super::verdict;

/// Measures both some times in turn.
pub fn row(options: &Options) -> io::Result<Report> {
    let (_folder, stub_folder) = scratch()?;
    std::fs::create_dir_all(stub_folder.join("mappings"))?;
    let stubs: Vec<Value> = (0..options.stubs).map(stubs::posted).collect();
    let posts: Vec<_> = stubs.iter().map(|stub| post("/__admin/mappings", &stub.to_string())).collect();
    let import = [post("/__admin/mappings/import", &json!({"mappings": stubs}).to_string())];
    let bare = vec![get("/__admin/version"); options.stubs];
    let mut costs = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..options.pairs.min(5) {
        for (costs, requests) in costs.iter_mut().zip([&posts[..], &import[..], &bare[..]]) {
            costs.push(cost(options, &stub_folder, requests)?);
        }
    }
    let [single, imported, bare] = costs;
    let mut report = Report::of("posts", "import");
    report.columns();
    let ratio = report.compare("CPU us/stub", &single, &imported, 1);
    let more: Vec<_> = single.iter().zip(&bare).map(|(post, bare)| post - bare).collect();
    let without = report.compare("  without HTTP's part", &more, &imported, 1);
    report.say(&format!("a bare admin call (`GET /__admin/version`): {} us", number(Spread::of(&bare).median, 1)));
    report.figure("bare us", json!(bare));
    report.limit("a post <= 3 x the part of an import, HTTP's part apart", verdict(without.median <= MOST));
    report.say(&format!("with HTTP's part it is {} x, which is not judged", number(ratio.median, 2)));
    Ok(report)
}

/// Microseconds of CPU for each stub, whatever number of requests brings them.
fn cost(options: &Options, folder: &Path, requests: &[Vec<u8>]) -> io::Result<f64> {
    let server = options.start(folder, &[])?;
    let mut connection = Connection::open(server.address())?;
    // what a first call costs is not a stub's
    connection.call(&get("/__admin/version"))?;
    let before = server.cpu()?;
    for request in requests {
        let reply = connection.call(request)?;
        if reply.status >= 300 {
            let body = String::from_utf8_lossy(&reply.body).chars().take(200).collect::<String>();
            return Err(io::Error::other(format!("an admin call was answered with {}: {body}", reply.status)));
        }
    }
    // what goes on behind the answer belongs to it
    std::thread::sleep(Duration::from_millis(300));
    let cpu = server.cpu()?.saturating_sub(before);
    Ok(cpu.as_secs_f64() * 1e6 / options.stubs as f64)
}

/// The most that a post may cost beyond HTTP, in times of a stub's part of an import.
const MOST: f64 = 3.0;
