//! Strict reading of JSON items.
