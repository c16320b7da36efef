//! Options that name one of a few things.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// The name of one of these.
pub fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [(&'static str, T); N],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(|(name, _)| name)).map(move |name| {
        let known = all.into_iter().find(|(known, _)| *known == name);
        known.expect("the parser lets no other name through").1
    })
}
