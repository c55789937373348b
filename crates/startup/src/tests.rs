//! Texts to findings: the case that everything here was built for, pairs of a defect and its mended twin, and laws.

mod laws;
mod pairs;
mod reference;

use crate::check::{Checked, Finding};
use crate::facts::System;
use crate::{Text, check, read};

pub(crate) fn texts(files: &[(&str, &str)]) -> Vec<Text> {
    files.iter().map(|(path, text)| Text::new(path, *text)).collect()
}

pub(crate) fn system(files: &[(&str, &str)]) -> System {
    let system = read(&texts(files));
    assert_eq!(system.faults, []);
    system
}

pub(crate) fn checked(files: &[(&str, &str)]) -> Checked {
    check(&system(files))
}

pub(crate) fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
    checked(files).findings
}
