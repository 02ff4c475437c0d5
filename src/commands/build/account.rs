//! The account of a build: shown, written down, and held against an earlier one.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::measure::{self, Report};

use crate::cli::{Build, Format};
use crate::ui;

/// In which form a file is written.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Markdown,
}

/// What is to become of the account.
pub struct Account {
    base: Option<Report>,
    files: Vec<(Utf8PathBuf, Form)>,
    format: Format,
}

impl Account {
    /// Reads the earlier one, before minutes go into what could be neither compared nor written down.
    pub fn open(args: &Build) -> Result<Self> {
        let base = args.account.compare.as_deref().map(read).transpose()?;
        let files = args.account.write.iter().map(|path| Ok((path.clone(), form(path)?))).collect::<Result<_>>()?;
        Ok(Self { base, files, format: args.format })
    }

    /// Shows it, and writes it down.
    pub fn close(&self, mut report: Report) -> Result<Report> {
        if let Some(base) = &self.base {
            report.hold_against(base);
        }
        for (path, form) in &self.files {
            let text = match form {
                Form::Json => ui::json(&report)?,
                Form::Markdown => measure::markdown(&report, self.base.as_ref()),
            };
            let failed = |error| Failure::new(Kind::Emit, "the account cannot be written").caused_by(error);
            path.parent().map_or(Ok(()), fs_err::create_dir_all).map_err(failed)?;
            fs_err::write(path, text).map_err(failed)?;
        }
        ui::print(&match self.format {
            Format::Text => measure::table(&report, ui::columns()),
            Format::Json => ui::json(&report)?,
        })?;
        Ok(report)
    }
}

fn read(path: &Utf8Path) -> Result<Report> {
    let text = fs_err::read(path)
        .map_err(|error| Failure::new(Kind::Usage, "the earlier build cannot be read").caused_by(error))?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::new(Kind::Usage, format!("`{path}` is no account of a build"))
            .caused_by(error)
            .help("`cargo dockerize build --write FILE.json` makes one")
    })
}

fn form(path: &Utf8Path) -> Result<Form> {
    match path.extension() {
        Some("json") => Ok(Form::Json),
        Some("md") => Ok(Form::Markdown),
        _ => Err(Failure::new(Kind::Usage, format!("`{path}` has no ending that says what it is"))
            .help("end it with .json or .md")),
    }
}
