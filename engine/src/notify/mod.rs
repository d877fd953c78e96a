//! Who is told what: notes, an agent's sequence and log of them, and subscriptions with bounded queues.

mod hub;
mod line;
mod log;
mod note;
mod subscription;
mod text;

pub(crate) use hub::{Announcement, Hub, NotAdded};
pub use note::{Note, Notification};
pub(crate) use note::{NoteKind, Told};
pub(crate) use subscription::Queue as SubscriptionQueue;
pub use subscription::{Subscription, Topic};
pub use text::NoteText;
