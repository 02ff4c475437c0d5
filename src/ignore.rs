//! What an ignore file leaves out of the build context, as BuildKit reads it.

use camino::Utf8Path;
use globset::{GlobBuilder, GlobMatcher};

use crate::failure::{Failure, Kind, Result};

/// Docker's matching: the last line that matches a path or a folder above it decides.
#[derive(Debug, Clone)]
pub struct Matcher(Vec<(GlobMatcher, bool)>);

impl Matcher {
    /// Of these patterns, in their order; one that starts with `!` keeps what it matches.
    ///
    /// # Errors
    /// [`Kind::Workspace`]: one of them is no pattern.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let matcher = |pattern: &str| {
            let (pattern, keep) = match pattern.strip_prefix('!') {
                Some(pattern) => (pattern.trim(), true),
                None => (pattern, false),
            };
            let plain = pattern.trim_matches('/');
            let plain = plain.strip_prefix("./").unwrap_or(plain);
            let glob = GlobBuilder::new(plain).literal_separator(true).build().map_err(|error| {
                Failure::new(Kind::Workspace, format!("`{pattern}` in the ignore file is no pattern")).caused_by(error)
            })?;
            Ok((glob.compile_matcher(), keep))
        };
        patterns.into_iter().map(matcher).collect::<Result<_>>().map(Self)
    }

    /// Of an ignore file's text.
    ///
    /// # Errors
    /// As [`Matcher::new`].
    pub fn read(text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
        Self::new(lines.filter(|line| !matches!(*line, "" | "." | "!")))
    }

    /// Whether a path, relative to the context, is left out.
    pub fn matches(&self, path: impl AsRef<Utf8Path>) -> bool {
        let mut out = false;
        for (glob, keep) in &self.0 {
            let parts = path.as_ref().ancestors().filter(|part| !part.as_str().is_empty());
            if out == *keep && parts.into_iter().any(|part| glob.is_match(part)) {
                out = !keep;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_people_write_it() {
        let text = "\u{feff}# comment\r\n\r\n/target/\r\n*.md\n!README.md\n  **/secret  \n! docs/kept.md\n./build\n.\n";
        let matcher = Matcher::read(text).unwrap();
        for out in ["target", "target/debug/x", "CHANGES.md", "secret", "a/b/secret/key", "build/x"] {
            assert!(matcher.matches(out), "{out}");
        }
        for kept in ["README.md", "a/target", "docs/x.md", "docs/kept.md", "src/secrets"] {
            assert!(!matcher.matches(kept), "{kept}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        assert_eq!(Matcher::read("a[").unwrap_err().kind(), Kind::Workspace);
    }
}
