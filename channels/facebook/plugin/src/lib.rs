//! The Facebook channel as a plugin: `libstrowger_facebook.so`.

strowger_channel::export_channel!(channel::Facebook);
