//! Images without Docker, held against those that the engine builds, and run.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::image::{FileKind, Image, Layout};
use cargo_dockerize::measure::Report;

use crate::support::{Tree, path_without_runtimes};
use crate::tool::{self, Container, Volume};

const BINARIES: [&str; 3] = ["api", "orders", "worker"];

/// What differs between the two engines' images, and why that is right. Programs are no part of it.
const JUSTIFIED: &[(&str, &str)] = &[(
    "/etc/ssl/certs/ca-certificates.crt",
    "Mozilla's authorities as of this tool's release, and as of the distribution's: the same authorities on every machine are \
     worth more than those of the last update of one",
)];

/// Compiles quickly where nobody looks at the code: half of the time is the optimiser's.
const QUICK: [(&str, &str); 2] = [("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_LTO", "off")];

fn layout(folder: &Utf8Path) -> Image {
    let images = Layout::new(folder).images().unwrap();
    assert_eq!(images.len(), 1, "{folder}");
    images.into_iter().next().unwrap()
}

/// What a container sees of a file.
fn seen(image: &Image, path: &str) -> (FileKind, u64, u32, u64, u64) {
    let file = &image.files[path];
    (file.kind.clone(), file.size, file.mode, file.uid, file.gid)
}

pub fn alike() {
    let tree = Tree::copy("example-workspace");
    tool::init(tree.path());
    let theirs = tree.path().join("target/theirs");
    for name in BINARIES {
        let output = format!("type=oci,tar=false,dest={}", theirs.join(name));
        tool::build(tree.path(), &["--bin", name, "--output", &output]);
    }
    // The stage that the Dockerfile compiles in has the same toolchain, and musl; but the sources lie elsewhere.
    let chef = "dockerize-e2e-chef:1";
    tool::program(tree.path(), "docker", &["build", "--quiet", "--target", "chef", "--tag", chef, "."]);
    let output = "type=oci,tar=false,dest=/home/builder/shop/target/ours";
    tool::dockerize_inside(tree.path(), chef, "/home/builder/shop", &["--engine", "oci", "--output", output]);
    for name in BINARIES {
        let (ours, theirs) = (layout(&tree.path().join("target/ours").join(name)), layout(&theirs.join(name)));
        let paths = |image: &Image| image.files.keys().map(ToString::to_string).collect::<BTreeSet<String>>();
        assert_eq!(paths(&ours), paths(&theirs), "{name}");
        for path in ours.files.keys() {
            let (our, their) = (seen(&ours, path), seen(&theirs, path));
            if JUSTIFIED.iter().any(|(known, _)| *known == path.as_str()) {
                // All but the size.
                assert_eq!((our.0, our.2, our.3, our.4), (their.0, their.2, their.3, their.4), "{name} {path}");
                continue;
            }
            assert_eq!(our, their, "{name} {path}");
            // Programs too: the same compiler, the same flags, and places that are written alike.
            assert!(ours.read(path).unwrap() == theirs.read(path).unwrap(), "{name} {path}: other contents");
        }
        assert_eq!(ours.config, theirs.config, "{name}");
        // An empty layer of the engine's, for a working folder that is there already, is not ours.
        let layers = |image: &Image| image.layers.iter().filter(|layer| layer.unpacked > 0).count();
        assert_eq!(layers(&ours), layers(&theirs), "{name}");
        let held = |image: &Image| {
            let layers = image.layers.iter().filter(|layer| layer.unpacked > 0);
            layers.map(files_of).collect::<Vec<_>>()
        };
        assert_eq!(held(&ours), held(&theirs), "{name}: the same files in the same layers, in their order");
    }
}

fn files_of(layer: &cargo_dockerize::image::Layer) -> BTreeSet<String> {
    let files = layer.entries.iter().filter(|entry| entry.file.kind != FileKind::Folder);
    files.map(|entry| entry.path.to_string()).collect()
}

fn clear() {
    for name in BINARIES {
        drop(
            std::process::Command::new("docker").args(["image", "rm", "--force", &format!("{name}:embedded")]).output(),
        );
    }
}

/// A clone of the shop in a place that stays, so that what this machine's cargo compiled in one test serves the next.
fn shop() -> Utf8PathBuf {
    let folder = Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("embedded/shop");
    fs_err::create_dir_all(&folder).unwrap();
    for entry in folder.read_dir_utf8().unwrap().flatten().filter(|entry| entry.file_name() != "target") {
        tool::program(&folder, "rm", &["-r", entry.file_name()]);
    }
    let tree = Tree::copy("example-workspace");
    tool::program(tree.path(), "cp", &["--recursive", "--preserve", ".", folder.as_str()]);
    tool::git(&folder, &["init", "--quiet"]);
    tool::git(&folder, &["add", "--all"]);
    tool::git(&folder, &["commit", "--quiet", "--message", "all"]);
    folder
}

/// Built by this machine's cargo, however that can link, and given to Docker.
fn loaded(tree: &Utf8Path) -> (Report, String) {
    let args = ["build", "--engine", "oci", "--load", "--tag", "embedded", "--format", "json"];
    let done = tool::dockerize_with(tree, &QUICK, &args);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    (serde_json::from_str(&done.stdout).unwrap(), done.stderr)
}

pub fn programs() {
    clear();
    let tree = shop();
    let (report, said) = loaded(&tree);
    assert!(said.contains("Loaded"), "{said}");
    for image in &report.images {
        assert!(image.checks.len() >= 5 && image.checks.iter().all(|check| check.passed), "{:?}", image.checks);
    }
    assert!(!tree.join("Dockerfile").exists(), "nothing is written beside the sources");
    assert_eq!(tool::run_image("orders:embedded", &["--network", "none"], &["price", "tea", "3"]), "€26.97\n");
    let volume = Volume::new();
    let mount = format!("{}:/data", volume.0);
    let once = tool::run_image("worker:embedded", &["--network", "none", "--volume", &mount], &["--once"]);
    assert_eq!(once, "processed 3 orders, total €63.49\n");
    let port = tool::free_port();
    let publish = format!("127.0.0.1:{port}:8080");
    let api = Container::start("api:embedded", &["--publish", &publish], &[]);
    assert_eq!(api.get(port, "/health"), (200, "ok".to_owned()));
    assert!(api.get(port, "/static/shop.css").1.contains("font-family"));
    drop(api);

    // Nothing changed: nothing is compiled, written or loaded.
    let (second, said) = loaded(&tree);
    assert!(said.contains("Unchanged") && !said.contains("Compiling"), "{said}");
    let digests = |report: &Report| report.images.iter().map(|image| image.digest.clone()).collect::<Vec<_>>();
    assert_eq!(digests(&report), digests(&second));
    let idle =
        second.build.steps.iter().filter(|step| step.stage.as_deref() != Some("deliver")).all(|step| step.cached);
    assert!(idle, "{:?}", second.build.steps);
    clear();
}

/// Two clones in two folders, with sources of other dates and another umask.
pub fn reproducible() {
    let first = shop();
    let other = assert_fs::TempDir::new().unwrap();
    let second = Utf8Path::from_path(other.path()).unwrap().join("a/deeper/folder");
    let clone = format!("umask 077 && git clone --quiet {first} {second}");
    tool::program(&first, "sh", &["-c", &clone]);
    let built = |folder: &Utf8Path| {
        let args = ["build", "--engine", "oci", "--output", "type=oci,tar=false,dest=target/images", "--quiet"];
        let done = tool::dockerize_with(folder, &QUICK, &args);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let index = |name: &&str| {
            let text = fs_err::read_to_string(folder.join("target/images").join(name).join("index.json")).unwrap();
            ((*name).to_owned(), text)
        };
        BINARIES.iter().map(index).collect::<BTreeMap<String, String>>()
    };
    let (ours, theirs) = (built(&first), built(&second));
    assert_eq!(ours, theirs);
}

/// Other people's tools read what we write.
pub fn judges() {
    let missing: Vec<&str> = ["skopeo", "umoci", "runc"].into_iter().filter(|name| !tool::is_there(name)).collect();
    if !missing.is_empty() {
        assert!(!tool::is_lab(), "{missing:?} are missing");
        eprintln!("without {} nobody judges the images", missing.join(" and "));
        return;
    }
    let tree = Tree::copy("tests/corpus/single");
    let layout = tree.path().join("layout");
    let output = format!("type=oci,tar=false,dest={layout}");
    let done = tool::dockerize(tree.path(), &["build", "--engine", "oci", "--tag", "1.0", "--output", &output]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let image = format!("oci:{layout}:1.0");
    let seen: serde_json::Value =
        serde_json::from_str(&tool::program(tree.path(), "skopeo", &["inspect", &image])).unwrap();
    assert_eq!(seen["Os"], "linux");
    assert!(seen["Layers"].as_array().unwrap().len() >= 2, "{seen}");
    tool::program(tree.path(), "skopeo", &["copy", "--quiet", &image, "docker-archive:copied.tar:copied:1"]);

    // A bundle for runc, by umoci, and no engine at all. Both ask for root, where files have owners.
    if tool::program(tree.path(), "id", &["-u"]).trim() != "0" {
        return;
    }
    let bundle = tree.path().join("bundle");
    let named = format!("{layout}:1.0");
    tool::program(tree.path(), "umoci", &["unpack", "--image", &named, bundle.as_str()]);
    let config = bundle.join("config.json");
    let mut spec: serde_json::Value = serde_json::from_slice(&fs_err::read(&config).unwrap()).unwrap();
    assert_eq!(spec["process"]["user"]["uid"], 65532);
    spec["process"]["terminal"] = false.into();
    spec["root"]["readonly"] = true.into();
    fs_err::write(&config, spec.to_string()).unwrap();
    let id = format!("dockerize-e2e-{}", std::process::id());
    let root = tree.path().join("runc");
    tool::program(tree.path(), "runc", &["--root", root.as_str(), "run", "--bundle", bundle.as_str(), &id]);
}

/// Where nothing runs containers, the main job is done all the same.
pub fn without_docker() {
    let tree = Tree::copy("tests/corpus/single");
    let programs = assert_fs::TempDir::new().unwrap();
    let path = path_without_runtimes(Utf8Path::from_path(programs.path()).unwrap());
    let env = [format!("PATH={}", path.display())];
    let env: Vec<&str> = env.iter().map(String::as_str).collect();
    tool::dockerize_in(tree.path(), &env, &["build"]);
    let image = self::layout(&tree.path().join("target/dockerize/images/single_app"));
    assert!(image.files.contains_key("/usr/local/bin/Single_App"), "{:?}", image.files.keys());
}
