use super::*;
use crate::shard::KeyHasher;

fn hash(text: &str) -> KeyHash {
    let mut hasher = KeyHasher::default();
    hasher.push(text.as_bytes());
    hasher.finish()
}

fn at(seconds: i64) -> EventTime {
    EventTime(seconds * 1_000_000)
}

fn insert(dedup: &mut Dedup, key: &str, seconds: i64, watermark: i64) -> bool {
    let key = hash(key);
    dedup.shards_mut()[key.shard()].insert(key, at(seconds), Some(at(watermark)))
}

#[test]
fn a_key_is_known_until_the_watermark_reaches_the_end_of_its_minute() {
    let mut dedup = Dedup::new();
    assert!(insert(&mut dedup, "a", 100, 0));
    assert!(!insert(&mut dedup, "a", 100, 0), "the same event again");
    assert!(!insert(&mut dedup, "a", 130, 119), "the key at another time");
    assert!(insert(&mut dedup, "b", 100, 0), "another key");
    assert!(insert(&mut dedup, "a", 130, 120), "its minute ends at 120");
    assert!(!insert(&mut dedup, "a", 170, 120), "and is known anew");
}

#[test]
fn whether_a_key_is_known_does_not_depend_on_when_buckets_drop() {
    for expire in [false, true] {
        let mut dedup = Dedup::new();
        assert!(insert(&mut dedup, "a", 100, 0));
        if expire {
            dedup.expire(at(120));
            assert_eq!(dedup.len(), 0);
        }
        assert!(insert(&mut dedup, "a", 121, 120));
    }
}

#[test]
fn what_was_added_comes_out_once_and_restores() {
    let mut dedup = Dedup::new();
    for n in 0..1000 {
        insert(&mut dedup, &format!("key {n}"), n, -1);
    }
    let added = dedup.take_added(Some(at(540)));
    assert_eq!(added.len(), 460, "the buckets up to 540 are over");
    assert_eq!(dedup.take_added(None), []);
    dedup.expire(at(540));
    let mut restored = Dedup::new();
    added.iter().for_each(|&key| restored.restore(key));
    let sorted = |dedup: &Dedup| {
        let mut keys: Vec<SeenKey> = dedup.iter().collect();
        keys.sort();
        keys
    };
    assert_eq!(sorted(&restored), sorted(&dedup));
    assert!(!insert(&mut restored, "key 999", 999, 540));
}

#[test]
fn keys_spread_over_all_shards() {
    let mut counts = [0; SHARDS];
    (0..64_000).for_each(|n| counts[hash(&n.to_string()).shard()] += 1);
    assert!(
        counts.iter().all(|count| (800..1200).contains(count)),
        "{counts:?}"
    );
}
