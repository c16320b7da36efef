//! The option --only: a part of the kernels.

use crate::data::paths::edits;

/// Items of which a name is exactly this text; where there are none, those of which a name contains it.
pub fn only<T>(items: Vec<T>, text: &str, names: impl Fn(&T) -> Vec<String>) -> Vec<T> {
    let has = |is: fn(&str, &str) -> bool| move |name: &String| is(name, text);
    let is_exact = items.iter().any(|item| names(item).iter().any(has(|name, text| name == text)));
    let is_wanted = |item: &T| {
        let names = names(item);
        match is_exact {
            true => names.iter().any(has(|name, text| name == text)),
            false => names.iter().any(has(|name, text| name.contains(text))),
        }
    };
    items.into_iter().filter(is_wanted).collect()
}

/// The names of a kernel that `--only` knows: its own, such as `conv2d.forward`, and that of its op.
pub fn names_of(kernel: &str) -> Vec<String> {
    let op = kernel.split('.').next().unwrap_or_default();
    vec![kernel.to_string(), op.to_string()]
}

/// The name that takes the fewest changes of a letter from `text`, if these are few.
pub fn closest<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Option<&'a str> {
    // Longer than any name is like none.
    let text: Vec<char> = text.chars().take(100).collect();
    let near = names.map(|name| (edits(&text, name), name)).min()?;
    (near.0 <= near.1.len() / 3).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_come_before_parts_of_names() {
        let kernels = ["relu.forward", "conv2d_relu_pool.forward", "conv2d.forward", "conv2d.backward_w"];
        let found = |text| only(kernels.to_vec(), text, |kernel| names_of(kernel));
        assert_eq!(found("relu"), ["relu.forward"]);
        assert_eq!(found("conv2d"), ["conv2d.forward", "conv2d.backward_w"]);
        assert_eq!(found("pool"), ["conv2d_relu_pool.forward"]);
        assert_eq!(found("").len(), 4);
        assert!(found("dense").is_empty());
    }

    #[test]
    fn a_slip_of_the_keys_is_understood() {
        let kernels = ["relu.forward", "conv2d.forward", "conv2d.backward_w"];
        assert_eq!(closest(kernels.into_iter(), "conv2d.foward"), Some("conv2d.forward"));
        assert_eq!(closest(kernels.into_iter(), "relu_forward"), Some("relu.forward"));
        assert_eq!(closest(kernels.into_iter(), "batch_norm.step"), None);
    }
}
