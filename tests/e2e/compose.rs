//! Compose itself: it reads what is generated, and runs it.

use camino::Utf8Path;

use crate::support::Tree;
use crate::tool::{self, Container};

/// Services that are gone at the end of the test, with their volumes.
struct Project<'a> {
    folder: &'a Utf8Path,
    flags: Vec<String>,
}

impl<'a> Project<'a> {
    /// Of these files and one of the test's own, which has the machine's ports.
    fn new(folder: &'a Utf8Path, name: &str, file: &str, overrides: &str) -> Self {
        fs_err::write(folder.join("ports.yaml"), overrides).unwrap();
        let flags = ["compose", "--project-name", name, "--file", file, "--file", "ports.yaml"];
        Self { folder, flags: flags.map(str::to_owned).into() }
    }

    fn call(&self, args: &[&str]) -> String {
        let flags = self.flags.iter().map(String::as_str);
        tool::program(self.folder, "docker", &flags.chain(args.iter().copied()).collect::<Vec<_>>())
    }

    fn inspect(&self, service: &str, format: &str) -> String {
        let id = self.call(&["ps", "--quiet", service]);
        tool::docker(&["inspect", "--format", format, id.trim()]).trim().to_owned()
    }

    /// Asks until the answer begins so: what is mounted has to be compiled first.
    fn wait(port: u16, begins: &str) -> Option<()> {
        (0..360).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(500));
            // The engine's proxy takes the connection before there is a program.
            tool::get(port, "/").filter(|(_, body)| body.starts_with(begins)).map(drop)
        })
    }

    /// A page of a service that is taken down with the others.
    fn get(&self, service: &str, port: u16, path: &str) -> (u16, String) {
        let container =
            std::mem::ManuallyDrop::new(Container(self.call(&["ps", "--quiet", service]).trim().to_owned()));
        container.get(port, path)
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        let flags = self.flags.iter().map(String::as_str);
        let down = ["down", "--volumes", "--timeout", "2"];
        let command = std::process::Command::new("docker").args(flags.chain(down)).current_dir(self.folder).output();
        drop(command);
    }
}

/// Whatever the workspace, compose takes both files as they are.
pub fn config() {
    let shapes = [
        ("example-workspace", ""),
        ("tests/corpus/redis", ""),
        ("tests/corpus/virtual", ""),
        ("tests/corpus/native", ""),
        ("tests/corpus/single", ""),
        ("tests/corpus/outside", "app"),
    ];
    for (from, inside) in shapes {
        let tree = Tree::copy(from);
        let folder = tree.path().join(inside);
        tool::dockerize_in(&folder, &[], &["compose"]);
        for file in ["compose.yaml", "compose.dev.yaml"] {
            tool::program(&folder, "docker", &["compose", "--file", file, "--profile", "*", "config", "--quiet"]);
        }
    }
}

/// A password that nobody has set is asked for, but where one works.
pub fn passwords() {
    let tree = Tree::copy("tests/corpus/redis");
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let keys = "\n[workspace.metadata.dockerize]\nservices = [\"postgres\"]\n";
    fs_err::write(&manifest, text + keys).unwrap();
    tool::dockerize_in(tree.path(), &[], &["compose"]);
    let config = |file: &str, env: &[&str]| {
        let compose = ["docker", "compose", "--file", file, "config", "--format", "json"];
        let json = tool::program(tree.path(), "env", &[env, &compose[..]].concat());
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["services"].take()
    };
    let services = config("compose.dev.yaml", &[]);
    let environment = &services["counter"]["environment"];
    assert_eq!(environment["DOCKERIZE_BIN"], "counter");
    assert_eq!(environment["DATABASE_URL"], "postgres://app:development@postgres:5432/app");
    let services = config("compose.yaml", &["POSTGRES_PASSWORD=theirs"]);
    assert_eq!(services["postgres"]["environment"]["POSTGRES_PASSWORD"], "theirs");
    assert_eq!(services["counter"]["environment"]["DATABASE_URL"], "postgres://app:theirs@postgres:5432/app");
    let without = std::process::Command::new("docker")
        .args(["compose", "--file", "compose.yaml", "config", "--quiet"])
        .env_remove("POSTGRES_PASSWORD")
        .current_dir(tree.path())
        .output()
        .unwrap();
    assert!(!without.status.success());
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(said.contains("POSTGRES_PASSWORD") && said.contains("set it in .env"), "{said}");
}

/// The example's services, as in production.
pub fn example() {
    let tree = Tree::copy("example-workspace");
    tool::init(tree.path());
    tool::dockerize_in(tree.path(), &[], &["compose"]);
    let port = tool::free_port();
    let ports = format!("services:\n  api:\n    ports: !override [\"127.0.0.1:{port}:8080\"]\n");
    let project = Project::new(tree.path(), "dockerize-e2e-example", "compose.yaml", &ports);
    project.call(&["up", "--build", "--detach"]);
    assert_eq!(project.get("api", port, "/health"), (200, "ok".to_owned()));
    let running = project.call(&["ps", "--services"]);
    assert_eq!(running.split_whitespace().collect::<Vec<_>>(), ["api", "worker"], "and no tool");
    for service in ["api", "worker"] {
        let format =
            "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.State.Running}}";
        assert_eq!(project.inspect(service, format), "true [ALL] [no-new-privileges:true] true");
    }
    let data = project.inspect("worker", "{{range .Mounts}}{{.Name}} {{.Destination}}{{end}}");
    assert_eq!(data, "dockerize-e2e-example_worker-data /data");
    // `up` built no tool, and an image of that name may be another test's. The build speaks first.
    let told = project.call(&["run", "--build", "--rm", "orders", "price", "tea", "3"]);
    assert!(told.ends_with("\n€26.97\n"), "{told}");
    assert!(project.call(&["logs", "worker"]).contains("processed 3 orders"));
}

/// A program that ends where its database is not there, set up with one from Debian's packages under the name of the real one.
fn counter() -> Tree {
    let tree = Tree::copy("tests/corpus/redis");
    let folder = tree.path().join("database");
    fs_err::create_dir(&folder).unwrap();
    let dockerfile = "FROM debian:trixie-slim\n\
        RUN apt-get update && apt-get install --yes --no-install-recommends redis-server && install -d -o redis -g redis /data\n\
        WORKDIR /data\nUSER redis\n\
        CMD [\"redis-server\", \"--bind\", \"0.0.0.0\", \"--protected-mode\", \"no\", \"--save\", \"1 1\"]\n";
    fs_err::write(folder.join("Dockerfile"), dockerfile).unwrap();
    let build = ["build", "--quiet", "--network", "host", "--tag", "dockerize-e2e-redis:1", folder.as_str()];
    tool::docker(&build);
    let manifest = tree.path().join("Cargo.toml");
    let text = fs_err::read_to_string(&manifest).unwrap();
    let keys = "\n[workspace.metadata.dockerize.images.services]\nredis = \"dockerize-e2e-redis:1\"\n";
    fs_err::write(&manifest, text + keys).unwrap();
    tool::init(tree.path());
    tool::dockerize_in(tree.path(), &[], &["compose"]);
    tree
}

pub fn database() {
    let tree = counter();
    let port = tool::free_port();
    let ports = format!("services:\n  counter:\n    ports: !override [\"127.0.0.1:{port}:8080\"]\n");
    let project = Project::new(tree.path(), "dockerize-e2e-redis", "compose.yaml", &ports);
    project.call(&["up", "--build", "--detach"]);
    assert_eq!(project.inspect("redis", "{{.State.Health.Status}}"), "healthy");
    assert_eq!(project.get("counter", port, "/"), (200, "visitor 1\n".to_owned()));
    assert_eq!(project.inspect("counter", "{{.RestartCount}}"), "0", "it waited for the database");
    // What the database keeps outlives its container.
    project.call(&["exec", "redis", "redis-cli", "save"]);
    project.call(&["up", "--detach", "--force-recreate"]);
    assert_eq!(project.get("counter", port, "/"), (200, "visitor 2\n".to_owned()));
}

/// With the stage `dev`: the machine's sources are mounted, and what is edited runs.
pub fn edited() {
    let tree = counter();
    let port = tool::free_port();
    let ports = format!("services:\n  counter:\n    ports: !override [\"127.0.0.1:{port}:8080\"]\n");
    let project = Project::new(tree.path(), "dockerize-e2e-dev", "compose.dev.yaml", &ports);
    project.call(&["up", "--build", "--detach"]);
    assert_eq!(Project::wait(port, "visitor 1\n"), Some(()));
    let main = tree.path().join("src/main.rs");
    let text = fs_err::read_to_string(&main).unwrap();
    fs_err::write(&main, text.replace("visitor {count}", "guest {count}")).unwrap();
    assert_eq!(Project::wait(port, "guest "), Some(()), "{}", project.call(&["logs", "counter"]));
}
