//! The built program over HTTP, on free ports of this machine.

mod access;

mod cometd;
mod configuration;
mod hostile;
mod inbound;
mod push;
mod support;
mod surface;
