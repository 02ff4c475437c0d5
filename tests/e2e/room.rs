//! Room on the engine's disk, for which the next test asks.

use crate::tool::{docker, is_lab, program};

/// What one test takes at most, in MiB: all crates of an application for two processors, twice.
const WANTED: u64 = 6 * 1024;
/// With less than this, in MiB, no test ends well.
const LEAST: u64 = 2 * 1024;

/// Lets go of what earlier tests have left, where the engine is the lab's: images that have no name any more, and with
/// little room all that builds have left. It costs time, not results: no test may rest on another one's layers.
///
/// # Panics
///
/// Where no room can be had.
pub fn make() {
    if !is_lab() {
        return;
    }
    docker(&["image", "prune", "--force"]);
    if free() < WANTED {
        docker(&["builder", "prune", "--all", "--force"]);
    }
    let free = free();
    assert!(free >= LEAST, "{free} MiB are free on the engine's disk, and tests want {WANTED}");
}

fn free() -> u64 {
    let folder = docker(&["info", "--format", "{{.DockerRootDir}}"]);
    let table = program("/", "df", &["--output=avail", "--block-size=1M", folder.trim()]);
    table.lines().last().and_then(|line| line.trim().parse().ok()).expect("df prints a figure")
}
