//! Packages that are not public: a registry that wants a token, a git server over SSH. What is secret is searched for in
//! everything that a build leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use assert_fs::TempDir;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use crate::tls::Request;
use crate::tool::{self, Container};

const TOKEN: &str = "dockerize-e2e-token-3f9c1b7a";

/// A registry on loopback that answers nobody without the token.
struct Registry {
    port: u16,
}

impl Registry {
    fn start(krate: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let sum = Sha256::digest(&krate).iter().fold(String::new(), |sum, byte| format!("{sum}{byte:02x}"));
        let entry = format!(
            "{{\"name\":\"hidden-lib\",\"vers\":\"0.1.0\",\"deps\":[],\"cksum\":\"{sum}\",\"features\":{{}},\"yanked\":false}}\n"
        );
        let config = format!("{{\"dl\":\"http://127.0.0.1:{port}/dl\",\"auth-required\":true}}");
        let pages = Arc::new(BTreeMap::from([
            ("/index/config.json", config.into_bytes()),
            ("/index/hi/dd/hidden-lib", entry.into_bytes()),
            ("/dl/hidden-lib/0.1.0/download", krate),
        ]));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let pages = Arc::clone(&pages);
                std::thread::spawn(move || answer(stream, &pages));
            }
        });
        Self { port }
    }
}

fn answer(mut stream: TcpStream, pages: &BTreeMap<&str, Vec<u8>>) {
    let Some(request) = Request::read(&mut stream) else { return };
    let allowed = request.header("authorization") == Some(TOKEN);
    let path = request.head.split(' ').nth(1).unwrap_or_default();
    let (status, body): (&str, &[u8]) = match pages.get(path) {
        _ if !allowed => ("401 Unauthorized", b""),
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", b""),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}

/// The archive of a package, as cargo packs it.
fn packed(folder: &Utf8Path) -> Vec<u8> {
    let package = folder.join("hidden-lib-0.1.0");
    library(&package);
    tool::program(folder, "tar", &["--create", "--gzip", "--file", "hidden-lib.crate", "hidden-lib-0.1.0"]);
    fs_err::read(folder.join("hidden-lib.crate")).unwrap()
}

pub fn library(folder: &Utf8Path) {
    fs_err::create_dir_all(folder.join("src")).unwrap();
    let manifest = "[package]\nname = \"hidden-lib\"\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense = \"MIT\"\n";
    fs_err::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs_err::write(folder.join("src/lib.rs"), "pub fn told() -> &'static str { \"hidden\" }\n").unwrap();
}

pub fn application(folder: &Utf8Path, dependency: &str) {
    fs_err::create_dir_all(folder.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"teller\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\nhidden-lib = {dependency}\n"
    );
    fs_err::write(folder.join("Cargo.toml"), manifest).unwrap();
    let main = format!("// {MARKER}\nfn main() {{\n    println!(\"{{}}\", hidden_lib::told());\n}}\n");
    fs_err::write(folder.join("src/main.rs"), main).unwrap();
    fs_err::write(folder.join("build.rs"), SPY).unwrap();
    for name in SECRET_FILES {
        fs_err::write(folder.join(name), MARKER).unwrap();
    }
}

/// Stands in sources and in files with names of secrets. No layer and no exported cache holds it.
const MARKER: &str = "a-line-that-no-layer-holds";

/// Files that people leave beside their sources.
const SECRET_FILES: [&str; 6] =
    ["deploy_key", ".vault-token", ".pgpass", "credentials.json", "terraform.tfstate", ".envrc"];

/// A build script of a stranger's: it looks for what it must not see.
const SPY: &str = r#"fn main() {
    for (name, value) in std::env::vars() {
        assert!(!name.contains("TOKEN") && !value.contains("/run/secrets"), "the build script sees {name}");
    }
    for path in ["/run/secrets", "/root/.ssh/known_hosts"] {
        let found = std::fs::read_dir(path).map_or(std::path::Path::new(path).is_file(), |mut files| files.next().is_some());
        assert!(!found, "the build script sees {path}");
    }
}
"#;

pub fn registry() {
    let dir = TempDir::new().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let registry = Registry::start(packed(root));
    let app = root.join("app");
    application(&app, "{ version = \"0.1\", registry = \"company\" }");
    fs_err::create_dir_all(app.join(".cargo")).unwrap();
    let config = format!("[registries.company]\nindex = \"sparse+http://127.0.0.1:{}/index/\"\n", registry.port);
    fs_err::write(app.join(".cargo/config.toml"), config).unwrap();
    let token = format!("CARGO_REGISTRIES_COMPANY_TOKEN={TOKEN}");
    let env = [token.as_str(), "CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS=cargo:token"];
    tool::set_up(&app, &env);

    // Without the token the step that fetches says what is missing, and the build says how to have it.
    let without = tool::dockerize(&app, &["build", "--network", "host", "--no-cache"]);
    assert_eq!(without.code, Some(6), "{}", without.stderr);
    assert!(without.stderr.contains("cargo login --registry company"), "{}", without.stderr);

    tool::dockerize_in(&app, &env, &["build", "--network", "host"]);
    assert_eq!(tool::run_image("teller", &[], &[]), "hidden\n");
    // Packages that the engine prunes from the mount are downloaded again, where their secrets are.
    tool::in_mount(
        &app,
        "cargo-registry",
        "/usr/local/cargo/registry",
        "rm -rf /usr/local/cargo/registry/*/127.0.0.1-*",
    );
    let main = fs_err::read_to_string(app.join("src/main.rs")).unwrap();
    fs_err::write(app.join("src/main.rs"), format!("{main}// {app}\n")).unwrap();
    tool::dockerize_in(&app, &env, &["build", "--network", "host"]);
    // Two whole builds are enough in one of the tests.
    let twice = ["verify-reproducible", "--network", "host", "--allow-unpinned", "--engine", "buildx"];
    keep_words(&app, &env, &[(&twice, true)]);
    let secret = "id=cargo-registry-company,env=CARGO_REGISTRIES_COMPANY_TOKEN";
    leaves_nothing(&app, &["--secret", secret], &env, TOKEN);
}

/// A command of ours, and whether it has to succeed: in the lab nobody can ask what is newer on Docker Hub.
type Said<'a> = (&'a [&'a str], bool);

/// Keeps what commands of ours print beside the application, to be searched with the rest.
fn keep_words(app: &Utf8Path, env: &[&str], commands: &[Said<'_>]) {
    let folder = app.parent().unwrap().join("said");
    fs_err::create_dir_all(&folder).unwrap();
    let env: Vec<(&str, &str)> = env.iter().map(|one| one.split_once('=').unwrap()).collect();
    for (args, succeeds) in commands {
        let done = tool::dockerize_with(app, &env, args);
        let known = done.code.is_some_and(|code| if *succeeds { code == 0 } else { !matches!(code, 2 | 70) });
        assert!(known, "{args:?}: {:?}\n{}\n{}", done.code, done.stdout, done.stderr);
        let name = args.join("_").replace('/', "-");
        fs_err::write(folder.join(name), [done.stdout, done.stderr].concat()).unwrap();
    }
}

/// All that our commands write and print, with what goes to a registry.
fn everything_said(app: &Utf8Path, env: &[&str]) {
    let account = ["--write", "target/account.json", "--write", "target/account.md", "--format", "json"];
    let build = ["build", "--network", "host", "--verbose", "--sbom", "both", "--provenance", "max", "--no-cache"];
    let commands: [Said<'_>; 16] = [
        (&[&build[..], &account].concat(), true),
        (&["build", "--network", "host", "--dry-run"], true),
        (&["plan", "--verbose"], true),
        (&["plan", "--format", "json"], true),
        (&["plan", "--engine", "oci", "--format", "json"], true),
        (&["generate", "--check", "--verbose"], true),
        (&["compose"], true),
        (&["ci", "github"], true),
        (&["inspect", "teller:latest"], true),
        (&["inspect", "teller:latest", "--format", "json"], true),
        (&["lint", "--format", "json"], false),
        (&["lint", "--format", "sarif"], false),
        (&["pin", "--format", "json"], false),
        (&["doctor", "--format", "json"], false),
        (&["cache", "show", "--format", "json"], false),
        (&["measure", "--dry-run", "--network", "host"], false),
    ];
    keep_words(app, env, &commands);
    let lists = app.join("target/dockerize/sbom");
    assert_eq!(fs_err::read_dir(lists).unwrap().count(), 2);
    let Some(registry) = tool::registry() else { return };
    let prefix = format!("{registry}/dockerize-e2e/private/");
    let name = format!("registry:{prefix}teller:latest");
    let push = ["build", "--network", "host", "--prefix", &prefix, "--push", "--sbom", "both"];
    keep_words(app, env, &[(&push, true), (&["inspect", &name, "--format", "json"], true)]);
    // As it lies in the registry: the engine's whole account.
    let name = format!("{prefix}teller:latest");
    let stated = ["buildx", "imagetools", "inspect", &name, "--format", "{{json .Provenance}}"];
    let stated = tool::docker(&stated);
    assert!(stated.contains("buildDefinition") || stated.contains("buildConfig"), "{stated}");
    fs_err::write(app.parent().unwrap().join("said/provenance.json"), stated).unwrap();
}

/// Searches the tree, both images, their history, the exported cache, what our commands write and print, and what goes to a registry.
pub fn leaves_nothing(app: &Utf8Path, options: &[&str], env: &[&str], secret: &str) {
    everything_said(app, env);
    let said = app.parent().unwrap().join("said");
    let cache = app.parent().unwrap().join("cache");
    let to = format!("type=local,mode=max,dest={cache}");
    let layout = app.parent().unwrap().join("layout");
    let out = format!("type=oci,tar=false,dest={layout}");
    let build =
        ["docker", "buildx", "build", "--quiet", "--network", "host", "--target", "builder", "--provenance=mode=max"];
    let outputs = ["--cache-to", &to, "--output", &out, "."];
    tool::program(app, "env", &[env, &build, options, &outputs].concat());
    let final_layout = app.parent().unwrap().join("final");
    let out = format!("type=oci,tar=false,dest={final_layout}");
    let build =
        ["docker", "buildx", "build", "--quiet", "--network", "host", "--target", "teller", "--provenance=mode=max"];
    tool::program(app, "env", &[env, &build, options, &["--output", &out, "."]].concat());
    let (mut searched, mut of_it) = (0, 0);
    let words = AhoCorasick::new([secret, MARKER, "teller"]).unwrap();
    for folder in [app, &said, &cache, &layout, &final_layout] {
        for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
            if entry.file_type().is_file() {
                let bytes = plain(fs_err::read(entry.path()).unwrap());
                searched += 1;
                let found: BTreeSet<usize> =
                    words.find_overlapping_iter(&bytes).map(|word| word.pattern().as_usize()).collect();
                assert!(!found.contains(&0), "the secret is in {}", entry.path().display());
                let of_tree = entry.path().starts_with(app);
                assert!(of_tree || !found.contains(&1), "a source is in {}", entry.path().display());
                of_it += usize::from(found.contains(&2));
            }
        }
    }
    assert!(
        searched > 40 && of_it > 20,
        "{searched} files, and the program's name in {of_it}: there is too little to search"
    );
}

/// A layer's bytes before they were compressed.
fn plain(bytes: Vec<u8>) -> Vec<u8> {
    let mut plain = Vec::new();
    match bytes.as_slice() {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap(),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::Decoder::new(bytes.as_slice()).unwrap().read_to_end(&mut plain).unwrap(),
        _ => return bytes,
    };
    plain
}

/// A git server over SSH: Debian's sshd and git in a container.
struct GitServer {
    _container: Container,
    port: u16,
    /// A home that knows the server.
    home: Utf8PathBuf,
    agent: Agent,
}

/// An ssh agent that ends with the test.
struct Agent {
    socket: Utf8PathBuf,
    process: std::process::Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl GitServer {
    fn start(root: &Utf8Path) -> Self {
        let folder = root.join("server");
        library(&folder.join("lib"));
        tool::program(root, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
        fs_err::copy(root.join("key.pub"), folder.join("authorized_keys")).unwrap();
        let dockerfile = "FROM debian:trixie-slim\n\
            RUN apt-get update && apt-get install --yes --no-install-recommends git openssh-server && mkdir -p /run/sshd\n\
            RUN useradd --create-home --shell /usr/bin/git-shell git && usermod -p '*' git\n\
            COPY --chown=git:git authorized_keys /home/git/.ssh/authorized_keys\n\
            COPY lib /lib.work\n\
            RUN cd /lib.work && git init --quiet && git add --all \
             && git -c user.name=Test -c user.email=test@example.com commit --quiet --message first \
             && git clone --quiet --bare /lib.work /srv/lib.git && chown -R git:git /srv/lib.git\n\
            CMD [\"/usr/sbin/sshd\", \"-D\", \"-e\"]\n";
        fs_err::write(folder.join("Dockerfile"), dockerfile).unwrap();
        tool::docker(&[
            "build",
            "--quiet",
            "--network",
            "host",
            "--tag",
            "dockerize-e2e-git-server:1",
            folder.as_str(),
        ]);
        let port = tool::free_port();
        let publish = format!("127.0.0.1:{port}:22");
        let container = Container::open("dockerize-e2e-git-server:1", &["--publish", &publish]);
        let key = container.exec(&["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]);
        let home = root.join("home");
        fs_err::create_dir_all(home.join(".ssh")).unwrap();
        fs_err::write(home.join(".ssh/known_hosts"), format!("[127.0.0.1]:{port} {key}")).unwrap();
        let socket = root.join("agent");
        let process = std::process::Command::new("ssh-agent")
            .args(["-D", "-a", socket.as_str()])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let agent = Agent { socket, process };
        for _ in 0..100 {
            if agent.socket.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let variable = format!("SSH_AUTH_SOCK={}", agent.socket);
        tool::program(root, "env", &[&variable, "ssh-add", "-q", "key"]);
        Self { _container: container, port, home, agent }
    }
}

pub fn git_over_ssh() {
    let dir = TempDir::new().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let server = GitServer::start(root);
    let app = root.join("app");
    application(&app, &format!("{{ git = \"ssh://git@127.0.0.1:{}/srv/lib.git\" }}", server.port));
    let mut env = tool::home(&server.home);
    env.push(format!("SSH_AUTH_SOCK={}", server.agent.socket));
    let env: Vec<&str> = env.iter().map(String::as_str).collect();
    tool::set_up(&app, &env);
    tool::dockerize_in(&app, &env, &["build", "--network", "host"]);
    assert_eq!(tool::run_image("teller", &[], &[]), "hidden\n");
    let key = fs_err::read_to_string(root.join("key")).unwrap();
    let line = key.lines().nth(2).unwrap();
    let known = format!("id=known-hosts,src={}/.ssh/known_hosts", server.home);
    leaves_nothing(&app, &["--ssh", "default", "--secret", &known], &env, line);
}
