//! The Docker engine: dockerd, and the containerd that it starts for itself.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use super::folder::admin;
use super::network::Network;
use super::report::{step, tail};
use super::{Lab, daemon, engine_version, image_names};

const PROGRAM: &str = "dockerd";
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the engine unless it runs.
pub fn up(lab: &Lab) -> Result<()> {
    let sh = lab.shell()?;
    // A containerd that has ended is started again by dockerd, which answers meanwhile.
    if !daemon::running(lab, PROGRAM).is_empty() && daemon::eventually(PATIENCE, || Ok(works(&sh)))? {
        return Ok(());
    }
    step("starting the Docker engine", || start(lab))
}

/// Stops the engine and what it has left: also one that was killed.
pub fn down(lab: &Lab) -> Result<()> {
    step("stopping the Docker engine", || clear(lab))
}

fn start(lab: &Lab) -> Result<()> {
    clear(lab)?;
    let network = Network::up(lab)?;
    let run = lab.path("run");
    fs::create_dir_all(&run)?;
    let config = lab.path("daemon.json");
    fs::write(&config, configuration(lab, &network))?;
    let mut child = daemon::start(lab, PROGRAM, &["--config-file", &config])?;
    let sh = lab.shell()?;
    let log = daemon::log(lab, PROGRAM);
    let up = daemon::eventually(PATIENCE, || {
        let ended = child.try_wait()?.is_some();
        ensure!(!ended, "dockerd ended; {}", tail(&log));
        Ok(works(&sh))
    })?;
    ensure!(up, "dockerd does not answer; {}", tail(&log));
    Ok(())
}

fn configuration(lab: &Lab, network: &Network) -> String {
    let Network { bridge, mtu, .. } = network;
    let (data, run, host, pool) = (lab.path("data"), lab.path("run"), lab.host(), network.pool());
    format!(
        r#"{{
  "hosts": ["{host}"],
  "data-root": "{data}",
  "exec-root": "{run}/exec",
  "pidfile": "{run}/dockerd.pid",
  "features": {{"containerd-snapshotter": true}},
  "builder": {{"gc": {{"enabled": true, "defaultKeepStorage": "14GB"}}}},
  "bridge": "{bridge}",
  "mtu": {mtu},
  "default-address-pools": [{{"base": "{pool}", "size": 24}}],
  "iptables": false,
  "ip6tables": false
}}
"#
    )
}

/// Whether dockerd answers, and containerd behind it.
fn works(sh: &Shell) -> bool {
    engine_version(sh).is_some() && image_names(sh).is_ok()
}

/// Ends what runs, and clears away the state of running: sockets, pid files, mounts, interfaces, containerd's tasks. A
/// system clears it in the same way when it starts, as /run is in memory; the lab's survives that, and names processes
/// that are gone.
fn clear(lab: &Lab) -> Result<()> {
    daemon::stop(lab, PROGRAM, PATIENCE)?;
    // Nothing, unless dockerd was killed. What a shim has started is a container, which would outlive it.
    for program in ["containerd", "containerd-shim-runc-v2", "docker-proxy"] {
        daemon::kill(lab, program)?;
    }
    Network::down(lab)?;
    let sh = admin()?;
    let (run, data) = (lab.path("run"), lab.path("data"));
    // dockerd's note to itself that it has mounted its folder upon itself.
    let mounted = fs::exists(format!("{run}/exec/unmount-on-shutdown"))?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    // The last one first: it may lie in another.
    for mount in mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)) {
        let below = |folder: &str| mount.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        if below(&run) || below(&data) || (mounted && mount == data) {
            cmd!(sh, "umount --lazy {mount}").quiet().ignore_stderr().ignore_status().run()?;
        }
    }
    sh.remove_path(run)?;
    // The networks of last time. An engine with pools of addresses that finds its bridge among them deletes `docker0`,
    // be it another engine's (moby's configureNetworking, under "Clear stale bridge network").
    sh.remove_path(format!("{data}/network"))?;
    Ok(())
}
