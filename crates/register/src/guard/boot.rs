//! Guards of the kind `boot`: units that can start, whatever they wait for. It reads no format of its own: `startup` says
//! what the files mean, and what of it cannot be.

use std::collections::BTreeMap;

use startup::{Level, Place, Text};

use super::hit::{self, Hit};

/// What is proven of these files, and what of them cannot be read. That something is so as far as they tell is no finding: what
/// they leave out may stand elsewhere.
pub(super) fn find(files: &[(&str, &str)]) -> Vec<Hit> {
    let texts: Vec<Text> = files.iter().map(|(path, text)| Text::new(path, *text)).collect();
    let system = startup::read(&texts);
    let checked = startup::check(&system);
    let mut by_path: BTreeMap<String, Vec<(usize, usize, String)>> = BTreeMap::new();
    let mut add = |at: &Place, note: &str| {
        let place = (at.line as usize, at.column as usize, note.to_owned());
        by_path.entry(at.path.to_string()).or_default().push(place);
    };
    system.faults.iter().for_each(|fault| add(&fault.at, &fault.message));
    let proven = checked.findings.iter().filter(|finding| finding.level == Level::Error);
    for finding in proven {
        add(&finding.at, &finding.sentence);
    }
    let text_of = |path: &str| files.iter().find(|(file, _)| *file == path).map(|(_, text)| *text);
    let hits = by_path.into_iter();
    hits.flat_map(|(path, places)| hit::on_lines(&path, text_of(&path), places.into_iter())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "[Unit]\nAfter=bridge.service\n\n[Service]\nType=oneshot\nExecStart=/bin/true\n";
    const BRIDGE: &str = "[Unit]\nAfter=proxy.service\n\n[Service]\nExecStart=/bin/true\n";

    fn found(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        find(files).into_iter().map(|hit| (hit.path, hit.line)).collect()
    }

    #[test]
    fn units_in_a_circle_are_found_whatever_the_order_of_files_and_mended_ones_are_not() {
        let (proxy, bridge) = (("units/proxy.service", PROXY), ("units/bridge.service", BRIDGE));
        let broken = found(&[proxy, bridge]);
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert_eq!(found(&[bridge, proxy]), broken);
        let mended = PROXY.replace("After=bridge.service\n", "");
        assert_eq!(found(&[("units/proxy.service", &mended), bridge]), []);
    }

    #[test]
    fn a_unit_that_cannot_be_read_is_found_at_its_line() {
        let wrong = PROXY.replace("Type=oneshot", "Type=onceshot");
        assert_eq!(found(&[("units/proxy.service", &wrong)]), [("units/proxy.service".to_owned(), 5)]);
    }
}
