//! Currency symbols.

include!(concat!(env!("OUT_DIR"), "/symbols.rs"));

#[cfg(test)]
mod tests {
    #[test]
    fn known_and_unknown() {
        assert_eq!(super::symbol("EUR"), Some("€"));
        assert_eq!(super::symbol("XXX"), None);
    }
}
