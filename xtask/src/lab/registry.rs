//! The registry, for what pushes: images, and caches of builds.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::report::{note, step, tail};
use super::{Lab, daemon};

const PROGRAM: &str = "docker-registry";
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the registry is, or is to be. Engines take plain HTTP from localhost.
pub fn address() -> Result<String> {
    let port = env::var("DOCKERIZE_LAB_REGISTRY_PORT").unwrap_or_else(|_| "5000".to_owned());
    ensure!(port.parse::<u16>().is_ok_and(|port| port > 0), "DOCKERIZE_LAB_REGISTRY_PORT is not a port: {port}");
    Ok(format!("localhost:{port}"))
}

/// Starts the registry, unless one answers.
pub fn up(lab: &Lab) -> Result<()> {
    let address = address()?;
    let listen = address.replace("localhost", "127.0.0.1");
    let (file, data) = (lab.path("registry.yml"), lab.path("registry"));
    let config = format!(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {data}\n  delete:\n    enabled: true\n\
         http:\n  addr: {listen}\n"
    );
    if fs::read_to_string(&file).ok().as_ref() == Some(&config) && !daemon::running(lab, PROGRAM).is_empty() {
        return Ok(());
    }
    daemon::stop(lab, PROGRAM, PATIENCE)?; // it has another port
    if answers(&address) {
        note(&format!("using the registry that answers at {address}"));
        return Ok(());
    }
    ensure!(
        TcpStream::connect(&listen).is_err(),
        "something that is no registry listens at {address}: set DOCKERIZE_LAB_REGISTRY_PORT to another port"
    );
    step(&format!("starting a registry at {address}"), || {
        fs::write(&file, config)?;
        let mut child = daemon::start(lab, PROGRAM, &["serve", &file])?;
        let up = daemon::eventually(PATIENCE, || {
            let ended = child.try_wait()?.is_some();
            ensure!(!ended, "it ended; {}", tail(&daemon::log(lab, PROGRAM)));
            Ok(answers(&address))
        })?;
        ensure!(up, "it does not answer; {}", tail(&daemon::log(lab, PROGRAM)));
        Ok(())
    })
}

/// Stops the registry if it is the lab's.
pub fn down(lab: &Lab) -> Result<()> {
    if daemon::running(lab, PROGRAM).is_empty() {
        return Ok(());
    }
    step("stopping the registry", || daemon::stop(lab, PROGRAM, PATIENCE))
}

/// Whether a registry answers there.
pub fn answers(address: &str) -> bool {
    response(address).is_ok_and(|text| text.to_ascii_lowercase().contains("docker-distribution-api-version:"))
}

/// The head of the answer to the one request that every registry knows. One request is not worth an HTTP client.
fn response(address: &str) -> Result<String> {
    let address = address.replace("localhost", "127.0.0.1").to_socket_addrs()?.next().context("no address")?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /v2/ HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut head = Vec::new();
    stream.take(4096).read_to_end(&mut head)?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}
