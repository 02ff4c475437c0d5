//! Dockerfiles and other files in the shapes that Rust projects give them.

use super::*;
use proptest::prelude::*;

fn binaries() -> BTreeSet<String> {
    ["app", "worker"].map(str::to_owned).into_iter().collect()
}

fn images(text: &str) -> Vec<Built> {
    let parsed = lint::parse(text).unwrap();
    dockerfile::Reader { file: "Dockerfile", text, parsed: &parsed, binaries: &binaries() }.images()
}

fn image(text: &str) -> Built {
    images(text).pop().unwrap()
}

fn values(said: &[Said<String>]) -> Vec<&str> {
    said.iter().map(|said| said.value.as_str()).collect()
}

/// Copies as `source -> target`, with the paths of the context.
fn copies(built: &Built) -> Vec<String> {
    let one = |said: &Said<Copied>| {
        let copied = &said.value;
        let sources: Vec<String> = copied.sources.iter().map(|source| source.context.join("|")).collect();
        format!("{} -> {}{}", sources.join(" "), copied.to, if copied.folder { "/" } else { "" })
    };
    built.copies.iter().map(one).collect()
}

#[test]
fn stages_with_a_recipe_for_the_dependencies() {
    let built = image(
        "FROM rust:1 AS chef\nRUN cargo install cargo-chef --locked\nWORKDIR /src\n\
         FROM chef AS planner\nCOPY . .\nRUN cargo chef prepare\n\
         FROM chef AS builder\nCOPY --from=planner /src/recipe.json .\nRUN cargo chef cook --release --features tls\n\
         COPY . .\nRUN --mount=type=cache,target=/usr/local/cargo/registry \\\n    set -e; \\\n    cargo build --release \\\n      --features \"tls,metrics\" --bin app\n\
         FROM debian:stable-slim AS runtime\nWORKDIR /srv\n\
         RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 && rm -rf /var/lib/apt/lists/*\n\
         COPY --from=builder /src/target/release/app /usr/local/bin/\nCOPY --from=builder /src/templates ./templates\nCOPY config/prod.toml ./\n\
         ENV RUST_LOG=info\nEXPOSE 8080/tcp 9090\nVOLUME [\"/srv/data\"]\nUSER nobody\nENTRYPOINT [\"app\"]\nCMD [\"serve\", \"--port\", \"8080\"]\n",
    );
    assert_eq!(built.builds.len(), 2);
    let (cook, last) = (&built.builds[0], &built.builds[1]);
    assert!(cook.value.cook && !last.value.cook);
    assert_eq!(last.value.features, ["tls", "metrics"]);
    assert_eq!(last.place.line, 13, "the line of the call, not of its RUN");
    assert_eq!(values(&built.programs), ["app"]);
    assert_eq!(copies(&built), ["templates -> /srv/templates", "config/prod.toml -> /srv/"]);
    assert_eq!(values(&built.packages), ["ca-certificates", "libssl3"]);
    assert_eq!(values(&built.ports), ["8080/tcp", "9090"]);
    assert_eq!(values(&built.volumes), ["/srv/data"]);
    let start = built.start.as_ref().unwrap();
    assert_eq!(start.program.as_deref(), Some("app"));
    assert_eq!(start.arguments, ["serve", "--port", "8080"]);
    assert_eq!(built.user.as_ref().unwrap().place.to_string(), "Dockerfile:24");
    assert!(built.ships("app") && built.runs("app") && !built.ships("worker"));
    assert!(built.others.is_empty(), "stages that run cargo are the build's own: {:?}", built.others);
}

#[test]
fn programs_by_many_ways() {
    let ships = |text: &str| {
        let built = image(text);
        (built.ships("app"), copies(&built))
    };
    let nothing = Vec::<String>::new();
    // What cargo installs, in its own folder and in another one.
    let text = "FROM rust:1 AS b\nCOPY . .\nRUN cargo install --path .\nFROM debian\n";
    assert_eq!(
        ships(&format!("{text}COPY --from=b /usr/local/cargo/bin/app /usr/local/bin/\n")),
        (true, nothing.clone())
    );
    assert_eq!(
        ships(&format!("{text}COPY --from=0 /usr/local/cargo/bin /usr/bin\nCMD [\"app\"]\n")),
        (true, nothing.clone())
    );
    // One stage alone.
    assert!(ships("FROM rust:1\nCOPY . .\nRUN cargo install --path .\nCMD [\"app\"]\n").0);
    // Out of a cache mount, under another name.
    let text = "FROM rust:1-alpine AS b\nWORKDIR /w\nRUN --mount=type=bind,target=. --mount=type=cache,target=/w/target \
                cargo build --release --target x86_64-unknown-linux-musl && cp target/x86_64-unknown-linux-musl/release/app /out/server\n\
                FROM scratch\nCOPY --from=b /out/server /server\nENTRYPOINT [\"/server\"]\n";
    assert_eq!(ships(text), (true, nothing.clone()));
    // A variable that has a default, before the first stage or in one.
    let text = "ARG BIN=app\nFROM rust:1 AS b\nARG BIN\nRUN cargo build --release --bin ${BIN}\n\
                FROM scratch\nARG BIN\nCOPY --from=b /target/release/$BIN /bin/$BIN\n";
    assert_eq!(ships(text), (true, nothing.clone()));
    assert_eq!(image(text).builds[0].value.bins, ["app"]);
    // Compiled before the image is.
    assert!(ships("FROM scratch\nARG TARGETARCH\nCOPY dist/$TARGETARCH/app /app\nENTRYPOINT [\"/app\"]\n").0);
    // Somebody else's image that happens to start something of the same name.
    assert!(!ships("FROM registry.example/app\nCMD [\"app\"]\n").0);
}

#[test]
fn one_stage_for_all() {
    let text = "FROM rust:1\nWORKDIR /b\nCOPY Cargo.toml ./\nCOPY src src\nRUN cargo build --release\nCOPY static ./static\nCMD ";
    let built = image(&format!("{text}[\"./target/release/app\"]\n"));
    assert!(built.runs("app"));
    assert_eq!(copies(&built), ["static -> /b/static"], "what is there before cargo runs are sources");
    let built = image(&format!("{text}[\"cargo\", \"run\", \"--release\", \"--bin\", \"app\", \"--\", \"serve\"]\n"));
    assert!(built.ships("app") && copies(&built).is_empty());
    assert_eq!(built.start.unwrap().arguments, ["serve"]);
    // Which of two it is, nothing says.
    assert!(!image(&format!("{text}cargo run --release\n")).ships("app"));
}

#[test]
fn what_is_started_through_others() {
    let start = |text: &str| image(&format!("FROM rust:1\nRUN cargo build\n{text}")).start.unwrap();
    let tini =
        start("ENTRYPOINT [\"/sbin/tini\", \"-g\", \"--\", \"/app/app\"]\nCMD [\"--config\", \"/etc/app.toml\"]\n");
    assert_eq!(tini.program.as_deref(), Some("app"));
    assert_eq!(tini.arguments, ["--config", "/etc/app.toml"]);
    assert_eq!(tini.init.unwrap().value, "tini");
    let user = start("CMD exec gosu nobody ./app serve\n");
    assert_eq!((user.program.as_deref(), user.arguments), (Some("app"), vec!["serve".to_owned()]));
    let plain = start("CMD [\"sh\", \"-c\", \"/app serve\"]\n");
    assert_eq!((plain.program.as_deref(), plain.shell), (Some("app"), false));
    for line in ["CMD ./app --port $PORT\n", "ENTRYPOINT migrate && app\n", "CMD [\"sh\", \"-c\", \"app > log\"]\n"] {
        let start = start(line);
        assert!(start.shell && start.program.is_none(), "{line}");
    }
    let script = start("ENTRYPOINT [\"/entrypoint.sh\"]\nCMD [\"app\", \"serve\"]\n");
    assert_eq!(script.script.unwrap().value, "entrypoint.sh");
    assert_eq!((script.program.as_deref(), script.arguments), (Some("app"), vec!["serve".to_owned()]));
    let other = start("CMD [\"cargo\", \"run\"]\n");
    assert_eq!((other.program, other.script.unwrap().value), (None, "cargo".to_owned()));
    // A shell's line takes no arguments.
    assert_eq!(start("ENTRYPOINT app\nCMD [\"serve\"]\n").arguments, Vec::<String>::new());
}

#[test]
fn several_images_of_one_file() {
    let text = "FROM rust:1 AS build\nCOPY . .\nRUN cargo build --release --workspace\n\
                FROM debian AS base\nENV A=1\nEXPOSE 80\n\
                FROM base AS app\nCOPY --from=build /target/release/app /app\nCMD [\"/app\"]\n\
                FROM base AS worker\nENV A=2 B=${A}0\nCOPY --from=build /target/release/worker /worker\nCMD [\"/worker\"]\n";
    let all = images(text);
    assert_eq!(all.len(), 2);
    assert!(all[0].runs("app") && all[1].runs("worker") && !all[0].ships("worker"));
    // What the stage below says holds as well, with its place.
    assert_eq!(all[1].ports[0].place.line, 6);
    let env: Vec<_> = all[1].env.iter().map(|said| said.value.clone()).collect();
    assert_eq!(env, [("A".to_owned(), Some("2".to_owned())), ("B".to_owned(), Some("10".to_owned()))]);
    assert_eq!(all[0].base.value, "debian");
}

#[test]
fn front_ends_and_files_of_other_stages() {
    let text = "FROM node:22 AS web\nWORKDIR /web\nCOPY web .\nRUN npm ci && npm run build\n\
                FROM debian AS certs\nRUN apt-get install -y ca-certificates\n\
                FROM rust:1 AS build\nCOPY --from=web /web/dist ./dist\nCOPY . .\nRUN cargo build --release\n\
                FROM scratch\nCOPY --from=certs /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\nCOPY --from=ghcr.io/x/y:1 /y /y\n\
                COPY --from=build /target/release/app /app\nCOPY --from=build /static /static\nADD --chown=1:1 data/a data/b* /data/\nCMD [\"/app\"]\n";
    let built = image(text);
    let others: Vec<_> =
        built.others.iter().map(|said| (said.value.stage.as_str(), said.value.front, said.value.compiled_in)).collect();
    assert_eq!(others, [("`web`", true, true), ("`certs`", false, false)]);
    assert_eq!(copies(&built), [" -> /etc/ssl/certs/", " -> /y", "static -> /static", "data/a data/b* -> /data/"]);
    assert!(built.packages.is_empty(), "packages of other stages are not the image's");
}

#[test]
fn scripts_in_heredocs() {
    let text = "FROM rust:1 AS build\nCOPY . .\nRUN <<EOF\nset -e\ncargo build --release --no-default-features\nEOF\n\
                FROM debian\nRUN <<END\napt-get update\napt-get install -y libpq5\nEND\n\
                COPY <<FILE /etc/app.conf\nx = 1\nFILE\nCOPY --from=build /target/release/app /app\n";
    let built = image(text);
    assert!(built.builds[0].value.no_default_features);
    assert_eq!(built.builds[0].place.line, 5);
    assert_eq!(values(&built.packages), ["libpq5"]);
    assert_eq!(copies(&built), Vec::<String>::new());
}

/// A repository with these files, whose root is a package with `app`; `nested` is a member with `worker`.
fn repository(files: &[(&str, &str)], root: &str) -> Repository {
    let folder = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
    fs_err::create_dir(top.join(".git")).unwrap();
    let root = crate::workspace::normal(&top.join(root));
    for (path, text) in files {
        fs_err::create_dir_all(top.join(path).parent().unwrap()).unwrap();
        fs_err::write(top.join(path), text).unwrap();
    }
    fs_err::create_dir_all(root.join("nested")).unwrap();
    for manifest in ["Cargo.toml", "nested/Cargo.toml"] {
        fs_err::write(root.join(manifest), "").unwrap();
    }
    let members = [root.clone(), root.join("nested")];
    let members: Vec<&Utf8Path> = members.iter().map(|path| &**path).collect();
    let found = read(&Ours { root: &root, repository: Some(&top), members: &members, binaries: &binaries() });
    let mut found = found;
    for dockerfile in &mut found.dockerfiles {
        dockerfile.context = dockerfile.context.strip_prefix(&top).unwrap().to_owned();
    }
    found
}

const SHIPS: &str =
    "FROM rust:1 AS b\nCOPY . .\nRUN cargo build\nFROM scratch\nCOPY --from=b /target/release/app /app\n";

fn shipping(found: &Repository, binary: &str) -> Vec<String> {
    found.shipping(binary).into_iter().map(|one| one.dockerfile.file.clone()).collect()
}

#[test]
fn which_dockerfile_counts() {
    let files = [
        ("docker/prod.Dockerfile", SHIPS),
        ("Dockerfile.dev", SHIPS),
        ("Dockerfile", SHIPS),
        ("a/b/c/d/Dockerfile", SHIPS),
        ("a/b/c/d/e/Dockerfile", SHIPS),
        ("node_modules/x/Dockerfile", SHIPS),
        ("tests/x/Dockerfile", SHIPS),
        (".hidden/Dockerfile", SHIPS),
        ("other/Cargo.toml", ""),
        ("other/Dockerfile", SHIPS),
        ("Dockerfile.md", SHIPS),
        ("nested/Dockerfile", "FROM rust:1\nRUN cargo build\nCMD [\"worker\"]\n"),
        ("broken/Dockerfile", "RUN\n"),
    ];
    let found = repository(&files, "");
    assert_eq!(
        shipping(&found, "app"),
        ["Dockerfile", "Dockerfile.dev", "docker/prod.Dockerfile", "a/b/c/d/Dockerfile"]
    );
    assert_eq!(shipping(&found, "worker"), ["nested/Dockerfile"]);
    let folder =
        |file: &str| found.dockerfiles.iter().find(|one| one.file == file).unwrap().context.as_str().to_owned();
    assert_eq!((folder("docker/prod.Dockerfile"), folder("nested/Dockerfile")), (String::new(), "nested".to_owned()));
}

#[test]
fn what_this_tool_generated_says_nothing() {
    let head = "# Generated by cargo-dockerize 0.1.0.\n# checksum: sha256:00\n";
    let ours = format!("{head}{SHIPS}");
    assert!(repository(&[("Dockerfile", &ours)], "").dockerfiles.is_empty());
}

#[test]
fn a_workspace_below_the_top_of_its_repository() {
    let found = repository(&[("Dockerfile", SHIPS), ("deploy/Dockerfile", SHIPS), ("web/Dockerfile", SHIPS)], "rust");
    assert_eq!(shipping(&found, "app"), ["../Dockerfile", "../deploy/Dockerfile"]);
}

#[test]
fn other_files() {
    let files = [
        ("Procfile", "# no\nweb: ./target/release/app serve --port 80\nworker: DATABASE=1 worker $X\nrelease: echo\n"),
        (
            "fly.toml",
            "kill_signal = \"SIGINT\"\n[http_service]\ninternal_port = 8080\n[[mounts]]\nsource = \"data\"\ndestination = \"/data\"\n[processes]\napp = \"app run\"\n",
        ),
        ("Cross.toml", "[target.x86_64-unknown-linux-gnu]\npre-build = [\"apt-get install -y libssl-dev\"]\n"),
        (
            "compose.yaml",
            "services:\n  app:\n    build: { context: ., dockerfile: docker/Dockerfile, target: app }\n    ports: [\"127.0.0.1:80:8080\", {target: 9090}]\n    volumes: [\"data:/data\", \"./uploads/:/srv/uploads\", \"./etc:/etc/app:ro\", \"./app.toml:/app.toml\", \"./src:/src\", {type: bind, source: ./logs, target: /logs}]\n    stop_signal: SIGINT\n  db:\n    image: postgres\n",
        ),
        (
            ".github/workflows/ci.yml",
            "jobs:\n  a:\n    steps:\n      - run: cargo build --release --features tls\n      - run: |\n          cargo test --features x\n          cargo build --features y\n",
        ),
        ("src/main.rs", ""),
        (".gitlab-ci.yml", "build:\n  script:\n    - cargo build --features z\n"),
    ];
    let found = repository(&files, "");
    let processes: Vec<_> = found
        .processes
        .iter()
        .map(|said| (said.place.to_string(), said.value.program.as_str(), said.value.arguments.clone()))
        .collect();
    let words = |text: &str| Some(text.split(' ').map(str::to_owned).collect());
    assert_eq!(
        processes,
        [
            ("Procfile:2".to_owned(), "app", words("serve --port 80")),
            ("Procfile:3".to_owned(), "worker", None),
            ("fly.toml:8".to_owned(), "app", words("run")),
        ]
    );
    assert_eq!((values(&found.fly.ports), values(&found.fly.volumes)), (vec!["8080"], vec!["/data"]));
    assert_eq!(found.fly.stop_signal.unwrap().place.line, 1);
    assert_eq!(values(&found.cross), ["libssl-dev"]);
    let service = &found.services[0].value;
    assert_eq!((service.dockerfile.as_str(), service.stage.as_deref()), ("docker/Dockerfile", Some("app")));
    assert_eq!(
        (service.ports.join(" "), service.volumes.join(" ")),
        ("8080 9090".to_owned(), "/data /srv/uploads /logs".to_owned())
    );
    assert_eq!(found.services.len(), 1);
    let ci: Vec<_> = found.ci.iter().map(|said| (said.value.features.join(","), said.place.to_string())).collect();
    let expected =
        [("z", ".gitlab-ci.yml:3"), ("tls", ".github/workflows/ci.yml:4"), ("y", ".github/workflows/ci.yml:7")];
    assert_eq!(ci, expected.map(|(features, place)| (features.to_owned(), place.to_owned())));
}

/// Lines that the reader looks at, whole and broken.
const LINES: &[&str] = &[
    "FROM rust:1 AS build\n",
    "FROM ${X:-debian} AS é\n",
    "FROM build\n",
    "ARG BIN=app\n",
    "ARG X=$X$X\n",
    "ENV A=$A$A B=\"é $BIN\" C\n",
    "WORKDIR ../$A/é\n",
    "WORKDIR /srv\n",
    "RUN cargo +é build --features\n",
    "RUN cargo build -F é, -p $BIN --bin=$(x) && cp target/release/app /é\n",
    "RUN <<E\ncargo install --path é\nE\n",
    "RUN apt-get install -y é= $A ./x -t\n",
    "COPY --from=build /target/release/app /\n",
    "COPY --from=0 . é* ../../x /usr/src/../é/\n",
    "COPY --from=é:1 / /\n",
    "COPY . .\n",
    "ADD https://é /\n",
    "EXPOSE é 80-90/udp $A\n",
    "VOLUME [\"é\"]\n",
    "HEALTHCHECK CMD\n",
    "STOPSIGNAL é\n",
    "ENTRYPOINT [\"tini\", \"-p\"]\n",
    "ENTRYPOINT [\"sh\", \"-c\"]\n",
    "CMD exec gosu\n",
    "CMD [\"app\", \"é\"]\n",
    " \\\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_file_is_too_bad(
        lines in prop::collection::vec(prop_oneof![6 => prop::sample::select(LINES).prop_map(str::to_owned), 1 => "[ -~é\n]{0,12}"], 0..16),
        cut in 0_usize..400,
    ) {
        let mut text = format!("FROM rust:1 AS build\n{}", lines.concat());
        let end = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        if cut % 2 == 0 {
            text.truncate(end);
        }
        if let Ok(parsed) = lint::parse(&text) {
            let count = text.lines().count() + 1;
            for built in (dockerfile::Reader { file: "é", text: &text, parsed: &parsed, binaries: &binaries() }).images() {
                prop_assert!(built.base.place.line <= count);
                prop_assert!(built.copies.iter().all(|said| said.value.to.starts_with('/')));
            }
        }
        others::procfile("p", &text, &binaries());
        others::fly("f", &text, &binaries());
        others::cross("c", &text);
        others::workflow("w", &text);
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_dockerfile_is_that_file_and_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
    let (root, outside) = (top.join("root"), top.join("outside"));
    for path in [root.join("docker/Dockerfile.alpine"), root.join("docker/Dockerfile.debian"), outside.clone()] {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, SHIPS).unwrap();
    }
    fs_err::write(root.join("Cargo.toml"), "").unwrap();
    let read_here = |link: &str| {
        let _ = fs_err::remove_file(root.join("Dockerfile"));
        std::os::unix::fs::symlink(link, root.join("Dockerfile")).unwrap();
        let found = read(&Ours { root: &root, repository: None, members: &[&root], binaries: &binaries() });
        shipping(&found, "app")
    };
    assert_eq!(read_here("docker/Dockerfile.debian"), ["Dockerfile", "docker/Dockerfile.alpine"]);
    assert_eq!(read_here("../outside"), ["docker/Dockerfile.alpine", "docker/Dockerfile.debian"]);
}
