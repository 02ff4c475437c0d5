//! Quoting: whatever a value holds, it stays inside its place.

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

/// A name that an image can have.
pub fn tag(name: &str) -> String {
    let name: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { "image".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(shell_word("a'; rm -rf /"), r"'a'\''; rm -rf /'");
        assert_eq!(shell_word("a\nUSER root"), "'aUSER root'");
        assert_eq!(dockerfile_value("a \"b\" $HOME \\ \n c"), r#""a \"b\" \$HOME \\  c""#);
        assert_eq!(json_string("${TAG}"), "\"$${TAG}\"");
        assert_eq!(tag("My App"), "my-app");
        assert_eq!(comment("a\nUSER root"), "a USER root");
        assert_eq!(copy("a/b", "/c"), "a/b /c");
        assert_eq!(copy("a b\nc", "/c"), r#"["a bc", "/c"]"#);
    }
}
