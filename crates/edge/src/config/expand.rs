//! References in a value: `${NAME}` is a variable of the environment, `${file:PATH}` the text of a file, and `$${` the two
//! characters themselves. It must never say what a variable or a file holds: a fault names it.

use std::path::Path;

use super::Surroundings;

const FILE: &str = "file:";
const NAME_BYTES_MAX: usize = 128;

/// The text with every reference replaced, or what is wrong with each of them.
pub(super) fn expand(text: &str, surroundings: &Surroundings<'_>) -> Result<String, Vec<String>> {
    let (mut out, mut faults, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some((before, reference)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            out.extend([escaped, "${"]);
            rest = reference;
            continue;
        }
        out.push_str(before);
        let Some((name, after)) = reference.split_once('}') else {
            faults.push("`${` has no `}`; write `$${` where the characters themselves are meant".to_owned());
            rest = "";
            break;
        };
        match resolve(name, surroundings) {
            Ok(found) => out.push_str(&found),
            Err(fault) => faults.push(fault),
        }
        rest = after;
    }
    out.push_str(rest);
    if faults.is_empty() { Ok(out) } else { Err(faults) }
}

fn resolve(name: &str, surroundings: &Surroundings<'_>) -> Result<String, String> {
    if let Some(path) = name.strip_prefix(FILE) {
        let text = (surroundings.file)(&surroundings.folder.join(Path::new(path)))
            .map_err(|fault| format!("the file {path} {fault}"))?;
        // Whoever writes a secret into a file ends the line.
        let found = text.trim();
        return if found.is_empty() {
            Err(format!("the file {path} is empty"))
        } else {
            Ok(found.to_owned())
        };
    }
    if !is_name(name) {
        return Err(
            "between `${` and `}` stands neither the name of a variable nor file: and a path".to_owned()
        );
    }
    match (surroundings.variable)(name) {
        Some(value) if value.is_empty() => Err(format!("the variable {name} is empty")),
        Some(value) => Ok(value),
        None => Err(format!("the variable {name} is not set")),
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().next().is_some_and(is_letter)
        && text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, Vec<String>> {
        let variable = |name: &str| match name {
            "KEY" => Some("quiet".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let file = |path: &Path| match path.to_str() {
            Some("conf/key") => Ok("from a file\n".to_owned()),
            Some("conf/blank") => Ok(" \n".to_owned()),
            _ => Err("cannot be read: no such file".to_owned()),
        };
        let tls = |_: &runtime::TlsFiles| Ok(());
        expand(text, &Surroundings { folder: Path::new("conf"), variable: &variable, file: &file, tls: &tls })
    }

    #[test]
    fn references_are_replaced_and_everything_else_stays() {
        for (text, expected) in [
            ("", ""),
            ("plain $KEY {KEY} $", "plain $KEY {KEY} $"),
            ("https://a/${KEY}/b?k=${KEY}", "https://a/quiet/b?k=quiet"),
            ("${file:key}", "from a file"),
            ("$${KEY} is ${KEY}", "${KEY} is quiet"),
            ("$$${KEY}", "$${KEY}"),
        ] {
            assert_eq!(expanded(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_fault_is_told_and_none_with_a_value() {
        let faults =
            expanded("${KEY}${MISSING}${EMPTY}${file:gone}${file:blank}${not a name}${}${KEY").unwrap_err();
        assert_eq!(
            faults,
            [
                "the variable MISSING is not set",
                "the variable EMPTY is empty",
                "the file gone cannot be read: no such file",
                "the file blank is empty",
                "between `${` and `}` stands neither the name of a variable nor file: and a path",
                "between `${` and `}` stands neither the name of a variable nor file: and a path",
                "`${` has no `}`; write `$${` where the characters themselves are meant",
            ]
        );
    }
}
