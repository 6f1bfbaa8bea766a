//! What waits for a peer that takes nothing.

use bytes::Bytes;
use record::BrokerId;

use super::{PeerLinks, QUEUED_BYTES};
use crate::shell::executor_thread::Queues;
use crate::{ClusterSecret, Peer};

#[tokio::test]
async fn a_peer_that_takes_nothing_costs_a_bounded_number_of_bytes() {
    let peer = Peer {
        id: BrokerId(2),
        host: "127.0.0.1".to_owned(),
        port: 0,
    };
    let (_queues, submissions, _) = Queues::new();
    let secret = ClusterSecret::new("sixteen bytes or more").expect("long enough");
    let (links, mut tasks) = PeerLinks::new([peer].into_iter(), BrokerId(1), "c", &secret, &submissions);
    let large = Bytes::from(vec![0; QUEUED_BYTES / 8 + 1]);
    for _ in 0..100 {
        links.send(BrokerId(2), large.clone());
    }
    let taken = std::iter::from_fn(|| tasks[0].try_next()).count();
    assert_eq!(taken, 7);
    links.send(BrokerId(2), large);
    assert!(tasks[0].try_next().is_some(), "there is room again");
}
