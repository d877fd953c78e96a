//! The Facebook (Graph API) channel of Strowger.
