use super::*;

const DEAD: Identity = Identity { id: 40, epoch: 0 };

/// A run that died: fenced with something or not, having begun or not, leaving something open or not.
fn state(fencing: Option<Identity>, begun: bool, open: u64) -> State {
    let done = Done {
        topic: "t".to_owned(),
        topic_id: String::new(),
        run: if begun { 7 } else { 6 },
        to: 10,
        counts: Counts::default(),
        next: vec![],
        closed: false,
    };
    let topic = TopicState {
        intents: [(done.run, 10 + open)].into(),
        done: Some(done),
    };
    State {
        run: Some(Run {
            number: 1,
            id: 7,
            identity: DEAD,
            fencing,
        }),
        topics: [("t".to_owned(), topic)].into(),
        until_ms: None,
    }
}

#[test]
fn who_may_still_write_is_fenced() {
    let earlier = Identity { id: 30, epoch: 100 };
    assert_eq!(to_fence(&State::default()), None);
    assert_eq!(to_fence(&state(None, true, 0)), None, "nothing is open");
    assert_eq!(to_fence(&state(None, true, 5)), Some(DEAD));
    assert_eq!(
        to_fence(&state(Some(earlier), true, 5)),
        Some(DEAD),
        "all fences stood"
    );
    assert_eq!(
        to_fence(&state(Some(earlier), false, 5)),
        Some(earlier),
        "it died while it fenced: nothing was sent under its own id"
    );
}

#[test]
fn any_number_of_kills_has_an_epoch_left() {
    // A run that got as far as sending had an id of its own, at its first epoch.
    assert_eq!(above(DEAD), Some(Identity { id: 40, epoch: 100 }));
    let mut identity = DEAD;
    let mut kills = 0;
    while let Some(next) = above(identity) {
        assert!(next.epoch > identity.epoch);
        (identity, kills) = (next, kills + 1);
    }
    assert_eq!(kills, 326, "in a row, each of them while it fenced");
}
