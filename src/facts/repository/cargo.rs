//! Invocations of cargo.

use super::model::CargoBuild;
use super::names::{has, names};

/// Options whose values say what is compiled, and with what.
const SELECTING: &[&str] = &["--features", "-F", "--package", "-p", "--bin"];

/// What cargo is told to compile; none: these words compile nothing of the workspace. A word without a text is a variable whose
/// value is not known.
pub(super) fn build(program: &str, words: &[Option<String>]) -> Option<CargoBuild> {
    let names = &names().cargo;
    if !has(&names.programs, program) {
        return None;
    }
    let mut words = words.iter().map(Option::as_deref).peekable();
    let subcommand = loop {
        match words.next()?? {
            word if word.starts_with('+') || has(&names.through, word) => {}
            word if word.starts_with('-') => {
                if has(&names.valued, word) {
                    words.next();
                }
            }
            word => break word,
        }
    };
    let mut build = CargoBuild { cook: subcommand == "cook", ..CargoBuild::default() };
    let installs = subcommand == "install";
    if !(build.cook || installs || has(&names.build, subcommand)) {
        return None;
    }
    // What is installed has its release profile.
    build.profile = installs.then(|| "release".to_owned());
    while let Some(word) = words.next() {
        let Some(word) = word else {
            build.unknown = true;
            continue;
        };
        // What follows is rustc's.
        if word == "--" {
            break;
        }
        let (option, attached) = split(word);
        let value = match attached {
            Some(value) => Some(value.to_owned()),
            None if has(&names.valued, option) => {
                let Some(value) = words.next()? else {
                    build.unknown |= SELECTING.contains(&option);
                    continue;
                };
                Some(value.to_owned())
            }
            None => None,
        };
        take(&mut build, installs, option, value);
    }
    // Without a path it is a tool that somebody published.
    (!installs || build.path.is_some()).then_some(build)
}

/// `--name=value`, `-Fname`.
fn split(word: &str) -> (&str, Option<&str>) {
    if let Some((option, value)) = word.split_once('=').filter(|(option, _)| option.starts_with("--")) {
        return (option, Some(value));
    }
    match word.get(..2) {
        Some(short @ ("-F" | "-p")) if word.len() > 2 => (short, Some(word[2..].trim_start_matches('='))),
        _ => (word, None),
    }
}

fn take(build: &mut CargoBuild, installs: bool, option: &str, value: Option<String>) {
    let list = |value: &str| -> Vec<String> {
        value.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    match (option, value) {
        ("--features" | "-F", Some(value)) => build.features.extend(list(&value)),
        ("--package" | "-p", Some(value)) => build.packages.push(value),
        ("--bin", Some(value)) => build.bins.push(value),
        ("--profile", Some(value)) => build.profile = Some(value),
        ("--path", Some(value)) => build.path = Some(value),
        ("--manifest-path", Some(value)) => {
            let folder = value.strip_suffix("Cargo.toml").unwrap_or(&value).trim_end_matches('/');
            build.path = Some(if folder.is_empty() { ".".to_owned() } else { folder.to_owned() });
        }
        ("--all-features", None) => build.all_features = true,
        ("--no-default-features", None) => build.no_default_features = true,
        ("--workspace" | "--all", None) => build.workspace = true,
        ("--release" | "-r", None) => build.profile = Some("release".to_owned()),
        ("--debug", None) if installs => build.profile = Some("dev".to_owned()),
        (name, None) if installs && !name.starts_with('-') => build.packages.push(name.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<CargoBuild> {
        let words: Vec<Option<String>> =
            line.split(' ').skip(1).map(|word| (word != "?").then(|| word.to_owned())).collect();
        build(line.split(' ').next().unwrap(), &words)
    }

    #[test]
    fn features_packages_and_profiles() {
        let all =
            read("cargo +nightly --locked build --release --features a,b -Fc -p web --bin web --no-default-features")
                .unwrap();
        assert_eq!(all.features, ["a", "b", "c"]);
        assert_eq!((all.packages, all.bins), (vec!["web".to_owned()], vec!["web".to_owned()]));
        assert_eq!(all.profile.as_deref(), Some("release"));
        assert!(all.no_default_features && !all.all_features && !all.workspace && !all.cook && !all.unknown);
        let installed = read("cargo install --locked --path crates/web --root /out").unwrap();
        assert_eq!((installed.path.as_deref(), installed.profile.as_deref()), (Some("crates/web"), Some("release")));
        assert_eq!(read("cargo build --manifest-path=./web/Cargo.toml").unwrap().path.as_deref(), Some("./web"));
        assert!(read("cargo chef cook --release --recipe-path recipe.json").unwrap().cook);
        assert!(read("cargo auditable build --all-features").unwrap().all_features);
        assert!(read("cross build --features=x").is_some() && read("cargo zigbuild -p=x").is_some());
    }

    #[test]
    fn what_compiles_nothing_of_ours() {
        for line in [
            "cargo install cargo-chef",
            "cargo chef prepare",
            "cargo test",
            "cargo",
            "npm build",
            "cargo ?",
            "cargo fetch --locked",
            "cargo run --release",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
        assert!(read("cargo build --features ?").unwrap().unknown);
        assert!(read("cargo build ? --release").unwrap().unknown);
        assert!(!read("cargo build --target ? --release").unwrap().unknown);
        assert_eq!(read("cargo build -- --features x").unwrap().features, Vec::<String>::new());
    }
}
