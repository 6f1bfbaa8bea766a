//! The ports that a platform listens on: which, whether they are free, and who has them if not.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};

use config::{Broker, Settings};
use run::name_of;

use crate::failure::{Code, Failure, Outcome};

/// A port that we want, and the setting that names it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) port: u16,
    pub(crate) key: String,
}

/// Every port that these settings ask for.
pub(crate) fn wanted(settings: &Settings) -> Vec<Wanted> {
    let brokers = settings.kafka.brokers.iter().flat_map(of_broker);
    of_console(settings).into_iter().chain(brokers).collect()
}

/// The same, and behind them those of brokers that aren't there yet: a port must be known to all before its
/// broker joins.
pub(crate) fn possible(settings: &Settings) -> Vec<Wanted> {
    let absent = |broker: &&Broker| !settings.kafka.brokers.contains(broker);
    let others = settings.kafka.possible.iter().filter(absent);
    let mut all = wanted(settings);
    all.extend(others.flat_map(of_broker));
    all
}

/// Those of one broker.
pub(crate) fn of_broker(broker: &Broker) -> [Wanted; 2] {
    [
        ("external_ports", broker.client_port),
        ("peer_ports", broker.peer_port),
    ]
    .map(|(section, port)| Wanted {
        port,
        key: format!("kafka.{section}.broker_{}", broker.id),
    })
}

/// Those of the console.
pub(crate) fn of_console(settings: &Settings) -> [Wanted; 2] {
    [
        ("ui.kafka_ui_port", settings.ui.console_port),
        ("ui.spark_master_ui_port", settings.ui.jobs_port),
    ]
    .map(|(key, port)| Wanted {
        port,
        key: key.to_owned(),
    })
}

/// Every port moved up by a number, as settings.
///
/// # Errors
/// Ports end at 65535.
pub(crate) fn moved(wanted: &[Wanted], offset: u16) -> Outcome<Vec<(String, String)>> {
    let moved = wanted.iter().map(|Wanted { port, key }| {
        let port = port.checked_add(offset).ok_or_else(|| {
            let message = format!("`--port-offset {offset}`: `{key}` would be beyond 65535");
            Failure::new(Code::Usage, message)
        })?;
        Ok((key.clone(), port.to_string()))
    });
    moved.collect()
}

/// A free port for each, as settings. Somebody else may take one before it is listened on.
pub(crate) fn free(host: IpAddr, wanted: &[Wanted]) -> Outcome<Vec<(String, String)>> {
    // All are held until all are found, so that they differ.
    let mut held = Vec::new();
    let mut settings = Vec::new();
    for Wanted { key, .. } in wanted {
        let listener = TcpListener::bind((host, 0)).map_err(|error| {
            Failure::new(
                Code::Conflict,
                format!("there is no free port on {host} for `{key}`: {error}"),
            )
        })?;
        settings.push((key.clone(), listener.local_addr()?.port().to_string()));
        held.push(listener);
    }
    Ok(settings)
}

/// Checks that every port can be listened on.
///
/// # Errors
/// The first that can't, with its holder and the setting to change.
pub(crate) fn check(host: IpAddr, wanted: &[Wanted]) -> Outcome {
    for (place, Wanted { port, key }) in wanted.iter().enumerate() {
        if let Some(other) = wanted[..place].iter().find(|other| other.port == *port) {
            let message = format!(
                "port {port} is wanted twice, by `{}` and by `{key}`: choose another with `--set {key}=PORT`",
                other.key
            );
            return Err(Failure::new(Code::Conflict, message));
        }
    }
    wanted.iter().try_for_each(|wanted| check_one(host, wanted))
}

/// Checks that one port can be listened on.
///
/// # Errors
/// If it can't, with its holder and the setting to change.
pub(crate) fn check_one(host: IpAddr, Wanted { port, key }: &Wanted) -> Outcome {
    let address = SocketAddr::new(host, *port);
    let error = match TcpListener::bind(address) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let message = match error.kind() {
        ErrorKind::AddrInUse => {
            let named = |pid| format!("`{}` (pid {pid})", name_of(pid).unwrap_or_default());
            let holder = holder(*port).map_or_else(|| "another program".to_owned(), named);
            format!("port {port} is taken by {holder}: stop it, or choose another with `--set {key}=PORT`")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{host} is no address of this machine: set another `kafka.host`")
        }
        ErrorKind::PermissionDenied => {
            format!("this user may not listen on port {port}: choose another with `--set {key}=PORT`")
        }
        _ => format!("cannot listen on {address} (`{key}`): {error}"),
    };
    Err(Failure::new(Code::Conflict, message))
}

/// The process that listens on a port, as far as this user may see it.
pub(crate) fn holder(port: u16) -> Option<u32> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inode = tables.iter().find_map(|table| {
        let text = std::fs::read_to_string(table).ok()?;
        text.lines().find_map(|line| listening_inode(line, port))
    })?;
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_open(*pid, &link))
}

fn has_open(pid: u32, link: &str) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    let target = |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).ok();
    files
        .filter_map(|entry| target(entry.ok()?))
        .any(|target| target.as_os_str() == link)
}

/// The inode of the socket, if the line of `/proc/net/tcp` is a listener on this port.
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let (_, hex) = local.rsplit_once(':')?;
    if state != LISTEN || u16::from_str_radix(hex, 16) != Ok(port) {
        return None;
    }
    fields.nth(5)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use std::collections::BTreeSet;

    use super::{Wanted, check, free, listening_inode, moved};

    fn wanted(port: u16, key: &str) -> Wanted {
        Wanted {
            port,
            key: key.to_owned(),
        }
    }

    #[test]
    fn ports_are_moved_together_and_not_beyond_the_end() {
        let both = [wanted(19092, "a"), wanted(65_000, "b")];
        let settings = moved(&both, 500).expect("within the bounds");
        let pair = |key: &str, port: &str| (key.to_owned(), port.to_owned());
        assert_eq!(settings, [pair("a", "19592"), pair("b", "65500")]);
        let message = moved(&both, 1000).expect_err("beyond").to_string();
        assert!(message.contains("`b` would be beyond 65535"), "{message}");
    }

    #[test]
    fn free_ports_differ_and_can_be_listened_on() {
        let all: Vec<Wanted> = (0..8).map(|key| wanted(1, &key.to_string())).collect();
        let host = Ipv4Addr::LOCALHOST.into();
        let settings = free(host, &all).expect("there are free ports");
        let ports: BTreeSet<&String> = settings.iter().map(|(_, port)| port).collect();
        assert_eq!(ports.len(), 8);
    }

    #[test]
    fn a_taken_port_names_its_holder_and_the_setting() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let wanted = [Wanted {
            port,
            key: "kafka.external_ports.broker_1".to_owned(),
        }];
        let failure = check(Ipv4Addr::LOCALHOST.into(), &wanted).expect_err("we hold it");
        let message = failure.to_string();
        assert!(
            message.contains(&format!("(pid {})", std::process::id())),
            "{message}"
        );
        assert!(
            message.ends_with("with `--set kafka.external_ports.broker_1=PORT`"),
            "{message}"
        );
    }

    #[test]
    fn only_listeners_count() {
        let line = |state: &str| {
            format!(
                "   0: 0100007F:4A94 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100"
            )
        };
        assert_eq!(listening_inode(&line("0A"), 0x4A94), Some(4711));
        assert_eq!(listening_inode(&line("0A"), 80), None);
        assert_eq!(listening_inode(&line("01"), 0x4A94), None);
        assert_eq!(listening_inode("  sl  local_address", 80), None);
    }
}
