//! Quoting: whatever a value holds, it stays inside its place.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::plan::model::HERE;

/// A word of a POSIX shell line inside a Dockerfile's `RUN`.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // Control characters have no place in an argument of cargo's, and a line end would end the instruction.
    let word: String = word.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word of cargo's: a package's place begins where the shell stands.
pub(super) fn cargo_word(word: &str) -> String {
    match word.strip_prefix("file://").and_then(|rest| rest.strip_prefix(HERE)) {
        Some("") => format!("\"file://{HERE}\""),
        Some(rest) => format!("\"file://{HERE}\"{}", shell_word(rest)),
        None => shell_word(word),
    }
}

/// A value of `ENV` or `LABEL`: between double quotes, where the Dockerfile's own `\`, `"` and `$` mean something.
pub(super) fn dockerfile_value(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars().filter(|c| !c.is_control()) {
        if matches!(c, '\\' | '"' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// Text in a comment: whatever it holds, it stays on its line.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The two paths of a `COPY`: as they are, or in JSON where spaces and the like would be read as more.
pub(super) fn copy(from: &str, to: &str) -> String {
    let plain = |path: &str| path.chars().all(|c| c.is_alphanumeric() || "-_./@+".contains(c));
    if plain(from) && plain(to) {
        return format!("{from} {to}");
    }
    // Docker still expands variables and patterns in it.
    let escape = |path: &str| {
        let path: String = path
            .chars()
            .filter(|c| !c.is_control())
            .flat_map(|c| match c {
                '$' => vec!['\\', '$'],
                '*' | '?' | '[' => vec!['\\', c],
                _ => vec![c],
            })
            .collect();
        serde_json::Value::from(path).to_string()
    };
    format!("[{}, {}]", escape(from), escape(to))
}

/// A string of JSON, which is also one of HCL's once its templates are escaped.
pub(super) fn json_string(value: &str) -> String {
    serde_json::Value::from(value).to_string().replace("${", "$${").replace("%{", "%%{")
}

/// A string of YAML in a workflow, on one line. Forges look for `${{` in strings of any kind, and have no other way to write it
/// than as a value of their own.
pub(super) fn yaml_string(value: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(plain)
        && !WORDS.contains(&value.to_lowercase().as_str())
    {
        return value.to_owned();
    }
    // JSON's strings are YAML's, but for three characters that YAML takes for line ends.
    let quoted = serde_json::Value::from(value.replace("${{", "${{ '${{' }}")).to_string();
    quoted.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// A path in a URL in a shell's double quotes.
pub(super) fn url_path(path: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/');
    utf8_percent_encode(path, PLAIN).to_string()
}

/// A string literal of Rust's.
pub(super) fn rust_string(value: &str) -> String {
    format!("{value:?}")
}

/// A string of TOML's.
pub(super) fn toml_string(value: &str) -> String {
    toml_edit::Value::from(value).to_string()
}

/// A string of YAML in which compose puts nothing in.
pub(super) fn compose_string(value: &str) -> String {
    compose_with(value, None)
}

/// Likewise, with what compose puts in for `{password}`.
pub(super) fn compose_with(value: &str, password: Option<&str>) -> String {
    let parts: Vec<String> = value.split("{password}").map(|part| escaped(&part.replace('$', "$$"))).collect();
    format!("\"{}\"", parts.join(password.unwrap_or("{password}")))
}

/// What stands between double quotes of YAML.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            ' '..='~' => escaped.push(c),
            // Line ends of all kinds, marks of the text's order, and what YAML does not take as it is.
            _ if !c.is_alphanumeric() => escaped.push_str(&format!("\\U{:08x}", u32::from(c))),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A key of YAML: as it is where it can mean nothing else.
pub(super) fn compose_key(key: &str) -> String {
    const WORDS: &[&str] = &["false", "n", "no", "null", "off", "on", "true", "y", "yes"];
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        && !WORDS.contains(&key.to_lowercase().as_str());
    if plain { key.to_owned() } else { format!("\"{}\"", escaped(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> serde_json::Value {
        serde_saphyr::from_str(document).unwrap()
    }

    proptest::proptest! {
        /// A value is one string to a parser of YAML, and compose puts nothing into it.
        #[test]
        fn a_string_of_yaml_stays_one(value in "\\PC*|[\\x00-\\x7f\\u{80}-\\u{a0}\\u{2028}\\u{feff}\"\\\\$#:{}]{0,12}") {
            let document = format!("a:\n  - {}\n  - last\n", compose_string(&value));
            let list = &read(&document)["a"];
            let read = list[0].as_str().unwrap();
            proptest::prop_assert_eq!(read.replace("$$", ""), value.replace('$', ""));
            proptest::prop_assert_eq!(read.matches('$').count(), 2 * value.matches('$').count());
            proptest::prop_assert_eq!(list[1].as_str(), Some("last"));
        }

        #[test]
        fn a_key_of_yaml_stays_one(key in "[a-zA-Z0-9._-]{1,8}|true|no|null|1\\.5|~|\\PC{1,6}|[\\x01-\\x7f]{1,4}") {
            let document = format!("{}: x\n", compose_key(&key));
            let document = read(&document);
            proptest::prop_assert_eq!(document[key.as_str()].as_str(), Some("x"));
        }
    }

    #[test]
    fn compose_puts_in_the_password_alone() {
        let value = compose_with("a:{password}@$HOME", Some("${PASSWORD:?set it}"));
        assert_eq!(value, "\"a:${PASSWORD:?set it}@$$HOME\"");
    }

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(shell_word("a'; rm -rf /"), r"'a'\''; rm -rf /'");
        assert_eq!(shell_word("a\nUSER root"), "'aUSER root'");
        assert_eq!(cargo_word("file://$PWD/a#$(b)"), "\"file://$PWD\"'/a#$(b)'");
        assert_eq!(cargo_word("$PWD"), "'$PWD'");
        assert_eq!(dockerfile_value("a \"b\" $HOME \\ \n c"), r#""a \"b\" \$HOME \\  c""#);
        assert_eq!(json_string("${TAG}"), "\"$${TAG}\"");
        assert_eq!(yaml_string("a\": b\n${{ github.token }}"), r#""a\": b\n${{ '${{' }} github.token }}""#);
        assert_eq!(["main", "On", "1.0", "- a", ""].map(yaml_string), ["main", "\"On\"", "\"1.0\"", "\"- a\"", "\"\""]);
        assert_eq!(url_path("a b/$(c)\""), "a%20b/%24%28c%29%22");
        assert_eq!(comment("a\nUSER root"), "a USER root");
        assert_eq!(copy("a/b", "/c"), "a/b /c");
        assert_eq!(copy("a b\nc", "/c"), r#"["a bc", "/c"]"#);
    }
}
