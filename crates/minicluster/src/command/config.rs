//! `minicluster config`: what the settings are, where they come from, and other forms of them.

use config::{ConfigError, Loaded, Machine, Origin};
use serde_json::json;

use crate::cli::Shared;
use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Format};

/// What to do with the settings.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Options {
    /// Whether the settings are good: exit code 3 and what to mend if not
    #[command(after_help = "\
Examples:
  minicluster config check                              config.yml, .env and the environment
  minicluster config check --config other.yml           another file, and the .env beside it
  minicluster config check --set kafka.partitions=12    what a flag would do")]
    Check,
    /// Every setting in effect, in the form of config.yml
    #[command(after_help = "\
Examples:
  minicluster config show --origin                      with the place that each value comes from
  minicluster config show > config.yml                  a file to begin with
  minicluster config show -o json | grep partitions     one setting a line")]
    Show {
        /// Say where each value comes from: a line, a variable, a flag, or the default
        #[arg(long)]
        origin: bool,
        /// How to print; as a table it is YAML
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// The settings as the text of .env, for Docker Compose and scripts
    #[command(after_help = "\
Examples:
  minicluster config render                             print it
  minicluster config render --write                     write .env beside config.yml")]
    Render {
        /// Write the file; one that was written by hand is left alone
        #[arg(long)]
        write: bool,
    },
    /// The JSON Schema of config.yml: editors complete and check the file by it
    #[command(after_help = "\
Examples:
  minicluster config schema > config.schema.json
and as the first line of config.yml, for editors with the YAML language server:
  # yaml-language-server: $schema=config.schema.json")]
    Schema,
}

/// Needs no running platform, and for the schema not even good settings.
pub(crate) fn run(options: &Options, shared: &Shared) -> Outcome {
    match options {
        Options::Check => check(&shared.loaded()?),
        Options::Show { origin, output } => show(&shared.loaded()?, *origin, *output),
        Options::Render { write } => return render(shared, *write),
        Options::Schema => output::data(&config::schema()),
    }
    Ok(())
}

/// Tells what was said and has no effect, or not the one expected.
pub(crate) fn tell_notes(loaded: &Loaded) {
    for note in &loaded.notes {
        output::progress(&format!("note: {note}"));
    }
}

fn check(loaded: &Loaded) {
    tell_notes(loaded);
    let set = loaded
        .values()
        .iter()
        .filter(|value| value.origin != Origin::Default)
        .count();
    let defaults = loaded.values().len() - set;
    output::data(&format!(
        "The configuration is good: {set} settings are set, {defaults} have their default."
    ));
}

fn show(loaded: &Loaded, origin: bool, format: Format) {
    tell_notes(loaded);
    match format {
        Format::Table => output::data(&loaded.yaml(origin)),
        Format::Json => {
            for value in loaded.values() {
                let mut row = json!({"key": value.key.path, "value": value.text});
                if origin {
                    row["origin"] = json!(value.origin.to_string());
                }
                output::data(&row.to_string());
            }
        }
    }
}

fn render(shared: &Shared, write: bool) -> Outcome {
    let rendered = config::render(&shared.sources()?, Machine::here()).map_err(failure)?;
    if !write {
        output::data(&rendered.text);
        return Ok(());
    }
    let written = rendered.write().map_err(failure)?;
    let path = rendered.path.display();
    output::progress(&match written {
        true => format!("{path} is written"),
        false => format!("{path} is up to date"),
    });
    Ok(())
}

/// The exit code of whatever is wrong with the settings.
pub(crate) fn failure(error: ConfigError) -> Failure {
    let code = match error {
        ConfigError::Unwritable { .. } => Code::Failure,
        _ => Code::Configuration,
    };
    Failure::new(code, error)
}
