use super::*;

const P: PartitionIndex = PartitionIndex(0);

fn assigned() -> Tracks {
    let mut tracks = Tracks::default();
    tracks.assign("t", P, Offset(0).into());
    tracks
}

#[test]
fn the_first_look_comes_at_once_and_those_for_a_lost_leader_after_a_pause() {
    let mut tracks = assigned();
    assert!(!tracks.start_looking(), "nothing is known yet");
    tracks.end_looking(true, |_| true, |_, _| false, 9);
    assert!(tracks.start_looking(), "the topic is known, its leader is not");
    tracks.end_looking(true, |_| true, |_, _| true, 9);
    assert!(!tracks.start_looking(), "there was a leader: it is lost only now");
}

#[test]
fn a_look_that_came_to_nothing_is_followed_by_a_pause() {
    let mut tracks = assigned();
    tracks.start_looking();
    tracks.end_looking(false, |_| false, |_, _| false, 9);
    assert!(tracks.start_looking());
}
