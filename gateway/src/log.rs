//! What the gateway writes about itself, on standard error.

use std::io;

use tracing_subscriber::filter::LevelFilter;

/// How it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to write. Only the first call has an effect.
pub(crate) fn begin(level: LevelFilter, format: LogFormat) {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false);
    let begun = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if begun.is_err() {
        tracing::debug!("the log was begun already");
    }
}
