//! Calls of the tool and of Docker.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use camino::Utf8Path;
use cargo_dockerize::measure::Report;

/// A finished call.
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

fn run(command: &mut Command) -> Done {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Done { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Succeeds, or shows what was said.
fn good(name: &str, done: Done) -> Done {
    assert_eq!(done.code, Some(0), "{name}:\n{}\n{}", done.stdout, done.stderr);
    done
}

/// `cargo dockerize …` in a folder.
pub fn dockerize(folder: &Utf8Path, args: &[&str]) -> Done {
    dockerize_with(folder, &[], args)
}

/// `cargo dockerize …` in a folder, with these variables as well.
pub fn dockerize_with(folder: &Utf8Path, env: &[(&str, &str)], args: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"));
    command.arg("dockerize").args(args).current_dir(folder).env_remove("CARGO_TARGET_DIR").env("CI", "true");
    run(command.envs(env.iter().copied()))
}

/// Whether the engine is the lab's, which has all that tests ask for.
pub fn is_lab() -> bool {
    std::env::var("DOCKERIZE_E2E").is_ok_and(|engine| engine == "lab")
}

/// The registry that tests push to. Beside an engine of the machine's own there need not be one; in the lab there is.
pub fn registry() -> Option<String> {
    let registry = std::env::var("DOCKERIZE_REGISTRY").ok();
    assert!(registry.is_some() || !is_lab(), "DOCKERIZE_REGISTRY is not set");
    registry
}

/// `init`, with the frontend that this engine can have: the lab has none but the engine's own.
fn init_args() -> &'static [&'static str] {
    if is_lab() { &["init", "--syntax", "none"] } else { &["init"] }
}

/// `cargo dockerize init`.
pub fn init(folder: &Utf8Path) {
    good("init", dockerize(folder, init_args()));
}

/// `cargo dockerize init` once more, with other options.
pub fn good_init(folder: &Utf8Path, options: &[&str]) {
    good("init", dockerize(folder, &[init_args(), options].concat()));
}

/// `cargo dockerize …` in an environment of the test's.
pub fn dockerize_in(folder: &Utf8Path, env: &[&str], args: &[&str]) -> String {
    let tool = [env!("CARGO_BIN_EXE_cargo-dockerize"), "dockerize"];
    program(folder, "env", &[env, &tool[..], args].concat())
}

/// A lock file, and `cargo dockerize init`, in an environment of the test's.
pub fn set_up(folder: &Utf8Path, env: &[&str]) {
    program(folder, "env", &[env, &["cargo", "generate-lockfile", "--quiet"]].concat());
    dockerize_in(folder, env, init_args());
}

/// `cargo dockerize build`, which must succeed, and its report.
pub fn build(folder: &Utf8Path, args: &[&str]) -> Report {
    let done = good("build", dockerize(folder, &[&["build", "--format", "json"], args].concat()));
    serde_json::from_str(&done.stdout).unwrap()
}

/// `cargo dockerize build` in a container of this image, in which the folder lies at this place. What cargo unpacks is kept.
pub fn dockerize_inside(folder: &Utf8Path, image: &str, place: &str, args: &[&str]) {
    let tool = format!("{}:/usr/local/bin/cargo-dockerize:ro", env!("CARGO_BIN_EXE_cargo-dockerize"));
    let folder = format!("{folder}:{place}");
    let packages = "dockerize-e2e-cargo:/home/builder/cargo/registry";
    // Not the folder that the Dockerfile's stages have: it must not matter.
    let target = format!("CARGO_TARGET_DIR={place}/target");
    let env = ["--env", "CI=true", "--env", "CARGO_HOME=/home/builder/cargo", "--env", &target];
    let volumes = ["--volume", &tool, "--volume", &folder, "--volume", packages, "--workdir", place];
    let run = ["run", "--rm", "--network", "host"];
    docker(&[&run[..], &env, &volumes, &[image, "cargo", "dockerize", "build"], args].concat());
}

/// Whether a program can be called.
pub fn is_there(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// Docker, which must succeed; its output.
pub fn docker(args: &[&str]) -> String {
    good(&format!("docker {}", args.join(" ")), run(Command::new("docker").args(args))).stdout
}

/// The id of the cache mount that the first group of a workspace compiles in, for a profile of cargo.
pub fn mount(folder: &Utf8Path, profile: &str) -> String {
    let dockerfile = fs_err::read_to_string(folder.join("Dockerfile")).unwrap();
    let id = dockerfile.split("id=").find(|rest| rest.contains(",target=/app,")).unwrap();
    let id = id.split(',').next().unwrap();
    id.replace("$CARGO_BUILD_TARGET", "x86_64-unknown-linux-musl").replace("$CARGO_PROFILE", profile)
}

/// Runs a script in a cache mount as the engine keeps it.
pub fn in_mount(folder: &Utf8Path, id: &str, target: &str, script: &str) {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let dockerfile = format!(
        "FROM {}\nARG SALT\nRUN --mount=type=cache,id={id},target={target} {script}\n",
        "lukemathwalker/cargo-chef:latest-rust-1.95-slim-trixie"
    );
    let file = folder.join("in-mount.Dockerfile");
    fs_err::write(&file, dockerfile).unwrap();
    // The name of a mount is no part of the key of a step.
    let salt = format!("SALT={folder} {}", CALLS.fetch_add(1, Ordering::Relaxed));
    docker(&["buildx", "build", "--quiet", "--build-arg", &salt, "--file", file.as_str(), folder.as_str()]);
    fs_err::remove_file(file).unwrap();
}

/// Any program in a folder, which must succeed.
pub fn program(folder: impl AsRef<Path>, program: &str, args: &[&str]) -> String {
    good(program, run(Command::new(program).args(args).current_dir(folder).env_remove("CARGO_TARGET_DIR"))).stdout
}

/// git, as somebody.
pub fn git(folder: &Utf8Path, args: &[&str]) -> String {
    program(folder, "git", &[&["-c", "user.name=Test", "-c", "user.email=test@example.com"], args].concat())
}

/// The variables of a user with another home folder, who has the same toolchain.
pub fn home(folder: &Utf8Path) -> Vec<String> {
    let kept = |name: &str, folder: &str| {
        let own = std::env::var(name).unwrap_or_else(|_| format!("{}/{folder}", std::env::var("HOME").unwrap()));
        format!("{name}={own}")
    };
    vec![format!("HOME={folder}"), kept("CARGO_HOME", ".cargo"), kept("RUSTUP_HOME", ".rustup")]
}

/// Where programs are looked for; gone at the end of the test.
pub struct Home {
    pub path: String,
    pub cargo: std::path::PathBuf,
    _links: tempfile::TempDir,
}

impl Home {
    /// All that this machine has, but for one program. Somebody may have installed it, and cargo looks for its commands in
    /// `PATH` and in its own home.
    pub fn without(program: &str) -> Self {
        let real = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
        let links = tempfile::tempdir().unwrap();
        let cargo = links.path().join("cargo");
        link_all(Path::new(&real), &cargo, "bin");
        link_all(&Path::new(&real).join("bin"), &cargo.join("bin"), program);
        let path = std::env::var_os("PATH").unwrap();
        let kept = std::env::split_paths(&path).enumerate().map(|(nth, bin)| {
            if !bin.join(program).exists() {
                return bin;
            }
            let kept = links.path().join(nth.to_string());
            link_all(&bin, &kept, program);
            kept
        });
        let path = std::env::join_paths([cargo.join("bin")].into_iter().chain(kept)).unwrap();
        Self { path: path.into_string().unwrap(), cargo, _links: links }
    }
}

/// Links to what a folder holds, but for one entry.
fn link_all(from: &Path, to: &Path, but: &str) {
    fs_err::create_dir_all(to).unwrap();
    for entry in from.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let link = to.join(&name);
        if name != but && !link.exists() {
            std::os::unix::fs::symlink(entry.path(), link).unwrap();
        }
    }
}

/// Runs an image as a careful operator does: read-only, without any capability.
pub fn run_image(image: &str, options: &[&str], args: &[&str]) -> String {
    let careful = ["run", "--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    docker(&[&careful, options, &[image], args].concat())
}

/// A container that is gone at the end of the test.
pub struct Container(pub String);

impl Container {
    pub fn start(image: &str, options: &[&str], args: &[&str]) -> Self {
        let careful = ["run", "--detach", "--read-only", "--cap-drop", "ALL"];
        Self(docker(&[&careful, options, &[image], args].concat()).trim().to_owned())
    }

    /// A server of the test's own, which needs more than our images do.
    pub fn open(image: &str, options: &[&str]) -> Self {
        Self(docker(&[&["run", "--detach"], options, &[image]].concat()).trim().to_owned())
    }

    /// Runs a program inside.
    pub fn exec(&self, args: &[&str]) -> String {
        docker(&[&["exec", &self.0], args].concat())
    }

    /// The status and the body of a page on a published port, once the server is there.
    pub fn get(&self, port: u16, path: &str) -> (u16, String) {
        for _ in 0..100 {
            if let Some(page) = get(port, path) {
                return page;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("nothing answers on port {port}; the container said:\n{}", self.log());
    }

    /// Waits until a page says this; what is compiled first takes its time.
    pub fn until(&self, port: u16, path: &str, body: &str) {
        for _ in 0..3000 {
            if get(port, path).is_some_and(|page| page.1 == body) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{path} never says {body}; the container said:\n{}", self.log());
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        let log = run(Command::new("docker").args(["logs", &self.0]));
        log.stdout + &log.stderr
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(Command::new("docker").args(["rm", "--force", &self.0]).output());
    }
}

/// A volume that is gone at the end of the test.
pub struct Volume(pub String);

impl Volume {
    pub fn new() -> Self {
        Self(docker(&["volume", "create"]).trim().to_owned())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        drop(Command::new("docker").args(["volume", "rm", "--force", &self.0]).output());
    }
}

/// A page, where something answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
