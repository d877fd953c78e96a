//! A local stand-in for the platforms that Strowger publishes to.
