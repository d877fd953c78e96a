//! Notifications over CometD (Bayeux 1.0), by long-polling and by WebSocket.
//!
//! One engine subscription per agent feeds an [`Audience`](audience); it hands each note, written once, to
//! the agent's [`Session`](session)s, whose queues are bounded. [`Exchange`] knows them all. `conversation`
//! answers messages, whatever carries them; `long_polling` and `web_socket` carry them.
//!
//! # Ours, beyond Bayeux
//!
//! * A message carries the agent's sequence number: `{"channel", "data", "ext": {"sequence": 7}}`. A
//!   subscribe with `"ext": {"from": 7}` gets the later ones that are still kept first, and then goes on.
//! * Whoever fell too far behind is told `{"channel", "data": {"lagged": true, "sequence": 9}, "lagged":
//!   true, …}` on each topic: notes up to that one are lost, list anew.

mod audience;
mod conversation;
mod exchange;
mod long_polling;
mod message;
mod session;
mod web_socket;

pub(crate) use exchange::Exchange;
pub(crate) use long_polling::long_polling;
pub(crate) use web_socket::web_socket;
