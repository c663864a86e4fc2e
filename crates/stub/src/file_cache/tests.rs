//! Tests of the cache of mapping files.

use super::*;
use std::fs;
use std::time::Duration;

fn cache_of(files: &[(&str, &str)]) -> (tempfile::TempDir, FileCache) {
    let root = tempfile::TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    let folder = StubFolder::new("s", "", root.path());
    (root, FileCache::new(vec![folder]))
}

/// Reads as if all files were old.
fn read(cache: &mut FileCache) -> CacheContents {
    let mut listings = cache.list_files();
    for listing in &mut listings {
        listing.listed_at += Duration::from_secs(60);
    }
    cache.read(listings)
}

const STUB: &str = r#"{"request": {"url": "/a"}}"#;

#[test]
fn only_what_has_changed_is_read_again() {
    let (root, mut cache) = cache_of(&[("mappings/a.json", STUB), ("mappings/c.json", STUB)]);
    let first = read(&mut cache);
    assert_eq!((first.file_count, first.parsed_count, first.has_changed), (2, 2, true));
    assert!(cache.is_current(&cache.list_files()) && !cache.has_recent_files());
    let again = read(&mut cache);
    assert_eq!((again.parsed_count, again.has_changed), (0, false));
    assert!(Arc::ptr_eq(&first.stubs[0].stub, &again.stubs[0].stub));
    fs::write(root.path().join("mappings/b.json"), STUB).expect("writable");
    let third = read(&mut cache);
    assert_eq!((third.file_count, third.parsed_count, third.has_changed), (3, 1, true));
    assert!(Arc::ptr_eq(&first.stubs[0].stub, &third.stubs[0].stub));
    // what is behind it has another rank, and is the same otherwise
    assert!(Arc::ptr_eq(&first.stubs[1].stub.response, &third.stubs[2].stub.response));
    assert!(third.stubs.is_sorted_by(|one, other| one.stub.rank.age > other.stub.rank.age));
    fs::remove_file(root.path().join("mappings/b.json")).expect("writable");
    assert!(read(&mut cache).has_changed);
}

#[test]
fn a_file_with_the_same_bytes_has_not_changed() {
    let (root, mut cache) = cache_of(&[("mappings/a.json", STUB)]);
    read(&mut cache);
    fs::write(root.path().join("mappings/a.json"), STUB).expect("writable");
    let again = read(&mut cache);
    assert_eq!((again.parsed_count, again.has_changed), (0, false));
}

#[test]
fn a_file_that_was_fresh_is_looked_at_again() {
    let (_root, mut cache) = cache_of(&[("mappings/a.json", STUB)]);
    let listings = cache.list_files();
    cache.read(listings);
    assert!(cache.has_recent_files());
    // as if it had been written again within the tick of the clock
    cache.services[0].mappings.values_mut().for_each(|file| file.digest = 0);
    assert!(read(&mut cache).has_changed);
    assert!(!cache.has_recent_files());
}

#[test]
fn a_body_that_changes_is_read_with_its_stub() {
    let stub = r#"{"request": {"url": "/a"}, "response": {"bodyFileName": "a.txt"}}"#;
    let (root, mut cache) = cache_of(&[("mappings/a.json", stub), ("mappings/b.json", STUB), ("__files/a.txt", "one")]);
    read(&mut cache);
    fs::write(root.path().join("__files/a.txt"), "two").expect("writable");
    let again = read(&mut cache);
    assert_eq!((again.parsed_count, again.changed_bodies.len()), (1, 1));
    fs::remove_file(root.path().join("__files/a.txt")).expect("writable");
    assert!(read(&mut cache).has_errors());
    fs::write(root.path().join("__files/a.txt"), "two").expect("writable");
    assert!(!read(&mut cache).has_errors());
}
