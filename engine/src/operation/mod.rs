//! What an agent asks for, read once from JSON into types, and how a refusal looks.

mod parameters;
mod path;
mod refusal;
mod request;

pub(crate) use parameters::Parameters;
pub use path::{InvalidPath, QueuePath, TransferTarget};
pub use refusal::{Refusal, StatusCode};
pub use request::{Asked, Request};
