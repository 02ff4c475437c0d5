//! What would be done, as a script that people can read.

use std::fmt::Write;

use cargo_dockerize::compile::Job;
use cargo_dockerize::failure::Result;

use super::super::{Subject, request};
use super::destination::Destination;
use crate::cli::Build;
use crate::ui;

/// The commands, and what is done without one.
pub fn print(subject: &Subject<'_>, args: &Build, jobs: &[(usize, Job<'_>)], destination: &Destination) -> Result<()> {
    let mut text = String::new();
    for (_, job) in jobs {
        let _ = writeln!(text, "{}", job.command()?.shell_line());
    }
    for image in subject.images {
        let names = request::tags(image, args).join(", ");
        let group = &subject.plan.groups[image.group];
        let platforms: Vec<&str> = group.compile.iter().map(|compile| compile.platform.as_str()).collect();
        let _ = writeln!(text, "# {names} on {} for {}: {}", image.base, platforms.join(", "), image.layers.join(", "));
    }
    let _ = writeln!(text, "# delivered {}", destination.words());
    ui::print(&text)
}
