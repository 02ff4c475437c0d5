//! Licences of manifests as SPDX expressions.

use spdx::Expression;

/// The expression; `MIT/Apache-2.0`, as old manifests have it, becomes one. None: it is none.
pub(super) fn expression(text: &str) -> Option<String> {
    let text = text.trim();
    let canonical = Expression::canonicalize(text).ok()?.unwrap_or_else(|| text.to_owned());
    Expression::parse(&canonical).is_ok().then_some(canonical)
}

/// Whether it names a licence that only its own text tells, which an SPDX document would have to hold.
pub(super) fn has_own_text(expression: &str) -> bool {
    expression.contains("LicenseRef-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_and_what_is_none() {
        assert_eq!(expression("MIT OR Apache-2.0").as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(expression("MIT/Apache-2.0").as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(
            expression("Apache-2.0 WITH LLVM-exception OR (MIT AND Unicode-3.0)").as_deref(),
            Some("Apache-2.0 WITH LLVM-exception OR (MIT AND Unicode-3.0)")
        );
        assert_eq!(expression("Commercial, ask us"), None);
        assert_eq!(expression("MIT OR"), None);
        assert_eq!(expression(""), None);
    }
}
