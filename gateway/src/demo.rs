//! `demo`: a contact centre to look at, without anything outside this process.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::auth::{Keys, PasswordHash, PasswordHashError};
use crate::gateway::Gateway;
use crate::house::{self, House, HouseError};
use crate::http::endpoints::Part;
use crate::http::{Door, DoorError, Scheme};
use crate::log::{self, LogFormat};
use crate::push::{self, Identity, PushRules};
use crate::replay::{self, ReplayError};
use crate::routing::Rules;
use crate::run;
use crate::settings::Settings;
use crate::staff::{Colleague, Staff};

/// What the demonstration is told.
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) sandbox: SocketAddr,
    pub(crate) store: Option<PathBuf>,
    pub(crate) plugins: Option<PathBuf>,
}

/// Why there is no demonstration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("{0}")]
    House(#[from] HouseError),
    #[error("{0}")]
    Door(#[from] DoorError),
    #[error("the published requests could not be played: {0}")]
    Seeds(#[from] ReplayError),
    #[error("{0}")]
    Password(#[from] PasswordHashError),
    #[error("{0}")]
    Engine(#[from] strowger::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The demonstration's queue.
const QUEUE: &str = "/queues/social";

/// The identity token of the published sample of a push.
const IDENTITY: &str = "923843ec-1749-4cc1-988f-d6963f3b1baa";
/// Keys that everybody may know: nothing here is real.
const KEYS: (&str, &str) = ("demo-public-key", "demo-private-key");

/// Pushes are made in the name of `a1`, by the accounts that are there.
fn push_rules() -> PushRules {
    let account = |channel: &str| (channel.to_owned(), "vitaliy_onv".to_owned());
    let identity = Identity {
        agent: "a1".into(),
        queue: QUEUE.into(),
        accounts: ["twitter", "facebook"].map(account).into(),
    };
    PushRules {
        keys: Keys::new(KEYS.0, KEYS.1),
        wait: push::WAIT,
        // The sample names this place; X knows it by this id.
        places: [("Paris FRANCE".to_owned(), "09f6a7707f18e0b1".to_owned())].into(),
        identities: [(IDENTITY.to_owned(), identity)].into(),
    }
}

/// Serves the demonstration until it is interrupted.
pub(crate) fn run(options: Options) -> Result<(), DemoError> {
    log::begin(tracing_subscriber::filter::LevelFilter::WARN, LogFormat::Text);
    run::block_on(async {
        // Held before anything is opened: whoever can't listen need not do the rest.
        let door = Door::open(options.listen, Scheme::Plain, vec![Part::Public, Part::Operator]).await?;
        let url = door.url();
        let base_uri = url.trim_end_matches('/').to_owned();
        let house = House::open(&house::Options {
            sandbox: options.sandbox,
            store: options.store,
            base_uri: Some(base_uri.clone()),
            plugins: options.plugins,
        })?;
        if house.is_new {
            replay::play_seeds(&house)?;
        }
        let colleagues = house::AGENTS.map(|(id, features)| {
            Ok::<_, DemoError>(Colleague::new(&house.engine, id, features, PasswordHash::of(id)?)?)
        });
        let staff = Staff::new(colleagues.into_iter().collect::<Result<Vec<_>, _>>()?);
        let settings = Settings {
            csrf: false,
            base_uri,
            queues: vec![QUEUE.into()],
            routing: Some(Rules::of(vec![QUEUE.into()])),
            push: Some(push_rules()),
            ..Settings::default()
        };
        let gateway = Arc::new(Gateway::new(house.engine.clone(), staff, settings));
        run::run(gateway, vec![door], |_| announce(&url, &house)).await?;
        Ok(())
    })
}

/// One line: programs wait for it.
fn announce(url: &str, house: &House) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "strowger-gateway ready on {url} (open it and log in as a1, a2 or a3, passwords the same); sandbox on http://{}/ \
         (what was published: /_sandbox/posts)",
        house.sandbox.addr()
    )?;
    out.flush()
}
