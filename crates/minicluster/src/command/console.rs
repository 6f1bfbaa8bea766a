//! `minicluster console`: the pages, the JSON API and the metrics of the whole platform.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use config::Settings;
use console::{Collector, Server};
use run::{RunFolder, Service};

use crate::cli::ServiceOptions;
use crate::command;
use crate::failure::{Failure, Outcome};
use crate::ports;
use crate::service;
use crate::supervisor::services;

/// The console has no login yet, so it listens nowhere else.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Runs until it is told to stop.
pub(crate) async fn run(settings: &Settings, service: ServiceOptions) -> Outcome {
    let ui = settings.ui;
    ports::check(HOST, &ports::of_console(settings))?;
    let address = |port| SocketAddr::new(HOST, port);
    let bound = Server::bind(address(ui.console_port), address(ui.jobs_port)).await;
    let server =
        bound.map_err(|(address, error)| Failure::plain(format!("cannot listen on {address}: {error}")))?;
    let (console, jobs) = server.addresses()?;
    service::begin(settings, Service::Console, service, Some(console)).await?;
    let collector = Collector::start(options(settings));
    let stop = async {
        if let Err(failure) = service::stop_requested().await {
            tracing::error!("cannot listen to signals, so stopping at once: {failure}");
        }
    };
    service::ready(format!("http://{console}/, jobs http://{jobs}/"));
    server.serve(collector.views(), stop).await?;
    Ok(())
}

/// What there is to look at.
pub(crate) fn options(settings: &Settings) -> console::Options {
    console::Options {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data: settings.folders.data().to_owned(),
        run: RunFolder::new(&settings.folders),
        services: services(settings),
        bootstrap: settings.bootstrap(),
        lake: settings.folders.lake().to_owned(),
        generator: settings.folders.generator(),
        sources: command::etl::sources(settings),
    }
}
