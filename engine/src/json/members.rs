//! The members of objects: read, looked up, written over.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::scan::{Look, Member, Scanner};
use super::{Text, raw, write_string};

/// The members of an object, in order; of a repeated key the last value counts, in the first's place.
#[derive(Debug, Default)]
pub(crate) struct Members<'a> {
    entries: Entries<'a>,
}

/// Most requests have no more.
type Entries<'a> = SmallVec<[(Cow<'a, str>, Text<'a>); 4]>;

impl<'a> Members<'a> {
    /// Reads an object; `None` if it is none, or not plainly one: [`Members::parse`] tells.
    pub(crate) fn scan(text: &'a str) -> Option<Self> {
        let mut members = Collected::default();
        Scanner::members(text, &mut |member: Member<'a>| members.put(member))?;
        members.finished()
    }

    /// Reads an object on the way as well whose key is `name`: `None` beside the members if there is none.
    pub(crate) fn scan_with(text: &'a str, name: &str) -> Option<(Self, Option<Self>)> {
        let mut with = With { name, outer: Collected::default(), within: Collected::default(), named: None };
        Scanner::members(text, &mut with)?;
        let named = match with.named {
            Some(named) => Some(named.finished()?),
            None => None,
        };
        Some((with.outer.finished()?, named))
    }

    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        match Self::scan(text) {
            Some(members) => Ok(members),
            None => serde_json::from_str(text),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Text<'a>> {
        self.entries.iter().find(|(name, _)| name == key).map(|&(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Text<'a>)> {
        self.entries.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Members that are being collected.
#[derive(Default)]
struct Collected<'a> {
    members: Members<'a>,
    places: Places<'a>,
    /// A key holds an escape that stands for no character.
    is_unreadable: bool,
}

impl<'a> Collected<'a> {
    fn put(&mut self, Member { key, value, .. }: Member<'a>) -> bool {
        match key.string() {
            Some(key) => self.places.put(&mut self.members.entries, key, value),
            None => self.is_unreadable = true,
        }
        !self.is_unreadable
    }

    fn finished(self) -> Option<Members<'a>> {
        (!self.is_unreadable).then_some(self.members)
    }
}

/// Members, and those of the object among them that has a name.
struct With<'a, 'n> {
    name: &'n str,
    outer: Collected<'a>,
    within: Collected<'a>,
    named: Option<Collected<'a>>,
}

impl<'a> Look<'a> for With<'a, '_> {
    fn look(&mut self, member: Member<'a>) -> bool {
        if member.key.is(self.name) {
            // Of a repeated one the last counts.
            let is_object = member.value.as_str().starts_with('{');
            self.named = is_object.then(|| std::mem::take(&mut self.within));
        }
        self.outer.put(member)
    }

    fn enters(&self, key: Text<'a>) -> bool {
        key.is(self.name)
    }

    fn look_within(&mut self, member: Member<'a>) {
        self.within.put(member);
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                let mut places = Places::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    places.put(&mut members.entries, key, Text::of(map.next_value::<&'de RawValue>()?));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Where each key stands: a plain look while there are few, a table from there on. Hostile input with
/// many keys would make plain looks quadratic.
#[derive(Default)]
struct Places<'a> {
    table: Option<HashMap<Cow<'a, str>, usize>>,
}

/// How many keys are looked through one by one.
const FEW: usize = 32;

impl<'a> Places<'a> {
    fn put(&mut self, entries: &mut Entries<'a>, key: Cow<'a, str>, value: Text<'a>) {
        let at = if entries.len() < FEW {
            entries.iter().position(|(name, _)| *name == key)
        } else {
            let table = self.table.get_or_insert_default();
            for (at, (name, _)) in entries.iter().enumerate().skip(table.len()) {
                table.insert(name.clone(), at);
            }
            table.get(&key).copied()
        };
        match at {
            Some(at) => entries[at].1 = value,
            None => entries.push((key, value)),
        }
    }
}

/// Goes through an object that we wrote ourselves, each key once, until `look` says `false`.
pub(crate) fn trusted<'a>(object: &'a str, mut look: impl FnMut(Member<'a>) -> bool) {
    Scanner::members_of_ours(object, &mut look).expect("what is kept was an object when it was stored");
}

/// A value that can be written.
pub(crate) trait Written {
    /// Writes it as JSON.
    fn write(&self, out: &mut String);
}

impl Written for Text<'_> {
    fn write(&self, out: &mut String) {
        self.write_compact(out);
    }
}

impl Written for &str {
    fn write(&self, out: &mut String) {
        write_string(out, self);
    }
}

impl Written for &Value {
    fn write(&self, out: &mut String) {
        match self {
            Value::String(text) => write_string(out, text),
            other => out.push_str(raw(other).get()),
        }
    }
}

/// A member to be written.
pub(crate) struct Set<'a, V> {
    key: &'a str,
    value: V,
    /// What is there stays.
    only_where_missing: bool,
}

impl<'a, V> Set<'a, V> {
    /// A member that is written whatever is there.
    pub(crate) fn always(key: &'a str, value: V) -> Self {
        Self { key, value, only_where_missing: false }
    }

    /// A member that is written where nothing is there.
    pub(crate) fn where_missing(key: &'a str, value: V) -> Self {
        Self { key, value, only_where_missing: true }
    }
}

/// An object that we wrote ourselves, with `sets` over what is there; new keys come behind, in their order.
/// No key is set twice. Gives how many new keys there are.
pub(crate) fn write_over<V: Written>(object: &str, sets: &[Set<'_, V>], out: &mut String) -> usize {
    let mut is_there: SmallVec<[bool; FEW]> = smallvec![false; sets.len()];
    let table: Option<HashMap<&str, usize>> =
        (sets.len() > FEW).then(|| sets.iter().enumerate().map(|(at, set)| (set.key, at)).collect());
    let find = |key: Text<'_>| match &table {
        Some(table) => table.get(&*key.string()?).copied(),
        None => sets.iter().position(|set| key.is(set.key)),
    };
    // What lies between the values that are written over is copied as it is.
    let mut copied = 0;
    trusted(object, |Member { key, value, at: start }| {
        let Some(at) = find(key) else { return true };
        is_there[at] = true;
        if !sets[at].only_where_missing {
            out.push_str(&object[copied..start]);
            sets[at].value.write(out);
            copied = start + value.text.len();
        }
        true
    });
    out.push_str(object[copied..].trim_end().strip_suffix('}').unwrap_or_default());
    let mut new = 0;
    for (set, _) in sets.iter().zip(is_there).filter(|(_, is_there)| !is_there) {
        if !out.ends_with('{') {
            out.push(',');
        }
        write_string(out, set.key);
        out.push(':');
        set.value.write(out);
        new += 1;
    }
    out.push('}');
    new
}
