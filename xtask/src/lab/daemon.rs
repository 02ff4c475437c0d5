//! Processes that outlive this one.
//!
//! They are found by their executable rather than by a pid file: after a crash or a reboot such a file names somebody
//! else's process, or none.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Lab;
use super::folder::admin;

/// The ids of the processes that run one of the lab's programs.
pub fn running(lab: &Lab, program: &str) -> Vec<u32> {
    let program = lab.path(&format!("bin/{program}"));
    let runs_it = |id: &u32| {
        fs::read_link(format!("/proc/{id}/exe"))
            .is_ok_and(|exe| exe.to_string_lossy().trim_end_matches(" (deleted)") == program)
    };
    processes().filter(runs_it).collect()
}

/// The ids of the processes that these have started.
fn children(parents: &[u32]) -> Vec<u32> {
    let parent = |id: u32| -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
    };
    processes().filter(|id| parent(*id).is_some_and(|parent| parents.contains(&parent))).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Starts one of the lab's programs in a session of its own, with its output in a log.
pub fn start(lab: &Lab, program: &str, arguments: &[&str]) -> Result<Child> {
    let log = File::create(log(lab, program))?;
    let sh = admin()?;
    // The lab's programs call each other, and the machine's runc and iptables.
    let path = format!("{}:{}", lab.path("bin"), sh.var("PATH")?);
    let program = lab.path(&format!("bin/{program}"));
    Command::from(cmd!(sh, "setsid {program} {arguments...}").env("PATH", path))
        // Not the caller's, which may vanish while the daemon lives.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {program}"))
}

/// The log of a program.
pub fn log(lab: &Lab, program: &str) -> String {
    lab.path(&format!("log/{program}.log"))
}

/// Ends a program's processes at once, and first those that they have started.
pub fn kill(lab: &Lab, program: &str) -> Result<()> {
    let processes = running(lab, program);
    signal("KILL", &children(&processes))?;
    signal("KILL", &processes)
}

/// Ends a program's processes: asks, and after some patience forces.
pub fn stop(lab: &Lab, program: &str, patience: Duration) -> Result<()> {
    signal("TERM", &running(lab, program))?;
    if !eventually(patience, || Ok(running(lab, program).is_empty()))? {
        signal("KILL", &running(lab, program))?;
        let gone = eventually(Duration::from_secs(10), || Ok(running(lab, program).is_empty()))?;
        ensure!(gone, "{program} cannot be stopped");
    }
    Ok(())
}

fn signal(name: &str, processes: &[u32]) -> Result<()> {
    let sh = Shell::new()?;
    for process in processes.iter().map(u32::to_string) {
        // The shell's own, because a small system has no other. A process that has just ended is no failure.
        let script = "kill -s \"$1\" \"$2\"";
        cmd!(sh, "sh -c {script} sh {name} {process}").quiet().ignore_stderr().ignore_status().run()?;
    }
    Ok(())
}

/// Waits for a condition; `false` if it did not come in time.
pub fn eventually(patience: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<bool> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > patience {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(true)
}
