//! Property tests for whoever embeds the engine: random sequences of operations, judged by an independent
//! model of the interface.
//!
//! A [`Step`] is one thing that happens: an agent's request with right or wrong parameters, a call of the
//! host, the outcome of a delivery, the passing of time. The [`Model`] says what each step must lead to; it
//! is written from the interface's description and shares no rule with the engine. A [`Host`] performs the
//! steps, and a [`Bench`] compares: the reply's exact code and `referenceId`, every notification, every
//! reading and listing of every agent, `can`, queues, contacts, last agents, and what is given to delivery.
//!
//! A host's suite implements [`Host`] with its own code in the place of what it has code for, and runs it:
//!
//! ```
//! use strowger::proptest::{Host, Rig, Suite};
//!
//! struct Desk(Rig);
//!
//! impl Host for Desk {
//!     fn open(rig: Rig) -> Self {
//!         Self(rig)
//!     }
//!     fn rig(&self) -> &Rig {
//!         &self.0
//!     }
//!     fn revoke(&self, id: &str) -> Result<(), strowger::proptest::Trouble> {
//!         // The host's own code comes here.
//!         Ok(self.0.engine().revoke(id)?)
//!     }
//! }
//!
//! let summary = Suite::new().cases(4).run::<Desk>()?;
//! assert_eq!(summary.cases, 4);
//! # Ok::<(), strowger::proptest::Failure>(())
//! ```
//!
//! `examples/property_suite.rs` is a whole one. For `prop_state_machine!` of the crate
//! `proptest-state-machine`, [`Model`] is a `ReferenceStateMachine` and [`HostTest`] a `StateMachineTest`.
//!
//! Nothing sleeps: clock, chance and names are the [`Rig`]'s. The little contact centre in which everything
//! takes place is described in [`world`].

mod bench;
mod model;
mod rig;
mod step;
mod strategies;
pub mod world;

pub use bench::Bench;
pub use model::{
    Agent, Contact, Delivery, Expected, HostReply, Model, OPERATIONS, Reply, Stage, Stand, Talk, Told, Work,
    allowed_on_collection,
};
pub use rig::{Assignment, Heard, Host, Rig, Trouble};
pub use step::{Flaw, On, Request, Step};
pub use strategies::{
    any_asks, likely_asks, messages, outcomes, parameters, receptions, requests, steps, user_data,
};

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use proptest::strategy::{BoxedStrategy, Just, Strategy};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

/// The most steps of one case, unless [`Suite::steps`] says otherwise.
pub const STEPS: usize = 60;

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::new()).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        steps(state)
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.take(step);
        state
    }
}

/// A host's test for `prop_state_machine!`. It panics where the host and the model differ.
#[derive(Debug)]
pub struct HostTest<H>(PhantomData<H>);

impl<H: Host> StateMachineTest for HostTest<H> {
    type SystemUnderTest = Bench<H>;
    type Reference = Model;

    fn init_test(_: &Model) -> Bench<H> {
        Bench::new()
    }

    fn apply(mut bench: Bench<H>, model: &Model, step: Step) -> Bench<H> {
        if let Err(difference) = bench.perform(model, &step) {
            panic!("{step:?}: {difference}");
        }
        bench
    }

    fn teardown(bench: Bench<H>, model: Model) {
        if let Err(difference) = bench.finish(&model) {
            panic!("at the end: {difference}");
        }
    }
}

/// A configuration that leaves nothing behind in the source tree.
pub fn proptest_config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() }
}

/// A run of many cases that returns what it found instead of panicking.
#[derive(Clone, Debug)]
pub struct Suite {
    cases: u32,
    steps: usize,
    seed: Option<u64>,
}

impl Default for Suite {
    fn default() -> Self {
        Self::new()
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The cases.
    pub cases: u32,
    /// The steps of all of them.
    pub steps: u64,
    /// The steps that were refused.
    pub refused: u64,
}

/// The shortest sequence of steps that was found on which host and model differ.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The steps; the last one shows the difference.
    pub steps: Vec<Step>,
    /// What differs.
    pub difference: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:>3}. {step:?}", index + 1)?;
        }
        write!(f, "{}", self.difference)
    }
}

impl std::error::Error for Failure {}

impl Suite {
    /// 100 cases of up to [`STEPS`] steps each, others in every run.
    pub fn new() -> Self {
        Self { cases: 100, steps: STEPS, seed: None }
    }

    /// So many cases.
    #[must_use]
    pub fn cases(self, cases: u32) -> Self {
        Self { cases, ..self }
    }

    /// Up to so many steps in each; at least one.
    #[must_use]
    pub fn steps(self, steps: usize) -> Self {
        Self { steps: steps.max(1), ..self }
    }

    /// The same cases in every run with this seed.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Runs the cases on this host. The first difference is shrunk to few steps and returned.
    pub fn run<H: Host>(&self) -> Result<Summary, Failure> {
        let config = proptest_config(self.cases);
        let mut runner = match self.seed {
            None => TestRunner::new(config),
            Some(seed) => {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&seed.to_le_bytes());
                let algorithm = config.rng_algorithm;
                TestRunner::new_with_rng(config, TestRng::from_seed(algorithm, &bytes))
            }
        };
        let (cases, steps_run, refused) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let strategy = Model::sequential_strategy(1..=self.steps);
        let outcome = runner.run(&strategy, |(mut model, sequence, seen)| {
            let mut bench = Bench::<H>::new();
            for step in sequence {
                if let Some(seen) = &seen {
                    seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
                model.take(&step);
                steps_run.set(steps_run.get() + 1);
                let is_refused = matches!(model.expected.reply, Some(Reply::Refused(_)));
                refused.set(refused.get() + u64::from(is_refused));
                bench.perform(&model, &step).map_err(TestCaseError::fail)?;
            }
            bench.finish(&model).map_err(TestCaseError::fail)?;
            cases.set(cases.get() + 1);
            Ok(())
        });
        match outcome {
            Ok(()) => Ok(Summary { cases: cases.get(), steps: steps_run.get(), refused: refused.get() }),
            Err(TestError::Fail(reason, (_, steps, _))) => {
                Err(Failure { steps, difference: reason.message().to_owned() })
            }
            Err(TestError::Abort(reason)) => {
                Err(Failure { steps: Vec::new(), difference: format!("the run was given up: {reason}") })
            }
        }
    }
}
