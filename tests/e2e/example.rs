//! The example workspace.

use cargo_dockerize::measure::{ImageReport, Report};

use crate::support::Tree;
use crate::tls::Server;
use crate::tool::{self, Container, Volume};

/// The whole workspace, set up and built; what has been built before comes from the engine's cache.
pub fn built() -> (Tree, Report) {
    let tree = Tree::copy("example-workspace");
    tool::init(tree.path());
    let report = tool::build(tree.path(), &[]);
    (tree, report)
}

pub fn images() {
    let (tree, report) = built();
    let names: Vec<&str> = report.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["api", "orders", "worker"]);
    for image in &report.images {
        assert!(image.checks.len() >= 5 && image.checks.iter().all(|check| check.passed), "{:?}", image.checks);
        assert!(image.checks[0].text.starts_with("static for "), "{:?}", image.checks);
        // Besides the program and its assets: users, certificates, folders, the image's own description.
        let besides: u64 = besides(image);
        assert!(besides <= 300_000, "{}: {besides} bytes besides", image.name);
        // Docker's store has no place for it.
        let list = tree.path().join(format!("target/dockerize/sbom/{}.spdx.json", image.name));
        let list = fs_err::read_to_string(list).unwrap();
        assert!(list.contains(&image.digest) && list.contains("pkg:cargo/serde@"), "{list}");
    }
    let user = tool::docker(&["image", "inspect", "--format", "{{.Config.User}}", "api", "orders", "worker"]);
    assert_eq!(user.trim(), "65532:65532\n65532:65532\n65532:65532");
}

fn besides(image: &ImageReport) -> u64 {
    let layers = image.size.layers.iter().filter(|layer| !matches!(layer.name.as_str(), "program" | "assets"));
    layers.map(|layer| layer.compressed).sum::<u64>() + image.size.metadata
}

pub fn programs() {
    built();
    assert_eq!(tool::run_image("orders", &["--network", "none"], &["price", "tea", "3"]), "€26.97\n");

    let volume = Volume::new();
    let mount = format!("{}:/data", volume.0);
    let once = || tool::run_image("worker", &["--network", "none", "--volume", &mount], &["--once"]);
    assert_eq!(once(), "processed 3 orders, total €63.49\n");
    assert_eq!(once(), "processed 6 orders, total €126.98\n");
    let owner = ["run", "--rm", "--volume", &mount, "debian:trixie-slim", "stat", "--format", "%u", "/data/orders.db"];
    assert_eq!(tool::docker(&owner), "65532\n");

    let port = tool::free_port();
    let publish = format!("127.0.0.1:{port}:8080");
    let api = Container::start("api", &["--publish", &publish], &[]);
    assert_eq!(api.get(port, "/health"), (200, "ok".to_owned()));
    assert!(api.get(port, "/static/shop.css").1.contains("font-family"));
    assert!(api.get(port, "/").1.contains("<td>Darjeeling, 100 g<td>€8.99"));
}

/// With an authority of the test's own, and an init.
pub fn verified_tls() {
    let (ours, theirs) = (Server::start(), Server::start());
    let tree = Tree::copy("example-workspace");
    fs_err::write(tree.path().join("authority.pem"), &ours.authority).unwrap();
    let manifest = tree.path().join("crates/api/Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    fs_err::write(&manifest, text + "\n[package.metadata.dockerize]\nextra-ca = [\"authority.pem\"]\ninit = true\n")
        .unwrap();
    tool::init(tree.path());
    tool::build(tree.path(), &["--bin", "api", "--tag", "dockerize-e2e-tls:1"]);

    let port = tool::free_port();
    let listen = format!("PORT={port}");
    let api = Container::start("dockerize-e2e-tls:1", &["--network", "host", "--env", &listen], &[]);
    let first = tool::docker(&["top", &api.0, "-o", "pid,args"]);
    assert!(first.contains("/usr/local/bin/catatonit -- /usr/local/bin/api"), "{first}");
    let ask = |server: &Server| api.get(port, &format!("/upstream?url=https://localhost:{}/", server.port));
    assert_eq!(ask(&ours), (200, r#"{"status":200,"length":5}"#.to_owned()));
    let (status, why) = ask(&theirs);
    assert_eq!(status, 502, "{why}");
    assert!(why.to_lowercase().contains("certificate"), "{why}");
}
