//! Ports that sources name: addresses to listen on, and the defaults of variables called `PORT`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::sources::{is_cfg_test, string_value};

/// A port that a source names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortFact {
    /// The port.
    pub port: u16,
    /// Whether it is named with an address that only the machine itself reaches.
    pub loopback: bool,
    /// Its line, from 1.
    pub line: usize,
}

/// Further than this from its variable a number means something else.
const REACH: usize = 24;

/// What matters of a source, in its order.
enum Token {
    Text(String, usize),
    Number(u64, usize),
    End,
}

pub(super) fn find(tokens: TokenStream) -> Vec<PortFact> {
    let tokens = flat(tokens);
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Text(text, line) => {
                if let Some((port, loopback)) = address(text) {
                    found.push(PortFact { port, loopback, line: *line });
                } else if text == "PORT" || text.ends_with("_PORT") {
                    let mut default =
                        tokens[i + 1..].iter().take(REACH).take_while(|token| !matches!(token, Token::End));
                    found.extend(default.find_map(number).map(|port| PortFact { port, loopback: false, line: *line }));
                } else if let ("0.0.0.0" | "127.0.0.1" | "::", Some(port)) =
                    (text.as_str(), tokens.get(i + 1).and_then(number))
                {
                    found.push(PortFact { port, loopback: text == "127.0.0.1", line: *line });
                }
            }
            Token::Number(first, line) => {
                let numbers: Vec<u64> = tokens[i..]
                    .iter()
                    .take(5)
                    .map_while(|token| if let Token::Number(number, _) = token { Some(*number) } else { None })
                    .collect();
                if let ([0, 0, 0, 0, port] | [127, 0, 0, 1, port], true) =
                    (numbers.as_slice(), *first == 0 || *first == 127)
                    && let Some(port) = usual(*port)
                {
                    found.push(PortFact { port, loopback: *first == 127, line: *line });
                }
            }
            Token::End => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn number(token: &Token) -> Option<u16> {
    match token {
        Token::Number(number, _) => usual(*number),
        Token::Text(text, _) => text.parse().ok().and_then(usual),
        Token::End => None,
    }
}

/// A number that somebody listens on.
fn usual(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port >= 80)
}

fn address(text: &str) -> Option<(u16, bool)> {
    let (host, port) = text.rsplit_once(':')?;
    let loopback = match host {
        "0.0.0.0" | "[::]" | "" => false,
        "127.0.0.1" | "localhost" | "[::1]" => true,
        _ => return None,
    };
    usual(port.parse().ok()?).map(|port| (port, loopback))
}

/// Without groups, and without what is compiled for tests only.
fn flat(tokens: TokenStream) -> Vec<Token> {
    let mut found = Vec::new();
    let mut pending: Vec<std::vec::IntoIter<TokenTree>> = vec![tokens.into_iter().collect::<Vec<_>>().into_iter()];
    let mut of_test = false;
    while let Some(trees) = pending.last_mut() {
        let Some(tree) = trees.next() else {
            pending.pop();
            continue;
        };
        match tree {
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                if let Some(text) = string_value(&literal) {
                    found.push(Token::Text(text, line));
                } else if let syn::Lit::Int(number) = syn::Lit::new(literal)
                    && let Ok(number) = number.base10_parse()
                {
                    found.push(Token::Number(number, line));
                }
            }
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Bracket && is_cfg_test(&group) {
                    of_test = true;
                } else if of_test && group.delimiter() == Delimiter::Brace {
                    of_test = false;
                } else {
                    pending.push(group.stream().into_iter().collect::<Vec<_>>().into_iter());
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => {
                of_test = false;
                found.push(Token::End);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(source: &str) -> Vec<(u16, bool)> {
        find(source.parse().unwrap()).into_iter().map(|fact| (fact.port, fact.loopback)).collect()
    }

    #[test]
    fn the_usual_ways_to_name_a_port() {
        assert_eq!(ports(r#"fn f() { bind("0.0.0.0:3000"); }"#), [(3000, false)]);
        assert_eq!(ports(r#"fn f() { bind("127.0.0.1:8080"); }"#), [(8080, true)]);
        assert_eq!(ports("fn f() { let a = SocketAddr::from(([0, 0, 0, 0], 5000)); }"), [(5000, false)]);
        assert_eq!(ports(r#"fn f() { bind(("0.0.0.0", 9000)); }"#), [(9000, false)]);
        let variable = r#"fn f() { let p: u16 = env::var("PORT").ok().and_then(|p| p.parse().ok()).unwrap_or(8080); }"#;
        assert_eq!(ports(variable), [(8080, false)]);
        assert_eq!(ports(r#"fn f() { env::var("APP_PORT").unwrap_or_else(|_| "4000".into()); }"#), [(4000, false)]);
    }

    #[test]
    fn what_is_no_port() {
        assert!(ports(r#"fn f() { env::var("PORT"); let limit = 1000; }"#).is_empty());
        assert!(ports(r#"#[cfg(test)] mod tests { fn f() { bind("0.0.0.0:3000"); } }"#).is_empty());
        assert!(ports(r#"fn f() { say("database:5432"); let v = [0, 0, 0, 0]; }"#).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_source_is_too_bad(source in "([a-z]{1,4}|PORT|::|\"[0-9.:]{0,9}\"|[0-9]{1,20}|[\\[\\](){};,#!]){0,40}") {
            if let Ok(tokens) = source.parse::<TokenStream>() {
                find(tokens);
            }
        }
    }
}
