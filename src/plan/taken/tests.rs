//! What is taken and what is not, from Dockerfiles of a small workspace.

use camino::Utf8Path;

use super::*;
use crate::config;
use crate::plan::{self, Flags, Plan};
use crate::workspace::Query;

const MANIFEST: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[features]\ndefault = [\"one\"]\none = []\ntwo = []\n";

/// The plan of a package with these files, and what `init` would write for it.
fn planned(files: &[(&str, &str)], metadata: &str) -> (Plan, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
    let lock = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n";
    let manifest = format!("{MANIFEST}\n{metadata}");
    let base = [("Cargo.toml", manifest.as_str()), ("Cargo.lock", lock), ("src/main.rs", "fn main() {}\n")];
    for (path, text) in base.iter().chain(files) {
        fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs_err::write(root.join(path), text).unwrap();
    }
    let query = Query { manifest_path: Some(root.join("Cargo.toml")), offline: true, ..Query::default() };
    let workspace = Workspace::load(&query).unwrap();
    let settings = decide(&workspace, &config::load(&workspace).unwrap()).unwrap().settings;
    let again = decide(&workspace, &settings).unwrap().settings;
    assert_eq!(again, settings, "a second look changes nothing");
    let plan = plan::plan(&workspace, &settings, &Flags::default()).unwrap();
    let keys = keys(&workspace, &settings, &plan).into_iter().flat_map(|keys| {
        let owner = keys.package.unwrap_or_default();
        keys.keys.into_iter().map(move |(key, value)| format!("{owner}.{key} = {value}"))
    });
    (plan, keys.collect())
}

fn lines(plan: &Plan) -> (Vec<String>, Vec<String>) {
    let taken = plan.taken.iter().map(|one| format!("{} {} {}", one.place, one.key, one.value));
    let left = plan.not_taken.iter().map(|one| format!("{} {}: {}", one.place, one.what, one.why));
    (taken.collect(), left.collect())
}

/// A Dockerfile with these lines in its last stage.
fn dockerfile(build: &str, last: &str) -> String {
    format!(
        "FROM rust:1 AS build\nWORKDIR /w\nCOPY . .\nRUN cargo {build}\nFROM debian:stable-slim\nWORKDIR /srv\n\
         COPY --from=build /w/target/release/app /usr/local/bin/app\n{last}"
    )
}

#[test]
fn what_a_dockerfile_says_is_taken() {
    let text = dockerfile(
        "build --release --features two,one,three",
        "COPY --from=build /w/templates ./templates\nCOPY etc/app.toml /etc/app/\nENV RUST_LOG=info LC_ALL=C API_TOKEN=x1y2z3 PATH=/x:$PATH\n\
         EXPOSE 8080 53/udp\nVOLUME /srv/data\nSTOPSIGNAL SIGINT\nUSER www-data\nHEALTHCHECK CMD curl -f localhost\n\
         RUN apt-get update && apt-get install -y libssl3 ca-certificates ffmpeg\nENTRYPOINT [\"tini\", \"--\", \"app\"]\nCMD [\"serve\"]\n",
    );
    let files = [("Dockerfile", text.as_str()), ("templates/a.html", ""), ("etc/app.toml", "")];
    let (plan, keys) = planned(&files, "");
    let (taken, left) = lines(&plan);
    assert_eq!(
        taken,
        [
            "Dockerfile:4 features `two`",
            "Dockerfile:8 assets files `templates`",
            "Dockerfile:9 assets files `etc/app.toml`",
            "Dockerfile:10 env RUST_LOG=info",
            "Dockerfile:11 expose port 8080",
            "Dockerfile:12 writable folder /app/data",
            "Dockerfile:13 stop-signal SIGINT",
            "Dockerfile:17 init an init, for tini",
            "Dockerfile:18 arguments serve",
        ]
    );
    assert_eq!(
        left,
        [
            "Dockerfile:4 the feature `three`: app has none of this name",
            "Dockerfile:5 FROM debian:stable-slim: the image needs no base",
            "Dockerfile:6 WORKDIR /srv: the working folder is /app: mount there what you mounted in /srv",
            "Dockerfile:10 ENV API_TOKEN: it looks like a secret; give it to the container",
            "Dockerfile:10 ENV LC_ALL: no locale is installed",
            "Dockerfile:10 ENV PATH: it is about folders and libraries of that image",
            "Dockerfile:11 EXPOSE 53/udp: only single TCP ports are known",
            "Dockerfile:14 USER www-data: images have the user 65532, by number",
            "Dockerfile:15 HEALTHCHECK: it needs `curl`, which the image does not have",
            "Dockerfile:16 package ca-certificates: nothing in the program reads the authorities",
            "Dockerfile:16 package ffmpeg: `images.final` can name a base that has it",
            "Dockerfile:16 package libssl3: the program is linked statically",
        ]
    );
    let image = &plan.images[0];
    assert_eq!((image.arguments.join(" "), image.expose.clone()), ("serve".to_owned(), vec![8080]));
    assert_eq!(image.stop_signal.as_deref(), Some("SIGINT"));
    let assets: Vec<_> = image.assets.iter().map(|asset| (asset.from.as_str(), asset.to.as_str())).collect();
    assert_eq!(assets, [("templates", "/app/templates"), ("etc/app.toml", "/etc/app/app.toml")]);
    assert_eq!(image.assets[0].because.file.as_deref(), Some("Dockerfile:8"));
    assert!(image.rootfs.init.is_some());
    assert!(plan.groups[0].cargo_args.join(" ").ends_with("--features two"));
    // What is written down says the same without the file.
    let metadata = |keys: &[String]| {
        let lines = keys.iter().map(|key| key.trim_start_matches("app").trim_start_matches('.').to_owned() + "\n");
        format!("[package.metadata.dockerize]\n{}", lines.collect::<String>())
    };
    let (again, none) = planned(&files[1..], &metadata(&keys));
    assert!(again.taken.is_empty() && none.is_empty(), "{:?}", again.taken);
    let bare = |plan: &Plan| {
        let mut image = plan.images[0].clone();
        image.expose_because.clear();
        image.rootfs.init = None;
        image.assets.iter_mut().for_each(|asset| asset.because = Because::new("", ""));
        image.rootfs.writable.iter_mut().for_each(|folder| folder.because = Because::new("", ""));
        image
    };
    assert_eq!(bare(&again), bare(&plan));
    assert_eq!(again.groups[0].cargo_args, plan.groups[0].cargo_args);
}

#[test]
fn the_metadata_and_flags_win() {
    let text = dockerfile("build --all-features", "EXPOSE 80\nENV A=1 B=2\nCMD [\"app\", \"serve\"]\n");
    let said =
        "[package.metadata.dockerize]\nexpose = []\nenv = { A = \"own\" }\nfeatures = []\narguments = [\"own\"]\n";
    let (plan, _) = planned(&[("Dockerfile", &text)], said);
    assert_eq!(lines(&plan).0, Vec::<String>::new());
    assert!(plan.images[0].expose.is_empty() && plan.images[0].env.len() == 1);
    assert_eq!(plan.images[0].arguments, ["own"]);
}

#[test]
fn flags_of_cargo_without_names() {
    let of = |build: &str| lines(&planned(&[("Dockerfile", &dockerfile(build, ""))], "").0).0;
    assert_eq!(of("build --all-features"), ["Dockerfile:4 all-features --all-features"]);
    assert_eq!(of("build --no-default-features -F default"), Vec::<String>::new());
    assert_eq!(
        of("build --no-default-features -F two"),
        ["Dockerfile:4 features `two`", "Dockerfile:4 no-default-features --no-default-features"]
    );
    assert_eq!(of("build --release --bin other --features two"), Vec::<String>::new());
    assert_eq!(of("build --features $UNKNOWN"), Vec::<String>::new());
}

#[test]
fn files_that_are_not_taken() {
    let text = dockerfile(
        "build",
        "COPY . .\nCOPY .env ./\nCOPY www/*.css /www/\nCOPY run.sh /\nCOPY --from=build /w/out /out\nCOPY --from=build /etc/ssl/certs /etc/ssl/certs\n\
         COPY gone /gone\nCOPY www .\nCOPY --from=nginx:1 /etc/nginx /etc/nginx\n",
    );
    let files = [("Dockerfile", text.as_str()), (".env", ""), ("www/a.css", ""), ("run.sh", "")];
    let (plan, _) = planned(&files, "");
    let (taken, left) = lines(&plan);
    assert_eq!(taken, Vec::<String>::new());
    let left: Vec<&str> = left.iter().filter_map(|line| line.split_once("COPY ")).map(|(_, rest)| rest).collect();
    assert_eq!(
        left,
        [
            ".: it is the whole context; `assets` names what is read",
            ".env: by its name it is a secret, or what a build makes",
            "www/*.css: it is a pattern; `assets` names what is read",
            "run.sh: it is a script, and the image has no shell",
            "/w/out: the stage `build` makes it, and no source of it is known",
            "/etc/ssl/certs: the image has the authorities where the program reads them",
            "gone: it is not in the workspace",
            "www: it fills /app; `assets` names what is read in it",
            "/etc/nginx: it is from the image nginx:1",
        ]
    );
}

#[test]
fn absolute_paths_that_are_named_stay() {
    let text = dockerfile("build", "COPY www ./www\nENV WWW=/srv/www\nCMD [\"app\"]\n");
    let (plan, keys) = planned(&[("Dockerfile", text.as_str()), ("www/a.css", "")], "");
    assert_eq!(plan.images[0].assets[0].to, "/srv/www");
    assert!(keys.contains(&"app.assets = [{ from = \"www\", to = \"/srv/www\" }]".to_owned()), "{keys:?}");
}

#[test]
fn other_files_where_no_dockerfile_says_it() {
    let files = [
        ("Procfile", "web: app serve\n"),
        (
            "fly.toml",
            "kill_signal = \"SIGQUIT\"\n[http_service]\ninternal_port = 3000\n[mounts]\ndestination = \"/data\"\n",
        ),
        (".github/workflows/ci.yml", "jobs:\n  a:\n    steps:\n      - run: cargo build --release --features two\n"),
    ];
    let (plan, _) = planned(&files, "");
    assert_eq!(
        lines(&plan).0,
        [
            "Procfile:1 arguments serve",
            "fly.toml:1 stop-signal SIGQUIT",
            "fly.toml:3 expose port 3000",
            "fly.toml:5 writable folder /data"
        ]
    );
    assert!(plan.notes.iter().any(|note| note.text.contains("--features two (.github/workflows/ci.yml:4)")));
}

#[test]
fn a_second_dockerfile_is_named() {
    let text = dockerfile("build", "EXPOSE 80\n");
    let (plan, _) = planned(&[("Dockerfile", &text), ("docker/Dockerfile", &text)], "");
    assert!(
        lines(&plan)
            .1
            .contains(&"docker/Dockerfile:1 the whole file: Dockerfile ships app as well, and comes first".to_owned())
    );
    assert_eq!(plan.images[0].expose, [80]);
}

const TWO: &str =
    "\n[[bin]]\nname = \"app\"\npath = \"src/main.rs\"\n\n[[bin]]\nname = \"load-test\"\npath = \"src/load.rs\"\n";

#[test]
fn a_binary_that_no_dockerfile_ships_gets_no_image() {
    let text = dockerfile("build --release", "CMD [\"app\"]\n");
    let files = [("Dockerfile", text.as_str()), ("src/load.rs", "fn main() {}\n")];
    let (plan, keys) = planned(&files, TWO);
    let names: Vec<&str> = plan.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["app"]);
    assert!(lines(&plan).0.contains(&"Dockerfile:7 binaries app".to_owned()), "{:?}", lines(&plan).0);
    assert!(keys.contains(&".binaries = [\"app\"]".to_owned()), "{keys:?}");
    let note = plan.notes.iter().find(|note| note.text.contains("load-test")).expect("a note");
    assert!(note.text.contains("Dockerfiles ship other binaries"), "{}", note.text);
}

#[test]
fn the_metadata_says_which_binaries_get_an_image_and_no_dockerfile() {
    let text = dockerfile("build --release", "CMD [\"app\"]\n");
    let files = [("Dockerfile", text.as_str()), ("src/load.rs", "fn main() {}\n")];
    let (plan, keys) = planned(&files, &format!("{TWO}[package.metadata.dockerize]\nbinaries = [\"load-test\"]\n"));
    let names: Vec<&str> = plan.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["load-test"]);
    assert!(!keys.iter().any(|key| key.contains("binaries")), "{keys:?}");
}

#[test]
fn a_dockerfile_of_a_helper_alone_drops_no_other_binary() {
    let text = dockerfile("build --release", "CMD [\"load-test\"]\n").replace("/app", "/load-test");
    let alias = "[alias]\nload = \"run --bin load-test\"\n";
    let files = [("Dockerfile", text.as_str()), ("src/load.rs", "fn main() {}\n"), (".cargo/config.toml", alias)];
    let (plan, _) = planned(&files, TWO);
    let names: Vec<&str> = plan.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["app", "load-test"]);
}
