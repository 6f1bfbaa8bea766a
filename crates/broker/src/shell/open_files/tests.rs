//! Connections leave files for partitions.

use rustix::process::{Resource, getrlimit};

use super::{most_connections, room_for};

#[test]
fn connections_take_at_most_half_of_the_files() {
    assert_eq!(most_connections(Some(1_024), 10_000), 512);
    assert_eq!(most_connections(Some(1 << 20), 10_000), 10_000);
    assert_eq!(most_connections(None, 10_000), 10_000);
}

#[test]
fn the_limit_is_raised_as_far_as_it_may_be() {
    let room = room_for(10);
    let limit = getrlimit(Resource::Nofile);
    assert_eq!(limit.current, limit.maximum);
    assert!(room > 0);
}
