//! Compose and bake files as trees with places. YAML's references stay references: nothing grows by being read.

use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Body, Structure};
use saphyr_parser::{Event, Parser, Span as Marked};

use super::model::Span;

/// What is nested deeper is nobody's compose file.
const DEPTH: usize = 48;

/// A value, and where it stands.
#[derive(Debug)]
pub struct Node {
    /// All of it.
    pub span: Span,
    /// What it is.
    pub what: Kind,
}

/// A kind of value.
#[derive(Debug)]
pub enum Kind {
    /// Any scalar, as it is written.
    Text(String),
    /// A list.
    List(Vec<Arc<Node>>),
    /// Keys in their order.
    Map(Vec<Entry>),
    /// What cannot be told: an expression.
    Other,
}

/// A key and its value.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where that stands.
    pub span: Span,
    /// The value.
    pub value: Arc<Node>,
}

impl Node {
    /// A scalar's text.
    pub fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.what { Some(text) } else { None }
    }

    /// A list's items.
    pub fn items(&self) -> &[Arc<Node>] {
        if let Kind::List(items) = &self.what { items } else { &[] }
    }

    /// A map's own entries.
    pub fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.what { entries } else { &[] }
    }

    /// What a key says, in the map itself or in what `<<` merges into it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.look(key, 4)
    }

    fn look(&self, key: &str, depth: usize) -> Option<&Node> {
        let own = self.entries().iter().find(|entry| entry.key == key);
        if let Some(entry) = own {
            return Some(&entry.value);
        }
        let merged = self.entries().iter().filter(|entry| entry.key == "<<" && depth > 0);
        merged
            .flat_map(|entry| entry.value.items().iter().take(16).chain([&entry.value]))
            .find_map(|node| node.look(key, depth - 1))
    }
}

/// A YAML file's first document; none: it is none, or is nested too deep.
pub fn yaml(text: &str) -> Option<Arc<Node>> {
    let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let place = |span: &Marked| {
        let at = |index: usize| bytes.get(index).copied().unwrap_or(text.len());
        at(span.start.index())..at(span.end.index())
    };
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: Vec<(usize, Arc<Node>)> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, marked) = event.ok()?;
        let span = place(&marked);
        let done = match event {
            Event::SequenceStart(anchor, _) => {
                open.push(Open { anchor, start: span.start, list: Some(Vec::new()), map: Vec::new(), key: None });
                None
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open { anchor, start: span.start, list: None, map: Vec::new(), key: None });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let last = open.pop()?;
                Some((last.anchor, Arc::new(last.close(span.end))))
            }
            Event::Scalar(value, _, anchor, _) => {
                Some((anchor, Arc::new(Node { span, what: Kind::Text(value.into_owned()) })))
            }
            Event::Alias(id) => {
                let known = anchors.iter().rev().find(|(anchor, _)| *anchor == id).map(|(_, node)| Arc::clone(node));
                Some((0, known.unwrap_or_else(|| Arc::new(Node { span, what: Kind::Other }))))
            }
            Event::DocumentEnd | Event::StreamEnd => return None,
            _ => None,
        };
        if open.len() > DEPTH {
            return None;
        }
        let Some((anchor, node)) = done else { continue };
        if anchor > 0 {
            anchors.push((anchor, Arc::clone(&node)));
        }
        match open.last_mut() {
            None => return Some(node),
            Some(open) => open.take(node),
        }
    }
    None
}

/// A list or a map that is being read.
struct Open {
    anchor: usize,
    start: usize,
    list: Option<Vec<Arc<Node>>>,
    map: Vec<Entry>,
    key: Option<Arc<Node>>,
}

impl Open {
    fn take(&mut self, node: Arc<Node>) {
        if let Some(list) = &mut self.list {
            list.push(node);
        } else if let Some(key) = self.key.take() {
            let name = key.text().unwrap_or_default().to_owned();
            self.map.push(Entry { key: name, span: key.span.clone(), value: node });
        } else {
            self.key = Some(node);
        }
    }

    fn close(self, end: usize) -> Node {
        let what = self.list.map_or(Kind::Map(self.map), Kind::List);
        Node { span: self.start..end.max(self.start), what }
    }
}

/// A bake file of HCL: blocks are maps by their kind and their label, `target.api`.
pub fn hcl(text: &str) -> Option<Arc<Node>> {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // The parser calls itself for each of them.
        if depth > DEPTH {
            return None;
        }
    }
    let body = hcl_edit::parser::parse_body(text).ok()?;
    Some(Arc::new(Node { span: 0..text.len(), what: Kind::Map(structures(&body)) }))
}

fn structures(body: &Body) -> Vec<Entry> {
    let entry = |structure: &Structure| match structure {
        Structure::Attribute(attribute) => {
            let span = attribute.key.span().unwrap_or_default();
            Entry { key: attribute.key.as_str().to_owned(), span, value: Arc::new(value(&attribute.value)) }
        }
        Structure::Block(block) => {
            let label = block.labels.first();
            let span = label.and_then(hcl_edit::Span::span).or_else(|| block.ident.span()).unwrap_or_default();
            let name = label.map_or(String::new(), |label| format!(".{}", label.as_str()));
            let inner = Node { span: block.span().unwrap_or_default(), what: Kind::Map(structures(&block.body)) };
            Entry { key: format!("{}{name}", block.ident.as_str()), span, value: Arc::new(inner) }
        }
    };
    body.iter().map(entry).collect()
}

fn value(expression: &Expression) -> Node {
    let what = match expression {
        Expression::String(text) => Kind::Text(text.as_str().to_owned()),
        Expression::Bool(yes) => Kind::Text(yes.value().to_string()),
        Expression::Array(array) => Kind::List(array.iter().map(|one| Arc::new(value(one))).collect()),
        Expression::Object(object) => Kind::Map(
            object
                .iter()
                .map(|(key, one)| {
                    let name = match key {
                        ObjectKey::Ident(ident) => ident.as_str().to_owned(),
                        ObjectKey::Expression(Expression::String(text)) => text.as_str().to_owned(),
                        ObjectKey::Expression(_) => String::new(),
                    };
                    Entry { key: name, span: key.span().unwrap_or_default(), value: Arc::new(value(one.expr())) }
                })
                .collect(),
        ),
        _ => Kind::Other,
    };
    Node { span: expression.span().unwrap_or_default(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_has_places_and_merges() {
        let text = "x: &a\n  ü: ä\n  user: root\nservices:\n  api:\n    <<: *a\n    list: [one, \"two\"]\n";
        let tree = yaml(text).unwrap();
        let api = tree.get("services").unwrap().get("api").unwrap();
        let user = api.get("user").unwrap();
        assert_eq!((user.text(), text.get(user.span.clone())), (Some("root"), Some("root")));
        let list = api.get("list").unwrap();
        assert_eq!(list.items()[1].text(), Some("two"));
        assert_eq!(text.get(list.items()[0].span.clone()), Some("one"));
        assert!(yaml("a: [").is_none() && yaml("").is_none() && yaml(&"[".repeat(1000)).is_none());
    }

    #[test]
    fn references_do_not_grow() {
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..40 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("a{level}: &a{level} [{inner}]\n");
        }
        assert!(yaml(&text).unwrap().get("a39").is_some());
    }

    #[test]
    fn hcl_has_places() {
        let text = "target \"api\" {\n  target = \"api\"\n  tags = [\"a\", \"${X}b\"]\n  platforms = X\n}\n";
        let tree = hcl(text).unwrap();
        let api = tree.get("target.api").unwrap();
        let target = api.get("target").unwrap();
        assert_eq!(target.text(), Some("api"));
        assert_eq!(text.get(target.span.clone()).map(|text| text.trim_matches([' ', '"'])), Some("api"));
        assert_eq!(api.get("tags").unwrap().items().len(), 2);
        assert_eq!(api.get("tags").unwrap().items()[1].text(), None);
        assert!(
            hcl("target {").is_none()
                && hcl(&"a = ".chars().chain("(".repeat(9999).chars()).collect::<String>()).is_none()
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_bad(text in "([a-z:\\-\\[\\]{}&*!|>\"'= \n]|target|<<: |é){0,60}") {
            drop((yaml(&text), hcl(&text)));
        }
    }
}
