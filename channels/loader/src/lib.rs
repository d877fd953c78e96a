//! Loads Strowger channel plugins and drives their conversations over HTTP.
