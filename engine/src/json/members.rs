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
        let mut members = Self::default();
        let mut collecting = Collecting::into(&mut members);
        Scanner::members(text, &mut |member: Member<'a>| collecting.put(member))?;
        let is_readable = !collecting.is_unreadable;
        is_readable.then_some(members)
    }

    /// Reads an object, and on the way the one among its members whose key is `name`. Gives whether there is such an
    /// object. What was read when it gives `None` means nothing.
    pub(crate) fn scan_with(
        text: &'a str,
        members: &mut Self,
        name: &str,
        within: &mut Self,
    ) -> Option<bool> {
        let (outer, within) = (Collecting::into(members), Collecting::into(within));
        let mut with = With { name, outer, within, is_there: false };
        Scanner::members(text, &mut with)?;
        (!with.outer.is_unreadable && !with.within.is_unreadable).then_some(with.is_there)
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
struct Collecting<'m, 'a> {
    members: &'m mut Members<'a>,
    places: Places<'a>,
    /// A key holds an escape that stands for no character.
    is_unreadable: bool,
}

impl<'m, 'a> Collecting<'m, 'a> {
    fn into(members: &'m mut Members<'a>) -> Self {
        Self { members, places: Places::default(), is_unreadable: false }
    }

    fn put(&mut self, Member { key, value, .. }: Member<'a>) -> bool {
        match key.string() {
            Some(key) => self.places.put(&mut self.members.entries, key, value),
            None => self.is_unreadable = true,
        }
        !self.is_unreadable
    }

    fn begin_anew(&mut self) {
        self.members.entries.clear();
        self.places = Places::default();
        self.is_unreadable = false;
    }
}

/// Members, and those of the object among them that has a name.
struct With<'m, 'a, 'n> {
    name: &'n str,
    outer: Collecting<'m, 'a>,
    within: Collecting<'m, 'a>,
    is_there: bool,
}

impl<'a> Look<'a> for With<'_, 'a, '_> {
    fn look(&mut self, member: Member<'a>) -> bool {
        if member.key.is(self.name) {
            // Of a repeated one the last counts.
            self.is_there = member.value.as_str().starts_with('{');
        }
        self.outer.put(member)
    }

    fn enters(&mut self, key: Text<'a>) -> bool {
        let enters = key.is(self.name);
        if enters {
            self.within.begin_anew();
        }
        enters
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
