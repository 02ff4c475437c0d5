use serde_json::{Value, json};

use super::*;
use crate::oci::testing::{Scratch, base, program, scratch};

fn read(store: &Store, descriptor: &Descriptor) -> Value {
    serde_json::from_slice(&store.json(descriptor).unwrap()).unwrap()
}

fn ground() -> (Scratch, Store) {
    let folder = scratch();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn run() -> RunConfig {
    let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    RunConfig {
        user: "65532:65532".to_owned(),
        env: texts(&[("RUST_LOG", "info"), ("A", "ours")]),
        entrypoint: vec!["/usr/local/bin/api".to_owned()],
        arguments: vec!["serve".to_owned()],
        workdir: "/srv".to_owned(),
        expose: vec![8080, 9090],
        labels: texts(&[("b", "ours"), ("c", "ours")]),
        healthcheck: vec!["/usr/local/bin/api".to_owned(), "--check".to_owned()],
        stop_signal: Some("SIGINT".to_owned()),
    }
}

#[test]
fn an_image_on_nothing() {
    let (_folder, store) = ground();
    let (tree, layer) = (program(&store, "x"), program(&store, "x"));
    let image = image(&store, None, &[("program", tree)], &run(), "linux/arm/v7", 1_700_000_000).unwrap();
    assert_eq!(
        read(&store, &image.config),
        json!({
            "architecture": "arm", "os": "linux", "variant": "v7", "created": "2023-11-14T22:13:20Z",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=ours", "RUST_LOG=info"],
                "Entrypoint": ["/usr/local/bin/api"], "Cmd": ["serve"], "User": "65532:65532", "WorkingDir": "/srv", "StopSignal": "SIGINT",
                "ExposedPorts": {"8080/tcp": {}, "9090/tcp": {}}, "Labels": {"b": "ours", "c": "ours"},
                "Healthcheck": {"Test": ["CMD", "/usr/local/bin/api", "--check"]},
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
            "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "cargo dockerize: program"}],
        })
    );
    assert_eq!(
        read(&store, &image.manifest),
        json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": image.config.digest(),
                "size": image.config.size()},
            "layers": [layer.descriptor],
        })
    );
    assert_eq!(platform_name(image.manifest.platform().as_ref().unwrap()), "linux/arm/v7");
    assert_eq!(image.platform_name(), "linux/arm/v7");
}

#[test]
fn of_a_base_all_is_kept_that_is_not_said() {
    let (_folder, store) = ground();
    let base = base(
        &store,
        &json!({
            "architecture": "amd64", "os": "linux", "os.features": ["some"], "x-new": {"z": 1}, "author": "them",
            "container": "c0ffee", "docker_version": "19.03",
            "config": {"Env": ["PATH=/theirs", "A=theirs", "odd"], "Cmd": ["bash"], "Volumes": {"/data": {}}, "User": "0",
                "Labels": {"a": "theirs", "b": "theirs"}, "ExposedPorts": {"80/tcp": {}}, "X-New": true},
            "history": [{"created_by": "theirs"}, {"created_by": "ENV", "empty_layer": true}],
        }),
    );
    let ours = program(&store, "x");
    let run = RunConfig { arguments: Vec::new(), ..run() };
    let made = image(&store, Some(&base), &[("program", ours.clone())], &run, "linux/amd64", 0).unwrap();
    let config = read(&store, &made.config);
    assert_eq!(config["os.features"], json!(["some"]));
    assert_eq!((&config["x-new"], &config["author"]), (&json!({"z": 1}), &json!("them")));
    assert_eq!((&config["container"], &config["docker_version"]), (&Value::Null, &Value::Null));
    let inner = &config["config"];
    assert_eq!(inner["Env"], json!(["PATH=/theirs", "A=ours", "odd", "RUST_LOG=info"]));
    assert_eq!((&inner["Cmd"], &inner["User"]), (&Value::Null, &json!("65532:65532")), "Cmd is the other program's");
    assert_eq!(inner["Labels"], json!({"a": "theirs", "b": "ours", "c": "ours"}));
    assert_eq!(inner["ExposedPorts"], json!({"80/tcp": {}, "8080/tcp": {}, "9090/tcp": {}}));
    assert_eq!((&inner["Volumes"], &inner["X-New"]), (&json!({"/data": {}}), &json!(true)));
    assert_eq!(
        config["history"],
        json!([{"created_by": "theirs"}, {"created_by": "ENV", "empty_layer": true},
            {"created": "1970-01-01T00:00:00Z", "created_by": "cargo dockerize: program"}])
    );
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);

    let layers = read(&store, &made.manifest)["layers"].clone();
    assert_eq!(layers[0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip", "Docker's type is not OCI's");
    assert_eq!(layers[0]["digest"], base.layers[0].digest().to_string());
    assert_eq!(made.base.as_ref(), Some(&base));

    let nothing = image(&store, Some(&base), &[("program", ours)], &RunConfig::default(), "linux/amd64", 0).unwrap();
    let config = read(&store, &nothing.config);
    assert_eq!((&config["config"]["Cmd"], &config["config"]["User"]), (&json!(["bash"]), &json!("0")));
}

#[test]
fn a_base_without_a_history_gets_a_line_for_each_layer() {
    let (_folder, store) = ground();
    let base = base(&store, &json!({"architecture": "amd64", "os": "linux", "config": null}));
    let made = image(&store, Some(&base), &[], &run(), "linux/amd64", 0).unwrap();
    let history = read(&store, &made.config)["history"].clone();
    assert_eq!(history, json!([{"created": "1970-01-01T00:00:00Z", "created_by": "base image example.org/base:1"}]));
}

#[test]
fn a_base_that_does_not_fit_is_refused() {
    let (_folder, store) = ground();
    let refused = [
        (json!({"architecture": "arm64", "os": "linux"}), "it is for linux/arm64, and the image for linux/amd64"),
        (json!({}), "it is for unknown/unknown"),
        (
            json!({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": []}}),
            "it has 1 layers, and its configuration 0",
        ),
        (
            json!({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [1]}}),
            "`diff_ids` of its configuration",
        ),
        (
            json!({"architecture": "amd64", "os": "linux", "config": {"Env": "A=b"}}),
            "`Env` of its configuration is no list",
        ),
        (json!({"architecture": "amd64", "os": "linux", "config": {"OnBuild": ["RUN x"]}}), "ONBUILD"),
        (json!([]), "its configuration cannot be read"),
    ];
    for (config, why) in refused {
        let failure = image(&store, Some(&base(&store, &config)), &[], &run(), "linux/amd64", 0).unwrap_err();
        assert_eq!(failure.kind(), Kind::Engine, "{config}");
        assert!(failure.to_string().contains(why), "{failure}");
        assert!(failure.to_string().contains("example.org/base:1"), "{failure}");
    }
    for platform in ["", "linux", "linux/", "linux/arm/v7/x"] {
        assert_eq!(image(&store, None, &[], &run(), platform, 0).unwrap_err().kind(), Kind::Usage, "{platform}");
    }
    assert_eq!(image(&store, None, &[], &run(), "linux/amd64", u64::MAX).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn the_same_image_has_the_same_bytes() {
    let (_folder, store) = ground();
    let make = || {
        // Annotations lie in a hash map, whose order is another one in each.
        let mut base = base(&store, &json!({"architecture": "amd64", "os": "linux"}));
        let notes = (0..20).map(|note| (format!("note-{note}"), note.to_string())).collect();
        base.layers[0].set_annotations(Some(notes));
        image(&store, Some(&base), &[("program", program(&store, "x"))], &run(), "linux/amd64", 7).unwrap()
    };
    let digests: BTreeSet<String> = (0..8).map(|_| make().manifest.digest().to_string()).collect();
    assert_eq!(digests.len(), 1);
}

#[test]
fn one_image_is_its_own_root_and_several_have_an_index() {
    let (_folder, store) = ground();
    let make = |platform: &str| image(&store, None, &[("program", program(&store, "x"))], &run(), platform, 0).unwrap();
    let (amd, arm) = (make("linux/amd64"), make("linux/arm64"));
    assert_eq!(bundle(&store, vec![amd.clone()]).unwrap().root, amd.manifest);
    let both = bundle(&store, vec![amd.clone(), arm.clone()]).unwrap();
    assert_eq!(both.root.media_type(), &MediaType::ImageIndex);
    assert_eq!(
        read(&store, &both.root),
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": amd.manifest.digest(),
                "size": amd.manifest.size(), "platform": {"architecture": "amd64", "os": "linux"}},
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": arm.manifest.digest(),
                "size": arm.manifest.size(), "platform": {"architecture": "arm64", "os": "linux"}},
        ]})
    );
    let twice = bundle(&store, vec![amd.clone(), arm, amd]).unwrap_err();
    assert_eq!((twice.kind(), twice.to_string().as_str()), (Kind::Usage, "there are two images for linux/amd64"));
}
