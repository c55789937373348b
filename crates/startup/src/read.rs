//! Texts to facts: which reader a text is for, by its name. The caller finds the files and gives their order: of two with
//! one name the first counts, as in systemd's list of directories.

use std::sync::Arc;

use crate::facts::System;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX, LINES_MAX};
use crate::place::{Faults, Place};
use crate::{caddy, providers, systemd};

/// A file, as it was handed in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    pub path: Arc<str>,
    pub text: String,
}

impl Text {
    pub fn new(path: &str, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// All facts of these texts. What cannot be understood is a fault of the system; the rest counts. Files of no known kind
/// are passed over.
pub fn read(texts: &[Text]) -> System {
    let mut faults = Faults::default();
    let looked: Vec<&Text> =
        texts.iter().take(FILES_MAX).filter(|text| is_bounded(text, &mut faults)).collect();
    if let Some(over) = texts.get(FILES_MAX) {
        let message = format!("there are more than {FILES_MAX} files: none from here on was read");
        faults.add(&Place::new(&over.path, 1, 1), message);
    }
    let mut system = System { units: systemd::units(&looked, &mut faults), ..System::default() };
    system.routes = caddy::routes(&looked, &mut faults);
    providers::join(&mut system);
    system.faults = faults.told();
    system
}

fn is_bounded(text: &Text, faults: &mut Faults) -> bool {
    let over = match text {
        text if text.text.len() > FILE_BYTES_MAX => format!("more than {FILE_BYTES_MAX} bytes"),
        text if text.text.lines().count() > LINES_MAX => format!("more than {LINES_MAX} lines"),
        _ => return true,
    };
    faults.add(&Place::new(&text.path, 1, 1), format!("{over}: the file was not read"));
    false
}
