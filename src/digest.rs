//! Names of things by what they are made from.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Takes in parts, so that no two lists of parts look alike, and gives a name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digester(Sha256);

impl Digester {
    /// Takes in parts, and where they end.
    pub fn say<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) {
        let mut count: u64 = 0;
        for part in parts {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
            count += 1;
        }
        self.0.update((u64::MAX - count).to_le_bytes());
    }

    /// The name, of so many bytes in hexadecimal digits.
    pub fn digits(self, bytes: usize) -> String {
        let digest = self.0.finalize();
        hex(&digest[..bytes.min(digest.len())])
    }
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digest of all that was taken in, as OCI writes it: `sha256:…`.
pub(crate) fn sha256(hash: Sha256) -> String {
    format!("sha256:{}", hex(&hash.finalize()))
}

/// The digest of these bytes, likewise.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    sha256(Sha256::new_with_prefix(bytes))
}

/// The digits of such a digest; none: it is another kind's, or none at all, and no part of a path or a URL.
pub(crate) fn sha256_digits(digest: &str) -> Option<&str> {
    digest.strip_prefix("sha256:").filter(|digits| is_sha256(digits))
}

/// Whether these are the digits of one.
pub(crate) fn is_sha256(digits: &str) -> bool {
    digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digests_of_this_kind_have_digits() {
        let digest = sha256_of(b"{}");
        // As the image specification names it.
        assert_eq!(digest, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        assert_eq!(sha256_digits(&digest), digest.strip_prefix("sha256:"));
        for other in
            ["", "sha256:", "sha256:../../etc/passwd", &digest.to_uppercase(), &digest[7..], &format!("{digest}0")]
        {
            assert_eq!(sha256_digits(other), None, "{other}");
        }
    }
}
