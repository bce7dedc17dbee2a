//! The bounds of the tokens that log-ins to a realm make: each in the form that it has in a token.
//!
//! The platform takes them as a whole, so whoever sets one sends all. What no manifest mentions goes along unchanged.

use serde_json::{Map, Value};

use super::{access, bounds};

/// The members, each with its form (fact sheet, 8.1).
const MEMBERS: [(&str, Form); 5] = [
    (
        "access",
        Form { canonical: access::canonical, merged: access::merged, sayable: access::sayable },
    ),
    ("ttl", Form::PLAIN),
    ("expire", Form::PLAIN),
    ("ips", Form { canonical: bounds::ips, ..Form::PLAIN }),
    ("origins", Form { canonical: bounds::origins, ..Form::PLAIN }),
];

#[derive(Clone, Copy)]
struct Form {
    canonical: fn(&Value) -> Value,
    merged: fn(&Value, &Value) -> Value,
    sayable: fn(&Value) -> Value,
}

impl Form {
    const PLAIN: Self =
        Self { canonical: Value::clone, merged: |wanted, _| wanted.clone(), sayable: Value::clone };
}

fn form(member: &str) -> Option<Form> {
    MEMBERS.iter().find(|(known, _)| *known == member).map(|(_, form)| *form)
}

/// The one form in which they are compared: a bound that is not there is as good as one that bounds nothing.
pub(super) fn canonical(params: &Value) -> Value {
    let Value::Object(params) = params else { return params.clone() };
    let mut out = Map::new();
    for (name, value) in params.iter().filter(|(_, value)| !value.is_null()) {
        let value = form(name).map_or_else(|| value.clone(), |form| (form.canonical)(value));
        let is_none = value == "" || value == "*" || value.as_i64() == Some(0);
        if !is_none {
            out.insert(name.clone(), value);
        }
    }
    Value::Object(out)
}

/// What is to be sent for the declared bounds where there are others.
#[must_use]
pub(super) fn merged(wanted: &Value, found: &Value) -> Value {
    let (Value::Object(wanted), Value::Object(found)) = (wanted, found) else {
        return wanted.clone();
    };
    let mut out = found.clone();
    for (name, value) in wanted {
        let merged = form(name).map(|form| form.merged).zip(found.get(name));
        let value = merged.map_or_else(|| value.clone(), |(merged, found)| merged(value, found));
        out.insert(name.clone(), value);
    }
    Value::Object(out)
}

/// What a manifest can say of them.
#[must_use]
pub(super) fn sayable(params: &Value) -> Value {
    let Value::Object(params) = params else { return params.clone() };
    let members = params
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), (form(name)?.sayable)(value))));
    Value::Object(members.collect())
}

/// What no manifest can say of them: places and values.
#[must_use]
pub(super) fn beyond(params: &Value) -> Vec<(String, Value)> {
    let members = params.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_null())
        .flat_map(|(name, value)| match name.as_str() {
            "access" => access::beyond(value),
            known if form(known).is_some() => Vec::new(),
            _ => vec![(format!("token_params: {name}"), value.clone())],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bound_that_is_not_mentioned_stays() {
        let found = json!({"access": {"type": 0}, "ttl": 60, "later": 1});
        let wanted = json!({"access": {"type": 1}});
        assert_eq!(merged(&wanted, &found), json!({"access": {"type": 1}, "ttl": 60, "later": 1}));
        assert_eq!(sayable(&found), json!({"access": {"type": 0}, "ttl": 60}));
        assert_eq!(beyond(&found), [("token_params: later".to_owned(), json!(1))]);
    }

    #[test]
    fn what_bounds_nothing_is_as_good_as_absent_and_no_origin_is_not() {
        let none = json!({"ttl": 0, "ips": "", "origins": "*", "expire": null});
        assert_eq!(canonical(&none), json!({}));
        assert_eq!(canonical(&json!({"origins": []})), json!({"origins": []}));
        assert_eq!(canonical(&json!({"ips": "b, a"})), canonical(&json!({"ips": ["a", "b"]})));
    }
}
