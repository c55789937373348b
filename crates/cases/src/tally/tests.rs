//! Where there is nothing to count, no figure is made up.

use super::*;

#[test]
fn without_cases_there_are_no_figures() {
    let none = Tally::default();
    assert_eq!((none.share(0), none.mean_reciprocal_rank(), none.outside_per_hour()), (None, None, None));
    assert_eq!(none.median_seconds_to_open(), None);
}
