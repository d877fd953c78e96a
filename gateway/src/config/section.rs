//! Walks a TOML document, and collects what is wrong with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistake;

/// A file's text, and what was found wrong with it so far.
pub(super) struct Source<'a> {
    text: &'a str,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, mistakes: RefCell::default() }
    }

    /// The document, and what is wrong with its syntax.
    pub(super) fn parse(&self) -> (Spanned<DeTable<'a>>, Vec<Mistake>) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mistakes = errors
            .iter()
            .map(|error| self.mistake(error.span().unwrap_or(0..0), String::new(), error.message().into()));
        (table, mistakes.collect())
    }

    pub(super) fn root<'s>(&'s self, table: &'s Spanned<DeTable<'a>>) -> Section<'s> {
        Section {
            source: self,
            table: table.get_ref(),
            at: String::new(),
            span: 0..0,
            known: RefCell::default(),
        }
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner()
    }

    fn mistake(&self, span: Range<usize>, member: String, problem: String) -> Mistake {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Mistake {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            member,
            problem,
        }
    }
}

/// A table of the document. What is asked for is known; `refuse_unknown` names the rest.
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    /// The path of the table, empty for the document.
    at: String,
    span: Range<usize>,
    known: RefCell<BTreeSet<String>>,
}

/// A member's value and its place.
pub(super) type Found<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    /// Notes that a member is wrong; one that is missing has the place of its table.
    pub(super) fn wrong(&self, name: &str, problem: impl Into<String>) {
        let span = self.table.get(name).map_or(self.span.clone(), Spanned::span);
        self.wrong_at(span, self.path(name), problem);
    }

    /// Notes that the table itself is wrong.
    pub(super) fn wrong_itself(&self, problem: impl Into<String>) {
        self.wrong_at(self.span.clone(), self.at.clone(), problem);
    }

    pub(super) fn wrong_at(&self, span: Range<usize>, member: String, problem: impl Into<String>) {
        let mistake = self.source.mistake(span, member, problem.into());
        self.source.mistakes.borrow_mut().push(mistake);
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    pub(super) fn value(&self, name: &str) -> Option<Found<'a>> {
        self.known.borrow_mut().insert(name.to_owned());
        self.table.get(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.value(name)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(name, format!("is {}: expected a text", article(value.get_ref())));
        }
        text
    }

    pub(super) fn required_text(&self, name: &str, what: &str) -> Option<&'a str> {
        if !self.has(name) {
            self.wrong(name, format!("is missing: expected {what}"));
        }
        self.text(name)
    }

    /// A path, taken from the file's folder.
    pub(super) fn file(&self, name: &str, folder: &Path) -> Option<PathBuf> {
        self.text(name).map(|path| folder.join(path))
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(name, format!("is {}: expected true or false", article(value.get_ref())));
        }
        flag
    }

    pub(super) fn number(&self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(name)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let problem = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.wrong(name, problem);
        }
        number
    }

    /// Replaces a setting if the file has it.
    pub(super) fn set_number(&self, name: &str, range: RangeInclusive<u64>, setting: &mut usize) {
        if let Some(number) = self.number(name, range) {
            *setting = usize::try_from(number).unwrap_or(usize::MAX);
        }
    }

    pub(super) fn set_seconds(&self, name: &str, range: RangeInclusive<u64>, setting: &mut Duration) {
        if let Some(seconds) = self.number(name, range) {
            *setting = Duration::from_secs(seconds);
        }
    }

    pub(super) fn set_milliseconds(&self, name: &str, range: RangeInclusive<u64>, setting: &mut Duration) {
        if let Some(milliseconds) = self.number(name, range) {
            *setting = Duration::from_millis(milliseconds);
        }
    }

    pub(super) fn one_of<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let choice = choices.iter().find(|(choice, _)| *choice == text);
        if choice.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.wrong(name, format!("is `{text:.64}`: expected one of {}", names.join(", ")));
        }
        choice.map(|(_, choice)| *choice)
    }

    pub(super) fn texts(&self, name: &str) -> Option<Vec<&'a str>> {
        let value = self.value(name)?;
        let texts = value
            .get_ref()
            .as_array()
            .and_then(|items| items.iter().map(|item| item.get_ref().as_str()).collect::<Option<Vec<_>>>());
        if texts.is_none() {
            self.wrong(name, "must be an array of texts");
        }
        texts
    }

    pub(super) fn section(&self, name: &str) -> Option<Section<'a>> {
        let value = self.value(name)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(name, format!("is {}: expected a table", article(value.get_ref())));
            return None;
        };
        Some(self.inner(table, self.path(name), value.span()))
    }

    /// An array of tables; empty where there is none.
    pub(super) fn sections(&self, name: &str) -> Vec<Section<'a>> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(
                name,
                format!("is {}: expected tables, each headed [[{name}]]", article(value.get_ref())),
            );
            return Vec::new();
        };
        let tables = items.iter().enumerate().filter_map(|(index, item)| {
            let path = format!("{}[{index}]", self.path(name));
            let Some(table) = item.get_ref().as_table() else {
                self.wrong_at(item.span(), path, "must be a table");
                return None;
            };
            Some(self.inner(table, path, item.span()))
        });
        tables.collect()
    }

    fn inner(&self, table: &'a DeTable<'a>, at: String, span: Range<usize>) -> Section<'a> {
        Section { source: self.source, table, at, span, known: RefCell::default() }
    }

    /// Names the members that nobody asked for.
    pub(super) fn refuse_unknown(&self) {
        let known = self.known.borrow();
        for (name, _) in self.table {
            if !known.contains(name.get_ref().as_ref()) {
                let known: Vec<_> = known.iter().map(String::as_str).collect();
                let problem = format!("is not known here: expected one of {}", known.join(", "));
                self.wrong_at(name.span(), self.path(name.get_ref()), problem);
            }
        }
    }

    /// The place of what a path of names and numbers (`limits.agents`, `queues[0]`) leads to, or of the
    /// last thing on the way that is there.
    pub(super) fn place_of(&self, path: &str) -> Range<usize> {
        let mut place = self.span.clone();
        let mut value: Option<Found<'_>> = None;
        for step in steps(path) {
            let next = match value.map(Spanned::get_ref) {
                None => self.table.get(step),
                Some(DeValue::Table(table)) => table.get(step),
                Some(DeValue::Array(items)) => step.parse().ok().and_then(|index: usize| items.get(index)),
                Some(_) => None,
            };
            let Some(next) = next else { break };
            place = next.span();
            value = Some(next);
        }
        place
    }
}

/// The names and numbers of a path.
pub(super) fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}

/// The JSON that says the same. Dates and numbers that JSON does not have are told by their path.
pub(super) fn to_json(value: &DeValue<'_>, path: &str) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| format!("{path}: the number is too large"))?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| format!("{path}: the number has no JSON form"))?,
        DeValue::Datetime(_) => return Err(format!("{path}: a date has no JSON form")),
        DeValue::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| to_json(item.get_ref(), &format!("{path}[{index}]")))
                .collect::<Result<_, _>>()?
        }
        DeValue::Table(table) => {
            let members = table.iter().map(|(name, value)| {
                let name = name.get_ref().to_string();
                to_json(value.get_ref(), &format!("{path}.{name}")).map(|value| (name, value))
            });
            Value::Object(members.collect::<Result<_, _>>()?)
        }
    })
}

fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    if kind.starts_with(['a', 'i']) { format!("an {kind}") } else { format!("a {kind}") }
}
