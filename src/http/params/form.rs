//! `application/x-www-form-urlencoded` with brackets, as Stripe's libraries and curl write it: `a[b]=1`, `a[0]=1`, `a[]=1`,
//! `items[][price]=p`, the brackets literal or percent-encoded.

use percent_encoding::percent_decode_str;

use super::{PARAMETERS_MAX, Tree};
use crate::domain::{ParameterError, Problem};

/// The most names in brackets, one within the other.
const DEPTH_MAX: usize = 8;

/// Reads a form or a query.
pub(super) fn parse(text: &[u8]) -> Result<Tree, ParameterError> {
    let text = std::str::from_utf8(text).map_err(|_| ParameterError::new("", Problem::InvalidCharacters))?;
    let mut root = Vec::new();
    for (count, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if count >= PARAMETERS_MAX {
            return Err(ParameterError::new("", Problem::TooMany(PARAMETERS_MAX)));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or_else(|| ParameterError::new(name, Problem::InvalidCharacters))?;
        let value = decode(value).ok_or_else(|| ParameterError::new(&name, Problem::InvalidCharacters))?;
        let path = path(&name)?;
        insert(&mut root, &path, value).map_err(|problem| ParameterError::new(name, problem))?;
    }
    Ok(Tree::Map(root))
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The names in `a[b][c]`: a, b, c.
fn path(name: &str) -> Result<Vec<&str>, ParameterError> {
    let malformed = || ParameterError::new(name, Problem::Malformed("the brackets don't match".to_owned()));
    let (first, mut rest) = name.find('[').map_or((name, ""), |at| name.split_at(at));
    let mut names = vec![first];
    while !rest.is_empty() {
        let (inner, after) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(malformed)?;
        names.push(inner);
        rest = after;
    }
    if first.is_empty() || names.iter().any(|name| name.contains(['[', ']'])) {
        return Err(malformed());
    }
    if names.len() > DEPTH_MAX {
        return Err(ParameterError::new(
            name,
            Problem::Malformed(format!("more than {DEPTH_MAX} levels of brackets")),
        ));
    }
    Ok(names)
}

/// Puts a value where its path says.
fn insert(map: &mut Vec<(String, Tree)>, path: &[&str], value: String) -> Result<(), Problem> {
    let Some((&name, rest)) = path.split_first() else {
        return Err(Problem::Repeated);
    };
    let name = if name.is_empty() { next_name(map, rest.first()) } else { name.to_owned() };
    let at = map.iter().position(|(known, _)| *known == name);
    match (at.and_then(|at| map.get_mut(at)), rest.is_empty()) {
        (Some((_, Tree::Map(inner))), false) => insert(inner, rest, value),
        (Some(_), _) => Err(Problem::Repeated),
        (None, true) => {
            map.push((name, Tree::Text(value)));
            Ok(())
        }
        (None, false) => {
            let mut inner = Vec::new();
            insert(&mut inner, rest, value)?;
            map.push((name, Tree::Map(inner)));
            Ok(())
        }
    }
}

/// The number that `[]` stands for: the last one when it is a hash that still lacks the name that follows, else the next.
fn next_name(map: &[(String, Tree)], following: Option<&&str>) -> String {
    if let (Some((last, Tree::Map(inner))), Some(following)) = (map.last(), following)
        && !following.is_empty()
        && !inner.iter().any(|(name, _)| name == *following)
    {
        return last.clone();
    }
    let used = map.iter().filter_map(|(name, _)| name.parse::<usize>().ok());
    used.max().map_or(0, |last| last.saturating_add(1)).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Tree {
        Tree::Text(value.to_owned())
    }

    fn map(entries: &[(&str, Tree)]) -> Tree {
        Tree::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn every_spelling_of_brackets_is_the_same() {
        let expected = map(&[("a", map(&[("0", text("x y")), ("1", text("z"))]))]);
        for spelling in
            ["a[0]=x+y&a[1]=z", "a[]=x%20y&a[]=z", "a%5B0%5D=x%20y&a%5B1%5D=z", "a%5b%5d=x+y&a%5b%5d=z"]
        {
            assert_eq!(parse(spelling.as_bytes()), Ok(expected.clone()), "{spelling}");
        }
    }

    #[test]
    fn hashes_within_lists_gather_until_a_name_repeats() {
        let item = |price, quantity| map(&[("price", text(price)), ("quantity", text(quantity))]);
        let expected = map(&[("items", map(&[("0", item("p", "1")), ("1", item("q", "2"))]))]);
        let spelling = "items[][price]=p&items[][quantity]=1&items[][price]=q&items[][quantity]=2";
        assert_eq!(parse(spelling.as_bytes()), Ok(expected));
    }

    #[test]
    fn what_is_no_form_says_so() {
        for (form, problem) in [
            ("a=1&a=2", Problem::Repeated),
            ("a=1&a[b]=2", Problem::Repeated),
            ("a[b]=1&a=2", Problem::Repeated),
            ("a[b=1", Problem::Malformed("the brackets don't match".into())),
            ("[a]=1", Problem::Malformed("the brackets don't match".into())),
            ("a[b]c=1", Problem::Malformed("the brackets don't match".into())),
            ("a=%FF", Problem::InvalidCharacters),
            ("a[][][][][][][][]=1", Problem::Malformed("more than 8 levels of brackets".into())),
        ] {
            assert_eq!(parse(form.as_bytes()).map_err(|error| error.problem), Err(problem), "{form}");
        }
        assert!(parse("a=1&".repeat(1_001).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn a_hash_of_texts_comes_back_as_it_was(entries in prop::collection::btree_map("[a-z]{1,8}", "\\PC{0,20}", 0..8)) {
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let form: Vec<_> = entries.iter().map(|(name, value)| format!("m[{name}]={}", encode(value))).collect();
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
