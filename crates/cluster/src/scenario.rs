//! Stories of a small cluster as text: `testdata/*.txt` hold commands, and what came of them.
//!
//! A file is a list of steps: a command, `----`, its output, an empty line. Run the tests with
//! `REWRITE=1` to write down what comes of the commands now; then read the difference.

mod requests;
mod words;
mod world;

use std::path::Path;

use world::World;

#[test]
fn stories_come_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("testdata is there")
        .map(|entry| entry.expect("testdata can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let written = std::fs::read_to_string(&path).expect("a story can be read");
        let told = tell(&written);
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(&path, &told).expect("a story can be written");
        } else {
            assert_eq!(told, written, "{} (REWRITE=1 writes it anew)", path.display());
        }
    }
}

/// The story with the output that its commands have now.
fn tell(story: &str) -> String {
    let mut world = World::default();
    let mut told = String::new();
    let mut in_output = false;
    for line in story.lines() {
        if in_output {
            in_output = !line.is_empty();
            continue;
        }
        told.push_str(line);
        told.push('\n');
        if line == "----" {
            in_output = true;
            told.push_str(&world.take_output());
            told.push('\n');
        } else if !line.is_empty() && !line.starts_with('#') {
            world.run(line);
        }
    }
    told
}
