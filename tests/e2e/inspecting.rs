//! Images of the engine's and of a registry's are looked into: one that a hand made with every fault, and ours.

use assert_fs::TempDir;
use camino::Utf8Path;
use serde_json::Value;

use crate::support::Tree;
use crate::tool;

const IMAGE: &str = "dockerize-e2e-faults:1";

/// What must be found and never shown.
const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "mouse-trap-77";

/// A password that is deleted in the next step, a variable, a program that has lost its library, setuid, a folder open to all, waste.
const DOCKERFILE: &str = r#"FROM debian:trixie-slim
ARG GIT_PASSWORD=correct-horse-battery
ENV SHOP_API_KEY=mouse-trap-77
RUN echo "machine git.example login ci password $GIT_PASSWORD" > /root/.netrc && head -c 3000000 /dev/urandom > /big
RUN rm /root/.netrc /big && cp /bin/sh /usr/local/bin/own && chmod 4755 /usr/local/bin/own
RUN mkdir --mode=0777 /open && rm /usr/lib/*/libtinfo.so.6
ENTRYPOINT ["/bin/bash"]
"#;

fn report(folder: &Utf8Path, image: &str) -> Value {
    let done = tool::dockerize(folder, &["inspect", image, "--format", "json"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for secret in [PASSWORD, TOKEN] {
        assert!(!done.stdout.contains(secret) && !done.stderr.contains(secret), "{secret} is shown: {}", done.stdout);
    }
    serde_json::from_str(&done.stdout).unwrap()
}

fn is_faulty(report: &Value) {
    let has = |list: &Value, key: &str, wanted: &str| {
        list.as_array().unwrap().iter().any(|one| one[key].as_str().is_some_and(|text| text.contains(wanted)))
    };
    let netrc = report["secrets"].as_array().unwrap().iter().find(|one| one["rule"] == "netrc").unwrap();
    assert_eq!((&netrc["name"], &netrc["hidden"]), (&"/root/.netrc".into(), &true.into()), "{netrc}");
    assert!(has(&report["secrets"], "place", "env") && has(&report["secrets"], "place", "history"), "{report:#}");
    assert!(has(&report["waste"]["largest"], "path", "/big"), "{report:#}");
    assert!(report["waste"]["bytes"].as_u64().unwrap() > 3_000_000);
    assert!(has(&report["setuid"], "path", "/usr/local/bin/own") && has(&report["writable"], "path", "/open"));
    assert!(has(&report["programs"]["broken"], "path", "/bash"), "{report:#}");
    assert_eq!(report["programs"]["entrypoint"]["interpreter"], "/lib64/ld-linux-x86-64.so.2");
    assert!(report["shells"].to_string().contains("/usr/bin/sh") && report["managers"].to_string().contains("apt"));
}

pub fn faults() {
    let folder = TempDir::new().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    fs_err::write(folder.join("Dockerfile"), DOCKERFILE).unwrap();
    tool::docker(&["build", "--quiet", "--network", "host", "--tag", IMAGE, folder.as_str()]);
    let known = report(folder, IMAGE);
    assert_eq!(known["from"], "docker");
    is_faulty(&known);
    // The same bytes as an archive.
    let archive = folder.join("faults.tar");
    tool::docker(&["image", "save", "--output", archive.as_str(), IMAGE]);
    let saved = report(folder, archive.as_str());
    assert_eq!((&saved["from"], &saved["digest"]), (&"archive".into(), &known["digest"]));
    is_faulty(&saved);
    let denied = ["inspect", archive.as_str(), "--deny", "secrets,setuid", "--deny", "missing-libraries,waste=1MB"];
    let denied = tool::dockerize(folder, &denied);
    assert_eq!(denied.code, Some(7), "{}", denied.stderr);
    for word in ["secrets (", "setuid (", "missing-libraries (", "waste ("] {
        assert!(denied.stderr.contains(word), "{}", denied.stderr);
    }
    assert!(!denied.stdout.contains(PASSWORD) && !denied.stdout.contains(TOKEN), "{}", denied.stdout);
    tool::docker(&["image", "rm", "--force", IMAGE]);
}

/// What BuildKit's protocol asks of a scanner: an image whose program reads one folder and writes statements into another.
const SCANNER: &str = r#"FROM debian:trixie-slim
COPY --chmod=755 <<'script' /scan
#!/bin/sh
set -eu
# This is what makes it a look at the image, and no constant.
test -x "$BUILDKIT_SCAN_SOURCE/usr/local/bin/orders"
sum=$(sha256sum "$BUILDKIT_SCAN_SOURCE/usr/local/bin/orders" | cut -d ' ' -f 1)
cat >"$BUILDKIT_SCAN_DESTINATION/scan.spdx.json" <<json
{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"spdxVersion":"SPDX-2.3",
"SPDXID":"SPDXRef-DOCUMENT","name":"scanned","packages":[{"name":"orders","SPDXID":"SPDXRef-orders","externalRefs":[
{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:cargo/orders@$sum"}]}]}}
json
script
ENTRYPOINT ["/scan"]
"#;

pub fn pushed() {
    let Some(registry) = tool::registry() else { return };
    let tree = Tree::copy("example-workspace");
    let folder = tree.path();
    tool::init(folder);
    let prefix = format!("{registry}/dockerize-e2e/inspect/");
    let scanner = format!("{prefix}scanner:1");
    let context = TempDir::new().unwrap();
    fs_err::write(context.path().join("Dockerfile"), SCANNER).unwrap();
    tool::program(context.path(), "docker", &["build", "--quiet", "--tag", &scanner, "."]);
    tool::docker(&["push", "--quiet", &scanner]);
    let scan = format!("--scan={scanner}");
    let args = ["build", "--bin", "orders", "--prefix", &prefix, "--tag", "1", "--push", "--sbom", "both", &scan];
    let built = tool::dockerize(folder, &args);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let report = report(folder, &format!("registry:{prefix}orders:1"));
    assert_eq!(report["from"], "registry");
    let attached = report["attached"].as_array().unwrap();
    let lists: Vec<&Value> = attached.iter().filter(|one| one["kind"] == "sbom" && one["by"] == "referrer").collect();
    assert_eq!(lists.len(), 2, "{report:#}");
    assert!(lists.iter().all(|one| one["crates"].as_u64().unwrap() > 1 && one["crates"] == lists[0]["crates"]));
    // BuildKit's manifest states how it was made and what its scanner found, which is the program itself.
    let stated = attached.iter().find(|one| one["kind"] == "provenance+sbom" && one["by"] == "index");
    assert_eq!(stated.unwrap_or_else(|| panic!("{report:#}"))["crates"], 1);
    tool::docker(&["image", "rm", "--force", &scanner]);
    assert_eq!((&report["secrets"], &report["programs"]["broken"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert_eq!((report["setuid"].as_array().unwrap().len(), &report["shells"]), (0, &Value::Array(vec![])));
}
