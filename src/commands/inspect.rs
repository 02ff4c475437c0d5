//! `cargo dockerize inspect`

use std::sync::Mutex;

use cargo_dockerize::failure::Result;
use cargo_dockerize::inspect::{self, Asked, Watch};
use cargo_dockerize::registry::Progress;

use super::build::Bytes;
use crate::cli::Common;
use crate::cli::Format;
use crate::cli::inspect::Inspect;
use crate::ui::{self, Shell};

pub fn run(args: &Inspect, common: &Common, shell: Shell) -> Result<()> {
    let asked = Asked { name: &args.image, platform: args.platform.as_deref(), offline: common.offline };
    let shown = Shown { shell, bytes: Mutex::new(None) };
    let image = inspect::open(asked, &shown)?;
    drop(shown);
    let report = inspect::inspect(image, args.top)?;
    ui::print(&match args.format {
        Format::Text => inspect::text(&report),
        Format::Json => ui::json(&report)?,
    })?;
    report.failure(&args.deny).map_or(Ok(()), Err)
}

/// What people see meanwhile.
struct Shown {
    shell: Shell,
    bytes: Mutex<Option<Bytes>>,
}

impl Watch for Shown {
    fn begins(&self, from: &str) {
        if self.shell.verbose {
            self.shell.status("Looking", format!("in {from}"));
        }
    }

    fn comes(&self, progress: Progress<'_>) {
        if let Ok(mut bytes) = self.bytes.lock() {
            bytes.get_or_insert_with(|| Bytes::new("Pulling", self.shell)).on(progress);
        }
    }
}
