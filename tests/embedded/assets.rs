//! Files of the workspace that cannot be in an image, or have odd names; and many large ones.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cargo_dockerize::image::FileKind;

use crate::work::{LAYOUT, Work, noise, succeeds};

fn pipe(work: &Work, name: &str) {
    assert!(Command::new("mkfifo").arg(work.path(name)).status().unwrap().success());
}

#[test]
fn a_link_that_leads_out_of_the_workspace() {
    let work = Work::new("assets = [\"motto\"]", &[]);
    symlink("/etc/passwd", work.path("motto")).unwrap();
    work.fails(&LAYOUT, 3, &["`motto` is a link that leads out of the workspace", "put the file itself there"]);
    assert!(!work.path("out").exists());

    // Within a folder it is a link, as COPY keeps it: nothing of this machine is in the image.
    let work = Work::new("assets = [\"data\"]", &[("data/file", "")]);
    symlink("/etc/passwd", work.path("data/motto")).unwrap();
    work.builds(&LAYOUT);
    let files = work.image("out").files;
    let (path, file) = files.iter().find(|(path, _)| path.ends_with("data/motto")).unwrap();
    assert_eq!(file.kind, FileKind::Link("/etc/passwd".to_owned()), "{path}");
}

#[test]
fn an_asset_that_the_ignore_file_leaves_out() {
    let work = Work::new("assets = [\"data/secret.txt\"]", &[("data/secret.txt", "x")]);
    work.builds(&LAYOUT);
    let ignore = work.path(".dockerignore");
    let init = Command::new(env!("CARGO_BIN_EXE_cargo-dockerize"))
        .args(["dockerize", "init", "--syntax", "none"])
        .current_dir(work.path(""))
        .output()
        .unwrap();
    succeeds(&init);
    let text = fs_err::read_to_string(&ignore).unwrap();
    fs_err::write(&ignore, text + "# dockerize:keep\ndata/secret.txt\n# dockerize:end\n").unwrap();
    work.fails(&LAYOUT, 3, &["`data/secret.txt` belongs into the image, and the ignore file leaves it out"]);
}

#[test]
fn what_is_no_file_is_no_asset() {
    // Opening a pipe that nobody writes into would wait for ever.
    for (asset, at) in [("data", "data/pipe"), ("pipe", "pipe")] {
        let work = Work::new(&format!("assets = [\"{asset}\"]"), &[("data/file", "")]);
        pipe(&work, at);
        work.fails(
            &LAYOUT,
            3,
            &[&format!("{at}` cannot be put into an image: it is neither a file, a folder nor a link")],
        );
        fs_err::write(work.path(".dockerignore"), "/target\n**/pipe\n").unwrap();
        if asset == "data" {
            // As the help says.
            work.builds(&LAYOUT);
            assert!(work.image("out").files.keys().all(|path| !path.ends_with("pipe")));
        }
    }
}

#[test]
fn odd_names_stay_as_they_are() {
    let work = Work::new("assets = [\"data\"]", &[]);
    fs_err::create_dir(work.path("data")).unwrap();
    let names = ["two\nlines", " ", "täglich", "\u{1b}[31mred", "it's \"$HOME\"", &"long".repeat(60)];
    for name in names {
        fs_err::write(work.path("data").join(name), name).unwrap();
    }
    let output = work.command(&LAYOUT).output().unwrap();
    succeeds(&output);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(!table.contains('\u{1b}'), "a name speaks to the terminal: {table:?}");
    let image = work.image("out");
    for name in names {
        let path = image.files.keys().find(|path| path.ends_with(&format!("data/{name}"))).unwrap();
        assert_eq!(image.read(path).unwrap().unwrap(), name.as_bytes());
    }
}

/// Half a gigabyte of assets, and what is in memory at most.
#[cfg(target_os = "linux")]
#[test]
fn large_assets_are_never_in_memory_at_once() {
    const FILES: usize = 50;
    const MOST_KIB: u64 = 100 * 1024;
    let work = Work::within(Path::new(env!("CARGO_TARGET_TMPDIR")), "assets = [\"data\"]", &[]);
    fs_err::create_dir(work.path("data")).unwrap();
    let mut bytes = noise(10 << 20);
    for number in 0..FILES {
        // Compression does not see so far back: they are as good as new each time.
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        fs_err::write(work.path(&format!("data/{number}")), &bytes).unwrap();
    }
    drop(bytes);
    let mut child = work.command(&LAYOUT).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let code = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(now.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(code, Some(0));
    eprintln!("{most} KiB at most");
    assert!(most > 0 && most < MOST_KIB, "{most} KiB");
    let layers = work.image("out").layers;
    assert!(layers.iter().any(|layer| layer.unpacked >= (FILES as u64) * (10 << 20)));
}
