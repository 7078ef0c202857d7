//! No circle of files: a reader that goes through a file downwards comes to an end.
//!
//! An arrow goes from a file to each file that it names, in a `use` or by a path that begins with `crate`,
//! `super`, `self` or a module below it. A re-export stands for the file that has the thing. A module's
//! declaration is no arrow, nor is a re-export that the file has no use for itself, nor a name in unit tests.

use std::collections::{BTreeMap, BTreeSet};

use super::files;

/// Arrows that close a circle today, of rooms whose `mod.rs` both has parts and is known by them. The list
/// only gets shorter.
const KNOWN: &[(&str, &str)] = &[
    ("src/database/mod.rs", "src/database/hosts.rs"),
    ("src/database/mod.rs", "src/database/pool.rs"),
    ("src/database/mod.rs", "src/database/replica.rs"),
    ("src/database/mod.rs", "src/database/role.rs"),
    ("src/database/client.rs", "src/database/replica.rs"),
    ("src/log/mod.rs", "src/log/appender.rs"),
    ("src/log/mod.rs", "src/log/growth.rs"),
    ("src/log/mod.rs", "src/log/idempotency.rs"),
    ("src/log/mod.rs", "src/log/search.rs"),
    ("src/log/verify/mod.rs", "src/log/verify/fold.rs"),
    ("src/outbox/session.rs", "src/outbox/ownership.rs"),
    ("src/outbox/session.rs", "src/outbox/secrets.rs"),
    ("src/read/mod.rs", "src/read/feed.rs"),
    ("src/read/mod.rs", "src/read/keys.rs"),
    ("src/read/mod.rs", "src/read/watch.rs"),
];

/// The files that each file names, by their paths.
type Arrows = BTreeMap<String, BTreeSet<String>>;
type Path = Vec<String>;

/// A `use`, taken apart: the path of one thing, the name it gets, and whether it is re-exported.
struct Use {
    path: Path,
    name: String,
    is_public: bool,
}

/// A file as its crate has it.
#[derive(Default)]
struct Module {
    file: String,
    uses: Vec<Use>,
    /// The paths in its code.
    paths: Vec<Path>,
    /// The words of its code.
    words: BTreeSet<String>,
}

/// Words and marks of a text, without comments, literals and unit tests.
fn tokens(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|after| after.trim_start_matches('#'));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if raw.is_some_and(|after| after.starts_with('"')) {
            let hashes = rest.len() - 1 - raw.unwrap_or_default().len();
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if first == '"' {
            literal(rest, '"')
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            literal(rest, '\'')
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            found.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                found.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// The bytes of a literal that ends with its quote.
fn literal(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

/// Collects the things that a `use` names after its first word. Returns the place of its end.
fn tree(tokens: &[String], mut at: usize, prefix: &[String], is_public: bool, uses: &mut Vec<Use>) -> usize {
    let mut path = prefix.to_vec();
    let mut name = None;
    while let Some(token) = tokens.get(at).map(String::as_str) {
        match token {
            "::" => {}
            "{" => {
                while tokens[at] != "}" {
                    at = tree(tokens, at + 1, &path, is_public, uses);
                }
                return at + 1;
            }
            "as" => {
                at += 1;
                name = Some(tokens[at].clone());
            }
            "," | ";" | "}" => break,
            "self" if path.len() == prefix.len() && !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if let Some(last) = path.last().filter(|_| path.len() > prefix.len() || tokens[at - 1] == "self") {
        uses.push(Use { name: name.unwrap_or_else(|| last.clone()), path, is_public });
    }
    at
}

/// A file taken apart.
fn module(file: &str, text: &str) -> Module {
    let tokens = tokens(text);
    let mut module = Module { file: file.to_owned(), ..Module::default() };
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
        if tokens[at] == "use" {
            at = tree(&tokens, at + 1, &[], matches!(before, "pub" | ")"), &mut module.uses);
            continue;
        }
        if tokens[at].starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let end = (at..).step_by(2).find(|end| tokens.get(end + 1).is_none_or(|token| token != "::"));
            let path: Path = tokens[at..=end.unwrap_or(at)].iter().step_by(2).cloned().collect();
            // `pub(in crate::a)` names nobody.
            if before != "::" && before != "in" && path.len() > 1 {
                module.paths.push(path);
            }
            module.words.insert(tokens[at].clone());
        }
        at += 1;
    }
    module
}

/// The modules of a crate whose files begin with `root`.
fn modules(root: &str, files: &[(String, String)]) -> BTreeMap<Path, Module> {
    let mut found = BTreeMap::new();
    let has_library = files.iter().any(|(file, _)| *file == format!("{root}lib.rs"));
    for (file, text) in files {
        let Some(name) = file.strip_prefix(root).and_then(|name| name.strip_suffix(".rs")) else { continue };
        if name.ends_with("tests") || name == "main" && has_library {
            continue;
        }
        let mut path: Path = name.split('/').map(str::to_owned).collect();
        path.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
        found.insert(path, module(file, text));
    }
    found
}

/// A path from the crate's root; `None` for a path of another crate, or of the file itself.
fn absolute(of: &[String], path: &[String], all: &BTreeMap<Path, Module>) -> Option<Path> {
    let supers = path.iter().take_while(|word| *word == "super").count();
    let (base, rest) = match path.first()?.as_str() {
        "crate" => (&[][..], &path[1..]),
        "self" => (of, &path[1..]),
        "super" => (&of[..of.len().checked_sub(supers)?], &path[supers..]),
        child => {
            let own = [of, &[child.to_owned()]].concat();
            all.contains_key(&own).then_some((of, path))?
        }
    };
    Some(base.iter().chain(rest).cloned().collect())
}

/// The module that has the item of a path, through re-exports.
fn home(path: &[String], all: &BTreeMap<Path, Module>, steps: usize) -> Path {
    let depth = (0..=path.len()).rev().find(|depth| all.contains_key(&path[..*depth])).unwrap_or_default();
    let found = path[..depth].to_vec();
    let named = path.get(depth).filter(|_| steps > 0);
    let export =
        named.and_then(|name| all[&found].uses.iter().find(|one| one.is_public && one.name == *name));
    match export.and_then(|export| absolute(&found, &export.path, all)) {
        Some(next) => {
            let next: Path = next.into_iter().chain(path[depth + 1..].iter().cloned()).collect();
            home(&next, all, steps - 1)
        }
        None => found,
    }
}

/// The arrows of a crate.
fn arrows(root: &str, files: &[(String, String)]) -> Arrows {
    let all = modules(root, files);
    let mut arrows = Arrows::new();
    for (path, module) in &all {
        let is_used = |one: &&Use| !one.is_public || module.words.contains(&one.name);
        let used = module.uses.iter().filter(is_used).map(|one| &one.path);
        let named = used.chain(&module.paths).filter_map(|named| absolute(path, named, &all));
        let homes = named.map(|named| home(&named, &all, 16)).filter(|home| home != path);
        let to = homes.filter_map(|home| all.get(&home)).map(|to| to.file.clone());
        arrows.insert(module.file.clone(), to.collect());
    }
    arrows
}

/// One circle, from a file back to it; `None` if there is none.
fn circle(arrows: &Arrows) -> Option<Vec<String>> {
    let mut left = arrows.clone();
    loop {
        let ends: Vec<String> =
            left.iter().filter(|(_, to)| to.is_empty()).map(|(from, _)| from.clone()).collect();
        if ends.is_empty() {
            break;
        }
        left.retain(|from, _| !ends.contains(from));
        for to in left.values_mut() {
            to.retain(|file| !ends.contains(file));
        }
    }
    let mut way = vec![left.keys().next()?.clone()];
    loop {
        let next = left[way.last()?].first()?.clone();
        if let Some(start) = way.iter().position(|file| *file == next) {
            way.drain(..start);
            way.push(next);
            return Some(way);
        }
        way.push(next);
    }
}

/// True if arrows lead from one file to the other.
fn leads(arrows: &Arrows, from: &str, to: &str) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(file) = open.pop() {
        if file == to {
            return true;
        }
        if seen.insert(file) {
            open.extend(arrows[file].iter().map(String::as_str));
        }
    }
    false
}

/// The arrows of a crate of this repository.
fn drawn(root: &str) -> Arrows {
    arrows(root, &files(&[root], "rs"))
}

/// Fails with a circle, if there is one.
fn assert_none(arrows: &Arrows) {
    let circle = circle(arrows);
    assert!(circle.is_none(), "a circle of files: {}", circle.unwrap_or_default().join(" -> "));
}

#[test]
fn there_is_no_circle_in_the_library() {
    let arrows = drawn("src/");
    assert!(arrows["src/cli/operate/serve.rs"].contains("src/http/app.rs"), "through a re-export");
    let mut without = arrows.clone();
    for (from, to) in KNOWN {
        let is_there = arrows.get(*from).is_some_and(|named| named.contains(*to));
        assert!(
            is_there && leads(&arrows, to, from),
            "{from} -> {to} closes no circle any more: take it out"
        );
        without.get_mut(*from).unwrap().remove(*to);
    }
    assert_none(&without);
}

#[test]
fn there_is_no_circle_in_the_worker() {
    assert_none(&drawn("outbox-worker/src/"));
}

/// A crate of these files.
fn planted(files: &[(&str, &str)]) -> Option<Vec<String>> {
    let own = |(file, text): &(&str, &str)| (format!("src/{file}"), (*text).to_owned());
    circle(&arrows("src/", &files.iter().map(own).collect::<Vec<_>>()))
}

#[test]
fn a_planted_circle_is_found() {
    let parent = ("a/mod.rs", "mod b;\nmod c;\npub use b::B;\n");
    let lib = ("lib.rs", "mod a;\n");
    assert_eq!(planted(&[lib, parent, ("a/b.rs", "pub struct B;"), ("a/c.rs", "use super::B;")]), None);
    let sideways = [
        lib,
        parent,
        ("a/b.rs", "use super::c::C;\npub struct B;"),
        ("a/c.rs", "use super::B;\npub struct C;"),
    ];
    let found = planted(&sideways).expect("through the re-export of the parent");
    assert_eq!(found, ["src/a/b.rs", "src/a/c.rs", "src/a/b.rs"]);
    let inline =
        [lib, parent, ("a/b.rs", "fn f(c: crate::a::c::C) {}"), ("a/c.rs", "use crate::{a::{self, b}};")];
    assert!(planted(&inline).is_some(), "by a path without a use, and in a group");
    for uses in ["use b::B;", "pub use b::B;\nfn f(b: B) {}", "fn f() { b::f() }"] {
        let whole = format!("mod b;\n{uses}\npub struct A;");
        let child = ("a/b.rs", "use super::A;\npub struct B;");
        assert!(
            planted(&[lib, ("a/mod.rs", &whole), child]).is_some(),
            "between a parent and its child: {uses}"
        );
    }
    for quiet in [
        "// super::c::C",
        "const C: &str = \"super::c::C\";",
        "#[cfg(test)]\nmod tests {\n use super::super::c::C; }",
    ] {
        let child = ("a/b.rs", quiet);
        assert_eq!(planted(&[lib, parent, child, ("a/c.rs", "use super::b;")]), None, "{quiet}");
    }
}
