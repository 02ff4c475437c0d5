//! Runs an image as a careful operator does, and looks at what the program does.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::application::{self, Application};
use super::call;

/// `Err` holds what went wrong with the program, for people.
pub type Verdict = std::result::Result<(), String>;

/// Read-only, without capabilities, as the image's own user.
const CAREFUL: &[&str] =
    &["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

pub fn run(sh: &Shell, image: &str, one: &Application) -> Result<Verdict> {
    let work = application::scratch().join("work").join(&one.package);
    sh.remove_path(&work)?;
    sh.create_dir(&work)?;
    for (name, text) in &one.files {
        sh.write_file(work.join(name), text)?;
    }
    let mut options: Vec<String> = CAREFUL.iter().map(|&word| word.to_owned()).collect();
    if !one.files.is_empty() {
        options.extend(["--volume".to_owned(), format!("{}:/work:ro", work.display())]);
        options.extend(["--workdir".to_owned(), "/work".to_owned()]);
    }
    for (name, value) in &one.env {
        options.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    let args = &one.args;
    let Some(get) = &one.get else {
        let done = call::output(cmd!(sh, "docker run --rm {options...} {image} {args...}"))?;
        let said = format!("{}{}", done.stdout, done.stderr);
        return Ok(if done.status != Some(one.status) {
            Err(format!("it exits with {:?}: {}", done.status, said.trim()))
        } else if said.contains(&one.says) {
            Ok(())
        } else {
            Err(format!("it does not say `{}` but: {}", one.says, said.trim()))
        });
    };
    let (inner, path) = get.split_once('/').context("`get` is PORT/PATH")?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let publish = format!("127.0.0.1:{port}:{inner}");
    let id = cmd!(sh, "docker run --detach {options...} --publish {publish} {image} {args...}").quiet().read()?;
    let page = (0..100).find_map(|_| {
        sleep(Duration::from_millis(100));
        page(port, path)
    });
    let log = call::output(cmd!(sh, "docker logs {id}"))?;
    cmd!(sh, "docker rm --force {id}").quiet().ignore_stdout().run()?;
    Ok(match page {
        Some(page) if page.contains(&one.says) => Ok(()),
        Some(page) => Err(format!("the page does not say `{}` but: {page}", one.says)),
        None => Err(format!("nothing answers; it says: {}{}", log.stdout, log.stderr)),
    })
}

fn page(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}
