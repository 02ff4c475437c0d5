//! A git server over HTTPS that wants a password, with a certificate of a company's own.

use std::io::Write;
use std::process::{Command, Stdio};

use assert_fs::TempDir;
use camino::{Utf8Path, Utf8PathBuf};

use crate::private::{application, leaves_nothing, library};
use crate::tls::{Request, Server};
use crate::tool;

const PASSWORD: &str = "dockerize-e2e-password-51c7d0aa";
/// `reader` and the password, as a request shows them.
const AUTHORIZATION: &str = "Basic cmVhZGVyOmRvY2tlcml6ZS1lMmUtcGFzc3dvcmQtNTFjN2QwYWE=";

/// git's own server program behind HTTP, with the repositories of a folder.
fn backend(request: &Request, repositories: &Utf8Path) -> Vec<u8> {
    if request.header("authorization") != Some(AUTHORIZATION) {
        let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n";
        return format!("{head}Connection: close\r\n\r\n").into_bytes();
    }
    let mut words = request.head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut git = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", repositories)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding").unwrap_or_default())
        .env("GIT_PROTOCOL", request.header("git-protocol").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(&request.body).unwrap();
    let said = git.wait_with_output().unwrap().stdout;
    let end = said.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let length = said.len() - end;
    let mut answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{head}").into_bytes();
    answer.extend_from_slice(&said[end..]);
    answer
}

/// A bare repository with a library in it.
fn repository(root: &Utf8Path) -> Utf8PathBuf {
    let (work, served) = (root.join("work"), root.join("served"));
    library(&work);
    tool::git(&work, &["init", "--quiet"]);
    tool::git(&work, &["add", "--all"]);
    tool::git(&work, &["commit", "--quiet", "--message", "first"]);
    tool::git(root, &["clone", "--quiet", "--bare", work.as_str(), served.join("lib.git").as_str()]);
    served
}

pub fn git_over_https() {
    let dir = TempDir::new().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let repositories = repository(root);
    let server = Server::answering(move |request| backend(request, &repositories));
    let app = root.join("app");
    application(&app, &format!("{{ git = \"https://localhost:{}/lib.git\" }}", server.port));
    for (path, text) in [
        ("app/certs/company.pem", server.authority.clone()),
        (
            "home/.gitconfig",
            format!("[credential]\n\thelper = \"!printf 'username=reader\\\\npassword={PASSWORD}\\\\n' #\"\n"),
        ),
    ] {
        fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs_err::write(root.join(path), text).unwrap();
    }
    let manifest = fs_err::read_to_string(app.join("Cargo.toml")).unwrap();
    let table = "[workspace.metadata.dockerize]\nbuild-ca = [\"certs/company.pem\"]\n";
    fs_err::write(app.join("Cargo.toml"), format!("{manifest}\n{table}")).unwrap();
    let mut env = tool::home(&root.join("home"));
    env.push(format!("SSL_CERT_FILE={app}/certs/company.pem"));
    let env: Vec<&str> = env.iter().map(String::as_str).collect();
    tool::set_up(&app, &env);

    let without = tool::dockerize(&app, &["build", "--network", "host"]);
    assert_eq!(without.code, Some(6), "{}", without.stderr);
    assert!(without.stderr.contains("git credential fill"), "{}", without.stderr);

    tool::dockerize_in(&app, &env, &["build", "--network", "host"]);
    assert_eq!(tool::run_image("teller", &[], &[]), "hidden\n");
    let credential = format!("CREDENTIAL=username=reader\npassword={PASSWORD}\n");
    let secret = format!("id=git-localhost-{},env=CREDENTIAL", server.port);
    leaves_nothing(&app, &["--secret", &secret], &[&env[..], &[&credential]].concat(), PASSWORD);
}
