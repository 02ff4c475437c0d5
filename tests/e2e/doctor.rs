//! What is said of the engine that the tests have.

use crate::support::Tree;
use crate::tool;

pub fn healthy() {
    let tree = Tree::copy("tests/corpus/single");
    let done = tool::dockerize(tree.path(), &["doctor", "--format", "json"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["buildx"], true, "{report:#}");
    let findings = |section: &str| {
        let sections = report["sections"].as_array().unwrap().iter();
        sections
            .filter(|one| one["title"] == section)
            .flat_map(|one| one["findings"].as_array().unwrap())
            .collect::<Vec<_>>()
    };
    let found = |section: &str, name: &str| {
        let finding =
            findings(section).into_iter().find(|finding| finding["name"].as_str().unwrap().starts_with(name)).unwrap();
        finding["found"].as_str().unwrap().to_owned()
    };
    let server = tool::docker(&["version", "--format", "{{.Server.Version}}"]);
    let plain: String = server.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    assert!(found("Docker", "engine").starts_with(&plain), "{report:#}");
    let store = if tool::docker(&["info", "--format", "{{.DriverStatus}}"]).contains("io.containerd") {
        "containerd"
    } else {
        "classic"
    };
    assert!(found("Docker", "image store").starts_with(store), "{report:#}");
    assert!(found("Docker", "builder").contains("linux/"), "{report:#}");
    assert!(found("Docker", "room for images").contains(" free at "), "{report:#}");
    assert!(found("Workspace", "generated files").contains("none yet"), "{report:#}");
}
