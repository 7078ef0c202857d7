//! `application/x-www-form-urlencoded` with brackets, as Stripe's libraries and curl write it: `a[b]=1`,
//! `a[0]=1`, `a[]=1`, `items[][price]=p`, the brackets literal or percent-encoded. A list may be its name
//! once for each entry, too, as OpenAPI has it: `a=1&a=2`.

use percent_encoding::percent_decode_str;

use super::tree::{PARAMETERS_MAX, Tree, integer};
use crate::domain::{ParameterError, Problem};

/// The most names in brackets, one within the other.
const DEPTH_MAX: usize = 8;

/// Reads a form or a query.
pub(super) fn parse(text: &[u8]) -> Result<Tree, ParameterError> {
    let text = std::str::from_utf8(text).map_err(|_| ParameterError::new("", Problem::InvalidCharacters))?;
    let mut root = Tree::Map(Vec::new());
    for (count, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if count >= PARAMETERS_MAX {
            return Err(ParameterError::new("", Problem::TooMany(PARAMETERS_MAX)));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or_else(|| ParameterError::new(name, Problem::InvalidCharacters))?;
        let value = decode(value).ok_or_else(|| ParameterError::new(&name, Problem::InvalidCharacters))?;
        let path = path(&name)?;
        insert(&mut root, &path, value).map_err(|conflict| conflict.of(&path))?;
    }
    Ok(root)
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn malformed(name: &str, reason: impl Into<String>) -> ParameterError {
    ParameterError::new(name, Problem::Malformed(reason.into()))
}

/// The names in `a[b][c]`: a, b, c.
fn path(name: &str) -> Result<Vec<&str>, ParameterError> {
    let unmatched = || malformed(name, "the brackets don't match");
    let (first, mut rest) = name.find('[').map_or((name, ""), |at| name.split_at(at));
    let mut names = vec![first];
    while !rest.is_empty() {
        let (inner, after) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(unmatched)?;
        names.push(inner);
        rest = after;
    }
    if first.is_empty() {
        return Err(malformed(name, "a value has no name before it"));
    }
    if names.iter().any(|name| name.contains(['[', ']'])) {
        return Err(unmatched());
    }
    if names.len() > DEPTH_MAX {
        return Err(malformed(name, format!("more than {DEPTH_MAX} levels of brackets")));
    }
    Ok(names)
}

/// A value that can't be put where its path says, because something else is there.
struct Conflict {
    /// The number of names of the path that lead to it.
    depth: usize,
    reason: &'static str,
}

impl Conflict {
    /// The conflict between the present value and the one that is to be there.
    fn between(known: &Tree, is_value: bool) -> Self {
        let reason = if is_value || matches!(known, Tree::Given(_)) {
            "it is given both as a value and with brackets"
        } else {
            "it is given both as a list and as a hash"
        };
        Self { depth: 0, reason }
    }

    fn of(self, path: &[&str]) -> ParameterError {
        let mut names = path.iter().take(self.depth);
        let first = names.next().copied().unwrap_or_default().to_owned();
        let param = names.fold(first, |outer, name| format!("{outer}[{name}]"));
        malformed(&param, self.reason)
    }
}

/// Puts a value where its path says.
fn insert(place: &mut Tree, path: &[&str], value: String) -> Result<(), Conflict> {
    let Some((&name, rest)) = path.split_first() else {
        let Tree::Given(values) = place else { return Err(Conflict::between(place, true)) };
        values.push(value);
        return Ok(());
    };
    let inner = match place {
        Tree::List(values) if name.is_empty() => entry(values, rest),
        // Some entries of a list have numbers, and others have none.
        Tree::List(values) if integer(name).is_some() => {
            let numbered = std::mem::take(values).into_iter().enumerate();
            *place = Tree::Map(numbered.map(|(index, value)| (index.to_string(), value)).collect());
            return insert(place, path, value);
        }
        Tree::Map(entries) => match name_for(entries, name, rest) {
            Some(name) => named(entries, name, rest),
            None => None,
        },
        _ => None,
    };
    let Some(inner) = inner else { return Err(Conflict::between(place, false)) };
    insert(inner, rest, value).map_err(|conflict| Conflict { depth: conflict.depth + 1, ..conflict })
}

/// The place that a path leads to which goes on like this, before anything is in it.
fn blank(rest: &[&str]) -> Tree {
    match rest.first().copied() {
        None => Tree::Given(Vec::new()),
        Some("") => Tree::List(Vec::new()),
        Some(_) => Tree::Map(Vec::new()),
    }
}

/// The entry of a list that `[]` stands for: the last one when it is a hash that still lacks the name that
/// follows, else a new one.
fn entry<'a>(values: &'a mut Vec<Tree>, rest: &[&str]) -> Option<&'a mut Tree> {
    if !values.last().is_some_and(|last| lacks(last, rest)) {
        values.push(blank(rest));
    }
    values.last_mut()
}

/// True for a hash that still lacks the name that follows.
fn lacks(known: &Tree, rest: &[&str]) -> bool {
    match (known, rest.first()) {
        (Tree::Map(inner), Some(following)) => {
            !following.is_empty() && !inner.iter().any(|(name, _)| name == following)
        }
        _ => false,
    }
}

/// The name of an entry among others; of `[]` the number that it stands for, where the others have numbers.
fn name_for(entries: &[(String, Tree)], name: &str, rest: &[&str]) -> Option<String> {
    if !name.is_empty() {
        return Some(name.to_owned());
    }
    let numbers: Option<Vec<usize>> = entries.iter().map(|(name, _)| name.parse().ok()).collect();
    let next = numbers?.into_iter().max().map_or(0, |last| last.saturating_add(1));
    let last = entries.last().filter(|(_, last)| lacks(last, rest));
    Some(last.map_or_else(|| next.to_string(), |(name, _)| name.clone()))
}

/// The entry of that name, which is made where there is none.
fn named<'a>(entries: &'a mut Vec<(String, Tree)>, name: String, rest: &[&str]) -> Option<&'a mut Tree> {
    let at = entries.iter().position(|(known, _)| *known == name);
    if at.is_none() {
        entries.push((name, blank(rest)));
    }
    let at = at.unwrap_or(entries.len().saturating_sub(1));
    entries.get_mut(at).map(|(_, inner)| inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Tree {
        texts(&[value])
    }

    fn texts(values: &[&str]) -> Tree {
        Tree::Given(values.iter().map(|value| (*value).to_owned()).collect())
    }

    fn map(entries: &[(&str, Tree)]) -> Tree {
        Tree::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn every_spelling_of_brackets_is_the_same() {
        let numbered = map(&[("a", map(&[("0", text("x y")), ("1", text("z"))]))]);
        let list = map(&[("a", Tree::List(vec![text("x y"), text("z")]))]);
        for (spelling, expected) in [
            ("a[0]=x+y&a[1]=z", &numbered),
            ("a[]=x%20y&a[]=z", &list),
            ("a%5B0%5D=x%20y&a%5B1%5D=z", &numbered),
            ("a%5b%5d=x+y&a%5b%5d=z", &list),
            ("a[]=x+y&a[1]=z", &numbered),
            ("a[0]=x+y&a[]=z", &numbered),
        ] {
            assert_eq!(parse(spelling.as_bytes()).as_ref(), Ok(expected), "{spelling}");
        }
        assert_eq!(numbered.canonical(), list.canonical());
        assert_eq!(parse(b"a=x+y&a=z"), Ok(map(&[("a", texts(&["x y", "z"]))])));
    }

    #[test]
    fn hashes_within_lists_gather_until_a_name_repeats() {
        let item = |price, quantity| map(&[("price", text(price)), ("quantity", text(quantity))]);
        let expected = map(&[("items", Tree::List(vec![item("p", "1"), item("q", "2")]))]);
        let spelling = "items[][price]=p&items[][quantity]=1&items[][price]=q&items[][quantity]=2";
        assert_eq!(parse(spelling.as_bytes()), Ok(expected));
    }

    #[test]
    fn what_is_no_form_says_so_and_why() {
        let (value, list) =
            ("it is given both as a value and with brackets", "it is given both as a list and as a hash");
        for (form, param, reason) in [
            ("a=1&a[b]=2", "a", value),
            ("a[b]=1&a=2", "a", value),
            ("created=5&created[gt]=1", "created", value),
            ("a=1&a[]=2", "a", value),
            ("a[]=1&a=2", "a", value),
            ("a[b][c]=1&a[b][c][d]=2", "a[b][c]", value),
            ("a[b]=1&a[]=2", "a", list),
            ("a[]=1&a[b]=2", "a", list),
            ("a[b=1", "a[b", "the brackets don't match"),
            ("a[b]c=1", "a[b]c", "the brackets don't match"),
            ("a[b[c]]=1", "a[b[c]]", "the brackets don't match"),
            ("[a]=1", "[a]", "a value has no name before it"),
            ("=1", "", "a value has no name before it"),
            ("a[][][][][][][][]=1", "a[][][][][][][][]", "more than 8 levels of brackets"),
        ] {
            let expected = ParameterError::new(param, Problem::Malformed(reason.to_owned()));
            assert_eq!(parse(form.as_bytes()), Err(expected), "{form}");
        }
        assert_eq!(parse(b"a=%FF"), Err(ParameterError::new("a", Problem::InvalidCharacters)));
        assert!(parse("a=1&".repeat(1_001).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn a_hash_of_texts_comes_back_as_it_was(
            entries in prop::collection::btree_map("[a-z]{1,8}", "\\PC{0,20}", 0..8)
        ) {
            let all = percent_encoding::NON_ALPHANUMERIC;
            let encode = |text| percent_encoding::utf8_percent_encode(text, all);
            let form = entries.iter().map(|(name, value)| format!("m[{name}]={}", encode(value)));
            let form: Vec<_> = form.collect();
            let expected: Vec<_> = entries.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            let parsed = parse(form.join("&").as_bytes());
            if expected.is_empty() {
                prop_assert_eq!(parsed, Ok(Tree::Map(vec![])));
            } else {
                prop_assert_eq!(parsed, Ok(Tree::Map(vec![("m".into(), Tree::Map(expected))])));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, brackets in "[a\\[\\]=&%+0-9]{0,60}") {
            let _ = parse(&bytes);
            let _ = parse(brackets.as_bytes());
        }
    }
}
