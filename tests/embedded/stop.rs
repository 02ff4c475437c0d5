//! Interrupts, and two builds at once.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::server::{Fault, Server};
use crate::work::{ARCHIVE, LAYOUT, Work, contains, failed, succeeds, until};

/// Sleeps where nobody says that it is to be quick.
const SLEEPER: &str = "fn main() {
    std::fs::write(\"started\", std::process::id().to_string()).unwrap();
    for _ in 0..600 {
        if std::path::Path::new(\"quick\").exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
";

/// Who is to be told.
#[derive(Clone, Copy)]
enum Told {
    /// All, as a terminal does it.
    Group,
    /// One, as a service manager does it.
    Alone,
}

impl Told {
    fn interrupt(self, child: &Child) {
        let who = match self {
            Self::Group => format!("-{}", child.id()),
            Self::Alone => child.id().to_string(),
        };
        assert!(Command::new("kill").args(["-INT", "--", &who]).status().unwrap().success());
    }
}

fn begin(work: &Work, args: &[&str]) -> Child {
    work.command(args).process_group(0).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn interrupted(work: &Work, child: Child) {
    failed(&child.wait_with_output().unwrap(), 130, &["interrupted"]);
    work.nothing_half_written();
    assert!(!work.path("out").exists() && !work.path("out.tar").exists());
}

fn runs(pid: &str) -> bool {
    // A zombie that nobody has buried runs no more.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn an_interrupt_while_cargo_compiles() {
    for (told, args) in [(Told::Group, LAYOUT), (Told::Alone, ARCHIVE)] {
        let work = Work::new("", &[("build.rs", SLEEPER)]);
        let child = begin(&work, &args);
        let started = work.path("started");
        until("the build script", || fs_err::read_to_string(&started).is_ok_and(|text| !text.is_empty()));
        let script = fs_err::read_to_string(&started).unwrap();
        let cargo = std::fs::read_to_string(format!("/proc/{script}/stat")).unwrap();
        let cargo = cargo.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().to_owned();
        told.interrupt(&child);
        interrupted(&work, child);
        assert!(!runs(&cargo), "cargo still runs");
        // Of one that nobody told cargo itself knows nothing when it ends.
        fs_err::write(work.path("quick"), "").unwrap();
        until("the end of the build script", || !runs(&script));
        work.builds(&args);
    }
}

#[test]
fn an_interrupt_while_a_layer_is_written() {
    let work = Work::with_asset(64 << 20);
    let child = begin(&work, &ARCHIVE);
    let coming = work.store().join("incoming");
    let large = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.and_then(|entry| entry.metadata()).is_ok_and(|metadata| metadata.len() > 1 << 20)
    };
    until("a layer", || coming.read_dir().is_ok_and(|mut entries| entries.any(large)));
    Told::Group.interrupt(&child);
    interrupted(&work, child);
    work.builds(&ARCHIVE);
}

#[test]
fn an_interrupt_while_an_image_is_pushed() {
    let work = Work::with_asset(1 << 20);
    let server = Server::start();
    let name = format!("{}/team/", server.name);
    let push = ["--push", "--prefix", &name];
    server.fails("PUT", "/blobs/uploads/", 1, Fault::Hang(|| {}));
    let child = begin(&work, &push);
    until("an upload", || server.asked("PUT").iter().any(|line| line.contains("/blobs/uploads/")));
    Told::Alone.interrupt(&child);
    interrupted(&work, child);
    assert!(server.manifest("team/app", "latest").is_none(), "a tag names what is not there");
    work.builds(&push);
    assert!(server.manifest("team/app", "latest").is_some());
}

#[test]
fn two_builds_in_one_target_folder_take_turns() {
    let work = Work::new("", &[("build.rs", SLEEPER)]);
    let first = begin(&work, &LAYOUT);
    until("the first build", || work.path("started").exists());
    let heard = work.path("heard");
    let mut second = work
        .command(&["--features", "other", "--output", "type=oci,tar=false,dest=other"])
        .stdout(Stdio::null())
        .stderr(fs_err::File::create(&heard).unwrap().into_parts().0)
        .spawn()
        .unwrap();
    until("the second build", || {
        fs_err::read_to_string(&heard).unwrap().contains("    Blocking waiting for another build in this folder\n")
    });
    fs_err::write(work.path("quick"), "").unwrap();
    let said = succeeds(&first.wait_with_output().unwrap());
    assert!(!said.contains("Blocking"), "{said}");
    assert_eq!(second.wait().unwrap().code(), Some(0), "{}", fs_err::read_to_string(&heard).unwrap());
    for (layout, own, others) in
        [("out", "the PLAIN one", "the OTHER one"), ("other", "the OTHER one", "the PLAIN one")]
    {
        let program = work.image(layout).read("/usr/local/bin/app").unwrap().unwrap();
        assert!(contains(&program, own) && !contains(&program, others), "{layout}");
    }
}
