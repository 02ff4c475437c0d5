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
    }
}
