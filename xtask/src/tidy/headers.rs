//! Every Rust file opens with `//!`: what it is for and what it must never know.

use super::Finding;
use crate::tree::Source;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if source.extension() != "rs" || source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![Finding::new(
        &source.path,
        1,
        "header",
        "open with `//!`: what this file is for and must never know",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_file_needs_its_header() {
        assert_eq!(check(&Source::new("a.rs", "use x;\n//! late")).len(), 1);
        assert_eq!(check(&Source::new("a.rs", "")).len(), 1);
        assert_eq!(check(&Source::new("a.rs", "//! What it is for.\nuse x;")), []);
        assert_eq!(check(&Source::new("a.py", "import x")), []);
    }
}
