//! One partition, as a follower sees it.

use record::{LeaderEpoch, Offset};

/// Where a follower's log must end, whose leader says that its records part from the leader's
/// (`DivergingEpoch` of Fetch, KIP-595).
///
/// `told` is the largest epoch that the leader has, not above the follower's last one, and its end in the
/// leader's log; `own` the same look-up in the follower's log, for the epoch that was told.
#[must_use]
pub fn truncate_to(
    told: (LeaderEpoch, Offset),
    own: Option<(LeaderEpoch, Offset)>,
    own_end: Offset,
) -> Offset {
    // Where the follower has the epoch as well the shorter of both ends it; where it has none of it, it
    // goes back to where its own older epoch ended.
    let agreed = own.map_or(told.1, |(_, end)| end.min(told.1));
    agreed.min(own_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: i32, end: i64) -> (LeaderEpoch, Offset) {
        (LeaderEpoch(epoch), Offset(end))
    }

    #[test]
    fn the_log_is_cut_where_both_agree_at_most() {
        let cases = [
            // (told by the leader, own look-up, own end, expected)
            (at(3, 10), Some(at(3, 12)), 15, 10),
            (at(3, 10), Some(at(3, 8)), 15, 8),
            (at(3, 10), Some(at(2, 6)), 15, 6),
            (at(3, 10), None, 15, 10),
            (at(3, 10), None, 7, 7),
        ];
        for (told, own, end, expected) in cases {
            let cut = truncate_to(told, own, Offset(end));
            assert_eq!(cut, Offset(expected), "{told:?} {own:?} {end}");
        }
    }
}
