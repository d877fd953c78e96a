//! Lines that plugins write to the host's log.

use crate::blot::Blotter;

/// The longest line that is passed on, in bytes.
const MAX_LINE_BYTES: usize = 4096;

/// Passes a plugin's line on, without the secrets that are known.
pub(crate) fn plugin_line(plugin: &str, level: i32, message: &[u8], blotter: &Blotter) {
    let end = message.len().min(MAX_LINE_BYTES);
    let text = String::from_utf8_lossy(&message[..end]);
    let text = blotter.scrub(&text);
    match level {
        ..=1 => tracing::error!(target: "strowger_loader::plugin", plugin, "{text}"),
        2 => tracing::warn!(target: "strowger_loader::plugin", plugin, "{text}"),
        3 => tracing::info!(target: "strowger_loader::plugin", plugin, "{text}"),
        _ => tracing::debug!(target: "strowger_loader::plugin", plugin, "{text}"),
    }
}
