//! How much is looked at. What is over a limit is left out and told as a fault, but for words, depth, gates and cuts tried: of these
//! the rest is left out without a word yet.

/// Files of one system.
pub const FILES_MAX: usize = 20_000;
/// Of one file. A unit file is rarely over 4 KiB.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Of one file, continued lines counted each.
pub const LINES_MAX: usize = 20_000;
/// Of one system.
pub const UNITS_MAX: usize = 10_000;
/// Names that one unit lists after all its keys together: ordering, requirement, conflict.
pub const REFERENCES_PER_UNIT_MAX: usize = 2_000;
/// Of one unit.
pub const COMMANDS_PER_UNIT_MAX: usize = 200;
/// Words of one command, bodies of `sh -c` included.
pub const WORDS_MAX: usize = 4_000;
/// `sh -c` within `sh -c`, loops within loops.
pub const DEPTH_MAX: usize = 8;
/// Of one unit.
pub const GATES_PER_UNIT_MAX: usize = 100;
/// Of one unit.
pub const OFFERS_PER_UNIT_MAX: usize = 200;
/// Of one system.
pub const ROUTES_MAX: usize = 5_000;
/// Faults that are told; the rest is counted.
pub const FAULTS_MAX: usize = 200;
/// Findings that are told; the rest is counted.
pub const FINDINGS_MAX: usize = 500;
/// Edges that a smallest cut may have: who has to change more redesigns.
pub const CUT_EDGES_MAX: usize = 3;
/// Cuts that are tried for one cycle.
pub const CUTS_TRIED_MAX: usize = 60;
