//! `#[cfg(…)]`: whether an item is compiled into the program of an image.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

/// What is known of the build: the features of the package, and that it is a release for Linux without tests.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// Features that are on; none: not known, and each could be.
    pub features: Option<BTreeSet<String>>,
}

/// Words that hold in every image.
const HOLDS: &[&str] = &["unix"];

/// Words that hold in no image.
const HOLDS_NOT: &[&str] = &["debug_assertions", "doc", "doctest", "miri", "test", "windows"];

/// Values of keys that each image has; another value does not hold.
const VALUES: &[(&str, &str)] = &[("target_os", "linux"), ("target_family", "unix")];

impl Conditions {
    /// Whether the attributes let an item be. What is not known lets it be.
    pub fn hold(&self, attributes: &[syn::Attribute]) -> bool {
        attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).all(|attribute| match &attribute.meta {
            syn::Meta::List(list) => {
                self.predicate(&list.tokens.clone().into_iter().collect::<Vec<_>>()) != Some(false)
            }
            _ => true,
        })
    }

    /// None: not known.
    fn predicate(&self, tokens: &[TokenTree]) -> Option<bool> {
        match tokens {
            [TokenTree::Ident(word), TokenTree::Group(group)] => {
                let parts = split(group.stream());
                let mut parts = parts.iter().map(|part| self.predicate(part));
                match word.to_string().as_str() {
                    "not" => parts.next().flatten().map(|holds| !holds),
                    "all" => parts
                        .try_fold(Some(true), |all, part| match (all, part) {
                            (_, Some(false)) => Err(false),
                            (Some(true), Some(true)) => Ok(Some(true)),
                            _ => Ok(None),
                        })
                        .unwrap_or_else(Some),
                    "any" => parts
                        .try_fold(Some(false), |any, part| match (any, part) {
                            (_, Some(true)) => Err(true),
                            (Some(false), Some(false)) => Ok(Some(false)),
                            _ => Ok(None),
                        })
                        .unwrap_or_else(Some),
                    _ => None,
                }
            }
            [TokenTree::Ident(key), TokenTree::Punct(_), TokenTree::Literal(value)] => {
                let (key, value) = (key.to_string(), value.to_string());
                let value = value.trim_matches('"');
                if key == "feature" {
                    return self.features.as_ref().map(|features| features.contains(value));
                }
                VALUES.iter().find(|(known, _)| *known == key).map(|(_, known)| *known == value)
            }
            [TokenTree::Ident(word)] => {
                let word = word.to_string();
                let is = |list: &[&str]| list.contains(&word.as_str());
                if is(HOLDS) {
                    Some(true)
                } else if is(HOLDS_NOT) {
                    Some(false)
                } else {
                    None
                }
            }
            _ => None,
        }
    }
}

/// Parts between commas.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    for tree in tokens {
        match &tree {
            TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(Vec::new()),
            _ => parts.last_mut().into_iter().for_each(|part| part.push(tree.clone())),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(attribute: &str, features: Option<&[&str]>) -> bool {
        let item: syn::ItemFn = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
        let features = features.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Conditions { features }.hold(&item.attrs)
    }

    #[test]
    fn conditions_are_those_of_an_image() {
        for (attribute, expected) in [
            ("", true),
            ("#[cfg(test)]", false),
            ("#[cfg(not(test))]", true),
            ("#[cfg(unix)]", true),
            ("#[cfg(any(windows, target_os = \"macos\"))]", false),
            ("#[cfg(all(unix, not(target_os = \"macos\")))]", true),
            ("#[cfg(feature = \"on\")]", true),
            ("#[cfg(feature = \"off\")]", false),
            ("#[cfg(all(feature = \"on\", feature = \"off\"))]", false),
            ("#[cfg(not(any(feature = \"on\", something)))]", false),
            ("#[cfg(something)]", true),
            ("#[cfg(all(test, something))]", false),
            ("#[inline]", true),
        ] {
            assert_eq!(holds(attribute, Some(&["on"])), expected, "{attribute}");
        }
        assert!(holds("#[cfg(feature = \"off\")]", None), "a feature that is not known");
    }
}
