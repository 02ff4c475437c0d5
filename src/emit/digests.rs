//! Digests of images in a generated file. Bots that keep images up to date edit them, and nothing else: such an edit is known
//! by a checksum of the text without them.

const MARK: &str = "@sha256:";

/// The text without the digests of images; what is named by no name and digest stays.
pub(super) fn without(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some(at) = rest.find(MARK) {
        let after = &rest[at + MARK.len()..];
        let digits = after.bytes().take_while(u8::is_ascii_hexdigit).count();
        let end = at + MARK.len() + digits;
        kept.push_str(&rest[..if digits == 64 { at } else { end }]);
        rest = &rest[end..];
    }
    kept + rest
}

/// The images of a text with their digests, as they stand there.
pub(super) fn named(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split([' ', '"', '\'', '='])).filter(|word| word.contains(MARK))
}
