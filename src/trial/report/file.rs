//! An account as a file.

use camino::Utf8Path;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, Kind, Result};
use crate::trial::{SCHEMA, Trial};

/// How an account is made.
const MAKE: &str = "cargo dockerize measure --format json";

/// A trial's JSON, with a line feed at its end.
///
/// # Errors
/// [`Kind::Internal`]: it cannot be written as JSON, which no trial should bring about.
pub fn json(trial: &Trial) -> Result<String> {
    let text = serde_json::to_string_pretty(trial)
        .map_err(|error| Failure::new(Kind::Internal, "the account cannot be written as JSON").caused_by(error))?;
    Ok(text + "\n")
}

/// Reads what [`json`] wrote.
///
/// # Errors
/// [`Kind::Usage`]: there is no such file, or it is no account, or one of another schema.
pub fn read(path: &Utf8Path) -> Result<Trial> {
    let text = fs_err::read(path).map_err(|error| {
        let failure = Failure::new(Kind::Usage, format!("the account {path} cannot be read")).caused_by(error);
        failure.help(format!("`{MAKE}` prints one: keep it in that file"))
    })?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| {
        let failure = Failure::new(Kind::Usage, format!("{path} is not JSON")).caused_by(error);
        failure.help(format!("name a file that `{MAKE}` has written"))
    })?;
    check_schema(path, &value)?;
    Trial::deserialize(value).map_err(|error| {
        let failure = Failure::new(Kind::Usage, format!("{path} is not the account of a trial")).caused_by(error);
        failure.help(format!("make it anew: `{MAKE} >{path}`"))
    })
}

/// Other schemas are not guessed at: their fields may be called the same and mean something else.
fn check_schema(path: &Utf8Path, value: &Value) -> Result<()> {
    let schema = value.get("schema").and_then(Value::as_u64);
    let Some(schema) = schema else {
        let failure = Failure::new(Kind::Usage, format!("{path} is not the account of a trial: it has no `schema`"));
        return Err(failure.help(format!("name a file that `{MAKE}` has written")));
    };
    if schema == u64::from(SCHEMA) {
        return Ok(());
    }
    let version = value.get("version").and_then(Value::as_str);
    let by = version.map_or_else(String::new, |version| format!(", by cargo-dockerize {version}"));
    let failure = Failure::new(
        Kind::Usage,
        format!(
            "{path} has the schema {schema}{by}; this is cargo-dockerize {}, which reads {SCHEMA}",
            env!("CARGO_PKG_VERSION")
        ),
    );
    Err(if schema > u64::from(SCHEMA) {
        failure.help("update cargo-dockerize").help(format!("or measure anew with this one: `{MAKE} >{path}`"))
    } else {
        failure.help(format!("measure the base anew with this version: `{MAKE} >{path}`"))
    })
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use crate::trial::report::fixture;

    fn file(text: &str) -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("base.json")).unwrap();
        fs_err::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_written_can_be_read() {
        let trial = fixture::trial("now");
        let (_folder, path) = file(&json(&trial).unwrap());
        assert_eq!(read(&path).unwrap(), trial);
    }

    #[test]
    fn failures_say_what_to_do() {
        let cases = [
            ("{", "is not JSON", "has written"),
            ("[]", "has no `schema`", "has written"),
            ("{\"schema\": 1}", "is not the account of a trial", "make it anew"),
            ("{\"schema\": 0}", "has the schema 0; this is", "measure the base anew"),
            ("{\"schema\": 99, \"version\": \"9.1.0\"}", "has the schema 99, by cargo-dockerize 9.1.0;", "update"),
        ];
        for (text, message, help) in cases {
            let (_folder, path) = file(text);
            let failure = read(&path).unwrap_err();
            let report = failure.report();
            assert_eq!(failure.kind(), Kind::Usage);
            assert!(failure.to_string().contains(message), "{text}: {failure}");
            assert!(report.contains(help), "{text}: {report}");
        }
        let failure = read(Utf8Path::new("no/such.json")).unwrap_err();
        assert_eq!(failure.to_string(), "the account no/such.json cannot be read");
    }
}
