//! Small edits of a TOML file as text: one piece goes in, and every other byte stays. Each has its inverse, which finds the piece
//! again after the user has edited around it.

use std::ops::Range;

use toml_edit::{Array, Document, Item, Table};

/// The line end of a text.
pub(super) fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn table<'a>(document: &'a Document<&str>, path: &[&str]) -> Option<&'a Table> {
    path.iter().try_fold(document.as_table(), |table, name| table.get(name)?.as_table())
}

fn array<'a>(document: &'a Document<&str>, path: &[&str], key: &str) -> Option<&'a Array> {
    table(document, path)?.get(key)?.as_array()
}

/// Where the last thing that a table itself says ends; what has a header of its own is not it.
fn end_of(item: &Item) -> Option<usize> {
    match item {
        Item::Value(value) => value.span().map(|span| span.end),
        Item::Table(table) if table.is_dotted() => table.iter().filter_map(|(_, item)| end_of(item)).max(),
        _ => None,
    }
}

fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    if text[..end].ends_with('\r') && end > at { end - 1 } else { end }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// The end of the line before this one.
fn before_line(text: &str, start: usize) -> usize {
    let end = start.saturating_sub(1);
    if text[..end].ends_with('\r') { end - 1 } else { end }
}

fn insert(text: &str, at: usize, piece: &str) -> String {
    format!("{}{piece}{}", &text[..at], &text[at..])
}

fn cut(text: &str, range: Range<usize>) -> String {
    format!("{}{}", &text[..range.start], &text[range.end..])
}

/// Puts lines after everything else, an empty line between.
pub(super) fn append(text: &str, lines: &[String]) -> String {
    let at = text.trim_end().len();
    let nl = newline(text);
    let block = lines.join("\n").replace('\n', nl);
    match at {
        0 if text.is_empty() => format!("{block}{nl}"),
        0 => insert(text, 0, &block),
        _ => insert(text, at, &format!("{nl}{nl}{block}")),
    }
}

/// Takes a table away that says nothing but these keys, with the empty line before it.
pub(super) fn take_table(text: &str, path: &[&str], keys: &[&str]) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let found = table(&document, path)?;
    if found.is_implicit() || found.is_dotted() || found.iter().any(|(key, _)| !keys.contains(&key)) {
        return None;
    }
    let header = line_start(text, found.span()?.start);
    let end = found.iter().filter_map(|(_, item)| end_of(item)).max().unwrap_or(header);
    let end = line_end(text, end);
    let start = text[..header].trim_end().len();
    if start == 0 {
        return Some(cut(text, 0..end));
    }
    // No more than what `append` puts before it.
    let nl = newline(text);
    let start = header.checked_sub(2 * nl.len()).filter(|at| text.get(*at..header) == Some(&nl.repeat(2)))?;
    Some(cut(text, start..end))
}

/// Puts lines into a table: after this key, or after all of its keys.
pub(super) fn insert_lines(text: &str, path: &[&str], after: Option<&str>, lines: &[String]) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let found = table(&document, path)?;
    if found.is_implicit() || found.is_dotted() {
        return None;
    }
    let end = match after {
        Some(key) => end_of(found.get(key)?)?,
        None => found.iter().filter_map(|(_, item)| end_of(item)).max().or(Some(found.span()?.start))?,
    };
    let nl = newline(text);
    let piece = format!("\n{}", lines.join("\n")).replace('\n', nl);
    Some(insert(text, line_end(text, end), &piece))
}

/// Takes a key's lines out of a table, and this comment where it stands right before them.
pub(super) fn take_key(text: &str, path: &[&str], key: &str, comment: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let found = table(&document, path)?;
    let (name, item) = found.get_key_value(key)?;
    let end = line_end(text, end_of(item)?);
    let mut start = line_start(text, name.span()?.start);
    let above = line_start(text, before_line(text, start));
    if start > 0 && !comment.is_empty() && text[above..start].trim() == comment {
        start = above;
    }
    Some(cut(text, before_line(text, start)..end))
}

/// Puts an element into a list: last, or first where a comment belongs to the last one.
pub(super) fn insert_element(text: &str, path: &[&str], key: &str, element: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let list = array(&document, path, key)?;
    let open = list.span()?.start + 1;
    let element = format!("\"{element}\"");
    let spans: Vec<Range<usize>> = list.iter().filter_map(toml_edit::Value::span).collect();
    let (Some(first), Some(latest)) = (spans.first(), spans.last()) else {
        return Some(insert(text, open, &element));
    };
    let before = spans.len().checked_sub(2).map_or(open, |i| spans[i].end);
    let nl = newline(text);
    let indent = |at: usize| {
        let line = &text[line_start(text, at)..at];
        line[..line.len() - line.trim_start().len()].to_owned()
    };
    if !text[latest.end..line_end(text, latest.end)].contains('#') {
        let many = text[before..latest.start].contains('\n');
        let between = if many { format!(",{nl}{}", indent(latest.start)) } else { ", ".to_owned() };
        return Some(insert(text, latest.end, &format!("{between}{element}")));
    }
    let many = text[open..first.start].contains('\n');
    let piece = if many { format!("{nl}{}{element},", indent(first.start)) } else { format!("{element}, ") };
    Some(insert(text, open, &piece))
}

/// Takes an element out of a list.
pub(super) fn take_element(text: &str, path: &[&str], key: &str, element: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let list = array(&document, path, key)?;
    let open = list.span()?.start + 1;
    let index = list.iter().position(|value| value.as_str() == Some(element))?;
    let spans: Vec<Range<usize>> = list.iter().filter_map(toml_edit::Value::span).collect();
    let own = spans.get(index)?.clone();
    let comma = |from: usize| text[from..].trim_start().starts_with(',').then(|| text[from..].find(',')).flatten();
    let after = comma(own.end).map_or(own.end, |at| own.end + at + 1);
    if index > 0 {
        let before = spans[index - 1].end;
        let alone = text[before..own.start].trim() == ",";
        return Some(cut(text, if alone { before..own.end } else { own.start..after }));
    }
    let blank = &text[open..own.start];
    if blank.contains('\n') && blank.trim().is_empty() && spans.len() > 1 {
        return Some(cut(text, open..after));
    }
    let space = text[after..].len() - text[after..].trim_start_matches(' ').len();
    Some(cut(text, own.start..if spans.len() > 1 { after + space } else { after }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn elements_go_in_and_out() {
        for (list, with) in [
            ("[]", "[\"xtask\"]"),
            ("[\"a\"]", "[\"a\", \"xtask\"]"),
            ("[ \"a\", ]", "[ \"a\", \"xtask\", ]"),
            ("[\n  \"a\",\n  \"b\",\n]", "[\n  \"a\",\n  \"b\",\n  \"xtask\",\n]"),
            ("[\n  \"a\"\n]", "[\n  \"a\",\n  \"xtask\"\n]"),
            ("[\n  \"a\", # why\n]", "[\n  \"xtask\",\n  \"a\", # why\n]"),
            ("[\"a\"] # why", "[\"xtask\", \"a\"] # why"),
            ("[\r\n\t\"a\",\r\n]", "[\r\n\t\"a\",\r\n\t\"xtask\",\r\n]"),
        ] {
            let text = format!("[workspace]\nmembers = {list}\n");
            let text = if list.contains('\r') { text.replace("]\n", "]\r\n") } else { text };
            let new = insert_element(&text, &["workspace"], "members", "xtask").unwrap();
            assert_eq!(new.replace("\r\n", "\n"), format!("[workspace]\nmembers = {with}\n").replace("\r\n", "\n"));
            assert_eq!(take_element(&new, &["workspace"], "members", "xtask").unwrap(), text);
        }
    }

    #[test]
    fn lines_go_in_and_out() {
        let alias = lines(&["xtask = \"run\""]);
        for text in [
            "[alias]\n",
            "[alias]",
            "[alias] # ours\nb = \"build\" # short\n\n# of the build\n[build]\njobs = 2\n",
            "[alias]\r\nb = \"build\"\r\n\r\n[build]\r\njobs = 2\r\n",
        ] {
            let new = insert_lines(text, &["alias"], None, &alias).unwrap();
            assert!(new.contains("xtask = \"run\""));
            assert_eq!(new.parse::<toml::Table>().unwrap()["alias"]["xtask"].as_str(), Some("run"));
            assert_eq!(take_key(&new, &["alias"], "xtask", "").unwrap(), text);
        }
        let text = "[workspace]\nmembers = [\n  \"a\",\n]\nresolver = \"3\"\n";
        let new = insert_lines(text, &["workspace"], Some("members"), &lines(&["# All.", "default-members = [\"a\"]"]));
        let new = new.unwrap();
        assert!(new.contains("]\n# All.\ndefault-members = [\"a\"]\nresolver"), "{new}");
        assert_eq!(take_key(&new, &["workspace"], "default-members", "# All.").unwrap(), text);
    }

    #[test]
    fn tables_go_in_and_out() {
        for text in ["", "\n", "# note\n", "[build]\njobs = 2", "[build]\r\njobs = 2\r\n\r\n"] {
            let new = append(text, &lines(&["[alias]", "xtask = \"run\""]));
            assert_eq!(new.parse::<toml::Table>().unwrap()["alias"]["xtask"].as_str(), Some("run"), "{new}");
            let back = take_table(&new, &["alias"], &["xtask"]).unwrap();
            // A file without anything has got a line end.
            assert!(back == text || text.is_empty(), "{back:?}");
            let other = insert_lines(&new, &["alias"], None, &lines(&["b = \"build\""])).unwrap();
            assert_eq!(take_table(&other, &["alias"], &["xtask"]), None);
        }
    }

    #[test]
    fn dotted_keys_are_lines_too() {
        let text = "[dependencies]\nserde.workspace = true\n";
        let new = insert_lines(text, &["dependencies"], None, &lines(&["xshell.workspace = true"])).unwrap();
        assert_eq!(new, "[dependencies]\nserde.workspace = true\nxshell.workspace = true\n");
        assert_eq!(take_key(&new, &["dependencies"], "xshell", "").unwrap(), text);
        assert_eq!(insert_lines("alias.b = \"build\"\n", &["alias"], None, &lines(&["x = \"y\""])), None);
    }
}
