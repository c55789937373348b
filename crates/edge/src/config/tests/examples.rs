//! The configurations that are handed out are good ones.

use std::path::PathBuf;

use super::*;
use crate::check::notes;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/edge")
}

fn read(name: &str) -> Config {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    parse(&text).unwrap_or_else(|errors| panic!("{name}: {errors}"))
}

const POOL: &str =
    "[pools.a]\nkind = \"http\"\n[[pools.a.nodes]]\nname = \"a\"\nhttp_url = \"http://a.example\"\n";

#[test]
fn every_example_can_be_read_and_leaves_nothing_to_think_about() {
    let mut names: Vec<_> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["ethereum.toml", "execution.toml", "http.toml"]);
    for name in names {
        assert_eq!(notes(&read(name.to_str().unwrap())), [""; 0], "{name:?}");
    }
}

/// RFC 2606 keeps these names for examples: nobody can be behind them.
#[test]
fn the_nodes_of_an_example_are_nobodys() {
    for name in ["ethereum.toml", "execution.toml", "http.toml"] {
        let config = read(name);
        for node in config.pools.iter().flat_map(|pool| &pool.nodes) {
            let urls = [Some(&node.http), node.ws.as_ref()].into_iter().flatten();
            for endpoint in urls {
                let host = endpoint.url.expose().host_str().unwrap();
                assert!(host.ends_with(".example"), "{name}: {host}");
            }
        }
    }
}

#[test]
fn the_guide_shows_what_can_be_read() {
    let guide = folder().join("../../doc/guide/edge.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let blocks: Vec<_> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        // What is shown alone is a part of a file that has a pool.
        let pool = if block.contains("[pools.") { "" } else { POOL };
        parse(&format!("{block}{pool}")).unwrap_or_else(|errors| panic!("{block}: {errors}"));
    }
}

#[test]
fn the_guide_names_methods_in_the_class_that_they_have() {
    use crate::core::{Class, route_of};
    use crate::metrics::Label;
    let guide = std::fs::read_to_string(folder().join("../../doc/guide/edge.md")).unwrap();
    for class in Class::ALL {
        let row =
            guide.lines().find_map(|line| line.strip_prefix(&format!("| `{}` | ", class.name()))).unwrap();
        let methods = row.split_once(" |").unwrap().0.split(", ").map(|method| method.trim_matches('`'));
        for method in methods {
            assert_eq!(route_of(method.as_bytes(), None).class, *class, "{method}");
        }
    }
}
