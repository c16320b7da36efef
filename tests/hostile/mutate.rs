//! Wrong texts and bytes made of right ones.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// What stands in the place of a value, as JSON or nearly.
pub const ODD: [&str; 18] = [
    "null",
    "true",
    "-1",
    "0",
    "1.5",
    "65536",
    "65537",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    r#""""#,
    r#""\u001b]0;title\u0007\u202e\n\r""#,
    r#""\ud800""#,
    "[]",
    "{}",
    "[[[[[[[[[[]]]]]]]]]]",
    r#"{"a":1,"a":1}"#,
];

/// Pointers to all values of a JSON value, the whole one first.
pub fn places(value: &Value) -> Vec<String> {
    let inside: Vec<(String, &Value)> = match value {
        Value::Array(values) => {
            values.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        Value::Object(values) => {
            values.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        _ => Vec::new(),
    };
    let deeper = inside
        .into_iter()
        .flat_map(|(key, value)| places(value).into_iter().map(move |place| format!("/{key}{place}")));
    std::iter::once(String::new()).chain(deeper).collect()
}

/// The text of a value in which another stands in this place, which need not be right JSON.
pub fn replaced(value: &Value, place: &str, by: &str) -> String {
    let mut value = value.clone();
    *value.pointer_mut(place).unwrap() = json!("@@here@@");
    value.to_string().replace("\"@@here@@\"", by)
}

/// The text of a value in which an entry of an object stands twice, or is gone, or has another name.
pub fn with_key(value: &Value, place: &str, how: usize) -> Option<String> {
    let (object, key) = place.rsplit_once('/')?;
    let mut value = value.clone();
    let object = value.pointer_mut(object).unwrap().as_object_mut()?;
    let entry = object.remove(key)?;
    match how {
        0 => {}
        1 => drop(object.insert(format!("{key}x"), entry)),
        _ => {
            object.insert("@@here@@".to_string(), entry.clone());
            let twice = format!("{0}:{entry},{0}", json!(key));
            return Some(value.to_string().replace("\"@@here@@\"", &twice));
        }
    }
    Some(value.to_string())
}

/// Bytes with a few random changes.
pub fn any(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len().max(1));
        let end = (at + rng.random_range(0..16)).min(bytes.len());
        match rng.random_range(0..6) {
            _ if bytes.is_empty() => bytes.push(rng.random()),
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            _ => {
                let odd = ODD[rng.random_range(0..ODD.len())];
                drop(bytes.splice(at..end, odd.bytes()));
            }
        }
    }
    bytes
}

/// The text of a value with another in a random place, or with a key that is wrong.
pub fn any_json(value: &Value, rng: &mut ChaCha8Rng) -> String {
    let places = places(value);
    let place = &places[rng.random_range(0..places.len())];
    let odd = ODD[rng.random_range(0..ODD.len())];
    match rng.random_range(0..4) {
        0 => with_key(value, place, rng.random_range(0..3)).unwrap_or_else(|| replaced(value, place, odd)),
        1 => {
            let number = rng.random::<u64>() >> rng.random_range(0..64);
            replaced(value, place, &number.to_string())
        }
        _ => replaced(value, place, odd),
    }
}
