//! The sites whose pages may call a pool. It must never know a request.

use toml::de::DeValue;

use super::reading::{Reading, Section};

const ORIGINS_MAX: usize = 100;
const ORIGIN_BYTES_MAX: usize = 256;

/// As browsers name sites: scheme, host and port where it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    All,
    These(Vec<String>),
}

impl Default for Origins {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Origins {
    pub fn has(&self, origin: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(sites) => sites.iter().any(|site| site == origin),
        }
    }

    pub(super) fn read(reading: &mut Reading<'_>, section: &Section<'_>) -> Option<Self> {
        let setting = reading.setting(section, "origins")?;
        let Some(said) = section.get("origins") else { return Some(Self::default()) };
        let DeValue::Array(items) = said.value else {
            return reading.get(section, "origins", |_, text| Self::of(&[text]));
        };
        let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
        let origins = texts.and_then(|texts| Self::of(&texts));
        if origins.is_none() {
            reading.expected(section, setting, "");
        }
        origins
    }

    fn of(texts: &[&str]) -> Option<Self> {
        match texts {
            ["*"] => Some(Self::All),
            sites if sites.len() <= ORIGINS_MAX && sites.iter().all(|site| is_site(site)) => {
                Some(Self::These(sites.iter().map(|site| (*site).to_owned()).collect()))
            }
            _ => None,
        }
    }
}

/// Without a path, and small: or it would never be the same as a browser's.
fn is_site(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_small = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && !b"/?#@*".contains(&byte))
    };
    text.len() <= ORIGIN_BYTES_MAX
        && !scheme.is_empty()
        && !host.is_empty()
        && is_small(scheme)
        && is_small(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_written_as_browsers_send_it() {
        for site in
            ["https://app.example", "http://localhost:3000", "chrome-extension://abcdef", "http://[::1]:80"]
        {
            assert_eq!(Origins::of(&[site]), Some(Origins::These(vec![site.to_owned()])));
        }
        for wrong in [
            "app.example",
            "https://",
            "://a",
            "https://app.example/",
            "https://App.example",
            "https://*.example",
            "null",
        ] {
            assert_eq!(Origins::of(&[wrong]), None, "{wrong}");
        }
        assert_eq!(Origins::of(&["*"]), Some(Origins::All));
        assert_eq!(Origins::of(&["*", "https://app.example"]), None);
        assert!(!Origins::default().has("https://app.example"));
    }
}
