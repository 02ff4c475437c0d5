//! Shapes that builds trip over: other languages, generators, saved answers, repositories, linkers, vendored sources.

use camino::Utf8Path;

use crate::support::Tree;
use crate::tool;

/// Sets it up with no edit, builds it, runs it; its linkage as the image's check says it.
fn runs(folder: &Utf8Path, image: &str, says: &str) -> String {
    tool::init(folder);
    built(folder, image, says)
}

fn built(folder: &Utf8Path, image: &str, says: &str) -> String {
    let report = tool::build(folder, &[]);
    assert_eq!(tool::run_image(image, &[], &[]), format!("{says}\n"));
    tool::docker(&["image", "rm", "--force", image]);
    report.images[0].checks[0].text.clone()
}

pub fn cxx() {
    let linkage = runs(Tree::copy("tests/corpus/cxx").path(), "plus", "sorted in C++: 7");
    assert!(linkage.starts_with("every shared library for "), "{linkage}");
}

pub fn bindgen() {
    let linkage = runs(Tree::copy("tests/corpus/bindgen").path(), "bound", "area in C, on musl: 42");
    assert!(linkage.starts_with("static for "), "{linkage}");
}

pub fn protoc() {
    runs(Tree::copy("tests/corpus/protoc").path(), "message", "event of 12 bytes");
}

pub fn sqlx() {
    let linkage = runs(Tree::copy("tests/corpus/sqlx").path(), "asks", "answer: 42");
    assert!(linkage.starts_with("static for "), "{linkage}");
}

pub fn mold() {
    runs(Tree::copy("tests/corpus/mold").path(), "molded", "linked by mold");
}

/// The workspace lies in a folder of its repository, whose configuration holds a credential.
pub fn git() {
    let dir = assert_fs::TempDir::new().unwrap();
    let top = Utf8Path::from_path(dir.path()).unwrap();
    let folder = top.join("service");
    tool::program(top, "cp", &["--recursive", Tree::copy("tests/corpus/git").path().as_str(), folder.as_str()]);
    fs_err::write(top.join("left-out.md"), "a file of the repository that the context leaves out\n").unwrap();
    tool::init(&folder);
    let git = |args: &[&str]| tool::git(top, args);
    git(&["init", "--quiet"]);
    git(&["config", "http.extraheader", "AUTHORIZATION: basic c2VjcmV0"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "first"]);
    let head = git(&["rev-parse", "HEAD"]).trim().to_owned();
    // `init` came before there was a repository: the files are made anew, and committed.
    tool::dockerize(&folder, &["generate"]);
    git(&["commit", "--quiet", "--all", "--amend", "--message", "second"]);
    let amended = git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_ne!(head, amended);
    built(&folder, "revision", &format!("revision {amended}"));

    // The repository is there, without its configuration.
    let id = tool::mount(&folder, "release");
    tool::in_mount(&folder, &id, "/app", "test -f /app/.git/HEAD && ! test -e /app/.git/config");
}

/// No folder `.git` in the build, no git, and another revision leaves the dependencies cached.
pub fn revision() {
    let tree = Tree::copy("tests/corpus/vergen");
    tool::init(tree.path());
    let git = |args: &[&str]| tool::git(tree.path(), args);
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    for message in ["first", "second"] {
        git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        let report = tool::build(tree.path(), &[]);
        let revision = git(&["rev-parse", "HEAD"]);
        assert_eq!(tool::run_image("versioned", &[], &[]), format!("revision {revision}"));
        let cook = report.build.stage("deps").find(|step| step.name.contains("cargo chef cook")).unwrap();
        assert!(cook.cached || message == "first", "{cook:?}");
    }
}

pub fn vendored() {
    let dir = assert_fs::TempDir::new().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let manifest = "[package]\nname = \"vendored\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\nitoa = \"1\"\n";
    let main = "fn main() {\n    println!(\"{}\", itoa::Buffer::new().format(7));\n}\n";
    fs_err::create_dir_all(root.join("src")).unwrap();
    fs_err::create_dir_all(root.join(".cargo")).unwrap();
    fs_err::write(root.join("Cargo.toml"), manifest).unwrap();
    fs_err::write(root.join("src/main.rs"), main).unwrap();
    tool::program(root, "cargo", &["vendor", "--quiet"]);
    // Told to be quiet, cargo does not print it.
    let config = "[source.crates-io]\nreplace-with = \"vendored-sources\"\n\n[source.vendored-sources]\ndirectory = \"vendor\"\n";
    // A name that ignore files leave out, in a package whose checksums name it.
    fs_err::write(root.join("vendor/itoa/private.pem"), "").unwrap();
    let checksums = root.join("vendor/itoa/.cargo-checksum.json");
    let text = fs_err::read_to_string(&checksums).unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    fs_err::write(&checksums, text.replacen("{\"files\":{", &format!("{{\"files\":{{\"private.pem\":\"{empty}\","), 1))
        .unwrap();
    let offline = "\n[net]\noffline = true\n";
    fs_err::write(root.join(".cargo/config.toml"), format!("{config}{offline}")).unwrap();
    runs(root, "vendored", "7");
}
