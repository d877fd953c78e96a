//! The channels of OneAll as a plugin: `libstrowger_oneall.so`.

strowger_channel::export_channel!(channel::OneAll);
