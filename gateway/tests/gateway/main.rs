//! The built program over HTTP, on free ports of this machine.

mod access;
mod addresses;
mod clients;
mod cometd;
mod configuration;
mod hostile;
mod inbound;
mod load;
mod page;
mod passwords;
mod proxies;
mod push;
mod secrets;
mod support;
mod surface;
mod uploads;
