use super::*;

fn request(driver: &str, flags: &[(&'static str, &str)]) -> Request {
    let flags = flags.iter().map(|(flag, value)| (*flag, (*value).to_owned())).collect();
    Request { name: "team".to_owned(), driver: driver.to_owned(), flags, ..Request::default() }
}

fn creation(request: &Request) -> Creation {
    create(request, Path::new("docker"), "buildkitd.toml").unwrap()
}

/// One word group a line, as a person would write it.
fn lines(request: &Request) -> String {
    let shown = |command: &Command| command.shell_line().replace(" --", " \\\n  --");
    creation(request).commands.iter().map(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn docker_container_with_limits() {
    let flags = [("memory", "8GiB"), ("cpu", "4"), ("image", "registry.example/buildkit:v0.25.1")];
    let request = Request { bootstrap: true, select: true, ..request("docker-container", &flags) };
    insta::assert_snapshot!(lines(&request), @r"
    docker buildx create \
      --name team \
      --driver docker-container \
      --driver-opt image=registry.example/buildkit:v0.25.1 \
      --driver-opt cpu-period=100000 \
      --driver-opt cpu-quota=400000 \
      --driver-opt memory=8g \
      --buildkitd-config buildkitd.toml \
      --use \
      --bootstrap
    ");
}

#[test]
fn docker_container_on_two_engines() {
    let nodes = ["amd=default,linux/amd64", "arm=ssh://build@arm.example,linux/arm64,linux/arm/v7"];
    let nodes = nodes.iter().map(|node| Node::parse(node).unwrap()).collect();
    let request = Request { nodes, bootstrap: true, ..request("docker-container", &[]) };
    insta::assert_snapshot!(lines(&request), @r"
    docker buildx create \
      --name team \
      --driver docker-container \
      --node amd \
      --platform linux/amd64 \
      --buildkitd-config buildkitd.toml default
    docker buildx create \
      --name team \
      --append \
      --driver docker-container \
      --node arm \
      --platform linux/arm64,linux/arm/v7 \
      --buildkitd-config buildkitd.toml \
      --bootstrap ssh://build@arm.example
    ");
}

#[test]
fn remote_with_two_nodes_and_tls() {
    let nodes = ["amd=tcp://amd.example:1234,linux/amd64", "arm=tcp://arm.example:1234,linux/arm64"];
    let nodes = nodes.iter().map(|node| Node::parse(node).unwrap()).collect();
    let flags = [("cacert", "/certs/ca.pem"), ("cert", "/certs/client.pem"), ("key", "/certs/client-key.pem")];
    let request = Request { nodes, select: true, ..request("remote", &flags) };
    insta::assert_snapshot!(lines(&request), @r"
    docker buildx create \
      --name team \
      --driver remote \
      --node amd \
      --platform linux/amd64 \
      --driver-opt cacert=/certs/ca.pem \
      --driver-opt cert=/certs/client.pem \
      --driver-opt key=/certs/client-key.pem tcp://amd.example:1234
    docker buildx create \
      --name team \
      --append \
      --driver remote \
      --node arm \
      --platform linux/arm64 \
      --driver-opt cacert=/certs/ca.pem \
      --driver-opt cert=/certs/client.pem \
      --driver-opt key=/certs/client-key.pem \
      --use tcp://arm.example:1234
    ");
    assert_eq!(creation(&request).config, None, "buildkitd is somebody else's");
}

#[test]
fn kubernetes_rootless_for_two_platforms() {
    let flags = [("rootless", "true"), ("replicas", "3"), ("namespace", "ci"), ("cpu", "2"), ("memory", "4GiB")];
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    let request = Request { platforms, bootstrap: true, ..request("kubernetes", &flags) };
    insta::assert_snapshot!(lines(&request), @r"
    docker buildx create \
      --name team \
      --driver kubernetes \
      --node team-amd64 \
      --platform linux/amd64 \
      --driver-opt namespace=ci \
      --driver-opt rootless=true \
      --driver-opt replicas=3 \
      --driver-opt loadbalance=sticky \
      --driver-opt requests.cpu=2 \
      --driver-opt limits.cpu=2 \
      --driver-opt requests.memory=4Gi \
      --driver-opt limits.memory=4Gi \
      --driver-opt nodeselector=kubernetes.io/arch=amd64 \
      --buildkitd-config buildkitd.toml \
      --buildkitd-flags=--config=/etc/buildkit/buildkitd.toml
    docker buildx create \
      --name team \
      --append \
      --driver kubernetes \
      --node team-arm64 \
      --platform linux/arm64 \
      --driver-opt namespace=ci \
      --driver-opt rootless=true \
      --driver-opt replicas=3 \
      --driver-opt loadbalance=sticky \
      --driver-opt requests.cpu=2 \
      --driver-opt limits.cpu=2 \
      --driver-opt requests.memory=4Gi \
      --driver-opt limits.memory=4Gi \
      --driver-opt nodeselector=kubernetes.io/arch=arm64 \
      --buildkitd-config buildkitd.toml \
      --buildkitd-flags=--config=/etc/buildkit/buildkitd.toml \
      --bootstrap
    ");
    assert!(creation(&request).notes[0].contains("--storage"), "its cache does not last");
}

#[test]
fn kubernetes_with_volumes() {
    let request = request("kubernetes", &[("storage", "50GB")]);
    let creation = creation(&request);
    assert!(lines(&request).contains("--driver-opt persistent-volume-claim.requests.storage=50G"));
    assert!(creation.config.unwrap().contains("maxUsedSpace = \"45000000000\""), "the volume is not filled");
    assert!(creation.notes[0].contains("--rootless"));
}

#[test]
fn an_option_needs_its_buildx() {
    let creation = creation(&request("kubernetes", &[("storage", "50GB"), ("replicas", "2")]));
    let failure = creation.fits(&Version::new(0, 29, 1)).unwrap_err();
    assert_eq!(failure.kind(), Kind::Engine);
    assert_eq!(failure.to_string(), "buildx 0.29.1 has no `--storage` for the driver kubernetes");
    assert!(creation.fits(&Version::new(0, 34, 0)).is_ok());
}

#[test]
fn the_configuration_is_toml_and_keeps_what_was_said() {
    let request = request("docker-container", &[("keep", "30GB"), ("mirror", "docker.io=mirror.example")]);
    let text = creation(&request).config.unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(table["registry"]["docker.io"]["mirrors"][0].as_str(), Some("mirror.example"));
    assert_eq!(table["worker"]["oci"]["gcpolicy"][1]["maxUsedSpace"].as_str(), Some("30000000000"));
}

#[test]
fn a_configuration_of_ones_own() {
    let creation = creation(&request("docker-container", &[("buildkitd-config", "mine.toml")]));
    assert_eq!(creation.config, None);
    assert!(creation.commands[0].args.contains(&"mine.toml".to_owned()));
}

#[test]
fn what_a_driver_does_not_have_is_refused() {
    let refused = |request: &Request| create(request, Path::new("docker"), "").unwrap_err();
    for (driver, flag, value) in [
        ("docker-container", "replicas", "2"),
        ("docker-container", "cacert", "ca.pem"),
        ("remote", "keep", "10GB"),
        ("remote", "cpu", "2"),
        ("kubernetes", "endpoint", "tcp://x:1"),
    ] {
        let failure = refused(&request(driver, &[(flag, value)]));
        assert_eq!(failure.kind(), Kind::Usage);
        assert_eq!(failure.to_string(), format!("the driver {driver} has no `--{flag}`"));
    }
    assert_eq!(refused(&request("docker", &[])).kind(), Kind::Usage);
    assert!(refused(&request("remote", &[])).to_string().contains("where BuildKit is"));
    assert!(Node::parse("arm").is_err());
}

#[test]
fn values_with_commas_are_one_field() {
    assert_eq!(pair("nodeselector", "a=b,c=d"), "\"nodeselector=a=b,c=d\"");
}
