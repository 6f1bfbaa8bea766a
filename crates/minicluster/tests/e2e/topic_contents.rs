//! What the topics hold, read through the client.

use std::collections::BTreeMap;

use client::{Client, Fetcher, FetcherOptions, Isolation, OffsetSpec, Options};
use generator::Kind;
use record::PartitionIndex;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// What the generator says it is.
    pub(crate) kind: Kind,
    pub(crate) value: Vec<u8>,
}

/// All records of a topic by partition and offset.
pub(crate) type Contents = BTreeMap<(i32, i64), Stored>;

/// Reads a topic from its first record to its end.
pub(crate) fn read(bootstrap: Vec<String>, topic: &str) -> Contents {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let patience = super::platform::PATIENCE;
    runtime.block_on(async {
        let read = read_all(bootstrap, topic);
        tokio::time::timeout(patience, read)
            .await
            .expect("the topic is read in time")
    })
}

async fn read_all(bootstrap: Vec<String>, topic: &str) -> Contents {
    let client = Client::connect(Options::new(bootstrap))
        .await
        .expect("the brokers run");
    let metadata = client.metadata(Some(&[topic])).await.expect("the brokers answer");
    let partitions: Vec<PartitionIndex> = metadata
        .topic(topic)
        .expect(topic)
        .partitions
        .iter()
        .map(|partition| partition.index)
        .collect();
    let asks: Vec<_> = partitions
        .iter()
        .map(|index| (topic, *index, OffsetSpec::Latest))
        .collect();
    let ends = client.list_offsets(&asks, Isolation::ReadCommitted).await;
    let mut fetcher = Fetcher::new(&client, FetcherOptions::default());
    let mut open = BTreeMap::new();
    for (index, end) in partitions.iter().zip(ends) {
        let end = end.expect("a leader").offset;
        if end.0 > 0 {
            fetcher.assign(topic, *index, record::Offset(0));
            open.insert(*index, end);
        }
    }
    let mut contents = Contents::new();
    while !open.is_empty() {
        for fetched in fetcher.next().await.expect("readable") {
            for record in fetched.batch.records().expect("readable").iter() {
                let record = record.expect("well-formed");
                let kind = record.headers.last(b"mc-kind").and_then(|header| header.value);
                let stored = Stored {
                    kind: kind_of(kind),
                    value: record.value.unwrap_or_default().to_vec(),
                };
                let place = (fetched.partition.0, record.offset.0);
                assert!(
                    contents.insert(place, stored).is_none(),
                    "{topic} {place:?} came twice"
                );
            }
        }
        open.retain(|index, end| {
            fetcher
                .position(topic, *index)
                .is_some_and(|position| position.offset < *end)
        });
    }
    contents
}

fn kind_of(header: Option<&[u8]>) -> Kind {
    let name = header.expect("the header mc-kind");
    let named = |kind: &Kind| kind.name().as_bytes() == name;
    Kind::ALL.into_iter().find(named).expect("a known kind")
}
