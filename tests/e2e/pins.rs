//! Images by digest, on a real engine and a real registry.

use serde_json::Value;

use crate::support::Tree;
use crate::tool;

fn digest_of(name: &str) -> String {
    tool::docker(&["buildx", "imagetools", "inspect", name, "--format", "{{print .Manifest.Digest}}"]).trim().to_owned()
}

/// What is pinned is what is built on, whatever its tag names by then.
pub fn built_on() {
    let Some(registry) = tool::registry() else { return };
    let tree = Tree::copy("tests/corpus/single");
    tool::init(tree.path());
    let plan = tool::dockerize(tree.path(), &["plan", "--format", "json"]).stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let run = format!("{registry}/dockerize-e2e/pins-{}", std::process::id());
    let (chef, base) = (format!("{run}/chef:1"), format!("{run}/base:1"));
    let ours = |from: &str, to: &str| {
        if !tool::is_lab() {
            tool::docker(&["pull", "--quiet", from]);
        }
        tool::docker(&["tag", from, to]);
        tool::docker(&["push", "--quiet", to]);
    };
    ours(plan["toolchain"]["image"].as_str().unwrap(), &chef);
    for tag in ["static", "base"] {
        ours(&format!("gcr.io/distroless/{tag}-debian13:nonroot"), &format!("{run}/base:{tag}"));
    }
    let index = |from: &str| {
        tool::docker(&["buildx", "imagetools", "create", "--tag", &base, &format!("{run}/base:{from}")]);
    };
    index("static");
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let owner = if text.contains("[workspace.metadata") { "workspace" } else { "package" };
    fs_err::write(
        &manifest,
        format!("{text}\n[{owner}.metadata.dockerize.images]\nchef = \"{chef}\"\nfinal = \"{base}\"\n"),
    )
    .unwrap();

    let pinned = tool::dockerize(tree.path(), &["pin"]);
    assert_eq!(pinned.code, Some(0), "{}", pinned.stderr);
    let digests = [digest_of(&chef), digest_of(&base)];
    let dockerfile = || fs_err::read_to_string(tree.path().join("Dockerfile")).unwrap();
    for (name, digest) in [&chef, &base].into_iter().zip(&digests) {
        assert!(dockerfile().contains(&format!(" {name}@{digest} AS ")), "{}", dockerfile());
    }

    // The tag moves on before the build.
    index("base");
    let moved = digest_of(&base);
    assert_ne!(moved, digests[1]);
    let prefix = format!("{run}/");
    let report = tool::build(tree.path(), &["--push", "--prefix", &prefix]);
    assert!(report.images[0].checks.iter().all(|check| check.passed), "{:?}", report.images[0].checks);
    let name = format!("{run}/single_app:latest");
    let provenance = tool::docker(&["buildx", "imagetools", "inspect", &name, "--format", "{{json .Provenance}}"]);
    for digest in &digests {
        assert!(provenance.contains(&digest["sha256:".len()..]), "{digest} is missing in {provenance}");
    }
    assert!(!provenance.contains(&moved["sha256:".len()..]), "{provenance}");

    // Without Docker it is the same base.
    let done =
        tool::dockerize(tree.path(), &["build", "--engine", "oci", "--push", "--prefix", &prefix, "--tag", "oci"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains(&digests[1]), "{}", done.stderr);

    let behind = tool::dockerize(tree.path(), &["pin", "--check"]);
    assert_eq!(behind.code, Some(1), "{}", behind.stderr);
    assert!(behind.stderr.contains("1 behind") && behind.stderr.contains(&moved[..19]), "{}", behind.stderr);
    let updated = tool::dockerize(tree.path(), &["pin", "--update"]);
    assert_eq!(updated.code, Some(0), "{}", updated.stderr);
    assert!(dockerfile().contains(&format!(" {base}@{moved} AS ")), "{}", dockerfile());
    let checked = tool::dockerize(tree.path(), &["generate", "--check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
}
