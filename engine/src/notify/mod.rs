//! Who is told what: notes, an agent's sequence of them, and subscriptions with bounded queues.

mod hub;
mod note;
mod subscription;

pub(crate) use hub::Hub;
pub use note::{Note, Notification};
pub(crate) use note::{NoteKind, Told};
pub(crate) use subscription::Queue as SubscriptionQueue;
pub use subscription::{Subscription, Topic};
