//! Looks after a store's file, there to be killed: `caretaker FAILPOINT:COUNT|- compact STORE`,
//! `caretaker FAILPOINT:COUNT|- import STORE EXPORT`.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::BufReader;

use strowger::StoreFile;
use strowger_durability::failpoint;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    failpoint::arm(arguments.first().unwrap_or(&"-"));
    match arguments[1..] {
        ["compact", store] => {
            StoreFile::compact(store.as_ref()).expect("it is compacted");
        }
        ["import", store, export] => {
            let mut export = BufReader::new(File::open(export).expect("an export"));
            StoreFile::import(store.as_ref(), &mut export, &mut |_| {}).expect("it is imported");
        }
        _ => panic!("usage: caretaker FAILPOINT:COUNT|- compact STORE | import STORE EXPORT"),
    }
}
