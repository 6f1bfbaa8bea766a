//! The addresses: what a client sees that connects to them and follows what the brokers advertise.

use std::collections::BTreeSet;
use std::time::Duration;

use client::{Client, ClientError, ClusterMetadata};
use config::Settings;

use super::finding::Finding;

/// A client that waits longer has given up long ago.
const PATIENCE: Duration = Duration::from_secs(3);

/// Goes to every broker as a client would: first to the addresses that one is told, then to those that the
/// brokers tell. `cluster_id` is whose brokers they should be.
pub(super) async fn check(
    settings: &Settings,
    bootstrap: &[String],
    cluster_id: Option<&str>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut metadata: Option<ClusterMetadata> = None;
    let mut reached = BTreeSet::new();
    for address in bootstrap {
        match ask(address).await {
            Ok(answer) => {
                reached.insert(address.clone());
                findings.extend(other_cluster(address, &answer, cluster_id));
                metadata.get_or_insert(answer);
            }
            Err(error) => findings.push(unreachable(address, &error)),
        }
    }
    let Some(metadata) = metadata else {
        return findings;
    };
    for broker in metadata.brokers.values() {
        let advertised = broker.address();
        if reached.contains(&advertised) {
            continue;
        }
        match ask(&advertised).await {
            Ok(_) => _ = reached.insert(advertised),
            Err(error) => findings.push(astray(broker.id.0, &advertised, &error)),
        }
    }
    if !reached.is_empty() {
        let reached: Vec<&str> = reached.iter().map(String::as_str).collect();
        let only = match settings.kafka.host.is_loopback() {
            true => "; clients on this machine only (in a container, 127.0.0.1 is the container itself)",
            false => "",
        };
        findings.insert(
            0,
            Finding::ok(
                "addresses",
                format!("a client reaches {}{only}", reached.join(", ")),
            ),
        );
    }
    findings.extend(cluster(settings, &metadata));
    findings
}

async fn ask(address: &str) -> Result<ClusterMetadata, ClientError> {
    let options = client::Options {
        client_id: "minicluster-doctor".to_owned(),
        connect_timeout: PATIENCE,
        request_timeout: PATIENCE,
        ..client::Options::new([address])
    };
    Client::connect(options).await?.metadata(None).await
}

/// What the client says of the one address that it was given.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Unreachable { attempts } => {
            let reasons: Vec<&str> = attempts.iter().map(|(_, reason)| reason.as_str()).collect();
            reasons.join("; ")
        }
        other => other.to_string(),
    }
}

fn unreachable(address: &str, error: &ClientError) -> Finding {
    Finding::fail(
        format!("address {address}"),
        format!("a client gets: {}", reason(error)),
    )
    .remedy("`minicluster status` says whether its broker runs, `minicluster logs` why not")
}

fn astray(broker: i32, advertised: &str, error: &ClientError) -> Finding {
    let says = format!(
        "broker {broker} sends its clients to {advertised}, and there they get: {}",
        reason(error)
    );
    Finding::fail(format!("address {advertised}"), says).remedy(
        "a client connects at first and fails then: set `kafka.host` to an address that clients reach",
    )
}

fn other_cluster(address: &str, answer: &ClusterMetadata, cluster_id: Option<&str>) -> Option<Finding> {
    let ours = cluster_id.filter(|ours| *ours != answer.cluster_id)?;
    let says = format!(
        "a broker of cluster {} answers, this data folder is of cluster {ours}",
        answer.cluster_id
    );
    Some(
        Finding::fail(format!("address {address}"), says)
            .remedy("another Kafka has the port: stop it, or set other `kafka.external_ports`"),
    )
}

/// Brokers that are missing, partitions that nobody leads.
fn cluster(settings: &Settings, metadata: &ClusterMetadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_there = |id: u32| {
        metadata
            .brokers
            .keys()
            .any(|there| u32::try_from(there.0) == Ok(id))
    };
    let missing = settings
        .kafka
        .brokers
        .iter()
        .filter(|broker| !is_there(broker.id));
    for broker in missing {
        findings.push(
            Finding::fail(
                format!("broker {}", broker.id),
                "the others don't count it among the living",
            )
            .remedy(format!(
                "`minicluster logs broker-{}`, `minicluster restart broker-{}`",
                broker.id, broker.id
            )),
        );
    }
    if metadata.controller.is_none() {
        findings.push(
            Finding::fail(
                "controller",
                "there is none: topics can't be created, leaders not be elected",
            )
            .remedy("more than half of the brokers must run"),
        );
    }
    let partitions = || metadata.topics.iter().flat_map(|topic| &topic.partitions);
    let leaderless = partitions()
        .filter(|partition| partition.leader.is_none())
        .count();
    let behind = partitions()
        .filter(|partition| partition.isr.len() < partition.replicas.len())
        .count();
    if leaderless > 0 {
        let says = format!("{leaderless} partitions have no leader: they can't be written or read");
        findings.push(
            Finding::fail("topics", says)
                .remedy("start the brokers that hold them: `minicluster topics list`"),
        );
    } else if behind > 0 {
        let says = format!("{behind} partitions have fewer replicas in sync than they should");
        findings.push(Finding::warn("topics", says).remedy("they catch up once all brokers run"));
    } else {
        findings.push(Finding::ok(
            "topics",
            format!("all {} partitions have a leader", partitions().count()),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Finding, ask, unreachable};
    use crate::command::doctor::finding::Level;

    #[tokio::test]
    async fn a_client_that_is_refused_says_why() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        drop(listener);
        let error = ask(&address).await.expect_err("nobody listens");
        let Finding { level, says, .. } = unreachable(&address, &error);
        assert_eq!(level, Level::Fail);
        assert!(says.starts_with("a client gets: Connection refused"), "{says}");
    }

    #[tokio::test]
    async fn something_that_is_no_broker_is_recognised() {
        use tokio::io::AsyncWriteExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                open.push(stream);
            }
        });
        let error = ask(&address).await.expect_err("that is HTTP");
        let says = unreachable(&address, &error).says;
        assert!(says.contains("is this a Kafka broker?"), "{says}");
        server.abort();
    }
}
