//! A host's own property suite: random operations on the host's code, judged by the engine's model.
//!
//! ```text
//! cargo run -p strowger --features proptest --example property_suite -- --cases 200
//! ```

use std::process::ExitCode;

use strowger::proptest::{Host, Rig, Suite, Trouble};
use strowger::{Engine, Inbound, Reply};

/// What a host typically has around the engine: its own way to hand requests and customers in.
struct Desk {
    engine: Engine,
    rig: Rig,
}

impl Desk {
    /// A request as the host's server got it: HTTP status and body of the answer.
    fn post(&self, agent: &str, channel: &str, id: Option<&str>, body: &[u8]) -> (u16, String) {
        match self.rig.agent(agent).perform(channel, id, body) {
            Ok(reply @ (Reply::Accepted { .. } | Reply::Refused(_))) => {
                (reply.http_status(), reply.to_json())
            }
            Err(error) => (500, format!("{{\"statusCode\":4,\"statusMessage\":\"{error}\"}}")),
        }
    }
}

// What the suite is to see of the host. The rest is done on the engine directly.
impl Host for Desk {
    fn open(rig: Rig) -> Self {
        Self { engine: rig.engine().clone(), rig }
    }

    fn rig(&self) -> &Rig {
        &self.rig
    }

    fn perform(&self, agent: &str, channel: &str, id: Option<&str>, body: &[u8]) -> (u8, Option<u64>) {
        let (status, answer) = self.post(agent, channel, id, body);
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("an answer is JSON");
        let code = answer["statusCode"].as_u64().and_then(|code| u8::try_from(code).ok()).expect("a code");
        assert_eq!(code == 0, status == 200, "HTTP {status} goes with {answer}");
        (code, answer["referenceId"].as_u64())
    }

    fn receive(&self, channel: &str, document: &str) -> Result<String, Trouble> {
        let inbound =
            Inbound::parse(document).map_err(|refusal| Trouble::Refused(refusal.code().number()))?;
        Ok(self.engine.receive(channel, &inbound)?.to_string())
    }
}

fn main() -> ExitCode {
    let mut suite = Suite::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next().map(|count| count.parse())) {
            ("--cases", Some(Ok(cases))) => suite = suite.cases(cases),
            ("--help" | "-h", _) => {
                println!("property_suite [--cases N]: runs N random cases (100) on a host of its own");
                return ExitCode::SUCCESS;
            }
            _ => {
                eprintln!("`{argument}` is not understood: expected --cases N or --help");
                return ExitCode::from(2);
            }
        }
    }
    match suite.run::<Desk>() {
        Ok(summary) => {
            println!(
                "{} cases, {} steps ({} refused): host and model agree",
                summary.cases, summary.steps, summary.refused
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("host and model differ after these steps:\n{failure}");
            ExitCode::FAILURE
        }
    }
}
