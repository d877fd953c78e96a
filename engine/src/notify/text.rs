//! A notification's JSON.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "sqlite")]
use crate::interaction::UserData;

/// A notification's JSON. User data is most of it and merely passes through: it is not copied into the
/// notification, but shared with the interaction that has it. Who hands it on writes the parts one behind the
/// other ([`NoteText::parts`]), or has them in one piece (`to_string`).
#[derive(Clone)]
pub struct NoteText {
    head: Box<str>,
    /// Behind the head, with what then is still open.
    user_data: Option<Arc<str>>,
}

impl NoteText {
    /// User data is the last member of its object, which is the last one of the notification.
    pub(super) const BEHIND_USER_DATA: &str = "}}";

    pub(crate) fn new(head: Box<str>, user_data: Option<Arc<str>>) -> Self {
        Self { head, user_data }
    }

    /// What comes before the user data, if that is shared with this one.
    #[cfg(feature = "sqlite")]
    pub(crate) fn before_shared(&self, user_data: &UserData) -> Option<&str> {
        let (own, other) = (self.user_data.as_ref()?, user_data.text_shared()?);
        Arc::ptr_eq(own, other).then_some(&*self.head)
    }

    /// What makes up the JSON, in this order; parts may be empty.
    pub fn parts(&self) -> [&str; 3] {
        match &self.user_data {
            Some(user_data) => [&self.head, user_data, Self::BEHIND_USER_DATA],
            None => [&self.head, "", ""],
        }
    }

    /// The JSON's length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "no JSON is empty")]
    pub fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }
}

impl From<&str> for NoteText {
    fn from(text: &str) -> Self {
        Self { head: text.into(), user_data: None }
    }
}

impl From<String> for NoteText {
    fn from(text: String) -> Self {
        Self { head: text.into(), user_data: None }
    }
}

impl fmt::Display for NoteText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().into_iter().try_for_each(|part| formatter.write_str(part))
    }
}

impl fmt::Debug for NoteText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), formatter)
    }
}

/// By the JSON: what of it is shared makes no difference.
impl PartialEq for NoteText {
    fn eq(&self, other: &Self) -> bool {
        fn bytes(text: &NoteText) -> impl Iterator<Item = u8> {
            text.parts().into_iter().flat_map(str::bytes)
        }
        self.len() == other.len() && bytes(self).eq(bytes(other))
    }
}

impl Eq for NoteText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_or_not_it_is_the_same_text() {
        let whole = NoteText::from(r#"{"r":{"a":1,"userData":{"k":"v"}}}"#);
        let shared = NoteText::new(r#"{"r":{"a":1,"userData":"#.into(), Some(r#"{"k":"v"}"#.into()));
        assert_eq!(shared, whole);
        assert_eq!((shared.to_string(), shared.len()), (whole.to_string(), whole.to_string().len()));
        assert_eq!(format!("{shared:?}"), format!("{:?}", whole.to_string()));
        let other = NoteText::new(r#"{"r":{"a":1,"userData":"#.into(), Some(r#"{"k":"w"}"#.into()));
        assert_ne!(other, whole);
    }
}
