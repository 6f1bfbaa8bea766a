//! The order in which services start and stop.

use run::Service;

/// Its place in the order of starting: what others need starts before them.
pub(super) fn start_stage(service: Service) -> u32 {
    match service {
        Service::Broker(_) | Service::Console => 0,
        Service::Etl | Service::Generator => 1,
    }
}

/// Its place in the order of stopping: what feeds others stops before them, and what shows them last.
pub(crate) fn stop_stage(service: Service) -> u32 {
    match service {
        Service::Generator => 0,
        Service::Etl => 1,
        Service::Broker(_) | Service::Console => 2,
    }
}
