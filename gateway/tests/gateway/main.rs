//! The built program over HTTP, on free ports of this machine.

mod access;
mod clients;

mod cometd;
mod configuration;
mod hostile;
mod load;
mod page;
mod support;
mod surface;
