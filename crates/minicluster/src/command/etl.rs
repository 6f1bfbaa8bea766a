//! `minicluster etl`: from the topics to the lake.

mod report;

use arrow::datatypes::SchemaRef;
use config::Settings;
use etl::{EtlError, TableDeclaration};
use lake::LakeError;
use run::Service;

use report::Told;

use crate::cli::ServiceOptions;
use crate::failure::{Code, Failure, Outcome};
use crate::service::{self, Reporter};

/// Runs until it is told to stop.
pub(crate) async fn run(settings: &Settings, service: ServiceOptions) -> Outcome {
    let (reporter, api) = Reporter::serve(Told::default()).await?;
    service::begin(settings, Service::Etl, service, Some(api)).await?;
    let default = etl::Settings::new(
        settings.folders.lake().to_owned(),
        settings.folders.checkpoints().to_owned(),
    );
    let options = etl::Settings {
        tables: tables(settings),
        trigger: settings.etl.trigger,
        threads: settings.etl.threads,
        epoch_bytes: epoch_bytes(settings.etl.memory_bytes, default.epoch_bytes),
        ..default
    };
    let client = client::Options {
        client_id: "minicluster-etl".to_owned(),
        ..client::Options::new(settings.bootstrap())
    };
    let stop = async {
        if let Err(failure) = service::stop_requested().await {
            tracing::error!("cannot listen to signals, so stopping at once: {failure}");
        }
    };
    let place = settings.folders.lake().display().to_string();
    let mut told = false;
    let tell = move |event: etl::Event| {
        reporter.update(|told| told.take(&event));
        match event {
            etl::Event::Ready if !told => {
                told = true;
                service::ready(&place);
            }
            etl::Event::Progress(progress) => tracing::info!(
                commit = progress.commit,
                read = progress.num_input_rows,
                backlog = progress.backlog,
                ms = progress.batch_duration,
                "committed"
            ),
            // What it waits for it logs by itself.
            _ => {}
        }
    };
    etl::run_telling(options, client, stop, tell)
        .await
        .map_err(failure)
}

/// What an epoch may hold of decoded records: they lie there as columns, as Parquet and as what the
/// encoders need, and beside them the state, which grows with the keys and not with the epoch.
fn epoch_bytes(memory_bytes: u64, default: usize) -> usize {
    const SHARE: u64 = 16;
    let share = usize::try_from(memory_bytes / SHARE).unwrap_or(usize::MAX);
    share.clamp(1 << 20, default)
}

/// The three tables, reading the topics that the settings name.
pub(crate) fn tables(settings: &Settings) -> Vec<TableDeclaration> {
    let mut tables = etl::default_tables();
    for table in &mut tables {
        if let TableDeclaration::Source(source) = table {
            source.watermark_delay = settings.etl.watermark;
            source.topic = match source.table.as_str() {
                "clickstream" => settings.topics.clickstream.clone(),
                _ => settings.topics.iot.clone(),
            };
        }
    }
    tables
}

/// The source tables, each with the topic that it reads.
pub(crate) fn sources(settings: &Settings) -> Vec<(String, String)> {
    let source = |table| match table {
        TableDeclaration::Source(source) => Some((source.table, source.topic)),
        TableDeclaration::Derived(_) => None,
    };
    tables(settings).into_iter().filter_map(source).collect()
}

/// The columns of all tables, also of those that have no rows yet.
pub(crate) fn schemas(settings: &Settings) -> Vec<(String, SchemaRef)> {
    etl::schemas(&tables(settings))
}

fn failure(error: EtlError) -> Failure {
    let code = match error {
        EtlError::Lake(LakeError::Locked { .. }) => Code::Conflict,
        _ => Code::Failure,
    };
    Failure::new(code, error)
}

#[cfg(test)]
mod tests {
    use super::epoch_bytes;

    #[test]
    fn an_epoch_is_smaller_where_memory_is() {
        assert_eq!(epoch_bytes(2 << 30, 64 << 20), 64 << 20);
        assert_eq!(epoch_bytes(256 << 20, 64 << 20), 16 << 20);
        assert_eq!(epoch_bytes(0, 64 << 20), 1 << 20);
    }
}
