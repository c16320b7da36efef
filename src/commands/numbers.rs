//! Options that are whole numbers.

/// Reads a whole number from 0 on, and says what is wrong with another text; for clap.
pub fn whole<T: TryFrom<u128>>(text: &str) -> Result<T, String> {
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let below = text.strip_prefix('-').is_some_and(is_whole);
    match text.parse::<u128>().ok().filter(|_| is_whole(text)) {
        _ if below => Err("it must not be below 0".to_string()),
        None if !is_whole(text) => Err("it must be a whole number, written in digits".to_string()),
        number => number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let most = u128::MAX >> (128 - 8 * size_of::<T>());
            format!("it is too large: {most} is the most")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(whole("65535"), Ok(65535_u16));
        for (text, words) in [
            ("65536", "65535 is the most"),
            ("-1", "below 0"),
            ("1.5", "whole"),
            ("1e3", "whole"),
            ("", "whole"),
            ("ten", "whole"),
            ("+1", "whole"),
            ("9999999999999999999999999999999999999999999", "65535 is the most"),
        ] {
            assert!(whole::<u16>(text).is_err_and(|why| why.contains(words)), "{text}");
        }
    }
}
