//! Books on a shelf.

/// How many books are on two shelves.
///
/// ```
/// assert_eq!(shelf::together(1, 2), 3);
/// ```
pub fn together(one: u32, other: u32) -> u32 {
    one + other
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        assert_eq!(super::together(2, 2), 4);
    }

    #[test]
    #[ignore = "it takes a while"]
    fn counts_all_books() {}
}
