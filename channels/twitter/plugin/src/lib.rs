//! The Twitter channel as a plugin: `libstrowger_twitter.so`.

strowger_channel::export_channel!(channel::Twitter);
