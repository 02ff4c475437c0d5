//! Short names of things by what they are made from.

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
        self.0.finalize().iter().take(bytes).fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }
}
