//! What is compiled again after which change, and what the program then says: each change on the one before it, all in the same
//! target folder of the same engine.

use crate::support::Tree;
use crate::tool;

struct Checkout {
    tree: Tree,
    layout: Layout,
    writes: u32,
}

/// cargo's two layouts of its target folder.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// `.fingerprint`, `deps` and `build/NAME-HASH`.
    Old,
    /// `build/NAME/HASH/{fingerprint,out}`: the default since cargo 1.100, and an unstable option of the toolchain here.
    New,
}

impl Layout {
    /// A key of the metadata table, with which the manifest ends.
    const NEW: &str = "build-env = { RUSTC_BOOTSTRAP = \"1\", CARGO_UNSTABLE_BUILD_DIR_NEW_LAYOUT = \"true\" }\n";
}

impl Checkout {
    fn new(layout: Layout) -> Self {
        let one = Self { tree: Tree::copy("tests/corpus/caching"), layout, writes: 0 };
        if layout == Layout::New {
            let manifest = one.tree.path().join("Cargo.toml");
            let text = fs_err::read_to_string(&manifest).unwrap();
            fs_err::write(manifest, text + Layout::NEW).unwrap();
        }
        tool::init(one.tree.path());
        one
    }

    /// With nothing in its cache mounts.
    fn emptied(layout: Layout, profiles: &[&str]) -> Self {
        let one = Self::new(layout);
        for profile in profiles {
            one.in_mount(profile, EMPTY);
        }
        one
    }

    /// The newer a file, the older its date. (Of a file with the same size and date as before the engine takes no notice.)
    fn write(&mut self, path: &str, text: &str) {
        let file = self.tree.path().join(path);
        fs_err::write(&file, text).unwrap();
        self.writes += 1;
        let date = format!("@{}", 1_000_000_000 - self.writes);
        tool::program(self.tree.path(), "touch", &["--date", &date, file.as_str()]);
    }

    fn replace(&mut self, path: &str, from: &str, to: &str) {
        let text = fs_err::read_to_string(self.tree.path().join(path)).unwrap();
        assert!(text.contains(from), "{from} is not in {path}");
        self.write(path, &text.replace(from, to));
    }

    /// A file that no crate reads makes the engine run the step that compiles, whatever it has cached.
    fn salt(&mut self) {
        self.write("salt.rs", &format!("// {} {}", self.tree.path(), self.writes));
    }

    /// What the sources' step compiles, what the dependencies' step compiles, and what the program says.
    fn build(&mut self, options: &[&str]) -> (String, String, String) {
        self.salt();
        let report = tool::build(self.tree.path(), options);
        let compiled = |stage: &str| {
            let names = report.build.stage(stage).flat_map(|step| &step.compiled);
            let mut names: Vec<&str> = names.filter_map(|name| name.split(' ').next()).collect();
            names.sort_unstable();
            names.join(" ")
        };
        let says = tool::run_image(&report.images[0].name, &[], &[]);
        (compiled("builder"), compiled("deps"), says.trim_end().to_owned())
    }

    fn expect(&mut self, scenario: &str, compiled: &str, says: &str) {
        self.expect_with(scenario, &[], compiled, says);
    }

    fn expect_with(&mut self, scenario: &str, options: &[&str], compiled: &str, says: &str) {
        let (builder, _, said) = self.build(options);
        assert_eq!((builder.as_str(), said.as_str()), (compiled, says), "{scenario}");
    }

    /// The id of its cache mount on the engine, for one of cargo's profiles.
    fn mount(&self, profile: &str) -> String {
        tool::mount(self.tree.path(), profile)
    }

    /// Runs a script in the cache mount as the engine keeps it.
    fn in_mount(&self, profile: &str, script: &str) {
        tool::in_mount(self.tree.path(), &self.mount(profile), "/app", script);
    }
}

/// Leaves nothing in the mount.
const EMPTY: &str = "find /app -mindepth 1 -delete";

pub fn sources() {
    sources_in(Layout::Old);
}

pub fn sources_in_the_new_layout() {
    sources_in(Layout::New);
}

/// Sources, by content and never by date.
fn sources_in(layout: Layout) {
    let mut one = Checkout::emptied(layout, &["release"]);
    one.expect("nothing was there", "app embed made shared", "quiet shared-0 one.txt+two.txt noted app-0 none");
    one.expect("a file that no crate reads", "", "quiet shared-0 one.txt+two.txt noted app-0 none");

    let shared = fs_err::read_to_string(one.tree.path().join("shared/src/lib.rs")).unwrap();
    one.replace("shared/src/lib.rs", "0\n", "1\n");
    one.expect("a line in a member", "app shared", "quiet shared-1 one.txt+two.txt noted app-0 none");
    one.write("shared/src/lib.rs", &shared);
    one.expect("an older commit", "app shared", "quiet shared-0 one.txt+two.txt noted app-0 none");
    one.replace("app/src/main.rs", "app-0", "app-1");
    one.expect("a line in the program", "app", "quiet shared-0 one.txt+two.txt noted app-1 none");

    one.write("shared/src/lib.rs", "pub fn number() -> u32 { broken }");
    one.salt();
    assert_eq!(tool::dockerize(one.tree.path(), &["build"]).code, Some(6), "what does not compile");
    one.write("shared/src/lib.rs", &shared);
    one.expect("back from what did not compile", "app shared", "quiet shared-0 one.txt+two.txt noted app-1 none");

    fs_err::remove_file(one.tree.path().join("made/data/two.txt")).unwrap();
    one.expect(
        "a file that a build script found is gone",
        "app embed made shared",
        "quiet shared-0 one.txt noted app-1 none",
    );
    one.write("made/data/three.txt", "");
    one.expect("another is there", "app embed made shared", "quiet shared-0 one.txt+three.txt noted app-1 none");

    one.write("note.txt", "changed");
    one.expect(
        "a file that a macro reads and says nothing of",
        "app embed made shared",
        "quiet shared-0 one.txt+three.txt changed app-1 none",
    );
    one.write("note.txt", "noted");
    one.build(&[]);

    // As prost does, or did: the file is not in the repository.
    let generated = "fn main() { println!(\"cargo::rerun-if-changed=build.rs\"); std::fs::write(\"src/names.rs\", \"\\\"generated\\\"\").unwrap(); }\n";
    let (script, lib) = ("made/build.rs", "made/src/lib.rs");
    let [old_script, old_lib] = [script, lib].map(|path| fs_err::read_to_string(one.tree.path().join(path)).unwrap());
    one.write(script, generated);
    one.write(lib, "pub const FILES: &str = include!(\"names.rs\"); broken");
    one.salt();
    assert_eq!(
        tool::dockerize(one.tree.path(), &["build"]).code,
        Some(6),
        "the script has run, and the build has failed"
    );
    one.write(lib, "pub const FILES: &str = include!(\"names.rs\");");
    for scenario in ["a build script that writes into the sources", "again"] {
        let (_, _, said) = one.build(&[]);
        assert_eq!(said, "quiet shared-0 generated noted app-1 none", "{scenario}");
    }
    one.write(script, &old_script);
    one.write(lib, &old_lib);
    // cargo itself runs a script once more that has changed what it says of its inputs.
    one.build(&[]);
    one.build(&[]);
    one.expect("and no more", "", "quiet shared-0 one.txt+three.txt noted app-1 none");

    // Whatever was compiled was compiled tomorrow.
    let tomorrow = "find /app/target -path '*fingerprint/*' -exec touch --date tomorrow {} +";
    one.in_mount("release", tomorrow);
    one.replace("shared/src/lib.rs", "0\n", "2\n");
    let (_, _, said) = one.build(&[]);
    assert_eq!(said, "quiet shared-2 one.txt+three.txt noted app-1 none", "a clock that went back");

    let mut two = Checkout::new(layout);
    assert_eq!(
        one.mount("release"),
        two.mount("release"),
        "two checkouts of one project share what they have in common"
    );
    let (_, _, said) = two.build(&[]);
    assert_eq!(said, "quiet shared-0 one.txt+two.txt noted app-0 none", "another checkout");
    let (_, _, said) = one.build(&[]);
    assert_eq!(said, "quiet shared-2 one.txt+three.txt noted app-1 none", "the first one again");
}

pub fn manifests() {
    manifests_in(Layout::Old);
}

pub fn manifests_in_the_new_layout() {
    manifests_in(Layout::New);
}

/// Manifests, features, profiles, placeholders.
fn manifests_in(layout: Layout) {
    let mut one = Checkout::emptied(layout, &["release", "dev"]);
    let (compiled, ..) = one.build(&[]);
    assert_eq!(compiled, "app embed made shared");

    one.replace("app/Cargo.toml", "loud = []", "default = [\"loud\"]\nloud = []");
    one.expect("a feature", "app", "LOUD shared-0 one.txt+two.txt noted app-0 none");
    one.replace("app/Cargo.toml", "default = [\"loud\"]\n", "");
    one.expect("the feature is off again", "app", "quiet shared-0 one.txt+two.txt noted app-0 none");

    let says = "quiet shared-0 one.txt+two.txt noted app-0 none";
    one.expect_with("another profile", &["--profile", "dev"], "app embed made shared", says);
    one.expect("the first profile", "", says);

    // cargo-chef's placeholders stand in the same folder and have this version.
    one.replace("shared/Cargo.toml", "0.1.0", "0.0.1");
    one.replace("Cargo.lock", "name = \"shared\"\nversion = \"0.1.0\"", "name = \"shared\"\nversion = \"0.0.1\"");
    let (_, _, said) = one.build(&[]);
    assert_eq!(said, says, "a placeholder's version");
    one.replace("shared/src/lib.rs", "0\n", "3\n");
    one.expect("a line in it", "app shared", "quiet shared-3 one.txt+two.txt noted app-0 none");

    one.replace(
        "app/Cargo.toml",
        "[dependencies]",
        "[[bin]]\nname = \"renamed\"\npath = \"src/main.rs\"\n\n[dependencies]",
    );
    assert_eq!(tool::dockerize(one.tree.path(), &["generate"]).code, Some(0));
    let (_, _, said) = one.build(&[]);
    assert_eq!(said, "quiet shared-3 one.txt+two.txt noted app-0 none", "a renamed program");
}

pub fn dependencies() {
    dependencies_in(Layout::Old);
}

pub fn dependencies_in_the_new_layout() {
    dependencies_in(Layout::New);
}

/// A bumped dependency compiles itself and what uses it; without the mount the layer has the dependencies.
fn dependencies_in(layout: Layout) {
    let mut one = Checkout::emptied(layout, &["release"]);
    let (compiled, ..) = one.build(&[]);
    assert_eq!(compiled, "app embed made shared");

    one.replace("app/Cargo.toml", "=1.0.6", "=1.0.7");
    tool::program(one.tree.path(), "cargo", &["update", "--quiet", "--package", "fnv"]);
    // A layer that an earlier run left would do as well: this one's recipe is its own.
    let name = one.tree.path().file_name().unwrap().replace(|c: char| !c.is_ascii_alphanumeric(), "").to_lowercase();
    one.replace("app/Cargo.toml", "loud = []", &format!("loud = []\nrun-{name} = []"));
    let (builder, deps, _) = one.build(&[]);
    assert_eq!((builder.as_str(), deps.as_str()), ("app", "app embed fnv made shared"), "itself, and placeholders");

    one.in_mount("release", EMPTY);
    let (builder, deps, said) = one.build(&[]);
    assert_eq!((builder.as_str(), deps.as_str()), ("app embed made shared", ""), "the mount is gone");
    assert_eq!(said, "quiet shared-0 one.txt+two.txt noted app-0 none");

    // Public packages that the engine prunes from the mount are downloaded again by the step that compiles.
    let registry = "/usr/local/cargo/registry";
    tool::in_mount(one.tree.path(), "cargo-registry", registry, &format!("rm -rf {registry}/*/*/fnv-1.0.7*"));
    one.in_mount("release", EMPTY);
    one.replace("shared/src/lib.rs", "0\n", "1\n");
    let (_, _, said) = one.build(&[]);
    assert_eq!(said, "quiet shared-1 one.txt+two.txt noted app-0 none");

    // Two days of work on other dependencies leave nothing behind for good.
    let (fingerprint, library) = match one.layout {
        Layout::Old => (".fingerprint/old-0123456789abcdef", "deps/libold-0123456789abcdef.rlib"),
        Layout::New => ("build/old/0123456789abcdef/fingerprint", "build/old/0123456789abcdef/libold.rlib"),
    };
    let folder = "/app/target/x86_64-unknown-linux-musl/release";
    let spoil = format!("mkdir -p {folder}/{fingerprint} && head --bytes 64M /dev/zero >{folder}/{library}");
    one.in_mount("release", &spoil);
    one.build(&[]);
    one.in_mount("release", "! find /app/target | grep 0123456789abcdef");
}

/// A layout that is not known costs time and nothing else, and the report says so.
pub fn unknown_layout() {
    let mut one = Checkout::emptied(Layout::Old, &["release"]);
    let script = one.tree.path().join(".dockerize/target.sh");
    let text = fs_err::read_to_string(&script).unwrap();
    // Sixteen digits become seventeen: the script finds no unit any more.
    assert!(text.contains("{16}"));
    fs_err::write(script, text.replace("{16}", "{17}")).unwrap();
    let says = "quiet shared-0 one.txt+two.txt noted app-0 none";
    one.salt();
    let built = tool::dockerize(one.tree.path(), &["build"]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert!(built.stdout.contains("compiled dependencies are kept for other"), "{}", built.stdout);
    one.expect("and again", "", says);
}

/// Machines that have nothing but a registry: dependencies are found there by what they are made from.
pub fn registry() {
    let Some(registry) = tool::registry() else { return };
    let mut one = Checkout::emptied(Layout::New, &["release"]);
    let name = one.tree.path().file_name().unwrap().replace(|c: char| !c.is_ascii_alphanumeric(), "").to_lowercase();
    let cache = format!("registry={registry}/dockerize-e2e/{name}");
    let (reads, writes) = (["--cache", &cache], ["--cache", &cache, "--cache-write"]);
    let says = "quiet shared-0 one.txt+two.txt noted app-0 none";
    let names = |compiled: &str| {
        compiled.split(' ').filter(|name| ["fnv", "itoa"].contains(name)).collect::<Vec<_>>().join(" ")
    };

    // Other runs' layers of the same dependencies do not count.
    one.replace("app/Cargo.toml", "loud = []", &format!("loud = []\nrun-{name} = []"));
    let (_, deps, said) = one.build(&reads);
    assert_eq!((names(&deps).as_str(), said.as_str()), ("fnv itoa", says), "nothing is kept");
    one.in_mount("release", EMPTY);
    let (builder, deps, _) = one.build(&writes);
    assert_eq!(
        (builder.as_str(), names(&deps).as_str()),
        ("app embed made shared", ""),
        "kept, as the last one made them"
    );

    one.in_mount("release", EMPTY);
    one.replace("shared/src/lib.rs", "0\n", "1\n");
    one.replace("app/Cargo.toml", "version = \"0.1.0\"", "version = \"0.2.0\"");
    one.replace("Cargo.lock", "name = \"app\"\nversion = \"0.1.0\"", "name = \"app\"\nversion = \"0.2.0\"");
    let (builder, deps, said) = one.build(&reads);
    assert_eq!((builder.as_str(), deps.as_str()), ("app embed made shared", ""), "another machine, and a new version");
    assert_eq!(said, "quiet shared-1 one.txt+two.txt noted app-0 none");

    one.in_mount("release", EMPTY);
    one.replace("app/Cargo.toml", "=1.0.6", "=1.0.7");
    tool::program(one.tree.path(), "cargo", &["update", "--quiet", "--package", "fnv"]);
    let (_, deps, _) = one.build(&reads);
    assert_eq!(names(&deps), "fnv", "a bump: the earlier ones serve");

    let report = tool::dockerize(one.tree.path(), &["build", "--cache", "registry=localhost:1/nobody/there"]);
    assert_eq!(report.code, Some(0), "a cache that is not there fails no build: {}", report.stderr);
}
