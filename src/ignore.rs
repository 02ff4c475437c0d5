//! What an ignore file leaves out of the build context, as BuildKit reads it.

use camino::Utf8Path;
use globset::{GlobBuilder, GlobMatcher};

use crate::failure::{Failure, Kind, Result};

/// Docker's matching: the last line decides that matches a path or a folder above it. A line with `!` is only looked at where a
/// line before it matched, so that `!vendor` keeps no file that `**/*.pem` leaves out, and `!vendor/**` does.
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
        let mut parts: Vec<&Utf8Path> = path.as_ref().ancestors().filter(|part| !part.as_str().is_empty()).collect();
        parts.reverse();
        // Which lines matched the folder above.
        let mut above = vec![false; self.0.len()];
        let mut out = false;
        for part in parts {
            out = false;
            for ((glob, keep), matched) in self.0.iter().zip(&mut above) {
                *matched = *matched || (out == *keep && glob.is_match(part));
                if *matched {
                    out = !keep;
                }
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

    /// As Docker 28.5 sends them.
    #[test]
    fn a_kept_folder_keeps_what_lines_before_left_out_with_it() {
        let matches = |text: &str, path: &str| Matcher::read(text).unwrap().matches(path);
        assert!(matches("**/*.pem\n!vendor\n", "vendor/itoa/private.pem"));
        assert!(!matches("**/*.pem\n!vendor/**\n", "vendor/itoa/private.pem"));
        assert!(!matches("*\n!app\n", "app/src/main.rs"));
        assert!(!matches("**/target\n**/.env\n!crates/target\n", "crates/target/.env"));
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        assert_eq!(Matcher::read("a[").unwrap_err().kind(), Kind::Workspace);
    }
}
