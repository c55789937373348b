//! Which crate knows which: `xtask/layers.toml` compared with what cargo says.
//!
//! The file lists every edge between our crates, and for pure crates every library too. It is
//! compared both ways, so it always shows the graph as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Finding;

const FILE: &str = "xtask/layers.toml";
const RULE: &str = "layers";

/// The rule file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layers {
    layers: Vec<String>,
    pure_paths: Vec<String>,
    impure: Vec<String>,
    shipped_never: Vec<String>,
    crates: BTreeMap<String, Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    layer: String,
    uses: BTreeSet<String>,
    /// Given for pure crates: every library that may be named under `[dependencies]`.
    external: Option<BTreeSet<String>>,
}

impl Layers {
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(root.join(FILE)).with_context(|| format!("reading {FILE}"))?;
        Layers::from_text(&text)
    }

    pub(super) fn from_text(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).with_context(|| format!("parsing {FILE}"))
    }

    pub(super) fn is_pure(&self, path: &str) -> bool {
        self.pure_paths
            .iter()
            .any(|pure| path.strip_prefix(pure.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }

    fn height(&self, name: &str) -> Option<usize> {
        let layer = &self.crates.get(name)?.layer;
        self.layers.iter().position(|known| known == layer)
    }
}

/// What cargo says: our crates with their dependencies by name, and what each package reaches.
#[derive(Debug, Default)]
pub(super) struct Graph {
    ours: BTreeMap<String, Dependencies>,
    reached: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Dependencies {
    normal: BTreeSet<String>,
    dev: BTreeSet<String>,
}

impl Graph {
    pub(super) fn from_cargo(root: &Path) -> anyhow::Result<Self> {
        let cargo = option_env!("CARGO").unwrap_or("cargo");
        let output = Command::new(cargo)
            .args(["metadata", "--format-version=1", "--locked"])
            .current_dir(root)
            .output()
            .context("running cargo metadata")?;
        ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Graph::from_metadata(serde_json::from_slice(&output.stdout).context("reading cargo metadata")?)
    }

    pub(super) fn size(&self) -> usize {
        self.ours.len()
    }

    fn from_metadata(metadata: Metadata) -> anyhow::Result<Self> {
        let names: BTreeMap<&str, &str> =
            metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let mut graph = Graph::default();
        for package in
            metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id))
        {
            let mut dependencies = Dependencies::default();
            for dependency in &package.dependencies {
                match dependency.kind.as_deref() {
                    Some("dev") => _ = dependencies.dev.insert(dependency.name.clone()),
                    _ => _ = dependencies.normal.insert(dependency.name.clone()),
                }
            }
            graph.ours.insert(package.name.clone(), dependencies);
        }
        let edges: BTreeMap<&str, Vec<&str>> =
            metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node.normal())).collect();
        for member in &metadata.workspace_members {
            let name = names.get(member.as_str()).with_context(|| format!("unknown member {member}"))?;
            graph.reached.insert((*name).to_owned(), reach(member, &edges, &names));
        }
        Ok(graph)
    }
}

fn reach(from: &str, edges: &BTreeMap<&str, Vec<&str>>, names: &BTreeMap<&str, &str>) -> BTreeSet<String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(id) = open.pop() {
        for next in edges.get(id).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    seen.into_iter().filter_map(|id| names.get(id).map(|name| (*name).to_owned())).collect()
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Debug, Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Debug, Deserialize)]
struct DepKind {
    kind: Option<String>,
    target: Option<String>,
}

impl Node {
    /// What is linked on the machines we ship for. A dependency for Windows, a browser or WASI is not.
    fn normal(&self) -> Vec<&str> {
        let foreign = ["windows", "wasm", "wasi", "uefi", "hermit"];
        let ships = |kind: &DepKind| {
            kind.kind.is_none()
                && kind.target.as_ref().is_none_or(|target| {
                    target.contains("not(") || !foreign.iter().any(|f| target.contains(f))
                })
        };
        self.deps.iter().filter(|dep| dep.dep_kinds.iter().any(ships)).map(|dep| dep.pkg.as_str()).collect()
    }
}

/// Compares the rule file with the graph.
pub(super) fn check(layers: &Layers, graph: &Graph) -> Vec<Finding> {
    let mut said = Vec::new();
    for (name, found) in &graph.ours {
        match layers.crates.get(name) {
            Some(rule) => judge(name, rule, found, layers, graph, &mut said),
            None => said.push(format!("crate `{name}` is not listed")),
        }
    }
    for name in layers.crates.keys().filter(|name| !graph.ours.contains_key(*name)) {
        said.push(format!("crate `{name}` is listed and does not exist"));
    }
    said.into_iter().map(|message| Finding::new(FILE, 1, RULE, message)).collect()
}

fn judge(
    name: &str,
    rule: &Rule,
    found: &Dependencies,
    layers: &Layers,
    graph: &Graph,
    said: &mut Vec<String>,
) {
    let ours = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names.iter().filter(|name| graph.ours.contains_key(*name)).cloned().collect()
    };
    let (normal, dev) = (ours(&found.normal), ours(&found.dev));
    let Some(height) = layers.height(name) else {
        return said.push(format!("`{name}` stands in the unknown layer `{}`", rule.layer));
    };
    said.extend(
        normal
            .difference(&rule.uses)
            .map(|used| format!("`{name}` uses `{used}`, and no such edge is allowed")),
    );
    said.extend(
        rule.uses
            .difference(&normal)
            .map(|used| format!("`{name}` may use `{used}` and does not: take the edge out")),
    );
    for used in rule.uses.union(&dev).filter(|used| !layers.shipped_never.contains(used)) {
        if layers.height(used).is_some_and(|below| below > height) {
            said.push(format!("`{name}` is below `{used}` and must not know it"));
        }
    }
    for used in normal.iter().filter(|used| layers.shipped_never.contains(used)) {
        said.push(format!("`{name}` would ship `{used}`, which is for tests only"));
    }
    let Some(external) = &rule.external else { return };
    let libraries: BTreeSet<String> = found.normal.difference(&normal).cloned().collect();
    said.extend(
        libraries
            .difference(external)
            .map(|lib| format!("`{name}` is pure and takes `{lib}` in, which is not listed")),
    );
    said.extend(
        external.difference(&libraries).map(|lib| format!("`{name}` lists `{lib}` and does not use it")),
    );
    let reached = graph.reached.get(name).into_iter().flatten();
    said.extend(
        reached
            .filter(|lib| layers.impure.contains(lib))
            .map(|lib| format!("`{name}` is pure and reaches `{lib}`")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        layers = ["words", "logic", "processes", "tools"]
        pure_paths = ["crates/engine/src"]
        impure = ["tokio"]
        shipped_never = ["sim"]
        crates.model = { layer = "words", uses = [] }
        crates.engine = { layer = "logic", uses = ["model"], external = ["serde"] }
        crates.server = { layer = "processes", uses = ["engine", "model"] }
        crates.sim = { layer = "tools", uses = ["engine"] }
    "#;

    /// A crate, what it uses, and what its tests use.
    type Edges<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

    fn graph(edges: &[Edges<'_>]) -> Graph {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let mut graph = Graph::default();
        for (name, normal, dev) in edges {
            graph.ours.insert((*name).to_owned(), Dependencies { normal: set(normal), dev: set(dev) });
        }
        graph
    }

    fn good<'a>() -> Vec<Edges<'a>> {
        vec![
            ("model", &[], &[]),
            ("engine", &["model", "serde"], &["sim", "proptest"]),
            ("server", &["engine", "model", "tokio"], &["sim"]),
            ("sim", &["engine"], &[]),
        ]
    }

    fn said(rules: &str, graph: &Graph) -> Vec<String> {
        check(&Layers::from_text(rules).unwrap(), graph).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn the_graph_as_listed_is_fine_with_the_simulator_in_tests() {
        assert_eq!(said(RULES, &graph(&good())), [""; 0]);
    }

    #[test]
    fn each_way_to_break_the_layers_is_seen() {
        let cases: [(usize, Edges<'_>, &str); 6] = [
            (0, ("model", &["engine"], &[]), "`model` uses `engine`, and no such edge is allowed"),
            (2, ("server", &["engine"], &[]), "`server` may use `model` and does not: take the edge out"),
            (
                1,
                ("engine", &["model", "serde"], &["server"]),
                "`engine` is below `server` and must not know it",
            ),
            (
                1,
                ("engine", &["model", "serde", "rand"], &[]),
                "`engine` is pure and takes `rand` in, which is not listed",
            ),
            (1, ("engine", &["model"], &[]), "`engine` lists `serde` and does not use it"),
            (0, ("extra", &[], &[]), "crate `extra` is not listed"),
        ];
        for (index, edge, message) in cases {
            let mut edges = good();
            edges[index] = edge;
            let found = said(RULES, &graph(&edges));
            assert!(found.iter().any(|line| line == message), "{message}: {found:?}");
        }
    }

    #[test]
    fn the_rule_file_cannot_allow_what_the_layers_forbid() {
        let upwards = RULES.replace("\"words\", uses = []", "\"words\", uses = [\"server\"]");
        assert!(
            said(&upwards, &graph(&good()))
                .contains(&"`model` is below `server` and must not know it".to_owned())
        );
        let shipped =
            RULES.replace("uses = [\"engine\", \"model\"]", "uses = [\"engine\", \"model\", \"sim\"]");
        let mut edges = good();
        edges[2] = ("server", &["engine", "model", "sim"], &[]);
        assert_eq!(said(&shipped, &graph(&edges)), ["`server` would ship `sim`, which is for tests only"]);
        assert_eq!(
            said(&RULES.replace("\"words\", uses", "\"wrods\", uses"), &graph(&good())),
            ["`model` stands in the unknown layer `wrods`"]
        );
        let gone = format!("{RULES}\ncrates.gone = {{ layer = \"words\", uses = [] }}");
        assert_eq!(said(&gone, &graph(&good())), ["crate `gone` is listed and does not exist"]);
    }

    #[test]
    fn what_a_pure_crate_reaches_is_followed_but_not_to_tests_build_scripts_or_foreign_targets() {
        let node = |id: &str, deps: serde_json::Value| serde_json::json!({ "id": id, "deps": deps });
        let dep = |pkg: &str, kind: Option<&str>, target: Option<&str>| serde_json::json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind, "target": target }] });
        let package = |id: &str| serde_json::json!({ "id": id, "name": id, "dependencies": [] });
        let packages = ["engine", "serde", "tokio", "a", "b", "c"].map(package);
        let metadata = serde_json::json!({
            "packages": packages,
            "workspace_members": ["engine"],
            "resolve": { "nodes": [
                node("engine", serde_json::json!([dep("serde", None, None), dep("a", Some("dev"), None), dep("b", None, Some("cfg(windows)")), dep("c", Some("build"), None)])),
                node("serde", serde_json::json!([dep("tokio", None, Some("cfg(not(windows))"))])),
            ] },
        });
        let graph = Graph::from_metadata(serde_json::from_value(metadata).unwrap()).unwrap();
        assert_eq!(
            graph.reached["engine"].iter().map(String::as_str).collect::<Vec<_>>(),
            ["serde", "tokio"]
        );
        let found = said(
            "layers = [\"logic\"]\npure_paths = []\nimpure = [\"tokio\"]\nshipped_never = []\ncrates.engine = { layer = \"logic\", uses = [], external = [] }",
            &graph,
        );
        assert_eq!(found, ["`engine` is pure and reaches `tokio`"]);
    }

    #[test]
    fn purity_goes_by_whole_path_parts() {
        let layers = Layers::from_text(RULES).unwrap();
        assert!(layers.is_pure("crates/engine/src/a/b.rs"));
        assert!(
            !layers.is_pure("crates/engine/src_other/a.rs") && !layers.is_pure("crates/engine/tests/a.rs")
        );
    }
}
