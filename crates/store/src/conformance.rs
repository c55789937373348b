//! What every store must do. Each check is run on each implementation; see `conformance_suite!`.

mod audit;
mod changes;
mod facts;
mod incidents;
mod notifications;
mod reports;
pub(crate) mod sample;
mod twins;

/// Makes a module with one test for each check; `$fresh` gives an empty store and what must outlive it.
macro_rules! conformance_suite {
    ($module:ident, $fresh:expr) => {
        mod $module {
            conformance_suite!(@checks $fresh,
                changes: [
                    a_new_store_is_empty,
                    the_position_only_rises,
                    a_position_counts_once,
                    any_prefix_applied_again_changes_nothing,
                    other_cuts_of_the_same_changes_end_in_the_same_state,
                    changes_without_a_sound_report_are_refused_whole,
                    a_position_beyond_counting_is_refused,
                ],
                incidents: [
                    the_last_row_of_an_incident_counts,
                    lists_are_newest_first_and_filtered,
                    paging_gives_each_incident_once,
                    pages_do_not_shift_under_inserts_and_changes,
                    hostile_text_comes_back_unchanged,
                    times_at_both_ends_are_kept,
                    a_page_is_bounded,
                ],
                reports: [
                    bytes_come_back_identical,
                    the_newest_report_is_the_one_that_came_last,
                    references_stand_in_the_order_of_coming,
                    the_same_report_is_archived_once,
                    unknown_reports_are_none,
                ],
                audit: [
                    actions_are_listed_newest_first_and_filtered,
                    an_action_is_kept_once_and_outlives_retention,
                    hostile_actions_come_back_unchanged,
                    what_the_server_adds_stands_between_actions_in_one_chain,
                ],
                facts: [
                    a_trace_is_kept_with_those_who_cite_it,
                    a_capture_that_found_less_replaces_nothing,
                    signals_and_deployments_are_known_by_id,
                    facts_are_listed_newest_first_within_a_range,
                    alerts_are_one_row_each_and_filtered,
                    old_facts_are_let_go,
                    settling_keeps_everything,
                ],
                notifications: [
                    a_notification_comes_in_once,
                    what_is_pending_comes_in_order_for_each_target,
                    notifications_are_listed_newest_first_and_filtered,
                    what_was_told_last_is_kept_when_the_old_are_let_go,
                ]);
        }
    };
    (@checks $fresh:expr, $($group:ident: [$($check:ident,)*]),*) => {
        $($(
            #[tokio::test]
            async fn $check() {
                let (store, _held) = $fresh.await;
                $crate::conformance::$group::$check(&store).await;
            }
        )*)*
    };
}

conformance_suite!(memory, async { (crate::MemoryStore::new(), ()) });

conformance_suite!(sqlite, async {
    let dir = tempfile::tempdir().unwrap();
    let store = crate::SqliteStore::open(&dir.path().join(crate::SqliteStore::FILE_NAME)).await.unwrap();
    (store, dir)
});
