//! Which test shows which of the behaviours that are promised, by its number. The last is shown by a program of its own, for an
//! hour: `make edge-soak`.

/// The soak.
const BY_PROGRAM: u32 = 25;

struct Behaviour {
    number: u32,
    /// Module and test; several where it has several sides.
    tests: &'static [(&'static str, &'static str)],
}

macro_rules! behaviours {
    ($($number:literal => [$($module:ident::$test:ident),*];)*) => {
        const BEHAVIOURS: &[Behaviour] = &[$(Behaviour {
            number: $number,
            tests: &[$((stringify!($module), stringify!($test))),*],
        }),*];
    };
}

behaviours! {
    1 => [failover::heads_over_a_hard_failover_come_once_and_in_order_and_soon];
    2 => [
        failover::a_freeze_is_found_and_the_missed_blocks_are_told,
        failover::a_stall_is_found_within_three_blocks_or_five_seconds
    ];
    3 => [branches::logs_of_blocks_mined_while_disconnected_come_in_order_and_once_before_live_ones];
    4 => [failover::the_head_never_goes_back_over_a_switch_to_a_node_that_is_behind];
    5 => [announced::a_thousand_heads_can_each_be_read_as_soon_as_they_are_told];
    6 => [
        failover::a_reorganisation_is_retractions_and_then_the_new_side_once,
        failover::a_reorganisation_that_no_node_was_there_to_tell_of_is_retractions_and_then_the_new_side_once
    ];
    7 => [branches::a_failover_onto_another_branch_goes_back_to_the_common_ancestor_first];
    8 => [calls::reads_in_flight_on_a_node_that_is_reset_are_answered_once_under_their_ids];
    9 => [operation::a_planned_failback_drains_and_subscriptions_do_not_notice];
    10 => [calls::calls_go_on_while_the_primary_is_killed];
    11 => [calls::a_client_may_use_one_id_for_everything];
    12 => [subscriptions::nodes_that_count_their_ids_cross_no_wires];
    13 => [subscriptions::nothing_comes_after_an_unsubscribe_during_or_after_a_failover];
    14 => [subscriptions::subscriptions_in_batches_and_binary_frames_are_as_any_other];
    15 => [
        refused::heads_and_logs_come_by_polling_where_every_node_refuses_subscriptions,
        refused::a_relayed_subscription_that_a_node_refuses_is_taken_to_another,
        refused::a_relayed_subscription_that_no_node_takes_over_ends_with_1013_and_a_reason
    ];
    16 => [
        failover::a_dropped_stream_of_a_healthy_node_is_dialled_again_and_no_client_notices,
        failover::a_node_without_websockets_is_followed_all_the_same_and_dialled_again_within_a_second,
        failover::an_idle_stream_that_is_kicked_is_dialled_again_within_a_second_and_no_client_notices
    ];
    17 => [
        large::forty_mebibytes_pass_over_http_and_two_hundred_are_an_error_of_that_call,
        large::forty_mebibytes_pass_over_websocket_beside_heads_and_two_hundred_are_an_error_of_that_call,
        large::an_answer_beyond_the_limit_is_one_error_in_its_batch
    ];
    18 => [failover::a_dial_that_hangs_is_given_up_within_two_seconds_and_another_node_is_used];
    19 => [crowd::one_of_a_thousand_clients_that_stops_reading_is_closed_and_the_others_notice_nothing];
    20 => [
        transactions::a_transaction_whose_answer_is_lost_in_whatever_way_is_reported_as_accepted,
        transactions::a_transaction_on_its_way_to_a_node_that_is_killed_is_reported_as_accepted,
        transactions::a_transaction_whose_every_answer_is_lost_is_looked_up_by_its_hash,
        transactions::a_transaction_of_which_nothing_is_known_is_not_called_failed,
        transactions::a_transaction_that_a_node_knows_already_is_reported_as_accepted,
        transactions::a_nonce_that_is_too_low_is_an_error_only_where_another_transaction_has_it
    ];
    21 => [
        errors::reads_have_no_failure_that_a_client_sees_whatever_is_wrong_with_one_of_two_nodes,
        errors::a_null_that_another_node_can_fill_is_asked_of_it,
        errors::a_revert_is_an_answer_and_no_other_node_is_asked,
        errors::a_node_that_asks_to_be_left_alone_is_left_alone_for_so_long
    ];
    22 => [
        liars::a_node_that_tells_of_a_head_far_away_is_found_out_and_given_nothing,
        liars::of_two_nodes_the_one_that_tells_of_a_head_far_away_moves_nothing_and_is_found_out
    ];
    23 => [
        beacon::a_hung_beacon_node_changes_nothing_for_execution,
        beacon::beacon_nodes_that_are_optimistic_offline_or_far_behind_are_not_chosen_while_a_better_one_exists
    ];
    24 => [
        beacon::event_streams_stay_open_over_the_death_of_a_node_and_no_head_is_missing_or_told_twice,
        beacon::heads_that_were_missed_are_told_in_order_when_a_node_is_back,
        beacon::events_are_relayed_within_50_ms
    ];
}

/// The sources, as they stand.
const MODULES: &[(&str, &str)] = &[
    ("announced", include_str!("announced.rs")),
    ("beacon", include_str!("beacon.rs")),
    ("branches", include_str!("branches.rs")),
    ("calls", include_str!("calls.rs")),
    ("crowd", include_str!("crowd.rs")),
    ("errors", include_str!("errors.rs")),
    ("failover", include_str!("failover.rs")),
    ("large", include_str!("large.rs")),
    ("liars", include_str!("liars.rs")),
    ("operation", include_str!("operation.rs")),
    ("refused", include_str!("refused.rs")),
    ("subscriptions", include_str!("subscriptions.rs")),
    ("transactions", include_str!("transactions.rs")),
];

#[test]
fn every_row_names_tests_that_there_are() {
    for Behaviour { number, tests } in BEHAVIOURS {
        assert!(!tests.is_empty(), "{number}");
        for (module, test) in *tests {
            let source = MODULES.iter().find(|(name, _)| name == module).map(|(_, source)| *source);
            let is_there = source.is_some_and(|source| source.contains(&format!("async fn {test}()")));
            assert!(is_there, "{number}: {module}::{test}");
        }
    }
}

#[test]
fn every_behaviour_has_its_row() {
    let numbers: Vec<u32> = BEHAVIOURS.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..BY_PROGRAM).collect::<Vec<_>>());
}
