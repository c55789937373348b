//! The stored form of rows: the model's own serde form as JSON. A test pins it, because rows of today must be
//! readable tomorrow: a change of the form is a migration.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ReadError, WriteError};

pub(super) fn write<T: Serialize>(what: impl Fn() -> String, row: &T) -> Result<String, WriteError> {
    serde_json::to_string(row).map_err(|error| WriteError::Form { what: what(), detail: error.to_string() })
}

pub(super) fn read<T: DeserializeOwned>(what: impl Fn() -> String, form: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(form)
        .map_err(|error| ReadError::CorruptRow { what: what(), detail: error.to_string() })
}
