//! Registries that fail.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::server::{Door, Fault, Server};
use crate::work::{Work, failed, said, succeeds};

const USER: &str = "somebody";
const PASSWORD: &str = "correct-horse-battery-staple";

struct Ground {
    work: Work,
    server: Server,
    prefix: String,
}

impl Ground {
    fn new() -> Self {
        let server = Server::start();
        let prefix = format!("{}/team/", server.name);
        Self { work: Work::with_asset(300_000), server, prefix }
    }

    fn push<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["--push", "--prefix", &self.prefix], more].concat()
    }

    /// As `docker login` does it.
    fn log_in(&self, password: &str) {
        let auth = STANDARD.encode(format!("{USER}:{password}"));
        fs_err::create_dir_all(self.work.path("docker")).unwrap();
        let config = serde_json::json!({"auths": {&self.server.name: {"auth": auth}}});
        fs_err::write(self.work.path("docker/config.json"), config.to_string()).unwrap();
    }

    fn sent(&self) -> usize {
        self.server.asked("PUT").iter().filter(|line| line.contains("/blobs/")).count()
    }

    #[track_caller]
    fn is_there(&self) {
        assert!(self.server.manifest("team/app", "latest").is_some());
    }

    /// The password is in no file of ours, and in nothing that was said.
    #[track_caller]
    fn keeps_it_secret(&self, outputs: &[std::process::Output]) {
        let secrets = [PASSWORD.to_owned(), STANDARD.encode(format!("{USER}:{PASSWORD}"))];
        let found = |bytes: &[u8]| {
            secrets.iter().any(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
        };
        for output in outputs {
            assert!(!found(&output.stdout) && !found(&output.stderr), "{}", said(output));
        }
        for entry in walkdir::WalkDir::new(self.work.path("target/dockerize")).into_iter().flatten() {
            if entry.file_type().is_file() {
                assert!(!found(&fs_err::read(entry.path()).unwrap()), "{}", entry.path().display());
            }
        }
    }
}

#[test]
fn a_connection_that_dies_in_the_middle_of_an_upload() {
    let ground = Ground::new();
    ground.server.fails("PUT", "/blobs/uploads/", 2, Fault::CutRequest(1000));
    ground.work.builds(&ground.push(&[]));
    ground.is_there();
}

#[test]
fn what_a_registry_has_is_not_sent_again_after_a_failure() {
    let ground = Ground::new();
    ground.server.fails("PUT", "/manifests/", 1, Fault::Status(403, vec![]));
    let words = ["403", "run it again: what the registry has by now is not sent twice"];
    ground.work.fails(&ground.push(&[]), 5, &words);
    assert!(ground.server.manifest("team/app", "latest").is_none());
    let sent = ground.sent();
    assert!(sent > 0);
    let said = ground.work.builds(&ground.push(&[]));
    ground.is_there();
    assert_eq!(ground.sent(), sent, "{said}");
    assert!(said.contains("(0 B sent"), "{said}");
}

#[test]
fn passwords_are_shown_to_the_registry_alone() {
    let ground = Ground::new();
    for door in [Door::Basic(USER, PASSWORD), Door::Token(USER, PASSWORD), Door::Private(USER, PASSWORD)] {
        ground.server.state().door = door.clone();
        ground.server.state().blobs.clear();
        ground.log_in(PASSWORD);
        let run = |more: &[&str]| ground.work.command(&ground.push(more)).output().unwrap();
        let loud = run(&["--verbose"]);
        succeeds(&loud);
        let json = run(&["--format", "json"]);
        succeeds(&json);
        ground.is_there();
        ground.server.fails("PUT", "/manifests/", 1, Fault::Status(403, vec![]));
        let refused = run(&["--verbose"]);
        failed(&refused, 5, &["403"]);
        ground.log_in("wrong");
        let wrong = run(&[]);
        let words = failed(&wrong, 5, &["docker login"]);
        assert!(words.contains(&ground.server.name), "{words}");
        ground.keeps_it_secret(&[loud, json, refused, wrong]);
    }
}

#[test]
fn a_registry_that_is_busy() {
    let ground = Ground::new();
    let wait = |seconds: &str| Fault::Status(429, vec![("Retry-After", seconds.to_owned())]);
    ground.server.fails("POST", "/blobs/uploads/", 1, wait("1"));
    ground.server.fails("PUT", "/blobs/uploads/", 2, Fault::Status(503, vec![]));
    ground.work.builds(&ground.push(&[]));
    ground.is_there();
    ground.server.fails("PUT", "/manifests/", 1, wait("3600"));
    ground.work.fails(&ground.push(&["--tag", "2"]), 5, &["429"]);
    ground.work.builds(&ground.push(&["--tag", "2"]));
}

#[test]
fn a_registry_that_is_broken() {
    let ground = Ground::new();
    ground.server.fails("POST", "/blobs/uploads/", 100, Fault::Status(500, vec![]));
    let said = ground.work.fails(&ground.push(&[]), 5, &["500", "in the registry's own words"]);
    assert!(said.contains(&ground.server.name), "{said}");
    // Nobody listens where nobody is.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    ground.work.fails(&["--push", "--prefix", &format!("{nobody}/")], 5, &[&nobody, "refused"]);
}
