//! One spelling for parameters that mean the same, so that two requests can be compared.

use std::fmt::Write as _;

use super::tree::Tree;

impl Tree {
    /// The same text for the same parameters, whether they came as a form, a query or JSON, in any order.
    pub(crate) fn canonical(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) {
        match self {
            Self::Null => leaf(to, ""),
            Self::Bool(value) => leaf(to, if *value { "true" } else { "false" }),
            Self::Integer(value) => leaf(to, &value.to_string()),
            Self::OtherNumber(value) => leaf(to, &value.to_string()),
            Self::Text(text) => leaf(to, text),
            Self::Given(values) => match values.as_slice() {
                [value] => leaf(to, value),
                several => {
                    let several: Vec<_> = several.iter().map(|value| Self::Text(value.clone())).collect();
                    list(to, &several);
                }
            },
            Self::List(values) => list(to, values),
            Self::Map(entries) => {
                map(to, entries.iter().map(|(name, value)| (name.clone(), value)).collect());
            }
        }
    }
}

/// A text with its length before it, so that no text can pass for two.
fn leaf(to: &mut String, text: &str) {
    // Writing to a string can't fail.
    let _ = write!(to, "{}:{text}", text.len());
}

fn list(to: &mut String, values: &[Tree]) {
    map(to, values.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect());
}

fn map(to: &mut String, mut entries: Vec<(String, &Tree)>) {
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    to.push('{');
    for (name, value) in entries {
        leaf(to, &name);
        value.write(to);
    }
    to.push('}');
}

#[cfg(test)]
mod tests {
    use super::super::{Tree, form};

    fn form(text: &str) -> String {
        form::parse(text.as_bytes()).expect("a form").canonical()
    }

    fn json(text: &str) -> String {
        serde_json::from_str::<Tree>(text).expect("JSON").canonical()
    }

    #[test]
    fn spelling_and_order_make_no_difference() {
        let one = form("name=a&tags[]=x&tags[]=y&on=true&count=5&metadata[k]=");
        assert_eq!(one, form("metadata%5Bk%5D=&count=5&on=true&tags[0]=x&tags[1]=y&name=a"));
        assert_eq!(one, form("metadata[k]=&count=5&on=true&tags=x&tags=y&name=a"));
        let other = r#"{"count":5,"name":"a","tags":["x","y"],"on":true,"metadata":{"k":null}}"#;
        assert_eq!(one, json(other));
    }

    #[test]
    fn different_parameters_are_different() {
        let all = ["", "a=1", "a=2", "b=1", "a=1&b=1", "a[b]=1", "a[]=1", "a=", "a=1:1", "a[0]=1&b=1"];
        let known: std::collections::HashSet<_> = all.iter().map(|text| form(text)).collect();
        // `a[]=1` and `a[0]=1` would be the same; all of these are not.
        assert_eq!(known.len(), all.len());
    }
}
