//! The table as a picture: Mermaid, DOT and SCXML.

use std::fmt::Write as _;
use std::str::FromStr;

use super::{Direction, Event, Lifecycle, Next, Source, State, TABLE};

/// A language for diagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiagramFormat {
    /// Mermaid's `stateDiagram-v2`.
    Mermaid,
    /// Graphviz.
    Dot,
    /// W3C State Chart XML 1.0.
    Scxml,
}

/// A diagram format that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown diagram format `{0}`: expected `mermaid`, `dot` or `scxml`")]
pub struct UnknownFormat(String);

impl FromStr for DiagramFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "mermaid" => Ok(Self::Mermaid),
            "dot" => Ok(Self::Dot),
            "scxml" => Ok(Self::Scxml),
            other => Err(UnknownFormat(other.to_owned())),
        }
    }
}

impl Lifecycle {
    /// Draws the table with the channel's own operations.
    pub fn diagram(&self, format: DiagramFormat) -> String {
        match format {
            DiagramFormat::Mermaid => mermaid(&self.edges()),
            DiagramFormat::Dot => dot(&self.edges()),
            DiagramFormat::Scxml => scxml(&self.edges()),
        }
    }

    /// One arrow for each pair of states that events lead along, in the table's order.
    fn edges(&self) -> Vec<Edge<'_>> {
        let mut edges = Vec::new();
        for rule in TABLE {
            let direction = match (rule.source, rule.event) {
                (Source::At(direction, _), _) => direction,
                (Source::Collection, Event::Receive) => Direction::Inbound,
                (Source::Collection, _) => Direction::Outbound,
            };
            for &(condition, next) in rule.next.states() {
                // A Reply leaves the inbound interaction as it is; the new draft is another one.
                let edge = if rule.next == Next::NewDraft {
                    Edge {
                        from: None,
                        to: next,
                        direction: Direction::Outbound,
                        event: "Reply",
                        condition: "",
                    }
                } else {
                    let from = match rule.source {
                        Source::Collection => None,
                        Source::At(_, state) => Some(state),
                    };
                    Edge { from, to: next, direction, event: rule.event.name(), condition }
                };
                edges.push(edge);
            }
        }
        for operation in self.channel_operations() {
            for (direction, state) in interactions() {
                if operation.allowed_at(Source::At(direction, state)) {
                    edges.push(Edge {
                        from: Some(state),
                        to: state,
                        direction,
                        event: &operation.name,
                        condition: "",
                    });
                }
            }
        }
        edges
    }
}

struct Edge<'a> {
    from: Option<State>,
    to: State,
    direction: Direction,
    event: &'a str,
    condition: &'static str,
}

impl Edge<'_> {
    fn label(&self) -> String {
        if self.condition.is_empty() {
            self.event.to_owned()
        } else {
            format!("{} ({})", self.event, self.condition)
        }
    }
}

/// Every direction and state that the table speaks of.
fn interactions() -> impl Iterator<Item = (Direction, State)> {
    Direction::ALL.into_iter().flat_map(|direction| {
        State::ALL.into_iter().map(move |state| (direction, state)).filter(|&(direction, state)| {
            TABLE.iter().any(|rule| {
                rule.source == Source::At(direction, state)
                    || (matches!(rule.source, Source::At(from, _) if from == direction)
                        && rule.next.states().iter().any(|&(_, next)| next == state)
                        && rule.next != Next::NewDraft)
            })
        })
    })
}

fn node(direction: Direction, state: State) -> String {
    format!("{}_{}", direction.name(), state.name())
}

fn mermaid(edges: &[Edge<'_>]) -> String {
    let mut text = String::from("stateDiagram-v2\n");
    for direction in Direction::ALL {
        let _ = writeln!(text, "    state {} {{", direction.name());
        for (_, state) in interactions().filter(|(of, _)| *of == direction) {
            let _ = writeln!(text, "        state \"{}\" as {}", state.name(), node(direction, state));
        }
        for edge in edges.iter().filter(|edge| edge.direction == direction) {
            let from = edge.from.map_or_else(|| "[*]".to_owned(), |state| node(direction, state));
            let _ = writeln!(text, "        {from} --> {}: {}", node(direction, edge.to), edge.label());
        }
        text.push_str("    }\n");
    }
    text
}

fn dot(edges: &[Edge<'_>]) -> String {
    let mut text =
        String::from("digraph lifecycle {\n    rankdir=LR;\n    node [shape=box, style=rounded];\n");
    for direction in Direction::ALL {
        let name = direction.name();
        let _ = writeln!(text, "    subgraph cluster_{name} {{\n        label=\"{name}\";");
        let _ = writeln!(text, "        {name}_start [shape=point];");
        for (_, state) in interactions().filter(|(of, _)| *of == direction) {
            let _ = writeln!(text, "        {} [label=\"{}\"];", node(direction, state), state.name());
        }
        for edge in edges.iter().filter(|edge| edge.direction == direction) {
            let from = edge.from.map_or_else(|| format!("{name}_start"), |state| node(direction, state));
            let _ = writeln!(
                text,
                "        {from} -> {} [label=\"{}\"];",
                node(direction, edge.to),
                edge.label().replace('\\', "\\\\").replace('"', "\\\"")
            );
        }
        text.push_str("    }\n");
    }
    text.push_str("}\n");
    text
}

fn scxml(edges: &[Edge<'_>]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" name=\"interaction\" initial=\"collection\">\n",
    );
    text.push_str("  <state id=\"collection\">\n");
    for edge in edges.iter().filter(|edge| edge.from.is_none()) {
        transition(&mut text, edge);
    }
    text.push_str("  </state>\n");
    for (direction, state) in interactions() {
        let id = node(direction, state);
        let leaving: Vec<_> =
            edges.iter().filter(|edge| edge.direction == direction && edge.from == Some(state)).collect();
        if leaving.is_empty() {
            let _ = writeln!(text, "  <final id=\"{id}\"/>");
        } else {
            let _ = writeln!(text, "  <state id=\"{id}\">");
            for edge in leaving {
                transition(&mut text, edge);
            }
            text.push_str("  </state>\n");
        }
    }
    text.push_str("</scxml>\n");
    text
}

fn transition(text: &mut String, edge: &Edge<'_>) {
    let condition = if edge.condition.is_empty() {
        String::new()
    } else {
        format!(" cond=\"{}\"", edge.condition.replace(' ', "_"))
    };
    let _ = writeln!(
        text,
        "    <transition event=\"{}\"{condition} target=\"{}\"/>",
        xml(&edge.event.replace(' ', ".")),
        node(edge.direction, edge.to)
    );
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
