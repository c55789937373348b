//! Paths of clients and addresses that nodes give back. What a client writes must never lead out of the folder that the
//! configuration names, whoever reads it, and no client must ever see where a node is.

use percent_encoding::percent_decode_str;

/// What is put behind a node's address, if it can be. Nodes decode what they are sent, and some then walk up: so whatever
/// would be a step up once it is decoded is refused here, with the tricks that hide one from a reader.
pub fn is_safe(path: &str) -> bool {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let is_step = |segment: &[u8]| {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        matches!(name.trim_ascii(), b"." | b"..")
    };
    // Whatever decodes twice would see another path than was judged.
    let is_plain = !decoded.iter().any(|byte| byte.is_ascii_control()) && !hides_more(&decoded);
    is_plain && !decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(is_step)
}

/// `%2e`, `%2f` and `%5c` that are left after decoding.
fn hides_more(decoded: &[u8]) -> bool {
    let hidden: [&[u8]; 3] = [b"%2e", b"%2f", b"%5c"];
    decoded.windows(3).any(|three| hidden.iter().any(|of| three.eq_ignore_ascii_case(of)))
}

/// Where a node sends a client, as the client would reach it: behind the pool's name, if it is on the node at all.
pub fn location(said: &str, origin: &str, prefix: &str, pool: &str) -> Option<String> {
    let on_node = match said.strip_prefix(origin) {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => rest,
        _ if said.starts_with('/') && !said.starts_with("//") => said,
        _ => return None,
    };
    let below = on_node.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    Some(format!("/{pool}{}", below?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_up() {
        for path in ["", "/", "/a/b", "/a/..b/c.", "/a%20b", "/%e2%82%ac", "/...", "/a;b=c/d", "/100%25"] {
            assert!(is_safe(path), "{path}");
        }
        for path in [
            "/..",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/%2E./a",
            "/..%2fa",
            "/..%5Ca",
            "/a\\..\\b",
            "/..;/a",
            "/..;x=1/a",
            "/%252e%252e/a",
            "/%00",
            "/a%0d%0ab",
            "/.. /a",
        ] {
            assert!(!is_safe(path), "{path}");
        }
    }

    #[test]
    fn where_a_node_sends_a_client_is_behind_the_edge() {
        let of = |said| location(said, "http://node.example:80", "/base", "pool");
        assert_eq!(of("/base/x?y=1").as_deref(), Some("/pool/x?y=1"));
        assert_eq!(of("http://node.example:80/base/x").as_deref(), Some("/pool/x"));
        assert_eq!(of("http://node.example:80/base").as_deref(), Some("/pool"));
        for said in
            ["/other", "/basement", "http://node.example:8080/base/x", "https://else.example/", "//a", "x"]
        {
            assert_eq!(of(said), None, "{said}");
        }
        assert_eq!(location("/x", "http://n.example", "", "pool").as_deref(), Some("/pool/x"));
    }
}
